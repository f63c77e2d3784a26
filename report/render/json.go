package render

import (
	"bytes"
	"encoding/json"
	"io"
	"strconv"

	"github.com/trailql/trailql/engine/output"
	"github.com/trailql/trailql/report"
	"github.com/trailql/trailql/report/pack"
)

// writeJSON writes an object of which every line but the first and the last is a
// part or an element of one: a changed line says what changed.
func (d *document) writeJSON(w io.Writer) error {
	j := jsonLines{w: w}
	j.text("{\n")
	j.part("schema", report.Schema)
	j.part("run", newJSONRun(d.Run))
	j.part("title", d.Title)
	j.part("notes", list(d.Notes))
	j.part("period", newJSONPeriod(d.Period))
	j.part("scope", jsonScope{list(d.Scope.Accounts), list(d.Scope.Regions), table(d.Scope.Declared), d.Scope.File, d.Scope.SHA256})
	j.part("snapshot", jsonSnapshot{d.Snapshot.Warehouse, d.Snapshot.Version, d.Snapshot.ID, d.Snapshot.Committed.UTC(), d.Snapshot.Records})
	j.part("summary", d.jsonSummary())
	j.part("evidence_columns", d.evidence)
	j.part("packs", each(d.Packs, func(p report.Pack) jsonPack { return jsonPack{p.ID, p.Title, p.Version, p.Hash, list(p.Notes)} }))
	j.part("exceptions", each(d.Exceptions, func(e report.ExceptionUse) jsonException {
		return jsonException{e.ID, e.Reason, e.Ticket, e.ApprovedBy, e.Expires.UTC(), e.Suppressed, e.Problem}
	}))
	j.part("baseline", newJSONBaseline(d.Baseline))
	j.part("statements", each(d.Statements, func(s report.Statement) jsonStatement { return jsonStatement{s.Name, s.SQL, list(s.Params)} }))
	j.coverage(d.Coverage)
	j.text("\"controls\": [")
	for i := range d.controls {
		if i > 0 {
			j.text(",")
		}
		j.text("\n")
		j.control(d, &d.controls[i])
	}
	j.text("\n]\n}\n")
	return j.err
}

// jsonLines writes parts until the first error.
type jsonLines struct {
	w   io.Writer
	b   []byte
	err error
}

func (j *jsonLines) text(s string) {
	if j.err == nil {
		_, j.err = io.WriteString(j.w, s)
	}
}

func (j *jsonLines) value(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil && j.err == nil {
		j.err = err
	}
	// What hides or reorders text is spelled out: the file is safe to look at.
	return output.SafeJSON(b)
}

func (j *jsonLines) part(name string, v any) {
	j.text(strconv.Quote(name) + ": " + string(j.value(v)) + ",\n")
}

func (j *jsonLines) coverage(c report.Coverage) {
	head := jsonCoverage{Complete: c.Complete, First: c.First.UTC(), Last: c.Last.UTC(), Digests: c.Digests, Undecided: list(c.Undecided), Notes: list(c.Notes), Cells: []jsonCoverageCell{}}
	head.Gaps = each(c.Gaps, func(g report.Gap) jsonGap {
		return jsonGap{g.Account, g.Region, g.From.UTC(), g.To.UTC(), g.Hours, g.Reason}
	})
	b := bytes.TrimSuffix(j.value(head), []byte("]}")) // the cells are last
	j.text("\"coverage\": " + string(b))
	for i, cell := range c.Cells {
		if i > 0 {
			j.text(",")
		}
		j.text("\n" + string(j.value(jsonCoverageCell(cell))))
	}
	j.text("]},\n")
}

func (j *jsonLines) control(d *document, c *control) {
	head := jsonControl{Pack: c.pack.ID, ID: c.ID, Title: c.Title, Kind: c.Kind.String(), State: c.State, Severity: c.Severity.String(),
		Reason: c.Reason, Level: c.Level, Pattern: c.Pattern, Note: c.Note, Related: c.Related,
		Count: c.Count, Events: c.Events, Suppressed: c.Suppressed, Unlisted: c.Unlisted, Open: bySeverity(c.Open),
		Sample: newJSONSample(c.Sample), Difference: (*jsonDifference)(c.Difference)}
	head.Rules = each(c.Rules, func(r report.RuleUse) jsonRule {
		return jsonRule{r.ID, r.Title, r.Description, r.Kind.String(), list(r.Attack), r.SQL, r.Count, r.NotAssessed, r.Error, r.Result}
	})
	head.Days = each(c.Days, func(n report.DayCount) jsonDayCount { return jsonDayCount(n) })
	head.Groups = each(c.Groups, func(g report.Group) jsonGroup {
		rows := each(g.Rows, func(r report.GroupRow) jsonGroupRow { return jsonGroupRow{list(r.Values), r.Count} })
		return jsonGroup{list(g.Columns), rows, g.Others}
	})
	b := bytes.TrimSuffix(j.value(head), []byte("}"))
	j.text(string(b) + `,"findings":[`)
	for i := range c.Findings {
		if j.err != nil {
			return
		}
		if i > 0 {
			j.text(",")
		}
		j.b = d.appendFinding(append(j.b[:0], "\n{"...), &c.Findings[i])
		j.text(string(append(j.b, '}')))
	}
	j.text("]}")
}

// appendFinding appends the members of a finding's object: the finding's own,
// then the evidence columns, null for what the record lacks.
func (d *document) appendFinding(b []byte, f *report.Finding) []byte {
	b = appendMember(b, "id", f.ID)
	b = appendMember(append(b, ','), "rule_id", f.Rule)
	b = appendMember(append(b, ','), "severity", f.Severity.String())
	b = appendMember(append(b, ','), "time", timestamp(f.Time))
	for i, name := range d.evidence {
		b = append(b, ',')
		b = appendJSONString(b, name)
		b = append(b, ':')
		if i < len(f.Values) && f.Values[i] != "" {
			b = appendJSONString(b, f.Values[i])
		} else {
			b = append(b, "null"...)
		}
	}
	b = append(b, `,"control_ids":`...)
	b = appendJSONStrings(b, d.controlIDs(f))
	b = append(b, `,"suppressed_by":`...)
	if f.SuppressedBy == "" {
		b = append(b, "null"...)
	} else {
		b = appendJSONString(b, f.SuppressedBy)
	}
	b = append(b, `,"columns":{`...)
	for i, name := range sortedKeys(f.Columns) {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendMember(b, name, f.Columns[name])
	}
	b = append(b, '}')
	if isCorrelation(f) {
		b = append(b, `,"events":`...)
		b = appendJSONStrings(b, f.Events)
		b = appendMember(append(b, ','), "last", timestamp(f.Last))
		b = append(b, `,"reached":`...)
		b = strconv.AppendInt(b, f.Reached, 10)
	}
	if f.Status != "" {
		b = appendMember(append(b, ','), "status", f.Status)
	}
	if x := f.Disposition; x != nil {
		disposition, _ := json.Marshal(jsonDisposition{x.Finding, x.By, x.Note, x.Ticket, x.At.UTC()}) // texts and a time of our days make no error
		b = append(b, `,"disposition":`...)
		b = append(b, output.SafeJSON(disposition)...)
	}
	return b
}

func appendMember(b []byte, name, value string) []byte {
	b = appendJSONString(b, name)
	b = append(b, ':')
	return appendJSONString(b, value)
}

func appendJSONStrings(b []byte, list []string) []byte {
	b = append(b, '[')
	for i, s := range list {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendJSONString(b, s)
	}
	return append(b, ']')
}

// appendJSONString escapes what JSON asks for, markup, and characters that hide
// or reorder text.
func appendJSONString(b []byte, s string) []byte {
	for i := range len(s) {
		if c := s[i]; c < 0x20 || c >= 0x7f || c == '"' || c == '\\' || c == '<' || c == '>' || c == '&' {
			quoted, _ := json.Marshal(s) // a string makes no error
			return append(b, output.SafeJSON(quoted)...)
		}
	}
	b = append(b, '"')
	b = append(b, s...)
	return append(b, '"')
}

func (d *document) jsonSummary() jsonSummary {
	s := jsonSummary{Controls: d.summary.controls, States: map[report.State]int{}, Count: d.summary.count, Suppressed: d.summary.suppressed,
		Unlisted: d.summary.unlisted, Difference: (*jsonDifference)(d.summary.difference)}
	for _, state := range report.AllStates() {
		s.States[state] = d.summary.states[state]
	}
	s.Open = bySeverity(d.summary.open)
	return s
}

// bySeverity has every severity, those without a finding as well.
func bySeverity(counts map[pack.Severity]int64) map[string]int64 {
	all := map[string]int64{}
	for _, severity := range severities {
		all[severity.String()] = counts[severity]
	}
	return all
}

func newJSONRun(r report.Header) jsonRun {
	return jsonRun{r.ID, r.Started.UTC(), r.Ended.UTC(), r.Operator, r.ProgramVersion, r.Schedule, r.PreviousReport, list(r.CommandLine)}
}

func newJSONPeriod(p report.Period) jsonPeriod {
	return jsonPeriod{p.Name, p.From.UTC(), p.To.UTC(), p.Zone, p.Lateness.Seconds(), p.Open}
}

func newJSONSample(s *report.Sample) *jsonSample {
	if s == nil {
		return nil
	}
	return &jsonSample{s.Population, s.Seed, s.Method, list(s.EventIDs)}
}

func newJSONBaseline(b *report.Baseline) *jsonBaseline {
	if b == nil {
		return nil
	}
	return &jsonBaseline{b.RunID, newJSONPeriod(b.Period), each(b.Resolved, func(f report.BaselineFinding) jsonResolved {
		return jsonResolved{f.Pack, f.Control, f.ID, f.Rule, f.Account, f.Region, f.Actor, f.Resource, f.Event, f.Severity.String(), f.Last.UTC()}
	})}
}

// each is never nil, so that JSON has [] and not null.
func each[T, U any](in []T, f func(T) U) []U {
	out := make([]U, 0, len(in))
	for _, v := range in {
		out = append(out, f(v))
	}
	return out
}

// list is never null in JSON.
func list(s []string) []string {
	if s == nil {
		return []string{}
	}
	return s
}

// table is never null in JSON.
func table[V any](m map[string]V) map[string]V {
	if m == nil {
		return map[string]V{}
	}
	return m
}

// writeJSONLines writes a line for each finding of each control, so that the
// lines of a control are as many as its findings.
func (d *document) writeJSONLines(w io.Writer) error {
	var b []byte
	for i := range d.controls {
		c := &d.controls[i]
		head := appendMember([]byte{'{'}, "pack", c.pack.ID)
		head = append(appendMember(append(head, ','), "control", c.ID), ',')
		for f := range c.Findings {
			b = d.appendFinding(append(b[:0], head...), &c.Findings[f])
			if _, err := w.Write(append(b, "}\n"...)); err != nil {
				return err
			}
		}
	}
	return nil
}
