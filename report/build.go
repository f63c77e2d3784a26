package report

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/trailql/trailql/engine/quantity"
	"github.com/trailql/trailql/report/pack"
)

// build makes the report of what was collected.
func (r *runner) build() {
	uncovered := r.report.Coverage.uncovered(r.Period)
	if len(r.report.Coverage.Cells) == 0 && uncovered == "" {
		uncovered = "the archive has no events of the period and scope"
	}
	dispositions := map[string]*Disposition{}
	for i := range r.Dispositions {
		dispositions[r.Dispositions[i].Finding] = &r.Dispositions[i]
	}
	at, unlisted := 0, int64(0)
	for _, s := range r.Packs {
		p := r.Library.Pack(s.Pack)
		out := Pack{ID: p.ID.Value, Title: p.Title, Version: s.Version, Hash: packHash(r.Library, p, s.Version), Notes: p.Notes}
		for range p.At(s.Version) {
			c := r.control(r.collection.controls[at], uncovered)
			for i := range c.Findings {
				c.Findings[i].Disposition = dispositions[c.Findings[i].ID]
			}
			unlisted += c.Unlisted
			out.Controls = append(out.Controls, c)
			at++
		}
		r.report.Packs = append(r.report.Packs, out)
	}
	if unlisted > 0 {
		r.report.Notes = append(r.report.Notes, fmt.Sprintf(
			"%s counted but not listed: a control lists its first %s, and as many again if they are of high severity or of several events; all controls together list about %s",
			quantity.Plural(unlisted, "finding"), quantity.Count(int64(r.MaxFindings)), quantity.Count(maxListedFindings)))
	}
	if r.Period.Open {
		r.report.Notes = append(r.report.Notes, "the period ended less than "+quantity.Duration(r.Period.Lateness)+" before this run: it may yet get events")
	}
	r.report.Exceptions = r.suppressor.uses(r.Period)
	r.compare()
}

// ofScope is why the rule that is a pack's scope did not run; without it, none of the
// pack's rules says anything.
func ofScope(scope string, reasons map[string]string) string {
	if why := reasons[scope]; why != "" {
		return "the scope of the pack, rule " + scope + ": " + why
	}
	return ""
}

func (r *runner) control(k *collector, uncovered string) Control {
	c := Control{
		ID: k.control.ID.Value, Title: k.control.Title, Kind: k.control.Kind, Severity: k.control.Severity,
		Level: k.control.Level, Pattern: k.control.Pattern, Note: k.control.Note, Related: k.control.Related,
		Events: k.events.population, Open: k.open, Findings: k.sorted(), Unlisted: k.unlisted, Sample: k.events.sample(),
	}
	var outcomes []outcome
	ran := r.passOf(k.pack.ID.Value)
	open := int64(0)
	for _, n := range k.rules {
		id := n.outcome.rule
		n.failed = cmp.Or(ran.failed[id], ofScope(k.scope, ran.failed))
		n.notAssessed = cmp.Or(n.notAssessed, ran.notAssessed[id], ofScope(k.scope, ran.notAssessed))
		outcomes = append(outcomes, n.outcome)
		c.Count += n.count
		open += n.open
		before, from := r.Library.AttackIDs(n.rule)
		use := RuleUse{
			ID: id, Title: n.rule.Title, Description: n.rule.Description, Kind: n.kind, SQL: ConditionText(n.rule),
			Count: n.count, NotAssessed: n.notAssessed, Error: n.failed, Result: n.result,
		}
		for _, one := range append(before, from...) {
			if !slices.Contains(use.Attack, one) {
				use.Attack = append(use.Attack, one)
			}
		}
		c.Rules = append(c.Rules, use)
	}
	c.Suppressed = c.Count - open
	if open > 0 {
		c.Severity = k.severity
	}
	for _, day := range slices.Sorted(maps.Keys(k.days)) {
		c.Days = append(c.Days, DayCount{day, k.days[day]})
	}
	for _, g := range k.groups {
		c.Groups = append(c.Groups, g.group())
	}
	why, declared := r.NotApplicable[k.pack.ID.Value+"/"+c.ID]
	if !declared {
		why, declared = r.NotApplicable[c.ID]
	}
	if declared && c.Count == 0 {
		c.State, c.Reason = NotApplicable, "declared not to be applicable: "+why
		return c
	}
	if len(r.report.Coverage.Cells) == 0 {
		c.State, c.Reason = NotAssessed, "the archive has no events of the period and scope"
		return c
	}
	c.State, c.Reason = decide(c.Kind, outcomes, uncovered)
	if declared {
		c.Reason += "; it is declared not to be applicable (" + why + "), and there are findings nevertheless"
	}
	return c
}

// ConditionText is what a rule takes, as people read it.
func ConditionText(r *pack.Rule) string {
	var sets []string
	for _, set := range r.Events {
		var terms []string
		if len(set.Source) > 0 {
			terms = append(terms, "eventsource IN ("+quoted(set.Source, ".amazonaws.com")+")")
		}
		if len(set.Names) > 0 {
			terms = append(terms, "eventname IN ("+quoted(set.Names, "")+")")
		}
		sets = append(sets, strings.Join(terms, " AND "))
	}
	var parts []string
	switch len(sets) {
	case 0:
	case 1:
		parts = append(parts, sets[0])
	default:
		parts = append(parts, "("+strings.Join(sets, "\n  OR ")+")")
	}
	if where := strings.TrimSpace(r.Where.Value); where != "" {
		if len(parts) > 0 {
			where = "(" + where + ")"
		}
		parts = append(parts, where)
	}
	text := strings.Join(parts, "\nAND ")
	line := func(s string) {
		if text != "" {
			text += "\n"
		}
		text += s
	}
	for i := range r.Bursts {
		line("-- " + burstText(&r.Bursts[i], r.ID.Value))
	}
	for _, f := range r.FirstSeen {
		line(fmt.Sprintf("-- the first %s of each %s in %s", f.Of, texts(f.By), time.Duration(f.Lookback)))
	}
	for _, raise := range r.Raise {
		if raise.Burst != nil {
			line(fmt.Sprintf("-- %s: %s", raise.To, burstText(raise.Burst, r.ID.Value)))
		} else {
			line(fmt.Sprintf("-- %s: %s", raise.To, strings.Join(strings.Fields(raise.Where.Value), " ")))
		}
	}
	return text
}

func burstText(b *pack.Burst, rule string) string {
	least := fmt.Sprint(b.AtLeast.Number)
	if b.AtLeast.Param.Value != "" {
		least = "$" + b.AtLeast.Param.Value
	}
	what := "events"
	switch {
	case b.Distinct.Value != "":
		what = "values of " + b.Distinct.Value + " in events"
	case b.Sum.Value != "":
		what = "sum of " + b.Sum.Value + " over events"
	}
	of := b.Of.Value
	if of == "" {
		of = rule
	}
	text := fmt.Sprintf("at least %s %s of %s within %s, by %s", least, what, of, time.Duration(b.Within), texts(b.By))
	if b.Then != nil {
		text += fmt.Sprintf("; %s if followed by %s within %s", b.Then.To, b.Then.Rule, time.Duration(b.Then.Within))
	}
	return text
}

func texts(list []pack.Text) string {
	var parts []string
	for _, t := range list {
		parts = append(parts, t.Value)
	}
	return strings.Join(parts, ", ")
}

func quoted(list []pack.Text, suffix string) string {
	var parts []string
	for _, t := range list {
		parts = append(parts, "'"+strings.ReplaceAll(t.Value, "'", "''")+suffix+"'")
	}
	return strings.Join(parts, ", ")
}

// packHash is that of a pack's controls in one version and of all rules, columns and
// parameters' defaults that they can use, wherever in which files these stand.
func packHash(l *pack.Library, p *pack.Pack, version string) string {
	h := sha256.New()
	hashValue(h, reflect.ValueOf(p.Title))
	hashValue(h, reflect.ValueOf(p.Params))
	hashValue(h, reflect.ValueOf(p.At(version)))
	for _, r := range l.RulesOf(p, version) {
		hashValue(h, reflect.ValueOf(*r))
		for _, c := range r.Columns {
			hashValue(h, reflect.ValueOf(l.Columns[c.Value]))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(l.Params)) {
		hashValue(h, reflect.ValueOf(name))
		hashValue(h, reflect.ValueOf(*l.Params[name]))
	}
	return hex.EncodeToString(h.Sum(nil))
}

// hashValue hashes what YAML said, without the places where it stands.
func hashValue(h hash.Hash, v reflect.Value) {
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		if v.IsNil() {
			fmt.Fprint(h, "nil;")
			return
		}
		hashValue(h, v.Elem())
	case reflect.Struct:
		for i := range v.NumField() {
			f := v.Type().Field(i)
			if !f.IsExported() || f.Type == reflect.TypeFor[pack.Position]() {
				continue
			}
			fmt.Fprintf(h, "%s:", f.Name)
			hashValue(h, v.Field(i))
		}
	case reflect.Slice:
		fmt.Fprintf(h, "[%d;", v.Len())
		for i := range v.Len() {
			hashValue(h, v.Index(i))
		}
	case reflect.Map:
		keys := v.MapKeys()
		slices.SortFunc(keys, func(a, b reflect.Value) int { return strings.Compare(fmt.Sprint(a), fmt.Sprint(b)) })
		fmt.Fprintf(h, "{%d;", len(keys))
		for _, k := range keys {
			fmt.Fprintf(h, "%q:", fmt.Sprint(k))
			hashValue(h, v.MapIndex(k))
		}
	default:
		fmt.Fprintf(h, "%q;", fmt.Sprint(v))
	}
}
