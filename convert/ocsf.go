package convert

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/apache/iceberg-go"
	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/compress/zstd"

	"github.com/trailql/trailql/catalog"
	"github.com/trailql/trailql/catalog/storage"
	"github.com/trailql/trailql/convert/cloudtrail"
	"github.com/trailql/trailql/convert/rowset"
	"github.com/trailql/trailql/convert/securitylake"
)

// Parquet files with OCSF events, as Security Lake has them, become rows of a
// table of their own. Each row is there once: a hash of its values, which the
// table keeps, tells whether it is there already, so that it does not matter
// into which files Security Lake has compacted it.

// OCSFTable has the events of Security Lake.
const OCSFTable = "security_lake"

// ocsfKind is what source_files calls a Parquet file with OCSF events.
const ocsfKind = "ocsf"

const (
	// ocsfFileRows is after how many rows a data file is complete.
	ocsfFileRows = 500_000
	// ocsfHashes bounds the hashes in memory: a batch is committed behind it.
	ocsfHashes = 2 << 20
	// ocsfOpenFiles is how many data files are written at a time.
	ocsfOpenFiles = 16
)

// isParquet says by its name that an object is no log file but may hold OCSF
// events.
func (o *object) isParquet() bool { return strings.EqualFold(path.Ext(o.name), ".parquet") }

// convertEach converts objects of both kinds.
func (r *run) convertEach(ctx context.Context, objects []object) error {
	var logs, parquets []object
	for _, o := range objects {
		if o.isParquet() {
			parquets = append(parquets, o)
		} else {
			logs = append(logs, o)
		}
	}
	if len(parquets) == 0 {
		return r.convert(ctx, logs)
	}
	others, err := r.convertParquet(ctx, parquets)
	if err != nil {
		return err
	}
	return r.convert(ctx, append(logs, others...))
}

// convertParquet converts objects that are Parquet files, and returns those that
// are not, whatever their names say.
func (r *run) convertParquet(ctx context.Context, objects []object) (others []object, err error) {
	for len(objects) > 0 {
		r.setPhase("read")
		b, err := r.begin(ctx)
		if err != nil {
			return nil, err
		}
		c := &ocsfBatch{batch: b, known: map[securitylake.Place]map[[16]byte]bool{}}
		done := 0
		for done < len(objects) && !b.full() && c.hashes < ocsfHashes && ctx.Err() == nil && !r.stopped() {
			if err = c.object(ctx, &objects[done]); err != nil {
				break
			}
			done++
		}
		if err == nil {
			err = ctx.Err()
		}
		if err == nil {
			r.setPhase("commit")
			err = errors.Join(c.close(), b.commit(ctx, []*rowset.Writer{nil}))
		}
		if err != nil {
			c.abort()
			return nil, errors.Join(err, r.o.Catalog.Abort(context.WithoutCancel(ctx), b.id))
		}
		others = append(others, c.others...)
		if r.stopped() && done < len(objects) {
			return nil, ErrStopped
		}
		objects = objects[done:]
	}
	return others, nil
}

// ocsfBatch is a batch and its open data files.
type ocsfBatch struct {
	*batch
	known  map[securitylake.Place]map[[16]byte]bool // hashes of rows, by partition
	hashes int
	open   []*ocsfFile // that which was used last at the end
	others []object    // that are no Parquet files
}

// ocsfFile is a data file of one partition, of rows that are laid out alike.
type ocsfFile struct {
	place       securitylake.Place
	signature   string
	path        string
	out         storage.Writer
	counted     *countingWriter
	rows        *parquet.Writer //nolint:staticcheck // its successor wants Go values; these are rows already
	n, untimed  int64
	first, last time.Time
}

// object converts one object. An error stops the run; faults of the object do
// not.
func (c *ocsfBatch) object(ctx context.Context, o *object) error {
	place := securitylake.ParsePlace(o.path)
	if !c.r.o.wantedPlace(place) {
		c.r.n.total.Add(-1)
		c.r.n.totalBytes.Add(-o.size)
		c.r.n.skipped.Add(1)
		return nil
	}
	row := ledgerRow{Object: o.path, Size: o.size, ETag: o.etag, Kind: ocsfKind, Region: place.Region, Account: place.Account}
	err := c.read(ctx, o, &row)
	var unreadable *readError
	var faulty *faultyFile
	var bad []rejectedRow
	switch {
	case err == nil:
		c.r.n.objects.Add(1)
	case errors.Is(err, errNoParquet):
		c.others = append(c.others, *o)
		return nil
	case errors.Is(err, securitylake.ErrForeign):
		row.Kind = "foreign"
		c.r.n.foreign.Add(1)
	case errors.As(err, &unreadable):
		if stops(ctx, unreadable.err) {
			return unreadable.err
		}
		c.r.n.done.Add(1)
		c.r.unreadable(o.path, unreadable.err)
		return nil
	case errors.As(err, &faulty):
		row.Rejected = 1
		bad = append(bad, newRejectedRow(o.path, &cloudtrail.RecordError{Index: row.Records, Size: o.size, Err: faulty.err}))
		c.r.n.objects.Add(1)
	default:
		return err
	}
	c.r.n.done.Add(1)
	c.r.n.bytes.Add(o.size)
	return c.converted(ctx, row, bad)
}

// wantedPlace applies the filters to where an object lies. What its path does not
// say excludes nothing.
func (o *Options) wantedPlace(p securitylake.Place) bool {
	if len(o.Accounts) > 0 && p.Account != "" && !slices.Contains(o.Accounts, p.Account) ||
		len(o.Regions) > 0 && p.Region != "" && !slices.Contains(o.Regions, p.Region) {
		return false
	}
	day, err := time.Parse("20060102", p.Day)
	return err != nil || (o.From.IsZero() || day.AddDate(0, 0, 1).After(o.From)) && (o.To.IsZero() || day.Before(o.To))
}

var errNoParquet = errors.New("no Parquet file")

// read adds the rows of an object, of which row says what it was.
func (c *ocsfBatch) read(ctx context.Context, o *object, row *ledgerRow) error {
	in, err := o.store.Open(ctx, o.name)
	if err != nil {
		return &readError{err}
	}
	defer in.Close()
	stored := &faultNoter{r: in}
	content, sum, err := c.load(in)
	if err != nil {
		return err
	}
	row.SHA256 = sum
	if content != nil {
		stored.r = content
	}
	var magic [4]byte
	if _, err := stored.ReadAt(magic[:], 0); string(magic[:]) != "PAR1" {
		if stored.err != nil {
			return &readError{fmt.Errorf("read: %w", err)}
		}
		return errNoParquet
	}
	file, err := securitylake.Open(stored, in.Size())
	switch {
	case err == nil:
		err = c.rowsOf(ctx, o, file, row)
	case !errors.Is(err, securitylake.ErrForeign):
		// Damaged. It is a loss where Security Lake's files lie.
		if err = (&faultyFile{err}); securitylake.ParsePlace(o.path) == (securitylake.Place{}) {
			err = securitylake.ErrForeign
		}
	}
	if stored.err != nil {
		return &readError{fmt.Errorf("read: %w", stored.err)}
	}
	return err
}

// faultyFile is a fault of a file, not of its storage.
type faultyFile struct{ err error }

func (e *faultyFile) Error() string { return e.err.Error() }
func (e *faultyFile) Unwrap() error { return e.err }

// load hashes an object, and returns its content if that is not too large: Parquet
// is read here and there, which storage may be slow at.
func (c *ocsfBatch) load(in storage.Reader) (content *bytes.Reader, sum string, err error) {
	h := sha256.New()
	if in.Size() <= c.r.o.Memory/4 {
		data := make([]byte, in.Size())
		_, err = io.ReadFull(in, data)
		h.Write(data)
		content = bytes.NewReader(data)
	} else {
		_, err = io.Copy(h, in)
	}
	if err != nil {
		return nil, "", &readError{fmt.Errorf("read: %w", err)}
	}
	return content, hex.EncodeToString(h.Sum(nil)), nil
}

// rowsOf adds the rows of a file.
func (c *ocsfBatch) rowsOf(ctx context.Context, o *object, file *securitylake.File, row *ledgerRow) error {
	table, err := c.grow(ctx, file)
	if err != nil {
		return err
	}
	layout := securitylake.NewLayout(table, file)
	var fatal error
	err = layout.Rows(o.path, securitylake.ParsePlace(o.path), func(r *securitylake.Row) error {
		if row.Records%1024 == 1023 && ctx.Err() != nil {
			fatal = ctx.Err()
			return fatal
		}
		row.Records++
		c.r.n.decoded.Add(1)
		if !r.Time.IsZero() {
			if row.First.IsZero() || r.Time.Before(row.First) {
				row.First = r.Time
			}
			if r.Time.After(row.Last) {
				row.Last = r.Time
			}
		}
		fatal = c.add(ctx, layout, r)
		return fatal
	})
	switch {
	case fatal != nil:
		return fatal
	case err != nil:
		return &faultyFile{err}
	}
	return nil
}

// grow makes the table have the columns of a file. Other converters may make it grow
// at the same time: then it is theirs that grows.
func (c *ocsfBatch) grow(ctx context.Context, file *securitylake.File) (*iceberg.Schema, error) {
	for {
		s, err := c.r.o.Catalog.Snapshot(ctx)
		if err != nil {
			return nil, err
		}
		var have *iceberg.Schema
		t, err := s.Table(OCSFTable)
		if err == nil {
			have = t.Schema()
		} else if !errors.Is(err, catalog.ErrNotExist) {
			return nil, err
		}
		grown, err := securitylake.Grow(have, file)
		if err != nil {
			return nil, &faultyFile{err}
		}
		if grown == have {
			return have, nil
		}
		err = c.r.o.Catalog.Define(ctx, catalog.TableSpec{Name: OCSFTable, Schema: grown, Partition: securitylake.Partition()})
		if err == nil {
			return grown, nil
		}
		now, later := c.r.o.Catalog.Snapshot(ctx)
		if later != nil || now.Version() == s.Version() {
			return nil, err
		}
	}
}

// add adds a row to the data file of its partition, unless the table has it.
func (c *ocsfBatch) add(ctx context.Context, layout *securitylake.Layout, r *securitylake.Row) error {
	known, err := c.knownIn(ctx, r.Place)
	if err != nil {
		return err
	}
	var h [16]byte
	if _, err := hex.Decode(h[:], []byte(r.Hash)); err != nil {
		return err
	}
	if known[h] {
		c.r.n.duplicates.Add(1)
		return nil
	}
	f, err := c.file(ctx, layout, r.Place)
	if err != nil {
		return err
	}
	if _, err := f.rows.WriteRows([]parquet.Row{r.Values}); err != nil {
		return fmt.Errorf("write %s: %w", OCSFTable, err)
	}
	known[h] = true
	c.hashes++
	c.rows.Add(1)
	f.count(r.Time)
	if f.n >= ocsfFileRows {
		return c.finish(f)
	}
	return nil
}

// knownIn are the hashes of a partition's rows: those of the table, to which this
// batch adds its own.
func (c *ocsfBatch) knownIn(ctx context.Context, p securitylake.Place) (map[[16]byte]bool, error) {
	if known := c.known[p]; known != nil {
		return known, nil
	}
	known := map[[16]byte]bool{}
	c.known[p] = known
	t, err := c.snapshot.Table(OCSFTable)
	if errors.Is(err, catalog.ErrNotExist) {
		return known, nil
	}
	if err != nil {
		return nil, err
	}
	files, _, err := t.Plan(ctx, catalog.Predicate{})
	if err != nil {
		return nil, err
	}
	for _, f := range files {
		if !slices.Equal(f.Partition, partitionOf(p)) {
			continue
		}
		if err := c.loadHashes(ctx, f, known); err != nil {
			return nil, fmt.Errorf("read %s: %w", f.Path, err)
		}
	}
	c.hashes += len(known)
	return known, nil
}

func partitionOf(p securitylake.Place) []string { return []string{p.Region, p.Account, p.Day} }

// loadHashes reads one column of a data file.
func (b *batch) loadHashes(ctx context.Context, f catalog.DataFile, known map[[16]byte]bool) error {
	pf, err := openDataFile(ctx, b.r.o.Catalog, f, parquet.SkipPageIndex(true))
	if err != nil {
		return err
	}
	defer pf.Close()
	leaf, ok := pf.Schema().Lookup(securitylake.HashColumn)
	if !ok {
		return fmt.Errorf("no column %s", securitylake.HashColumn)
	}
	for _, g := range pf.RowGroups() {
		hashes, err := texts(g.ColumnChunks()[leaf.ColumnIndex])
		if err != nil {
			return err
		}
		for _, text := range hashes {
			var h [16]byte
			if n, err := hex.Decode(h[:], []byte(text)); err != nil || n != len(h) {
				return fmt.Errorf("%q is no hash", text)
			}
			known[h] = true
		}
	}
	return nil
}

// file is the open data file for rows of this layout in a partition.
func (c *ocsfBatch) file(ctx context.Context, layout *securitylake.Layout, p securitylake.Place) (*ocsfFile, error) {
	for i, f := range c.open {
		if f.place == p && f.signature == layout.Signature {
			c.open = append(slices.Delete(c.open, i, i+1), f)
			return f, nil
		}
	}
	if len(c.open) == ocsfOpenFiles {
		if err := c.finish(c.open[0]); err != nil {
			return nil, err
		}
	}
	f, err := c.r.newOCSFFile(ctx, c.id, p, layout.Schema)
	if err != nil {
		return nil, err
	}
	f.signature = layout.Signature
	c.open = append(c.open, f)
	return f, nil
}

func (r *run) newOCSFFile(ctx context.Context, batch string, p securitylake.Place, schema *parquet.Schema) (*ocsfFile, error) {
	path, out, err := r.o.Catalog.NewFile(ctx, batch, OCSFTable, partitionOf(p)...)
	if err != nil {
		return nil, fmt.Errorf("write %s: %w", OCSFTable, err)
	}
	f := &ocsfFile{place: p, path: path, out: out, counted: &countingWriter{w: out}}
	f.rows = parquet.NewWriter(f.counted, schema, parquet.Compression(&zstd.Codec{Level: zstd.SpeedDefault}),
		parquet.CreatedBy("trailql", "", ""), parquet.MaxRowsPerRowGroup(100_000), parquet.PageBufferSize(256<<10))
	return f, nil
}

// count notes a row that has been added; the zero time is not known.
func (f *ocsfFile) count(at time.Time) {
	f.n++
	switch {
	case at.IsZero():
		f.untimed++
	case f.first.IsZero():
		f.first, f.last = at, at
	case at.Before(f.first):
		f.first = at
	case at.After(f.last):
		f.last = at
	}
}

// finish completes a data file of the batch.
func (c *ocsfBatch) finish(f *ocsfFile) error {
	c.open = slices.DeleteFunc(c.open, func(o *ocsfFile) bool { return o == f })
	data, err := f.finish()
	if err != nil {
		return err
	}
	c.r.n.parquetBytes.Add(data.Bytes)
	c.r.n.files.Add(1)
	c.files.Add(1)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.added[OCSFTable] = append(c.added[OCSFTable], data)
	return nil
}

// finish completes the data file.
func (f *ocsfFile) finish() (catalog.DataFile, error) {
	err := f.rows.Close()
	if err == nil {
		err = f.out.Commit()
	}
	if err != nil {
		f.out.Abort()
		return catalog.DataFile{}, fmt.Errorf("write %s: %w", OCSFTable, err)
	}
	data := catalog.DataFile{
		Path: f.path, Partition: partitionOf(f.place), Records: f.n, Bytes: f.counted.n,
		ValueCounts: map[int]int64{securitylake.TimestampID: f.n},
		NullCounts:  map[int]int64{securitylake.TimestampID: f.untimed},
	}
	if f.untimed == 0 {
		bound := func(t time.Time) map[int][]byte {
			return map[int][]byte{securitylake.TimestampID: binary.LittleEndian.AppendUint64(nil, uint64(t.UnixMicro()))}
		}
		data.LowerBounds, data.UpperBounds = bound(f.first), bound(f.last)
	}
	return data, nil
}

// close completes all data files.
func (c *ocsfBatch) close() error {
	for len(c.open) > 0 {
		if err := c.finish(c.open[0]); err != nil {
			return err
		}
	}
	return nil
}

// abort drops the data files that are not complete.
func (c *ocsfBatch) abort() {
	for _, f := range c.open {
		f.out.Abort()
	}
	c.open = nil
}
