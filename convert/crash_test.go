package convert

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/trailql/trailql/catalog"
	"github.com/trailql/trailql/catalog/storage"
	"github.com/trailql/trailql/catalog/storage/storagetest"
	"github.com/trailql/trailql/convert/cloudtrail"
)

// With TRAILQL_TEST_LONG the tests of this file try every point, not some.
var long = os.Getenv("TRAILQL_TEST_LONG") != ""

// TestMain lets the test binary be the process that converts and is killed.
func TestMain(m *testing.M) {
	if os.Getenv("TRAILQL_TEST_TOGETHER") != "" {
		if err := convertTogetherAsChild(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	if os.Getenv("TRAILQL_TEST_WAREHOUSE") != "" {
		if err := convertAsChild(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// convertAsChild converts as the environment says, and dies at the given
// storage operation.
func convertAsChild() error {
	s, err := storage.Open(os.Getenv("TRAILQL_TEST_WAREHOUSE"))
	if err != nil {
		return err
	}
	if n, err := strconv.ParseInt(os.Getenv("TRAILQL_TEST_DIE_AT"), 10, 64); err == nil {
		s = &mortal{Storage: s, left: n}
	}
	c, err := catalog.Create(context.Background(), "", catalog.Options{Storage: s})
	if err != nil {
		return err
	}
	_, err = Run(context.Background(), Options{
		Catalog: c, Sources: []string{os.Getenv("TRAILQL_TEST_SOURCE")}, Threads: 2, batchRecords: 12, taskObjects: 1,
	})
	return errors.Join(err, c.Close())
}

// child is a process that converts.
func child(t testing.TB, warehouse, source string, dieAt int64) *exec.Cmd {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "TRAILQL_TEST_WAREHOUSE="+warehouse, "TRAILQL_TEST_SOURCE="+source)
	if dieAt > 0 {
		cmd.Env = append(cmd.Env, "TRAILQL_TEST_DIE_AT="+strconv.FormatInt(dieAt, 10))
	}
	cmd.Stderr = new(bytes.Buffer)
	return cmd
}

// mortal is a storage whose process is killed at an operation that changes
// something: before it, behind it, or in the middle of a write.
type mortal struct {
	storage.Storage
	left int64
	end  func() // nil: die
}

func (m *mortal) change(do func() error) error {
	left := atomic.AddInt64(&m.left, -1)
	end := m.end
	if end == nil {
		end = die
	}
	if left == 0 {
		end()
	}
	err := do()
	if left == 1 {
		end()
	}
	return err
}

func die() {
	_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
	select {}
}

func (m *mortal) PutNew(ctx context.Context, name string, data []byte) error {
	return m.change(func() error { return m.Storage.PutNew(ctx, name, data) })
}

func (m *mortal) Put(ctx context.Context, name string, data []byte) error {
	return m.change(func() error { return m.Storage.Put(ctx, name, data) })
}

func (m *mortal) Remove(ctx context.Context, name string) error {
	return m.change(func() error { return m.Storage.Remove(ctx, name) })
}

func (m *mortal) Create(ctx context.Context, name string) (w storage.Writer, err error) {
	err = m.change(func() error {
		w, err = m.Storage.Create(ctx, name)
		return err
	})
	return &mortalWriter{w, m}, err
}

func (m *mortal) Sweep(ctx context.Context) (int, error) {
	if s, ok := m.Storage.(storage.Sweeper); ok {
		return s.Sweep(ctx)
	}
	return 0, nil
}

type mortalWriter struct {
	storage.Writer
	m *mortal
}

func (w *mortalWriter) Commit() error { return w.m.change(w.Writer.Commit) }

// crashArchive has objects that share partitions, with rejected, aggregated and
// nameless records in some, and none of its records twice.
func crashArchive(t testing.TB, objects int) string {
	t.Helper()
	src := t.TempDir()
	for i := range objects {
		var elements []string
		for k := range 5 {
			text := event(fmt.Sprintf("%d-%d", i, k), fmt.Sprintf(`"requestParameters":{"n":%d},`, k))
			elements = append(elements, strings.Replace(text, "07-10T12", fmt.Sprintf("07-%02dT%02d", 10+k%2, i%24), 1))
		}
		switch i % 4 {
		case 1:
			elements = append(elements, `"bad"`, event("", ""))
		case 2:
			elements = append(elements, aggregated(fmt.Sprint(i), 1))
		}
		write(t, filepath.Join(src, fmt.Sprintf("%03d.json", i)), log(elements...))
	}
	return src
}

// whole checks that a state is that of a number of whole objects of want.
func whole(t testing.TB, want, got state) {
	t.Helper()
	there := map[string]bool{}
	for _, r := range got.Ledger {
		there[r.Object] = true
	}
	expected := state{Logs: map[string]int{}}
	for key, n := range want.Logs {
		if fields := strings.Fields(key); there[fields[len(fields)-2]] {
			expected.Logs[key] = n
		}
	}
	for _, r := range want.Ledger {
		if there[r.Object] {
			expected.Ledger = append(expected.Ledger, r)
		}
	}
	for _, r := range want.Rejected {
		if there[r.Object] {
			expected.Rejected = append(expected.Rejected, r)
		}
	}
	for _, r := range want.Aggregated {
		if there[r.SourceObject] {
			expected.Aggregated = append(expected.Aggregated, r)
		}
	}
	if d := gocmp.Diff(expected, got); d != "" {
		t.Errorf("not a number of whole objects (-want +got):\n%s", d)
	}
}

// undisturbed is the state that a run makes without any mishap.
func undisturbed(t testing.TB, src string) state {
	t.Helper()
	c := warehouse(t)
	mustRun(t, Options{Catalog: c, Sources: []string{src}})
	st := read(t, c, true)
	if len(st.Logs) == 0 || len(st.Ledger) == 0 || len(st.Rejected) == 0 || len(st.Aggregated) == 0 {
		t.Fatal("an archive that shows nothing")
	}
	return st
}

func rowCount(s state) (n int) {
	for _, k := range s.Logs {
		n += k
	}
	return n
}

// storageFaults are the ways in which a storage fails, at an operation that the
// test chooses.
func storageFaults() map[string]storagetest.FaultOptions {
	return map[string]storagetest.FaultOptions{
		"write once":        {Ops: storagetest.Mutations},
		"write from then":   {Ops: storagetest.Mutations, Stay: true},
		"write answer lost": {Ops: storagetest.Mutations, Lost: true},
		"read once":         {Ops: storagetest.Reads},
		"all from then":     {Ops: storagetest.Reads | storagetest.Mutations, Stay: true, Lost: true},
	}
}

// The k-th operation of the warehouse's storage fails, for every k, as on a full
// disk: what is visible is whole, the next run completes to the same tables, and
// nothing is left lying about.
func TestWarehouseFaults(t *testing.T) {
	src := crashArchive(t, 16)
	want := undisturbed(t, src)
	// The first objects are there already, in so many files that the run joins
	// them.
	base := storagetest.NewMemory()
	before := open(t, newLocal(t, base))
	for i := range compactFiles - 1 {
		mustRun(t, Options{Catalog: before, Sources: []string{filepath.Join(src, fmt.Sprintf("00%d.json", i))}})
	}
	rowsBefore := rowCount(read(t, before, true))
	for name, o := range storageFaults() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			step := int64(1)
			if !long {
				step = 5
				if o.Ops&storagetest.Reads != 0 {
					step = 41
				}
				if testing.Short() {
					step *= 11
				}
			}
			failed, halves := 0, 0
			for k := int64(1); ; k += step {
				inner := base.Clone()
				o.At = k
				fault := storagetest.NewFault(inner, o)
				disk := newLocal(t, inner)
				var summary Summary
				err := func() error {
					c, err := catalog.Open(t.Context(), "", catalog.Options{Storage: local{fault, disk.root}})
					if err == nil {
						summary, err = Run(t.Context(), Options{Catalog: c, Sources: []string{src}, Threads: 1, batchRecords: 40, taskObjects: 1})
					}
					return err
				}()
				if err != nil {
					failed++
					if !errors.Is(err, syscall.ENOSPC) {
						t.Fatalf("operation %d (%s): error %v does not say ENOSPC", k, fault.Failed(), err)
					}
				}
				c := open(t, disk)
				half := read(t, c, true)
				whole(t, want, half)
				if there := rowsBefore + int(summary.Records); there > rowCount(half) {
					t.Errorf("says that it has added %d rows: %d, not %d", summary.Records, rowCount(half), there)
				}
				if n := len(half.Ledger); n > compactFiles-1 && n < len(want.Ledger) {
					halves++
				}
				if err == nil {
					if d := gocmp.Diff(want, half); d != "" {
						t.Errorf("no error, but not complete:\n%s", d)
					}
				}
				mustRun(t, Options{Catalog: c, Sources: []string{src}, Threads: 1})
				if d := gocmp.Diff(want, read(t, c, true)); d != "" {
					t.Errorf("the next run leaves:\n%s", d)
				}
				checkNoOrphans(t, c)
				if t.Failed() {
					t.Fatalf("operation %d: %s: %v", k, fault.Failed(), err)
				}
				if fault.Failed() == "" {
					break
				}
			}
			if !testing.Short() && (failed < 5 || halves < 2) {
				t.Errorf("only %d runs failed, %d of them half done", failed, halves)
			}
		})
	}
}

// A process that converts is killed at a storage operation, or at any moment.
func TestKill(t *testing.T) {
	if testing.Short() {
		t.Skip("starts a hundred processes")
	}
	src := crashArchive(t, 24)
	want := undisturbed(t, src)
	check := func(t *testing.T, root, when string) {
		t.Helper()
		c, err := catalog.Open(t.Context(), root, catalog.Options{})
		if errors.Is(err, catalog.ErrNotExist) {
			return // killed before there was a warehouse
		}
		if err != nil {
			t.Fatalf("%s: %v", when, err)
		}
		whole(t, want, read(t, c, true))
		if t.Failed() {
			t.Fatalf("killed %s", when)
		}
	}
	finish := func(t *testing.T, root, when string) {
		t.Helper()
		c := diskWarehouse(t, root)
		mustRun(t, Options{Catalog: c, Sources: []string{src}})
		if d := gocmp.Diff(want, read(t, c, true)); d != "" {
			t.Errorf("the next run leaves:\n%s", d)
		}
		checkNoOrphans(t, c)
		if t.Failed() {
			t.Fatalf("killed %s", when)
		}
	}
	t.Run("at an operation", func(t *testing.T) {
		kills := 0
		for k := int64(1); ; k += 3 + k/2 {
			root := t.TempDir()
			when := fmt.Sprintf("at operation %d", k)
			cmd := child(t, root, src, k)
			err := cmd.Run()
			if err == nil {
				break
			}
			if cmd.ProcessState.Exited() {
				t.Fatalf("%v: %s", err, cmd.Stderr)
			}
			kills++
			check(t, root, when)
			finish(t, root, when)
			if long {
				k -= 2 + k/2
			}
		}
		if kills < 8 {
			t.Errorf("only %d kills", kills)
		}
	})
	t.Run("again and again", func(t *testing.T) {
		// Each process goes on where the last was killed.
		root := t.TempDir()
		kills := 0
		for {
			cmd := child(t, root, src, int64(20+17*kills))
			err := cmd.Run()
			if err == nil {
				break
			}
			if cmd.ProcessState.Exited() {
				t.Fatalf("%v: %s", err, cmd.Stderr)
			}
			kills++
			check(t, root, fmt.Sprintf("the %d. time", kills))
		}
		finish(t, root, "again and again")
		if kills < 3 {
			t.Errorf("only %d kills", kills)
		}
	})
	t.Run("at any moment", func(t *testing.T) {
		n := 8
		if long {
			n = 200
		}
		for i := range n {
			root := t.TempDir()
			cmd := child(t, root, src, 0)
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			delay := time.Duration(10+i*37%300) * time.Millisecond
			time.Sleep(delay)
			_ = cmd.Process.Kill()
			_ = cmd.Wait()
			check(t, root, "after "+delay.String())
			finish(t, root, "after "+delay.String())
		}
	})
}

// Two processes that convert the same at once do the work once.
func TestTwoProcesses(t *testing.T) {
	src := crashArchive(t, 24)
	want := undisturbed(t, src)
	root := t.TempDir()
	var cmds []*exec.Cmd
	for range 3 {
		cmd := child(t, root, src, 0)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		cmds = append(cmds, cmd)
	}
	for _, cmd := range cmds {
		if err := cmd.Wait(); err != nil {
			t.Errorf("%v: %s", err, cmd.Stderr)
		}
	}
	c := diskWarehouse(t, root)
	if d := gocmp.Diff(want, read(t, c, true)); d != "" {
		t.Errorf("not the same:\n%s", d)
	}
	checkNoOrphans(t, c)
}

// Readers see one commit after another, each whole, while a run goes on.
func TestReadersBesideWriter(t *testing.T) {
	src := crashArchive(t, 40)
	want := undisturbed(t, src)
	c := diskWarehouse(t, t.TempDir())
	mustRun(t, Options{Catalog: c, Sources: []string{filepath.Join(src, "000.json")}})
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		_, err := Run(ctx, Options{Catalog: c, Sources: []string{src}, batchRecords: 10, taskObjects: 1, Threads: 2})
		done <- err
		stop()
	}()
	sizes := map[int]bool{}
	last := map[string]int{}
	for ctx.Err() == nil {
		st := read(t, c, true) // each reads one snapshot
		whole(t, want, st)
		for key := range last {
			if st.Logs[key] == 0 {
				t.Errorf("a row has gone: %s", key)
			}
		}
		last = maps.Clone(st.Logs)
		sizes[len(last)] = true
		n := 0
		err := Export(t.Context(), ExportOptions{Catalog: c, Write: func(_, _ string, _ []byte) error { n++; return nil }})
		if err != nil || n < len(last) {
			t.Errorf("export of %d records after %d: %v", n, len(last), err)
		}
		if t.Failed() {
			stop()
		}
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	whole(t, want, read(t, c, true))
	if len(sizes) < 3 {
		t.Errorf("readers saw only %d states", len(sizes))
	}
}

// Two runs in one process on one warehouse take turns.
func TestTwoRuns(t *testing.T) {
	src := crashArchive(t, 16)
	want := undisturbed(t, src)
	c := diskWarehouse(t, t.TempDir())
	var waited atomic.Int64
	errs := make(chan error, 2)
	for range 2 {
		go func() {
			_, err := Run(t.Context(), Options{Catalog: c, Sources: []string{src}, batchRecords: 10, taskObjects: 1, Waiting: func(string) { waited.Add(1) }})
			errs <- err
		}()
	}
	if err := errors.Join(<-errs, <-errs); err != nil {
		t.Fatal(err)
	}
	if d := gocmp.Diff(want, read(t, c, true)); d != "" {
		t.Errorf("not the same:\n%s", d)
	}
	if n := waited.Load(); n > 1 {
		t.Errorf("%d runs waited", n)
	}
}

// A region and day has few files, and their rows are what was added, however
// many runs added them; what is large is not written again for a little more.
func TestCompaction(t *testing.T) {
	src := t.TempDir()
	c := warehouse(t)
	var large []string
	for k := range 3000 {
		large = append(large, event(fmt.Sprint("large-", k), ""))
	}
	write(t, filepath.Join(src, "large.json"), log(large...))
	mustRun(t, Options{Catalog: c, Sources: []string{src}})
	const day = "us-east-1 2023-07-10"
	first := dataFiles(t, c, LogsTable)[day]
	if len(first) != 1 || first[0].Records != 3000 {
		t.Fatalf("%v", first)
	}
	written := int64(0)
	const runs = 40
	for i := range runs {
		for k := range 10 {
			write(t, filepath.Join(src, fmt.Sprintf("%d-%d.json", i, k)), log(event(fmt.Sprintf("%d-%d", i, k), "")))
		}
		s := mustRun(t, Options{Catalog: c, Sources: []string{src}})
		if s.Records != 10 || s.Objects != 10 {
			t.Fatalf("%+v", s)
		}
		written += s.Files
		files := dataFiles(t, c, LogsTable)[day]
		if len(files) > 2*compactFiles {
			t.Errorf("%d files after run %d", len(files), i)
		}
		kept := false
		for _, f := range files {
			kept = kept || f.Path == first[0].Path
		}
		if !kept {
			t.Errorf("run %d has written the large file again", i)
		}
		if n := len(dataFiles(t, c, LedgerTable)[""]); n > compactRecords {
			t.Errorf("%d ledger files after run %d", n, i)
		}
	}
	if written > 2*runs {
		t.Errorf("%d files written by %d runs", written, runs)
	}
	if got := table(t, c); len(got) != 3000+10*runs {
		t.Errorf("%d rows", len(got))
	}
	read(t, c, true) // sorted, and as many rows as the metadata say
	checkNoOrphans(t, c)
}

func TestChooseFiles(t *testing.T) {
	for _, c := range []struct {
		name string
		rows []int64
		want int
	}{
		{"none", nil, 0},
		{"one", []int64{5}, 0},
		{"few", []int64{5, 5, 5}, 0},
		{"several", []int64{5, 5, 5, 5}, 4},
		{"several and a large one", []int64{5, 9000, 5, 5, 5}, 4},
		{"a tiny one below several", []int64{1, 50, 50, 60, 70}, 5},
		{"each much larger than the last", []int64{1, 10, 100, 1000, 10_000}, 0},
		{"too large together", []int64{50_000, 50_000, 50_000, 50_000}, 0},
		{"as many as fit", []int64{20_000, 20_000, 20_000, 20_000, 20_000, 20_000}, 5},
		{"many of different size", []int64{1, 2, 3, 20, 30, 40, 200, 300, 400, 2000}, 4},
	} {
		t.Run(c.name, func(t *testing.T) {
			var files []catalog.DataFile
			for i, n := range c.rows {
				files = append(files, catalog.DataFile{Path: fmt.Sprint(i), Records: n})
			}
			got := chooseFiles(files, 100_000)
			var most int64
			for _, f := range got {
				most = max(most, f.Records)
			}
			if len(got) != c.want {
				t.Errorf("%d files, the largest of %d rows", len(got), most)
			}
		})
	}
}

// Export gives what the predicate asks for, and no more.
func TestExport(t *testing.T) {
	src := t.TempDir()
	at := func(id, when, region string) string {
		text := strings.Replace(event(id, ""), "2023-07-10T12:00:00Z", when, 1)
		return strings.Replace(text, "us-east-1", region, 1)
	}
	write(t, filepath.Join(src, "a.json"), log(
		at("a", "2023-07-10T00:00:00Z", "us-east-1"), at("b", "2023-07-10T12:00:00Z", "us-east-1"), at("c", "2023-07-11T00:00:00Z", "us-east-1"),
		at("d", "2023-07-10T12:00:00Z", "eu-west-1"), at("e", "2023-07-10T12:00:00Z", "../x")))
	c := warehouse(t)
	mustRun(t, Options{Catalog: c, Sources: []string{src}})
	when := func(s string) time.Time {
		v, err := time.Parse(time.RFC3339, s)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	for _, tc := range []struct {
		name string
		p    catalog.Predicate
		want string
	}{
		{"all", catalog.Predicate{}, "eu-west-1/2023-07-10/d unknown/2023-07-10/e us-east-1/2023-07-10/a us-east-1/2023-07-10/b us-east-1/2023-07-11/c"},
		{"region", catalog.Predicate{Regions: []string{"us-east-1"}}, "us-east-1/2023-07-10/a us-east-1/2023-07-10/b us-east-1/2023-07-11/c"},
		{"from", catalog.Predicate{From: when("2023-07-10T12:00:00Z"), Regions: []string{"us-east-1"}}, "us-east-1/2023-07-10/b us-east-1/2023-07-11/c"},
		{"to", catalog.Predicate{To: when("2023-07-10T12:00:00Z")}, "us-east-1/2023-07-10/a"},
		{"nothing", catalog.Predicate{From: when("2024-01-01T00:00:00Z")}, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var got []string
			err := Export(t.Context(), ExportOptions{Catalog: c, Predicate: tc.p, Write: func(region, date string, rec []byte) error {
				got = append(got, region+"/"+date+"/"+cloudtrail.Member(rec, "eventID"))
				return nil
			}})
			if err != nil || strings.Join(got, " ") != tc.want {
				t.Errorf("%v, %v; want %s", got, err, tc.want)
			}
		})
	}
	stop := errors.New("enough")
	n := 0
	if err := Export(t.Context(), ExportOptions{Catalog: c, Write: func(_, _ string, _ []byte) error { n++; return stop }}); !errors.Is(err, stop) || n != 1 {
		t.Errorf("%v after %d", err, n)
	}
}
