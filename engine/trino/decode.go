package trino

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/decimal128"
	"github.com/apache/arrow-go/v18/arrow/memory"
)

// decoder makes record batches of pages. Not safe for concurrent use.
type decoder struct {
	schema *arrow.Schema
	cells  []cell
	scanner
}

// cell appends the value that follows in the text to a column.
type cell func(s *scanner, b array.Builder) error

func newDecoder(columns []column) *decoder {
	d := &decoder{schema: schemaOf(columns)}
	for _, c := range columns {
		d.cells = append(d.cells, c.Type.cell())
	}
	return d
}

// batch reads the rows of a page: an array of arrays.
func (d *decoder) batch(data []byte) (batch arrow.RecordBatch, err error) {
	b := array.NewRecordBuilder(memory.DefaultAllocator, d.schema)
	defer b.Release()
	d.text, d.at = data, 0
	err = d.list(func(int) error {
		n := 0
		err := d.list(func(i int) error {
			if n++; i >= len(d.cells) {
				return errors.New("a row of too many values")
			}
			return d.cells[i](&d.scanner, b.Field(i))
		})
		if err == nil && n != len(d.cells) {
			err = errors.New("a row of too few values")
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read rows: %w", err)
	}
	return b.NewRecordBatch(), nil
}

// scanner reads JSON that encoding/json has found to be well formed.
type scanner struct {
	text  []byte
	at    int
	zones map[string]*time.Location
}

func (s *scanner) peek() byte {
	for s.at < len(s.text) {
		switch c := s.text[s.at]; c {
		case ' ', '\n', '\r', '\t':
			s.at++
		default:
			return c
		}
	}
	return 0
}

// list reads an array.
func (s *scanner) list(element func(i int) error) error {
	return s.items('[', ']', element)
}

func (s *scanner) items(open, end byte, element func(i int) error) error {
	if c := s.peek(); c != open {
		return fmt.Errorf("got %q where %q should be", c, open)
	}
	s.at++
	for i := 0; ; i++ {
		switch s.peek() {
		case end:
			s.at++
			return nil
		case ',':
			s.at++
		case 0:
			return errors.New("the text ends too early")
		}
		if err := element(i); err != nil {
			return err
		}
	}
}

func (s *scanner) null() bool {
	if s.peek() != 'n' {
		return false
	}
	s.at += len("null")
	return true
}

// scalar reads a text, number or truth value; the text of anything else is its
// JSON.
func (s *scanner) scalar() ([]byte, error) {
	switch s.peek() {
	case 0:
		return nil, errors.New("the text ends too early")
	case '"':
		start := s.at
		plain := true
		for s.at++; s.at < len(s.text) && s.text[s.at] != '"'; s.at++ {
			if s.text[s.at] == '\\' {
				plain = false
				s.at++
			}
		}
		s.at++
		if s.at > len(s.text) {
			return nil, errors.New("the text ends too early")
		}
		if plain {
			return s.text[start+1 : s.at-1], nil
		}
		var text string
		err := json.Unmarshal(s.text[start:s.at], &text)
		return []byte(text), err
	case '[', '{':
		start := s.at
		d := json.NewDecoder(strings.NewReader(string(s.text[start:])))
		var raw json.RawMessage
		if err := d.Decode(&raw); err != nil {
			return nil, err
		}
		s.at += int(d.InputOffset())
		return raw, nil
	}
	start := s.at
	for s.at < len(s.text) && strings.IndexByte(",]} \n\r\t", s.text[s.at]) < 0 {
		s.at++
	}
	return s.text[start:s.at], nil
}

// cell is how values of the type are read.
func (t signature) cell() cell {
	switch {
	case t.isList():
		element := t.Arguments[0].typ.cell()
		return func(s *scanner, b array.Builder) error {
			if s.null() {
				b.AppendNull()
				return nil
			}
			list := b.(*array.LargeListBuilder)
			list.Append(true)
			return s.list(func(int) error { return element(s, list.ValueBuilder()) })
		}
	case t.isMap():
		return t.mapCell()
	case t.isRow():
		return t.rowCell()
	}
	value := t.scalarCell()
	return func(s *scanner, b array.Builder) error {
		if s.null() {
			b.AppendNull()
			return nil
		}
		text, err := s.scalar()
		if err == nil {
			err = value(s, b, text)
		}
		return err
	}
}

func (t signature) rowCell() cell {
	var members []cell
	for _, m := range t.members() {
		members = append(members, m.typ.cell())
	}
	return func(s *scanner, b array.Builder) error {
		if s.null() {
			b.AppendNull()
			return nil
		}
		row := b.(*array.StructBuilder)
		row.Append(true)
		n := 0
		err := s.list(func(i int) error {
			if n++; i >= len(members) {
				return errors.New("a row value of too many members")
			}
			return members[i](s, row.FieldBuilder(i))
		})
		if err == nil && n != len(members) {
			err = errors.New("a row value of too few members")
		}
		return err
	}
}

// mapCell reads an object, whose keys are the text of the map's keys.
func (t signature) mapCell() cell {
	key, value := t.Arguments[0].typ.scalarCell(), t.Arguments[1].typ.cell()
	return func(s *scanner, b array.Builder) error {
		if s.null() {
			b.AppendNull()
			return nil
		}
		m := b.(*array.MapBuilder)
		m.Append(true)
		return s.items('{', '}', func(int) error {
			text, err := s.scalar()
			if err == nil {
				err = key(s, m.KeyBuilder(), text)
			}
			if err != nil {
				return err
			}
			if s.peek() != ':' {
				return errors.New("a key without a value")
			}
			s.at++
			return value(s, m.ItemBuilder())
		})
	}
}

// scalarCell appends the value that a text stands for.
func (t signature) scalarCell() func(s *scanner, b array.Builder, text []byte) error {
	switch t.Raw {
	case "boolean":
		return func(_ *scanner, b array.Builder, text []byte) error {
			b.(*array.BooleanBuilder).Append(string(text) == "true")
			return nil
		}
	case "tinyint", "smallint", "integer", "bigint", "real", "double":
		return func(_ *scanner, b array.Builder, text []byte) error { return appendNumber(b, string(text)) }
	case "decimal":
		precision, scale := t.decimal()
		return func(_ *scanner, b array.Builder, text []byte) error {
			n, err := decimal128.FromString(string(text), precision, scale)
			if err == nil {
				b.(*array.Decimal128Builder).Append(n)
			}
			return err
		}
	case "varbinary":
		return func(_ *scanner, b array.Builder, text []byte) error {
			value, err := base64.StdEncoding.DecodeString(string(text))
			if err == nil {
				b.(*array.BinaryBuilder).Append(value)
			}
			return err
		}
	case "date":
		return func(_ *scanner, b array.Builder, text []byte) error {
			us, err := readTime(string(text), time.UTC)
			b.(*array.Date32Builder).Append(arrow.Date32(us / microsecondsOfDay))
			return err
		}
	case "time":
		return func(_ *scanner, b array.Builder, text []byte) error {
			us, err := readClock(string(text))
			b.(*array.Time64Builder).Append(arrow.Time64(us))
			return err
		}
	case "timestamp":
		return func(_ *scanner, b array.Builder, text []byte) error {
			us, err := readTime(string(text), time.UTC)
			b.(*array.TimestampBuilder).Append(arrow.Timestamp(us))
			return err
		}
	case "timestamp with time zone":
		return func(s *scanner, b array.Builder, text []byte) error {
			us, err := s.instant(string(text))
			b.(*array.TimestampBuilder).Append(arrow.Timestamp(us))
			return err
		}
	case "interval day to second", "interval year to month":
		return func(_ *scanner, b array.Builder, text []byte) error {
			value, err := readInterval(string(text))
			b.(*array.MonthDayNanoIntervalBuilder).Append(value)
			return err
		}
	}
	return func(_ *scanner, b array.Builder, text []byte) error {
		if strings, ok := b.(*array.LargeStringBuilder); ok {
			strings.BinaryBuilder.Append(text)
			return nil
		}
		return fmt.Errorf("a key of type %s", t.Raw)
	}
}

func appendNumber(b array.Builder, text string) error {
	var n int64
	var f float64
	var err error
	switch b.(type) {
	case *array.Float32Builder, *array.Float64Builder:
		switch text {
		case "NaN":
			f = math.NaN()
		default:
			f, err = strconv.ParseFloat(text, 64) // it reads Infinity, too
		}
	default:
		n, err = strconv.ParseInt(text, 10, 64)
	}
	switch b := b.(type) {
	case *array.Float32Builder:
		b.Append(float32(f))
	case *array.Float64Builder:
		b.Append(f)
	case *array.Int8Builder:
		b.Append(int8(n))
	case *array.Int16Builder:
		b.Append(int16(n))
	case *array.Int32Builder:
		b.Append(int32(n))
	case *array.Int64Builder:
		b.Append(n)
	}
	return err
}
