package output

import (
	"fmt"
	"math"
	"math/big"
	"strconv"
	"strings"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
)

// column is a column of a batch, ready to be written value by value. Several
// goroutines may use it.
type column struct {
	isNull func(i int) bool
	append func(b []byte, i int) []byte // value i, which is not NULL
}

// textOf prepares the columns of a batch to be written as text without quotes.
// Times with a time zone are those of zone; nil is UTC.
func textOf(batch arrow.RecordBatch, zone *time.Location) []column {
	columns := make([]column, batch.NumCols())
	for n, values := range batch.Columns() {
		columns[n] = column{nullsOf(values), textAppender(values, zone)}
	}
	return columns
}

// nullsOf: the array of a column that is NULL throughout has no bitmap to say so.
func nullsOf(values arrow.Array) func(i int) bool {
	switch {
	case values.DataType().ID() == arrow.NULL:
		return func(int) bool { return true }
	case values.NullN() == 0:
		return func(int) bool { return false }
	}
	return values.IsNull
}

func textAppender(values arrow.Array, zone *time.Location) func(b []byte, i int) []byte {
	switch a := values.(type) {
	case array.StringLike:
		return func(b []byte, i int) []byte { return append(b, a.Value(i)...) }
	case *array.Boolean:
		return func(b []byte, i int) []byte { return strconv.AppendBool(b, a.Value(i)) }
	case *array.Int8:
		return integerAppender(a)
	case *array.Int16:
		return integerAppender(a)
	case *array.Int32:
		return integerAppender(a)
	case *array.Int64:
		return integerAppender(a)
	case *array.Uint8:
		return integerAppender(a)
	case *array.Uint16:
		return integerAppender(a)
	case *array.Uint32:
		return integerAppender(a)
	case *array.Uint64:
		return func(b []byte, i int) []byte { return strconv.AppendUint(b, a.Value(i), 10) }
	case *array.Float32:
		return func(b []byte, i int) []byte { return appendFloat(b, float64(a.Value(i)), 32) }
	case *array.Float64:
		return func(b []byte, i int) []byte { return appendFloat(b, a.Value(i), 64) }
	case *array.Decimal128:
		scale := a.DataType().(*arrow.Decimal128Type).Scale
		return func(b []byte, i int) []byte { return appendDecimal(b, a.Value(i).BigInt(), scale) }
	case *array.Decimal256:
		scale := a.DataType().(*arrow.Decimal256Type).Scale
		return func(b []byte, i int) []byte { return appendDecimal(b, a.Value(i).BigInt(), scale) }
	case *array.Binary:
		return binaryAppender(a)
	case *array.LargeBinary:
		return binaryAppender(a)
	case *array.FixedSizeBinary:
		return binaryAppender(a)
	case *array.Dictionary:
		entry := textAppender(a.Dictionary(), zone)
		return func(b []byte, i int) []byte { return entry(b, a.GetValueIndex(i)) }
	case array.Union:
		return unionAppender(a, func(member arrow.Array) func(b []byte, i int) []byte { return textAppender(member, zone) })
	case array.ExtensionArray:
		return textAppender(a.Storage(), zone)
	case array.ListLike, *array.Struct:
		return jsonStyle{zone: zone}.valueAppender(a)
	}
	if isTime(values) {
		return func(b []byte, i int) []byte { return appendTime(b, values, i, zone) }
	}
	return func(b []byte, i int) []byte { return append(b, values.ValueStr(i)...) }
}

func integerAppender[T int8 | int16 | int32 | int64 | uint8 | uint16 | uint32](a interface{ Value(int) T }) func(b []byte, i int) []byte {
	return func(b []byte, i int) []byte { return strconv.AppendInt(b, int64(a.Value(i)), 10) }
}

func binaryAppender(a interface{ Value(int) []byte }) func(b []byte, i int) []byte {
	return func(b []byte, i int) []byte { return appendBinary(b, a.Value(i)) }
}

// unionAppender writes each value as its own type is written, null for NULL.
func unionAppender(a array.Union, appender func(arrow.Array) func(b []byte, i int) []byte) func(b []byte, i int) []byte {
	members := make([]column, a.NumFields())
	for n := range members {
		members[n] = column{nullsOf(a.Field(n)), appender(a.Field(n))}
	}
	dense, _ := a.(*array.DenseUnion)
	return func(b []byte, i int) []byte {
		member := members[a.ChildID(i)]
		if dense != nil {
			i = int(dense.ValueOffset(i))
		}
		if member.isNull(i) {
			return append(b, "null"...)
		}
		return member.append(b, i)
	}
}

// appendFloat writes the shortest text that reads back as the same number, with
// a point so that it is seen to be no integer.
func appendFloat(b []byte, f float64, bits int) []byte {
	switch size := math.Abs(f); {
	case math.IsNaN(f):
		return append(b, "NaN"...)
	case math.IsInf(f, 1):
		return append(b, "Infinity"...)
	case math.IsInf(f, -1):
		return append(b, "-Infinity"...)
	case size != 0 && (size < 1e-6 || size >= 1e21):
		return strconv.AppendFloat(b, f, 'e', -1, bits)
	}
	start := len(b)
	b = strconv.AppendFloat(b, f, 'f', -1, bits)
	for _, c := range b[start:] {
		if c == '.' {
			return b
		}
	}
	return append(b, ".0"...)
}

func appendDecimal(b []byte, unscaled *big.Int, scale int32) []byte {
	if scale <= 0 {
		if scale < 0 && unscaled.Sign() != 0 {
			return append(unscaled.Append(b, 10), strings.Repeat("0", int(-scale))...)
		}
		return unscaled.Append(b, 10)
	}
	if unscaled.Sign() < 0 {
		b = append(b, '-')
	}
	digits := new(big.Int).Abs(unscaled).String()
	if missing := int(scale) + 1 - len(digits); missing > 0 {
		digits = strings.Repeat("0", missing) + digits
	}
	point := len(digits) - int(scale)
	b = append(b, digits[:point]...)
	b = append(b, '.')
	return append(b, digits[point:]...)
}

func appendBinary(b, value []byte) []byte {
	const digits = "0123456789abcdef"
	for i, c := range value {
		if i > 0 {
			b = append(b, ' ')
		}
		b = append(b, digits[c>>4], digits[c&15])
	}
	return b
}

func isTime(values arrow.Array) bool {
	switch values.(type) {
	case *array.Date32, *array.Date64, *array.Timestamp, *array.Time32, *array.Time64, *array.MonthDayNanoInterval:
		return true
	}
	return false
}

// appendTime writes the types of isTime.
func appendTime(b []byte, values arrow.Array, i int, zone *time.Location) []byte {
	switch a := values.(type) {
	case *array.Date32:
		if text, ok := infinity(int64(a.Value(i)), math.MaxInt32); ok {
			return append(b, text...)
		}
		return appendDate(b, time.Unix(int64(a.Value(i))*86400, 0).UTC())
	case *array.Date64:
		return appendDate(b, time.UnixMilli(int64(a.Value(i))).UTC())
	case *array.Timestamp:
		return appendTimestamp(b, int64(a.Value(i)), a.DataType().(*arrow.TimestampType), zone)
	case *array.Time32:
		return appendClock(b, int64(a.Value(i)), a.DataType().(*arrow.Time32Type).Unit)
	case *array.Time64:
		return appendClock(b, int64(a.Value(i)), a.DataType().(*arrow.Time64Type).Unit)
	case *array.MonthDayNanoInterval:
		return appendInterval(b, a.Value(i))
	}
	return b
}

func appendDate(b []byte, t time.Time) []byte { return t.AppendFormat(b, time.DateOnly) }

func appendTimestamp(b []byte, value int64, t *arrow.TimestampType, zone *time.Location) []byte {
	if text, ok := infinity(value, math.MaxInt64); ok {
		return append(b, text...)
	}
	var at time.Time
	switch t.Unit {
	case arrow.Second:
		at = time.Unix(value, 0)
	case arrow.Millisecond:
		at = time.UnixMilli(value)
	case arrow.Microsecond:
		at = time.UnixMicro(value)
	default:
		at = time.Unix(0, value)
	}
	const layout = "2006-01-02T15:04:05.999999999"
	switch {
	case t.TimeZone == "":
		return at.UTC().AppendFormat(b, layout)
	case zone == nil:
		zone = time.UTC
	}
	return at.In(zone).AppendFormat(b, layout+"Z07:00")
}

// infinity: DuckDB has times before and after all others.
func infinity(value, most int64) (string, bool) {
	switch value {
	case most:
		return "infinity", true
	case -most:
		return "-infinity", true
	}
	return "", false
}

func appendClock(b []byte, value int64, unit arrow.TimeUnit) []byte {
	at := time.Duration(value) * unit.Multiplier()
	// 24:00:00 is a time of day in SQL.
	b = fmt.Appendf(b, "%02d:%02d:%02d", at/time.Hour, at%time.Hour/time.Minute, at%time.Minute/time.Second)
	return appendFraction(b, at%time.Second)
}

func appendFraction(b []byte, rest time.Duration) []byte {
	if rest == 0 {
		return b
	}
	return append(b, strings.TrimRight(fmt.Sprintf(".%09d", int64(rest)), "0")...)
}

// appendInterval writes "1 year 2 months 3 days 04:05:06.7".
func appendInterval(b []byte, v arrow.MonthDayNanoInterval) []byte {
	start := len(b)
	for _, part := range []struct {
		n    int32
		unit string
	}{{v.Months / 12, "year"}, {v.Months % 12, "month"}, {v.Days, "day"}} {
		if part.n == 0 {
			continue
		}
		if len(b) > start {
			b = append(b, ' ')
		}
		b = fmt.Appendf(b, "%d %s", part.n, part.unit)
		if part.n != 1 && part.n != -1 {
			b = append(b, 's')
		}
	}
	if v.Nanoseconds == 0 && len(b) > start {
		return b
	}
	if len(b) > start {
		b = append(b, ' ')
	}
	rest := v.Nanoseconds
	if rest < 0 {
		b = append(b, '-')
	}
	const hour, minute, second = uint64(time.Hour), uint64(time.Minute), uint64(time.Second)
	size := uint64(max(rest, -rest)) // right for the smallest int64, too
	b = fmt.Appendf(b, "%02d:%02d:%02d", size/hour, size%hour/minute, size%minute/second)
	return appendFraction(b, time.Duration(size%second))
}
