package catalog

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/apache/iceberg-go"

	"github.com/trailql/trailql/catalog/storage"
)

// The columns that planning knows. A table without one of them is not narrowed
// by the part of a predicate that needs it.
const (
	regionColumn    = "region"
	dateColumn      = "date" // UTC day of the event time, YYYY-MM-DD
	eventTimeColumn = "eventtimestamp"
	timeTextColumn  = "eventtime" // the event time as the record has it
)

// Predicate narrows a plan. Zero fields do not narrow.
type Predicate struct {
	Regions []string
	From    time.Time // event time, inclusive
	To      time.Time // event time, exclusive
	// TimeTexts asks for DataFile.TimeTexts, for which more may have to be read.
	TimeTexts bool
}

// PlanStats says what planning saved.
type PlanStats struct {
	Files, FilesTotal     int
	Records, RecordsTotal int64
	Bytes, BytesTotal     int64
}

// Plan returns every file that can hold a row for which the predicate is true,
// and few others: files are left out by region, date and the bounds of the
// event time. The order is that of the manifests. The files and their slices
// are shared; treat them as read-only.
func (t *Table) Plan(ctx context.Context, p Predicate) ([]DataFile, PlanStats, error) {
	total := t.Stats()
	stats := PlanStats{FilesTotal: int(total.Files), RecordsTotal: total.Records, BytesTotal: total.Bytes}
	manifests, err := t.catalog.manifests(ctx, t.snapshot, t.paths)
	if err != nil {
		return nil, stats, fmt.Errorf("plan table %q: %w", t.name, err)
	}
	t.catalog.forgetPlanned(t, manifests)
	f := newFilter(p, t)
	manifests = slices.DeleteFunc(manifests, func(m iceberg.ManifestFile) bool { return !f.mayHold(m.Partitions()) })

	loaded := make([]*manifestFiles, len(manifests))
	err = eachConcurrently(len(manifests), func(i int) error {
		var err error
		loaded[i], err = t.catalog.files(ctx, manifests[i], t, p.TimeTexts || f.needsTimes(manifests[i].Partitions()))
		return err
	})
	if err != nil {
		return nil, stats, fmt.Errorf("plan table %q: %w", t.name, err)
	}

	n := 0
	for _, l := range loaded {
		n += len(l.files)
	}
	files := make([]DataFile, 0, n)
	for _, l := range loaded {
		for i, file := range l.files {
			if f.matches(file.Partition) && (l.times == nil || f.overlaps(l.times[i])) {
				if l.times != nil {
					file.TimeTexts = l.times[i].texts
				}
				files = append(files, file)
				stats.Records += file.Records
				stats.Bytes += file.Bytes
			}
		}
	}
	stats.Files = len(files)
	return files, stats, nil
}

// eachConcurrently calls do(0) … do(n-1), a few at a time, and returns the
// first error by index.
func eachConcurrently(n int, do func(i int) error) error {
	errs := make([]error, n)
	slots := make(chan struct{}, runtime.GOMAXPROCS(0))
	for i := range n {
		slots <- struct{}{}
		go func() {
			errs[i] = do(i)
			<-slots
		}()
	}
	for range cap(slots) {
		slots <- struct{}{}
	}
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// filter is a predicate bound to a table's partition columns.
type filter struct {
	regions          []string
	region, date     int    // index among the partition columns, or -1
	fromDate, toDate string // inclusive; "" is open
	fromEdge, toEdge bool   // the window begins or ends within that day
	from, to         int64  // microseconds, [from, to); see hasFrom, hasTo
	hasFrom, hasTo   bool
}

func newFilter(p Predicate, t *Table) filter {
	columns := t.Spec()
	f := filter{
		regions: p.Regions,
		region:  slices.Index(columns, regionColumn),
		date:    slices.Index(columns, dateColumn),
		hasFrom: !p.From.IsZero(),
		hasTo:   !p.To.IsZero(),
	}
	const day = 24 * time.Hour
	if f.hasFrom {
		from := p.From.UTC()
		f.from = microseconds(from)
		f.fromDate = from.Format(time.DateOnly)
		f.fromEdge = !from.Equal(from.Truncate(day))
	}
	if f.hasTo {
		to := p.To.UTC()
		f.to = microseconds(to)
		f.toDate = to.Add(-1).Format(time.DateOnly)
		f.toEdge = !to.Equal(to.Truncate(day))
	}
	return f
}

// microseconds rounds up, so that a bound between two microseconds excludes
// the earlier one from [t, …) and includes it in […, t).
func microseconds(t time.Time) int64 {
	us := t.UnixMicro()
	if t.Nanosecond()%1000 != 0 {
		us++
	}
	return us
}

// mayHold reports whether a manifest with these partition bounds can hold a
// matching file.
func (f filter) mayHold(bounds []iceberg.FieldSummary) bool {
	if lo, hi, ok := textBounds(bounds, f.region); ok && len(f.regions) > 0 {
		if !slices.ContainsFunc(f.regions, func(r string) bool { return lo <= r && r <= hi }) {
			return false
		}
	}
	if lo, hi, ok := textBounds(bounds, f.date); ok {
		return (f.fromDate == "" || hi >= f.fromDate) && (f.toDate == "" || lo <= f.toDate)
	}
	return true
}

// needsTimes reports whether files of such a manifest can be left out by the
// bounds of their event time where their date is not enough.
func (f filter) needsTimes(bounds []iceberg.FieldSummary) bool {
	lo, hi, ok := textBounds(bounds, f.date)
	if !ok {
		return f.hasFrom || f.hasTo
	}
	return f.fromEdge && lo <= f.fromDate && f.fromDate <= hi || f.toEdge && lo <= f.toDate && f.toDate <= hi
}

// textBounds are the bounds of partition column i, unless it has nulls or none.
func textBounds(bounds []iceberg.FieldSummary, i int) (lo, hi string, ok bool) {
	if i < 0 || i >= len(bounds) || bounds[i].ContainsNull || bounds[i].LowerBound == nil || bounds[i].UpperBound == nil {
		return "", "", false
	}
	return string(*bounds[i].LowerBound), string(*bounds[i].UpperBound), true
}

// matches reports whether a partition can hold matching rows. Null matches
// nothing, as in SQL: a row without a date has no event time.
func (f filter) matches(partition []string) bool {
	if f.region >= 0 && len(f.regions) > 0 && !slices.Contains(f.regions, partition[f.region]) {
		return false
	}
	if f.date >= 0 && (f.hasFrom || f.hasTo) {
		d := partition[f.date]
		return d != "" && (f.fromDate == "" || d >= f.fromDate) && (f.toDate == "" || d <= f.toDate)
	}
	return true
}

// overlaps reports whether a file with such event times can hold matching rows.
func (f filter) overlaps(s timeSpan) bool {
	return !s.known || (!f.hasFrom || s.last >= f.from) && (!f.hasTo || s.first < f.to)
}

// timeSpan is the event time of a file's first and last event, microseconds.
type timeSpan struct {
	first, last int64
	known       bool
	texts       TimeTexts
}

// eventTimes takes a file's times from the bounds of its columns.
func (t *Table) eventTimes(lower, upper map[int][]byte) timeSpan {
	lo, hi := lower[t.timeField], upper[t.timeField]
	if len(lo) != 8 || len(hi) != 8 {
		return timeSpan{}
	}
	span := timeSpan{
		first: int64(binary.LittleEndian.Uint64(lo)),
		last:  int64(binary.LittleEndian.Uint64(hi)),
		known: true,
	}
	span.texts = span.textsBetween(string(lower[t.textField]), string(upper[t.textField]))
	return span
}

// textsBetween reads the bounds of the texts, of which there may be only the
// first characters: what starts like both has texts between that do so, too.
func (s timeSpan) textsBetween(lower, upper string) TimeTexts {
	day := time.UnixMicro(s.first).UTC().Format(time.DateOnly) + "T"
	switch {
	case !strings.HasPrefix(lower, day) || !strings.HasPrefix(upper, day) || time.UnixMicro(s.last).UTC().Format(time.DateOnly)+"T" != day:
		return AnyTexts
	case lower < day+"00:00:00Z":
		return DayTexts
	}
	return LateTexts
}

// AddedSince are the files that t has and an earlier state of the same table has
// not: without bounds, as from Plan. Of a state that has expired nothing is known, so
// they are all of t's.
func (t *Table) AddedSince(ctx context.Context, earlier *Table) ([]DataFile, error) {
	added, err := t.addedSince(ctx, earlier)
	if err != nil {
		return nil, fmt.Errorf("compare table %q with an earlier state: %w", t.name, err)
	}
	return added, nil
}

func (t *Table) addedSince(ctx context.Context, earlier *Table) (added []DataFile, err error) {
	if t.snapshot == nil || earlier.snapshot != nil && earlier.snapshot.SnapshotID == t.snapshot.SnapshotID {
		return nil, nil
	}
	now, err := t.catalog.manifests(ctx, t.snapshot, t.paths)
	if err != nil {
		return nil, err
	}
	before, err := t.catalog.manifests(ctx, earlier.snapshot, t.paths)
	if err != nil && !errors.Is(err, storage.ErrNotExist) {
		return nil, err
	}
	// What both have is in neither's difference: manifests do not change.
	there, err := t.filesOf(ctx, manifestsBut(before, now))
	if err != nil && !errors.Is(err, storage.ErrNotExist) {
		return nil, err
	}
	files, err := t.filesOf(ctx, manifestsBut(now, before))
	if err != nil {
		return nil, err
	}
	known := map[string]bool{}
	for _, f := range there {
		known[f.Path] = true
	}
	return slices.DeleteFunc(files, func(f DataFile) bool { return known[f.Path] }), nil
}

func manifestsBut(all, without []iceberg.ManifestFile) []iceberg.ManifestFile {
	left := map[string]bool{}
	for _, m := range without {
		left[m.FilePath()] = true
	}
	return slices.DeleteFunc(slices.Clone(all), func(m iceberg.ManifestFile) bool { return left[m.FilePath()] })
}

func (t *Table) filesOf(ctx context.Context, manifests []iceberg.ManifestFile) (files []DataFile, err error) {
	for _, m := range manifests {
		l, err := t.catalog.files(ctx, m, t, false)
		if err != nil {
			return nil, err
		}
		files = append(files, l.files...)
	}
	return files, nil
}
