package render

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/trailql/trailql/report"
	"github.com/trailql/trailql/report/pack"
)

// document is a report with what every format needs to know about it.
type document struct {
	*report.Report
	formats  []Format
	evidence []string // pack.EvidenceColumns
	column   map[string]int
	controls []control
	summary  summary
	// inControls are the controls that list a finding, by rule and event.
	inControls map[findingKey][]string
}

// control is one control of one pack.
type control struct {
	*report.Control
	pack *report.Pack
	key  string // PACK/ID
	slug string // of file names and anchors: letters, digits, . _ and -; unique
}

// file is the name of the control's CSV.
func (c *control) file() string { return "csv/" + c.slug + ".csv" }

func newDocument(r *report.Report, formats []Format) *document {
	d := &document{Report: r, formats: formats, evidence: pack.EvidenceColumns(), column: map[string]int{}, inControls: map[findingKey][]string{}}
	for i, name := range d.evidence {
		d.column[name] = i
	}
	taken := map[string]bool{"controls": true, "coverage": true}
	for p := range r.Packs {
		for c := range r.Packs[p].Controls {
			it := control{Control: &r.Packs[p].Controls[c], pack: &r.Packs[p]}
			it.key = it.pack.ID + "/" + it.ID
			it.slug = unique(slug(it.pack.ID)+"_"+slug(it.ID), taken)
			d.controls = append(d.controls, it)
			for f := range it.Findings {
				key := d.keyOf(&it.Findings[f])
				if in := d.inControls[key]; !slices.Contains(in, it.key) {
					d.inControls[key] = append(in, it.key)
				}
			}
		}
	}
	d.summary = summarize(d.controls)
	return d
}

// repeated punctuation, as 164.308(a)(1) has.
var repeated = regexp.MustCompile(`([.-])[.-]+`)

// slug keeps what is safe in a file name and in an anchor everywhere.
func slug(s string) string {
	s = strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', r == '.', r == '_', r == '-':
			return r
		case r == '(', r == ')':
			return '.'
		}
		return '-'
	}, s)
	s = repeated.ReplaceAllString(s, "$1")
	const longest = 60
	return strings.Trim(s[:min(len(s), longest)], ".-")
}

// unique adds a number to a name that is taken. Case does not tell names apart:
// in some file systems it does not either.
func unique(name string, taken map[string]bool) string {
	candidate := name
	for n := 2; taken[strings.ToLower(candidate)] || candidate == ""; n++ {
		candidate = fmt.Sprintf("%s-%d", name, n)
	}
	taken[strings.ToLower(candidate)] = true
	return candidate
}

// findingKey tells what a rule took: an event, or a correlation of several.
type findingKey struct {
	rule, event string    // id of the event, or where it stands in the archive
	at          time.Time // of what is no event
}

func (d *document) keyOf(f *report.Finding) findingKey {
	id, object := d.value(f, "event_id"), d.value(f, "log_object")
	switch {
	case isCorrelation(f) || id == "" && object == "":
		return findingKey{f.Rule, f.ID, f.Time}
	case id == "":
		return findingKey{rule: f.Rule, event: object + "#" + d.value(f, "log_index")}
	}
	return findingKey{rule: f.Rule, event: id}
}

// isCorrelation: the finding is what several events show together.
func isCorrelation(f *report.Finding) bool { return len(f.Events) > 0 || !f.Last.IsZero() }

// value is that of an evidence column; "" when the record lacks it.
func (d *document) value(f *report.Finding, column string) string {
	if i, ok := d.column[column]; ok && i < len(f.Values) {
		return f.Values[i]
	}
	return ""
}

// controlIDs are the controls, as PACK/ID, that list a finding.
func (d *document) controlIDs(f *report.Finding) []string { return d.inControls[d.keyOf(f)] }

// has reports whether a format is among those that are written.
func (d *document) has(f Format) bool { return slices.Contains(d.formats, f) }

// ownColumns are the names of the columns that the rules of a control add, in
// order of name.
func (c *control) ownColumns() []string {
	seen := map[string]bool{}
	for i := range c.Findings {
		for name := range c.Findings[i].Columns {
			seen[name] = true
		}
	}
	names := make([]string, 0, len(seen))
	for name := range seen {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// ruleTitle is the title of one of the control's rules; its id if it has none.
func (c *control) ruleTitle(id string) string {
	for _, r := range c.Rules {
		if r.ID == id && r.Title != "" {
			return r.Title
		}
	}
	return id
}

// timestamp is RFC 3339 in UTC with as many digits as are needed; "" for no time.
func timestamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339Nano)
}
