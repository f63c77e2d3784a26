package pack

import (
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// tally counts the events of a rule instead of listing them.
type tally struct {
	rule, of *Rule
	burst    *Burst     // nil for a first use
	first    *FirstSeen // nil for a burst
	to       Severity
	least    int64
	step     time.Duration // of a burst
}

func (t *tally) by() []Text {
	if t.burst != nil {
		return t.burst.By
	}
	return slices.Concat(t.first.By, t.first.Known)
}

// lookback is that of a first use, and longer than any for a burst.
func (t *tally) lookback() Duration {
	if t.first == nil {
		return math.MaxInt64
	}
	return t.first.Lookback
}

// mayLack reports whether events without a value of the column count: those without an
// account are of one.
func mayLack(column Text) bool { return column.Value == "account_id" }

// reads is the time whose events it counts: a burst may begin before the period.
func (t *tally) reads(period extent) extent {
	if t.burst != nil {
		period.from = period.from.Add(-2 * time.Duration(t.burst.Within))
	}
	return period
}

// past asks what there was before the period, for first uses.
type past struct {
	// begins are statements for the time of the first event since a lookback began.
	begins map[Duration]Statement
	uses   Statement // the keys that were in use, by tally: first uses come first in a plan
}

// watch is a burst over events that the rows have.
type watch struct {
	burst *Burst
	of    *Rule
	rule  *Rule
	to    Severity
	least int64
}

func (b *planner) amount(a Amount) int64 {
	if a.Param.Value == "" {
		return a.Number
	}
	n, _ := b.values[a.Param.Value].(int64)
	return max(1, n)
}

// watch plans what a rule wants to know of others, or of its own events together.
func (b *planner) watch(r *Rule) {
	bursts := map[*Burst]Severity{}
	var order []*Burst
	for i := range r.Bursts {
		bursts[&r.Bursts[i]] = r.Severity
		order = append(order, &r.Bursts[i])
	}
	for i := range r.Raise {
		if raise := &r.Raise[i]; raise.Burst != nil {
			bursts[raise.Burst] = raise.To
			order = append(order, raise.Burst)
		}
	}
	for _, burst := range order {
		of := r
		if burst.Of.Value != "" {
			of = b.lib.rules[burst.Of.Value]
		}
		switch {
		case !b.isAdmitted(of.ID.Value):
			b.plan.NotAssessed[r.ID.Value] = "rule " + of.ID.Value + ": " + b.plan.NotAssessed[of.ID.Value]
		case of.Quiet:
			b.tallies = append(b.tallies, burstTally(r, of, burst, bursts[burst], b.amount(burst.AtLeast)))
		default:
			b.plan.watches = append(b.plan.watches, watch{burst, of, r, bursts[burst], b.amount(burst.AtLeast)})
		}
	}
	for i := range r.FirstSeen {
		f := &r.FirstSeen[i]
		if !b.isAdmitted(f.Of.Value) {
			b.plan.NotAssessed[r.ID.Value] = "rule " + f.Of.Value + ": " + b.plan.NotAssessed[f.Of.Value]
			continue
		}
		b.tallies = append(b.tallies, tally{rule: r, of: b.lib.rules[f.Of.Value], first: f, to: r.Severity})
	}
}

// tallySteps is into how many steps the window of a count is cut.
const tallySteps = 60

// burstTally counts by key and time. Distinct values are counted in steps as long
// as the window: with the first and last time of each value in a step, a window
// over two steps can be judged exactly. Counts and sums have finer steps, and
// windows that begin and end with one.
func burstTally(r, of *Rule, burst *Burst, to Severity, least int64) tally {
	t := tally{rule: r, of: of, burst: burst, to: to, least: least, step: time.Duration(burst.Within)}
	if burst.Distinct.Value == "" {
		t.step = max(time.Second, t.step/tallySteps)
	}
	return t
}

// reach is how many steps a window can touch besides the one that it ends in.
func (t *tally) reach() int64 { return int64(time.Duration(t.burst.Within) / t.step) }

// counts writes the statement that counts: one scan for all tallies, which keeps the
// columns that they need of the events that their rules take, and a query of that for each.
func (b *planner) counts() error {
	if len(b.tallies) == 0 {
		return nil
	}
	read := b.plan.period
	for i := range b.tallies {
		read.from = earlier(read.from, b.tallies[i].reads(b.plan.period).from)
	}
	w := &sqlWriter{}
	k, err := b.keep(w, b.tallies, b.scopes, read, "eventid")
	if err != nil {
		return err
	}
	for i := range b.tallies {
		if i > 0 {
			w.add("\nUNION ALL ")
		}
		k.write(w, i)
	}
	w.add("\nORDER BY tally", keyList(k.keys, ", k"), ", step, value")
	b.plan.counts = w.statement()
	return nil
}

// past writes what is asked of the time before the period.
func (b *planner) past() error {
	firsts := slices.DeleteFunc(slices.Clone(b.tallies), func(t tally) bool { return t.first == nil })
	if len(firsts) == 0 {
		return nil
	}
	begins := map[Duration]Statement{}
	since := func(t tally) extent {
		return extent{b.options.From.Add(-time.Duration(t.first.Lookback)), b.options.From}
	}
	for _, t := range firsts {
		w := &sqlWriter{}
		w.add("SELECT min(eventtimestamp) AS first_event FROM cloudtrail_logs WHERE ")
		b.window(w, since(t))
		begins[t.first.Lookback] = w.statement()
	}
	w := &sqlWriter{}
	k, err := b.keep(w, firsts, nil, since(firsts[len(firsts)-1]))
	if err != nil {
		return err
	}
	for i := range firsts {
		if i > 0 {
			w.add("\nUNION ALL ")
		}
		w.add("SELECT DISTINCT ", strconv.Itoa(i), " AS tally, ")
		k.from(w, &firsts[i], since(firsts[i]))
	}
	b.plan.past = &past{begins: begins, uses: w.statement()}
	return nil
}

// keyList is k0, k1, … for some k, each with that before it.
func keyList(n int, before string) string {
	var b strings.Builder
	for i := range n {
		b.WriteString(before + strconv.Itoa(i))
	}
	return b.String()
}

// keptColumns are the columns that tallies need of a scan.
type keptColumns struct {
	*scan
	tallies []tally
	keys    int // columns of a row that have keys
	names   []string
	masks   map[string][]int64 // of the rules whose events they are needed of
	scopes  []*Rule            // that are looked for in those events
}

// keep begins a statement with what tallies need of the events of a time, which scopes
// took them, and other columns.
func (b *planner) keep(w *sqlWriter, tallies []tally, scopes []*Rule, read extent, others ...string) (*keptColumns, error) {
	var rules []*Rule
	for _, t := range tallies {
		if !slices.Contains(rules, t.of) {
			rules = append(rules, t.of)
		}
	}
	counted := len(rules)
	for _, s := range scopes {
		if !slices.Contains(rules, s) {
			rules = append(rules, s)
		}
	}
	k := &keptColumns{scan: b.scan(rules), tallies: tallies, masks: map[string][]int64{}, scopes: scopes}
	for i := range tallies {
		t := &tallies[i]
		k.keys = max(k.keys, len(t.by()))
		for _, column := range t.by() {
			k.keep(column, t.of)
		}
		if t.burst != nil {
			k.keep(t.burst.Distinct, t.of)
			k.keep(t.burst.Sum, t.of)
		}
	}
	w.add("WITH kept AS (SELECT ", b.flat.column("eventtimestamp"), " AS instant")
	for _, name := range others {
		w.add(", ", b.flat.column(name))
	}
	for i := range k.words {
		w.add(", took", strconv.Itoa(i))
	}
	if err := k.columns(w); err != nil {
		return nil, err
	}
	w.add("\nFROM ")
	if err := k.scan.write(w, read); err != nil {
		return nil, err
	}
	w.add(" taken WHERE ")
	if counted == len(rules) {
		k.taken(w)
	} else {
		k.scan.masks(w, k.bits(rules[:counted]))
	}
	w.add(")\n")
	return k, nil
}

func (k *keptColumns) keep(column Text, of *Rule) {
	if column.Value == "" {
		return
	}
	if k.masks[column.Value] == nil {
		k.names = append(k.names, column.Value)
		k.masks[column.Value] = make([]int64, k.words)
	}
	p := k.place(of)
	k.masks[column.Value][p.word] |= 1 << p.bit
}

// bits are those of some rules, by word.
func (s *scan) bits(rules []*Rule) []int64 {
	masks := make([]int64, s.words)
	for _, r := range rules {
		p := s.place(r)
		masks[p.word] |= 1 << p.bit
	}
	return masks
}

func (s *scan) place(r *Rule) *placed {
	return s.rules[slices.IndexFunc(s.rules, func(p *placed) bool { return p.Rule == r })]
}

func (k *keptColumns) name(column Text) string {
	return "c" + strconv.Itoa(slices.Index(k.names, column.Value))
}

// columns writes them, after others.
func (k *keptColumns) columns(w *sqlWriter) error {
	for _, name := range k.names {
		e, err := k.column(name)
		if err != nil {
			return err
		}
		w.add(",\n\tCASE WHEN ")
		k.scan.masks(w, k.masks[name])
		w.add(" THEN coalesce(CAST(")
		w.insert(e)
		w.add(" AS varchar), '') END AS ", k.name(Text{Value: name}))
	}
	return nil
}

// from writes keys, and that they are of the events of a rule in some time.
func (k *keptColumns) from(w *sqlWriter, t *tally, within extent) {
	for i := range k.keys {
		if i > 0 {
			w.add(", ")
		}
		if i < len(t.by()) {
			w.add(k.name(t.by()[i]))
		} else {
			w.add("''")
		}
		w.add(" AS k", strconv.Itoa(i))
	}
	for i, scope := range k.scopes {
		p := k.place(scope)
		w.add(", CASE WHEN bitwise_and(took", strconv.Itoa(p.word), ", ", number(1<<p.bit), ") <> 0 THEN 1 ELSE 0 END AS scope", strconv.Itoa(i))
	}
	p := k.place(t.of)
	w.add(" FROM kept WHERE bitwise_and(took", strconv.Itoa(p.word), ", ", number(1<<p.bit), ") <> 0",
		" AND instant >= ", InstantSQL(within.from), " AND instant < ", InstantSQL(within.to))
}

// write writes the rows of one tally.
func (k *keptColumns) write(w *sqlWriter, index int) {
	t := &k.tallies[index]
	w.add("SELECT ", strconv.Itoa(index), " AS tally", keyList(k.keys, ", k"), keyList(len(k.scopes), ", scope"), ", step, value, n, total, first_at, last_at, one_id\nFROM (")
	if t.burst != nil {
		k.burst(w, t)
	} else {
		k.first(w, t)
	}
	w.add(") tally", strconv.Itoa(index))
}

// burst writes the steps of a tally that may belong to a burst: those around which
// there is enough. Steps are the same whatever the period, but the one in which it
// begins is cut there: what lies before is of the period before. A step is twice its
// number, and one more from the period's beginning on.
func (k *keptColumns) burst(w *sqlWriter, t *tally) {
	all := keyList(k.keys, ", k")[2:]
	weight := "n"
	switch {
	case t.burst.Distinct.Value != "":
		weight = "1"
	case t.burst.Sum.Value != "":
		weight = "total"
	}
	reach := number(2*t.reach() + 1)
	w.add("SELECT * FROM (SELECT *, sum(", weight,
		") OVER (PARTITION BY ", all, " ORDER BY step RANGE BETWEEN ", reach, " PRECEDING AND ", reach, " FOLLOWING) AS near\nFROM (SELECT ", all,
		", step, value, count(*) AS n, CAST(sum(amount) AS bigint) AS total, ",
		"min(instant) AS first_at, max(instant) AS last_at, ", k.oneID(), " AS one_id", k.anyScope(), "\nFROM (SELECT ",
		"2 * CAST(floor(to_unixtime(instant) / ", number(int64(t.step/time.Second)), ") AS bigint)",
		" + CASE WHEN instant >= ", InstantSQL(k.plan.period.from), " THEN 1 ELSE 0 END AS step, ")
	if t.burst.Distinct.Value != "" {
		w.add(k.name(t.burst.Distinct), " AS value, ")
	} else {
		w.add("'' AS value, ")
	}
	if t.burst.Sum.Value != "" {
		w.add("coalesce(TRY_CAST(", k.name(t.burst.Sum), " AS bigint), 0) AS amount, ")
	} else {
		w.add("0 AS amount, ")
	}
	w.add("instant, eventid AS id, ")
	k.from(w, t, t.reads(k.plan.period))
	for _, column := range append(slices.Clone(t.by()), t.burst.Distinct) {
		if column.Value != "" && !mayLack(column) {
			w.add(" AND ", k.name(column), " <> ''")
		}
	}
	w.add(") events GROUP BY ", all, ", step, value) steps) nearby WHERE near >= ", number(t.least))
}

// oneID is the id of one event of a step: of a scope's, if there are any.
func (k *keptColumns) oneID() string {
	if len(k.scopes) == 0 {
		return "min(id)"
	}
	return "coalesce(min(CASE WHEN " + keyList(len(k.scopes), " + scope")[len(" + "):] + " > 0 THEN id END), min(id))"
}

// anyScope are columns, after others, that say which scopes took one of the events.
func (k *keptColumns) anyScope() string {
	columns := ""
	for i := range k.scopes {
		name := "scope" + strconv.Itoa(i)
		columns += ", max(" + name + ") AS " + name
	}
	return columns
}

// first writes the keys that were used in the period. Of what is compared, total says
// that what is known had not been seen before in the period; and each is left out that is
// not the first of its own.
func (k *keptColumns) first(w *sqlWriter, t *tally) {
	all := keyList(k.keys, ", k")[2:]
	own, known := all, ""
	if n := len(t.first.By); len(t.first.Known) > 0 {
		own = keyList(n, ", k")[2:]
		for i := range t.first.Known {
			known += ", k" + strconv.Itoa(n+i)
		}
	}
	total := "CAST(0 AS bigint)"
	if known != "" {
		total = "CASE WHEN known_since < first_at THEN CAST(0 AS bigint) ELSE 1 END"
	}
	w.add("SELECT ", all, keyList(len(k.scopes), ", scope"), ", CAST(0 AS bigint) AS step, '' AS value, n, ", total, " AS total, first_at, last_at, one_id\nFROM (SELECT *")
	if known != "" {
		w.add(", min(first_at) OVER (PARTITION BY ", own, ") AS begun, min(first_at) OVER (PARTITION BY ", known[2:], ") AS known_since")
	}
	w.add("\nFROM (SELECT ", all, ", count(*) AS n, min(instant) AS first_at, max(instant) AS last_at, min_by(id, ROW(instant, id)) AS one_id", k.anyScope(), "\nFROM (SELECT instant, eventid AS id, ")
	k.from(w, t, k.plan.period)
	w.add(") events GROUP BY ", all, ") uses) firsts WHERE true")
	if known != "" {
		w.add(" AND begun = first_at")
	}
	for i, column := range t.by() {
		if !mayLack(column) {
			w.add(" AND k", strconv.Itoa(i), " <> ''")
		}
	}
}

// Tallies are the statements that count events besides the rows.
func (p *Plan) Tallies() []Statement {
	var list []Statement
	if p.past != nil {
		for _, lookback := range slices.Sorted(maps.Keys(p.past.begins)) {
			list = append(list, p.past.begins[lookback])
		}
		list = append(list, p.past.uses)
	}
	if p.counts.SQL != "" {
		list = append(list, p.counts)
	}
	return list
}
