package pack

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/trailql/trailql/engine"
)

// QueryFunc runs one statement with values for its ?. The SQL is Athena's.
type QueryFunc func(ctx context.Context, sql string, params ...any) (*engine.Result, error)

// ErrUnknown is wrapped where a pack, version or rule is asked for that the
// library does not have.
var ErrUnknown = errors.New("unknown")

// PlanOptions say what to look for, and where.
type PlanOptions struct {
	Packs []Selection
	Rules []string // besides those of the packs
	// Scopes are rules that correlations say of whether they took one of the events,
	// besides the scopes of the packs.
	Scopes []string
	// From and To bound the event time: [From, To).
	From, To time.Time
	Accounts []string // empty: all
	Regions  []string // empty: all
	// Params are values for parameters, as [ParamType.Convert] takes them; they come
	// before those of the packs.
	Params map[string]any
}

// Selection is a pack in one version of its framework, "" for the newest.
type Selection struct {
	Pack, Version string
}

// Plan is what to run for some rules.
type Plan struct {
	// Rows has one row for each event that a rule takes; empty if no rule lists events.
	// Of events around the period it has those that a burst may have begun with, or that
	// may follow one.
	Rows        Statement
	NotAssessed map[string]string // why rules were left out, or say less than they could, by id; Run adds to it

	planner *planner
	period  extent
	read    extent  // the period, and what is read around it
	around  []int64 // bits of the rules whose events are read around the period
	rules   []*placed
	words   int
	scopes  []*Rule // of which correlations say whether they took an event
	watches []watch
	tallies []tally
	counts  Statement // a row for each key, step and value of a tally; empty without tallies
	past    *past     // nil if nothing is asked of the time before the period
}

// Statement is SQL with the values for its ?.
type Statement struct {
	SQL    string
	Params []any
}

// Plan makes the statements for the chosen packs and rules.
func (l *Library) Plan(o PlanOptions) (*Plan, error) {
	if !o.From.Before(o.To) {
		return nil, fmt.Errorf("plan rules: the period from %s to %s is empty", o.From.Format(time.RFC3339), o.To.Format(time.RFC3339))
	}
	wanted, values, err := l.wanted(o)
	if err != nil {
		return nil, err
	}
	b := &planner{lib: l, options: o, values: values, plan: &Plan{period: extent{o.From, o.To}, NotAssessed: map[string]string{}}}
	b.plan.planner = b
	for _, r := range l.Rules {
		if wanted[r] {
			b.admit(r)
		}
	}
	b.scopes = l.scopes(o, b.admitted)
	b.plan.scopes = b.scopes
	for _, r := range b.admitted {
		b.watch(r)
	}
	if err := b.rows(); err != nil {
		return nil, err
	}
	// First uses come before bursts, those that look back least first.
	slices.SortStableFunc(b.tallies, func(x, y tally) int { return cmp.Compare(x.lookback(), y.lookback()) })
	b.plan.tallies = b.tallies
	if err := b.counts(); err != nil {
		return nil, err
	}
	if err := b.past(); err != nil {
		return nil, err
	}
	return b.plan, nil
}

// wanted are the rules of the selection and those that they watch, and the values of the
// parameters, which the packs have to agree on. A pack that leaves one alone means its default.
func (l *Library) wanted(o PlanOptions) (map[*Rule]bool, map[string]any, error) {
	wanted := map[*Rule]bool{}
	var want func(id string) error
	want = func(id string) error {
		r := l.rules[id]
		if r == nil {
			return fmt.Errorf("%w rule %q", ErrUnknown, id)
		}
		if wanted[r] {
			return nil
		}
		wanted[r] = true
		for _, base := range r.bases() {
			if err := want(base); err != nil {
				return err
			}
		}
		return nil
	}
	var values map[string]any // of the first pack
	for _, s := range o.Packs {
		p := l.packs[s.Pack]
		if p == nil {
			return nil, nil, fmt.Errorf("%w pack %q", ErrUnknown, s.Pack)
		}
		if !p.HasVersion(s.Version) {
			return nil, nil, fmt.Errorf("%w version %q of pack %s", ErrUnknown, s.Version, s.Pack)
		}
		own := map[string]any{}
		for name, v := range p.Params {
			own[name] = v.Value
		}
		all, err := l.Values(own, o.Params)
		if err != nil {
			return nil, nil, err
		}
		if values == nil {
			values = all
		}
		for name, v := range all {
			if !reflect.DeepEqual(v, values[name]) {
				return nil, nil, fmt.Errorf("plan rules: packs %s and %s want different values of parameter %s: run them one by one", o.Packs[0].Pack, s.Pack, name)
			}
		}
		if p.Scope.Value != "" {
			if err := want(p.Scope.Value); err != nil {
				return nil, nil, err
			}
		}
		for _, c := range p.At(s.Version) {
			for _, r := range c.Rules {
				if err := want(r.Value); err != nil {
					return nil, nil, err
				}
			}
		}
	}
	for _, id := range slices.Concat(o.Rules, o.Scopes) {
		if err := want(id); err != nil {
			return nil, nil, err
		}
	}
	if values == nil {
		var err error
		if values, err = l.Values(o.Params); err != nil {
			return nil, nil, err
		}
	}
	return wanted, values, nil
}

// scopes are those of the admitted rules that are scopes of the selection.
func (l *Library) scopes(o PlanOptions, admitted []*Rule) []*Rule {
	ids := slices.Clone(o.Scopes)
	for _, s := range o.Packs {
		ids = append(ids, l.packs[s.Pack].Scope.Value)
	}
	return slices.DeleteFunc(slices.Clone(admitted), func(r *Rule) bool { return !slices.Contains(ids, r.ID.Value) })
}

// RulesOf are the rules that the controls of a pack and its scope name, each before
// those that it watches. Rules that the library lacks are left out.
func (l *Library) RulesOf(p *Pack, version string) []*Rule {
	var list []*Rule
	seen := map[string]bool{}
	var add func(id string)
	add = func(id string) {
		r := l.Rule(id)
		if r == nil || seen[id] {
			return
		}
		seen[id] = true
		list = append(list, r)
		for _, base := range r.bases() {
			add(base)
		}
	}
	add(p.Scope.Value)
	for _, c := range p.At(version) {
		for _, id := range c.Rules {
			add(id.Value)
		}
	}
	return list
}

// bases are the rules that a rule watches.
func (r *Rule) bases() []string {
	var ids []string
	add := func(b *Burst) {
		ids = append(ids, b.Of.Value)
		if b.Then != nil {
			ids = append(ids, b.Then.Rule.Value)
		}
	}
	for _, b := range r.Bursts {
		add(&b)
	}
	for _, raise := range r.Raise {
		if raise.Burst != nil && raise.Burst.Of.Value != "" {
			add(raise.Burst)
		}
	}
	for _, f := range r.FirstSeen {
		ids = append(ids, f.Of.Value)
	}
	return ids
}

// planner makes one plan.
type planner struct {
	lib      *Library
	options  PlanOptions
	values   map[string]any
	plan     *Plan
	admitted []*Rule
	listed   []*Rule // of those
	scopes   []*Rule // of those
	tallies  []tally
	flat     *flatColumns // of the statement that is being written
}

// admit takes a rule in, or says why it cannot be assessed.
func (b *planner) admit(r *Rule) {
	if r.Kind == Coverage {
		b.plan.NotAssessed[r.ID.Value] = "computed over the archive, not over events"
		return
	}
	for _, n := range r.Needs {
		if empty(b.values[n.Value]) {
			b.plan.NotAssessed[r.ID.Value] = "the parameter " + n.Value + " has no value"
			return
		}
	}
	for _, n := range r.Wants {
		if empty(b.values[n.Value]) {
			b.plan.NotAssessed[r.ID.Value] = "the parameter " + n.Value + " has no value"
		}
	}
	b.admitted = append(b.admitted, r)
}

func (b *planner) isAdmitted(id string) bool {
	return slices.ContainsFunc(b.admitted, func(r *Rule) bool { return r.ID.Value == id })
}

// sqlWriter joins pieces of SQL and the values for their ?.
type sqlWriter struct {
	text   strings.Builder
	params []any
}

func (w *sqlWriter) add(pieces ...string) {
	for _, p := range pieces {
		w.text.WriteString(p)
	}
}

func (w *sqlWriter) insert(e expansion) {
	w.text.WriteString(e.sql)
	w.params = append(w.params, e.params...)
}

func (w *sqlWriter) param(v any) {
	w.text.WriteString("?")
	w.params = append(w.params, v)
}

func (w *sqlWriter) statement() Statement { return Statement{w.text.String(), w.params} }

// expand makes SQL of a text of the library.
func (b *planner) expand(t Text) (expansion, error) {
	x := newExpander(b.values)
	x.flat = b.flat
	e, err := x.expand(t.Value)
	var wrong *expandError
	if errors.As(err, &wrong) {
		if wrong.message == tooLong {
			wrong.message += x.longestList()
		}
		return e, Problems{{t.place(wrong.offset), wrong.message}}
	}
	return e, err
}

// longestList says which of the lists that were used is the longest.
func (x *expander) longestList() string {
	var longest string
	most := 0
	for _, name := range slices.Sorted(maps.Keys(x.paramNames)) {
		if list, ok := x.values[name].([]string); ok && len(list) > most {
			longest, most = name, len(list)
		}
	}
	if most == 0 {
		return ""
	}
	return fmt.Sprintf(": the parameter %s has %d values", longest, most)
}

// column is the SQL of an evidence column or of one of the library's.
func (b *planner) column(name string) (expansion, error) {
	if name == ledgerHash {
		return expansion{sql: name}, nil
	}
	t := b.lib.Columns[name]
	if i := evidenceIndex(name); i >= 0 {
		t = Text{Value: evidence[i].sql}
	}
	raw, nullable := strings.CutSuffix(t.Value, " IS")
	if nullable {
		if b.flat != nil {
			raw = b.flat.column(raw)
		}
		return expansion{sql: raw}, nil
	}
	return b.expand(t)
}

// extent is the time that a statement reads: [from, to).
type extent struct{ from, to time.Time }

func (e extent) within(o extent) bool { return !e.from.Before(o.from) && !e.to.After(o.to) }

// window writes the condition on time, account and region. The dates are those of
// the partitions.
func (b *planner) window(w *sqlWriter, read extent) {
	from, to := read.from.UTC(), read.to.UTC()
	w.add("date >= '", from.Format(time.DateOnly), "' AND date <= '", to.Add(-1).Format(time.DateOnly), "'",
		" AND eventtimestamp >= ", InstantSQL(from), " AND eventtimestamp < ", InstantSQL(to))
	for _, one := range []struct {
		column string
		values []string
	}{{"coalesce(recipientaccountid, useridentity.accountid)", b.options.Accounts}, {"region", b.options.Regions}} {
		if len(one.values) == 0 {
			continue
		}
		w.add(" AND ", one.column, " IN (")
		for i, v := range one.values {
			if i > 0 {
				w.add(", ")
			}
			w.param(v)
		}
		w.add(")")
	}
}

// InstantSQL is a time as SQL, to the microsecond.
func InstantSQL(t time.Time) string {
	return "from_iso8601_timestamp('" + t.UTC().Format("2006-01-02T15:04:05.999999Z") + "')"
}
