package securitylake

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/format"
)

// ErrForeign is the error of Open about a Parquet file that has no OCSF events.
var ErrForeign = errors.New("no OCSF events")

// File is a Parquet file with OCSF events.
type File struct {
	file   *parquet.File
	root   *parquet.Column
	schema *parquet.Schema
}

// Open reads the end of a file. Files without OCSF events are ErrForeign.
func Open(r io.ReaderAt, size int64) (f *File, err error) {
	defer guard(&err)
	if size < 12 {
		return nil, fmt.Errorf("damaged Parquet file: %d bytes", size)
	}
	// The reader would make room for whatever size the end of the file says.
	var end [8]byte
	if _, err := r.ReadAt(end[:], size-int64(len(end))); err != nil && err != io.EOF {
		return nil, fmt.Errorf("read end of Parquet file: %w", err)
	}
	if footer := int64(binary.LittleEndian.Uint32(end[:])); footer > size-12 {
		return nil, fmt.Errorf("damaged Parquet file: %d bytes of footer in %d", footer, size)
	}
	file, err := parquet.OpenFile(r, size, parquet.SkipBloomFilters(true), parquet.SkipPageIndex(true))
	if err != nil {
		return nil, err
	}
	root := file.Root()
	class, metadata := root.Column("class_uid"), root.Column("metadata")
	if class == nil || !class.Leaf() || kindOf(class) != intKind || metadata == nil || metadata.Leaf() ||
		root.Column("time") == nil && root.Column("time_dt") == nil {
		return nil, ErrForeign
	}
	return &File{file: file, root: root, schema: file.Schema()}, nil
}

// guard makes an error of a panic of the Parquet reader, which expects files to
// be in order.
func guard(err *error) {
	if p := recover(); p != nil {
		*err = fmt.Errorf("damaged Parquet file: %v", p)
	}
}

// NumRows is the number of rows.
func (f *File) NumRows() int64 { return f.file.NumRows() }

// Place is where in Security Lake an object lies, as its path says; "" is not
// known.
type Place struct{ Region, Account, Day string }

// ParsePlace reads the folders region=…, accountId=… and eventDay=… of a path.
func ParsePlace(path string) Place {
	var p Place
	for folder := range strings.SplitSeq(path, "/") {
		key, value, ok := strings.Cut(folder, "=")
		if !ok {
			continue
		}
		switch strings.ToLower(key) {
		case RegionColumn:
			p.Region = value
		case AccountColumn:
			p.Account = value
		case DayColumn:
			p.Day = value
		}
	}
	return p
}

// unknown is the partition of rows that say nothing.
const unknown = "unknown"

// Row is a row as the table has it.
type Row struct {
	Place            // the partition
	Time   time.Time // of the event, UTC; zero if it is not known
	Hash   string
	Values parquet.Row
}

// Rows calls yield with each row, which is valid during the call. Where neither
// the file's columns nor the place say what the partition of a row is, its values
// do. An error of yield ends it; other errors are the file's or its storage's.
func (l *Layout) Rows(object string, at Place, yield func(*Row) error) (err error) {
	defer guard(&err)
	r := reader{layout: l, object: object, at: at, hash: sha256.New()}
	r.find()
	index := int64(0)
	for _, g := range l.file.file.RowGroups() {
		if err := r.rowGroup(g, &index, yield); err != nil {
			return err
		}
	}
	return nil
}

// reader makes rows.
type reader struct {
	layout *Layout
	object string
	at     Place
	hash   hash.Hash
	names  []string // of the file's columns, with their paths
	leaves []parquet.Node
	row    Row
	buffer []byte

	// Columns of the file that say something; -1: there is none.
	time, timestamp            int
	region, account, day       int
	cloudRegion, cloudAccount  int
	unmappedKey, unmappedValue int
}

// find looks for the columns that say where and when.
func (r *reader) find() {
	columns := r.layout.file.schema.Columns()
	at := func(path ...string) int {
		return slices.IndexFunc(columns, func(c []string) bool {
			return slices.EqualFunc(c, path, strings.EqualFold)
		})
	}
	for _, c := range columns {
		r.names = append(r.names, strings.ToLower(strings.Join(c, ".")))
		leaf, _ := r.layout.file.schema.Lookup(c...)
		r.leaves = append(r.leaves, leaf.Node)
	}
	r.time, r.timestamp = at("time"), at("time_dt")
	r.region, r.account, r.day = at(RegionColumn), at(AccountColumn), at(DayColumn)
	r.cloudRegion = at("cloud", "region")
	if r.cloudAccount = at("cloud", "account", "uid"); r.cloudAccount < 0 {
		r.cloudAccount = at("cloud", "account_uid")
	}
	r.unmappedKey, r.unmappedValue = -1, -1
	for i, c := range columns {
		if len(c) == 3 && strings.EqualFold(c[0], "unmapped") && r.unmappedKey < 0 {
			r.unmappedKey, r.unmappedValue = i, i+1
		}
	}
}

func (r *reader) rowGroup(g parquet.RowGroup, index *int64, yield func(*Row) error) error {
	rows := g.Rows()
	defer rows.Close()
	buffer := make([]parquet.Row, 64)
	for {
		n, err := rows.ReadRows(buffer)
		for _, row := range buffer[:n] {
			if err := r.take(row, *index); err != nil {
				return fmt.Errorf("row %d: %w", *index, err)
			}
			*index++
			if err := yield(&r.row); err != nil {
				return err
			}
		}
		switch {
		case err == io.EOF:
			return nil
		case err != nil:
			return err
		case n == 0:
			return io.ErrNoProgress
		}
	}
}

// take makes the row of the file's values.
func (r *reader) take(row parquet.Row, index int64) error {
	r.row = Row{Values: r.row.Values[:0]}
	r.hash.Reset()
	var place, cloud Place
	var keys int
	recipientAt, recipient := -1, ""
	values := 0
	for _, v := range row {
		c := v.Column()
		r.add(v)
		if !v.IsNull() {
			switch c {
			case r.time:
				r.row.Time = timeOf(v, r.leaves[c], r.row.Time)
			case r.timestamp:
				if r.row.Time.IsZero() {
					r.row.Time = timeOf(v, r.leaves[c], r.row.Time)
				}
			case r.region:
				place.Region = v.String()
			case r.account:
				place.Account = v.String()
			case r.day:
				place.Day = v.String()
			case r.cloudRegion:
				cloud.Region = v.String()
			case r.cloudAccount:
				cloud.Account = v.String()
			}
		}
		switch c {
		case r.unmappedKey:
			if !v.IsNull() && string(v.ByteArray()) == "recipientAccountId" {
				recipientAt = keys
			}
			keys++
		case r.unmappedValue:
			if values == recipientAt && !v.IsNull() && v.Kind() == parquet.ByteArray {
				recipient = v.String()
			}
			values++
		}
		if f := r.layout.convert[c]; f != nil && !v.IsNull() {
			converted, err := f(v)
			if err != nil {
				return fmt.Errorf("%s: %w", r.names[c], err)
			}
			v = converted.Level(v.RepetitionLevel(), v.DefinitionLevel(), c)
		}
		r.row.Values = append(r.row.Values, v)
	}
	if cloud.Account == "" {
		cloud.Account = recipient
	}
	if !r.row.Time.IsZero() {
		cloud.Day = r.row.Time.Format("20060102")
	}
	// What the file has as a column is the partition, null included.
	for _, p := range []struct {
		column      int
		name        string
		to          *string
		own         string
		path, value string
	}{
		{r.region, RegionColumn, &r.row.Region, place.Region, r.at.Region, cloud.Region},
		{r.account, AccountColumn, &r.row.Account, place.Account, r.at.Account, cloud.Account},
		{r.day, DayColumn, &r.row.Day, place.Day, r.at.Day, cloud.Day},
	} {
		switch {
		case p.column >= 0 && p.own != "" && !isPlain(p.own):
			return fmt.Errorf("%s %.100q cannot name a partition", p.name, p.own)
		case p.column >= 0:
			*p.to = p.own
		case isPlain(p.path):
			*p.to = p.path
		case isPlain(p.value):
			*p.to = p.value
		default:
			*p.to = unknown
		}
	}
	r.row.Hash = hex.EncodeToString(r.hash.Sum(nil)[:16])
	r.append(index)
	return nil
}

// isPlain reports whether a text can be the name of a partition.
func isPlain(s string) bool {
	return len(s) > 0 && len(s) <= 64 && strings.IndexFunc(s, func(c rune) bool {
		return (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '-' && c != '_'
	}) < 0
}

// append adds the columns that are ours.
func (r *reader) append(index int64) {
	column := len(r.layout.convert)
	for i, a := range r.layout.appended {
		var v parquet.Value
		switch a.name {
		case TimestampColumn:
			if !r.row.Time.IsZero() {
				v = parquet.Int64Value(r.row.Time.UnixMicro())
			}
		case RegionColumn:
			v = parquet.ByteArrayValue([]byte(r.row.Region))
		case AccountColumn:
			v = parquet.ByteArrayValue([]byte(r.row.Account))
		case DayColumn:
			v = parquet.ByteArrayValue([]byte(r.row.Day))
		case ObjectColumn:
			v = parquet.ByteArrayValue([]byte(r.object))
		case IndexColumn:
			v = parquet.Int64Value(index)
		case HashColumn:
			v = parquet.ByteArrayValue([]byte(r.row.Hash))
		}
		definition := 0
		if a.optional && !v.IsNull() {
			definition = 1
		}
		r.row.Values = append(r.row.Values, v.Level(0, definition, column+i))
	}
}

// add adds a value to the hash. A null that says nothing but that a column is
// there adds nothing: the same row may come in files with more columns.
func (r *reader) add(v parquet.Value) {
	if v.IsNull() && v.DefinitionLevel() == 0 && v.RepetitionLevel() == 0 {
		return
	}
	b := append(r.buffer[:0], r.names[v.Column()]...)
	b = append(b, 0, byte(v.RepetitionLevel()), byte(v.DefinitionLevel()))
	if v.IsNull() {
		b = append(b, 0)
	} else {
		switch v.Kind() {
		case parquet.Int32:
			b = binary.LittleEndian.AppendUint64(append(b, 1), uint64(int64(v.Int32())))
		case parquet.Int64:
			b = binary.LittleEndian.AppendUint64(append(b, 1), uint64(v.Int64()))
		default:
			value := v.Bytes()
			b = binary.LittleEndian.AppendUint32(append(b, 2), uint32(len(value)))
			b = append(b, value...)
		}
	}
	r.hash.Write(b)
	r.buffer = b
}

// timeOf reads an event's time. OCSF's are milliseconds; a few sources write
// seconds.
func timeOf(v parquet.Value, leaf parquet.Node, otherwise time.Time) time.Time {
	var n int64
	switch v.Kind() {
	case parquet.Int32:
		n = int64(v.Int32())
	case parquet.Int64:
		n = v.Int64()
	case parquet.Int96:
		if micros, err := int96Micros(v.Int96()); err == nil {
			return time.UnixMicro(micros).UTC()
		}
		return otherwise
	default:
		return otherwise
	}
	if t, ok := logicalType(leaf).(*format.TimestampType); ok {
		switch t.Unit.Value.(type) {
		case *format.MilliSeconds:
			return bounded(time.UnixMilli(n), otherwise)
		case *format.NanoSeconds:
			return bounded(time.Unix(0, n), otherwise)
		}
		return bounded(time.UnixMicro(n), otherwise)
	}
	if n > -100_000_000_000 && n < 100_000_000_000 {
		return bounded(time.Unix(n, 0), otherwise)
	}
	return bounded(time.UnixMilli(n), otherwise)
}

// bounded keeps times that a date can be made of.
func bounded(t, otherwise time.Time) time.Time {
	if t = t.UTC(); t.Year() < 1 || t.Year() > 9999 {
		return otherwise
	}
	return t
}
