package convert

import (
	"archive/zip"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/trailql/trailql/catalog/storage"
	"github.com/trailql/trailql/catalog/storage/storagetest"
	"github.com/trailql/trailql/convert/cloudtrail"
)

// event is a small record; without an id it has none.
func event(id, members string) string {
	if id != "" {
		members += `"eventID":"` + id + `",`
	}
	return `{"eventVersion":"1.08","eventTime":"2023-07-10T12:00:00Z",` + members + `"eventSource":"s3.amazonaws.com","awsRegion":"us-east-1"}`
}

func log(elements ...string) string { return `{"Records":[` + strings.Join(elements, ",") + `]}` }

func gz(text string) string {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, _ = w.Write([]byte(text))
	_ = w.Close()
	return b.String()
}

const logName = "AWSLogs/111111111111/CloudTrail/us-east-1/2023/07/10/111111111111_CloudTrail_us-east-1_20230710T1205Z_abcdefghijklmnop.json.gz"

// What an object turns out to be, and what is rejected in it. Converting it
// again, touched, changes nothing.
func TestObjects(t *testing.T) {
	foreign := func(n int) string { return strings.Repeat(`{"level":"info","message":"hello"}`+"\n", n) }
	latin1 := strings.Replace(event("x", `"userAgent":"?",`), "?", "\xe9", 1)
	type rejected struct{ Index, Offset, Size int64 }
	for _, c := range []struct {
		name     string
		file     string
		text     string
		want     Summary // the kinds, Records, Duplicates, Rejected, Aggregated
		kind     string
		reasons  []string
		raws     []string
		encoding string
		place    rejected // of the first
	}{
		{name: "log file", file: "a.json", text: log(event("a", ""), event("b", "")), want: Summary{Objects: 1, Records: 2}, kind: "log"},
		{name: "log file without records", file: "a.json", text: log(), want: Summary{Objects: 1}, kind: "log"},
		{name: "digest", file: "a.json", text: `{"digestStartTime":"t","digestS3Object":"o"}`, want: Summary{Digests: 1}, kind: "digest"},
		{name: "foreign JSON", file: "a.json", text: `{"a":1}`, want: Summary{Foreign: 1}, kind: "foreign"},
		{name: "foreign JSON, broken", file: "a.json", text: `{"a":1,,}`, want: Summary{Foreign: 1}, kind: "foreign"},
		{name: "foreign lines", file: "a.json", text: foreign(5), want: Summary{Foreign: 1}, kind: "foreign"},
		{name: "foreign lines, many", file: "a.json", text: foreign(1000), want: Summary{Foreign: 1}, kind: "foreign"},
		{name: "foreign text", file: "a.txt", text: "[INFO] hello\n[INFO] world\n", want: Summary{Foreign: 1}, kind: "foreign"},
		{name: "foreign text, gzip", file: "a.gz", text: gz("hello"), want: Summary{Foreign: 1}, kind: "foreign"},
		{name: "Parquet", file: "a.parquet", text: "PAR1....PAR1", want: Summary{Foreign: 1}, kind: "foreign"},
		{name: "empty file", file: "a.json", text: "", want: Summary{Foreign: 1}, kind: "foreign"},

		{name: "log file's name, empty", file: logName, text: "", want: Summary{Objects: 1, Rejected: 1}, kind: "log", reasons: []string{errNoLog.Error()}, raws: []string{""}, encoding: "utf-8"},
		{name: "log file's name, text", file: logName, text: "hello", want: Summary{Objects: 1, Rejected: 1}, kind: "log", reasons: []string{errNoLog.Error()}, raws: []string{"hello"}, encoding: "utf-8", place: rejected{0, 0, 5}},
		{name: "log file's name, binary", file: logName, text: "\xff\xfe\x00", want: Summary{Objects: 1, Rejected: 1}, kind: "log", reasons: []string{errNoLog.Error()}, raws: []string{base64.StdEncoding.EncodeToString([]byte("\xff\xfe\x00"))}, encoding: "base64", place: rejected{0, 0, 3}},
		{name: "log file's name, foreign JSON", file: logName, text: `{"a":1}`, want: Summary{Objects: 1, Rejected: 1}, kind: "log", reasons: []string{"not a CloudTrail record"}, raws: []string{`{"a":1}`}, encoding: "utf-8", place: rejected{0, 0, 7}},
		{name: "log file's name, foreign lines", file: logName, text: foreign(20), want: Summary{Objects: 1, Rejected: 20}, kind: "log", reasons: slices.Repeat([]string{"not a CloudTrail record"}, 20)},
		{name: "log file's name, no records", file: logName, text: gz(log()), want: Summary{Objects: 1}, kind: "log"},
		{name: "log file's name, digest", file: logName, text: `{"digestStartTime":"t","digestS3Object":"o"}`, want: Summary{Objects: 1, Rejected: 1}, kind: "log", reasons: []string{errNoLog.Error()}, raws: []string{`{"digestStartTime":"t","digestS3Object":"o"}`}, encoding: "utf-8", place: rejected{0, 0, 44}},

		{name: "one bad of three", file: "a.json", text: log(event("a", ""), `{"eventName":"x"}`, event("b", "")), want: Summary{Objects: 1, Records: 2, Rejected: 1}, kind: "log", reasons: []string{"not a CloudTrail record"}, raws: []string{`{"eventName":"x"}`}, encoding: "utf-8", place: rejected{1, int64(len(log(event("a", "")))) - 1, 17}},
		{name: "many bad before a good one", file: "a.json", text: foreign(100) + event("a", ""), want: Summary{Objects: 1, Records: 1, Rejected: 100}, kind: "log", reasons: slices.Repeat([]string{"not a CloudTrail record"}, 100)},
		{name: "many bad, gzip", file: "a.gz", text: gz(foreign(17) + event("a", "")), want: Summary{Objects: 1, Records: 1, Rejected: 17}, kind: "log", reasons: slices.Repeat([]string{"not a CloudTrail record"}, 17)},
		{name: "not UTF-8", file: "a.json", text: log(latin1), want: Summary{Objects: 1, Rejected: 1}, kind: "log", reasons: []string{"not valid UTF-8"}, raws: []string{base64.StdEncoding.EncodeToString([]byte(latin1))}, encoding: "base64", place: rejected{0, 12, int64(len(latin1))}},
		{name: "no event time", file: "a.json", text: strings.Replace(event("a", ""), "eventTime", "time", 1), want: Summary{Objects: 1, Rejected: 1}, kind: "log", reasons: []string{"no eventTime"}, encoding: "utf-8"},
		{name: "truncated gzip", file: "a.json", text: gz(log(event("a", "")))[:60], want: Summary{Objects: 1, Rejected: 1}, kind: "log", reasons: []string{"gzip data ends early: object ends early"}},
		{name: "bad checksum", file: "a.json", text: strings.Replace(gz(log(event("a", ""))), gz(log(event("a", "")))[len(gz(log(event("a", ""))))-8:], "12345678", 1), want: Summary{Objects: 1, Records: 1, Rejected: 1}, kind: "log", reasons: []string{"gzip checksum does not match"}},
		{name: "the same record twice", file: "a.json", text: log(event("a", ""), event("a", "")), want: Summary{Objects: 1, Records: 1, Duplicates: 1}, kind: "log"},
		{name: "one id, two records", file: "a.json", text: log(event("a", `"x":1,`), event("a", `"x":2,`), event("a", `"x":1,`)), want: Summary{Objects: 1, Records: 2, Duplicates: 1}, kind: "log"},
		{name: "records without id", file: "a.json", text: log(event("", ""), event("", ""), event("", `"eventID":"",`), event("", `"eventID":null,`)), want: Summary{Objects: 1, Records: 4}, kind: "log"},
		{name: "aggregated events", file: "a.json", text: log(aggregated("a", 1), aggregated("b", 1), aggregated("a", 1), aggregated("a", 2)), want: Summary{Objects: 1, Duplicates: 1, Aggregated: 3}, kind: "log"},
	} {
		t.Run(c.name, func(t *testing.T) {
			wh, src := warehouse(t), t.TempDir()
			path := filepath.Join(src, c.file)
			write(t, path, c.text)
			var told []string
			s := mustRun(t, Options{Catalog: wh, Sources: []string{src}, Reject: func(object, reason string) {
				if object != path {
					t.Errorf("told of %s", object)
				}
				told = append(told, reason)
			}})
			got := Summary{
				Objects: s.Objects, Digests: s.Digests, Foreign: s.Foreign, Unreadable: s.Unreadable, Unchanged: s.Unchanged,
				Records: s.Records, Duplicates: s.Duplicates, Rejected: s.Rejected, Aggregated: s.Aggregated,
			}
			if d := gocmp.Diff(c.want, got); d != "" {
				t.Errorf("summary (-want +got):\n%s", d)
			}
			st := read(t, wh, true)
			if len(st.Ledger) != 1 || st.Ledger[0].Kind != c.kind || st.Ledger[0].Object != path || st.Ledger[0].Size != int64(len(c.text)) ||
				st.Ledger[0].Records != c.want.Records+c.want.Duplicates+c.want.Aggregated || st.Ledger[0].Rejected != c.want.Rejected {
				t.Errorf("ledger %+v", st.Ledger)
			}
			if c.want.Records > 0 && st.Ledger[0].First.Format(time.RFC3339) != "2023-07-10T12:00:00Z" {
				t.Errorf("first event time %v", st.Ledger[0].First)
			}
			var reasons, raws []string
			for i, r := range rows[rejectedRow](t, wh, RejectedTable) {
				reasons, raws = append(reasons, r.Reason), append(raws, r.Raw)
				if c.encoding != "" && r.Encoding != c.encoding || r.Object != path || r.Batch == "" || r.Rejected.IsZero() {
					t.Errorf("rejected row %+v", r)
				}
				if place := (rejected{r.Index, r.Offset, r.Size}); i == 0 && c.place != (rejected{}) && place != c.place {
					t.Errorf("place %+v, want %+v", place, c.place)
				}
			}
			if d := gocmp.Diff(c.reasons, reasons); d != "" {
				t.Errorf("reasons (-want +got):\n%s", d)
			}
			if d := gocmp.Diff(c.raws, raws); c.raws != nil && d != "" {
				t.Errorf("raw (-want +got):\n%s", d)
			}
			if len(told) != len(reasons) {
				t.Errorf("told of %q", told)
			}

			if err := os.Chtimes(path, time.Now(), time.Now().Add(time.Hour)); err != nil {
				t.Fatal(err)
			}
			s = mustRun(t, Options{Catalog: wh, Sources: []string{src}})
			if s.Unchanged != 0 || s.Records != 0 || s.Aggregated != 0 || s.Duplicates != c.want.Records+c.want.Duplicates+c.want.Aggregated {
				t.Errorf("again: %+v", s)
			}
			again := read(t, wh, true)
			if len(again.Ledger) != 2 {
				t.Errorf("ledger again: %+v", again.Ledger)
			}
			again.Ledger = st.Ledger
			if d := gocmp.Diff(st, again); d != "" {
				t.Errorf("again:\n%s", d)
			}
			checkNoOrphans(t, wh)
		})
	}
}

func aggregated(id string, count int) string {
	return fmt.Sprintf(`{"eventVersion":"1.0","accountId":"1","eventId":%q,"eventCategory":"Aggregated","eventType":"AwsAggregatedEvent","awsRegion":"us-east-1","eventSource":"s3.amazonaws.com",`+
		`"timeWindow":{"windowStart":"2025-11-01T00:00:00Z","windowEnd":"2025-11-01T00:05:00Z","windowSize":"PT5M"},"summary":{"n":%d}}`, id, count)
}

func TestAggregated(t *testing.T) {
	wh, src := warehouse(t), t.TempDir()
	write(t, filepath.Join(src, "1.json"), log(aggregated("a", 1), event("e", "")))
	write(t, filepath.Join(src, "2.json"), log(aggregated("a", 1), aggregated("b", 7)))
	s := mustRun(t, Options{Catalog: wh, Sources: []string{src}})
	if s.Aggregated != 2 || s.Duplicates != 1 || s.Records != 1 {
		t.Errorf("%+v", s)
	}
	write(t, filepath.Join(src, "3.json"), log(aggregated("b", 7), aggregated("c", 1)))
	s = mustRun(t, Options{Catalog: wh, Sources: []string{src}})
	if s.Aggregated != 1 || s.Duplicates != 1 || s.Unchanged != 2 {
		t.Errorf("%+v", s)
	}
	for _, r := range rows[aggregatedRow](t, wh, AggregatedTable) {
		if r.EventID == "b" && (r.AccountID != "1" || r.AWSRegion != "us-east-1" || r.EventSource != "s3.amazonaws.com" || r.Summary != `{"n":7}` ||
			r.WindowStart != "2025-11-01T00:00:00Z" || r.WindowEnd != "2025-11-01T00:05:00Z" || !cloudtrail.EqualJSON([]byte(r.EventJSON), []byte(aggregated("b", 7)))) {
			t.Errorf("row %+v", r)
		}
	}
}

// Records without an id are told apart by object and place, and by nothing else.
func TestRecordsWithoutID(t *testing.T) {
	src := t.TempDir()
	write(t, filepath.Join(src, "1.json"), log(event("", ""), event("", ""), event("", "")))
	write(t, filepath.Join(src, "2.json"), log(event("", ""), event("", "")))
	for name, o := range map[string]Options{"one batch": {}, "many batches": {batchRecords: 1, taskObjects: 1}, "little memory": {Memory: 1}} {
		t.Run(name, func(t *testing.T) {
			wh := warehouse(t)
			o.Catalog, o.Sources = wh, []string{src}
			if s := mustRun(t, o); s.Records != 5 || s.Duplicates != 0 {
				t.Errorf("%+v", s)
			}
			for _, f := range []string{"1.json", "2.json"} {
				if err := os.Chtimes(filepath.Join(src, f), time.Now(), time.Now().Add(time.Hour)); err != nil {
					t.Fatal(err)
				}
			}
			if s := mustRun(t, o); s.Records != 0 || s.Duplicates != 5 {
				t.Errorf("again: %+v", s)
			}
		})
	}
}

func zipped(t testing.TB, members ...[2]string) string {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for _, m := range members {
		f, err := w.CreateHeader(&zip.FileHeader{Name: m[0], Method: zip.Deflate})
		if err == nil {
			_, err = f.Write([]byte(m[1]))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestZip(t *testing.T) {
	good := [][2]string{
		{"folder/", ""}, {"a.json", log(event("a", ""), event("", ""))}, {"README.txt", "[hello]\n"}, {"foreign.json", strings.Repeat(`{"a":1}`, 30)},
		{"b.json.gz", gz(log(event("b", ""), `17`, event("", "")))}, {"mixed.jsonl", strings.Repeat(`{"a":1}`+"\n", 30) + event("c", "")},
	}
	whole := zipped(t, good...)
	t.Run("good", func(t *testing.T) {
		wh, src := warehouse(t), t.TempDir()
		write(t, filepath.Join(src, "a.zip"), whole)
		s := mustRun(t, Options{Catalog: wh, Sources: []string{src}})
		if s.Objects != 1 || s.Records != 5 || s.Rejected != 31 || s.Foreign != 0 {
			t.Errorf("%+v", s)
		}
		if st := read(t, wh, true); st.Ledger[0].SHA256 == "" || st.Ledger[0].Records != 5 || st.Ledger[0].Rejected != 31 {
			t.Errorf("ledger %+v", st.Ledger)
		}
	})
	t.Run("nothing of CloudTrail's", func(t *testing.T) {
		wh, src := warehouse(t), t.TempDir()
		write(t, filepath.Join(src, "a.zip"), zipped(t, good[0], good[2], good[3]))
		if s := mustRun(t, Options{Catalog: wh, Sources: []string{src}}); s.Foreign != 1 || s.Objects != 0 || s.Rejected != 0 {
			t.Errorf("%+v", s)
		}
	})
	t.Run("bad member", func(t *testing.T) {
		wh, src := warehouse(t), t.TempDir()
		b := []byte(whole)
		at := bytes.Index(b, []byte("a.json")) + len("a.json")
		b[at+12] ^= 0x40 // in the member's data
		write(t, filepath.Join(src, "a.zip"), string(b))
		s := mustRun(t, Options{Catalog: wh, Sources: []string{src}})
		if s.Objects != 1 || s.Records < 3 || s.Records > 5 || s.Rejected < 32 {
			t.Errorf("%+v", s)
		}
		again := mustRun(t, Options{Catalog: wh, Sources: []string{src}})
		if again.Unchanged != 1 {
			t.Errorf("again: %+v", again)
		}
	})
	t.Run("cut", func(t *testing.T) {
		wh, src := warehouse(t), t.TempDir()
		write(t, filepath.Join(src, "a.zip"), whole[:len(whole)-30])
		if s := mustRun(t, Options{Catalog: wh, Sources: []string{src}}); s.Objects != 1 || s.Records != 0 || s.Rejected != 1 {
			t.Errorf("%+v", s)
		}
	})
}

// What cannot be listed or read is told, does not stop the rest, and is tried
// again.
func TestUnreadable(t *testing.T) {
	wh, src := warehouse(t), t.TempDir()
	write(t, filepath.Join(src, "b.json"), log(event("b", "")))
	write(t, filepath.Join(src, "elsewhere", "c.json"), log(event("c", "")))
	missing := filepath.Join(src, "a.json")
	for link, target := range map[string]string{missing: "target", filepath.Join(src, "folder"): "elsewhere"} {
		if err := os.Symlink(target, link); err != nil {
			t.Fatal(err)
		}
	}
	var told []string
	o := Options{Catalog: wh, Sources: []string{src}, Reject: func(object, _ string) { told = append(told, object) }}
	s := mustRun(t, o)
	if s.Unreadable != 2 || s.Objects != 2 || s.Records != 2 || len(told) != 2 {
		t.Errorf("%+v, told of %q", s, told)
	}
	write(t, filepath.Join(src, "target"), log(event("a", "")))
	s = mustRun(t, o)
	if s.Unreadable != 1 || s.Records != 1 {
		t.Errorf("%+v", s)
	}
	if n := len(rows[rejectedRow](t, wh, RejectedTable)); n != 0 {
		t.Errorf("%d rejected rows", n)
	}
}

func TestMissingSource(t *testing.T) {
	for _, src := range []string{"nowhere", "nowhere/*.gz", "["} {
		if _, err := Run(t.Context(), Options{Catalog: warehouse(t), Sources: []string{filepath.Join(t.TempDir(), src)}}); err == nil {
			t.Errorf("%q is no error", src)
		}
	}
}

// The k-th read of the archive fails, for every k: the object is told as
// unreadable, none of its half is taken for broken, and the next run completes.
func TestSourceFaults(t *testing.T) {
	src := t.TempDir()
	write(t, filepath.Join(src, "1.json.gz"), gz(log(event("a", ""), `"bad"`, event("b", ""))))
	write(t, filepath.Join(src, "2.jsonl"), strings.Repeat(`{"x":1}`+"\n", 20)+event("c", "")+"\n"+event("", ""))
	write(t, filepath.Join(src, "3.zip"), zipped(t, [2]string{"a", log(event("d", ""))}, [2]string{"b", `{"eventName":"x"}`}, [2]string{"c", event("e", "")}))
	write(t, filepath.Join(src, "4.txt"), "foreign")
	want := func() state {
		wh := warehouse(t)
		mustRun(t, Options{Catalog: wh, Sources: []string{src}})
		return read(t, wh, true)
	}()
	if len(want.Logs) != 6 || len(want.Rejected) != 21 || len(want.Ledger) != 4 {
		t.Fatalf("%d rows, %d rejected, %d objects", len(want.Logs), len(want.Rejected), len(want.Ledger))
	}
	broken := errors.New("connection reset")
	for _, stay := range []bool{false, true} {
		for k := int64(1); ; k++ {
			wh := warehouse(t)
			var fault *storagetest.Fault
			o := Options{Catalog: wh, Sources: []string{src}, Threads: 1, OpenSource: func(_ context.Context, root string) (storage.Storage, error) {
				s, err := storage.Open(root)
				fault = storagetest.NewFault(s, storagetest.FaultOptions{Ops: storagetest.Reads, At: k, Stay: stay, Error: broken})
				return fault, err
			}}
			s := mustRun(t, o)
			if fault.Failed() == "" {
				break
			}
			if s.Unreadable == 0 || !stay && s.Unreadable != 1 {
				t.Errorf("read %d (%s) fails: %+v", k, fault.Failed(), s)
			}
			half := read(t, wh, true)
			for _, r := range half.Rejected {
				if !slices.Contains(want.Rejected, r) {
					t.Errorf("read %d (%s) fails: rejected %+v", k, fault.Failed(), r)
				}
			}
			o.OpenSource = nil
			mustRun(t, o)
			if d := gocmp.Diff(want, read(t, wh, true)); d != "" {
				t.Fatalf("read %d (%s) fails, then:\n%s", k, fault.Failed(), d)
			}
			if k > 500 {
				t.Fatal("no end")
			}
		}
	}
}

// A run that is told to stop leaves what it has committed, and the next goes on.
func TestCanceled(t *testing.T) {
	src := t.TempDir()
	for i := range 20 {
		write(t, filepath.Join(src, fmt.Sprint(i, ".json")), log(event(fmt.Sprint(i), "")))
	}
	wh := warehouse(t)
	for n := range 4 {
		ctx, cancel := contextAfter(t, n)
		_, err := Run(ctx, Options{Catalog: wh, Sources: []string{src}, batchRecords: 1, taskObjects: 1, Threads: 1})
		cancel()
		if err == nil && n < 2 {
			t.Errorf("canceled after %d: no error", n)
		}
		checkNoOrphans(t, wh) // it has cleaned up behind itself
	}
	s := mustRun(t, Options{Catalog: wh, Sources: []string{src}})
	if got := len(table(t, wh)); got != 20 {
		t.Errorf("%d rows; %+v", got, s)
	}
	checkNoOrphans(t, wh)
}

// contextAfter is done when it has been asked a few times whether it is.
func contextAfter(t testing.TB, n int) (context.Context, context.CancelFunc) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	return &askedContext{Context: ctx, cancel: cancel, left: int64(10 * n)}, cancel
}

type askedContext struct {
	context.Context
	cancel context.CancelFunc
	left   int64
}

func (c *askedContext) Err() error {
	if atomic.AddInt64(&c.left, -1) < 0 {
		c.cancel()
	}
	return c.Context.Err()
}
