package securitylake

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/apache/iceberg-go"
	"github.com/google/go-cmp/cmp"
	"github.com/parquet-go/parquet-go"
)

// samples are AWS's own OCSF files.
func samples(t testing.TB) map[string][]byte {
	t.Helper()
	names, _ := filepath.Glob("../../../shared/data/records/aws-ocsf-validation/*/*.parquet")
	if len(names) == 0 {
		t.Skip("no Parquet files of Security Lake")
	}
	files := map[string][]byte{}
	for _, name := range names {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		files[filepath.Base(name)] = data
	}
	return files
}

func open(t testing.TB, data []byte) *File {
	t.Helper()
	f, err := Open(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// copied is the file as the table has it, and its rows.
func copied(t testing.TB, table *iceberg.Schema, f *File, at Place) (data []byte, rows []Row) {
	t.Helper()
	l := NewLayout(table, f)
	var out bytes.Buffer
	w := parquet.NewWriter(&out, l.Schema)
	err := l.Rows("object", at, func(r *Row) error {
		kept := *r
		kept.Values = nil
		rows = append(rows, kept)
		_, err := w.WriteRows([]parquet.Row{r.Values})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes(), rows
}

// values are those of each column, by its path, with the levels that place them.
func values(t testing.TB, data []byte) map[string][]string {
	t.Helper()
	f, err := parquet.OpenFile(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	columns := f.Schema().Columns()
	all := map[string][]string{}
	for _, g := range f.RowGroups() {
		rows := g.Rows()
		buffer := make([]parquet.Row, 8)
		for {
			n, err := rows.ReadRows(buffer)
			for _, row := range buffer[:n] {
				for _, v := range row {
					name := strings.Join(columns[v.Column()], ".")
					all[name] = append(all[name], fmt.Sprintf("%d %d %s", v.RepetitionLevel(), v.DefinitionLevel(), v))
				}
			}
			if err == io.EOF {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		rows.Close()
	}
	return all
}

// Every value of AWS's files comes back, whatever files came before.
func TestSamples(t *testing.T) {
	var table *iceberg.Schema
	files := samples(t)
	for name, data := range files {
		var err error
		if table, err = Grow(table, open(t, data)); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
	}
	hashes := map[string]bool{}
	for name, data := range files {
		f := open(t, data)
		again, err := Grow(table, f)
		if err != nil || again != table {
			t.Errorf("%s: the schema grows again: %v", name, err)
		}
		got, rows := copied(t, table, f, Place{})
		have, want := values(t, got), values(t, data)
		for column, values := range want {
			if d := cmp.Diff(values, have[column]); d != "" {
				t.Errorf("%s: column %s:\n%s", name, column, d)
			}
		}
		if len(rows) != 1 || f.NumRows() != 1 {
			t.Fatalf("%s: %d rows", name, len(rows))
		}
		r := rows[0]
		if r.Region == unknown || r.Day != r.Time.Format("20060102") || r.Time.Year() < 2010 || r.Time.Year() > 2026 {
			t.Errorf("%s: %+v", name, r)
		}
		hashes[r.Hash] = true
		if d := cmp.Diff([]string{"0 0 " + r.Hash}, have[HashColumn]); d != "" {
			t.Error(d)
		}
	}
	if len(hashes) != len(files) {
		t.Errorf("%d hashes of %d files", len(hashes), len(files))
	}
	if _, ok := table.FindFieldByName("actor.user.uid"); !ok {
		t.Error("no actor.user.uid")
	}
}

// What Security Lake's second version has: lists of three levels, timestamps,
// partition columns.
type version2 struct {
	ClassUID int32     `parquet:"class_uid"`
	Time     int64     `parquet:"time"`
	TimeDT   time.Time `parquet:"time_dt,timestamp(millisecond)"`
	Region   string    `parquet:"region"`
	Account  *string   `parquet:"accountid,optional"`
	Metadata struct {
		UID    string   `parquet:"uid"`
		Labels []string `parquet:"labels,list"`
	} `parquet:"metadata"`
	Resources []struct {
		UID *string `parquet:"uid,optional"`
	} `parquet:"resources,list"`
	Unmapped map[string]string `parquet:"unmapped"`
	Score    float32           `parquet:"score"`
}

type version3 struct {
	ClassUID int32  `parquet:"class_uid"`
	Time     int64  `parquet:"time"`
	Extra    *int64 `parquet:"extra,optional"`
	Metadata struct {
		UID    string   `parquet:"uid"`
		Labels []string `parquet:"labels,list"`
		More   *string  `parquet:"more,optional"`
	} `parquet:"metadata"`
}

func file[T any](t testing.TB, rows ...T) []byte {
	t.Helper()
	var out bytes.Buffer
	w := parquet.NewGenericWriter[T](&out)
	if _, err := w.Write(rows); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func event() version2 {
	account := "111122223333"
	v := version2{ClassUID: 6003, Time: 1772625600123, TimeDT: time.UnixMilli(1772625600123).UTC(), Region: "eu-west-1", Account: &account, Score: 0.5}
	v.Metadata.UID = "a"
	v.Metadata.Labels = []string{"x", "y"}
	v.Unmapped = map[string]string{"recipientAccountId": "999988887777"}
	return v
}

func TestTypes(t *testing.T) {
	f := open(t, file(t, event()))
	table, err := Grow(nil, f)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"class_uid": "long", "time": "long", "time_dt": "timestamptz", "metadata.labels.element": "string", "resources.element.uid": "string",
		"unmapped.key": "string", "score": "double", "region": "string", "accountid": "string", "eventday": "string", "eventtimestamp": "timestamptz",
	} {
		if field, ok := table.FindFieldByName(name); !ok || field.Type.String() != want {
			t.Errorf("%s is %v, want %s", name, field.Type, want)
		}
	}
	data, rows := copied(t, table, f, Place{Region: "us-east-1", Account: "5", Day: "20200101"})
	got := values(t, data)
	for column, want := range map[string][]string{
		"class_uid": {"0 0 6003"}, "time": {"0 0 1772625600123"}, "time_dt": {"0 0 1772625600123000"}, "score": {"0 0 0.5"},
		"region": {"0 0 eu-west-1"}, "accountid": {"0 1 111122223333"}, "eventday": {"0 0 20200101"}, "eventtimestamp": {"0 1 1772625600123000"},
		"metadata.labels.list.element": {"0 1 x", "1 1 y"}, "sourceobject": {"0 0 object"}, "sourceindex": {"0 0 0"},
	} {
		if d := cmp.Diff(want, got[column]); d != "" {
			t.Errorf("%s:\n%s", column, d)
		}
	}
	// A column of the file is its partition, and the path comes before values.
	if d := cmp.Diff(Place{"eu-west-1", "111122223333", "20200101"}, rows[0].Place); d != "" {
		t.Error(d)
	}
}

// A table grows by columns and by members; the same row has the same hash.
func TestGrow(t *testing.T) {
	older := open(t, file(t, event()))
	table, err := Grow(nil, older)
	if err != nil {
		t.Fatal(err)
	}
	row := version3{ClassUID: 3002, Time: 1772625600123}
	row.Metadata.UID = "a"
	newer := open(t, file(t, row))
	grown, err := Grow(table, newer)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range table.Fields() {
		g, ok := grown.FindFieldByID(f.ID)
		if !ok || g.Name != f.Name {
			t.Errorf("field %d is %s, was %s", f.ID, g.Name, f.Name)
		}
	}
	for _, name := range []string{"extra", "metadata.more"} {
		if f, ok := grown.FindFieldByName(name); !ok || f.ID <= table.HighestFieldID() || f.Required {
			t.Errorf("%s is %v", name, f)
		}
	}
	_, a := copied(t, table, older, Place{})
	_, b := copied(t, grown, older, Place{Region: "elsewhere"})
	if a[0].Hash != b[0].Hash {
		t.Error("the hash depends on the table")
	}
	other := event()
	other.Metadata.Labels = []string{"xy"}
	_, c := copied(t, grown, open(t, file(t, other)), Place{})
	if a[0].Hash == c[0].Hash {
		t.Error("different rows have the same hash")
	}
}

func TestNotOurs(t *testing.T) {
	type foreign struct {
		A int64 `parquet:"a"`
	}
	data := file(t, foreign{1})
	if _, err := Open(bytes.NewReader(data), int64(len(data))); !errors.Is(err, ErrForeign) {
		t.Errorf("error %v", err)
	}
	type conflicting struct {
		ClassUID string `parquet:"time"`
		Class    int32  `parquet:"class_uid"`
		Metadata struct {
			UID string `parquet:"uid"`
		} `parquet:"metadata"`
	}
	table, err := Grow(nil, open(t, file(t, event())))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Grow(table, open(t, file(t, conflicting{}))); !errors.Is(err, ErrType) {
		t.Errorf("error %v", err)
	}
	type odder struct {
		Class    int32 `parquet:"class_uid"`
		Time     int64 `parquet:"time"`
		Metadata struct {
			UID string `parquet:"uid"`
		} `parquet:"metadata"`
		Bare []int64 `parquet:"bare"`
	}
	if _, err := Grow(nil, open(t, file(t, odder{}))); !errors.Is(err, ErrType) {
		t.Errorf("error %v", err)
	}
}

func TestPartitionsOfHostileValues(t *testing.T) {
	v := event()
	v.Region = "../../etc"
	f := open(t, file(t, v))
	table, err := Grow(nil, f)
	if err != nil {
		t.Fatal(err)
	}
	err = NewLayout(table, f).Rows("object", Place{}, func(*Row) error { return nil })
	if err == nil || !strings.Contains(err.Error(), "cannot name a partition") {
		t.Errorf("error %v", err)
	}
	if p := ParsePlace("/lake/aws/CLOUD_TRAIL_MGMT/2.0/region=us-east-1/accountId=111122223333/eventDay=20260304/x.gz.parquet"); p != (Place{"us-east-1", "111122223333", "20260304"}) {
		t.Errorf("place %+v", p)
	}
}

// Damaged files are errors, never more.
func FuzzFile(f *testing.F) {
	names, _ := filepath.Glob("../../../shared/data/records/aws-ocsf-validation/*/*.parquet")
	for _, name := range names {
		if data, err := os.ReadFile(name); err == nil {
			f.Add(data)
		}
	}
	f.Add(file(f, event()))
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) > 1<<16 {
			return
		}
		file, err := Open(bytes.NewReader(data), int64(len(data)))
		if err != nil {
			return
		}
		table, err := Grow(nil, file)
		if err != nil {
			return
		}
		n := 0
		_ = NewLayout(table, file).Rows("object", Place{}, func(*Row) error {
			if n++; n > 100_000 {
				return errors.New("enough")
			}
			return nil
		})
	})
}

// BenchmarkCopy reads rows of one of AWS's files and writes them as the table has
// them.
func BenchmarkCopy(b *testing.B) {
	const rows = 20_000
	sample := open(b, samples(b)["CreateUser.test.gz.parquet"])
	var many bytes.Buffer
	w := parquet.NewWriter(&many, sample.schema)
	row := make([]parquet.Row, 1)
	if _, err := sample.file.RowGroups()[0].Rows().ReadRows(row); err != nil && err != io.EOF {
		b.Fatal(err)
	}
	for range rows {
		if _, err := w.WriteRows(row); err != nil {
			b.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		b.Fatal(err)
	}
	f := open(b, many.Bytes())
	table, err := Grow(nil, f)
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		l := NewLayout(table, f)
		out := parquet.NewWriter(io.Discard, l.Schema, parquet.Compression(&parquet.Zstd))
		err := l.Rows("object", Place{}, func(r *Row) error {
			_, err := out.WriteRows([]parquet.Row{r.Values})
			return err
		})
		if err != nil {
			b.Fatal(err)
		}
		if err := out.Close(); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(rows)*float64(b.N)/b.Elapsed().Seconds(), "rows/s")
}
