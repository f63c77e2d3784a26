package pack

import (
	"maps"
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

// mayLack reports whether events without a value of the column count: those without an
// account are of one.
func mayLack(column Text) bool { return column.Value == "account_id" }

// count is a statement for some tallies.
type count struct {
	Statement
	tallies []tally
	keys    int // columns of its rows that have keys

	period time.Time // when it begins
	// history is a statement for the time of the first event since the longest lookback
	// of first uses began.
	history Statement
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

// counts writes the statements that count: one for bursts, which may begin before the period,
// and one for first uses of each lookback, which ask of the time before.
func (b *planner) counts() error {
	var bursts []tally
	before := b.options.From
	firsts := map[Duration][]tally{}
	for _, t := range b.tallies {
		if t.burst != nil {
			bursts = append(bursts, t)
			before = earlier(before, b.options.From.Add(-2*time.Duration(t.burst.Within)))
			continue
		}
		firsts[t.first.Lookback] = append(firsts[t.first.Lookback], t)
	}
	type group struct {
		tallies []tally
		from    time.Time
	}
	var groups []group
	for _, lookback := range slices.Sorted(maps.Keys(firsts)) {
		groups = append(groups, group{firsts[lookback], b.options.From.Add(-time.Duration(lookback))})
	}
	if len(bursts) > 0 {
		groups = append(groups, group{bursts, before})
	}
	for _, one := range groups {
		read := extent{one.from, b.options.To}
		c, err := b.count(one.tallies, read)
		if err != nil {
			return err
		}
		if one.tallies[0].first != nil {
			w := &sqlWriter{}
			w.add("SELECT min(eventtimestamp) AS first_event FROM cloudtrail_logs WHERE ")
			b.window(w, read)
			c.history = w.statement()
		}
		b.plan.counts = append(b.plan.counts, c)
	}
	return nil
}

// count writes one statement: a scan that keeps the columns that are counted of the
// events that a rule takes, and for each tally a query of it.
func (b *planner) count(tallies []tally, read extent) (count, error) {
	c := count{tallies: tallies, period: b.options.From}
	var rules []*Rule
	for _, t := range tallies {
		c.keys = max(c.keys, len(t.by()))
		if !slices.Contains(rules, t.of) {
			rules = append(rules, t.of)
		}
	}
	s := b.scan(rules)
	kept := &keptColumns{scan: s, masks: map[string][]int64{}}
	for i := range tallies {
		t := &tallies[i]
		for _, column := range t.by() {
			kept.keep(column, t.of)
		}
		if t.burst != nil {
			kept.keep(t.burst.Distinct, t.of)
			kept.keep(t.burst.Sum, t.of)
		}
	}
	w := &sqlWriter{}
	instant, id := b.flat.column("eventtimestamp"), b.flat.column("eventid")
	w.add("WITH kept AS (SELECT ", instant, " AS instant, ", id, " AS id")
	for i := range s.words {
		w.add(", took", strconv.Itoa(i))
	}
	if err := kept.write(w); err != nil {
		return c, err
	}
	w.add("\nFROM ")
	if err := s.write(w, read); err != nil {
		return c, err
	}
	w.add(" taken WHERE ")
	s.taken(w)
	w.add(")\n")
	for i := range tallies {
		t := &tallies[i]
		if i > 0 {
			w.add("\nUNION ALL ")
		}
		if t.burst != nil {
			kept.burst(w, i, t, c.keys)
		} else {
			kept.first(w, i, t, c.keys)
		}
	}
	w.add("\nORDER BY tally", keyList(c.keys, ", k"), ", step, value")
	c.Statement = w.statement()
	return c, nil
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
	names []string
	masks map[string][]int64 // of the rules whose events they are needed of
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

func (s *scan) place(r *Rule) *placed {
	return s.rules[slices.IndexFunc(s.rules, func(p *placed) bool { return p.Rule == r })]
}

func (k *keptColumns) name(column Text) string {
	return "c" + strconv.Itoa(slices.Index(k.names, column.Value))
}

// write writes them, after others.
func (k *keptColumns) write(w *sqlWriter) error {
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

// from writes the events of a rule, with its keys.
func (k *keptColumns) from(w *sqlWriter, t *tally, keys int) {
	for i := range keys {
		if i < len(t.by()) {
			w.add(k.name(t.by()[i]))
		} else {
			w.add("''")
		}
		w.add(" AS k", strconv.Itoa(i), ", ")
	}
	p := k.place(t.of)
	w.add("instant, id FROM kept WHERE bitwise_and(took", strconv.Itoa(p.word), ", ", number(1<<p.bit), ") <> 0")
}

// burst writes the steps of a tally that may belong to a burst: those around which
// there is enough.
func (k *keptColumns) burst(w *sqlWriter, index int, t *tally, keys int) {
	all := keyList(keys, ", k")[2:]
	weight := "n"
	switch {
	case t.burst.Distinct.Value != "":
		weight = "1"
	case t.burst.Sum.Value != "":
		weight = "total"
	}
	reach := number(t.reach())
	w.add("SELECT ", strconv.Itoa(index), " AS tally, ", all, ", step, value, n, total, first_at, last_at, one_id\nFROM (SELECT *, sum(", weight,
		") OVER (PARTITION BY ", all, " ORDER BY step RANGE BETWEEN ", reach, " PRECEDING AND ", reach, " FOLLOWING) AS near\nFROM (SELECT ", all,
		", step, value, count(*) AS n, CAST(sum(amount) AS bigint) AS total, ",
		"min(instant) AS first_at, max(instant) AS last_at, min(id) AS one_id\nFROM (SELECT ",
		"CAST(floor(to_unixtime(instant) / ", number(int64(t.step/time.Second)), ") AS bigint) AS step, ")
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
	k.from(w, t, keys)
	for _, column := range append(slices.Clone(t.by()), t.burst.Distinct) {
		if column.Value != "" && !mayLack(column) {
			w.add(" AND ", k.name(column), " <> ''")
		}
	}
	w.add(") events GROUP BY ", all, ", step, value) steps) nearby WHERE near >= ", number(t.least))
}

// first writes the keys whose first event since the lookback began lies in the
// period.
func (k *keptColumns) first(w *sqlWriter, index int, t *tally, keys int) {
	all := keyList(keys, ", k")[2:]
	own, known := all, ""
	if n := len(t.first.By); len(t.first.Known) > 0 {
		own = keyList(n, ", k")[2:]
		for i := range t.first.Known {
			known += ", k" + strconv.Itoa(n+i)
		}
	}
	// Of what is compared, total says that nothing earlier is known.
	total := "CAST(0 AS bigint)"
	if known != "" {
		total = "CASE WHEN known_since < first_at THEN CAST(0 AS bigint) ELSE 1 END"
	}
	w.add("SELECT ", strconv.Itoa(index), " AS tally, ", all, ", CAST(0 AS bigint) AS step, '' AS value, n, ", total, " AS total, first_at, last_at, one_id\nFROM (SELECT *")
	if known != "" {
		w.add(", min(first_at) OVER (PARTITION BY ", own, ") AS begun, min(first_at) OVER (PARTITION BY ", known[2:], ") AS known_since")
	}
	w.add("\nFROM (SELECT ", all, ", count(*) AS n, min(instant) AS first_at, max(instant) AS last_at, min_by(id, ROW(instant, id)) AS one_id\nFROM (SELECT ")
	k.from(w, t, keys)
	w.add(" AND instant >= ", InstantSQL(k.options.From.Add(-time.Duration(t.first.Lookback))), ") events GROUP BY ", all, ") uses) firsts WHERE first_at >= ", InstantSQL(k.options.From))
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
	for _, c := range p.counts {
		if c.history.SQL != "" {
			list = append(list, c.history)
		}
		list = append(list, c.Statement)
	}
	return list
}
