package report

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/trailql/trailql/engine"
	"github.com/trailql/trailql/report/pack"
)

// Options of a run. Library, Query, Packs and Period are required.
type Options struct {
	Library *pack.Library
	Query   pack.QueryFunc
	Packs   []pack.Selection
	Period  Period // of ParsePeriod
	Scope   Scope
	// Params are values for parameters of the packs; they come before those of the
	// scope.
	Params     map[string]any
	Exceptions Exceptions
	// NotApplicable are controls, as ID or PACK/ID, with the reason. One that has
	// findings nevertheless is assessed.
	NotApplicable map[string]string
	Baseline      *Report // an earlier report; nil for none
	// Dispositions of findings; the last one of a finding counts.
	Dispositions []Disposition
	Runs         []PastRun // of the ledger; nil if there is none
	Sample       SampleOptions
	Snapshot     Snapshot // without Records
	Run          Header   // without Started and Ended
	Title        string   // "": made of the packs
	// MaxFindings are listed for each control, and as many again of high severity, of
	// several events or of the archive; 0: DefaultMaxFindings. All are counted.
	MaxFindings int
	// PartEvents is about how many events are read at a time; 0: a million. Once all
	// that are listed have been, of later parts only what is counted is read.
	PartEvents int
	Now        func() time.Time // nil: time.Now
}

// Run makes a report. What is wrong with the options is an error that wraps
// ErrInvalid; nothing was run then. A rule that fails makes its controls ERROR, and
// the others go on; that the engine stops (limits, cancellation) or cannot read the
// table is an error.
func Run(ctx context.Context, o Options) (*Report, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	o.MaxFindings, o.PartEvents = cmp.Or(o.MaxFindings, DefaultMaxFindings), cmp.Or(o.PartEvents, defaultPartEvents)
	r := &runner{Options: o, report: &Report{Run: o.Run, Period: o.Period, Scope: o.Scope, Snapshot: o.Snapshot, Title: o.Title}, asker: &asker{query: o.Query}}
	r.report.Run.Started = o.Now().UTC()
	if err := r.check(); err != nil {
		return nil, err
	}
	if err := r.run(ctx); err != nil {
		return nil, err
	}
	r.report.Statements = r.asker.statements
	r.report.Run.Ended = o.Now().UTC()
	return r.report, nil
}

// runner makes one report.
type runner struct {
	Options
	report     *Report
	asker      *asker
	collection *collection
	suppressor *suppressor
	archive    *archive
	integrity  *integrity
	params     map[string]any

	failed      map[string]string // rules that failed, and why
	notAssessed map[string]string // rules that could not run, and why
}

func (r *runner) check() error {
	if len(r.Packs) == 0 {
		return fmt.Errorf("run report: %w: no pack", ErrInvalid)
	}
	if !r.Period.From.Before(r.Period.To) {
		return fmt.Errorf("run report: %w: the period is empty", ErrInvalid)
	}
	if _, err := LoadZone(r.Period.Zone); err != nil {
		return fmt.Errorf("run report: %w", err)
	}
	if err := r.Scope.check(); err != nil {
		return err
	}
	r.Packs = slices.Clone(r.Packs) // their versions are settled here
	var titles []string
	seen := map[string]bool{}
	for i, s := range r.Packs {
		p := r.Library.Pack(s.Pack)
		switch {
		case p == nil:
			return fmt.Errorf("run report: %w: there is no pack %q", ErrInvalid, s.Pack)
		case !p.HasVersion(s.Version):
			return fmt.Errorf("run report: %w: pack %s has no version %q", ErrInvalid, s.Pack, s.Version)
		case seen[s.Pack]:
			return fmt.Errorf("run report: %w: pack %s stands twice", ErrInvalid, s.Pack)
		}
		seen[s.Pack] = true
		r.Packs[i].Version = cmp.Or(s.Version, p.DefaultVersion())
		titles = append(titles, p.Title)
	}
	if r.report.Title == "" {
		r.report.Title = strings.Join(titles, "; ")
	}
	return r.checkParams()
}

// checkParams settles the values of parameters.
func (r *runner) checkParams() error {
	r.params = map[string]any{}
	for name, texts := range r.Scope.Declared {
		p := r.Library.Params[name]
		if p == nil {
			return fmt.Errorf("run report: %w: there is no parameter %q", ErrInvalid, name)
		}
		v, err := paramValue(p.Type, texts)
		if err != nil {
			return fmt.Errorf("run report: %w: parameter %s: %w", ErrInvalid, name, err)
		}
		r.params[name] = v
	}
	if _, ok := r.params[pack.OwnAccounts]; !ok && len(r.Scope.Accounts) > 0 && r.Library.Params[pack.OwnAccounts] != nil {
		r.params[pack.OwnAccounts] = r.Scope.Accounts
	}
	for name, v := range r.Params {
		p := r.Library.Params[name]
		if p == nil {
			return fmt.Errorf("run report: %w: there is no parameter %q", ErrInvalid, name)
		}
		converted, err := p.Type.Convert(v)
		if err != nil {
			return fmt.Errorf("run report: %w: parameter %s: %w", ErrInvalid, name, err)
		}
		r.params[name] = converted
	}
	for _, s := range r.Packs {
		p := r.Library.Pack(s.Pack)
		given := len(p.Inputs) == 0
		var names []string
		for _, in := range p.Inputs {
			names = append(names, in.Value)
			given = given || isGiven(r.params[in.Value])
		}
		if !given {
			return fmt.Errorf("run report: %w: pack %s is about something: give one of the parameters %s", ErrInvalid, s.Pack, strings.Join(names, ", "))
		}
	}
	return nil
}

func isGiven(v any) bool {
	switch v := v.(type) {
	case string:
		return v != ""
	case []string:
		return len(v) > 0
	}
	return v != nil
}

// ParseParam reads the texts of a parameter's value, as flags have them.
func ParseParam(l *pack.Library, name string, texts []string) (any, error) {
	p := l.Params[name]
	if p == nil {
		return nil, fmt.Errorf("parameter %q: %w: there is none of that name", name, ErrInvalid)
	}
	v, err := paramValue(p.Type, texts)
	if err != nil {
		return nil, fmt.Errorf("parameter %s: %w: %w", name, ErrInvalid, err)
	}
	return v, nil
}

func (r *runner) run(ctx context.Context) error {
	var err error
	if r.archive, r.report.Coverage, err = readArchive(ctx, r.asker, r.Period, r.Scope); err != nil {
		return fmt.Errorf("run report: %w", err)
	}
	c := &r.report.Coverage
	c.judge(r.archive, r.Period, r.Scope)
	if r.integrity, err = readIntegrity(ctx, r.asker, r.Period, r.Scope, r.archive.verdicts); err != nil {
		return fmt.Errorf("run report: %w", err)
	}
	c.Digests = r.integrity.summary()
	for _, cell := range c.Cells {
		r.report.Snapshot.Records += cell.Events
	}
	r.failed, r.notAssessed = map[string]string{}, map[string]string{}
	r.collect()
	if len(c.Cells) > 0 {
		if err := r.evaluate(ctx); err != nil {
			return fmt.Errorf("run report: %w", err)
		}
		if err := r.assess(ctx); err != nil {
			return fmt.Errorf("run report: %w", err)
		}
	}
	r.build()
	return nil
}

// collect makes a collector for each control.
func (r *runner) collect() {
	zone := r.Period.location()
	r.suppressor = newSuppressor(r.Exceptions, zone)
	c := &collection{byRule: map[string][]membership{}, maxFindings: r.MaxFindings}
	c.dayName = func(f *Finding) string {
		if f.Time.Before(r.Period.From) {
			return dayOf(r.Period.From, zone) // a burst that began before
		}
		return dayOf(f.Time, zone)
	}
	before := earlierFindings(r.Baseline)
	for _, s := range r.Packs {
		p := r.Library.Pack(s.Pack)
		for _, control := range p.At(s.Version) {
			k := &collector{pack: p, control: control, scope: p.Scope.Value, days: map[string]int64{}, open: map[pack.Severity]int64{}, seen: map[string]bool{}, events: sampler{SampleOptions: r.Sample}}
			if r.Baseline != nil {
				k.before = map[string]bool{}
				for id := range before[p.ID.Value+"/"+control.ID.Value] {
					k.before[id] = true
				}
			}
			k.groups = []*grouping{newGrouping("account_id"), newGrouping("actor")}
			var columns []string
			for _, g := range control.Groups {
				columns = append(columns, g.Value)
			}
			if len(columns) > 0 && !slices.Equal(columns, []string{"account_id"}) && !slices.Equal(columns, []string{"actor"}) {
				k.groups = append(k.groups, newGrouping(columns...))
			}
			for _, id := range control.Rules {
				if slices.ContainsFunc(k.rules, func(n *ruleCount) bool { return n.outcome.rule == id.Value }) {
					continue
				}
				rule := r.Library.Rule(id.Value)
				n := &ruleCount{rule: rule, exceptions: r.suppressor.of(id.Value, p.ID.Value, control.ID.Value)}
				n.outcome.rule, n.kind = id.Value, rule.Kind
				k.rules = append(k.rules, n)
				c.byRule[id.Value] = append(c.byRule[id.Value], membership{k, n})
			}
			c.controls = append(c.controls, k)
		}
	}
	r.collection = c
}

// evaluate runs the rules, in one pass if it can be. If a pass fails, everything is
// done again without the rules that fail by themselves: events may have come before
// the error.
func (r *runner) evaluate(ctx context.Context) error {
	params, err := r.Library.Infer(ctx, func(ctx context.Context, sql string, params ...any) (*engine.Result, error) {
		r.asker.note("parameters", sql, params)
		return r.Query(ctx, sql, params...)
	}, r.params)
	if err != nil {
		return err
	}
	groups := r.passes(params)
again:
	r.collect()
	r.notAssessed = map[string]string{}
	statements := len(r.asker.statements)
	for _, group := range groups {
		err := r.pass(ctx, group, params)
		if err == nil {
			continue
		}
		if stops(ctx, err) || errors.Is(err, ErrInvalid) {
			return err
		}
		if err := r.blame(ctx, group, params, err); err != nil {
			return err
		}
		r.asker.statements = r.asker.statements[:statements]
		goto again
	}
	return nil
}

// passes divides the packs so that those of a pass agree on their parameters.
func (r *runner) passes(params map[string]any) [][]pack.Selection {
	var groups [][]pack.Selection
	var values []map[string]string
next:
	for _, s := range r.Packs {
		own := map[string]string{}
		for name, v := range r.Library.Pack(s.Pack).Params {
			if _, ok := params[name]; !ok {
				own[name] = fmt.Sprint(v.Value)
			}
		}
		for i, known := range values {
			agree := true
			for name, v := range own {
				if other, ok := known[name]; ok && other != v {
					agree = false
				}
			}
			if agree {
				maps.Copy(known, own)
				groups[i] = append(groups[i], s)
				continue next
			}
		}
		groups, values = append(groups, []pack.Selection{s}), append(values, own)
	}
	return groups
}

// pass runs the rules of some packs that have not failed.
func (r *runner) pass(ctx context.Context, packs []pack.Selection, params map[string]any) error {
	plan, err := r.plan(r.rules(packs), r.withPacks(packs, params))
	if err != nil {
		return fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	into := r.collection.of(packs)
	parts := pack.Parts{Cuts: r.archive.cuts(r.Period, int64(r.PartEvents)), Brief: into.brief}
	correlations, err := plan.RunInParts(ctx, r.Query, parts, into.take)
	if err != nil {
		return err
	}
	for _, x := range correlations {
		into.correlate(x)
	}
	r.collection.listed, r.collection.findings = into.listed, into.findings
	r.asker.note("rules", plan.Rows.SQL, plan.Rows.Params)
	for _, t := range plan.Tallies() {
		r.asker.note("counts", t.SQL, t.Params)
	}
	maps.Copy(r.notAssessed, plan.NotAssessed)
	return nil
}

// stops reports whether an error ends the run instead of concerning a rule.
func stops(ctx context.Context, err error) bool {
	return ctx.Err() != nil || errors.Is(err, engine.ErrLimit) || errors.Is(err, engine.ErrTimeout) || errors.Is(err, engine.ErrCanceled)
}

// rules are those that packs need and that have not failed, their scopes included.
func (r *runner) rules(packs []pack.Selection) []string {
	var ids []string
	for _, s := range packs {
		p := r.Library.Pack(s.Pack)
		if p.Scope.Value != "" {
			ids = append(ids, p.Scope.Value)
		}
		for _, c := range p.At(s.Version) {
			for _, id := range c.Rules {
				ids = append(ids, id.Value)
			}
		}
	}
	slices.Sort(ids)
	ids = slices.Compact(ids)
	return slices.DeleteFunc(ids, func(id string) bool { return r.failed[id] != "" })
}

// withPacks adds what packs set to parameters that nobody else has set.
func (r *runner) withPacks(packs []pack.Selection, params map[string]any) map[string]any {
	values := map[string]any{}
	for _, s := range packs {
		for name, v := range r.Library.Pack(s.Pack).Params {
			values[name] = v.Value
		}
	}
	maps.Copy(values, params)
	return values
}

func (r *runner) plan(rules []string, params map[string]any) (*pack.Plan, error) {
	var scopes []string
	for _, s := range r.Packs {
		if scope := r.Library.Pack(s.Pack).Scope.Value; slices.Contains(rules, scope) {
			scopes = append(scopes, scope)
		}
	}
	return r.Library.Plan(pack.PlanOptions{
		Rules: rules, Scopes: scopes, From: r.Period.From, To: r.Period.To, Accounts: r.Scope.Accounts, Regions: r.Scope.Regions, Params: params,
	})
}

// blame finds the rules that fail, by halves, and notes why. If each of them runs by
// itself, all of them are to blame. An error is one that stops the run.
func (r *runner) blame(ctx context.Context, packs []pack.Selection, params map[string]any, why error) error {
	rules, values := r.rules(packs), r.withPacks(packs, params)
	before := len(r.failed)
	var search func(rules []string, why error) error
	search = func(rules []string, why error) error {
		if len(rules) == 1 {
			r.failed[rules[0]] = why.Error()
			return nil
		}
		for _, half := range [][]string{rules[:len(rules)/2], rules[len(rules)/2:]} {
			plan, err := r.plan(half, values)
			if err == nil {
				_, err = plan.Run(ctx, r.Query, func(*pack.Event) error { return nil })
			}
			if err == nil {
				continue
			}
			if stops(ctx, err) {
				return err
			}
			if err := search(half, err); err != nil {
				return err
			}
		}
		return nil
	}
	if err := search(rules, why); err != nil {
		return err
	}
	if len(r.failed) == before {
		for _, id := range rules {
			r.failed[id] = why.Error()
		}
	}
	return nil
}

// param is the value of a parameter: as given, or else its default.
func (r *runner) param(name string) any {
	if v, ok := r.params[name]; ok {
		return v
	}
	p := r.Library.Params[name]
	if p == nil {
		return nil
	}
	v, err := p.Type.Convert(p.Default.Value)
	if err != nil {
		return nil
	}
	return v
}

// assess answers the rules over the archive.
func (r *runner) assess(ctx context.Context) error {
	a := &assessor{options: &r.Options, archive: r.archive, integrity: r.integrity, coverage: &r.report.Coverage, param: r.param}
	asked := map[string]bool{}
	for id := range r.collection.byRule {
		asked[id] = true
	}
	if needsContent(asked) {
		var err error
		if a.content, err = readContent(ctx, r.asker, r.Period, r.Scope); err != nil {
			return err
		}
	}
	if patterns, _ := a.param(regulated).([]string); asked["DATA-COVERAGE"] && len(patterns) > 0 {
		var err error
		if a.touched, err = readTouched(ctx, r.asker, r.Library, r.Period, r.Scope, patterns); err != nil {
			return err
		}
	}
	var hub []lastState
	if asked[hubState] {
		var err error
		if hub, err = readHubState(ctx, r.asker, r.Period, r.Scope); err != nil {
			return err
		}
	}
	for _, k := range r.collection.controls {
		for _, n := range k.rules {
			var j judgement
			switch {
			case n.outcome.rule == hubState:
				j = judgeHub(n.rule, hub, &r.report.Coverage)
			case n.kind == pack.Coverage:
				j = a.judge(n.rule, k.pack.ID.Value)
				delete(r.notAssessed, n.outcome.rule)
			default:
				continue
			}
			n.result, n.notAssessed = j.result, j.notAssessed
			before := n.open
			for _, f := range j.findings {
				r.collection.add(membership{k, n}, f, reserve*r.MaxFindings)
			}
			n.disproved = n.kind == pack.Evidence && n.open > before
		}
	}
	return nil
}
