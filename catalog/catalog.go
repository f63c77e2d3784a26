package catalog

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/apache/iceberg-go"

	"github.com/trailql/trailql/catalog/metadata"
	"github.com/trailql/trailql/catalog/storage"
)

var (
	// ErrNotExist is wrapped by errors about a warehouse or table that is not there.
	ErrNotExist = errors.New("does not exist")
	// ErrConflict is wrapped by Commit's error when another writer changed what
	// the batch depends on and a retry cannot help.
	ErrConflict = errors.New("conflicting commit")
	// ErrLockLost is wrapped by errors of a Catalog whose Lock, or whose place
	// among several converters, another process has taken over, because it was not
	// renewed in time.
	ErrLockLost = errors.New("another process has taken over: the lease on the warehouse was not renewed in time")
)

// DefaultRetain is how long replaced files stay when Options.Retain is zero.
const DefaultRetain = 24 * time.Hour

// DefaultLease is how long a silent holder keeps the lock of a warehouse that is
// not local, when Options.Lease is zero.
const DefaultLease = 30 * time.Second

// Options of Open and Create. The zero value works.
type Options struct {
	Storage storage.Storage  // zero: storage.Open(uri), which is a local folder
	Now     func() time.Time // zero: time.Now
	Retain  time.Duration    // how long replaced files stay readable; zero: DefaultRetain
	Lease   time.Duration    // see Lock; zero: DefaultLease
	// Committed is called behind each version that is stored here, by whoever
	// stores it, before it goes on. What it does must not depend on being called:
	// a writer may die before.
	Committed func(ctx context.Context)
}

// TableSpec declares a table. Field ids of the schema are the ids in the data
// files and are kept as they are.
type TableSpec struct {
	Name       string // lower case letters, digits and underscores
	Schema     *iceberg.Schema
	Partition  []string // text columns with the identity transform, outermost first
	Sort       []string // for other engines that write: ascending, nulls first
	Properties map[string]string
}

// DataFile is one Parquet file of a table with what planning needs to know.
// Maps are keyed by Iceberg field id; bounds are in Iceberg's single-value
// serialisation (specification, appendix D). Plan leaves the split offsets and
// the maps nil: they are for other readers of the table, and reading them for
// every file would cost more than the rest of the planning.
type DataFile struct {
	Path         string   // relative to the warehouse root
	Partition    []string // one value for each of TableSpec.Partition; "" is null
	Records      int64
	Bytes        int64
	SplitOffsets []int64
	ColumnSizes  map[int]int64
	ValueCounts  map[int]int64
	NullCounts   map[int]int64
	LowerBounds  map[int][]byte
	UpperBounds  map[int][]byte
	TimeTexts    TimeTexts // set by Plan with Predicate.TimeTexts
}

// TimeTexts says what is known of the texts in a file's column eventtime, which
// are as the records had them: with an offset, a text can start with the day
// before or after its UTC day. File indexes have the numbers.
type TimeTexts uint8

const (
	// AnyTexts: nothing is known.
	AnyTexts TimeTexts = 0
	// DayTexts: all start with the UTC day of the file's events and a T.
	DayTexts TimeTexts = 1
	// LateTexts: that, and none is below the T00:00:00Z of the day.
	LateTexts TimeTexts = 3
	// lateEvents, in indexes of earlier versions: DayTexts, and no event is of the
	// first second of the day. With an offset its text can be below T00:00:00Z.
	lateEvents TimeTexts = 2
)

// Change is what a batch does to one table. Removing files and adding as many
// records as they had is recorded as a compaction, which other readers of the
// table take to mean that the rows are the same, unless Rewrite is set.
type Change struct {
	Add    []DataFile // made by NewFile for the same batch
	Remove []DataFile // as planned from the snapshot that the batch read
	// Rewrite says that rows have changed though their number has not.
	Rewrite bool

	foreign *foreignFiles // that Adopt adds; Add says the same
}

// Batch is a set of changes that becomes visible whole or not at all.
type Batch struct {
	ID      string // from Catalog.Begin
	Changes map[string]Change
}

// Catalog is an open warehouse. It is safe for concurrent use.
type Catalog struct {
	storage storage.Storage
	now     func() time.Time
	retain  time.Duration
	leaseOf time.Duration
	told    func(context.Context) // Options.Committed

	mu       sync.Mutex
	latest   int64                                // a version that is known to have existed
	metadata map[string]*metadata.Table           // by object name, of recent versions
	planned  map[string]map[string]*manifestFiles // by table and object name of the manifest
	batches  map[string]*batch                    // begun here and not ended
	leases   []*lease                             // held
	member   string                               // who this is among several converters; "" if it is none
}

// Open opens an existing warehouse: a path or a URI that [storage.Open] knows.
// The error wraps ErrNotExist if there is none.
func Open(ctx context.Context, uri string, o Options) (*Catalog, error) {
	c, err := newCatalog(uri, o)
	if err != nil {
		return nil, err
	}
	if _, err := c.newest(ctx); err != nil {
		return nil, c.openError(err)
	}
	return c, nil
}

func (c *Catalog) openError(err error) error {
	return fmt.Errorf("open warehouse %q: %w", c.Root(), err)
}

// Create opens a warehouse and makes an empty one if there is none.
func Create(ctx context.Context, uri string, o Options) (*Catalog, error) {
	c, err := newCatalog(uri, o)
	if err != nil {
		return nil, err
	}
	_, err = c.newest(ctx)
	if err == nil {
		return c, nil
	}
	if !errors.Is(err, ErrNotExist) {
		return nil, c.openError(err)
	}
	err = c.putVersion(ctx, version{Version: 1, Committed: c.now().UTC(), Tables: map[string]tableVersion{}})
	if err != nil && !errors.Is(err, storage.ErrExist) { // somebody else just made it
		return nil, fmt.Errorf("create warehouse %q: %w", c.Root(), err)
	}
	return c, nil
}

func newCatalog(uri string, o Options) (*Catalog, error) {
	c := &Catalog{
		storage:  o.Storage,
		now:      o.Now,
		retain:   o.Retain,
		leaseOf:  o.Lease,
		told:     o.Committed,
		metadata: map[string]*metadata.Table{},
		planned:  map[string]map[string]*manifestFiles{},
		batches:  map[string]*batch{},
	}
	if c.storage == nil {
		s, err := storage.Open(uri)
		if err != nil {
			return nil, fmt.Errorf("open warehouse: %w", err)
		}
		c.storage = s
	}
	if c.now == nil {
		c.now = time.Now
	}
	if c.retain == 0 {
		c.retain = DefaultRetain
	}
	if c.leaseOf <= 0 {
		c.leaseOf = DefaultLease
	}
	return c, nil
}

// Close ends the use of the catalog. Snapshots taken from it stay readable;
// batches that were neither committed nor aborted are left to Repair.
func (c *Catalog) Close() error { return nil }

// Root is the absolute path or URI of the warehouse. Root, a slash and a
// DataFile's Path make the file's own path.
func (c *Catalog) Root() string { return c.storage.Root() }

// Storage holds the warehouse's objects.
func (c *Catalog) Storage() storage.Storage { return c.storage }

// database is the one namespace of a warehouse.
const database = "default"

// location is where a new table is recorded to lie. A local path gets a scheme,
// because without one other engines look for it on their default file system.
func (c *Catalog) location(tableName string) string {
	root := c.Root()
	if strings.HasPrefix(root, "/") {
		root = "file://" + root
	}
	return root + "/" + database + "/" + tableName
}

// tablePaths translates between the URIs in a table's metadata and object
// names. The recorded location need not be where the warehouse lies today:
// trailql goes on working on a moved or differently mounted folder.
type tablePaths struct {
	location string // as recorded in the metadata
	dir      string // object name prefix
}

func newTablePaths(tableName string, meta *metadata.Table) tablePaths {
	return tablePaths{location: meta.Location(), dir: database + "/" + tableName}
}

func (p tablePaths) uri(name string) string {
	return p.location + strings.TrimPrefix(name, p.dir)
}

func (p tablePaths) name(uri string) (string, error) {
	rest, ok := strings.CutPrefix(uri, p.location+"/")
	if !ok {
		return "", fmt.Errorf("%q lies outside the table's location %q", uri, p.location)
	}
	return p.dir + "/" + rest, nil
}
