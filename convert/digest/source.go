package digest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
	"sync"

	"github.com/trailql/trailql/catalog/storage"
	"github.com/trailql/trailql/convert/cloudtrail"
)

// MetadataSuffix ends the name of the file beside a copied digest that has the
// saved answer of `aws s3api head-object`: a copy itself has lost its signature.
const MetadataSuffix = ".metadata.json"

const (
	signatureKey  = "signature"
	generationKey = "backfill-generation-timestamp"
)

const bucketScheme = "s3://"

// Place is one object of one source.
type Place struct {
	source *source
	name   string
}

// URI is the object's path or URI, as the ledger has it.
func (p Place) URI() string {
	return strings.ToValidUTF8(p.source.storage.Root()+"/"+p.name, "\uFFFD")
}

// source is a storage with digests and log files.
type source struct {
	storage storage.Storage
	// The bucket itself, whose names lack prefix; "" for a copy, whose names may
	// begin anywhere.
	bucket, prefix string
}

func newSource(s storage.Storage, copied bool) *source {
	rest, ok := strings.CutPrefix(s.Root(), bucketScheme)
	if !ok || copied {
		return &source{storage: s}
	}
	bucket, prefix, _ := strings.Cut(rest, "/")
	if prefix != "" {
		prefix += "/"
	}
	return &source{s, bucket, prefix}
}

// atlas finds the objects that digests name. Safe for concurrent use.
type atlas struct {
	sources []*source

	mu     sync.Mutex
	routes []route
}

// route is how the names of a copy come from keys of a bucket: what stands
// before the part that they share.
type route struct {
	source      int
	bucket      string
	key, prefix string
}

// learn notes, from a digest that lies at a name and says where it belongs, how
// the copy is laid out. ok is false where name and key do not fit.
//
// What stands before AWSLogs may differ: people copy a bucket into a folder of
// any name. From there on they have to be the same.
func (a *atlas) learn(at int, name, bucket, key string) (r route, ok bool) {
	src := a.sources[at]
	if src.bucket != "" {
		r = route{source: at, bucket: src.bucket, key: src.prefix}
		return r, src.bucket == bucket && src.prefix+name == key
	}
	n := commonTail(name, key)
	_, layout := cutLayout(key)
	switch {
	case n == len(name):
		// The source begins inside the archive: its own path has the rest.
		_, own := cutLayout(strings.TrimPrefix(src.storage.Root(), "/") + "/" + name)
		if own != "" && layout != "" && own != layout {
			return r, false
		}
	case n < len(key) && (layout == "" || n < len(layout)):
		return r, false
	}
	r = route{source: at, bucket: bucket, key: key[:len(key)-n], prefix: name[:len(name)-n]}
	a.mu.Lock()
	defer a.mu.Unlock()
	if !slices.Contains(a.routes, r) {
		a.routes = append(a.routes, r)
	}
	return r, true
}

// cutLayout cuts a key before AWSLogs/.
func cutLayout(key string) (before, layout string) {
	const root = "AWSLogs/"
	if i := strings.LastIndex("/"+key, "/"+root); i >= 0 {
		return key[:i], key[i:]
	}
	return key, ""
}

// commonTail is the length of the whole path elements that end both.
func commonTail(a, b string) int {
	n := 0
	for n < len(a) && n < len(b) && a[len(a)-1-n] == b[len(b)-1-n] {
		n++
	}
	for n > 0 {
		if (n == len(a) || a[len(a)-1-n] == '/') && (n == len(b) || b[len(b)-1-n] == '/') {
			return n
		}
		n--
	}
	return 0
}

// places are where an object of a bucket may lie, the likeliest first: near is
// the route of the digest that names it. None means that no source has that part
// of that bucket.
func (a *atlas) places(near route, bucket, key string) []Place {
	var routes []route
	for i, s := range a.sources {
		if s.bucket != "" && s.bucket == bucket {
			routes = append(routes, route{source: i, bucket: bucket, key: s.prefix})
		}
	}
	a.mu.Lock()
	routes = append(routes, a.routes...)
	a.mu.Unlock()
	rank := func(r route) int {
		switch {
		case r == near:
			return 0
		case r.bucket == bucket:
			return 1
		}
		return 2
	}
	slices.SortStableFunc(routes, func(x, y route) int { return rank(x) - rank(y) })
	var found []Place
	for _, r := range routes {
		rest, ok := strings.CutPrefix(key, r.key)
		p := Place{a.sources[r.source], r.prefix + rest}
		if ok && clean(p.name) && !slices.Contains(found, p) {
			found = append(found, p)
		}
	}
	return found
}

// clean says whether a key can be an object's name: a digest may say anything.
func clean(name string) bool {
	return name != "" && path.Clean(name) == name && !strings.HasPrefix(name, "/") && name != ".." && !strings.HasPrefix(name, "../")
}

// metadata is what S3 keeps with a digest, or the file beside a copy has saved;
// nil if neither is there.
func (s *source) metadata(ctx context.Context, name string) (map[string]string, error) {
	if r, ok := s.storage.(storage.MetadataReader); ok {
		found, err := r.Metadata(ctx, name)
		return plainNames(found), err
	}
	text, err := storage.ReadAll(ctx, s.storage, name+MetadataSuffix)
	if errors.Is(err, storage.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return parseMetadata(text)
}

// parseMetadata reads the saved answer of head-object.
func parseMetadata(text []byte) (map[string]string, error) {
	var answer struct{ Metadata map[string]string }
	if err := json.Unmarshal(text, &answer); err != nil {
		return nil, fmt.Errorf("read saved metadata: %w", err)
	}
	return plainNames(answer.Metadata), nil
}

func plainNames(metadata map[string]string) map[string]string {
	plain := map[string]string{}
	for k, v := range metadata {
		plain[strings.TrimPrefix(strings.ToLower(k), "x-amz-meta-")] = v
	}
	return plain
}

// keyOf reads a name together with the path of its source.
func (s *source) keyOf(name string) cloudtrail.Key {
	return cloudtrail.ParseKey(s.storage.Root() + "/" + name)
}
