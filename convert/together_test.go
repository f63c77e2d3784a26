package convert

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/trailql/trailql/catalog"
	"github.com/trailql/trailql/catalog/storage"
	"github.com/trailql/trailql/catalog/storage/s3"
	"github.com/trailql/trailql/catalog/storage/s3/s3test"
)

// testLease is short. Where a machine is so slow that a converter does not renew it
// in time, the converter is given up and joins again: the tables are the same.
const testLease = time.Second

// mortalBucket is a mortal with the storage's own way to swap.
type mortalBucket struct{ *mortal }

func (m mortalBucket) Load(ctx context.Context, name string) ([]byte, string, time.Duration, error) {
	return m.Storage.(storage.Swapper).Load(ctx, name)
}

func (m mortalBucket) Swap(ctx context.Context, name, etag string, data []byte) (newETag string, err error) {
	err = m.change(func() error {
		newETag, err = m.Storage.(storage.Swapper).Swap(ctx, name, etag, data)
		return err
	})
	return newETag, err
}

// convertTogetherAsChild is a process that converts beside others. It dies, or is
// paused, at the given storage operation.
func convertTogetherAsChild() error {
	ctx := context.Background()
	root := os.Getenv("TRAILQL_TEST_WAREHOUSE")
	var s storage.Storage
	var err error
	if strings.HasPrefix(root, "s3://") {
		s, err = s3.Open(ctx, root, s3.Options{}) // the endpoint is in the environment
	} else {
		s, err = storage.Open(root)
	}
	if err != nil {
		return err
	}
	pauseOnce := sync.OnceFunc(func() { _ = syscall.Kill(os.Getpid(), syscall.SIGSTOP) })
	for name, end := range map[string]func(){"TRAILQL_TEST_DIE_AT": die, "TRAILQL_TEST_PAUSE_AT": pauseOnce} {
		if n, err := strconv.ParseInt(os.Getenv(name), 10, 64); err == nil {
			m := &mortal{Storage: s, left: n, end: end}
			if s = m; strings.HasPrefix(root, "s3://") {
				s = mortalBucket{m}
			}
		}
	}
	c, err := catalog.Create(ctx, "", catalog.Options{Storage: s, Lease: testLease})
	if err != nil {
		return err
	}
	_, err = Run(ctx, togetherOptions(c, os.Getenv("TRAILQL_TEST_SOURCE")))
	return errors.Join(err, c.Close())
}

// togetherOptions make small shares and batches.
func togetherOptions(c *catalog.Catalog, src string) Options {
	return Options{Catalog: c, Sources: []string{src}, Together: true, Threads: 2, batchRecords: 12, taskObjects: 1, leastTaken: 1}
}

func togetherChild(t testing.TB, warehouse, source string, env ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "TRAILQL_TEST_TOGETHER=1", "TRAILQL_TEST_WAREHOUSE="+warehouse, "TRAILQL_TEST_SOURCE="+source)
	cmd.Env = append(cmd.Env, env...)
	cmd.Stderr = new(bytes.Buffer)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if cmd.ProcessState == nil {
			_ = cmd.Process.Kill()
			_ = cmd.Wait()
		}
	})
	return cmd
}

// isPaused says whether a process has been stopped by a signal.
func isPaused(t testing.TB, cmd *exec.Cmd) bool {
	t.Helper()
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", cmd.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(stat), ") ")
	switch rest[0] {
	case 'T':
		return true
	case 'Z':
		t.Fatalf("it has ended instead of being paused: %v: %s", cmd.Wait(), cmd.Stderr)
	}
	return false
}

// sharedArchive has objects of several shares and some loose ones, with rejected,
// aggregated and nameless records. One object in three is delivered once more, in
// the share of the next day: its records, but for the nameless ones, are to be in
// the table once.
func sharedArchive(t testing.TB) string {
	t.Helper()
	src := t.TempDir()
	n := 0
	for _, account := range []string{"111122223333", "444455556666"} {
		for _, region := range []string{"us-east-1", "eu-west-1"} {
			for day := 10; day < 13; day++ {
				for i := range 3 {
					n++
					var elements []string
					for k := range 4 {
						text := event(fmt.Sprintf("%d-%d", n, k), fmt.Sprintf(`"requestParameters":{"n":%d},`, k))
						elements = append(elements, strings.Replace(text, "07-10T12", fmt.Sprintf("07-%02dT%02d", day, 6*k), 1))
					}
					name := func(day int) string {
						return filepath.Join(src, "AWSLogs", account, "CloudTrail", region, "2023/07", strconv.Itoa(day),
							fmt.Sprintf("%s_CloudTrail_%s_202307%dT12%02dZ_%016d.json", account, region, day, 5*i, n))
					}
					switch i {
					case 0:
						elements = append(elements, aggregated(fmt.Sprint(n), 1))
						write(t, name(day+1), log(elements...))
					case 1:
						elements = append(elements, `"bad"`, event("", ""))
					}
					write(t, name(day), log(elements...))
				}
			}
		}
	}
	for i := range 12 {
		write(t, filepath.Join(src, "loose", fmt.Sprintf("%03d.json", i)), log(event(fmt.Sprint("loose", i), ""), event(fmt.Sprint("loose", i, "b"), "")))
	}
	return src
}

// withoutProvenance forgets which of two deliveries an aggregated event is from.
func withoutProvenance(s state) state {
	for i := range s.Aggregated {
		s.Aggregated[i].SourceObject = ""
	}
	return s
}

// byOne is what one converter makes of sources.
func byOne(t testing.TB, sources ...string) state {
	t.Helper()
	c := warehouse(t)
	mustRun(t, Options{Catalog: c, Sources: sources})
	return withoutProvenance(read(t, c, false))
}

// mustHold checks what a warehouse holds.
func mustHold(t testing.TB, want state, c *catalog.Catalog) {
	t.Helper()
	if d := gocmp.Diff(want, withoutProvenance(read(t, c, false))); d != "" {
		t.Fatalf("not the same (-want +got):\n%s", d)
	}
}

// eachWarehouse runs a test on a folder and on S3.
func eachWarehouse(t *testing.T, test func(t *testing.T, newRoot func() string, open func(root string) *catalog.Catalog, env ...string)) {
	t.Run("folder", func(t *testing.T) {
		test(t, t.TempDir, func(root string) *catalog.Catalog { return diskWarehouse(t, root) })
	})
	t.Run("s3", func(t *testing.T) {
		server := s3test.Start(t)
		test(t, func() string { return server.NewBucket(t) + "/lake" }, func(root string) *catalog.Catalog {
			c, err := catalog.Create(t.Context(), "", catalog.Options{Storage: server.Open(t, root), Lease: testLease})
			if err != nil {
				t.Fatal(err)
			}
			return c
		}, "AWS_ENDPOINT_URL_S3="+server.URL)
	})
}

// Four processes convert one archive. One is killed, one is paused for longer than
// its lease lasts: the others do all of the work, and nothing is there twice when
// the paused one goes on.
func TestFourConverters(t *testing.T) {
	if testing.Short() {
		t.Skip("starts many processes")
	}
	src := sharedArchive(t)
	want := byOne(t, src)
	eachWarehouse(t, func(t *testing.T, newRoot func() string, open func(string) *catalog.Catalog, env ...string) {
		points := [][2]int{{35, 50}, {60, 35}}
		if long {
			points = nil
			for k := 4; k < 90; k += 3 {
				points = append(points, [2]int{k, 4 + (k*37)%87})
			}
		}
		for _, at := range points {
			t.Run(fmt.Sprintf("killed at %d and paused at %d", at[0], at[1]), func(t *testing.T) {
				root := newRoot()
				killed := togetherChild(t, root, src, append(env, fmt.Sprint("TRAILQL_TEST_DIE_AT=", at[0]))...)
				paused := togetherChild(t, root, src, append(env, fmt.Sprint("TRAILQL_TEST_PAUSE_AT=", at[1]))...)
				for !isPaused(t, paused) {
					time.Sleep(10 * time.Millisecond)
				}
				others := []*exec.Cmd{togetherChild(t, root, src, env...), togetherChild(t, root, src, env...)}
				if err := killed.Wait(); err == nil || killed.ProcessState.Exited() {
					t.Errorf("one should have been killed: %v: %s", err, killed.Stderr)
				}
				for _, cmd := range others {
					if err := cmd.Wait(); err != nil {
						t.Fatalf("%v: %s", err, cmd.Stderr)
					}
				}
				c := open(root)
				mustHold(t, want, c)
				if err := paused.Process.Signal(syscall.SIGCONT); err != nil {
					t.Fatal(err)
				}
				if err := paused.Wait(); err != nil {
					t.Errorf("the paused one: %v: %s", err, paused.Stderr)
				}
				mustHold(t, want, c)
				checkNoOrphans(t, c)
				// A lone run finds nothing to do, but for shares whose holder has died.
				s := mustRun(t, Options{Catalog: c, Sources: []string{src}})
				if s.Objects+s.Records != 0 {
					t.Errorf("a run behind them converts %+v", s)
				}
				checkNobodyLeft(t, c)
			})
		}
	})
}

// checkNobodyLeft checks that converters take away what they agree by.
func checkNobodyLeft(t testing.TB, c *catalog.Catalog) {
	t.Helper()
	for _, dir := range []string{"catalog/converters", "catalog/shares"} {
		for o, err := range c.Storage().List(t.Context(), dir) {
			if err != nil {
				t.Fatal(err)
			}
			t.Errorf("left behind: %s", o.Name)
		}
	}
}

// Converters that come and go at any moment.
func TestConvertersComeAndGo(t *testing.T) {
	if testing.Short() {
		t.Skip("starts many processes")
	}
	src := sharedArchive(t)
	want := byOne(t, src)
	eachWarehouse(t, func(t *testing.T, newRoot func() string, open func(string) *catalog.Catalog, env ...string) {
		rounds := 2
		if long {
			rounds = 20
		}
		for range rounds {
			root := newRoot()
			var killed []*exec.Cmd
			for range 4 {
				killed = append(killed, togetherChild(t, root, src, append(env, fmt.Sprint("TRAILQL_TEST_DIE_AT=", 5+rand.IntN(80)))...))
			}
			last := togetherChild(t, root, src, env...)
			for _, cmd := range killed {
				if err := cmd.Wait(); err != nil && cmd.ProcessState.Exited() {
					t.Errorf("%v: %s", err, cmd.Stderr)
				}
			}
			if err := last.Wait(); err != nil {
				t.Fatalf("%v: %s", err, last.Stderr)
			}
			mustHold(t, want, open(root))
		}
	})
}

// Converters in one process, each with a catalog of its own: the whole corpus of
// real records has the same rows as by one.
func TestCorpusTogether(t *testing.T) {
	root := shared(t, "archive")
	sources := []string{root, shared(t, "records")}
	want := byOne(t, sources...)
	dir := t.TempDir()
	var records, objects atomic.Int64
	errs := make(chan error)
	for range 4 {
		c, err := catalog.Create(t.Context(), dir, catalog.Options{})
		if err != nil {
			t.Fatal(err)
		}
		go func() {
			o := togetherOptions(c, "")
			o.Sources, o.batchRecords = sources, int64(50+rand.IntN(2000))
			s, err := Run(t.Context(), o)
			records.Add(s.Records)
			objects.Add(s.Objects + s.Digests + s.Foreign)
			errs <- err
		}()
	}
	for range 4 {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
	c := diskWarehouse(t, dir)
	mustHold(t, want, c)
	checkNoOrphans(t, c)
	checkNobodyLeft(t, c)
	if n := int64(len(want.Ledger)); objects.Load() != n {
		t.Errorf("%d objects converted, there are %d", objects.Load(), n)
	}
	if n := int64(rowCount(want)); records.Load() < n { // Security Lake's are not among them
		t.Errorf("%d new records, the table has %d", records.Load(), n)
	}
}
