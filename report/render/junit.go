package render

import (
	"encoding/xml"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/trailql/trailql/engine/output"
	"github.com/trailql/trailql/engine/quantity"
	"github.com/trailql/trailql/report"
)

type (
	junitSuites struct {
		XMLName  xml.Name     `xml:"testsuites"`
		Name     string       `xml:"name,attr"`
		Tests    int          `xml:"tests,attr"`
		Failures int          `xml:"failures,attr"`
		Errors   int          `xml:"errors,attr"`
		Skipped  int          `xml:"skipped,attr"`
		ID       string       `xml:"id,attr"`
		Time     string       `xml:"timestamp,attr"`
		Suites   []junitSuite `xml:"testsuite"`
	}
	junitSuite struct {
		Name     string      `xml:"name,attr"`
		Tests    int         `xml:"tests,attr"`
		Failures int         `xml:"failures,attr"`
		Errors   int         `xml:"errors,attr"`
		Skipped  int         `xml:"skipped,attr"`
		Cases    []junitCase `xml:"testcase"`
	}
	junitCase struct {
		Class      string          `xml:"classname,attr"`
		Name       string          `xml:"name,attr"`
		Properties []junitProperty `xml:"properties>property"`
		Failure    *junitOutcome   `xml:"failure"`
		Error      *junitOutcome   `xml:"error"`
		Skipped    *junitOutcome   `xml:"skipped"`
		Out        string          `xml:"system-out,omitempty"`
	}
	junitProperty struct {
		Name  string `xml:"name,attr"`
		Value string `xml:"value,attr"`
	}
	junitOutcome struct {
		Message string `xml:"message,attr"`
		Type    string `xml:"type,attr,omitempty"`
		Text    string `xml:",chardata"`
	}
)

// junitFindings are how many findings a failure names.
const junitFindings = 20

// writeJUnit writes a suite for each pack and a case for each control: FAIL is a
// failure, ERROR an error, NOT_ASSESSED and NOT_APPLICABLE are skipped. What is
// to be reviewed passes, and says so; no test knows that state.
func (d *document) writeJUnit(w io.Writer) error {
	all := junitSuites{Name: output.Escape(d.Title), ID: output.Escape(d.Run.ID), Time: d.Run.Started.UTC().Format(time.RFC3339)}
	var of *report.Pack
	for i := range d.controls {
		c := &d.controls[i]
		if c.pack != of {
			of = c.pack
			all.Suites = append(all.Suites, junitSuite{Name: output.Escape(strings.TrimSpace(of.ID + " " + of.Version))})
		}
		suite := &all.Suites[len(all.Suites)-1]
		suite.Tests++
		test := junitCase{Class: output.Escape(c.pack.ID), Name: output.Escape(c.ID + " " + c.Title), Properties: []junitProperty{
			{"state", string(c.State)}, {"severity", c.Severity.String()},
			{"count", number(c.Count)}, {"suppressed", number(c.Suppressed)}, {"events", number(c.Events)}, {"unlisted", number(c.Unlisted)}}}
		outcome := &junitOutcome{Message: output.Escape(c.Reason), Type: string(c.State)}
		switch c.State {
		case report.Fail:
			outcome.Text = d.findingLines(c)
			test.Failure = outcome
			suite.Failures++
		case report.Error:
			test.Error = outcome
			suite.Errors++
		case report.NotAssessed, report.NotApplicable:
			outcome.Type = "" // skipped has none
			test.Skipped = outcome
			suite.Skipped++
		default:
			test.Out = fmt.Sprintf("%s: %s", c.State, output.Escape(c.Reason))
		}
		suite.Cases = append(suite.Cases, test)
	}
	for _, s := range all.Suites {
		all.Tests += s.Tests
		all.Failures += s.Failures
		all.Errors += s.Errors
		all.Skipped += s.Skipped
	}
	if _, err := io.WriteString(w, xml.Header); err != nil {
		return err
	}
	e := xml.NewEncoder(w)
	e.Indent("", "  ")
	if err := e.Encode(all); err != nil {
		return err
	}
	_, err := io.WriteString(w, "\n")
	return err
}

// findingLines are the first findings without an exception, one a line.
func (d *document) findingLines(c *control) string {
	var b strings.Builder
	n := int64(0)
	for i := range c.Findings {
		f := &c.Findings[i]
		if f.SuppressedBy != "" {
			continue
		}
		if n++; n > junitFindings {
			continue
		}
		fmt.Fprintf(&b, "\n%s %s %s %s %s on %s [%s]", timestamp(f.Time), f.Severity, output.Escape(d.value(f, "actor")), output.Escape(d.value(f, "event_name")),
			output.Escape(d.value(f, "outcome")), output.Escape(d.value(f, "resource")), output.Escape(f.ID))
	}
	if n > junitFindings {
		fmt.Fprintf(&b, "\nand %s more", quantity.Count(n-junitFindings))
	}
	return b.String()
}
