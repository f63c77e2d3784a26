package s3_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/trailql/trailql/catalog/storage"
	"github.com/trailql/trailql/catalog/storage/s3/s3test"
	"github.com/trailql/trailql/catalog/storage/storagetest"
)

func TestContract(t *testing.T) {
	server := s3test.Start(t)
	storagetest.Run(t, func(t *testing.T) storage.Storage {
		return server.Open(t, server.NewBucket(t)+"/some/prefix")
	})
}

func TestContractUnderFaults(t *testing.T) {
	server := s3test.Start(t)
	random := s3test.Random(1, 0.1, append(s3test.Recoverable, s3test.Flipped)...)
	proxy := server.NewProxy(t, func(n int64, r *http.Request) s3test.Fault {
		f := random(n, r)
		if f == s3test.Flipped && strings.HasSuffix(r.URL.Path, "/big") { // handed out before its end has come
			return s3test.None
		}
		return f
	})
	storagetest.Run(t, func(t *testing.T) storage.Storage {
		return proxy.Open(t, server.NewBucket(t)+"/some/prefix")
	})
	t.Log(proxy.Summary())
}
