package convert

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"runtime"
	"slices"
	"strings"
	"sync"

	"github.com/parquet-go/parquet-go"

	"github.com/trailql/trailql/catalog"
	"github.com/trailql/trailql/catalog/storage"
	"github.com/trailql/trailql/convert/cloudtrail"
	"github.com/trailql/trailql/convert/rowset"
)

// CheckOptions of Check. Catalog is required.
type CheckOptions struct {
	Catalog *catalog.Catalog
	// OpenSource is that of Options.
	OpenSource func(ctx context.Context, root string) (storage.Storage, error)
	// Deep reads every source object and every page of the data files. Without
	// it, sizes, times and footers are compared, and objects whose times have
	// changed are read.
	Deep     bool
	Threads  int            // 0: four for each core
	Progress func(Progress) // called now and then, from one goroutine at a time
}

// Kinds of CheckFinding.
const (
	FileMissing   = "file-missing" // a data file of the table
	FileSize      = "file-size"
	FileDamaged   = "file-damaged"
	FileRows      = "file-rows"
	SourceMissing = "source-missing"
	SourceChanged = "source-changed"
	SourceUnread  = "source-unreadable"
	SourceUnknown = "source-unknown" // the table has rows of it, the ledger does not
	TooManyRows   = "too-many-rows"  // more than the object has given
	RowsMissing   = "rows-missing"
)

// CheckFinding is something that is not as the ledger or a commit says. The
// texts hold parts of the archive: escape them.
type CheckFinding struct {
	Kind    string `json:"kind"`
	Table   string `json:"table,omitempty"`
	Object  string `json:"object"` // source object, or data file
	Message string `json:"message"`
}

// Checked is what Check found.
type Checked struct {
	Version  int64 `json:"version"`
	Files    int64 `json:"files"` // data files of all tables
	Rows     int64 `json:"rows"`  // in them
	Objects  int64 `json:"objects"`
	Hashed   int64 `json:"hashed"` // objects whose stored bytes were read
	Replaced int64 `json:"replaced"`
	Records  int64 `json:"records"` // that the objects have, by the ledger
	// Elsewhere are records that another object has given to the table: the same
	// event, delivered twice. With Deep all of them have been found there.
	Elsewhere int64          `json:"elsewhere"`
	Findings  []CheckFinding `json:"findings"`
}

// Check compares the tables with the objects that they were made from, by the
// ledger, and with the data files of their commits. What is not as it should be
// is a finding; an error means that Check could not go on.
//
// It holds about 300 bytes for each source object in memory.
func Check(ctx context.Context, o CheckOptions) (*Checked, error) {
	if o.OpenSource == nil {
		o.OpenSource = func(_ context.Context, root string) (storage.Storage, error) { return storage.Open(root) }
	}
	if o.Threads <= 0 {
		o.Threads = 4 * runtime.GOMAXPROCS(0)
	}
	snapshot, err := o.Catalog.Snapshot(ctx)
	if err != nil {
		return nil, err
	}
	c := &check{o: &o, snapshot: snapshot, sources: map[string]*checkedSource{}, stores: map[string]storage.Storage{}}
	c.out.Version = snapshot.Version()
	for _, step := range []func(context.Context) error{c.files, c.readLedger, c.countRows, c.compare, c.objects, c.findElsewhere} {
		if err := step(ctx); err != nil {
			return nil, err
		}
	}
	slices.SortStableFunc(c.out.Findings, func(a, b CheckFinding) int {
		return cmp.Or(cmp.Compare(a.Table, b.Table), cmp.Compare(a.Object, b.Object), cmp.Compare(a.Kind, b.Kind))
	})
	return &c.out, nil
}

// check is the state of one Check.
type check struct {
	o        *CheckOptions
	snapshot *catalog.Snapshot
	sources  map[string]*checkedSource // by path

	mu       sync.Mutex
	stores   map[string]storage.Storage
	out      Checked
	progress Progress
}

// checkedSource is a source object by the ledger, all its versions together.
type checkedSource struct {
	ledgerRow // of the newest version
	records   int64
	rows      int64 // in the table
}

func (c *check) find(kind, table, object, format string, args ...any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.out.Findings = append(c.out.Findings, CheckFinding{kind, table, object, fmt.Sprintf(format, args...)})
}

func (c *check) done(phase string, bytes int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.progress.Phase = phase
	c.progress.Objects++
	c.progress.Bytes += bytes
	if c.o.Progress != nil {
		c.o.Progress(c.progress)
	}
}

// files compares the data files with their commits.
func (c *check) files(ctx context.Context) error {
	for _, name := range c.snapshot.Tables() {
		t, err := c.snapshot.Table(name)
		if err != nil {
			return err
		}
		files, _, err := t.Plan(ctx, catalog.Predicate{})
		if err != nil {
			return err
		}
		err = parallel(ctx, min(c.o.Threads, len(files)), eachOf(files, func(ctx context.Context, f catalog.DataFile) error {
			return c.file(ctx, name, f)
		}))
		if err != nil {
			return err
		}
		for _, f := range files {
			c.out.Files++
			c.out.Rows += f.Records
		}
	}
	return nil
}

// eachOf hands out items to the workers of parallel.
func eachOf[T any](items []T, f func(context.Context, T) error) func(context.Context, int) error {
	next := make(chan T, len(items))
	for _, item := range items {
		next <- item
	}
	close(next)
	return func(ctx context.Context, _ int) error {
		for item := range next {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			if err := f(ctx, item); err != nil {
				return err
			}
		}
		return nil
	}
}

func (c *check) file(ctx context.Context, table string, f catalog.DataFile) error {
	defer c.done("files", f.Bytes)
	in, err := c.o.Catalog.Storage().Open(ctx, f.Path)
	if errors.Is(err, storage.ErrNotExist) {
		c.find(FileMissing, table, f.Path, "the data file is not there")
		return nil
	}
	if err != nil {
		return err
	}
	defer in.Close()
	if in.Size() != f.Bytes {
		c.find(FileSize, table, f.Path, "it has %d bytes, %d by its commit", in.Size(), f.Bytes)
		return nil
	}
	rows, err := footerRows(in)
	if err == nil && rows != f.Records {
		c.find(FileRows, table, f.Path, "it has %d rows, %d by its commit", rows, f.Records)
	}
	if err == nil && c.o.Deep {
		if rows, err = c.readRows(ctx, table, f); err == nil && rows != f.Records {
			c.find(FileRows, table, f.Path, "%d rows can be read, %d by its commit", rows, f.Records)
		}
	}
	if err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		c.find(FileDamaged, table, f.Path, "%v", err)
	}
	return nil
}

func footerRows(in storage.Reader) (int64, error) {
	f, err := parquet.OpenFile(in, in.Size(), parquet.SkipPageIndex(true), parquet.SkipBloomFilters(true))
	if err != nil {
		return 0, err
	}
	return f.NumRows(), nil
}

// readRows reads everything in a data file.
func (c *check) readRows(ctx context.Context, table string, f catalog.DataFile) (rows int64, err error) {
	switch table {
	case LogsTable:
		err = eachRow(ctx, c.o.Catalog, f, func(*cloudtrail.Record) error { rows++; return nil })
	case LedgerTable:
		err = readFile(ctx, c.o.Catalog, f, func(*ledgerRow) { rows++ })
	case RejectedTable:
		err = readFile(ctx, c.o.Catalog, f, func(*rejectedRow) { rows++ })
	case AggregatedTable:
		err = readFile(ctx, c.o.Catalog, f, func(*aggregatedRow) { rows++ })
	default:
		return f.Records, nil // another's
	}
	return rows, err
}

// broken says that a file which is needed further on has been reported.
func (c *check) broken(table string) bool {
	return slices.ContainsFunc(c.out.Findings, func(f CheckFinding) bool { return f.Table == table && strings.HasPrefix(f.Kind, "file-") })
}

// readLedger takes the source objects from the ledger.
func (c *check) readLedger(ctx context.Context) error {
	t, err := c.snapshot.Table(LedgerTable)
	if err != nil || c.broken(LedgerTable) {
		return err
	}
	return c.readTable(ctx, t, func(ctx context.Context, f catalog.DataFile) error {
		return readFile(ctx, c.o.Catalog, f, c.addLedger)
	})
}

// readTable reads the files of a table. One that cannot be read is a finding.
func (c *check) readTable(ctx context.Context, t *catalog.Table, read func(context.Context, catalog.DataFile) error) error {
	files, _, err := t.Plan(ctx, catalog.Predicate{})
	if err != nil {
		return err
	}
	for _, f := range files {
		if err := read(ctx, f); err != nil {
			if stops(ctx, err) {
				return err
			}
			c.find(FileDamaged, t.Name(), f.Path, "%v", err)
			return nil
		}
	}
	return nil
}

func (c *check) addLedger(row *ledgerRow) {
	if row.Kind == missingKind {
		return
	}
	s := c.sources[row.Object]
	if s == nil {
		s = &checkedSource{}
		c.sources[row.Object] = s
		c.out.Objects++
	} else {
		c.out.Replaced++
	}
	if s.Object == "" || s.Converted.Before(row.Converted) {
		s.ledgerRow = *row
	}
	if row.Kind == "log" || row.Kind == "digest" { // Parquet files of Security Lake have a table of their own
		s.records += row.Records
		c.out.Records += row.Records
	}
}

// countRows counts the rows of each source object.
func (c *check) countRows(ctx context.Context) error {
	for _, name := range []string{LogsTable, AggregatedTable} {
		t, err := c.snapshot.Table(name)
		if err != nil {
			return err
		}
		if c.broken(name) || c.broken(LedgerTable) {
			continue
		}
		err = c.readTable(ctx, t, func(ctx context.Context, f catalog.DataFile) error { return c.countFile(ctx, name, f) })
		if err != nil {
			return err
		}
	}
	return nil
}

func (c *check) countFile(ctx context.Context, table string, f catalog.DataFile) error {
	pf, err := openDataFile(ctx, c.o.Catalog, f, parquet.SkipPageIndex(true), parquet.SkipBloomFilters(true))
	if err != nil {
		return err
	}
	defer pf.Close()
	leaf, ok := pf.Schema().Lookup("sourceobject")
	if !ok {
		return errors.New("it has no column sourceobject")
	}
	for _, g := range pf.RowGroups() {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		paths, err := texts(g.ColumnChunks()[leaf.ColumnIndex])
		if err != nil {
			return err
		}
		for _, path := range paths {
			s := c.sources[path]
			if s == nil {
				s = &checkedSource{}
				c.sources[path] = s
				c.find(SourceUnknown, table, path, "the table has rows of it, source_files does not know it")
			}
			s.rows++
		}
	}
	c.done("rows", f.Bytes)
	return nil
}

// compare compares the counts.
func (c *check) compare(context.Context) error {
	if c.broken(LogsTable) || c.broken(AggregatedTable) || c.broken(LedgerTable) {
		return nil
	}
	for path, s := range c.sources {
		if s.Object != "" && s.rows > s.records {
			c.find(TooManyRows, LogsTable, path, "the table has %d rows of it, it has given %d", s.rows, s.records)
		}
	}
	return nil
}

// objects compares the source objects with what they were.
func (c *check) objects(ctx context.Context) error {
	var all []*checkedSource
	for _, s := range c.sources {
		if s.Object != "" {
			all = append(all, s)
		}
	}
	slices.SortFunc(all, func(a, b *checkedSource) int { return cmp.Compare(a.Object, b.Object) })
	c.progress = Progress{ObjectsTotal: int64(len(all))}
	for _, s := range all {
		c.progress.BytesTotal += s.Size
	}
	return parallel(ctx, min(c.o.Threads, len(all)), eachOf(all, c.object))
}

func (c *check) object(ctx context.Context, s *checkedSource) error {
	defer c.done("objects", s.Size)
	unread := func(err error) error {
		if stops(ctx, err) {
			return err
		}
		if errors.Is(err, storage.ErrNotExist) {
			c.find(SourceMissing, "", s.Object, "the object is not there any more")
		} else {
			c.find(SourceUnread, "", s.Object, "it cannot be read: %v", err)
		}
		return nil
	}
	store, name, err := c.locate(ctx, s.Object)
	if err != nil {
		return unread(err)
	}
	found, err := store.Stat(ctx, name)
	if err != nil {
		return unread(err)
	}
	if found.Size != s.Size {
		c.find(SourceChanged, "", s.Object, "it has %d bytes, it had %d when it was converted", found.Size, s.Size)
		return nil
	}
	if s.SHA256 == "" || !c.o.Deep && found.ETag == s.ETag { // a cluster has no hash of it
		return nil
	}
	sum, err := hashStored(ctx, store, name)
	if err != nil {
		return unread(err)
	}
	c.mu.Lock()
	c.out.Hashed++
	c.mu.Unlock()
	if hex.EncodeToString(sum) != s.SHA256 {
		c.find(SourceChanged, "", s.Object, "its SHA-256 is %x, it was %s when it was converted", sum, s.SHA256)
	}
	return nil
}

func hashStored(ctx context.Context, store storage.Storage, name string) ([]byte, error) {
	in, err := store.Open(ctx, name)
	if err != nil {
		return nil, err
	}
	defer in.Close()
	h := sha256.New()
	if _, err := io.CopyBuffer(h, struct{ io.Reader }{in}, make([]byte, 128<<10)); err != nil {
		return nil, fmt.Errorf("read: %w", err)
	}
	return h.Sum(nil), nil
}

// locate is the storage of an object of the ledger, and its name there.
func (c *check) locate(ctx context.Context, path string) (storage.Storage, string, error) {
	root, name, err := split(path)
	if err != nil {
		return nil, "", err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if s, ok := c.stores[root]; ok {
		return s, name, nil
	}
	s, err := c.o.OpenSource(ctx, root)
	if err != nil {
		return nil, "", fmt.Errorf("open source: %w", err)
	}
	c.stores[root] = s
	return s, name, nil
}

// findElsewhere looks for the records that objects have given and that are not
// among their rows: another object must have given them too.
func (c *check) findElsewhere(ctx context.Context) error {
	if c.broken(LogsTable) || c.broken(AggregatedTable) || c.broken(LedgerTable) {
		return nil
	}
	var short []*checkedSource
	for _, s := range c.sources {
		if n := s.records - s.rows; n > 0 {
			c.out.Elsewhere += n
			short = append(short, s)
		}
	}
	if !c.o.Deep || len(short) == 0 {
		return nil
	}
	slices.SortFunc(short, func(a, b *checkedSource) int { return cmp.Compare(a.Object, b.Object) })
	wanted, err := c.identities(ctx, short)
	if err != nil {
		return err
	}
	t, err := c.snapshot.Table(LogsTable)
	if err != nil {
		return err
	}
	if err := c.readTable(ctx, t, func(ctx context.Context, f catalog.DataFile) error { return c.tick(ctx, f, wanted) }); err != nil || c.broken(LogsTable) {
		return err
	}
	missing := map[*checkedSource]int64{}
	for _, s := range wanted {
		missing[s]++
	}
	for s, n := range missing {
		c.find(RowsMissing, LogsTable, s.Object, "%d of its records are not in the table", n)
	}
	return nil
}

// identities are those of the records of objects. Records without an event id
// are rows of their own and cannot be elsewhere.
func (c *check) identities(ctx context.Context, objects []*checkedSource) (map[uint64]*checkedSource, error) {
	wanted := map[uint64]*checkedSource{}
	dec := cloudtrail.NewDecoder()
	for _, s := range objects {
		store, name, err := c.locate(ctx, s.Object)
		if err != nil {
			continue // reported already
		}
		in, err := store.Open(ctx, name)
		if err != nil {
			continue
		}
		head := make([]byte, min(in.Size(), 4))
		_, err = in.ReadAt(head, 0)
		if err == nil || err == io.EOF {
			err = nil
			if !bytes.Equal(head, []byte("PK\x03\x04")) {
				err = collect(dec, in, func(rec *cloudtrail.Record) {
					if len(rec.Text(cloudtrail.LeafEventID)) > 0 && !rec.Aggregated {
						wanted[rowset.Identity(rec)] = s
					}
				})
			}
		}
		in.Close()
		if err != nil {
			if stops(ctx, err) {
				return nil, err
			}
			c.find(SourceUnread, "", s.Object, "it cannot be read: %v", err)
		}
	}
	return wanted, nil
}

func collect(dec *cloudtrail.Decoder, in io.Reader, yield func(*cloudtrail.Record)) error {
	dec.Reset(in)
	for {
		rec, err := dec.Next()
		var bad *cloudtrail.RecordError
		switch {
		case err == nil:
			yield(rec)
		case err == io.EOF:
			return nil
		case !errors.As(err, &bad):
			return err
		}
	}
}

// tick removes the identities that a data file has.
func (c *check) tick(ctx context.Context, f catalog.DataFile, wanted map[uint64]*checkedSource) error {
	in, err := c.o.Catalog.Storage().Open(ctx, f.Path)
	if err != nil {
		return err
	}
	defer in.Close()
	file, err := rowset.Open(in, in.Size())
	if err != nil {
		return err
	}
	for g := range file.RowGroups() {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		err := file.Identities(g, func(_ int, _ int64, identity uint64) { delete(wanted, identity) })
		if err != nil {
			return err
		}
	}
	return nil
}
