package convert

import (
	"context"
	"fmt"
	"io"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/apache/iceberg-go"
	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/compress/zstd"

	"github.com/trailql/trailql/catalog"
)

// The small tables: one Go struct each, whose tags give the column's name and
// field id. Times are UTC; a zero time is null.

// ledgerRow is a row of source_files: one object as it was when it was
// converted. An object that has changed since has a row for each version.
type ledgerRow struct {
	Object    string    `parquet:"object,id(1)"`  // absolute path or URI
	Size      int64     `parquet:"size,id(2)"`    // stored bytes
	ETag      string    `parquet:"etag,id(3)"`    // what tells that it has changed
	SHA256    string    `parquet:"sha256,id(4)"`  // of the stored bytes, hex; empty, like the ETag, where a cluster converted it
	Kind      string    `parquet:"kind,id(5)"`    // log, digest, foreign, ocsf; missing: see missingKind
	Account   string    `parquet:"account,id(6)"` // these four as the object's key
	Region    string    `parquet:"region,id(7)"`  // says, or empty
	Category  string    `parquet:"category,id(8)"`
	Delivered time.Time `parquet:"delivered,optional,timestamp(microsecond:utc),id(9)"`
	JSONBytes int64     `parquet:"jsonbytes,id(10)"` // uncompressed
	Records   int64     `parquet:"records,id(11)"`   // that became rows or were there already
	Rejected  int64     `parquet:"rejected,id(12)"`
	First     time.Time `parquet:"firsteventtime,optional,timestamp(microsecond:utc),id(13)"`
	Last      time.Time `parquet:"lasteventtime,optional,timestamp(microsecond:utc),id(14)"`
	Converted time.Time `parquet:"convertedat,timestamp(microsecond:utc),id(15)"`
	Batch     string    `parquet:"batch,id(16)"`

	// With Options.Verify: what CloudTrail's digests say of the object.
	Content  string    `parquet:"contentsha256,optional,id(17)"` // of the uncompressed bytes, hex; null if not hashed
	Verdict  string    `parquet:"verdict,optional,id(18)"`       // valid, invalid, unproven, not_covered
	Reason   string    `parquet:"verdictreason,optional,id(19)"` // why it is not valid
	Digest   string    `parquet:"digest,optional,id(20)"`        // that names a log file: path or URI
	Verified time.Time `parquet:"verifiedat,optional,timestamp(microsecond:utc),id(21)"`
}

// missingKind is the kind of rows that stand for no object: a digest names a log
// file, or an earlier digest, that has not been converted. The verdict is invalid
// where it is not there, and unproven where it could not be converted yet.
const missingKind = "missing"

// nullEmpty makes empty texts null in the file: a text that was read from one is
// not nil even if it is empty, which the writer would take for a value.
func (r *ledgerRow) nullEmpty() {
	for _, text := range []*string{&r.Content, &r.Verdict, &r.Reason, &r.Digest} {
		if *text == "" {
			*text = ""
		}
	}
}

// rejectedRow is a row of rejected_records: a part of an object that is no row.
type rejectedRow struct {
	Object   string    `parquet:"object,id(1)"`
	Index    int64     `parquet:"index,id(2)"`  // place among the object's records, from 0
	Offset   int64     `parquet:"offset,id(3)"` // byte in the uncompressed object
	Size     int64     `parquet:"size,id(4)"`   // bytes concerned
	Reason   string    `parquet:"reason,id(5)"`
	Raw      string    `parquet:"raw,id(6)"`      // the text, its first MiB
	Encoding string    `parquet:"encoding,id(7)"` // of raw: utf-8, or base64 where it is not that
	Rejected time.Time `parquet:"rejectedat,timestamp(microsecond:utc),id(8)"`
	Batch    string    `parquet:"batch,id(9)"`
}

// aggregatedRow is a row of aggregated_events (cloudtrail.md §1.7): counts over
// a window instead of an event at a time.
type aggregatedRow struct {
	EventID      string `parquet:"eventid,id(1)"`
	AccountID    string `parquet:"accountid,id(2)"`
	AWSRegion    string `parquet:"awsregion,id(3)"`
	EventSource  string `parquet:"eventsource,id(4)"`
	WindowStart  string `parquet:"windowstart,id(5)"` // as in the record
	WindowEnd    string `parquet:"windowend,id(6)"`
	Summary      string `parquet:"summary,id(7)"`   // JSON
	EventJSON    string `parquet:"eventjson,id(8)"` // the whole record
	SourceObject string `parquet:"sourceobject,id(9)"`
	SourceIndex  int64  `parquet:"sourceindex,id(10)"`
}

// recordSchema derives the Iceberg schema from the struct's tags.
func recordSchema[T any]() *iceberg.Schema {
	var fields []iceberg.NestedField
	t := reflect.TypeFor[T]()
	for i := range t.NumField() {
		name, id, optional := column(t.Field(i).Tag.Get("parquet"))
		f := iceberg.NestedField{ID: id, Name: name, Required: !optional}
		switch t.Field(i).Type.Kind() {
		case reflect.String:
			f.Type = iceberg.PrimitiveTypes.String
		case reflect.Int64:
			f.Type = iceberg.PrimitiveTypes.Int64
		default:
			f.Type = iceberg.PrimitiveTypes.TimestampTz
		}
		fields = append(fields, f)
	}
	return iceberg.NewSchema(0, fields...)
}

// column reads a struct tag of this file.
func column(tag string) (name string, id int, optional bool) {
	parts := strings.Split(tag, ",")
	for _, p := range parts[1:] {
		if n, ok := strings.CutPrefix(p, "id("); ok {
			id, _ = strconv.Atoi(strings.TrimSuffix(n, ")"))
		}
		optional = optional || p == "optional"
	}
	return parts[0], id, optional
}

// writeRecords writes rows as a data file of a small table.
func writeRecords[T any](ctx context.Context, c *catalog.Catalog, batch, table string, rows []T) (catalog.DataFile, error) {
	path, out, err := c.NewFile(ctx, batch, table)
	if err != nil {
		return catalog.DataFile{}, fmt.Errorf("write %s: %w", table, err)
	}
	if ledger, ok := any(rows).([]ledgerRow); ok {
		for i := range ledger {
			ledger[i].nullEmpty()
		}
	}
	counted := &countingWriter{w: out}
	w := parquet.NewGenericWriter[T](counted, parquet.Compression(&zstd.Codec{Level: zstd.SpeedFastest}), parquet.CreatedBy("trailql", "", ""))
	_, err = w.Write(rows)
	if err == nil {
		err = w.Close()
	}
	if err == nil {
		err = out.Commit()
	}
	if err != nil {
		out.Abort()
		return catalog.DataFile{}, err // names the file
	}
	f := catalog.DataFile{Path: path, Records: int64(len(rows)), Bytes: counted.n, ValueCounts: map[int]int64{}}
	for _, field := range recordSchema[T]().Fields() {
		f.ValueCounts[field.ID] = int64(len(rows))
	}
	return f, nil
}

// readRecords calls yield with every row of a small table.
func readRecords[T any](ctx context.Context, c *catalog.Catalog, t *catalog.Table, yield func(*T)) error {
	files, _, err := t.Plan(ctx, catalog.Predicate{})
	if err != nil {
		return err
	}
	for _, f := range files {
		if err := readFile(ctx, c, f, yield); err != nil {
			return fmt.Errorf("read %s: %w", f.Path, err)
		}
	}
	return nil
}

func readFile[T any](ctx context.Context, c *catalog.Catalog, f catalog.DataFile, yield func(*T)) error {
	pf, err := openDataFile(ctx, c, f)
	if err != nil {
		return err
	}
	defer pf.Close()
	r := parquet.NewGenericReader[T](pf.File)
	defer r.Close()
	rows := make([]T, 256)
	for {
		n, err := r.Read(rows)
		for i := range rows[:n] {
			yield(&rows[i])
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

type countingWriter struct {
	w io.Writer
	n int64
}

func (w *countingWriter) Write(b []byte) (int, error) {
	n, err := w.w.Write(b)
	w.n += int64(n)
	return n, err
}
