package output

import (
	"math"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/decimal128"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/rivo/uniseg"
)

func displayWidth(s string) int { return uniseg.StringWidth(s) }

func number128(t *testing.T, digits string) decimal128.Num {
	t.Helper()
	n, ok := new(big.Int).SetString(digits, 10)
	if !ok {
		t.Fatal(digits)
	}
	return decimal128.FromBigInt(n)
}

func one[B interface {
	array.Builder
	Append(T)
}, T any](b B, v T) arrow.Array {
	b.Append(v)
	return b.NewArray()
}

func TestText(t *testing.T) {
	mem := memory.DefaultAllocator
	decimal := func(digits string, precision, scale int32) arrow.Array {
		return one(array.NewDecimal128Builder(mem, &arrow.Decimal128Type{Precision: precision, Scale: scale}), number128(t, digits))
	}
	timestamp := func(v int64, unit arrow.TimeUnit, zone string) arrow.Array {
		return one(array.NewTimestampBuilder(mem, &arrow.TimestampType{Unit: unit, TimeZone: zone}), arrow.Timestamp(v))
	}
	interval := func(months, days int32, nanos int64) arrow.Array {
		return one(array.NewMonthDayNanoIntervalBuilder(mem), arrow.MonthDayNanoInterval{Months: months, Days: days, Nanoseconds: nanos})
	}
	float := func(f float64) arrow.Array { return one(array.NewFloat64Builder(mem), f) }
	tests := []struct {
		name       string
		value      arrow.Array
		text, json string
	}{
		{"boolean", one(array.NewBooleanBuilder(mem), true), "true", "true"},
		{"smallest bigint", one(array.NewInt64Builder(mem), int64(math.MinInt64)), "-9223372036854775808", "-9223372036854775808"},
		{"largest ubigint", one(array.NewUint64Builder(mem), uint64(math.MaxUint64)), "18446744073709551615", "18446744073709551615"},
		{"tinyint", one(array.NewInt8Builder(mem), int8(-5)), "-5", "-5"},
		{"hugeint", decimal("170141183460469231731687303715884105727", 38, 0), "170141183460469231731687303715884105727", "170141183460469231731687303715884105727"},
		{"decimal", decimal("150", 9, 2), "1.50", "1.50"},
		{"small decimal", decimal("-5", 9, 3), "-0.005", "-0.005"},
		{"zero decimal", decimal("0", 9, 2), "0.00", "0.00"},
		{"decimal of 38 digits", decimal("12345678901234567890123456789012345678", 38, 10), "1234567890123456789012345678.9012345678", "1234567890123456789012345678.9012345678"},
		{"double", float(0.1), "0.1", "0.1"},
		{"whole double", float(3), "3.0", "3.0"},
		{"large double", float(123456789012), "123456789012.0", "123456789012.0"},
		{"very large double", float(1e300), "1e+300", "1e+300"},
		{"very small double", float(5e-324), "5e-324", "5e-324"},
		{"NaN", float(math.NaN()), "NaN", "null"},
		{"infinity", float(math.Inf(-1)), "-Infinity", "null"},
		{"float", one(array.NewFloat32Builder(mem), float32(0.1)), "0.1", "0.1"},
		{"text", one(array.NewLargeStringBuilder(mem), "a\"b\n\x1b\u202e\U000e0041"), "a\"b\n\x1b\u202e\U000e0041", `"a\"b\n\u001b\u202e\udb40\udc41"`},
		{"binary", one(array.NewBinaryBuilder(mem, arrow.BinaryTypes.LargeBinary), []byte{0, 0xff}), "00 ff", `"00 ff"`},
		{"date", one(array.NewDate32Builder(mem), arrow.Date32(19548)), "2023-07-10", `"2023-07-10"`},
		{"date without end", one(array.NewDate32Builder(mem), arrow.Date32(math.MaxInt32)), "infinity", `"infinity"`},
		{"timestamp", timestamp(1688950923500000, arrow.Microsecond, ""), "2023-07-10T01:02:03.5", `"2023-07-10T01:02:03.5"`},
		{"timestamp in UTC", timestamp(1688950923000000, arrow.Microsecond, "UTC"), "2023-07-10T01:02:03Z", `"2023-07-10T01:02:03Z"`},
		{"nanoseconds", timestamp(1688950923000000001, arrow.Nanosecond, "UTC"), "2023-07-10T01:02:03.000000001Z", `"2023-07-10T01:02:03.000000001Z"`},
		{"timestamp without end", timestamp(math.MaxInt64, arrow.Microsecond, "UTC"), "infinity", `"infinity"`},
		{"time", one(array.NewTime64Builder(mem, &arrow.Time64Type{Unit: arrow.Microsecond}), arrow.Time64(86_399_500_000)), "23:59:59.5", `"23:59:59.5"`},
		{"interval", interval(14, 3, 14_706_007_000_000), "1 year 2 months 3 days 04:05:06.007", `"1 year 2 months 3 days 04:05:06.007"`},
		{"negative interval", interval(0, -1, -1_000_000), "-1 day -00:00:00.001", `"-1 day -00:00:00.001"`},
		{"no interval", interval(0, 0, 0), "00:00:00", `"00:00:00"`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := string(appendText(nil, tt.value, 0)); got != tt.text {
				t.Errorf("text %q, want %q", got, tt.text)
			}
			if got := string(jsonStyle{}.appender(tt.value)(nil, 0)); got != tt.json {
				t.Errorf("JSON %s, want %s", got, tt.json)
			}
		})
	}
}

func TestNestedText(t *testing.T) {
	text := arrow.BinaryTypes.LargeString
	kind := arrow.StructOf(
		arrow.Field{Name: "list", Type: arrow.ListOf(arrow.PrimitiveTypes.Int64), Nullable: true},
		arrow.Field{Name: "map", Type: arrow.MapOf(text, arrow.PrimitiveTypes.Int64), Nullable: true},
		arrow.Field{Name: "ids", Type: arrow.MapOf(arrow.PrimitiveTypes.Int64, text), Nullable: true},
		arrow.Field{Name: "none", Type: arrow.Null, Nullable: true},
		arrow.Field{Name: "fixed", Type: arrow.FixedSizeListOf(2, arrow.PrimitiveTypes.Int32), Nullable: true},
	)
	schema := arrow.NewSchema([]arrow.Field{{Name: "v", Type: kind, Nullable: true}}, nil)
	batch := batchOf(t, schema, `[{"v": {}}, {"v": {"list": [1, null], "map": [{"key": "a\"", "value": 1}], "ids": [{"key": 7, "value": "x"}], "none": null, "fixed": [1, 2]}}]`)
	want := `{"list":[1,null],"map":{"a\"":1},"ids":{"7":"x"},"none":null,"fixed":[1,2]}`
	// A slice has offsets into the children.
	if got := string(appendText(nil, batch.NewSlice(1, 2).Column(0), 0)); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestLocation(t *testing.T) {
	builder := array.NewRecordBuilder(memory.DefaultAllocator, arrow.NewSchema([]arrow.Field{
		{Name: "zoned", Type: &arrow.TimestampType{Unit: arrow.Microsecond, TimeZone: "UTC"}, Nullable: true},
		{Name: "plain", Type: &arrow.TimestampType{Unit: arrow.Microsecond}},
		{Name: "nested", Type: arrow.StructOf(arrow.Field{Name: "at", Type: &arrow.TimestampType{Unit: arrow.Microsecond, TimeZone: "UTC"}})},
	}, nil))
	defer builder.Release()
	at := arrow.Timestamp(time.Date(2026, 10, 25, 0, 30, 0, 500_000_000, time.UTC).UnixMicro())
	builder.Field(0).(*array.TimestampBuilder).Append(at)
	builder.Field(1).(*array.TimestampBuilder).Append(at)
	builder.Field(2).(*array.StructBuilder).Append(true)
	builder.Field(2).(*array.StructBuilder).FieldBuilder(0).(*array.TimestampBuilder).Append(at)
	batch := builder.NewRecordBatch()
	defer batch.Release()
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Skip(err)
	}
	for _, tt := range []struct {
		format Format
		zone   *time.Location
		want   string
	}{
		{CSV, nil, `2026-10-25T00:30:00.5Z,2026-10-25T00:30:00.5,"{""at"":""2026-10-25T00:30:00.5Z""}"` + "\n"},
		{CSV, time.UTC, `2026-10-25T00:30:00.5Z,2026-10-25T00:30:00.5,"{""at"":""2026-10-25T00:30:00.5Z""}"` + "\n"},
		{CSV, berlin, `2026-10-25T02:30:00.5+02:00,2026-10-25T00:30:00.5,"{""at"":""2026-10-25T02:30:00.5+02:00""}"` + "\n"},
		{JSONLines, berlin, `{"zoned":"2026-10-25T02:30:00.5+02:00","plain":"2026-10-25T00:30:00.5","nested":{"at":"2026-10-25T02:30:00.5+02:00"}}` + "\n"},
		{TSV, berlin, "2026-10-25T02:30:00.5+02:00\t2026-10-25T00:30:00.5\t{\"at\":\"2026-10-25T02:30:00.5+02:00\"}\n"},
		{Vertical, berlin, "-[ RECORD 1 ]┬──────────────────────────\nzoned        │ 2026-10-25 02:30:00.5+02:00\n" +
			"plain        │ 2026-10-25 00:30:00.5\nnested       │ {\"at\":\"2026-10-25T02:30:00.5+02:00\"}\n"},
	} {
		var b strings.Builder
		w, err := New(&b, batch.Schema(), Options{Format: tt.format, NoHeader: true, Location: tt.zone})
		if err != nil {
			t.Fatal(err)
		}
		if err := w.Write(batch); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Close(); err != nil {
			t.Fatal(err)
		}
		if b.String() != tt.want {
			t.Errorf("%s in %v:\n%s\nwant\n%s", tt.format, tt.zone, &b, tt.want)
		}
	}
}

// TestASCII: nothing else is left, and tables are as wide as before.
func TestASCII(t *testing.T) {
	schema := arrow.NewSchema([]arrow.Field{{Name: "né", Type: arrow.BinaryTypes.String}, {Name: "n", Type: arrow.PrimitiveTypes.Int64, Nullable: true}}, nil)
	builder := array.NewRecordBuilder(memory.DefaultAllocator, schema)
	defer builder.Release()
	for i, s := range []string{"a\x1b]52;c;\a", "日本語", strings.Repeat("x", 40), "end"} {
		builder.Field(0).(*array.StringBuilder).Append(s)
		builder.Field(1).(*array.Int64Builder).Append(int64(i))
	}
	batch := builder.NewRecordBatch()
	defer batch.Release()
	for _, format := range []Format{Table, Vertical} {
		for _, width := range []int{0, 30} {
			var b strings.Builder
			null := "∅"
			w, err := New(&b, schema, Options{Format: format, Width: width, MaxRows: 3, ASCII: true, Null: &null})
			if err != nil {
				t.Fatal(err)
			}
			if err := w.Write(batch); err != nil {
				t.Fatal(err)
			}
			summary, err := w.Close()
			if err != nil {
				t.Fatal(err)
			}
			if summary.EscapedCells != 1 {
				t.Errorf("%d cells escaped, want 1", summary.EscapedCells)
			}
			for line := range strings.Lines(b.String()) {
				if strings.ContainsFunc(strings.TrimSuffix(line, "\n"), func(r rune) bool { return r < 0x20 || r >= 0x7f }) {
					t.Errorf("%s: not ASCII: %q", format, line)
				}
				if width > 0 && len(line) > width+1 {
					t.Errorf("%s: wider than %d: %q", format, width, line)
				}
			}
			if !strings.Contains(b.String(), `a^[]52;c;^G`) {
				t.Errorf("%s: %s", format, &b)
			}
		}
	}
}

func TestNoTypes(t *testing.T) {
	schema := arrow.NewSchema([]arrow.Field{{Name: "n", Type: arrow.PrimitiveTypes.Int64}}, nil)
	builder := array.NewRecordBuilder(memory.DefaultAllocator, schema)
	defer builder.Release()
	builder.Field(0).(*array.Int64Builder).Append(7)
	batch := builder.NewRecordBatch()
	defer batch.Release()
	var b strings.Builder
	w, err := New(&b, schema, Options{Format: Table, NoTypes: true})
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Write(batch); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if want := "┌───┐\n│ n │\n├───┤\n│ 7 │\n└───┘\n"; b.String() != want {
		t.Errorf("%s", &b)
	}
}

func isNull(values arrow.Array, i int) bool { return nullsOf(values)(i) }

// appendText appends value i, which is not NULL, as text without quotes.
func appendText(b []byte, values arrow.Array, i int) []byte { return textAppender(values, nil)(b, i) }
