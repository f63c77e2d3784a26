package report

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"reflect"
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
	// several events or of the archive; 0: DefaultMaxFindings. All are counted. Any other
	// number below 1 is invalid.
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
	o.MaxFindings = min(o.MaxFindings, math.MaxInt/reserve)
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
	params     map[string]any // that are given for the run
	passes     []*pass
}

// pass is packs that agree on the parameters: their rules run together.
type pass struct {
	packs       []pack.Selection
	params      map[string]any    // as given and as the packs set them, with what the archive adds
	failed      map[string]string // rules that failed, and why
	notAssessed map[string]string // rules that could not run, and why
}

func (r *runner) check() error {
	if r.MaxFindings < 1 {
		return fmt.Errorf("run report: %w: list %d findings of each control: want 1 or more", ErrInvalid, r.MaxFindings)
	}
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
		values, err := r.given(p)
		if err != nil {
			return err
		}
		given := len(p.Inputs) == 0
		var names []string
		for _, in := range p.Inputs {
			names = append(names, in.Value)
			given = given || isGiven(values[in.Value])
		}
		if !given {
			return fmt.Errorf("run report: %w: pack %s is about something: give one of the parameters %s", ErrInvalid, s.Pack, strings.Join(names, ", "))
		}
	}
	return r.divide()
}

// given are the parameters of a pack that have a value: as given for the run, or else as
// the pack sets them. The accounts of the scope are own accounts unless either says more.
func (r *runner) given(p *pack.Pack) (map[string]any, error) {
	values := map[string]any{}
	if len(r.Scope.Accounts) > 0 && r.Library.Params[pack.OwnAccounts] != nil {
		values[pack.OwnAccounts] = r.Scope.Accounts
	}
	for name, v := range p.Params {
		converted, err := r.Library.Params[name].Type.Convert(v.Value)
		if err != nil {
			return nil, fmt.Errorf("run report: %w: pack %s: parameter %s: %w", ErrInvalid, p.ID.Value, name, err)
		}
		values[name] = converted
	}
	maps.Copy(values, r.params)
	return values, nil
}

// divide makes passes of the packs. A pack that leaves a parameter alone means its
// default, not what another one sets.
func (r *runner) divide() error {
	var all []map[string]any // by pass: all parameters
	for _, s := range r.Packs {
		params, err := r.given(r.Library.Pack(s.Pack))
		if err != nil {
			return err
		}
		values, err := r.Library.Values(params)
		if err != nil {
			return fmt.Errorf("run report: %w: %w", ErrInvalid, err)
		}
		i := slices.IndexFunc(all, func(other map[string]any) bool { return reflect.DeepEqual(other, values) })
		if i < 0 {
			i = len(all)
			all = append(all, values)
			r.passes = append(r.passes, &pass{params: params, failed: map[string]string{}})
		}
		r.passes[i].packs = append(r.passes[i].packs, s)
	}
	return nil
}

// passOf is the pass that a pack is in.
func (r *runner) passOf(packID string) *pass {
	for _, p := range r.passes {
		if slices.ContainsFunc(p.packs, func(s pack.Selection) bool { return s.Pack == packID }) {
			return p
		}
	}
	return nil // cannot be
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
	var given []map[string]any
	for _, p := range r.passes {
		given = append(given, p.params)
	}
	values, err := r.Library.Infer(ctx, func(ctx context.Context, sql string, params ...any) (*engine.Result, error) {
		r.asker.note("parameters", sql, params)
		return r.Query(ctx, sql, params...)
	}, given)
	if err != nil {
		return err
	}
	for i, p := range r.passes {
		p.params = values[i]
	}
again:
	r.collect()
	statements := len(r.asker.statements)
	for _, p := range r.passes {
		err := r.runPass(ctx, p)
		if err == nil {
			continue
		}
		if stops(ctx, err) || errors.Is(err, ErrInvalid) {
			return err
		}
		if err := r.blame(ctx, p, err); err != nil {
			return err
		}
		r.asker.statements = r.asker.statements[:statements]
		goto again
	}
	return nil
}

// runPass runs the rules of a pass that have not failed.
func (r *runner) runPass(ctx context.Context, p *pass) error {
	plan, err := r.plan(r.rules(p), p.params)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	into := r.collection.of(p.packs)
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
	p.notAssessed = plan.NotAssessed
	return nil
}

// stops reports whether an error ends the run instead of concerning a rule.
func stops(ctx context.Context, err error) bool {
	return ctx.Err() != nil || errors.Is(err, engine.ErrLimit) || errors.Is(err, engine.ErrTimeout) || errors.Is(err, engine.ErrCanceled)
}

// rules are those that the packs of a pass need and that have not failed, their scopes
// included.
func (r *runner) rules(of *pass) []string {
	var ids []string
	for _, s := range of.packs {
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
	return slices.DeleteFunc(ids, func(id string) bool { return of.failed[id] != "" })
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
func (r *runner) blame(ctx context.Context, p *pass, why error) error {
	rules := r.rules(p)
	before := len(p.failed)
	var search func(rules []string, why error) error
	search = func(rules []string, why error) error {
		if len(rules) == 1 {
			p.failed[rules[0]] = why.Error()
			return nil
		}
		for _, half := range [][]string{rules[:len(rules)/2], rules[len(rules)/2:]} {
			plan, err := r.plan(half, p.params)
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
	if len(p.failed) == before {
		for _, id := range rules {
			p.failed[id] = why.Error()
		}
	}
	return nil
}

// param is the value of a parameter for a pack: as given, or else as the pack sets it,
// or else its default; nil if there is none.
func (r *runner) param(p *pack.Pack, name string) any {
	given, err := r.given(p)
	if err != nil {
		return nil // check has said so
	}
	values, err := r.Library.Values(given)
	if err != nil {
		return nil
	}
	return values[name]
}

// assess answers the rules over the archive.
func (r *runner) assess(ctx context.Context) error {
	a := &assessor{options: &r.Options, archive: r.archive, integrity: r.integrity, coverage: &r.report.Coverage, param: r.param, touched: map[string][]touched{}}
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
	for _, k := range r.collection.controls {
		if !slices.ContainsFunc(k.rules, func(n *ruleCount) bool { return n.outcome.rule == "DATA-COVERAGE" }) {
			continue
		}
		patterns, _ := a.param(k.pack, regulated).([]string)
		if _, ok := a.touched[listKey(patterns)]; ok {
			continue
		}
		var err error
		if a.touched[listKey(patterns)], err = readTouched(ctx, r.asker, r.Library, r.Period, r.Scope, patterns); err != nil {
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
				j = a.judge(n.rule, k.pack)
				delete(r.passOf(k.pack.ID.Value).notAssessed, n.outcome.rule)
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
