package pack

import (
	"errors"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/trailql/trailql/engine/dialect"
)

// Translate reads a statement as the engine that is going to run it would. An
// *dialect.Error says where it is wrong.
type Translate func(sql string) error

var idForm = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]*$`)

var attackForm = regexp.MustCompile(`^T\d{4}(\.\d{3})?$`)

// check looks at what documents say about each other.
func (l *Library) check(problems *Problems) {
	for _, name := range slices.Sorted(maps.Keys(l.Params)) {
		p := l.Params[name]
		if _, err := p.Type.Convert(p.Default.Value); err != nil {
			problems.add(p.Default.At, "default of parameter %s: %v", name, err)
		}
		if p.Infer.Value != "" && p.Type != List {
			problems.add(p.Infer.At, "only a list can be inferred")
		}
	}
	for _, r := range l.Rules {
		l.checkRule(r, problems)
	}
	for _, p := range l.Packs {
		l.checkPack(p, problems)
	}
}

func (l *Library) checkRule(r *Rule, problems *Problems) {
	at := r.ID.At
	if !idForm.MatchString(r.ID.Value) {
		problems.add(at, "rule id %q: want letters, digits, -, _ and .", r.ID.Value)
	}
	if r.Title == "" {
		problems.add(at, "rule %s has no title", r.ID.Value)
	}
	for _, id := range r.Attack {
		if !attackForm.MatchString(id.Value) {
			problems.add(id.At, "%q is no ATT&CK technique, such as T1078.004", id.Value)
		}
	}
	forms := 0
	for _, has := range []bool{r.conditional(), len(r.Bursts) > 0 || len(r.FirstSeen) > 0, r.Kind == Coverage} {
		if has {
			forms++
		}
	}
	switch {
	case forms == 0:
		problems.add(at, "rule %s takes nothing: it needs events, where, bursts, first_seen or the kind coverage", r.ID.Value)
	case r.Kind == Coverage && forms > 1:
		problems.add(at, "rule %s: coverage is computed over the archive, not by a condition", r.ID.Value)
	}
	for _, set := range r.Events {
		for _, t := range set.Source {
			if !eventWord.MatchString(t.Value) || strings.ContainsAny(t.Value, ".*") {
				problems.add(t.At, "%q is no service: write iam for iam.amazonaws.com", t.Value)
			}
		}
		for _, t := range set.Names {
			if !eventWord.MatchString(t.Value) {
				problems.add(t.At, "%q is no name of an event", t.Value)
			}
		}
	}
	for _, c := range r.Columns {
		if _, ok := l.Columns[c.Value]; !ok {
			problems.add(c.At, "there is no column %q%s", c.Value, nearest(c.Value, slices.Collect(maps.Keys(l.Columns))))
		}
	}
	for _, n := range slices.Concat(r.Needs, r.Wants) {
		if l.Params[n.Value] == nil {
			problems.add(n.At, "there is no parameter %q%s", n.Value, nearest(n.Value, slices.Collect(maps.Keys(l.Params))))
		}
	}
	for _, raise := range r.Raise {
		if (raise.Where.Value == "") == (raise.Burst == nil) {
			problems.add(at, "rule %s: raise needs either where or burst", r.ID.Value)
		}
		if raise.To <= r.Severity {
			problems.add(at, "rule %s: raise to %s is not above its severity, %s", r.ID.Value, raise.To, r.Severity)
		}
		if raise.Burst != nil {
			b := *raise.Burst
			if b.Of.Value == "" {
				b.Of = r.ID
			}
			l.checkBurst(b, r, problems)
		}
	}
	for _, b := range r.Bursts {
		l.checkBurst(b, r, problems)
	}
	for _, f := range r.FirstSeen {
		l.checkBase(f.Of, slices.Concat(f.By, f.Known), r, problems)
		if f.Lookback <= 0 {
			problems.add(f.Of.At, "first_seen needs a lookback")
		}
	}
}

func (l *Library) checkBurst(b Burst, r *Rule, problems *Problems) {
	base := l.checkBase(b.Of, b.By, r, problems)
	if b.Within <= 0 {
		problems.add(b.Of.At, "rule %s: a burst needs within", r.ID.Value)
	}
	switch p := l.Params[b.AtLeast.Param.Value]; {
	case b.AtLeast.Param.Value == "" && b.AtLeast.Number == 0:
		problems.add(b.Of.At, "rule %s: a burst needs at_least", r.ID.Value)
	case b.AtLeast.Param.Value != "" && (p == nil || p.Type != Integer):
		problems.add(b.AtLeast.Param.At, "there is no integer parameter %q", b.AtLeast.Param.Value)
	}
	for _, t := range []Text{b.Distinct, b.Sum} {
		if t.Value != "" && base != nil && !l.hasColumn(base, t.Value) {
			problems.add(t.At, "rule %s has no column %q", base.ID.Value, t.Value)
		}
	}
	if b.Distinct.Value != "" && b.Sum.Value != "" {
		problems.add(b.Sum.At, "a burst counts distinct values or a sum, not both")
	}
	if b.Then != nil {
		if follower := l.checkBase(b.Then.Rule, b.By, r, problems); follower != nil && follower.Quiet {
			problems.add(b.Then.Rule.At, "rule %s is quiet: its events are not seen one by one", follower.ID.Value)
		}
		if base != nil && base.Quiet {
			problems.add(b.Then.Rule.At, "rule %s is quiet: its bursts cannot be followed", base.ID.Value)
		}
	}
}

// checkBase looks at a rule that another one watches.
func (l *Library) checkBase(of Text, by []Text, r *Rule, problems *Problems) *Rule {
	base := l.rules[of.Value]
	switch {
	case base == nil:
		at := of.At
		if at.Line == 0 {
			at = r.ID.At
		}
		problems.add(at, "there is no rule %q%s", of.Value, nearest(of.Value, l.ruleIDs()))
		return nil
	case !base.conditional():
		problems.add(of.At, "rule %q has no condition on single events", of.Value)
		return nil
	}
	if len(by) == 0 {
		problems.add(of.At, "rule %s: by is missing", r.ID.Value)
	}
	for _, t := range by {
		if !l.hasColumn(base, t.Value) {
			problems.add(t.At, "rule %s has no column %q", base.ID.Value, t.Value)
		}
	}
	return base
}

// hasColumn reports whether a rule's events have that column.
func (l *Library) hasColumn(r *Rule, name string) bool {
	return slices.Contains(EvidenceColumns(), name) || slices.ContainsFunc(r.Columns, func(c Text) bool { return c.Value == name })
}

func (l *Library) ruleIDs() []string { return slices.Collect(maps.Keys(l.rules)) }

func (l *Library) checkPack(p *Pack, problems *Problems) {
	at := p.ID.At
	if !idForm.MatchString(p.ID.Value) {
		problems.add(at, "pack id %q: want letters, digits, -, _ and .", p.ID.Value)
	}
	if p.Title == "" {
		problems.add(at, "pack %s has no title", p.ID.Value)
	}
	for _, name := range slices.Sorted(maps.Keys(p.Params)) {
		v := p.Params[name]
		if param := l.Params[name]; param == nil {
			problems.add(v.At, "there is no parameter %q%s", name, nearest(name, slices.Collect(maps.Keys(l.Params))))
		} else if _, err := param.Type.Convert(v.Value); err != nil {
			problems.add(v.At, "parameter %s: %v", name, err)
		}
	}
	for _, in := range p.Inputs {
		if l.Params[in.Value] == nil {
			problems.add(in.At, "there is no parameter %q%s", in.Value, nearest(in.Value, slices.Collect(maps.Keys(l.Params))))
		}
	}
	if p.Scope.Value != "" {
		l.checkReference(p.Scope, problems)
	}
	if len(p.Controls) == 0 {
		problems.add(at, "pack %s has no controls", p.ID.Value)
	}
	for _, v := range append([]Text{{}}, p.Versions...) {
		l.checkIDs(p, v.Value, problems)
	}
	for _, c := range p.Controls {
		where := c.ID.At
		if where.Line == 0 && len(c.Editions) > 0 {
			where = c.Editions[0].ID.At
		}
		if where.Line == 0 {
			where = at
		}
		if c.Title == "" {
			problems.add(where, "control %s has no title", c.ID.Value)
		}
		if len(c.Rules) == 0 && !slices.ContainsFunc(c.Editions, func(e Edition) bool { return len(e.Rules) > 0 }) {
			problems.add(where, "control %s has no rules", c.ID.Value)
		}
		for _, r := range c.Rules {
			l.checkReference(r, problems)
		}
		for _, e := range c.Editions {
			for _, v := range []Text{e.From, e.To} {
				if v.Value != "" && p.versionIndex(v.Value) < 0 {
					problems.add(v.At, "the pack has no version %q", v.Value)
				}
			}
			for _, r := range e.Rules {
				l.checkReference(r, problems)
			}
		}
	}
}

// checkIDs looks at the ids of one version's controls. Without versions a pack has
// one, under no name.
func (l *Library) checkIDs(p *Pack, version string, problems *Problems) {
	if version == "" && len(p.Versions) > 0 {
		return
	}
	ids := map[string]bool{}
	for _, c := range p.At(version) {
		at := c.ID.At
		if at.Line == 0 {
			at = p.ID.At
		}
		if c.ID.Value == "" {
			problems.add(at, "control %q has no id in version %q", c.Title, version)
		} else if ids[c.ID.Value] {
			problems.add(at, "control %q stands twice", c.ID.Value)
		}
		ids[c.ID.Value] = true
	}
}

func (l *Library) checkReference(t Text, problems *Problems) {
	if l.rules[t.Value] == nil {
		problems.add(t.At, "there is no rule %q%s", t.Value, nearest(t.Value, l.ruleIDs()))
	}
}

// nearest is a hint, or nothing.
func nearest(name string, names []string) string {
	slices.Sort(names)
	for _, n := range names {
		if strings.EqualFold(n, name) || len(name) > 3 && (strings.HasPrefix(n, name) || strings.HasPrefix(name, n) && len(n) > 3) {
			return ": did you mean " + n + "?"
		}
	}
	return ""
}

// Validate checks the SQL of every rule and column. The error is a [Problems] with
// the places in the YAML.
func (l *Library) Validate(translate Translate) error {
	var problems Problems
	values, err := l.Values()
	if err != nil {
		return err
	}
	v := &validation{lib: l, translate: translate, problems: &problems, values: values}
	v.all()
	if len(problems) > 0 {
		return problems.err()
	}
	// What is not looked at while a list is empty.
	v.values = maps.Clone(values)
	for name, p := range l.Params {
		if p.Type == List && empty(values[name]) {
			v.values[name] = []string{"a*"}
		}
	}
	v.all()
	for _, name := range slices.Sorted(maps.Keys(l.Params)) {
		if infer := l.Params[name].Infer; infer.Value != "" && translate != nil {
			v.statement(infer, expansion{sql: infer.Value, marks: []mark{{0, 0}}}, 0, infer.Value)
		}
	}
	return problems.err()
}

// all checks the conditions and columns with the values that parameters have.
func (v *validation) all() {
	l := v.lib
	for _, r := range l.Rules {
		if r.Where.Value != "" {
			v.condition(r.Where)
		}
		for _, raise := range r.Raise {
			if raise.Where.Value != "" {
				v.condition(raise.Where)
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(l.Columns)) {
		v.sql(l.Columns[name], "SELECT (", ") FROM cloudtrail_logs")
	}
}

type validation struct {
	lib       *Library
	translate Translate
	problems  *Problems
	values    map[string]any
}

// condition checks what has to be true or false.
func (v *validation) condition(t Text) {
	before := len(*v.problems)
	v.sql(t, "SELECT 1 FROM cloudtrail_logs WHERE (", ") AND true")
	if len(*v.problems) > before {
		return
	}
	if e, err := newExpander(v.values).expand(t.Value); err == nil && !isCondition(significant(e.sql)) {
		v.problems.add(t.place(0), "this is a value, not a condition: compare it with something")
	}
}

// sql checks a condition or a value inside of a statement.
func (v *validation) sql(t Text, before, behind string) {
	e, err := newExpander(v.values).expand(t.Value)
	var wrong *expandError
	if errors.As(err, &wrong) {
		v.problems.add(t.place(wrong.offset), "%s", wrong.message)
		return
	}
	if offset, err := badPattern(t.Value); err != nil {
		v.problems.add(t.place(offset), "%v", err)
		return
	}
	if v.translate != nil {
		v.statement(t, e, len(before), before+e.sql+behind)
	}
}

func (v *validation) statement(t Text, e expansion, shift int, sql string) {
	err := v.translate(sql)
	var wrong *dialect.Error
	switch {
	case err == nil:
	case errors.As(err, &wrong):
		message := wrong.Message
		if wrong.Hint != "" {
			message += " (" + wrong.Hint + ")"
		}
		v.problems.add(t.place(e.source(offsetOf(sql, wrong.Line, wrong.Column)-shift)), "%s", message)
	default:
		v.problems.add(t.place(0), "%v", err)
	}
}

// offsetOf is the offset in bytes of a line and a column in characters.
func offsetOf(text string, line, column int) int {
	offset := 0
	for ; line > 1; line-- {
		next := strings.IndexByte(text[offset:], '\n')
		if next < 0 {
			return len(text)
		}
		offset += next + 1
	}
	for i := range text[offset:] {
		if column--; column == 0 {
			return offset + i
		}
	}
	return len(text)
}
