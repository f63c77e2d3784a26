package output

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "rewrite the golden files")

const typeKey = "sql_type"

// batchOf makes a batch of JSON rows.
func batchOf(t testing.TB, schema *arrow.Schema, rows string) arrow.RecordBatch {
	t.Helper()
	batch, _, err := array.RecordFromJSON(memory.DefaultAllocator, schema, strings.NewReader(rows))
	if err != nil {
		t.Fatal(err)
	}
	return batch
}

func field(name string, kind arrow.DataType, sqlType string) arrow.Field {
	return arrow.Field{Name: name, Type: kind, Nullable: true, Metadata: arrow.NewMetadata([]string{typeKey}, []string{sqlType})}
}

// write runs one result of some batches through a writer.
func write(t testing.TB, o Options, schema *arrow.Schema, batches ...arrow.RecordBatch) (string, Summary) {
	t.Helper()
	var b bytes.Buffer
	o.TypeKey = typeKey
	w, err := New(&b, schema, o)
	if err != nil {
		t.Fatal(err)
	}
	for _, batch := range batches {
		if err := w.Write(batch); err != nil {
			t.Fatal(err)
		}
	}
	summary, err := w.Close()
	if err != nil {
		t.Fatal(err)
	}
	return b.String(), summary
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s: %s", file, diff)
	}
}

var people = arrow.NewSchema([]arrow.Field{
	field("eventname", arrow.BinaryTypes.LargeString, "varchar"),
	field("n", arrow.PrimitiveTypes.Int64, "bigint"),
	field("useridentity", arrow.StructOf(
		arrow.Field{Name: "type", Type: arrow.BinaryTypes.LargeString, Nullable: true},
		arrow.Field{Name: "id", Type: arrow.PrimitiveTypes.Int64, Nullable: true}), "struct"),
	field("at", arrow.FixedWidthTypes.Timestamp_us, "timestamp with time zone"),
	field("doc", arrow.BinaryTypes.LargeString, "json"),
}, nil)

const peopleRows = `[
	{"eventname": "GetObject", "n": 9007199254740993, "useridentity": {"type": "Root", "id": -9223372036854775808}, "at": "2023-07-10T01:02:03.5Z", "doc": "{ \"b\": 1.50,\n \"a\": [1] }"},
	{"eventname": "", "n": null, "useridentity": {"type": null, "id": null}, "at": null, "doc": null},
	{"eventname": "名前 é 👩‍👩‍👧 \u001b[2J\u202ex", "n": -1, "useridentity": null, "at": "2023-07-10T00:00:00Z", "doc": "not JSON"},
	{"eventname": "a,\"b\"\nc ", "n": 0, "useridentity": {"type": "a\"b", "id": 1}, "at": "1969-12-31T23:59:59.999999Z", "doc": "1e400"}
]`

func TestFormats(t *testing.T) {
	tests := []struct {
		file string
		o    Options
	}{
		{"plain.csv", Options{Format: CSV}},
		{"terminal.csv", Options{Format: CSV, Terminal: true}},
		{"quoted.csv", Options{Format: CSV, QuoteAll: true}},
		{"plain.tsv", Options{Format: TSV}},
		{"terminal.tsv", Options{Format: TSV, Terminal: true}},
		{"plain.md", Options{Format: Markdown}},
		{"plain.html", Options{Format: HTML}},
		{"plain.json", Options{Format: JSON}},
		{"plain.jsonl", Options{Format: JSONLines}},
		{"safe.jsonl", Options{Format: JSONLines, SafeNumbers: true}},
		{"full.table", Options{Format: Table}},
		{"narrow.table", Options{Format: Table, Terminal: true, Width: 80}},
		{"upright.table", Options{Format: Table, Terminal: true, Width: 40}},
		{"plain.vertical", Options{Format: Vertical}},
		{"narrow.vertical", Options{Format: Vertical, Terminal: true, Width: 40}},
		{"color.table", Options{Format: Table, Terminal: true, Width: 200, Color: true}},
	}
	for _, tt := range tests {
		t.Run(tt.file, func(t *testing.T) {
			got, summary := write(t, tt.o, people, batchOf(t, people, peopleRows))
			golden(t, tt.file, got)
			if summary.Rows != 4 || summary.RowsShown != 4 || summary.Columns != 5 || summary.ColumnsShown != 5 {
				t.Errorf("summary %+v", summary)
			}
			if tt.o.Format == JSON && !json.Valid([]byte(got)) {
				t.Error("this is not JSON")
			}
		})
	}
}

func TestSafeJSON(t *testing.T) {
	for document, want := range map[string]string{
		"{ \"a\" : [1.50, 1e400,\n\t\" x\\\" y\\\\\" ] }\r\n": `{"a":[1.50,1e400," x\" y\\"]}`,
		"\"\u202e\u009b\x7f名\"":                               `"\u202e\u009b\u007f名"`,
		`"\u001b\n"`:                                          `"\u001b\n"`,
		`""`:                                                  `""`,
		`{"a": `:                                              `"{\"a\": "`,
		"":                                                    `""`,
		"\"\xff\"":                                            "\"\ufffd\"",
	} {
		if got := string(SafeJSON([]byte(document))); got != want {
			t.Errorf("%q: got %s, want %s", document, got, want)
		}
	}
}

func FuzzSafeJSON(f *testing.F) {
	f.Add(`{"a": [1, " \\" "]}`)
	f.Fuzz(func(t *testing.T, document string) {
		got := SafeJSON([]byte(document))
		var want, have any
		if json.Unmarshal([]byte(document), &want) != nil {
			want = strings.ToValidUTF8(document, "\ufffd")
		}
		if err := json.Unmarshal(got, &have); err != nil {
			t.Fatalf("%q became %q: %v", document, got, err)
		}
		if _, isText := have.(string); isText && want != have && len(document) != len(strings.ToValidUTF8(document, "")) {
			return // how many bad bytes one replacement stands for is open
		}
		if diff := cmp.Diff(want, have); diff != "" {
			t.Errorf("%q became %q: %s", document, got, diff)
		}
		for _, r := range string(got) {
			if isUnsafe(r) {
				t.Errorf("%q in %q", r, got)
			}
		}
	})
}

func TestEmptyResult(t *testing.T) {
	schema := arrow.NewSchema([]arrow.Field{field("a", arrow.PrimitiveTypes.Int64, "bigint"), field("b c", arrow.BinaryTypes.String, "varchar")}, nil)
	for format, want := range map[Format]string{
		CSV:       "a,b c\n",
		TSV:       "a\tb c\n",
		Markdown:  "| a | b c |\n| ---: | --- |\n",
		None:      "",
		JSON:      "[]\n",
		JSONLines: "",
		Vertical:  "",
		Table:     "┌────────┬─────────┐\n│      a │ b c     │\n│ bigint │ varchar │\n├────────┼─────────┤\n└────────┴─────────┘\n",
	} {
		t.Run(string(format), func(t *testing.T) {
			if got, _ := write(t, Options{Format: format}, schema); got != want {
				t.Errorf("got %q, want %q", got, want)
			}
		})
	}
}

func TestColumnsOfOneName(t *testing.T) {
	schema := arrow.NewSchema([]arrow.Field{
		field("a", arrow.PrimitiveTypes.Int64, ""), field("a", arrow.PrimitiveTypes.Int64, ""), field("a_2", arrow.PrimitiveTypes.Int64, ""), field("a", arrow.PrimitiveTypes.Int64, ""),
	}, nil)
	columns := make([]arrow.Array, 4)
	for i := range columns {
		b := array.NewInt64Builder(memory.DefaultAllocator)
		b.Append(int64(i))
		columns[i] = b.NewArray()
	}
	got, summary := write(t, Options{Format: JSONLines}, schema, array.NewRecordBatch(schema, columns, 1))
	if want := `{"a":0,"a_3":1,"a_2":2,"a_4":3}` + "\n"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if !summary.RenamedFields {
		t.Error("the summary does not say that fields were renamed")
	}
}

// TestHiddenRows: the first and the last rows stay, whatever the batches.
func TestHiddenRows(t *testing.T) {
	schema := arrow.NewSchema([]arrow.Field{field("n", arrow.PrimitiveTypes.Int64, "bigint")}, nil)
	const rows = `[{"n":1},{"n":2},{"n":3},{"n":4},{"n":5},{"n":6},{"n":7}]`
	for most, want := range map[int]string{
		0:  "1 2 3 4 5 6 7",
		1:  "1 ⋮",
		2:  "1 ⋮ 7",
		3:  "1 2 ⋮ 7",
		6:  "1 2 3 ⋮ 5 6 7",
		7:  "1 2 3 4 5 6 7",
		20: "1 2 3 4 5 6 7",
	} {
		for size := int64(1); size <= 7; size += 3 {
			var batches []arrow.RecordBatch
			whole := batchOf(t, schema, rows)
			for at := int64(0); at < 7; at += size {
				batches = append(batches, whole.NewSlice(at, min(7, at+size)))
			}
			got, summary := write(t, Options{Format: Table, MaxRows: most}, schema, batches...)
			lines := strings.Split(got, "\n")
			cells := strings.Fields(strings.ReplaceAll(strings.Join(lines[4:len(lines)-2], " "), "│", ""))
			if strings.Join(cells, " ") != want {
				t.Errorf("at most %d rows: got %q, want %q", most, cells, want)
			}
			if summary.Rows != 7 || summary.RowsShown != int64(len(strings.Fields(strings.ReplaceAll(want, "⋮", "")))) {
				t.Errorf("at most %d rows: summary %+v", most, summary)
			}
		}
	}
}

// TestTableFits: no line is wider than the terminal, and all are equally wide.
func TestTableFits(t *testing.T) {
	for _, columns := range []int{1, 3, 10, 40} {
		var fields []arrow.Field
		row := "{"
		for i := range columns {
			name := strings.Repeat("c", 1+i%12) + string(rune('a'+i%26)) + string(rune('a'+i/26))
			fields = append(fields, field(name, arrow.BinaryTypes.String, "varchar"))
			row += `"` + name + `": "` + strings.Repeat("名前é👩‍👩‍👧x", i%7) + `",`
		}
		row = strings.TrimSuffix(row, ",") + "}"
		schema := arrow.NewSchema(fields, nil)
		batch := batchOf(t, schema, "["+strings.Repeat(row+",", verticalRows)+row+"]")
		for _, width := range []int{20, 40, 80, 200} {
			got, summary := write(t, Options{Format: Table, Terminal: true, Width: width}, schema, batch)
			var first int
			for i, line := range strings.Split(strings.TrimSuffix(got, "\n"), "\n") {
				w := displayWidth(line)
				if i == 0 {
					first = w
				}
				if w != first || w > width && columns > 1 {
					t.Fatalf("%d columns on %d: line %d is %d wide, the first %d:\n%s", columns, width, i, w, first, got)
				}
			}
			if summary.ColumnsShown < 1 || summary.ColumnsShown > columns {
				t.Errorf("%d columns on %d: shown %d", columns, width, summary.ColumnsShown)
			}
		}
	}
}

// TestTimesStayWhole: other columns are narrowed first.
func TestTimesStayWhole(t *testing.T) {
	schema := arrow.NewSchema([]arrow.Field{
		field("eventtime", arrow.BinaryTypes.String, "varchar"), field("arn", arrow.BinaryTypes.String, "varchar"), field("useragent", arrow.BinaryTypes.String, "varchar"),
	}, nil)
	const at = "2023-07-10T01:02:03Z"
	batch := batchOf(t, schema, `[{"eventtime": "`+at+`", "arn": "arn:aws:iam::111111111111:user/somebody", "useragent": "aws-cli/2.27.18 md/awscrt"}, {"eventtime": null}]`)
	for width, whole := range map[int]bool{120: true, 60: true, 46: true, 45: false} {
		got, summary := write(t, Options{Format: Table, Terminal: true, Width: width}, schema, batch)
		if strings.Contains(got, at) != whole || summary.ColumnsShown != 3 {
			t.Errorf("width %d: the time is whole: %v, want %v\n%s", width, !whole, whole, got)
		}
	}
}

// closedPipe fails like a pipe whose reader is gone.
type closedPipe struct{}

func (closedPipe) Write([]byte) (int, error) { return 0, syscall.EPIPE }

func TestClosedPipe(t *testing.T) {
	for _, format := range Formats() {
		t.Run(string(format), func(t *testing.T) {
			if format == None {
				t.Skip("it writes nothing")
			}
			w, err := New(closedPipe{}, people, Options{Format: format})
			if errors.Is(err, syscall.EPIPE) {
				return
			} else if err != nil {
				t.Fatal(err)
			}
			errWrite := w.Write(batchOf(t, people, peopleRows))
			_, errClose := w.Close()
			if err := errors.Join(errWrite, errClose); !errors.Is(err, syscall.EPIPE) {
				t.Errorf("got %v, want EPIPE", err)
			}
		})
	}
}

func TestParseFormat(t *testing.T) {
	for _, f := range Formats() {
		if got, err := ParseFormat(string(f)); err != nil || got != f {
			t.Errorf("%s: got %q, %v", f, got, err)
		}
	}
	for name, want := range map[string]Format{"md": Markdown, "box": Table, "ndjson": JSONLines} {
		if got, err := ParseFormat(name); err != nil || got != want {
			t.Errorf("%s: got %q, %v", name, got, err)
		}
	}
	if _, err := ParseFormat("yaml"); err == nil {
		t.Error("yaml: no error")
	}
}

func TestFormatOfFile(t *testing.T) {
	for name, want := range map[string]Format{
		"a.csv": CSV, "a.CSV": CSV, "b/a.csv.gz": CSV, "a.jsonl.zst": JSONLines, "a.ndjson": JSONLines, "a.md": Markdown, "a.htm": HTML,
		"a.parquet": Parquet, "a.arrow": Arrow, "a.arrows": ArrowStream, "a.feather": Arrow, "a.xlsx": XLSX, "a.txt": Table, "a.tsv": TSV,
		"a": "", "a.gz": "", "a.none": "", "a.doc": "", "csv": "", ".csv": CSV,
	} {
		if got, ok := FormatOfFile(name); got != want || ok != (want != "") {
			t.Errorf("%s: got %q, %v", name, got, ok)
		}
	}
}

func TestNull(t *testing.T) {
	schema := textColumns("a", "b")
	null := func(s string) *string { return &s }
	text := "x"
	tests := []struct {
		name string
		o    Options
		want string
	}{
		{"csv", Options{Format: CSV}, "a,b\n,x\n"},
		{"csv with a value that looks the same", Options{Format: CSV, Null: null("x")}, "a,b\nx,\"x\"\n"},
		{"csv in Athena's way", Options{Format: CSV, QuoteAll: true}, "\"a\",\"b\"\n,\"x\"\n"},
		{"tsv", Options{Format: TSV}, "a\tb\n\\N\tx\n"},
		{"markdown", Options{Format: Markdown, Null: null("|")}, "| a | b |\n| --- | --- |\n| *\\|* | x |\n"},
		{"markdown without a word", Options{Format: Markdown, Null: null("")}, "| a | b |\n| --- | --- |\n|  | x |\n"},
		{"vertical", Options{Format: Vertical, Null: null("∅")}, "-[ RECORD 1 ]┬──────────────────────────\na            │ ∅\nb            │ x\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got, _ := write(t, tt.o, schema, textBatch(schema, [][]*string{{nil, &text}})); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}
