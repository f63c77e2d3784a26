package shared_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/trailql/trailql/catalog/shared"
)

func TestAddress(t *testing.T) {
	for _, tt := range []struct{ address, want string }{
		{"", "want postgres://"},
		{"mysql://u@h/d", "want postgres://"},
		{"postgres://h/d", "user, host or database is missing"},
		{"postgres://u@h", "user, host or database is missing"},
		{"postgres://u:secret@h/d", "no password in the address"},
		{"postgres://u:secret@h:port/d", "want postgres://"},
		{"postgres://u@h1,h2/d", "want postgres://"},
		{"postgres://u@h/d?tls=perhaps", "tls=perhaps: want true or false"},
		{"postgres://u@h/d?ca=/no/such/file", "read certificate"},
		{"postgres://u@h/d?ca=address_test.go", "no PEM certificate"},
		{"postgres://u@h/d?sslmode=disable", `unknown parameter "sslmode"`},
		{"postgres://u@h/d?namespace=a.b", `namespace "a.b": want one name`},
		{"rest+https://", "want rest+https://"},
		{"rest+https://u:secret@h/", "no password in the address"},
		{"rest+https://u@h/", "want rest+https://"},
		{"rest+http://catalog.example.com/", "rest+http:// is for this machine alone"},
		{"rest+https://h/?tls=false", "the scheme says it"},
		{"rest+https://h/?ca=/no/such/file", "read certificate"},
		{"rest+https://h/?token=secret", `unknown parameter "token"`},
		{"rest+https://h/?oauth=http://h/tokens", "want https://host/path"},
		{"rest+https://h/?namespace=a.b", "want one name"},
		{"glue://eu-west-1", "want glue://account"},
		{"glue://123456789012/database", "want glue://account"},
		{"glue://?database=x", `unknown parameter "database"`},
		{"glue://key:secret@123456789012", "no password in the address"},
	} {
		_, err := shared.Open(tt.address, shared.Options{})
		if !errors.Is(err, shared.ErrAddress) || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%q: %v, want %q", tt.address, err, tt.want)
		}
	}
	for _, address := range []string{
		"postgres://u@h/d?catalog=a&namespace=b&tls=false", "postgresql://u@[::1]:5433/d",
		"rest+https://h/api/catalog?warehouse=w&namespace=n&scope=s&oauth=https://login/tokens", "rest+http://127.0.0.1:8181",
		"rest+https://h/iceberg?warehouse=123456789012&sign=glue&region=eu-west-1&prefix=p",
		"glue://", "glue://123456789012?region=eu-west-1&namespace=n",
	} {
		p, err := shared.Open(address, shared.Options{Password: "x"})
		if err != nil || p.Close() != nil {
			t.Errorf("%q: %v", address, err)
		}
	}
}
