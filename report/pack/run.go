package pack

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"math/bits"
	"slices"
	"strings"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
)

// Event is one that a rule took. All texts come from the log: an attacker may
// have written them.
type Event struct {
	Time   time.Time // UTC
	Values []string  // of EvidenceColumns, in that order; "" for what the record lacks or [Parts] leave out
	Taken  []Taken   // in the order of the library's rules
}

// Taken says which rule took an event.
type Taken struct {
	Rule     *Rule
	Severity Severity          // of this event: the rule's, or what raised it
	Columns  map[string]string // the rule's own columns; those without a value are left out, and there may be none at all
}

// Value is that of an evidence column; "" when there is none of that name.
func (e *Event) Value(column string) string {
	if i := evidenceIndex(column); i >= 0 {
		return e.Values[i]
	}
	return ""
}

// By is what one rule took of the event.
func (e *Event) By(rule *Rule) (Taken, bool) {
	for _, t := range e.Taken {
		if t.Rule == rule {
			return t, true
		}
	}
	return Taken{}, false
}

// Run streams the events of the plan to take, in order of time, and returns what
// several events show together, in order of its beginning. A burst is of the period in
// which it reaches its threshold: it may begin before, and what follows it may come after. An error of take ends
// the run and is returned. Rules that ask for first uses are NotAssessed in this
// respect if the archive begins in the period.
func (p *Plan) Run(ctx context.Context, query QueryFunc, take func(*Event) error) ([]Correlation, error) {
	return p.RunInParts(ctx, query, Parts{}, take)
}

// RunInParts does what Run does, and reads the rows in parts: the same events, of which
// later ones may have fewer columns.
func (p *Plan) RunInParts(ctx context.Context, query QueryFunc, parts Parts, take func(*Event) error) ([]Correlation, error) {
	c := newCorrelator(p)
	see := func(e *Event) error {
		c.see(e)
		if e.Time.Before(p.period.from) || !e.Time.Before(p.period.to) {
			return nil
		}
		return take(e)
	}
	if p.Rows.SQL != "" {
		if err := p.list(ctx, query, parts, see); err != nil {
			return nil, err
		}
	}
	counted, err := p.count(ctx, query)
	if err != nil {
		return nil, err
	}
	found := append(c.correlations(), counted...)
	found = mergeBursts(found)
	slices.SortStableFunc(found, func(a, b Correlation) int {
		return cmp.Or(a.First.Compare(b.First), strings.Compare(a.Rule.ID.Value, b.Rule.ID.Value), slices.Compare(a.Values, b.Values))
	})
	return found, nil
}

// list reads the rows, part by part.
func (p *Plan) list(ctx context.Context, query QueryFunc, parts Parts, take func(*Event) error) error {
	r := p.reader()
	extents := parts.extents(p.period, p.read)
	for i, part := range extents {
		rows, brief := p.Rows, parts.Brief
		if i == 0 {
			brief = nil
		}
		if len(extents) > 1 {
			var err error
			if rows, err = p.planner.list(part, brief); err != nil {
				return fmt.Errorf("run rules: %w", err)
			}
		}
		if err := p.stream(ctx, query, rows, r, take); err != nil {
			return err
		}
	}
	return nil
}

// stream reads the rows of one part.
func (p *Plan) stream(ctx context.Context, query QueryFunc, rows Statement, r *eventReader, take func(*Event) error) error {
	result, err := query(ctx, rows.SQL, rows.Params...)
	if err != nil {
		return fmt.Errorf("run rules: %w", err)
	}
	defer result.Close()
	for batch, err := range result.Batches() {
		if err != nil {
			return fmt.Errorf("run rules: %w", err)
		}
		if int(batch.NumCols()) != len(evidence)+2+p.words {
			return fmt.Errorf("run rules: %d columns instead of %d", batch.NumCols(), len(evidence)+2+p.words)
		}
		for row := range int(batch.NumRows()) {
			e, err := r.event(batch, row)
			if err != nil {
				return err
			}
			if err := take(e); err != nil {
				return err
			}
		}
	}
	return nil
}

// eventReader makes events of rows.
type eventReader struct {
	rules  [][]*placed // by word and bit; nil for the bits of raises
	text   []byte      // of one row
	ends   []int
	values map[string]string // of one row's details
}

func (p *Plan) reader() *eventReader {
	r := &eventReader{rules: make([][]*placed, p.words), values: map[string]string{}}
	for i := range r.rules {
		r.rules[i] = make([]*placed, maxBits)
	}
	for _, one := range p.rules {
		r.rules[one.word][one.bit] = one
	}
	return r
}

func (r *eventReader) event(batch arrow.RecordBatch, row int) (*Event, error) {
	e := &Event{Values: make([]string, len(evidence))}
	// The batch's memory is the engine's. One copy has all texts of the row.
	r.text, r.ends = r.text[:0], r.ends[:0]
	for i := range len(evidence) + 1 {
		r.text = append(r.text, textOf(batch.Column(i), row)...)
		r.ends = append(r.ends, len(r.text))
	}
	text, from := string(r.text), 0
	for i := range evidence {
		e.Values[i] = text[from:r.ends[i]]
		from = r.ends[i]
	}
	if err := r.details(text[from:]); err != nil {
		return nil, err
	}
	var ok bool
	if e.Time, ok = timeAt(batch.Column(len(evidence)+1+len(r.rules)), row); !ok {
		return nil, fmt.Errorf("run rules: an event without time")
	}
	for word, rules := range r.rules {
		took, _ := integerAt(batch.Column(len(evidence)+1+word), row)
		for left := uint64(took); left != 0; left &= left - 1 {
			if p := rules[bits.TrailingZeros64(left)]; p != nil {
				e.Taken = append(e.Taken, r.taken(p, took))
			}
		}
	}
	return e, nil
}

// taken is what one rule took of the row.
func (r *eventReader) taken(p *placed, took int64) Taken {
	t := Taken{Rule: p.Rule, Severity: p.Severity}
	bit := p.bit
	for _, raise := range p.Raise {
		if raise.Where.Value == "" {
			continue
		}
		if bit++; took&(1<<bit) != 0 {
			t.Severity = max(t.Severity, raise.To)
		}
	}
	for _, c := range p.Columns {
		// Blanks are what is left when texts that are missing are joined.
		if v := r.values[c.Value]; strings.TrimSpace(v) != "" {
			if t.Columns == nil {
				t.Columns = make(map[string]string, len(p.Columns))
			}
			t.Columns[c.Value] = v
		}
	}
	return t
}

// details reads what scan.details writes.
func (r *eventReader) details(text string) error {
	clear(r.values)
	for one := range strings.SplitSeq(text, "\x1f,") {
		if one == "" {
			continue // of columns that are not wanted
		}
		name, value, ok := strings.Cut(one, "=")
		if !ok {
			return fmt.Errorf("run rules: read columns of an event: %.60q", one)
		}
		r.values[name] = strings.ReplaceAll(value, "\x1f=", "\x1f")
	}
	return nil
}

// textAt copies a text: the batch's memory is the engine's.
func textAt(column arrow.Array, row int) string { return strings.Clone(textOf(column, row)) }

// textOf is a text in the engine's memory; "" for NULL.
func textOf(column arrow.Array, row int) string {
	if column.IsNull(row) {
		return ""
	}
	switch c := column.(type) {
	case *array.String:
		return c.Value(row)
	case *array.LargeString:
		return c.Value(row)
	}
	return column.ValueStr(row)
}

func integerAt(column arrow.Array, row int) (int64, bool) {
	if column.IsNull(row) {
		return 0, false
	}
	switch c := column.(type) {
	case *array.Int64:
		return c.Value(row), true
	case *array.Int32:
		return int64(c.Value(row)), true
	}
	return 0, false
}

func timeAt(column arrow.Array, row int) (time.Time, bool) {
	c, ok := column.(*array.Timestamp)
	if !ok || c.IsNull(row) {
		return time.Time{}, false
	}
	return c.Value(row).ToTime(c.DataType().(*arrow.TimestampType).Unit).UTC(), true
}

// Infer asks the archive for the values of parameters that say how, such as the
// bucket that a trail writes to, and adds them to each of the maps that are given. Keys
// that the subject of an incident made, and that were made with those, are subjects, too.
// The archive is asked once for all of the maps where the answer is the same.
func (l *Library) Infer(ctx context.Context, query QueryFunc, given []map[string]any) ([]map[string]any, error) {
	ask := &lists{query: query, answers: map[string][]string{}}
	var all []map[string]any
	for _, one := range given {
		values, err := l.infer(ctx, ask, one)
		if err != nil {
			return nil, err
		}
		all = append(all, values)
	}
	return all, nil
}

func (l *Library) infer(ctx context.Context, ask *lists, given map[string]any) (map[string]any, error) {
	values := maps.Clone(given)
	if values == nil {
		values = map[string]any{}
	}
	for _, name := range slices.Sorted(maps.Keys(l.Params)) {
		p := l.Params[name]
		if p.Infer.Value == "" {
			continue
		}
		known, err := l.Values(values)
		if err != nil {
			return nil, err
		}
		list, _ := known[name].([]string)
		found, err := ask.firstColumn(ctx, Statement{SQL: p.Infer.Value})
		if err != nil {
			return nil, fmt.Errorf("infer parameter %s: %w", name, err)
		}
		list = append(slices.Clone(list), found...)
		slices.Sort(list)
		values[name] = slices.Compact(list)
	}
	if err := l.followSubject(ctx, ask, values); err != nil {
		return nil, err
	}
	return values, nil
}

// lists asks the archive for lists of texts, each of them once.
type lists struct {
	query   QueryFunc
	answers map[string][]string // by statement with its values
}

// firstColumn is that of a statement's rows. The caller must not change it.
func (a *lists) firstColumn(ctx context.Context, s Statement) ([]string, error) {
	key := fmt.Sprintf("%q %q", s.SQL, s.Params)
	if list, ok := a.answers[key]; ok {
		return list, nil
	}
	var list []string
	err := eachRow(ctx, a.query, s, func(batch arrow.RecordBatch, row int) {
		if s := textAt(batch.Column(0), row); s != "" && !strings.Contains(s, "*") {
			list = append(list, s)
		}
	})
	if err != nil {
		return nil, err
	}
	a.answers[key] = list
	return list, nil
}

// eachRow runs a statement. What see is given is the engine's, and ends with the call.
func eachRow(ctx context.Context, query QueryFunc, s Statement, see func(batch arrow.RecordBatch, row int)) error {
	result, err := query(ctx, s.SQL, s.Params...)
	if err != nil {
		return err
	}
	defer result.Close()
	for batch, err := range result.Batches() {
		if err != nil {
			return err
		}
		for row := range int(batch.NumRows()) {
			see(batch, row)
		}
	}
	return nil
}
