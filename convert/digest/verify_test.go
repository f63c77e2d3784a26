package digest

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/trailql/trailql/catalog/storage"
	"github.com/trailql/trailql/convert/digest/digesttest"
)

var ctx = context.Background()

func public(key *rsa.PrivateKey) PublicKey {
	der, fingerprint := digesttest.Public(key)
	return PublicKey{Fingerprint: fingerprint, DER: der}
}

// noon is when the chains of these tests begin.
var noon = digesttest.At("2026-03-04T12:00:00Z")

// scene is an archive of four hours, [12:00, 16:00), with two log files each,
// after which something happens to it.
type scene struct {
	*digesttest.Trail
	digests []*digesttest.Digest // of 12, 13, 14 and 15 o'clock
	o       Options
}

func (s *scene) logs(hour int) []string {
	s.T.Helper()
	var found []string
	for _, n := range digesttest.Names(s.T, s.In, "/CloudTrail/") {
		if strings.Contains(n, fmt.Sprintf("20260304T%02d", hour)) {
			found = append(found, n)
		}
	}
	return found
}

// edit changes the uncompressed bytes of an object.
func (s *scene) edit(name string, f func([]byte) []byte) {
	s.T.Helper()
	digesttest.Put(s.T, s.In, name, digesttest.Zip(f(digesttest.Unzip(s.T, digesttest.Get(s.T, s.In, name)))))
}

func spoil(text []byte) []byte { return append(text, ' ') }

// short is "severity kind object-or-time" of each finding.
func short(r *Result) (out []string) {
	for _, f := range r.Findings {
		what := ""
		switch {
		case strings.Contains(f.Object, "CloudTrail-Digest"):
			what = " digest " + f.Object[strings.LastIndex(f.Object, "2026030"):]
		case strings.Contains(f.Object, "2026030"):
			what = " log " + f.Object[strings.LastIndex(f.Object, "2026030"):strings.LastIndex(f.Object, "_")]
		case !f.From.IsZero():
			what = " " + f.From.Format("15:04") + "-" + f.To.Format("15:04")
		}
		out = append(out, fmt.Sprintf("%s %s%s", f.Severity, f.Kind, what))
	}
	return out
}

func tally(t Tally) string { return fmt.Sprintf("%d/%d/%d", t.Valid, t.Invalid, t.Unproven) }

func TestVerifyBucket(t *testing.T) {
	const first, second, third, fourth = 0, 1, 2, 3
	for _, c := range []struct {
		name   string
		happen func(s *scene)
		// valid/invalid/unproven
		digests, backfill, logs string
		findings                []string
		message                 string // of the first finding
	}{
		{name: "nothing happened", happen: func(*scene) {}, digests: "4/0/0", logs: "8/0/0"},

		// cloudtrail.md §3.4
		{name: "starting digest after validation was off: a gap", happen: func(s *scene) {
			s.Previous = nil
			s.Hours(noon.Add(7*time.Hour), 2)
		}, digests: "6/0/0", logs: "12/0/0", findings: []string{"gap digest-gap 16:00-19:00"}, message: "no digest covers 2026-03-04T16:00:00Z to 2026-03-04T19:00:00Z: logging or validation was off"},
		{name: "starting digest that abuts", happen: func(s *scene) {
			s.Previous = nil
			s.Hours(noon.Add(4*time.Hour), 1)
		}, digests: "5/0/0", logs: "10/0/0", findings: []string{"note chain-start 16:00-16:00"}},
		{name: "empty hour", happen: func(s *scene) { s.Digest(noon.Add(4*time.Hour), noon.Add(5*time.Hour)) }, digests: "5/0/0", logs: "8/0/0"},
		{name: "final digest of a stopped trail is shorter", happen: func(s *scene) {
			s.Digest(noon.Add(4*time.Hour), noon.Add(4*time.Hour+23*time.Minute), s.Log(noon.Add(4*time.Hour+12*time.Minute)))
		}, digests: "5/0/0", logs: "9/0/0"},
		{name: "delivered out of order: the chain goes back and forth", happen: func(s *scene) {
			// 16 o'clock was not delivered in time: 17 follows 15, 16 follows 17.
			s.Digest(noon.Add(5*time.Hour), noon.Add(6*time.Hour))
			s.Digest(noon.Add(4*time.Hour), noon.Add(5*time.Hour))
		}, digests: "6/0/0", logs: "8/0/0", findings: []string{"warning digest-odd digest 20260304T170000Z.json.gz", "warning digest-odd digest 20260304T180000Z.json.gz"}},
		{name: "backfill chain of its own", happen: func(s *scene) {
			b := *s.Trail
			b.Backfill, b.Previous = true, nil
			b.Digest(noon, noon.Add(time.Hour), b.Log(noon.Add(50*time.Minute)))
			b.Digest(noon.Add(3*time.Hour), noon.Add(4*time.Hour), b.Log(noon.Add(3*time.Hour)), s.logs(15)[0])
		}, digests: "4/0/0", backfill: "2/0/0", logs: "11/0/0"},
		{name: "backfill digest without its timestamp", happen: func(s *scene) {
			b := *s.Trail
			b.Backfill, b.Previous = true, nil
			w := b.Digest(noon, noon.Add(time.Hour))
			delete(s.In.Kept[w.Object], "backfill-generation-timestamp")
		}, digests: "4/0/0", backfill: "0/1/0", logs: "8/0/0", findings: []string{"invalid digest-format digest 20260304T130000Z_backfill.json.gz"}},
		{name: "backfill digest is changed", happen: func(s *scene) {
			b := *s.Trail
			b.Backfill, b.Previous = true, nil
			s.edit(b.Digest(noon, noon.Add(time.Hour)).Object, spoil)
		}, digests: "4/0/0", backfill: "0/1/0", logs: "8/0/0", findings: []string{"invalid digest-signature digest 20260304T130000Z_backfill.json.gz"}},
		{name: "prefix has changed", happen: func(s *scene) {
			s.Prefix = "moved/"
			s.Hours(noon.Add(4*time.Hour), 2)
		}, digests: "6/0/0", logs: "12/0/0"},
		{name: "prefix has changed, and the digest before it is another", happen: func(s *scene) {
			s.Prefix = "moved/"
			s.Hours(noon.Add(4*time.Hour), 1)
			fake := *s.Trail
			fake.Prefix, fake.Previous = "", s.digests[third]
			fake.Digest(noon.Add(3*time.Hour), noon.Add(4*time.Hour))
		}, digests: "4/1/0", logs: "8/0/0", findings: []string{"invalid digest-chain digest 20260304T160000Z.json.gz", "warning log-not-covered log 20260304T1510Z", "warning log-not-covered log 20260304T1540Z"}},
		{name: "bucket has changed", happen: func(s *scene) {
			s.In = digesttest.NewBucket("second")
			s.Hours(noon.Add(4*time.Hour), 1)
			s.o.Sources = append(s.o.Sources, s.In)
		}, digests: "5/0/0", logs: "10/0/0"},
		{name: "bucket has changed, the old one is not given", happen: func(s *scene) {
			s.In = digesttest.NewBucket("second")
			s.Hours(noon.Add(4*time.Hour), 1)
			s.o.Sources = []storage.Storage{s.In}
		}, digests: "1/0/0", logs: "2/0/0", findings: []string{"note previous-elsewhere digest 20260304T160000Z.json.gz"}},
		{name: "organisation trail: an account has lost a digest", happen: func(s *scene) {
			for _, account := range []string{"222222222222", "333333333333"} {
				member := digesttest.NewTrail(s.T, s.In)
				member.Organization, member.Account = "o-example", account
				made := member.Hours(noon, 3)
				if account == "333333333333" {
					digesttest.Remove(s.T, s.In, made[1].Object)
				}
			}
		}, digests: "9/0/0", logs: "18/0/0", findings: []string{
			"invalid digest-missing digest 20260304T140000Z.json.gz",
			"warning log-not-covered log 20260304T1310Z", "warning log-not-covered log 20260304T1340Z",
		}},
		{name: "log file that no digest names", happen: func(s *scene) { s.Log(noon.Add(90 * time.Minute)) },
			digests: "4/0/0", logs: "8/0/0", findings: []string{"invalid log-added log 20260304T1330Z"}},
		{name: "log files behind the last digest are not suspicious", happen: func(s *scene) {
			s.Log(noon.Add(3*time.Hour + 50*time.Minute))
			s.Log(noon.Add(4*time.Hour + 5*time.Minute))
		}, digests: "4/0/0", logs: "8/0/0"},

		// cloudtrail.md §3.5, 1 and 2
		{name: "two trails in one bucket", happen: func(s *scene) {
			other := digesttest.NewTrail(s.T, s.In)
			other.Name, other.Logs = "other", 100
			made := other.Hours(noon, 4)
			s.edit(made[second].Object, spoil)
		}, digests: "7/1/0", logs: "14/0/2", findings: []string{"invalid digest-signature digest 20260304T140000Z.json.gz"}},
		{name: "two Regions, one without a digest", happen: func(s *scene) {
			other := digesttest.NewTrail(s.T, s.In)
			other.Region = "us-east-1"
			digesttest.Remove(s.T, s.In, other.Hours(noon, 4)[second].Object)
		}, digests: "7/0/0", logs: "14/0/0", findings: []string{
			"invalid digest-missing digest 20260304T140000Z.json.gz",
			"warning log-not-covered log 20260304T1310Z", "warning log-not-covered log 20260304T1340Z",
		}},
		{name: "two Regions, one without any digest", happen: func(s *scene) {
			other := digesttest.NewTrail(s.T, s.In)
			other.Region = "us-east-1"
			for _, d := range other.Hours(noon, 4) {
				digesttest.Remove(s.T, s.In, d.Object)
			}
		}, digests: "4/0/0", logs: "8/0/0", findings: []string{"gap digest-none 12:10-15:40"},
			message: "no digest at all, but log files delivered from 2026-03-04T12:10:00Z to 2026-03-04T15:40:00Z (8)"},
		{name: "two Regions, one without any digest in the window", happen: func(s *scene) {
			other := digesttest.NewTrail(s.T, s.In)
			other.Region = "us-east-1"
			for _, d := range other.Hours(noon, 4)[:2] {
				digesttest.Remove(s.T, s.In, d.Object)
			}
			s.o.From, s.o.To = noon, noon.Add(2*time.Hour)
		}, digests: "2/0/0", logs: "4/0/0", findings: []string{"gap digest-none 12:10-13:40", "note chain-end 15:00-16:00"}},
		{name: "two Regions, one so new that it has no digest", happen: func(s *scene) {
			other := digesttest.NewTrail(s.T, s.In)
			other.Region = "us-east-1"
			other.Log(noon.Add(3*time.Hour + 50*time.Minute))
		}, digests: "4/0/0", logs: "8/0/0"},
		{name: "window", happen: func(s *scene) {
			s.o.From, s.o.To = noon.Add(time.Hour), noon.Add(3*time.Hour)
			s.edit(s.digests[first].Object, spoil)
			digesttest.Remove(s.T, s.In, s.logs(15)[0])
		}, digests: "2/0/0", logs: "4/0/0"},
		{name: "window that begins before the chain", happen: func(s *scene) { s.o.From = noon.Add(-2 * time.Hour) },
			digests: "4/0/0", logs: "8/0/0", findings: []string{"gap chain-start digest 20260304T130000Z.json.gz"}},
		{name: "window that ends behind the chain", happen: func(s *scene) { s.o.To = noon.Add(9 * time.Hour) },
			digests: "4/0/0", logs: "8/0/0", findings: []string{"gap chain-end digest 20260304T160000Z.json.gz"}},
		{name: "window of another day", happen: func(s *scene) { s.o.From = noon.Add(48 * time.Hour) },
			digests: "0/0/0", logs: "0/0/0", findings: []string{"note chain-end 13:00-16:00"}},
		{name: "digests at the end of a window are deleted", happen: func(s *scene) {
			s.o.From, s.o.To = noon, noon.Add(3*time.Hour)
			digesttest.Remove(s.T, s.In, s.digests[second].Object)
			digesttest.Remove(s.T, s.In, s.digests[third].Object)
		}, digests: "1/0/0", logs: "2/0/0", findings: []string{"gap digest-gap 13:00-15:00"},
			message: "no digest covers 2026-03-04T13:00:00Z to 2026-03-04T15:00:00Z"},
		{name: "digests over the end of a window are deleted", happen: func(s *scene) {
			s.o.From, s.o.To = noon, noon.Add(90*time.Minute)
			digesttest.Remove(s.T, s.In, s.digests[second].Object)
			digesttest.Remove(s.T, s.In, s.digests[third].Object)
		}, digests: "1/0/0", logs: "2/0/0", findings: []string{"gap digest-gap 13:00-13:30"}},
		{name: "digests behind a window are deleted", happen: func(s *scene) {
			s.o.From, s.o.To = noon, noon.Add(time.Hour)
			digesttest.Remove(s.T, s.In, s.digests[second].Object)
			digesttest.Remove(s.T, s.In, s.digests[third].Object)
		}, digests: "1/0/0", logs: "2/0/0"},
		{name: "digest at the end of a window is deleted, and the one behind is changed", happen: func(s *scene) {
			s.o.From, s.o.To = noon, noon.Add(2*time.Hour)
			digesttest.Remove(s.T, s.In, s.digests[second].Object)
			s.edit(s.digests[third].Object, spoil)
		}, digests: "1/0/0", logs: "2/0/0", findings: []string{"gap digest-gap 13:00-13:45"}},
		{name: "all digests of a window are deleted, with their log files", happen: func(s *scene) {
			s.o.From, s.o.To = noon.Add(time.Hour), noon.Add(3*time.Hour)
			for _, gone := range append(append(s.logs(13), s.logs(14)...), s.digests[second].Object, s.digests[third].Object) {
				digesttest.Remove(s.T, s.In, gone)
			}
		}, digests: "0/0/0", logs: "0/0/0", findings: []string{"gap digest-gap 13:00-15:00"},
			message: "no digest covers 2026-03-04T13:00:00Z to 2026-03-04T15:00:00Z"},
		{name: "backfill chain without a digest in the window", happen: func(s *scene) {
			b := *s.Trail
			b.Backfill, b.Previous = true, nil
			b.Digest(noon, noon.Add(time.Hour))
			b.Digest(noon.Add(3*time.Hour), noon.Add(4*time.Hour))
			s.o.From, s.o.To = noon.Add(time.Hour), noon.Add(3*time.Hour)
		}, digests: "2/0/0", logs: "4/0/0", findings: []string{"note chain-end 13:00-16:00"}},
		{name: "other accounts and Regions are left out", happen: func(s *scene) {
			other := digesttest.NewTrail(s.T, s.In)
			other.Region = "us-east-1"
			s.edit(other.Hours(noon, 1)[0].Object, spoil)
			s.o.Regions, s.o.Accounts = []string{"eu-west-1"}, []string{"111111111111"}
		}, digests: "4/0/0", logs: "8/0/0"},
		{name: "no keys", happen: func(s *scene) { s.o.Keys = nil; s.edit(s.logs(13)[0], spoil) },
			digests: "0/0/4", logs: "0/1/7", findings: []string{"invalid log-hash log 20260304T1310Z"}},

		// 3
		{name: "digest is changed", happen: func(s *scene) { s.edit(s.digests[second].Object, spoil) },
			digests: "3/1/0", logs: "6/0/2", findings: []string{"invalid digest-signature digest 20260304T140000Z.json.gz"}, message: "signature verification failed"},
		{name: "newest digest is changed", happen: func(s *scene) { s.edit(s.digests[fourth].Object, spoil) },
			digests: "3/1/0", logs: "6/0/2", findings: []string{"invalid digest-signature digest 20260304T160000Z.json.gz"}},
		{name: "digest is signed by another key of the same fingerprint", happen: func(s *scene) {
			forger := *s.Trail
			forger.Key, forger.Previous = digesttest.Other(), s.digests[second]
			forger.Change = func(doc map[string]any) { doc["digestPublicKeyFingerprint"] = public(digesttest.Signer()).Fingerprint }
			forger.Digest(noon.Add(2*time.Hour), noon.Add(3*time.Hour), s.logs(14)[0])
		}, digests: "3/1/0", logs: "6/0/1", findings: []string{"invalid digest-signature digest 20260304T150000Z.json.gz", "warning log-not-covered log 20260304T1440Z"}},
		{name: "unknown key", happen: func(s *scene) {
			s.Key = digesttest.Other()
			s.Hours(noon.Add(4*time.Hour), 1)
		}, digests: "4/1/0", logs: "8/0/2", findings: []string{"invalid digest-key digest 20260304T170000Z.json.gz"}},
		{name: "key that is none", happen: func(s *scene) {
			broken := []byte("no key")
			s.Change = func(doc map[string]any) { doc["digestPublicKeyFingerprint"] = Fingerprint(broken) }
			s.Hours(noon.Add(4*time.Hour), 1)
			s.o.Keys = append(s.o.Keys, PublicKey{DER: broken})
		}, digests: "4/1/0", logs: "8/0/2", findings: []string{"invalid digest-key digest 20260304T170000Z.json.gz"}},
		{name: "no signature in the metadata", happen: func(s *scene) { delete(s.In.Kept[s.digests[second].Object], "signature") },
			digests: "3/1/0", logs: "6/0/2", findings: []string{"invalid digest-signature digest 20260304T140000Z.json.gz"}},
		{name: "no signature algorithm in the metadata", happen: func(s *scene) { delete(s.In.Kept[s.digests[second].Object], "signature-algorithm") },
			digests: "3/1/0", logs: "6/0/2", findings: []string{"invalid digest-signature digest 20260304T140000Z.json.gz"}},
		{name: "no metadata", happen: func(s *scene) { delete(s.In.Kept, s.digests[second].Object) },
			digests: "3/1/0", logs: "6/0/2", findings: []string{"invalid digest-signature digest 20260304T140000Z.json.gz"}},
		{name: "signature is not hex", happen: func(s *scene) { s.In.Kept[s.digests[second].Object]["signature"] = "zz" },
			digests: "3/1/0", logs: "6/0/2", findings: []string{"invalid digest-signature digest 20260304T140000Z.json.gz"}},
		{name: "digest is no JSON", happen: func(s *scene) { s.edit(s.digests[second].Object, func([]byte) []byte { return []byte("{") }) },
			digests: "3/1/0", logs: "6/0/0", findings: []string{"invalid digest-format digest 20260304T140000Z.json.gz", "warning log-not-covered log 20260304T1310Z", "warning log-not-covered log 20260304T1340Z"}},
		{name: "digest lies elsewhere", happen: func(s *scene) {
			old := s.digests[second].Object
			moved := strings.Replace(old, "20260304T140000Z", "20260304T140001Z", 1)
			digesttest.Put(s.T, s.In, moved, digesttest.Get(s.T, s.In, old))
			s.In.Kept[moved] = s.In.Kept[old]
			digesttest.Remove(s.T, s.In, old)
		}, digests: "3/1/0", logs: "6/0/2", findings: []string{"invalid digest-moved digest 20260304T140001Z.json.gz", "invalid digest-missing digest 20260304T140000Z.json.gz"}},
		{name: "bucket is a copy of the bucket", happen: func(s *scene) {
			s.In.Path = "s3://replica"
		}, digests: "0/4/0", logs: "0/0/8", findings: []string{
			"invalid digest-moved digest 20260304T130000Z.json.gz", "invalid digest-moved digest 20260304T140000Z.json.gz",
			"invalid digest-moved digest 20260304T150000Z.json.gz", "invalid digest-moved digest 20260304T160000Z.json.gz",
		}, message: "moved from its original location, s3://example/AWSLogs/111111111111/CloudTrail-Digest/eu-west-1/2026/03/04/111111111111_CloudTrail-Digest_eu-west-1_main_us-east-1_20260304T130000Z.json.gz"},
		{name: "bucket is a copy of the bucket, and is said to be one", happen: func(s *scene) {
			s.In.Path, s.o.Copied = "s3://replica", true
		}, digests: "4/0/0", logs: "8/0/0"},

		// 4: what validate-logs leaves out
		{name: "previous hash is not that of the digest before it", happen: func(s *scene) {
			s.Change = func(doc map[string]any) { doc["previousDigestHashValue"] = strings.Repeat("0", 64) }
			s.Hours(noon.Add(4*time.Hour), 1)
		}, digests: "4/1/0", logs: "8/0/2", findings: []string{"invalid digest-chain digest 20260304T160000Z.json.gz"}},
		{name: "previous signature is not that of the digest before it", happen: func(s *scene) {
			s.Change = func(doc map[string]any) { doc["previousDigestSignature"] = strings.Repeat("0", 512) }
			s.Hours(noon.Add(4*time.Hour), 1)
		}, digests: "4/1/0", logs: "8/0/2", findings: []string{"invalid digest-chain digest 20260304T160000Z.json.gz"}},
		{name: "signature algorithm", happen: func(s *scene) {
			s.Change = func(doc map[string]any) { doc["digestSignatureAlgorithm"] = "none" }
			s.Hours(noon.Add(4*time.Hour), 1)
		}, digests: "4/1/0", logs: "8/0/2", findings: []string{"invalid digest-format digest 20260304T170000Z.json.gz"}},
		{name: "hours do not abut", happen: func(s *scene) { s.Hours(noon.Add(5*time.Hour), 1) },
			digests: "5/0/0", logs: "10/0/0", findings: []string{"gap digest-gap 16:00-17:00"}, message: "no digest covers 2026-03-04T16:00:00Z to 2026-03-04T17:00:00Z"},
		{name: "hours overlap", happen: func(s *scene) { s.Digest(noon.Add(3*time.Hour+30*time.Minute), noon.Add(5*time.Hour)) },
			digests: "5/0/0", logs: "8/0/0", findings: []string{"warning digest-odd digest 20260304T170000Z.json.gz"}},
		{name: "two digests follow the same one", happen: func(s *scene) {
			s.Previous = s.digests[third]
			s.Digest(noon.Add(4*time.Hour), noon.Add(5*time.Hour))
		}, digests: "5/0/0", logs: "8/0/0", findings: []string{
			"warning digest-odd digest 20260304T150000Z.json.gz", "warning digest-odd digest 20260304T170000Z.json.gz"}},

		// 5
		{name: "digest is deleted", happen: func(s *scene) { digesttest.Remove(s.T, s.In, s.digests[second].Object) },
			digests: "3/0/0", logs: "6/0/0", findings: []string{
				"invalid digest-missing digest 20260304T140000Z.json.gz", "warning log-not-covered log 20260304T1310Z", "warning log-not-covered log 20260304T1340Z"},
			message: "digest not found: nothing covers 2026-03-04T13:00:00Z to 2026-03-04T14:00:00Z"},
		{name: "two digests are deleted", happen: func(s *scene) {
			digesttest.Remove(s.T, s.In, s.digests[second].Object)
			digesttest.Remove(s.T, s.In, s.digests[third].Object)
		}, digests: "2/0/0", logs: "4/0/0", findings: []string{
			"invalid digest-missing digest 20260304T150000Z.json.gz", "warning log-not-covered log 20260304T1310Z", "warning log-not-covered log 20260304T1340Z",
			"warning log-not-covered log 20260304T1410Z", "warning log-not-covered log 20260304T1440Z"},
			message: "digest not found: nothing covers 2026-03-04T13:00:00Z to 2026-03-04T15:00:00Z"},
		{name: "digest is deleted, and the one behind is changed", happen: func(s *scene) {
			digesttest.Remove(s.T, s.In, s.digests[second].Object)
			s.edit(s.digests[third].Object, spoil)
		}, digests: "2/1/0", logs: "4/0/2", findings: []string{
			"invalid digest-signature digest 20260304T150000Z.json.gz", "gap digest-gap 13:00-13:45", "warning log-not-covered log 20260304T1310Z", "warning log-not-covered log 20260304T1340Z"}},
		{name: "first digest is deleted", happen: func(s *scene) {
			digesttest.Remove(s.T, s.In, s.digests[first].Object)
			for _, l := range s.logs(12) {
				digesttest.Remove(s.T, s.In, l)
			}
		}, digests: "3/0/0", logs: "6/0/0", findings: []string{"note chain-start digest 20260304T130000Z.json.gz"}},
		{name: "first digest of a window is deleted", happen: func(s *scene) {
			digesttest.Remove(s.T, s.In, s.digests[first].Object)
			s.o.From = noon
		}, digests: "3/0/0", logs: "6/0/0", findings: []string{"invalid digest-missing digest 20260304T130000Z.json.gz"}},

		// 6
		{name: "log file is changed", happen: func(s *scene) { s.edit(s.logs(13)[0], spoil) },
			digests: "4/0/0", logs: "7/1/0", findings: []string{"invalid log-hash log 20260304T1310Z"}, message: "hash value doesn't match"},
		{name: "log file is deleted", happen: func(s *scene) { digesttest.Remove(s.T, s.In, s.logs(13)[1]) },
			digests: "4/0/0", logs: "7/1/0", findings: []string{"invalid log-missing log 20260304T1340Z"}},
		{name: "log file has a second gzip member", happen: func(s *scene) {
			digesttest.Put(s.T, s.In, s.logs(13)[0], append(digesttest.Get(s.T, s.In, s.logs(13)[0]), digesttest.Zip([]byte("more"))...))
		}, digests: "4/0/0", logs: "7/1/0", findings: []string{"invalid log-trailing-data log 20260304T1310Z"}, message: "unexpected data after end of compressed stream"},
		{name: "log file has a byte behind its gzip data", happen: func(s *scene) {
			digesttest.Put(s.T, s.In, s.logs(13)[0], append(digesttest.Get(s.T, s.In, s.logs(13)[0]), 0))
		}, digests: "4/0/0", logs: "7/1/0", findings: []string{"invalid log-trailing-data log 20260304T1310Z"}},
		{name: "log file lacks its gzip trailer", happen: func(s *scene) {
			data := digesttest.Get(s.T, s.In, s.logs(13)[0])
			digesttest.Put(s.T, s.In, s.logs(13)[0], data[:len(data)-8])
		}, digests: "4/0/0", logs: "8/0/0", findings: []string{"warning log-truncated log 20260304T1310Z"}},
		{name: "log file is cut", happen: func(s *scene) {
			data := digesttest.Get(s.T, s.In, s.logs(13)[0])
			digesttest.Put(s.T, s.In, s.logs(13)[0], data[:len(data)-14])
		}, digests: "4/0/0", logs: "7/1/0", findings: []string{"invalid log-format log 20260304T1310Z"}},
		{name: "log file with a wrong checksum", happen: func(s *scene) {
			data := digesttest.Get(s.T, s.In, s.logs(13)[0])
			data = slices.Clone(data)
			data[len(data)-6] ^= 1
			digesttest.Put(s.T, s.In, s.logs(13)[0], data)
		}, digests: "4/0/0", logs: "7/1/0", findings: []string{"invalid log-format log 20260304T1310Z"}},
		{name: "log file is empty", happen: func(s *scene) { digesttest.Put(s.T, s.In, s.logs(13)[0], nil) },
			digests: "4/0/0", logs: "7/1/0", findings: []string{"invalid log-format log 20260304T1310Z"}},
		{name: "log file is not compressed", happen: func(s *scene) {
			digesttest.Put(s.T, s.In, s.logs(13)[0], digesttest.Unzip(s.T, digesttest.Get(s.T, s.In, s.logs(13)[0])))
		}, digests: "4/0/0", logs: "7/1/0", findings: []string{"invalid log-format log 20260304T1310Z"}},
		{name: "log file is compressed anew", happen: func(s *scene) {
			s.edit(s.logs(13)[0], func(text []byte) []byte { return text })
		}, digests: "4/0/0", logs: "8/0/0"},
		{name: "unknown hash algorithm of a log file", happen: func(s *scene) {
			s.Change = func(doc map[string]any) { doc["logFiles"].([]any)[0].(map[string]any)["hashAlgorithm"] = "MD5" }
			s.Hours(noon.Add(4*time.Hour), 1)
		}, digests: "5/0/0", logs: "9/1/0", findings: []string{"invalid log-format log 20260304T1610Z"}},
		{name: "digest with trailing bytes", happen: func(s *scene) {
			digesttest.Put(s.T, s.In, s.digests[second].Object, append(digesttest.Get(s.T, s.In, s.digests[second].Object), "more"...))
		}, digests: "4/0/0", logs: "8/0/0", findings: []string{"warning digest-trailing-data digest 20260304T140000Z.json.gz"}},
		{name: "digest is cut", happen: func(s *scene) {
			data := digesttest.Get(s.T, s.In, s.digests[second].Object)
			digesttest.Put(s.T, s.In, s.digests[second].Object, data[:len(data)-8])
		}, digests: "3/1/0", logs: "6/0/0", findings: []string{"invalid digest-format digest 20260304T140000Z.json.gz", "warning log-not-covered log 20260304T1310Z", "warning log-not-covered log 20260304T1340Z"}},
		{name: "log file outside of the bucket's names", happen: func(s *scene) {
			s.Change = func(doc map[string]any) { doc["logFiles"].([]any)[0].(map[string]any)["s3Object"] = "../../etc/passwd" }
			s.Hours(noon.Add(4*time.Hour), 1)
		}, digests: "5/0/0", logs: "9/0/1", findings: []string{"invalid log-added log 20260304T1610Z", "warning log-elsewhere"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := &scene{Trail: digesttest.NewTrail(t, digesttest.NewBucket("example"))}
			s.digests = s.Hours(noon, 4)
			s.o = Options{Sources: []storage.Storage{s.In}, Keys: []PublicKey{public(digesttest.Signer())}, Now: func() time.Time { return digesttest.At("2026-03-09T00:00:00Z") }}
			c.happen(s)
			r, err := Verify(ctx, s.o)
			if err != nil {
				t.Fatal(err)
			}
			if c.backfill == "" {
				c.backfill = "0/0/0"
			}
			if got := [3]string{tally(r.Digests), tally(r.Backfill), tally(r.Logs)}; got != [3]string{c.digests, c.backfill, c.logs} {
				t.Errorf("digests, backfill, logs: %v, want %v", got, [3]string{c.digests, c.backfill, c.logs})
			}
			if diff := cmp.Diff(c.findings, short(r)); diff != "" {
				t.Errorf("findings (-want +got):\n%s", diff)
			}
			if c.message != "" && (len(r.Findings) == 0 || r.Findings[0].Message != c.message) {
				t.Errorf("message: %q, want %q", r.Findings, c.message)
			}
			if t.Failed() {
				for _, f := range r.Findings {
					t.Logf("%+v", f)
				}
			}
		})
	}
}

// plant copies a digest and the log files that it names.
func plant(s *scene, copied *digesttest.Folder, d *digesttest.Digest) {
	s.T.Helper()
	doc, err := Parse(d.Text)
	if err != nil {
		s.T.Fatal(err)
	}
	digesttest.Put(s.T, copied, d.Object, digesttest.Get(s.T, s.In, d.Object))
	for _, l := range doc.Logs {
		digesttest.Put(s.T, copied, l.Object, digesttest.Get(s.T, s.In, l.Object))
	}
}

// Copies have lost the metadata: the newest digest cannot be proven, the others
// can by what their successor repeats.
func TestVerifyCopy(t *testing.T) {
	const unproven = "note digest-unproven digest 20260304T160000Z.json.gz"
	same := func(n string) string { return n }
	for _, c := range []struct {
		name          string
		root          string
		place         func(string) string
		happen        func(s *scene, copied *digesttest.Folder)
		digests, logs string
		findings      []string
	}{
		{name: "of the bucket", digests: "3/0/1", logs: "6/0/2", findings: []string{unproven}},
		{name: "below other folders", place: func(n string) string { return "case 12/download/" + n }, digests: "3/0/1", logs: "6/0/2", findings: []string{unproven}},
		{name: "of what is below AWSLogs", place: func(n string) string { return strings.TrimPrefix(n, "AWSLogs/") }, digests: "3/0/1", logs: "6/0/2", findings: []string{unproven}},
		{name: "given as the folder AWSLogs", root: "/copy/AWSLogs", place: func(n string) string { return strings.TrimPrefix(n, "AWSLogs/") }, digests: "3/0/1", logs: "6/0/2", findings: []string{unproven}},
		{name: "given as another account's folder", root: "/copy/AWSLogs/222222222222", place: func(n string) string { return strings.TrimPrefix(n, "AWSLogs/111111111111/") },
			digests: "0/4/0", logs: "0/0/8", findings: []string{
				"invalid digest-moved digest 20260304T130000Z.json.gz", "invalid digest-moved digest 20260304T140000Z.json.gz",
				"invalid digest-moved digest 20260304T150000Z.json.gz", "invalid digest-moved digest 20260304T160000Z.json.gz"}},
		{name: "digest in another folder", happen: func(s *scene, copied *digesttest.Folder) {
			old := s.digests[1].Object
			digesttest.Put(s.T, copied, strings.Replace(old, "/03/04/", "/03/05/", 1), digesttest.Get(s.T, copied, old))
			digesttest.Remove(s.T, copied, old)
		}, digests: "2/1/1", logs: "4/0/4", findings: []string{"invalid digest-moved digest 20260304T140000Z.json.gz", "invalid digest-missing digest 20260304T140000Z.json.gz", unproven}},
		{name: "uncompressed while it was downloaded", happen: func(s *scene, copied *digesttest.Folder) {
			for _, n := range digesttest.Names(s.T, copied, "") {
				digesttest.Put(s.T, copied, n, digesttest.Unzip(s.T, digesttest.Get(s.T, copied, n)))
			}
		}, digests: "3/0/1", logs: "6/0/2", findings: []string{unproven}},
		{name: "with the newest digest's metadata saved", happen: func(s *scene, copied *digesttest.Folder) {
			n := s.digests[3].Object
			saved, _ := json.Marshal(map[string]any{"ETag": `"x"`, "Metadata": map[string]string{"signature": s.digests[3].Signature, "signature-algorithm": "SHA256withRSA"}})
			digesttest.Put(s.T, copied, n+MetadataSuffix, saved)
		}, digests: "4/0/0", logs: "8/0/0"},
		{name: "with a wrong signature saved", happen: func(s *scene, copied *digesttest.Folder) {
			n := s.digests[3].Object
			saved, _ := json.Marshal(map[string]any{"Metadata": map[string]string{"X-Amz-Meta-Signature": s.digests[2].Signature}})
			digesttest.Put(s.T, copied, n+MetadataSuffix, saved)
		}, digests: "3/1/0", logs: "6/0/2", findings: []string{"invalid digest-signature digest 20260304T160000Z.json.gz"}},
		{name: "a digest is changed", happen: func(s *scene, copied *digesttest.Folder) {
			n := s.digests[1].Object
			digesttest.Put(s.T, copied, n, digesttest.Zip(spoil(s.digests[1].Text)))
		}, digests: "2/1/1", logs: "4/0/4", findings: []string{"invalid digest-signature digest 20260304T140000Z.json.gz", unproven}},
		{name: "the newest digest is changed: nothing proves it, and the hash in the one before still does", happen: func(s *scene, copied *digesttest.Folder) {
			digesttest.Put(s.T, copied, s.digests[3].Object, digesttest.Zip(bytes.ReplaceAll(s.digests[3].Text, []byte(`"hashValue":"`), []byte(`"hashValue":"0`))))
		}, digests: "3/0/1", logs: "6/2/0", findings: []string{"invalid log-hash log 20260304T1510Z", "invalid log-hash log 20260304T1540Z", unproven}},
		{name: "the newest digest lies about the one before it", happen: func(s *scene, copied *digesttest.Folder) {
			digesttest.Put(s.T, copied, s.digests[3].Object, digesttest.Zip(bytes.ReplaceAll(s.digests[3].Text, []byte(`"previousDigestHashValue":"`), []byte(`"previousDigestHashValue":"0`))))
		}, digests: "3/0/1", logs: "6/0/2", findings: []string{"invalid digest-chain digest 20260304T160000Z.json.gz", unproven}},
		{name: "a planted digest in an hour of the chain names a log file", happen: func(s *scene, copied *digesttest.Folder) {
			p := *s.Trail
			p.Previous = nil
			plant(s, copied, p.Digest(noon.Add(30*time.Minute), noon.Add(90*time.Minute), p.Log(noon.Add(50*time.Minute))))
		}, digests: "3/0/2", logs: "6/0/3", findings: []string{"invalid log-added log 20260304T1250Z",
			"warning digest-odd digest 20260304T140000Z.json.gz", "note digest-unproven digest 20260304T133000Z.json.gz", unproven, "note chain-start 12:30-12:30"}},
		{name: "a planted newest digest names a log file of an earlier hour", happen: func(s *scene, copied *digesttest.Folder) {
			p := *s.Trail
			plant(s, copied, p.Digest(noon.Add(4*time.Hour), noon.Add(5*time.Hour), p.Log(noon.Add(50*time.Minute))))
		}, digests: "4/0/1", logs: "8/0/1", findings: []string{"invalid log-added log 20260304T1250Z", "note digest-unproven digest 20260304T170000Z.json.gz"}},
		{name: "a planted backfill digest names a log file", happen: func(s *scene, copied *digesttest.Folder) {
			p := *s.Trail
			p.Backfill, p.Previous = true, nil
			plant(s, copied, p.Digest(noon, noon.Add(time.Hour), p.Log(noon.Add(50*time.Minute))))
		}, digests: "3/0/1", logs: "6/0/3", findings: []string{"warning log-added log 20260304T1250Z", "note digest-unproven digest 20260304T130000Z_backfill.json.gz", unproven}},
		{name: "a planted digest of another trail names a log file", happen: func(s *scene, copied *digesttest.Folder) {
			p := *s.Trail
			p.Name, p.Previous = "other", nil
			plant(s, copied, p.Digest(noon, noon.Add(time.Hour), p.Log(noon.Add(50*time.Minute))))
		}, digests: "3/0/2", logs: "6/0/3", findings: []string{"warning log-added log 20260304T1250Z", unproven, "note digest-unproven digest 20260304T130000Z.json.gz"}},
		{name: "a backfill digest of a missing hour", happen: func(s *scene, copied *digesttest.Folder) {
			digesttest.Remove(s.T, copied, s.digests[0].Object)
			p := *s.Trail
			p.Backfill, p.Previous = true, nil
			plant(s, copied, p.Digest(noon, noon.Add(time.Hour), s.logs(12)...))
		}, digests: "2/0/1", logs: "4/0/4", findings: []string{"note digest-unproven digest 20260304T130000Z_backfill.json.gz", unproven, "note chain-start digest 20260304T130000Z.json.gz"}},
		{name: "another trail ends while the first one goes on", happen: func(s *scene, copied *digesttest.Folder) {
			p := *s.Trail
			p.Name, p.Previous = "other", nil
			plant(s, copied, p.Digest(noon, noon.Add(time.Hour), p.Log(noon.Add(50*time.Minute))))
			plant(s, copied, p.Digest(noon.Add(time.Hour), noon.Add(2*time.Hour), p.Log(noon.Add(63*time.Minute)), p.Log(noon.Add(80*time.Minute))))
		}, digests: "4/0/2", logs: "7/0/4", findings: []string{unproven, "note digest-unproven digest 20260304T140000Z.json.gz"}},
		{name: "digests that are not on the hour", happen: func(s *scene, copied *digesttest.Folder) {
			p := *s.Trail
			p.Region, p.Previous = "us-east-1", nil
			at := noon.Add(2*time.Minute + 30*time.Second)
			for range 2 { // the first log file of each has a name that is before its start
				plant(s, copied, p.Digest(at, at.Add(time.Hour), p.Log(at.Add(time.Second)), p.Log(at.Add(30*time.Minute))))
				at = at.Add(time.Hour)
			}
		}, digests: "4/0/2", logs: "8/0/4", findings: []string{unproven, "note digest-unproven digest 20260304T140230Z.json.gz"}},
		{name: "two copies of one bucket", happen: func(s *scene, copied *digesttest.Folder) {
			for _, n := range digesttest.Names(s.T, copied, "") {
				digesttest.Put(s.T, copied, "again/"+n, digesttest.Get(s.T, copied, n))
			}
			n := "again/" + s.logs(13)[0]
			digesttest.Put(s.T, copied, n, digesttest.Zip([]byte("changed")))
		}, digests: "6/0/2", logs: "11/1/4", findings: []string{"invalid log-hash log 20260304T1310Z", unproven, unproven}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := &scene{Trail: digesttest.NewTrail(t, digesttest.NewBucket("example"))}
			s.digests = s.Hours(noon, 4)
			if c.root == "" {
				c.root = "/copy"
			}
			if c.place == nil {
				c.place = same
			}
			copied := digesttest.Copy(t, s.In, c.root, c.place)
			if c.happen != nil {
				c.happen(s, copied)
			}
			r, err := Verify(ctx, Options{Sources: []storage.Storage{copied}, Keys: []PublicKey{public(digesttest.Signer())}})
			if err != nil {
				t.Fatal(err)
			}
			if got := [2]string{tally(r.Digests), tally(r.Logs)}; got != [2]string{c.digests, c.logs} {
				t.Errorf("digests, logs: %v, want %v", got, [2]string{c.digests, c.logs})
			}
			if diff := cmp.Diff(c.findings, short(r)); diff != "" {
				t.Errorf("findings (-want +got):\n%s", diff)
			}
		})
	}
}

func TestHours(t *testing.T) {
	tr := digesttest.NewTrail(t, digesttest.NewBucket("example"))
	tr.Hours(noon, 2)
	tr.Digest(noon.Add(2*time.Hour), noon.Add(3*time.Hour))
	digesttest.Remove(t, tr.In, digesttest.Names(t, tr.In, "20260304T1310Z")[0])
	tr.Log(noon.Add(3*time.Hour + 5*time.Minute))
	r, err := Verify(ctx, Options{Sources: []storage.Storage{tr.In}, Keys: []PublicKey{public(digesttest.Signer())}})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, h := range r.Hours {
		got = append(got, fmt.Sprintf("%s %s %s %q %s missing %d not covered %d", h.Account, h.Region, h.Hour.Format("15:04"), h.Digest, tally(h.Logs), h.Missing, h.NotCovered))
	}
	want := []string{
		`111111111111 eu-west-1 12:00 "valid" 2/0/0 missing 0 not covered 0`,
		`111111111111 eu-west-1 13:00 "valid" 1/1/0 missing 1 not covered 0`,
		`111111111111 eu-west-1 14:00 "valid" 0/0/0 missing 0 not covered 0`,
		`111111111111 eu-west-1 15:00 "" 0/0/0 missing 0 not covered 1`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("hours (-want +got):\n%s", diff)
	}
	if !r.First.Equal(noon) || !r.Last.Equal(noon.Add(3*time.Hour)) || r.Uncovered.After != 1 {
		t.Errorf("from %v to %v, not covered %+v", r.First, r.Last, r.Uncovered)
	}
}

// Keys are asked for once for a chain, in the Region of the digest; for backfill
// digests around the time that they were made.
func TestFetchKeys(t *testing.T) {
	tr := digesttest.NewTrail(t, digesttest.NewBucket("example"))
	tr.Hours(noon, 3)
	b := *tr
	b.Backfill, b.Previous, b.Key = true, nil, digesttest.Other()
	b.Digest(noon, noon.Add(time.Hour))
	var asked []string
	o := Options{Sources: []storage.Storage{tr.In}, FetchKeys: func(_ context.Context, region string, from, to time.Time) ([]PublicKey, error) {
		asked = append(asked, fmt.Sprint(region, " ", from.Format("02T15"), " ", to.Format("02T15")))
		if len(asked) == 1 {
			return []PublicKey{public(digesttest.Signer())}, nil
		}
		return []PublicKey{public(digesttest.Other())}, nil
	}}
	r, err := Verify(ctx, o)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"eu-west-1 04T12 04T17", "eu-west-1 05T14 05T16"}, asked); diff != "" {
		t.Errorf("asked (-want +got):\n%s", diff)
	}
	if tally(r.Digests) != "3/0/0" || tally(r.Backfill) != "1/0/0" {
		t.Errorf("digests %+v, backfill %+v, %v", r.Digests, r.Backfill, short(r))
	}
}

// faulty is a bucket that denies some objects.
type faulty struct {
	*digesttest.Bucket
	deny func(name string) error
}

func (f faulty) Open(ctx context.Context, name string) (storage.Reader, error) {
	if err := f.deny(name); err != nil {
		return nil, err
	}
	return f.Bucket.Open(ctx, name)
}

// What cannot be read is neither valid nor invalid, and does not stop the rest;
// an error that is one about all does.
func TestUnreadable(t *testing.T) {
	tr := digesttest.NewTrail(t, digesttest.NewBucket("example"))
	tr.Hours(noon, 4)
	verify := func(part string, err error) (*Result, error) {
		return Verify(ctx, Options{Keys: []PublicKey{public(digesttest.Signer())}, Sources: []storage.Storage{faulty{tr.In, func(name string) error {
			if strings.Contains(name, part) {
				return fmt.Errorf("open %q: %w", name, err)
			}
			return nil
		}}}})
	}
	r, err := verify("T140000Z", storage.ErrDenied)
	if err != nil {
		t.Fatal(err)
	}
	if tally(r.Digests) != "3/0/1" || r.Unreadable != 1 || r.Holds() {
		t.Errorf("digest: %+v", r)
	}
	if d := cmp.Diff([]string{"warning unreadable digest 20260304T140000Z.json.gz", "warning log-not-covered log 20260304T1310Z", "warning log-not-covered log 20260304T1340Z"}, short(r)); d != "" {
		t.Errorf("digest (-want +got):\n%s", d)
	}
	r, err = verify("T1310Z", storage.ErrDenied)
	if err != nil {
		t.Fatal(err)
	}
	if tally(r.Logs) != "7/0/1" || r.Unreadable != 1 || r.Holds() {
		t.Errorf("log: %+v", r)
	}
	if _, err := verify("T1310Z", storage.ErrCredentials); !errors.Is(err, storage.ErrCredentials) {
		t.Errorf("credentials: %v", err)
	}
	done, cancel := context.WithCancel(ctx)
	cancel()
	if _, err := Verify(done, Options{Sources: []storage.Storage{tr.In}}); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

// Chains that are too long to keep their log files are read twice.
func TestLongChain(t *testing.T) {
	tr := digesttest.NewTrail(t, digesttest.NewBucket("example"))
	tr.Hours(noon, 6)
	o := Options{Keys: []PublicKey{public(digesttest.Signer())}, Sources: []storage.Storage{tr.In}, keepLogs: 5, Threads: 1}
	r, err := Verify(ctx, o)
	if err != nil || tally(r.Logs) != "12/0/0" || len(r.Findings) > 0 {
		t.Errorf("%+v, %v", r, err)
	}
}

// A folder inside the archive has digests whose log files are not below it.
func TestLogsElsewhere(t *testing.T) {
	tr := digesttest.NewTrail(t, digesttest.NewBucket("example"))
	tr.Hours(noon, 2)
	inside := digesttest.NewFolder("/copy/AWSLogs/111111111111/CloudTrail-Digest")
	for _, n := range digesttest.Names(t, tr.In, "/CloudTrail-Digest/") {
		digesttest.Put(t, inside, strings.TrimPrefix(n, "AWSLogs/111111111111/CloudTrail-Digest/"), digesttest.Get(t, tr.In, n))
	}
	o := Options{Keys: []PublicKey{public(digesttest.Signer())}, Sources: []storage.Storage{inside}}
	r, err := Verify(ctx, o)
	if err != nil || tally(r.Digests) != "1/0/1" || tally(r.Logs) != "0/0/4" || r.Count(Failure) > 0 {
		t.Errorf("%+v, %v", r, err)
	}
}

func TestMaxFindings(t *testing.T) {
	tr := digesttest.NewTrail(t, digesttest.NewBucket("example"))
	tr.Hours(noon, 2)
	for _, n := range digesttest.Names(t, tr.In, "/CloudTrail/") {
		digesttest.Remove(t, tr.In, n)
	}
	r, err := Verify(ctx, Options{Keys: []PublicKey{public(digesttest.Signer())}, Sources: []storage.Storage{tr.In}, MaxFindings: 3})
	if err != nil || len(r.Findings) != 3 || r.Omitted != 1 || r.Count(Failure) != 4 || r.Logs.Invalid != 4 {
		t.Errorf("%+v, %v", r, err)
	}
}

// The hasher agrees with the standard library on what the first gzip member is.
func FuzzContent(f *testing.F) {
	whole := digesttest.Zip([]byte("text"))
	for _, data := range [][]byte{nil, []byte("plain"), whole, whole[:len(whole)-8], whole[:len(whole)-3], append(slices.Clone(whole), whole...), append(slices.Clone(whole), 0)} {
		f.Add(data)
	}
	h := newHasher()
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) > 3 && data[3]&0xe0 != 0 {
			return // flags that must not be set: the standard library passes them over
		}
		s := digesttest.NewFolder("/x")
		digesttest.Put(t, s, "x", data)
		got, err := h.read(ctx, s, "x", nil)
		if err != nil {
			t.Fatal(err)
		}
		var text bytes.Buffer
		in := bytes.NewReader(data)
		if z, err := gzip.NewReader(in); err == nil {
			z.Multistream(false)
			_, err = io.Copy(&text, z)
			if whole := err == nil && in.Len() == 0; whole != (got.Shape == Whole && !got.Plain) {
				t.Errorf("shape %q, %v with %d bytes left", got.Shape, err, in.Len())
			}
			if err == nil && (got.SHA256 != sha256.Sum256(text.Bytes()) || got.Bytes != int64(text.Len())) {
				t.Errorf("%d bytes, want %d", got.Bytes, text.Len())
			}
		} else if got.Plain && got.SHA256 != sha256.Sum256(data) {
			t.Error("hash of plain data")
		}
	})
}

func TestSignedText(t *testing.T) {
	sum, _ := hex.DecodeString("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad") // of "abc"
	got := string(signedText("a", "b", "c", [32]byte(sum), nil))
	if want := "a\nb/c\nba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad\nnull"; got != want {
		t.Errorf("signed text %q, want %q", got, want)
	}
	previous := "00ff"
	if got := string(signedText("a", "b", "c", [32]byte(sum), &previous)); !strings.HasSuffix(got, "\n00ff") {
		t.Errorf("signed text %q", got)
	}
}
