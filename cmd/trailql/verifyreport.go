package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/trailql/trailql/convert/digest"
	"github.com/trailql/trailql/engine/output"
	"github.com/trailql/trailql/engine/quantity"
)

// writerTo is where a report goes and in which form.
type writerTo struct {
	io.Writer
	format   string // text, json, html
	terminal bool
}

// integrityReport is what verify --digests found. Its JSON form is part of the
// interface.
type integrityReport struct {
	Sources []string       `json:"sources"`
	Made    time.Time      `json:"made"`
	Keyless bool           `json:"without_keys,omitempty"`
	Holds   bool           `json:"holds"`
	Result  *digest.Result `json:"result"`
}

func (r integrityReport) write(w writerTo) error {
	r.Holds = r.verdict() == nil
	switch w.format {
	case "json":
		return writeJSON(w, r)
	case "html":
		return r.writePage(w)
	}
	return r.print(w)
}

func writeJSON(w writerTo, v any) error {
	text, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return err
	}
	if w.terminal {
		text = output.SafeJSON(text)
	}
	_, err = w.Write(append(text, '\n'))
	return err
}

const chainsShown = 40

func (r integrityReport) print(w io.Writer) error {
	found := r.Result
	facts := &textTable{}
	facts.fact("sources", "%s", strings.Join(r.Sources, ", "))
	if asked := r.asked(); asked != "" {
		facts.fact("asked for", "%s", asked)
	}
	facts.fact("proven", "%s", r.proven())
	for _, t := range []struct {
		name  string
		tally digest.Tally
	}{{"digest files", found.Digests}, {"backfill digest files", found.Backfill}, {"log files", found.Logs}} {
		if t.tally.Total > 0 {
			facts.fact(t.name, "%s", tallyText(t.tally))
		}
	}
	for _, line := range uncoveredText(found.Uncovered) {
		facts.fact("log files without digest", "%s", line)
	}
	if err := facts.write(w); err != nil {
		return err
	}

	chains := found.Chains
	if len(chains) > chainsShown {
		chains = nil
		for _, c := range found.Chains {
			if c.Digests.Valid < c.Digests.Total || c.Logs.Valid < c.Logs.Total {
				chains = append(chains, c)
			}
		}
	}
	if len(chains) > 0 {
		fmt.Fprintln(w)
		table := newTextTable("account", "region", "trail", "digests", "log files", "from", "to")
		for _, c := range chains {
			table.row(c.Account, c.Region, chainName(c), tallyText(c.Digests), tallyText(c.Logs), clock(c.First), clock(c.Last))
		}
		if err := table.write(w); err != nil {
			return err
		}
	}
	findings := shownFindings(found)
	if len(findings) > 0 {
		fmt.Fprintln(w)
	}
	for _, f := range findings {
		where := f.Object
		if where == "" {
			where = strings.TrimSpace(f.Account + " " + f.Region)
		}
		if _, err := fmt.Fprintf(w, "%-7s  %s: %s\n", f.Severity, output.Escape(where), output.Escape(f.Message)); err != nil {
			return err
		}
	}
	if found.Omitted > 0 {
		fmt.Fprintf(w, "and %s more\n", quantity.Count(found.Omitted))
	}
	return nil
}

func (r integrityReport) asked() string {
	if r.Result.From.IsZero() && r.Result.To.IsZero() {
		return ""
	}
	return timeRange(r.Result.From, r.Result.To)
}

// shownFindings are one for all digests that were moved, as they are in a copy of
// a bucket. The JSON report has each.
func shownFindings(r *digest.Result) []digest.Finding {
	if !moved(r) {
		return r.Findings
	}
	var shown []digest.Finding
	said := false
	for _, f := range r.Findings {
		if f.Kind == digest.DigestMoved {
			if said {
				continue
			}
			said = true
			f.Message += fmt.Sprintf(" (and so are all %s)", quantity.Plural(r.Digests.Total+r.Backfill.Total, "digest"))
		}
		shown = append(shown, f)
	}
	return shown
}

const (
	spansShown = 10
	baresShown = 3
)

// proven is the time that valid digests stand for, its holes, and where there are
// log files and no digest at all.
func (r integrityReport) proven() string {
	text := r.provenTime()
	var bare []string
	for _, f := range r.Result.Findings {
		if f.Kind == digest.DigestNone {
			bare = append(bare, f.Account+" "+f.Region)
		}
	}
	if len(bare) == 0 || r.Keyless || r.Result.First.IsZero() {
		return text
	}
	if more := len(bare) - baresShown; more > 0 {
		bare = append(bare[:baresShown], fmt.Sprintf("%s more", quantity.Count(int64(more))))
	}
	return text + "; nothing of " + strings.Join(bare, ", ")
}

func (r integrityReport) provenTime() string {
	switch found := r.Result; {
	case found.Digests.Total+found.Backfill.Total == 0:
		return "nothing: no digests found"
	case r.Keyless:
		return "nothing: no public keys were given, only hashes were checked"
	case found.First.IsZero():
		return "nothing: no digest is valid"
	case len(found.Proven) == 1 && found.Proven[0] == digest.Span{From: found.First, To: found.Last}:
		return timeRange(found.First, found.Last)
	case len(found.Proven) == 0:
		return "at no time all accounts and Regions (digests from " + timeRange(found.First, found.Last) + ", with holes)"
	default:
		var spans []string
		for _, s := range found.Proven[:min(len(found.Proven), spansShown)] {
			spans = append(spans, timeRange(s.From, s.To))
		}
		if more := len(found.Proven) - len(spans); more > 0 {
			spans = append(spans, fmt.Sprintf("and %s more", quantity.Plural(int64(more), "span")))
		}
		return strings.Join(spans, ", ") + " (digests from " + timeRange(found.First, found.Last) + ", with holes)"
	}
}

func chainName(c digest.Chain) string {
	name := c.Trail
	if c.Organization != "" {
		name += " of " + c.Organization
	}
	if c.Backfill {
		name += " (backfill)"
	}
	return name
}

// tallyText says what is not valid as well.
func tallyText(t digest.Tally) string {
	text := fmt.Sprintf("%s of %s valid", quantity.Count(t.Valid), quantity.Count(t.Total))
	if t.Invalid > 0 {
		text += fmt.Sprintf(", %s INVALID", quantity.Count(t.Invalid))
	}
	if t.Unproven > 0 {
		text += fmt.Sprintf(", %s unproven", quantity.Count(t.Unproven))
	}
	return text
}

// uncoveredText is a line for each kind of log file that no digest names.
func uncoveredText(u digest.Uncovered) (lines []string) {
	for _, c := range []struct {
		n    int64
		what string
	}{
		{u.Added, "delivered in an hour whose digest does not name them"},
		{u.InGap, "delivered in a time without a digest"},
		{u.Before, "delivered before the first digest"},
		{u.After, "delivered behind the last digest"},
		{u.None, "of accounts and Regions without digests"},
		{u.NoTime, "whose name does not say when they were delivered"},
	} {
		if c.n > 0 {
			lines = append(lines, quantity.Count(c.n)+" "+c.what)
		}
	}
	return lines
}

func timeRange(from, to time.Time) string {
	switch {
	case from.IsZero():
		return "until " + clock(to)
	case to.IsZero():
		return "from " + clock(from)
	}
	return clock(from) + " to " + clock(to)
}

func clock(at time.Time) string {
	if at.IsZero() {
		return ""
	}
	return at.UTC().Format(time.RFC3339)
}
