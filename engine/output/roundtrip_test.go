package output

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"html"
	"io"
	"math"
	"math/rand/v2"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/ipc"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/apache/arrow-go/v18/parquet/file"
	"github.com/apache/arrow-go/v18/parquet/pqarrow"
	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	parquetgo "github.com/parquet-go/parquet-go"
)

// everyType has a column of each type that an engine gives.
func everyType() *arrow.Schema {
	text := arrow.BinaryTypes.LargeString
	person := arrow.StructOf(
		arrow.Field{Name: "type", Type: text, Nullable: true},
		arrow.Field{Name: "n", Type: arrow.PrimitiveTypes.Int64, Nullable: true},
		arrow.Field{Name: "session", Type: arrow.StructOf(arrow.Field{Name: "mfa", Type: arrow.FixedWidthTypes.Boolean, Nullable: true}), Nullable: true})
	types := []arrow.DataType{
		text, arrow.BinaryTypes.String, arrow.FixedWidthTypes.Boolean,
		arrow.PrimitiveTypes.Int8, arrow.PrimitiveTypes.Int16, arrow.PrimitiveTypes.Int32, arrow.PrimitiveTypes.Int64,
		arrow.PrimitiveTypes.Uint8, arrow.PrimitiveTypes.Uint16, arrow.PrimitiveTypes.Uint32, arrow.PrimitiveTypes.Uint64,
		arrow.PrimitiveTypes.Float32, arrow.PrimitiveTypes.Float64,
		&arrow.Decimal128Type{Precision: 9, Scale: 2}, &arrow.Decimal128Type{Precision: 38, Scale: 0}, &arrow.Decimal128Type{Precision: 38, Scale: 10},
		arrow.FixedWidthTypes.Date32, arrow.FixedWidthTypes.Time64us,
		&arrow.TimestampType{Unit: arrow.Microsecond}, &arrow.TimestampType{Unit: arrow.Microsecond, TimeZone: "UTC"},
		&arrow.TimestampType{Unit: arrow.Nanosecond}, &arrow.TimestampType{Unit: arrow.Millisecond},
		arrow.FixedWidthTypes.MonthDayNanoInterval, arrow.BinaryTypes.LargeBinary, arrow.BinaryTypes.Binary,
		arrow.ListOf(text), arrow.ListOf(arrow.ListOf(arrow.PrimitiveTypes.Int64)), arrow.ListOf(person),
		person, arrow.MapOf(text, text), arrow.MapOf(text, arrow.ListOf(arrow.PrimitiveTypes.Int32)),
		arrow.FixedSizeListOf(2, arrow.PrimitiveTypes.Int32),
		&arrow.DictionaryType{IndexType: arrow.PrimitiveTypes.Uint8, ValueType: arrow.BinaryTypes.String}, arrow.Null,
	}
	var fields []arrow.Field
	for i, t := range types {
		fields = append(fields, arrow.Field{Name: fmt.Sprintf("c%02d %s", i, t.Name()), Type: t, Nullable: true})
	}
	return arrow.NewSchema(fields, nil)
}

// nasty are pieces of texts that have hurt some reader of some format.
var nasty = []string{
	"", "a", "NULL", `\N`, "null", " ", "\t", "\n", "\r", "\r\n", ",", ";", `"`, `""`, "'", `\`, `\\`, `\n`, "|", "`", "<br>", "<script>alert(1)</script>", "&amp;", "&", "&#32;",
	"=1+1", "+1", "-1", "@x", "＝x", "\x00", "\x1b[2J", "\x1b]52;c;Zm9v\a", "\x7f", "\u0085", "\u009b", "\u202e", "\u2028", "\ufeff", "\u200b", "é", "名前", "👩‍👩‍👧", "_x001B_", "_x", "\ufffe", "\uffff",
	"{\"a\": [1, \"}\"]}", "*b*", "[l](http://x)", "![i](http://x)", "$m$", "~~s~~", "#h", "__x__", "0001", "1e5", "TRUE", "2023-07-10", "\U0010ffff", "]]>", "</td>", "--", "---",
}

func nastyText(r *rand.Rand) string {
	var b strings.Builder
	for range r.IntN(4) {
		b.WriteString(nasty[r.IntN(len(nasty))])
	}
	return b.String()
}

// fill appends a random value, often an extreme one.
func fill(r *rand.Rand, b array.Builder) {
	if r.IntN(5) == 0 {
		b.AppendNull()
		return
	}
	pick := func(values ...int64) int64 {
		if r.IntN(2) == 0 {
			return values[r.IntN(len(values))]
		}
		return r.Int64N(1_000_000) - 500_000
	}
	day := int64(86_400_000_000)
	switch b := b.(type) {
	case *array.LargeStringBuilder:
		b.Append(nastyText(r))
	case *array.StringBuilder:
		b.Append(nastyText(r))
	case *array.BooleanBuilder:
		b.Append(r.IntN(2) == 0)
	case *array.Int8Builder:
		b.Append(int8(r.Int()))
	case *array.Int16Builder:
		b.Append(int16(r.Int()))
	case *array.Int32Builder:
		b.Append(int32(pick(math.MinInt32, math.MaxInt32)))
	case *array.Int64Builder:
		b.Append(pick(math.MinInt64, math.MaxInt64, 1<<53+1, -1<<53-1, 999_999_999_999_999, 1e15))
	case *array.Uint8Builder:
		b.Append(uint8(r.Int()))
	case *array.Uint16Builder:
		b.Append(uint16(r.Int()))
	case *array.Uint32Builder:
		b.Append(r.Uint32())
	case *array.Uint64Builder:
		b.Append(r.Uint64())
	case *array.Float32Builder:
		b.Append([]float32{0, 0.1, math.MaxFloat32, float32(math.NaN()), float32(math.Inf(1)), r.Float32()}[r.IntN(6)])
	case *array.Float64Builder:
		b.Append([]float64{0, math.Copysign(0, -1), 0.1, 5e-324, math.MaxFloat64, math.NaN(), math.Inf(1), math.Inf(-1), r.NormFloat64()}[r.IntN(9)])
	case *array.Decimal128Builder:
		if err := b.AppendValueFromString(strconv.FormatInt(r.Int64N(2_000_000)-1_000_000, 10)); err != nil {
			panic(err)
		}
	case *array.Date32Builder:
		b.Append(arrow.Date32(pick(0, -1, 19548, -25567, -25508, 2932896)))
	case *array.Time64Builder:
		b.Append(arrow.Time64(r.Int64N(day)))
	case *array.TimestampBuilder:
		b.Append(arrow.Timestamp(pick(0, -1, 1688950923500000, 1688950923000000, 1688950923000001, -3_000_000_000_000_000)))
	case *array.MonthDayNanoIntervalBuilder:
		b.Append(arrow.MonthDayNanoInterval{Months: int32(r.IntN(30) - 15), Days: int32(r.IntN(60) - 30), Nanoseconds: pick(0, 1, -1)})
	case *array.BinaryBuilder:
		b.Append([]byte(nastyText(r)))
	case *array.MapBuilder:
		b.Append(true)
		for i := range r.IntN(3) {
			b.KeyBuilder().(*array.LargeStringBuilder).Append(fmt.Sprint(i, nastyText(r)))
			fill(r, b.ItemBuilder())
		}
	case *array.ListBuilder:
		b.Append(true)
		for range r.IntN(3) {
			fill(r, b.ValueBuilder())
		}
	case *array.FixedSizeListBuilder:
		b.Append(true)
		for range 2 {
			fill(r, b.ValueBuilder())
		}
	case *array.StructBuilder:
		b.Append(true)
		for i := range b.NumField() {
			fill(r, b.FieldBuilder(i))
		}
	case *array.BinaryDictionaryBuilder:
		if err := b.AppendString([]string{"red", "", "=green\n"}[r.IntN(3)]); err != nil {
			panic(err)
		}
	case *array.NullBuilder:
		b.AppendNull()
	default:
		panic(fmt.Sprintf("no values for %T", b))
	}
}

// randomBatches are several batches of the schema; the last starts inside its
// arrays.
func randomBatches(schema *arrow.Schema, seed uint64) []arrow.RecordBatch {
	r := rand.New(rand.NewPCG(seed, 1))
	var batches []arrow.RecordBatch
	for _, rows := range []int{1, 300, 7} {
		b := array.NewRecordBuilder(memory.DefaultAllocator, schema)
		for range rows {
			for _, f := range b.Fields() {
				fill(r, f)
			}
		}
		batches = append(batches, b.NewRecordBatch())
	}
	batches[2] = batches[2].NewSlice(3, 7)
	return batches
}

// textRows are the rows as appendText has them; nil is NULL.
func textRows(batches []arrow.RecordBatch) [][]*string {
	var rows [][]*string
	for _, batch := range batches {
		columns := textOf(batch, nil)
		for i := range int(batch.NumRows()) {
			var row []*string
			for _, c := range columns {
				if c.isNull(i) {
					row = append(row, nil)
				} else {
					text := string(c.append(nil, i))
					row = append(row, &text)
				}
			}
			rows = append(rows, row)
		}
	}
	return rows
}

func names(schema *arrow.Schema) []*string {
	var row []*string
	for _, f := range schema.Fields() {
		row = append(row, &f.Name)
	}
	return row
}

// mapText changes every value that is not NULL.
func mapText(rows [][]*string, change func(string) string) [][]*string {
	var changed [][]*string
	for _, row := range rows {
		var to []*string
		for _, v := range row {
			if v != nil {
				text := change(*v)
				v = &text
			}
			to = append(to, v)
		}
		changed = append(changed, to)
	}
	return changed
}

const roundTrips = 3

func TestRoundTripCSV(t *testing.T) {
	null := "a"
	for _, o := range []Options{{}, {QuoteAll: true}, {CRLF: true}, {BOM: true}, {NoHeader: true}, {Null: &null}, {Null: &null, QuoteAll: true, CRLF: true, BOM: true}} {
		o.Format = CSV
		for seed := range uint64(roundTrips) {
			schema := everyType()
			batches := randomBatches(schema, seed)
			got, _ := write(t, o, schema, batches...)
			if o.BOM {
				got = strings.TrimPrefix(got, byteOrderMark)
			}
			want := textRows(batches)
			if !o.NoHeader {
				want = append([][]*string{names(schema)}, want...)
			}
			if diff := cmp.Diff(want, readCSVWith(t, got, o)); diff != "" {
				t.Fatalf("%+v: %s", o, diff)
			}
		}
	}
}

// readCSVWith reads the CSV of these options.
func readCSVWith(t *testing.T, s string, o Options) [][]*string {
	t.Helper()
	if o.CRLF {
		s = outsideQuotes(s, "\r\n", "\n")
	}
	if o.Null != nil { // unquoted it is NULL
		s = outsideQuotes(s, ","+*o.Null+",", ",,")
		s = outsideQuotes(s, ","+*o.Null+",", ",,")
		s = outsideQuotes(s, "\n"+*o.Null+",", "\n,")
		s = outsideQuotes(s, ","+*o.Null+"\n", ",\n")
	}
	return readCSV(t, s)
}

func outsideQuotes(s, from, to string) string {
	parts := strings.Split(s, `"`)
	for i := 0; i < len(parts); i += 2 {
		parts[i] = strings.ReplaceAll(parts[i], from, to)
	}
	return strings.Join(parts, `"`)
}

func TestRoundTripTSV(t *testing.T) {
	unescape := strings.NewReplacer(`\\`, `\`, `\t`, "\t", `\n`, "\n", `\r`, "\r")
	for seed := range uint64(roundTrips) {
		schema := everyType()
		batches := randomBatches(schema, seed)
		got, _ := write(t, Options{Format: TSV}, schema, batches...)
		var rows [][]*string
		for _, line := range strings.Split(strings.TrimSuffix(got, "\n"), "\n") {
			var row []*string
			for _, field := range strings.Split(line, "\t") {
				text := unescape.Replace(field)
				if field == `\N` {
					row = append(row, nil)
				} else {
					row = append(row, &text)
				}
			}
			rows = append(rows, row)
		}
		if diff := cmp.Diff(append([][]*string{names(schema)}, textRows(batches)...), rows); diff != "" {
			t.Fatal(diff)
		}
	}
}

func TestRoundTripJSON(t *testing.T) {
	for _, format := range []Format{JSON, JSONLines} {
		for seed := range uint64(roundTrips) {
			schema := everyType()
			batches := randomBatches(schema, seed)
			got, _ := write(t, Options{Format: format}, schema, batches...)
			for _, r := range got {
				if isUnsafe(r) && r != '\n' {
					t.Fatalf("%q in the output", r)
				}
			}
			if format == JSONLines {
				got = "[" + strings.ReplaceAll(strings.TrimSuffix(got, "\n"), "\n", ",\n") + "]"
			}
			var objects []map[string]any
			decoder := json.NewDecoder(strings.NewReader(got))
			decoder.UseNumber()
			if err := decoder.Decode(&objects); err != nil {
				t.Fatal(err)
			}
			var want []map[string]any
			for _, batch := range batches {
				for i := range int(batch.NumRows()) {
					row := map[string]any{}
					for n, f := range schema.Fields() {
						row[f.Name] = jsonValue(batch.Column(n), i)
					}
					want = append(want, row)
				}
			}
			if diff := cmp.Diff(want, objects); diff != "" {
				t.Fatal(diff)
			}
		}
	}
}

// jsonValue is what encoding/json decodes from the value's JSON.
func jsonValue(values arrow.Array, i int) any {
	if isNull(values, i) {
		return nil
	}
	switch a := values.(type) {
	case *array.Boolean:
		return a.Value(i)
	case *array.Float32:
		return jsonFloat(float64(a.Value(i)), values, i)
	case *array.Float64:
		return jsonFloat(a.Value(i), values, i)
	case *array.Map:
		object := map[string]any{}
		from, to := a.ValueOffsets(i)
		for at := int(from); at < int(to); at++ {
			object[a.Keys().(array.StringLike).Value(at)] = jsonValue(a.Items(), at)
		}
		return object
	case array.ListLike:
		list := []any{}
		from, to := a.ValueOffsets(i)
		for at := int(from); at < int(to); at++ {
			list = append(list, jsonValue(a.ListValues(), at))
		}
		return list
	case *array.Struct:
		object := map[string]any{}
		for n, f := range a.DataType().(*arrow.StructType).Fields() {
			object[f.Name] = jsonValue(a.Field(n), i)
		}
		return object
	}
	if text := string(appendText(nil, values, i)); isNumber(values.DataType()) {
		return json.Number(text)
	} else {
		return text
	}
}

func jsonFloat(f float64, values arrow.Array, i int) any {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return nil
	}
	return json.Number(appendText(nil, values, i))
}

// shown is a text as the forms for people have it: in lines, escaped.
func shown(text string) string {
	lines := strings.Split(strings.ReplaceAll(text, "\r\n", "\n"), "\n")
	for i := range lines {
		lines[i] = Escape(lines[i])
	}
	return strings.Join(lines, "\n")
}

func TestRoundTripMarkdown(t *testing.T) {
	for seed := range uint64(roundTrips) {
		schema := everyType()
		batches := randomBatches(schema, seed)
		got, _ := write(t, Options{Format: Markdown}, schema, batches...)
		lines := strings.Split(strings.TrimSuffix(got, "\n"), "\n")
		rows := [][]*string{}
		for i, line := range lines {
			if i != 1 {
				rows = append(rows, readMarkdownRow(t, line))
			}
		}
		want := mapText(append([][]*string{names(schema)}, textRows(batches)...), shown)
		if diff := cmp.Diff(want, rows); diff != "" {
			t.Fatal(diff)
		}
	}
}

// readMarkdownRow reads a row as GitHub's Markdown does; *NULL* is NULL.
func readMarkdownRow(t *testing.T, line string) []*string {
	var cells []*string
	var cell strings.Builder
	markup := false
	for i := 1; i < len(line); i++ {
		switch c := line[i]; {
		case c == '\\':
			i++
			cell.WriteByte(line[i])
		case c == '|':
			text := strings.TrimPrefix(strings.TrimSuffix(cell.String(), " "), " ")
			text = strings.ReplaceAll(text, "\x00", " ")
			if markup {
				if text != "NULL" {
					t.Errorf("markup in %q", text)
				}
				cells = append(cells, nil)
			} else {
				cells = append(cells, &text)
			}
			cell.Reset()
			markup = false
		case strings.HasPrefix(line[i:], "<br>"):
			cell.WriteByte('\n')
			i += 3
		case strings.HasPrefix(line[i:], "&#32;"):
			cell.WriteByte(0) // stays at the end of a cell
			i += 4
		case strings.HasPrefix(line[i:], "&amp;"):
			cell.WriteByte('&')
			i += 4
		case c == '*':
			markup = true
		case strings.IndexByte("`<>_~[]!#$&", c) >= 0:
			t.Errorf("%q has a meaning of its own in %q", c, line)
		default:
			cell.WriteByte(c)
		}
	}
	return cells
}

var (
	htmlRow  = regexp.MustCompile(`(?s)<tr>(.*?)</tr>`)
	htmlCell = regexp.MustCompile(`(?s)<(th|td)( class="(\w+)")?>(.*?)(<small>.*?</small>)?</(th|td)>`)
)

func TestRoundTripHTML(t *testing.T) {
	for seed := range uint64(roundTrips) {
		schema := everyType()
		batches := randomBatches(schema, seed)
		got, _ := write(t, Options{Format: HTML}, schema, batches...)
		if strings.Contains(got, "<script") || !strings.Contains(got, `content="default-src 'none'; style-src 'unsafe-inline'; img-src data:"`) {
			t.Error("a script, or no policy")
		}
		var rows [][]*string
		for _, row := range htmlRow.FindAllStringSubmatch(got, -1) {
			var cells []*string
			for _, cell := range htmlCell.FindAllStringSubmatch(row[1], -1) {
				text := html.UnescapeString(cell[4])
				if strings.ContainsAny(cell[4], `<>"'`) {
					t.Errorf("not escaped: %q", cell[4])
				}
				if cell[3] == "null" {
					cells = append(cells, nil)
				} else {
					cells = append(cells, &text)
				}
			}
			rows = append(rows, cells)
		}
		want := mapText(append([][]*string{names(schema)}, textRows(batches)...), shown)
		if diff := cmp.Diff(want, rows); diff != "" {
			t.Fatal(diff)
		}
	}
}

func TestRoundTripArrow(t *testing.T) {
	for seed := range uint64(roundTrips) {
		schema := everyType()
		batches := randomBatches(schema, seed)
		stream, _ := write(t, Options{Format: ArrowStream}, schema, batches...)
		reader, err := ipc.NewReader(strings.NewReader(stream))
		if err != nil {
			t.Fatal(err)
		}
		fromStream, err := ipc.NewFileReader(bytes.NewReader([]byte(func() string {
			s, _ := write(t, Options{Format: Arrow}, schema, batches...)
			return s
		}())))
		if err != nil {
			t.Fatal(err)
		}
		for n, want := range batches {
			if !reader.Next() {
				t.Fatalf("batch %d: %v", n, reader.Err())
			}
			sameColumns(t, want, reader.RecordBatch())
			got, err := fromStream.RecordBatchAt(n)
			if err != nil {
				t.Fatal(err)
			}
			sameColumns(t, want, got)
		}
		if reader.Next() || fromStream.NumRecords() != len(batches) {
			t.Error("more batches than were written")
		}
	}
}

// sameColumns compares batches; texts may have other offsets, and a column that
// the format cannot hold is text.
func sameColumns(t *testing.T, want, got arrow.RecordBatch) {
	t.Helper()
	for n, w := range want.Columns() {
		g := got.Column(n)
		if name := want.ColumnName(n); got.ColumnName(n) != name {
			t.Fatalf("column %q, want %q", got.ColumnName(n), name)
		}
		if w.Len() != g.Len() {
			t.Fatalf("%s: %d values, want %d", want.ColumnName(n), g.Len(), w.Len())
		}
		if isKept(w.DataType()) && !isKept(g.DataType()) {
			t.Fatalf("%s is %s, want %s", want.ColumnName(n), g.DataType(), w.DataType())
		}
		for i := range w.Len() {
			if isNull(w, i) != isNull(g, i) {
				t.Fatalf("%s, row %d: NULL is %v", want.ColumnName(n), i, isNull(g, i))
			}
			if !isNull(w, i) && string(appendText(nil, w, i)) != string(appendText(nil, g, i)) {
				t.Fatalf("%s, row %d: %q, want %q", want.ColumnName(n), i, appendText(nil, g, i), appendText(nil, w, i))
			}
		}
	}
}

// isKept: nested types stay nested in every format that has some.
func isKept(t arrow.DataType) bool {
	switch t.ID() {
	case arrow.STRUCT, arrow.LIST, arrow.MAP:
		return true
	}
	return false
}

func TestRoundTripParquet(t *testing.T) {
	for seed := range uint64(roundTrips) {
		schema := everyType()
		batches := randomBatches(schema, seed)
		got, _ := write(t, Options{Format: Parquet}, schema, batches...)
		in, err := file.NewParquetReader(strings.NewReader(got))
		if err != nil {
			t.Fatal(err)
		}
		reader, err := pqarrow.NewFileReader(in, pqarrow.ArrowReadProperties{}, memory.DefaultAllocator)
		if err != nil {
			t.Fatal(err)
		}
		table, err := reader.ReadTable(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		rows := array.NewTableReader(table, table.NumRows())
		if !rows.Next() {
			t.Fatal(rows.Err())
		}
		var from int64
		for _, want := range batches {
			sameColumns(t, want, rows.RecordBatch().NewSlice(from, from+want.NumRows()))
			from += want.NumRows()
		}
		if from != table.NumRows() {
			t.Errorf("%d rows, want %d", table.NumRows(), from)
		}
		sameAsParquetGo(t, got, textRows(batches))
	}
}

// sameAsParquetGo reads the columns of text with another library.
func sameAsParquetGo(t *testing.T, content string, want [][]*string) {
	t.Helper()
	f, err := parquetgo.OpenFile(strings.NewReader(content), int64(len(content)))
	if err != nil {
		t.Fatal(err)
	}
	compared := 0
	for n, column := range f.Root().Columns() {
		if !column.Leaf() || column.Type().String() != "STRING" {
			continue
		}
		row := 0
		for _, group := range f.RowGroups() {
			pages := group.ColumnChunks()[column.Index()].Pages()
			for {
				page, err := pages.ReadPage()
				if err == io.EOF {
					break
				}
				if err != nil {
					t.Fatal(err)
				}
				values := make([]parquetgo.Value, page.NumValues())
				if _, err := page.Values().ReadValues(values); err != nil && err != io.EOF {
					t.Fatal(err)
				}
				for _, v := range values {
					w := want[row][n]
					if v.IsNull() != (w == nil) || w != nil && v.String() != *w {
						t.Fatalf("column %d, row %d: %q, want %v", n, row, v, w)
					}
					row++
				}
			}
			if err := pages.Close(); err != nil {
				t.Fatal(err)
			}
		}
		if row != len(want) {
			t.Fatalf("column %d: %d rows, want %d", n, row, len(want))
		}
		compared++
	}
	if compared < 2 {
		t.Errorf("%d columns of text", compared)
	}
}

// TestParquetRowGroups: a long result is cut, so that memory is bounded.
func TestParquetRowGroups(t *testing.T) {
	schema := arrow.NewSchema([]arrow.Field{field("n", arrow.PrimitiveTypes.Int64, "bigint")}, nil)
	b := array.NewInt64Builder(memory.DefaultAllocator)
	for n := range int64(2048) {
		b.Append(n)
	}
	batch := array.NewRecordBatch(schema, []arrow.Array{b.NewArray()}, 2048)
	got, summary := write(t, Options{Format: Parquet}, schema, slices.Repeat([]arrow.RecordBatch{batch}, 100)...)
	in, err := file.NewParquetReader(strings.NewReader(got))
	if err != nil {
		t.Fatal(err)
	}
	if in.NumRowGroups() != 2 || in.NumRows() != 204_800 || summary.Rows != 204_800 {
		t.Errorf("%d row groups, %d rows, summary %+v", in.NumRowGroups(), in.NumRows(), summary)
	}
}

// sheetXML is what a reader of workbooks looks at.
type sheetXML struct {
	Rows []struct {
		Number int `xml:"r,attr"`
		Cells  []struct {
			Place string `xml:"r,attr"`
			Style int    `xml:"s,attr"`
			Type  string `xml:"t,attr"`
			Value string `xml:"v"`
			Text  string `xml:"is>t"`
		} `xml:"c"`
	} `xml:"sheetData>row"`
}

func readSheet(t *testing.T, workbook string) sheetXML {
	t.Helper()
	archive, err := zip.NewReader(strings.NewReader(workbook), int64(len(workbook)))
	if err != nil {
		t.Fatal(err)
	}
	var sheet sheetXML
	for _, f := range archive.File {
		in, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(in)
		if err != nil {
			t.Fatal(err)
		}
		var whole any = &struct{}{}
		if f.Name == "xl/worksheets/sheet1.xml" {
			whole = &sheet
		}
		if err := xml.Unmarshal(content, whole); err != nil {
			t.Fatalf("%s: %v", f.Name, err)
		}
	}
	return sheet
}

var xmlEscape = regexp.MustCompile(`_x([0-9A-F]{4})_`)

func TestRoundTripXLSX(t *testing.T) {
	for seed := range uint64(roundTrips) {
		schema := everyType()
		batches := randomBatches(schema, seed)
		got, _ := write(t, Options{Format: XLSX}, schema, batches...)
		want := append([][]*string{names(schema)}, textRows(batches)...)
		sheet := readSheet(t, got)
		if len(sheet.Rows) != len(want) {
			t.Fatalf("%d rows, want %d", len(sheet.Rows), len(want))
		}
		for r, row := range sheet.Rows {
			cells := map[string]int{}
			for i, c := range row.Cells {
				cells[c.Place] = i + 1
			}
			for n, w := range want[r] {
				place := columnLetters(n) + strconv.Itoa(r+1)
				at := cells[place]
				if (at == 0) != (w == nil) || row.Number != r+1 {
					t.Fatalf("%s: %v, want %v", place, at, w)
				}
				if w == nil {
					continue
				}
				c := row.Cells[at-1]
				var value string
				switch {
				case c.Type == "inlineStr":
					value = xmlEscape.ReplaceAllStringFunc(c.Text, func(s string) string {
						code, _ := strconv.ParseUint(s[2:6], 16, 16)
						return string(rune(code))
					})
					if isText(schema.Field(n).Type) && c.Style != styleText && r > 0 {
						t.Errorf("%s has style %d, so a spreadsheet may take it for something else", place, c.Style)
					}
				case c.Type == "b":
					value = strconv.FormatBool(c.Value == "1")
				case c.Style >= styleDate:
					value = readSerial(t, c.Value, c.Style)
				default:
					value = c.Value
				}
				if value != *w {
					t.Fatalf("%s: %q, want %q", place, value, *w)
				}
				if schema.Field(n).Type.ID() == arrow.LARGE_STRING && c.Type != "inlineStr" {
					t.Fatalf("%s: text is no text", place)
				}
			}
		}
	}
}

// readSerial counts from the epoch of spreadsheets in milliseconds.
func readSerial(t *testing.T, serial string, style int) string {
	t.Helper()
	days, err := strconv.ParseFloat(serial, 64)
	if err != nil {
		t.Fatal(err)
	}
	at := time.Date(1899, 12, 30, 0, 0, 0, 0, time.UTC).Add(0)
	at = at.AddDate(0, 0, int(days)).Add(time.Duration(math.Round((days-math.Floor(days))*86_400_000)) * time.Millisecond)
	if style == styleDate {
		return at.Format(time.DateOnly)
	}
	text := at.Format("2006-01-02T15:04:05.999999999")
	if style >= styleTime+2 {
		text += "Z"
	}
	return text
}

func TestCompress(t *testing.T) {
	for _, c := range []Compression{Gzip, Zstd} {
		var b bytes.Buffer
		w, err := Compress(&b, c)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(w, "a,b\n"); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		var in io.Reader
		if c == Gzip {
			in, err = gzip.NewReader(&b)
		} else {
			in, err = zstd.NewReader(&b)
		}
		if err != nil {
			t.Fatal(err)
		}
		if got, err := io.ReadAll(in); err != nil || string(got) != "a,b\n" {
			t.Errorf("%s: %q, %v", c, got, err)
		}
	}
	if _, err := Compress(io.Discard, "zip"); err == nil {
		t.Error("zip: no error")
	}
}
