package render

import (
	"bufio"
	"cmp"
	"fmt"
	"io"
	"strings"

	"github.com/trailql/trailql/engine/output"
	"github.com/trailql/trailql/report"
)

// writeMarkdown writes a summary that fits into a chat or a pull request: what
// needs attention first, then every control in one table. It has no events: they
// are in the other files.
func (d *document) writeMarkdown(w io.Writer) error {
	b := bufio.NewWriter(w) // keeps the first error for Flush
	fmt.Fprintf(b, "# %s\n\n%s. %s\n\n", markdown(d.Title), markdown(d.headline()), markdown(d.coverageVerdict()))
	fmt.Fprintf(b, "Period: %s\n\n", markdown(d.periodText()))
	for _, state := range report.AllStates() {
		if n := d.summary.states[state]; n > 0 {
			fmt.Fprintf(b, "- %s **%s**: %d\n", symbol(state), stateName(state), n)
		}
	}
	if attention, unassessed := d.attentionViews(); len(attention)+unassessed > 0 {
		fmt.Fprint(b, "\n## Needs attention\n\n")
		for _, c := range attention {
			fmt.Fprintf(b, "- %s **%s/%s** %s (%s): %s – %s\n", symbol(c.State), markdown(c.Pack), markdown(c.ID), stateName(c.State), c.Severity,
				markdown(shortenWords(c.Title, pageReason)), markdown(c.Why))
		}
		if unassessed > 0 {
			fmt.Fprintf(b, "- %s %d controls could not be assessed\n", symbol(report.NotAssessed), unassessed)
		}
	}
	fmt.Fprint(b, "\n## Controls\n\n| Pack | Control | Title | State | Severity | Findings | Suppressed | New |\n|---|---|---|---|---|--:|--:|--:|\n")
	for _, c := range d.controls {
		added := ""
		if c.Difference != nil {
			added = number(c.Difference.New)
		}
		fmt.Fprintf(b, "| %s | %s | %s | %s %s | %s | %d | %d | %s |\n",
			markdown(c.pack.ID), markdown(c.ID), markdown(c.Title), symbol(c.State), stateName(c.State), c.Severity, c.Count, c.Suppressed, added)
	}
	if len(d.Coverage.Gaps) > 0 {
		fmt.Fprint(b, "\n## Gaps in the archive\n\n| Account | Region | From | To | Reason |\n|---|---|---|---|---|\n")
		for _, g := range d.Coverage.Gaps[:min(len(d.Coverage.Gaps), markdownRows)] {
			fmt.Fprintf(b, "| %s | %s | %s | %s | %s |\n", markdown(cmp.Or(g.Account, "all")), markdown(cmp.Or(g.Region, "all")), timestamp(g.From), timestamp(g.To), markdown(g.Reason))
		}
		if more := len(d.Coverage.Gaps) - markdownRows; more > 0 {
			fmt.Fprintf(b, "\nand %d more.\n", more)
		}
	}
	var problems []report.ExceptionUse
	for _, e := range d.Exceptions {
		if e.Problem != "" {
			problems = append(problems, e)
		}
	}
	if len(problems) > 0 {
		fmt.Fprint(b, "\n## Exceptions to look at\n\n")
		for _, e := range problems {
			fmt.Fprintf(b, "- %s: %s\n", markdown(e.ID), markdown(e.Problem))
		}
	}
	fmt.Fprintf(b, "\n---\n\nRun %s by %s, %s, trailql %s\n", markdown(d.Run.ID), markdown(d.Run.Operator), timestamp(d.Run.Started), markdown(d.Run.ProgramVersion))
	return b.Flush()
}

// markdownRows are how many gaps a summary lists.
const markdownRows = 20

// markdown makes text that is only text in Markdown, on one line: no markup, no
// link, nobody who is mentioned.
func markdown(s string) string {
	var b strings.Builder
	for _, r := range output.Escape(s) {
		switch {
		case strings.ContainsRune("\\`*_{}[]()#+!|~>$^=", r):
			b.WriteByte('\\')
			b.WriteRune(r)
		case r == '<':
			b.WriteString("&lt;")
		case r == '&':
			b.WriteString("&amp;")
		case r == '@': // a mention
			b.WriteString("&#64;")
		case r == ':': // the start of a link that makes itself
			b.WriteString("&#58;")
		case r == '.' && strings.HasSuffix(strings.ToLower(b.String()), "www"):
			b.WriteString("&#46;")
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}
