package convert

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/trailql/trailql/catalog"
	"github.com/trailql/trailql/catalog/storage"
	"github.com/trailql/trailql/catalog/storage/s3/s3test"
	"github.com/trailql/trailql/catalog/storage/storagetest"
)

// beforeCommit calls do before each version that is stored through it.
type beforeCommit struct {
	local
	do func()
}

func (b *beforeCommit) PutNew(ctx context.Context, name string, data []byte) error {
	if strings.HasPrefix(name, "catalog/versions/") {
		b.do()
	}
	return b.local.PutNew(ctx, name, data)
}

// freeShares makes shares be of no use: nobody waits for whoever has them.
func freeShares(t *testing.T, s storage.Storage) {
	for o, err := range s.List(t.Context(), "catalog/shares") {
		if err == nil {
			err = s.Remove(t.Context(), o.Name)
		}
		if err != nil {
			t.Error(err)
		}
	}
}

// What another converter commits between a batch's begin and its commit is not there
// twice.
func TestMeanwhile(t *testing.T) {
	mine, theirs := t.TempDir(), t.TempDir()
	both, only := event("both", ""), event("mine", "")
	nameless := event("", "")
	write(t, filepath.Join(mine, "mine.json"), log(both, only, nameless, aggregated("1", 1), aggregated("2", 1)))
	for _, c := range []struct {
		name   string
		theirs string
		mine   func(o *Options)
		check  func(t *testing.T, s Summary, c *catalog.Catalog)
	}{
		{name: "nothing in common", theirs: log(event("theirs", "")), check: func(t *testing.T, s Summary, c *catalog.Catalog) {
			if n := len(table(t, c)); s.Records != 3 || s.Duplicates != 0 || s.Aggregated != 2 || n != 4 {
				t.Errorf("%d rows, %+v", n, s)
			}
		}},
		{name: "one record", theirs: log(both, nameless), check: func(t *testing.T, s Summary, c *catalog.Catalog) {
			if got := table(t, c); s.Records != 2 || s.Duplicates != 1 || len(got) != 3 || s.Files != 1 {
				t.Errorf("%d rows, %+v", len(got), s)
			}
			for text, n := range table(t, c) {
				if want := 1 + strings.Count(text, `"eventID":"x"`); n != want && strings.Contains(text, "eventID") {
					t.Errorf("%d times %s", n, text)
				}
			}
		}},
		{name: "another record of that id", theirs: log(event("both", `"x":1,`)), check: func(t *testing.T, s Summary, c *catalog.Catalog) {
			if n := len(table(t, c)); s.Records != 3 || s.Duplicates != 0 || n != 4 {
				t.Errorf("%d rows, %+v", n, s)
			}
		}},
		{name: "an aggregated event", theirs: log(aggregated("2", 1), event("theirs", "")), check: func(t *testing.T, s Summary, c *catalog.Catalog) {
			if n := len(rows[aggregatedRow](t, c, AggregatedTable)); s.Aggregated != 1 || s.Duplicates != 1 || n != 2 {
				t.Errorf("%d rows, %+v", n, s)
			}
		}},
		{name: "all events", theirs: log(both, only, aggregated("1", 1), aggregated("2", 1)), check: func(t *testing.T, s Summary, c *catalog.Catalog) {
			if n := len(table(t, c)); s.Records != 1 || s.Duplicates != 4 || s.Aggregated != 0 || n != 3 {
				t.Errorf("%d rows, %+v", n, s)
			}
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			write(t, filepath.Join(theirs, "theirs.json"), c.theirs)
			disk := newLocal(t, storagetest.NewMemory())
			other := open(t, disk)
			if err := other.Define(t.Context(), tableSpecs()...); err != nil {
				t.Fatal(err)
			}
			done := false
			s := &beforeCommit{local: disk, do: func() {
				if !done {
					done = true
					freeShares(t, disk)
					mustRun(t, Options{Catalog: other, Sources: []string{theirs}, Together: true})
				}
			}}
			summary := mustRun(t, Options{Catalog: open(t, s), Sources: []string{mine}, Together: true})
			c.check(t, summary, other)
			checkNoOrphans(t, other)
		})
	}
}

// Even if the shares are of no use, each object is converted once.
func TestMeanwhileSameObjects(t *testing.T) {
	src := sharedArchive(t)
	want := byOne(t, src)
	disk := newLocal(t, storagetest.NewMemory())
	other := open(t, disk)
	commits := 0
	s := &beforeCommit{local: disk, do: func() {
		if commits++; commits != 4 {
			return
		}
		freeShares(t, disk)
		o := togetherOptions(other, src)
		mustRun(t, o)
	}}
	summary := mustRun(t, togetherOptions(open(t, s), src))
	mustHold(t, want, other)
	checkNoOrphans(t, other)
	if commits < 4 || summary.Others == 0 || summary.Objects == 0 || summary.Objects+summary.Others != int64(len(want.Ledger)) {
		t.Errorf("%d commits, %+v of %d", commits, summary, len(want.Ledger))
	}
}

// The same of Security Lake's rows.
func TestMeanwhileSecurityLake(t *testing.T) {
	src := shared(t, "records")
	lone := warehouse(t)
	alone := mustRun(t, Options{Catalog: lone, Sources: []string{src}})
	want := total(ocsfPlaces(t, lone))
	if want == 0 {
		t.Fatal("no rows of Security Lake")
	}
	copied := t.TempDir()
	copyTree(t, src, copied, func(name string) string { return name })
	disk := newLocal(t, storagetest.NewMemory())
	other := open(t, disk)
	done := false
	s := &beforeCommit{local: disk, do: func() {
		// Behind the commits that make the tables.
		snapshot, err := other.Snapshot(t.Context())
		if err != nil {
			t.Error(err)
		}
		if _, err := snapshot.Table(OCSFTable); err == nil && !done {
			done = true
			freeShares(t, disk)
			mustRun(t, Options{Catalog: other, Sources: []string{copied}, Together: true})
		}
	}}
	summary := mustRun(t, Options{Catalog: open(t, s), Sources: []string{src}, Together: true})
	if got := total(ocsfPlaces(t, other)); got != want || !done {
		t.Errorf("%d rows of Security Lake, not %d", got, want)
	}
	if summary.Records >= alone.Records {
		t.Errorf("%d new records, as many as alone", summary.Records)
	}
	checkNoOrphans(t, other)
}

// A lone run waits until converters are done, and they wait for a lone run.
func TestLoneBesideTogether(t *testing.T) {
	src := sharedArchive(t)
	for _, first := range []string{"together", "lone"} {
		t.Run(first+" first", func(t *testing.T) {
			disk := newLocal(t, storagetest.NewMemory())
			open(t, disk) // makes the warehouse
			waits, ended := make(chan string, 1), make(chan error, 1)
			var second Summary
			started := false
			s := &beforeCommit{local: disk, do: func() {
				if started {
					return
				}
				started = true
				c := open(t, disk)
				go func() {
					var err error
					o := togetherOptions(c, src)
					o.Together = first != "together"
					o.Waiting = func(holder string) { waits <- holder }
					second, err = Run(t.Context(), o)
					ended <- err
				}()
				select {
				case <-waits:
				case err := <-ended:
					t.Errorf("it did not wait: %v", err)
					ended <- err
				}
			}}
			o := togetherOptions(open(t, s), src)
			o.Together = first == "together"
			summary := mustRun(t, o)
			if err := <-ended; err != nil {
				t.Fatal(err)
			}
			if summary.Objects == 0 || second.Objects != 0 || second.Unchanged == 0 {
				t.Errorf("the first %+v, the second %+v", summary, second)
			}
		})
	}
}

// A storage that fails at any operation: what is there is whole, and others
// complete it.
func TestTogetherFaults(t *testing.T) {
	src := crashArchive(t, 12)
	want := byOne(t, src)
	for name, o := range storageFaults() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			step := int64(1)
			if !long {
				step = 23
				if o.Ops&storagetest.Reads != 0 {
					step = 97
				}
				if testing.Short() {
					step *= 5
				}
			}
			for k := int64(1); ; k += step {
				inner := storagetest.NewMemory()
				disk := newLocal(t, inner)
				c := open(t, disk)
				o.At = k
				fault := storagetest.NewFault(inner, o)
				err := func() error {
					faulty, err := catalog.Open(t.Context(), "", catalog.Options{Storage: local{fault, disk.root}, Lease: testLease / 10})
					if err == nil {
						o := togetherOptions(faulty, src)
						o.Threads = 1
						_, err = Run(t.Context(), o)
					}
					return err
				}()
				if err == nil {
					mustHold(t, want, c)
				}
				mustRun(t, Options{Catalog: c, Sources: []string{src}, Together: true, Threads: 1})
				mustHold(t, want, c)
				mustRun(t, Options{Catalog: c, Sources: []string{src}})
				checkNoOrphans(t, c)
				checkNobodyLeft(t, c)
				if t.Failed() {
					t.Fatalf("operation %d: %s: %v", k, fault.Failed(), err)
				}
				if fault.Failed() == "" {
					break
				}
			}
		})
	}
}

// Converters on S3 over bad connections.
func TestTogetherOnBadNetwork(t *testing.T) {
	server := s3test.Start(t)
	src := sharedArchive(t)
	want := byOne(t, src)
	root := server.NewBucket(t) + "/lake"
	proxy := server.NewProxy(t, s3test.Random(7, 0.02, append(s3test.Recoverable, s3test.Late)...))
	errs := make(chan error)
	for range 3 {
		c, err := catalog.Create(t.Context(), "", catalog.Options{Storage: proxy.Open(t, root), Lease: 5 * testLease})
		if err != nil {
			t.Fatal(err)
		}
		go func() {
			for {
				_, err := Run(t.Context(), togetherOptions(c, src))
				if err == nil || !errors.Is(err, storage.ErrUnknown) {
					errs <- err
					return
				}
			}
		}()
	}
	for range 3 {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
	proxy.Wait()
	t.Logf("%d faults: %s", proxy.Injected(), proxy.Summary())
	c, err := catalog.Open(t.Context(), "", catalog.Options{Storage: server.Open(t, root)})
	if err != nil {
		t.Fatal(err)
	}
	mustHold(t, want, c)
}

// Shares depend on the path alone.
func TestShareOf(t *testing.T) {
	for path, want := range map[string]string{
		"s3://b/AWSLogs/111122223333/CloudTrail/us-east-1/2023/07/10/111122223333_CloudTrail_us-east-1_20230710T1205Z_abc.json.gz":          "2023-07-10_us-east-1_111122223333",
		"s3://c/copy/AWSLogs/o-1/111122223333/CloudTrail/us-east-1/2023/07/10/111122223333_CloudTrail_us-east-1_20230710T1205Z_def.json.gz": "2023-07-10_us-east-1_111122223333",
		"s3://lake/aws/CLOUD_TRAIL_MGMT/2.0/region=eu-west-1/accountId=111122223333/eventDay=20240401/x.parquet":                            "20240401_eu-west-1_111122223333",
		"/a/b.json":     "loose_",
		"/a/../../\x00": "loose_",
	} {
		o := object{path: path}
		got := shareOf(&o)
		if got != want && (want != "loose_" || !strings.HasPrefix(got, want) || got != fmt.Sprintf("loose_%s", got[6:])) {
			t.Errorf("%s: %q, want %q", path, got, want)
		}
		if strings.Trim(got, "abcdefghijklmnopqrstuvwxyz0123456789-_") != "" {
			t.Errorf("%s: %q is no name", path, got)
		}
	}
}
