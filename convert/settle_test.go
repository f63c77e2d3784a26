package convert

import (
	"context"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/trailql/trailql/catalog"
	"github.com/trailql/trailql/catalog/storage"
	"github.com/trailql/trailql/catalog/storage/storagetest"
	"github.com/trailql/trailql/convert/digest"
	"github.com/trailql/trailql/convert/digest/digesttest"
)

var noon = digesttest.At("2026-03-04T12:00:00Z")

func publicKey(key *rsa.PrivateKey) digest.PublicKey {
	der, fingerprint := digesttest.Public(key)
	return digest.PublicKey{DER: der, Fingerprint: fingerprint}
}

// verdicts is "kind time verdict" of each row of the ledger, with the reason of
// those that are not valid.
func verdicts(t testing.TB, c *catalog.Catalog) (out []string) {
	t.Helper()
	for _, row := range rows[ledgerRow](t, c, LedgerTable) {
		line := fmt.Sprintf("%s %s %s", row.Kind, row.Delivered.Format("15:04"), row.Verdict)
		if row.Reason != "" {
			line += ": " + row.Reason
		}
		if row.Kind == "log" && !strings.Contains(row.Reason, "replaced") && (row.Digest != "") != (row.Verdict == "valid" || row.Verdict == "invalid" || row.Verdict == "unproven") {
			t.Errorf("%s of the digest %q", line, row.Digest)
		}
		if row.Verified.IsZero() != (row.Verdict == "") {
			t.Errorf("%s, verified at %v", line, row.Verified)
		}
		out = append(out, line)
	}
	slices.Sort(out)
	return out
}

// verifying converts a bucket, and checks its digests.
func verifying(c *catalog.Catalog, b storage.Storage) Options {
	return Options{
		Catalog: c, Sources: []string{b.Root()}, Threads: 1, Verify: true, Keys: []digest.PublicKey{publicKey(digesttest.Signer())},
		OpenSource: func(context.Context, string) (storage.Storage, error) { return b, nil },
	}
}

func TestVerify(t *testing.T) {
	const hash, format = "hash value doesn't match", "invalid format: no digestPublicKeyFingerprint"
	for _, tc := range []struct {
		name string
		// happen changes the bucket after an hour of two log files; the run that it
		// does not call itself comes behind it.
		happen func(tr *digesttest.Trail, run func(func(*Options)) Summary)
		want   []string
		last   Verdicts // of the last run
	}{
		{name: "one run", happen: func(*digesttest.Trail, func(func(*Options)) Summary) {},
			want: []string{"digest 13:00 valid", "log 12:10 valid", "log 12:40 valid"}, last: Verdicts{Valid: 2}},
		{name: "again", happen: func(_ *digesttest.Trail, run func(func(*Options)) Summary) { run(nil) },
			want: []string{"digest 13:00 valid", "log 12:10 valid", "log 12:40 valid"}},
		{name: "no digest yet", happen: func(tr *digesttest.Trail, _ func(func(*Options)) Summary) { tr.Log(noon.Add(65 * time.Minute)) },
			want: []string{"digest 13:00 valid", "log 12:10 valid", "log 12:40 valid", "log 13:05 not_covered: no digest names it"}, last: Verdicts{Valid: 2, NotCovered: 1}},
		{name: "the digest comes later", happen: func(tr *digesttest.Trail, run func(func(*Options)) Summary) {
			l := tr.Log(noon.Add(65 * time.Minute))
			run(nil)
			tr.Digest(noon.Add(time.Hour), noon.Add(2*time.Hour), l)
		}, want: []string{"digest 13:00 valid", "digest 14:00 valid", "log 12:10 valid", "log 12:40 valid", "log 13:05 valid"}, last: Verdicts{Valid: 1}},
		{name: "a backfill digest comes a day later", happen: func(tr *digesttest.Trail, run func(func(*Options)) Summary) {
			l := tr.Log(noon.Add(50 * time.Minute))
			run(nil)
			tr.Previous, tr.Backfill = nil, true
			tr.Digest(noon, noon.Add(time.Hour), l)
		}, want: []string{"digest 13:00 valid", "digest 13:00 valid", "log 12:10 valid", "log 12:40 valid", "log 12:50 valid"}, last: Verdicts{Valid: 1}},
		{name: "log file is changed", happen: func(tr *digesttest.Trail, _ func(func(*Options)) Summary) {
			name := digesttest.Names(tr.T, tr.In, "T1210Z")[0]
			text := digesttest.Unzip(tr.T, digesttest.Get(tr.T, tr.In, name))
			digesttest.Put(tr.T, tr.In, name, digesttest.Zip([]byte(strings.Replace(string(text), "GetObject", "PutObject", 1))))
		}, want: []string{"digest 13:00 valid", "log 12:10 invalid: " + hash, "log 12:40 valid"}, last: Verdicts{Valid: 1, Invalid: 1}},
		{name: "log file has more behind it", happen: func(tr *digesttest.Trail, _ func(func(*Options)) Summary) {
			name := digesttest.Names(tr.T, tr.In, "T1210Z")[0]
			data := digesttest.Get(tr.T, tr.In, name)
			digesttest.Put(tr.T, tr.In, name, append(data, data...))
		}, want: []string{"digest 13:00 valid", "log 12:10 invalid: unexpected data after end of compressed stream", "log 12:40 valid"}, last: Verdicts{Valid: 1, Invalid: 1}},
		{name: "log file is changed after it was found valid", happen: func(tr *digesttest.Trail, run func(func(*Options)) Summary) {
			run(nil)
			name := digesttest.Names(tr.T, tr.In, "T1210Z")[0]
			text := digesttest.Unzip(tr.T, digesttest.Get(tr.T, tr.In, name))
			digesttest.Put(tr.T, tr.In, name, digesttest.Zip([]byte(strings.Replace(string(text), "GetObject", "PutObject", 1))))
		}, want: []string{"digest 13:00 valid", "log 12:10 invalid: " + hash, "log 12:10 valid", "log 12:40 valid"}, last: Verdicts{Invalid: 1}},
		{name: "digest is changed", happen: func(tr *digesttest.Trail, _ func(func(*Options)) Summary) {
			digesttest.Put(tr.T, tr.In, tr.Previous.Object, digesttest.Zip(append(tr.Previous.Text, ' ')))
		}, want: []string{"digest 13:00 invalid: signature verification failed", "log 12:10 unproven: the digest that names it is not valid", "log 12:40 unproven: the digest that names it is not valid"}, last: Verdicts{Unproven: 2}},
		{name: "digest has gone since", happen: func(tr *digesttest.Trail, run func(func(*Options)) Summary) {
			run(nil)
			digesttest.Remove(tr.T, tr.In, tr.Previous.Object)
			tr.Hours(noon.Add(time.Hour), 1)
		}, want: []string{"digest 13:00 valid", "digest 14:00 valid", "log 12:10 valid", "log 12:40 valid", "log 13:10 valid", "log 13:40 valid"}, last: Verdicts{Valid: 2}},
		{name: "digest is changed after it was found valid", happen: func(tr *digesttest.Trail, run func(func(*Options)) Summary) {
			run(nil)
			digesttest.Put(tr.T, tr.In, tr.Previous.Object, digesttest.Zip(append(tr.Previous.Text, ' ')))
		}, want: []string{"digest 13:00 invalid: signature verification failed", "digest 13:00 valid", "log 12:10 valid", "log 12:40 valid"}},
		{name: "no keys", happen: func(_ *digesttest.Trail, run func(func(*Options)) Summary) {
			run(func(o *Options) { o.Keys = nil })
			run(func(o *Options) { o.Keys = nil })
		}, want: []string{"digest 13:00 valid", "log 12:10 valid", "log 12:40 valid"}, last: Verdicts{Valid: 2}},
		{name: "converted without", happen: func(_ *digesttest.Trail, run func(func(*Options)) Summary) {
			run(func(o *Options) { o.Verify = false })
		}, want: []string{"digest 13:00 valid", "log 12:10 valid", "log 12:40 valid"}, last: Verdicts{Valid: 2}},
		{name: "converted without, then changed", happen: func(tr *digesttest.Trail, run func(func(*Options)) Summary) {
			run(func(o *Options) { o.Verify = false })
			name := digesttest.Names(tr.T, tr.In, "T1210Z")[0]
			text := digesttest.Unzip(tr.T, digesttest.Get(tr.T, tr.In, name))
			digesttest.Put(tr.T, tr.In, name, digesttest.Zip([]byte(strings.Replace(string(text), "GetObject", "PutObject", 1))))
		}, want: []string{"digest 13:00 valid", "log 12:10 invalid: " + hash, "log 12:10 unproven: " + reasonReplaced, "log 12:40 valid"}, last: Verdicts{Valid: 1, Invalid: 1, Unproven: 1}},
		{name: "changed and changed back, all converted", happen: func(tr *digesttest.Trail, run func(func(*Options)) Summary) {
			name, data := tamper(tr, "T1210Z")
			run(func(o *Options) { o.Verify = false })
			digesttest.Put(tr.T, tr.In, name, data)
			run(nil)
			tr.Hours(noon.Add(time.Hour), 1)
		}, want: []string{"digest 13:00 valid", "digest 14:00 valid", "log 12:10 unproven: " + reasonReplaced, "log 12:10 valid", "log 12:40 valid", "log 13:10 valid", "log 13:40 valid"}, last: Verdicts{Valid: 2}},
		{name: "log file is replaced by a digest", happen: func(tr *digesttest.Trail, _ func(func(*Options)) Summary) {
			digesttest.Put(tr.T, tr.In, digesttest.Names(tr.T, tr.In, "T1210Z")[0], digesttest.Get(tr.T, tr.In, tr.Previous.Object))
		}, want: []string{"digest 13:00 valid", "log 12:10 invalid: " + hash, "log 12:40 valid"}, last: Verdicts{Valid: 1, Invalid: 1}},
		{name: "digest is replaced by nothing", happen: func(tr *digesttest.Trail, _ func(func(*Options)) Summary) {
			digesttest.Put(tr.T, tr.In, tr.Previous.Object, digesttest.Zip([]byte("{}")))
		}, want: []string{"digest 13:00 invalid: " + format, "log 12:10 not_covered: no digest names it", "log 12:40 not_covered: no digest names it"}, last: Verdicts{NotCovered: 2}},
		{name: "digest is replaced by what is not compressed", happen: func(tr *digesttest.Trail, _ func(func(*Options)) Summary) {
			digesttest.Put(tr.T, tr.In, tr.Previous.Object, []byte("gone"))
		}, want: []string{"digest 13:00 invalid: invalid format: not compressed", "log 12:10 not_covered: no digest names it", "log 12:40 not_covered: no digest names it"}, last: Verdicts{NotCovered: 2}},
		{name: "digest is replaced by a log file", happen: func(tr *digesttest.Trail, _ func(func(*Options)) Summary) {
			digesttest.Put(tr.T, tr.In, tr.Previous.Object, digesttest.Get(tr.T, tr.In, digesttest.Names(tr.T, tr.In, "T1210Z")[0]))
		}, want: []string{"digest 13:00 invalid: " + format, "log 12:10 not_covered: no digest names it", "log 12:40 not_covered: no digest names it"}, last: Verdicts{NotCovered: 2}},
		{name: "another account is left alone", happen: func(tr *digesttest.Trail, run func(func(*Options)) Summary) {
			run(func(o *Options) { o.Accounts = []string{"999999999999"} })
			run(func(o *Options) { o.Verify = false })
			run(func(o *Options) { o.Accounts = []string{"999999999999"} })
		}, want: []string{"digest 13:00 valid", "log 12:10 valid", "log 12:40 valid"}, last: Verdicts{Valid: 2}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			tr := digesttest.NewTrail(t, digesttest.NewBucket("example"))
			tr.Hours(noon, 1)
			c := warehouse(t)
			run := func(change func(*Options)) Summary {
				o := verifying(c, tr.In)
				if change != nil {
					change(&o)
				}
				return mustRun(t, o)
			}
			tc.happen(tr, run)
			s := run(nil)
			if s.Verdicts != tc.last {
				t.Errorf("summary %+v, want %+v", s.Verdicts, tc.last)
			}
			if d := gocmp.Diff(tc.want, verdicts(t, c)); d != "" {
				t.Errorf("verdicts (-want +got):\n%s", d)
			}
			if n := len(table(t, c)) + len(rows[rejectedRow](t, c, RejectedTable)); n < 2 {
				t.Errorf("%d records: nothing is refused", n)
			}
			checkNoOrphans(t, c)
		})
	}
}

// tamper changes a log file, and returns it as it was.
func tamper(tr *digesttest.Trail, part string) (name string, was []byte) {
	name = digesttest.Names(tr.T, tr.In, part)[0]
	was = digesttest.Get(tr.T, tr.In, name)
	digesttest.Put(tr.T, tr.In, name, digesttest.Zip([]byte(strings.Replace(string(digesttest.Unzip(tr.T, was)), "GetObject", "PutObject", 1))))
	return name, was
}

// A changed log file was converted and nobody has listed that it was put back:
// what is valid now is not what the table has.
func TestVerifyPutBack(t *testing.T) {
	tr := digesttest.NewTrail(t, digesttest.NewBucket("example"))
	tr.Hours(noon, 1)
	c := warehouse(t)
	name, was := tamper(tr, "T1210Z")
	o := verifying(c, tr.In)
	o.Verify = false
	mustRun(t, o)
	digesttest.Put(t, tr.In, name, was)
	o = verifying(c, tr.In)
	o.From = noon.AddDate(0, 1, 0)
	want := []string{"digest 13:00 valid", "log 12:10 unproven: " + reasonReplaced, "log 12:40 valid"}
	for i, last := range []Verdicts{{Valid: 1, Unproven: 1}, {}} {
		if s := mustRun(t, o); s.Verdicts != last {
			t.Errorf("run %d: %+v, want %+v", i, s.Verdicts, last)
		}
		if d := gocmp.Diff(want, verdicts(t, c)); d != "" {
			t.Errorf("run %d: verdicts (-want +got):\n%s", i, d)
		}
	}
}

// A log file that goes before its first verdict keeps its row, whatever comes later,
// until it is back.
func TestVerifyGone(t *testing.T) {
	tr := digesttest.NewTrail(t, digesttest.NewBucket("example"))
	tr.Hours(noon, 1)
	c := warehouse(t)
	o := verifying(c, tr.In)
	o.Verify = false
	mustRun(t, o)
	name := digesttest.Names(t, tr.In, "T1210Z")[0]
	was := digesttest.Get(t, tr.In, name)
	digesttest.Remove(t, tr.In, name)
	for i, step := range []struct {
		happen func()
		want   string
		last   Verdicts
	}{
		{func() {}, "invalid: " + reasonGone, Verdicts{Valid: 1, Invalid: 1}},
		{func() {}, "invalid: " + reasonGone, Verdicts{}},
		{func() { tr.Hours(noon.Add(time.Hour), 1) }, "invalid: " + reasonGone, Verdicts{Valid: 2}},
		{func() {
			digesttest.Put(t, tr.In, name, was)
			tr.Hours(noon.Add(2*time.Hour), 1)
		}, "valid", Verdicts{Valid: 3, Unproven: 1}}, // it is another version
	} {
		step.happen()
		if s := mustRun(t, verifying(c, tr.In)); s.Verdicts != step.last {
			t.Errorf("run %d: %+v, want %+v", i, s.Verdicts, step.last)
		}
		got := verdicts(t, c)
		if !slices.Contains(got, "log 12:10 "+step.want) || slices.ContainsFunc(got, func(v string) bool { return strings.HasPrefix(v, "missing") }) {
			t.Errorf("run %d: %q, want %s", i, got, step.want)
		}
	}
}

// A copy has the newest digest unproven until its successor is there.
func TestVerifyCopied(t *testing.T) {
	tr := digesttest.NewTrail(t, digesttest.NewBucket("example"))
	tr.Hours(noon, 2)
	c := warehouse(t)
	all := func(n string) string { return n }
	copied := digesttest.Copy(t, tr.In, "s3copy://x", all)
	mustRun(t, verifying(c, copied))
	const why = ": newest digest of its chain: its signature is nowhere but in the metadata of the object in S3 (save it as FILE.metadata.json)"
	want := []string{"digest 13:00 valid", "digest 14:00 unproven" + why, "log 12:10 valid", "log 12:40 valid", "log 13:10 unproven" + why, "log 13:40 unproven" + why}
	if d := gocmp.Diff(want, verdicts(t, c)); d != "" {
		t.Errorf("verdicts (-want +got):\n%s", d)
	}
	tr.Hours(noon.Add(2*time.Hour), 1)
	for _, n := range digesttest.Names(t, tr.In, "") {
		if _, err := copied.Stat(t.Context(), n); err != nil {
			digesttest.Put(t, copied, n, digesttest.Get(t, tr.In, n))
		}
	}
	mustRun(t, verifying(c, copied))
	want = []string{"digest 13:00 valid", "digest 14:00 valid", "digest 15:00 unproven" + why, "log 12:10 valid", "log 12:40 valid", "log 13:10 valid", "log 13:40 valid", "log 14:10 unproven" + why, "log 14:40 unproven" + why}
	if d := gocmp.Diff(want, verdicts(t, c)); d != "" {
		t.Errorf("verdicts (-want +got):\n%s", d)
	}
}

// A bucket with another name than the digests say is a copy only if that is said.
func TestVerifyReplica(t *testing.T) {
	tr := digesttest.NewTrail(t, digesttest.NewBucket("example"))
	tr.Hours(noon, 2)
	replica := digesttest.Copy(t, tr.In, "s3://replica", func(n string) string { return n })
	c := warehouse(t)
	o := verifying(c, replica)
	mustRun(t, o)
	for _, v := range verdicts(t, c) {
		if strings.HasSuffix(v, " valid") {
			t.Errorf("%s, in another bucket", v)
		}
	}
	c = warehouse(t)
	o = verifying(c, replica)
	o.Copied = true
	mustRun(t, o)
	if got := verdicts(t, c); !slices.Contains(got, "digest 13:00 valid") || !slices.Contains(got, "log 12:10 valid") {
		t.Errorf("a copy: %q", got)
	}
}

// A ledger of a version without verdicts gets the columns. Kinds were those of the
// content.
func TestVerifyOldLedger(t *testing.T) {
	type oldRow struct {
		Object    string    `parquet:"object,id(1)"`
		Size      int64     `parquet:"size,id(2)"`
		ETag      string    `parquet:"etag,id(3)"`
		SHA256    string    `parquet:"sha256,id(4)"`
		Kind      string    `parquet:"kind,id(5)"`
		Account   string    `parquet:"account,id(6)"`
		Region    string    `parquet:"region,id(7)"`
		Category  string    `parquet:"category,id(8)"`
		Delivered time.Time `parquet:"delivered,optional,timestamp(microsecond:utc),id(9)"`
		JSONBytes int64     `parquet:"jsonbytes,id(10)"`
		Records   int64     `parquet:"records,id(11)"`
		Rejected  int64     `parquet:"rejected,id(12)"`
		First     time.Time `parquet:"firsteventtime,optional,timestamp(microsecond:utc),id(13)"`
		Last      time.Time `parquet:"lasteventtime,optional,timestamp(microsecond:utc),id(14)"`
		Converted time.Time `parquet:"convertedat,timestamp(microsecond:utc),id(15)"`
		Batch     string    `parquet:"batch,id(16)"`
	}
	tr := digesttest.NewTrail(t, digesttest.NewBucket("example"))
	tr.Hours(noon, 1)
	c := warehouse(t)
	specs := tableSpecs()
	i := slices.IndexFunc(specs, func(s catalog.TableSpec) bool { return s.Name == LedgerTable })
	specs[i].Schema = recordSchema[oldRow]()
	if err := c.Define(t.Context(), specs...); err != nil {
		t.Fatal(err)
	}
	var old []oldRow
	for o := range tr.In.List(t.Context(), "") {
		kind := "log"
		if strings.Contains(o.Name, "Digest") {
			kind = "foreign"
		} else if strings.Contains(o.Name, "T1210Z") {
			kind = "digest"
		}
		key := (&object{path: "s3://example/" + o.Name}).key()
		sha := fmt.Sprintf("%x", sha256.Sum256(digesttest.Get(t, tr.In, o.Name)))
		if strings.Contains(o.Name, "T1240Z") {
			sha = "" // a cluster converts without
		}
		old = append(old, oldRow{Object: "s3://example/" + o.Name, Size: o.Size, ETag: o.ETag, SHA256: sha, Kind: kind, Delivered: key.Delivered, Converted: noon, Account: key.Account, Region: key.Region, Category: string(key.Category)})
	}
	b, err := c.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	f, err := writeRecords(t.Context(), c, b, LedgerTable, old)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Commit(t.Context(), catalog.Batch{ID: b, Changes: map[string]catalog.Change{LedgerTable: {Add: []catalog.DataFile{f}}}}); err != nil {
		t.Fatal(err)
	}
	if s := mustRun(t, verifying(c, tr.In)); s.Objects != 0 || s.Verdicts != (Verdicts{Valid: 1, Unproven: 1}) {
		t.Errorf("%+v", s)
	}
	if d := gocmp.Diff([]string{"digest 13:00 valid", "log 12:10 valid", "log 12:40 unproven: " + reasonUnhashed}, verdicts(t, c)); d != "" {
		t.Errorf("verdicts (-want +got):\n%s", d)
	}
	// Other readers of the table must not take it for a compaction.
	s, err := c.Snapshot(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	tab, err := s.Table(LedgerTable)
	if err != nil {
		t.Fatal(err)
	}
	if h := tab.History(); h[len(h)-1].Operation != "overwrite" {
		t.Errorf("the last change is recorded as %q", h[len(h)-1].Operation)
	}
}

// An operation of the warehouse's storage fails while verdicts are settled: the
// next run settles the same.
func TestVerifyFaults(t *testing.T) {
	tr := digesttest.NewTrail(t, digesttest.NewBucket("example"))
	tr.Hours(noon, 2)
	l := tr.Log(noon.Add(130 * time.Minute))
	base := storagetest.NewMemory()
	mustRun(t, verifying(open(t, newLocal(t, base)), tr.In))
	tr.Digest(noon.Add(2*time.Hour), noon.Add(3*time.Hour), l)
	want := []string{"digest 13:00 valid", "digest 14:00 valid", "digest 15:00 valid", "log 12:10 valid", "log 12:40 valid", "log 13:10 valid", "log 13:40 valid", "log 14:10 valid"}
	failed := 0
	for k := int64(1); ; k++ {
		inner := base.Clone()
		fault := storagetest.NewFault(inner, storagetest.FaultOptions{Ops: storagetest.Mutations, At: k})
		disk := newLocal(t, inner)
		c, err := catalog.Open(t.Context(), "", catalog.Options{Storage: local{fault, disk.root}})
		if err == nil {
			_, err = Run(t.Context(), verifying(c, tr.In))
		}
		if err != nil {
			failed++
		}
		c = open(t, disk)
		mustRun(t, verifying(c, tr.In))
		if d := gocmp.Diff(want, verdicts(t, c)); d != "" {
			t.Fatalf("operation %d: %s: verdicts (-want +got):\n%s", k, fault.Failed(), d)
		}
		checkNoOrphans(t, c)
		if fault.Failed() == "" {
			break
		}
	}
	if failed < 5 {
		t.Errorf("only %d runs failed", failed)
	}
}

// A text that is empty is null in the ledger, whether it was read from a file or not.
func TestLedgerNulls(t *testing.T) {
	c := warehouse(t)
	if err := c.Define(t.Context(), tableSpecs()...); err != nil {
		t.Fatal(err)
	}
	text := "reason"
	written := []ledgerRow{{Object: "a"}, {Object: "b", Reason: text[:0], Verdict: text[3:3]}}
	b, err := c.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	f, err := writeRecords(t.Context(), c, b, LedgerTable, written)
	if err != nil {
		t.Fatal(err)
	}
	type nullable struct {
		Verdict *string `parquet:"verdict,optional"`
		Reason  *string `parquet:"verdictreason,optional"`
	}
	n := 0
	err = readFile(t.Context(), c, f, func(row *nullable) {
		n++
		if row.Verdict != nil || row.Reason != nil {
			t.Errorf("row %d: not null", n)
		}
	})
	if err != nil || n != 2 {
		t.Errorf("%d rows, %v", n, err)
	}
	if err := c.Abort(t.Context(), b); err != nil {
		t.Error(err)
	}
}

// The names of verdicts are part of the table.
func TestVerdictNames(t *testing.T) {
	text, _ := json.Marshal([]digest.Verdict{digest.Valid, digest.Invalid, digest.Unproven, digest.NotCovered})
	if string(text) != `["valid","invalid","unproven","not_covered"]` {
		t.Error(string(text))
	}
}

// What a digest names and is not there has a row of its own until it comes.
func TestVerifyMissing(t *testing.T) {
	const gone = "named by a digest and not there"
	tr := digesttest.NewTrail(t, digesttest.NewBucket("example"))
	tr.Hours(noon, 3)
	held := map[string][]byte{}
	for _, n := range append(digesttest.Names(t, tr.In, "T1340Z"), digesttest.Names(t, tr.In, "T140000Z")...) {
		held[n] = digesttest.Get(t, tr.In, n)
		digesttest.Remove(t, tr.In, n)
	}
	log := digesttest.Names(t, tr.In, "T1410Z")[0]
	held[log] = digesttest.Get(t, tr.In, log)
	digesttest.Remove(t, tr.In, log)
	if len(held) != 3 {
		t.Fatalf("%d objects", len(held))
	}
	c := warehouse(t)
	want := []string{"digest 13:00 valid", "digest 15:00 valid", "log 12:10 valid", "log 12:40 valid", "log 13:10 not_covered: no digest names it", "log 14:40 valid",
		"missing 14:00 invalid: " + gone, "missing 14:10 invalid: " + gone}
	for i, last := range []Verdicts{{Valid: 3, NotCovered: 1, Invalid: 2}, {}} {
		if s := mustRun(t, verifying(c, tr.In)); s.Verdicts != last {
			t.Errorf("run %d: %+v, want %+v", i, s.Verdicts, last)
		}
		if d := gocmp.Diff(want, verdicts(t, c)); d != "" {
			t.Errorf("run %d: verdicts (-want +got):\n%s", i, d)
		}
	}
	for _, row := range rows[ledgerRow](t, c, LedgerTable) {
		if row.Kind == "missing" && (held[strings.TrimPrefix(row.Object, "s3://example/")] == nil || row.Account == "" || row.Region == "" || row.Category == "" || row.Digest == "") {
			t.Errorf("row %+v", row)
		}
	}
	found, err := Check(t.Context(), CheckOptions{Catalog: c, OpenSource: verifying(c, tr.In).OpenSource})
	if err != nil || len(found.Findings) > 0 || found.Objects != 6 {
		t.Errorf("check: %+v, %v", found, err)
	}
	snapshot, err := c.Snapshot(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	ledger, err := snapshot.Table(LedgerTable)
	if err != nil {
		t.Fatal(err)
	}
	if n, err := Missing(t.Context(), c, ledger); n != 2 || err != nil {
		t.Errorf("%d missing, %v", n, err)
	}
	for n, data := range held {
		digesttest.Put(t, tr.In, n, data)
	}
	if s := mustRun(t, verifying(c, tr.In)); s.Objects != 2 {
		t.Errorf("%d converted: what is missing counts as converted", s.Objects)
	}
	want = []string{"digest 13:00 valid", "digest 14:00 valid", "digest 15:00 valid", "log 12:10 valid", "log 12:40 valid", "log 13:10 valid", "log 13:40 valid", "log 14:10 valid", "log 14:40 valid"}
	if d := gocmp.Diff(want, verdicts(t, c)); d != "" {
		t.Errorf("afterwards (-want +got):\n%s", d)
	}
}
