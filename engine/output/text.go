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

// appendText appends value i, which is not NULL, as text without quotes.
func appendText(b []byte, column arrow.Array, i int) []byte {
	switch a := column.(type) {
	case array.StringLike:
		return append(b, a.Value(i)...)
	case *array.Boolean:
		return strconv.AppendBool(b, a.Value(i))
	case *array.Int8:
		return strconv.AppendInt(b, int64(a.Value(i)), 10)
	case *array.Int16:
		return strconv.AppendInt(b, int64(a.Value(i)), 10)
	case *array.Int32:
		return strconv.AppendInt(b, int64(a.Value(i)), 10)
	case *array.Int64:
		return strconv.AppendInt(b, a.Value(i), 10)
	case *array.Uint8:
		return strconv.AppendUint(b, uint64(a.Value(i)), 10)
	case *array.Uint16:
		return strconv.AppendUint(b, uint64(a.Value(i)), 10)
	case *array.Uint32:
		return strconv.AppendUint(b, uint64(a.Value(i)), 10)
	case *array.Uint64:
		return strconv.AppendUint(b, a.Value(i), 10)
	case *array.Float32:
		return appendFloat(b, float64(a.Value(i)), 32)
	case *array.Float64:
		return appendFloat(b, a.Value(i), 64)
	case *array.Decimal128:
		return appendDecimal(b, a.Value(i).BigInt(), a.DataType().(*arrow.Decimal128Type).Scale)
	case *array.Decimal256:
		return appendDecimal(b, a.Value(i).BigInt(), a.DataType().(*arrow.Decimal256Type).Scale)
	case *array.Binary:
		return appendBinary(b, a.Value(i))
	case *array.LargeBinary:
		return appendBinary(b, a.Value(i))
	case *array.FixedSizeBinary:
		return appendBinary(b, a.Value(i))
	case *array.Dictionary:
		return appendText(b, a.Dictionary(), a.GetValueIndex(i))
	case array.Union:
		child, at := unionValue(a, i)
		if isNull(child, at) {
			return append(b, "null"...)
		}
		return appendText(b, child, at)
	case array.ExtensionArray:
		return appendText(b, a.Storage(), i)
	}
	if text, ok := appendTime(b, column, i); ok {
		return text
	}
	if isNested(column) {
		return jsonStyle{}.appendValue(b, column, i)
	}
	return append(b, column.ValueStr(i)...)
}

// isNull: the array of a column that is NULL throughout has no bitmap to say so.
func isNull(column arrow.Array, i int) bool {
	return column.DataType().ID() == arrow.NULL || column.IsNull(i)
}

func unionValue(a array.Union, i int) (arrow.Array, int) {
	child := a.Field(a.ChildID(i))
	if dense, ok := a.(*array.DenseUnion); ok {
		return child, int(dense.ValueOffset(i))
	}
	return child, i
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

// appendTime writes the types that are times.
func appendTime(b []byte, column arrow.Array, i int) ([]byte, bool) {
	switch a := column.(type) {
	case *array.Date32:
		if text, ok := infinity(int64(a.Value(i)), math.MaxInt32); ok {
			return append(b, text...), true
		}
		return appendDate(b, time.Unix(int64(a.Value(i))*86400, 0).UTC()), true
	case *array.Date64:
		return appendDate(b, time.UnixMilli(int64(a.Value(i))).UTC()), true
	case *array.Timestamp:
		return appendTimestamp(b, int64(a.Value(i)), a.DataType().(*arrow.TimestampType)), true
	case *array.Time32:
		return appendClock(b, int64(a.Value(i)), a.DataType().(*arrow.Time32Type).Unit), true
	case *array.Time64:
		return appendClock(b, int64(a.Value(i)), a.DataType().(*arrow.Time64Type).Unit), true
	case *array.MonthDayNanoInterval:
		return appendInterval(b, a.Value(i)), true
	}
	return b, false
}

func appendDate(b []byte, t time.Time) []byte { return t.AppendFormat(b, time.DateOnly) }

func appendTimestamp(b []byte, value int64, t *arrow.TimestampType) []byte {
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
	b = at.UTC().AppendFormat(b, "2006-01-02T15:04:05.999999999")
	if t.TimeZone != "" {
		b = append(b, 'Z')
	}
	return b
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

func isNested(column arrow.Array) bool {
	switch column.(type) {
	case array.ListLike, *array.Struct:
		return true
	}
	return false
}
