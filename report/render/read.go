package render

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/trailql/trailql/report"
	"github.com/trailql/trailql/report/pack"
)

// ErrSchema is wrapped when a report.json is of another version than this
// program reads.
var ErrSchema = errors.New("the report is of another schema")

// Readable is the file of a report's folder that Read needs, which the format JSON makes.
const Readable = jsonFile

// Read reads the report.json of a folder back into the Report that it was made
// from.
func Read(dir string) (*report.Report, error) {
	name := filepath.Join(dir, jsonFile)
	content, err := os.ReadFile(name)
	if err != nil {
		return nil, fmt.Errorf("read report: %w", err)
	}
	r, err := parse(content)
	if err != nil {
		return nil, fmt.Errorf("read report %s: %w", name, err)
	}
	return r, nil
}

func parse(content []byte) (*report.Report, error) {
	var in struct {
		Schema     string          `json:"schema"`
		Run        jsonRun         `json:"run"`
		Title      string          `json:"title"`
		Notes      []string        `json:"notes"`
		Period     jsonPeriod      `json:"period"`
		Scope      jsonScope       `json:"scope"`
		Snapshot   jsonSnapshot    `json:"snapshot"`
		Columns    []string        `json:"evidence_columns"`
		Packs      []jsonPack      `json:"packs"`
		Exceptions []jsonException `json:"exceptions"`
		Baseline   *jsonBaseline   `json:"baseline"`
		Statements []jsonStatement `json:"statements"`
		Coverage   jsonCoverage    `json:"coverage"`
		Controls   []readControl   `json:"controls"`
	}
	if err := json.Unmarshal(content, &in); err != nil {
		return nil, err
	}
	if in.Schema != report.Schema {
		return nil, fmt.Errorf("%w: %q, want %q", ErrSchema, in.Schema, report.Schema)
	}
	c := in.Coverage
	r := &report.Report{
		Run: report.Header(in.Run), Title: in.Title, Notes: in.Notes, Period: in.Period.period(),
		Scope: report.Scope(in.Scope), Snapshot: report.Snapshot(in.Snapshot),
		Coverage: report.Coverage{Complete: c.Complete, First: c.First, Last: c.Last, Digests: c.Digests, Undecided: c.Undecided, Notes: c.Notes,
			Gaps:  each(c.Gaps, func(g jsonGap) report.Gap { return report.Gap(g) }),
			Cells: each(c.Cells, func(cell jsonCoverageCell) report.CoverageCell { return report.CoverageCell(cell) })},
		Exceptions: each(in.Exceptions, func(e jsonException) report.ExceptionUse { return report.ExceptionUse(e) }),
		Statements: each(in.Statements, func(s jsonStatement) report.Statement { return report.Statement(s) }),
	}
	if b := in.Baseline; b != nil {
		r.Baseline = &report.Baseline{RunID: b.RunID, Period: b.Period.period()}
		for _, f := range b.Resolved {
			severity, err := pack.ParseSeverity(f.Severity)
			if err != nil {
				return nil, fmt.Errorf("baseline: finding %s: %w", f.ID, err)
			}
			r.Baseline.Resolved = append(r.Baseline.Resolved, report.BaselineFinding{Pack: f.Pack, Control: f.Control, ID: f.ID, Rule: f.Rule,
				Account: f.Account, Region: f.Region, Actor: f.Actor, Resource: f.Resource, Event: f.Event, Severity: severity, Last: f.Last})
		}
	}
	packs := map[string]int{}
	for i, p := range in.Packs {
		packs[p.ID] = i
		r.Packs = append(r.Packs, report.Pack{ID: p.ID, Title: p.Title, Version: p.Version, Hash: p.Hash, Notes: p.Notes})
	}
	for _, c := range in.Controls {
		i, ok := packs[c.Pack]
		if !ok {
			return nil, fmt.Errorf("control %q is of a pack %q that is not in the report", c.ID, c.Pack)
		}
		control, err := c.control(in.Columns)
		if err != nil {
			return nil, fmt.Errorf("control %q: %w", c.ID, err)
		}
		r.Packs[i].Controls = append(r.Packs[i].Controls, control)
	}
	return r, nil
}

type readControl struct {
	jsonControl
	Findings []readFinding `json:"findings"`
}

func (c *readControl) control(columns []string) (report.Control, error) {
	control := report.Control{ID: c.ID, Title: c.Title, State: c.State, Reason: c.Reason, Level: c.Level, Pattern: c.Pattern, Note: c.Note,
		Related: c.Related, Count: c.Count, Events: c.Events, Suppressed: c.Suppressed, Unlisted: c.Unlisted,
		Sample: (*report.Sample)(c.Sample), Difference: (*report.Difference)(c.Difference)}
	var err error
	if control.Severity, err = pack.ParseSeverity(c.Severity); err != nil {
		return control, err
	}
	if control.Kind, err = parseKind(c.Kind); err != nil {
		return control, err
	}
	for name, n := range c.Open {
		severity, err := pack.ParseSeverity(name)
		if err != nil {
			return control, fmt.Errorf("open: %w", err)
		}
		if n > 0 {
			if control.Open == nil {
				control.Open = map[pack.Severity]int64{}
			}
			control.Open[severity] = n
		}
	}
	for _, r := range c.Rules {
		kind, err := parseKind(r.Kind)
		if err != nil {
			return control, fmt.Errorf("rule %s: %w", r.ID, err)
		}
		control.Rules = append(control.Rules, report.RuleUse{ID: r.ID, Title: r.Title, Description: r.Description, Kind: kind, Attack: r.Attack,
			SQL: r.SQL, Count: r.Count, NotAssessed: r.NotAssessed, Error: r.Error, Result: r.Result})
	}
	control.Days = each(c.Days, func(n jsonDayCount) report.DayCount { return report.DayCount(n) })
	for _, g := range c.Groups {
		rows := each(g.Rows, func(r jsonGroupRow) report.GroupRow { return report.GroupRow(r) })
		control.Groups = append(control.Groups, report.Group{Columns: g.Columns, Rows: rows, Others: g.Others})
	}
	for _, f := range c.Findings {
		finding, err := f.finding(columns)
		if err != nil {
			return control, fmt.Errorf("finding %s: %w", f.ID, err)
		}
		control.Findings = append(control.Findings, finding)
	}
	return control, nil
}

func parseKind(name string) (pack.Kind, error) {
	for kind := range kindWords {
		if kind.String() == name {
			return kind, nil
		}
	}
	return 0, fmt.Errorf("%q is no kind of control", name)
}

// readFinding is a finding as appendFinding writes it. The evidence columns are
// keys beside its own.
type readFinding struct {
	ID           string            `json:"id"`
	Rule         string            `json:"rule_id"`
	Severity     string            `json:"severity"`
	Time         time.Time         `json:"time"`
	SuppressedBy string            `json:"suppressed_by"`
	Columns      map[string]string `json:"columns"`
	Events       []string          `json:"events"`
	Last         string            `json:"last"`
	Reached      int64             `json:"reached"`
	Status       string            `json:"status"`
	Disposition  *jsonDisposition  `json:"disposition"`
	all          map[string]json.RawMessage
}

func (f *readFinding) UnmarshalJSON(b []byte) error {
	type own readFinding // without this method
	if err := json.Unmarshal(b, (*own)(f)); err != nil {
		return err
	}
	return json.Unmarshal(b, &f.all)
}

func (f *readFinding) finding(columns []string) (report.Finding, error) {
	finding := report.Finding{ID: f.ID, Rule: f.Rule, Time: f.Time, Columns: f.Columns, Events: f.Events, Reached: f.Reached,
		Status: f.Status, SuppressedBy: f.SuppressedBy, Disposition: (*report.Disposition)(f.Disposition), Values: make([]string, len(columns))}
	var err error
	if finding.Severity, err = pack.ParseSeverity(f.Severity); err != nil {
		return finding, err
	}
	if f.Last != "" {
		if finding.Last, err = time.Parse(time.RFC3339Nano, f.Last); err != nil {
			return finding, err
		}
	}
	for i, name := range columns {
		value, ok := f.all[name]
		if !ok {
			continue
		}
		if err := json.Unmarshal(value, &finding.Values[i]); err != nil { // null leaves it empty
			return finding, fmt.Errorf("column %s: %w", name, err)
		}
	}
	return finding, nil
}

func (p jsonPeriod) period() report.Period {
	return report.Period{Name: p.Name, From: p.From, To: p.To, Zone: p.Zone,
		Lateness: time.Duration(p.LatenessSeconds * float64(time.Second)), Open: p.Open}
}
