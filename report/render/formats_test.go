package render

import (
	"context"
	"encoding/xml"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/trailql/trailql/report"
	"github.com/trailql/trailql/report/pack"
)

func TestParseFormats(t *testing.T) {
	tests := []struct {
		list string
		want []Format
	}{
		{"html", []Format{HTML}}, {"csv, json,csv", []Format{CSV, JSON}}, {"JSONL,md", []Format{JSONLines, Markdown}}, {"ocsf,all", append([]Format{OCSF}, HTML, CSV, JSON, JSONLines, Markdown, JUnit)},
		{"pdf", nil}, {"", nil}, {"html,,csv", nil},
	}
	for _, test := range tests {
		got, err := ParseFormats(test.list)
		if (err != nil) != (test.want == nil) || !slices.Equal(got, test.want) {
			t.Errorf("%q: %v, %v, want %v", test.list, got, err, test.want)
		}
	}
}

// TestRunsDiffer: two runs on one snapshot differ only where the package's doc
// says.
func TestRunsDiffer(t *testing.T) {
	r := example()
	first, again := rendered(t, r), rendered(t, example())
	r.Run = report.Header{ID: "another", Started: r.Run.Started.AddDate(0, 0, 1), Ended: r.Run.Ended.AddDate(0, 0, 1), Operator: "somebody@else", ProgramVersion: "0.6",
		Schedule: "other", PreviousReport: strings.Repeat("00", 32), CommandLine: []string{"x"}}
	other := rendered(t, r)
	headers := map[string]*regexp.Regexp{
		htmlFile: regexp.MustCompile(`(?s)<footer id="run">.*</footer>`), jsonFile: regexp.MustCompile(`(?m)^"run": .*$`),
		markdownFile: regexp.MustCompile(`(?m)^Run .*$`), junitFile: regexp.MustCompile(`<testsuites .*>`),
	}
	for name, content := range first {
		if content != again[name] {
			t.Errorf("%s: two times the same report makes different bytes", name)
		}
		header, ok := headers[name]
		if !ok {
			if content != other[name] {
				t.Errorf("%s: depends on the run", name)
			}
			continue
		}
		if content == other[name] {
			t.Errorf("%s: does not say which run it is of", name)
		}
		if header.ReplaceAllString(content, "") != header.ReplaceAllString(other[name], "") {
			t.Errorf("%s: differs beside the run's header", name)
		}
	}
}

func TestWriteErrors(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, jsonFile), nil, 0o666); err != nil {
		t.Fatal(err)
	}
	if _, err := Write(t.Context(), dir, example(), []Format{JSON}); !errors.Is(err, fs.ErrExist) {
		t.Errorf("a file is replaced: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Write(ctx, t.TempDir(), example(), Formats()); !errors.Is(err, context.Canceled) {
		t.Errorf("canceled: %v", err)
	}
	if _, err := Write(t.Context(), filepath.Join(dir, jsonFile), example(), []Format{CSV}); err == nil {
		t.Error("a folder that is a file is no error")
	}
}

// TestFileNames: ids of packs make no path, and no two controls one file.
func TestFileNames(t *testing.T) {
	r := &report.Report{Packs: []report.Pack{
		{ID: "../../etc", Controls: []report.Control{{ID: "passwd"}, {ID: "164.308(a)(1)(ii)(D)"}, {ID: "10.2.1.5 a"}, {ID: "x/y"}, {ID: "x:y"}, {ID: "X-Y"}, {ID: ""}, {ID: strings.Repeat("long", 100)}}},
		{ID: "controls", Controls: []report.Control{{ID: ""}}},
		{ID: "\x00\u202e", Controls: []report.Control{{ID: "\n"}}},
	}}
	dir := filepath.Join(t.TempDir(), "report")
	files, err := Write(t.Context(), dir, r, []Format{CSV})
	if err != nil {
		t.Fatal(err)
	}
	safe := regexp.MustCompile(`^csv/[A-Za-z0-9][A-Za-z0-9._-]{0,130}\.csv$|^csv/_[A-Za-z0-9._-]*\.csv$`)
	seen := map[string]bool{}
	for _, f := range files {
		lower := strings.ToLower(f.Name)
		if !safe.MatchString(f.Name) || seen[lower] || strings.Contains(f.Name, "..") {
			t.Errorf("file name %q", f.Name)
		}
		seen[lower] = true
	}
	if len(files) != 12 {
		t.Errorf("%d files, want 12", len(files))
	}
	if names, err := filepath.Glob(filepath.Join(dir, "..", "*")); err != nil || len(names) != 1 {
		t.Errorf("there are files beside the report: %v %v", names, err)
	}
}

// TestCSV: formulas are disarmed, what is invisible can be seen, and an absent value
// and an empty one differ.
func TestCSV(t *testing.T) {
	f := report.Finding{ID: "f-1", Rule: "R", Severity: pack.High, Time: time.Date(2026, 8, 1, 2, 3, 4, 5000000, time.UTC), Values: make([]string, len(pack.EvidenceColumns())),
		Columns: map[string]string{"empty": "", "formula": `=cmd|' /C calc'!A0`, "lines": "a\r\n\"b\", c",
			"unseen": "\x00\x1b[2J\u202e\ufeff=1"}}
	f.Values[0], f.Values[9] = "2026-08-01T02:03:04Z", "@SUM(1)"
	r := &report.Report{Packs: []report.Pack{{ID: "p", Controls: []report.Control{{ID: "1", Count: 1, Findings: []report.Finding{f}}}}}}
	files := rendered(t, r, CSV)
	want := `event_time,account_id,region,actor,actor_type,session_name,access_key_id,mfa_authenticated,source_ip,user_agent,vpc_endpoint_id,event_source,event_name,resource,outcome,error_code,event_id,log_object,log_index,log_sha256,rule_id,control_ids,suppressed_by,finding_id,severity,status,disposition_by,disposition_note,disposition_ticket,disposition_at,first_time,last_time,reached,event_ids,empty,formula,lines,unseen
2026-08-01T02:03:04Z,,,,,,,,,'@SUM(1),,,,,,,,,,,R,p/1,,f-1,high,,,,,,2026-08-01T02:03:04.005Z,,,,"",'=cmd|' /C calc'!A0,` + "\"a␍␊\"\"b\"\", c\",␀␛[2J\\u{202e}\\u{feff}=1\n"
	if got := files["csv/p_1.csv"]; got != want {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

// TestOCSF checks what the class Detection Finding of OCSF 1.7 requires.
func TestOCSF(t *testing.T) {
	for name, r := range examples() {
		for line := range strings.Lines(rendered(t, r, OCSF)[ocsfFile]) {
			var e map[string]any
			decode(t, line, &e)
			for _, required := range []string{"activity_id", "category_uid", "class_uid", "cloud", "finding_info", "metadata", "severity_id", "time", "type_uid"} {
				if e[required] == nil {
					t.Fatalf("%s: no %s in %s", name, required, line)
				}
			}
			object := func(path ...string) any {
				var v any = e
				for _, key := range path {
					m, _ := v.(map[string]any)
					v = m[key]
				}
				return v
			}
			if e["class_uid"] != 2004.0 || e["category_uid"] != 2.0 || e["type_uid"] != 200400+e["activity_id"].(float64) {
				t.Fatalf("%s: wrong class: %s", name, line)
			}
			for _, path := range [][]string{{"metadata", "version"}, {"metadata", "product", "name"}, {"finding_info", "uid"}, {"finding_info", "analytic", "type_id"}, {"cloud", "provider"}} {
				if object(path...) == nil {
					t.Fatalf("%s: no %s in %s", name, strings.Join(path, "."), line)
				}
			}
			for _, evidence := range e["evidences"].([]any) {
				if api, ok := evidence.(map[string]any)["api"].(map[string]any); ok && api["operation"] == nil {
					t.Fatalf("%s: an API without operation in %s", name, line)
				}
			}
		}
	}
}

func TestOCSFStates(t *testing.T) {
	finding := func(event, suppressedBy, status string) report.Finding {
		f := report.Finding{ID: "f", Rule: "R", Severity: pack.Info, SuppressedBy: suppressedBy, Status: status, Values: make([]string, len(pack.EvidenceColumns()))}
		f.Values[8], f.Values[16] = "cloudformation.amazonaws.com", event
		return f
	}
	acknowledged := finding("e4", "", "new")
	acknowledged.Disposition = &report.Disposition{By: "me"}
	r := &report.Report{Packs: []report.Pack{{ID: "p", Controls: []report.Control{
		{ID: "1", Findings: []report.Finding{finding("e1", "x", "new"), finding("e2", "x", "new"), finding("e3", "", "recurring"), acknowledged}},
		{ID: "2", Rules: []report.RuleUse{{ID: "R", Title: "A rule", Attack: []string{"T1562.008", "T1078"}}}, Findings: []report.Finding{finding("e2", "", "new")}},
	}}}}
	var got []ocsfEvent
	for line := range strings.Lines(rendered(t, r, OCSF)[ocsfFile]) {
		var e ocsfEvent
		decode(t, line, &e)
		got = append(got, e)
	}
	if len(got) != 4 {
		t.Fatalf("%d events, want 4", len(got))
	}
	// e1 has an exception in its only control, e2 in one of two.
	for i, want := range []struct{ status, activity int }{{ocsfSuppressed, ocsfCreate}, {ocsfNew, ocsfCreate}, {ocsfNew, ocsfUpdate}, {ocsfInProgress, ocsfCreate}} {
		if got[i].StatusID != want.status || got[i].ActivityID != want.activity || got[i].SeverityID != 1 {
			t.Errorf("event %d: %+v, want %+v", i, got[i], want)
		}
	}
	if !slices.Equal(got[1].Info.Tags[0].Values, []string{"p/1", "p/2"}) {
		t.Errorf("controls %v", got[1].Info.Tags[0].Values)
	}
	if i := got[0].Info; len(i.Attacks) != 2 || i.Attacks[0].Technique.UID != "T1562" || i.Attacks[0].Sub.UID != "T1562.008" || i.Attacks[1].Sub != nil || i.Title != "A rule" {
		t.Errorf("finding %+v", i)
	}
	if e := got[0].Evidences[0].Endpoint; e.IP != "" || e.Domain != "cloudformation.amazonaws.com" {
		t.Errorf("endpoint %+v", e)
	}
}

// TestOCSFLines: each event has a line of its own, and is suppressed if nothing of it
// is open.
func TestOCSFLines(t *testing.T) {
	finding := func(event, object, index, suppressedBy string) report.Finding {
		f := report.Finding{ID: "f", Rule: "R", Severity: pack.Info, SuppressedBy: suppressedBy, Values: make([]string, len(pack.EvidenceColumns()))}
		for name, value := range map[string]string{"event_id": event, "log_object": object, "log_index": index} {
			f.Values[slices.Index(pack.EvidenceColumns(), name)] = value
		}
		return f
	}
	tests := []struct {
		name        string
		first, then []report.Finding // of two controls
		want        []int            // states
	}{
		{"events without an id", []report.Finding{finding("", "a", "1", ""), finding("", "a", "2", ""), finding("", "b", "1", "x")}, nil, []int{ocsfNew, ocsfNew, ocsfSuppressed}},
		{"in two controls", []report.Finding{finding("", "a", "1", "x")}, []report.Finding{finding("", "a", "1", "")}, []int{ocsfNew}},
		{"suppressed in both", []report.Finding{finding("", "a", "1", "x")}, []report.Finding{finding("", "a", "1", "x")}, []int{ocsfSuppressed}},
		{"one id twice", []report.Finding{finding("e", "a", "1", "x"), finding("e", "a", "2", "x")}, nil, []int{ocsfSuppressed}},
		{"one id twice and open once", []report.Finding{finding("e", "a", "1", "x"), finding("e", "a", "2", "")}, nil, []int{ocsfNew}},
		{"one id twice, suppressed in one control", []report.Finding{finding("e", "a", "1", "x"), finding("e", "a", "2", "x")}, []report.Finding{finding("e", "a", "1", ""), finding("e", "a", "2", "")}, []int{ocsfNew}},
		{"no event", []report.Finding{finding("", "", "", "")}, []report.Finding{finding("", "", "", "")}, []int{ocsfNew}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			r := &report.Report{Packs: []report.Pack{{ID: "p", Controls: []report.Control{{ID: "1", Findings: test.first}, {ID: "2", Findings: test.then}}}}}
			var got []int
			for line := range strings.Lines(rendered(t, r, OCSF)[ocsfFile]) {
				var e ocsfEvent
				decode(t, line, &e)
				got = append(got, e.StatusID)
			}
			if !slices.Equal(got, test.want) {
				t.Errorf("states %v, want %v", got, test.want)
			}
		})
	}
}

// TestJUnitIsXML: no text of a log ends an element or makes the file unreadable.
func TestJUnitIsXML(t *testing.T) {
	for shift := range hostile {
		r := hostileExample(shift)
		var all junitSuites
		if err := xml.Unmarshal([]byte(rendered(t, r, JUnit)[junitFile]), &all); err != nil {
			t.Fatalf("shift %d: %v", shift, err)
		}
		if all.Tests != 16 || all.Failures != 3 || all.Errors != 1 || all.Skipped != 3 {
			t.Errorf("shift %d: %d tests, %d failures, %d errors, %d skipped", shift, all.Tests, all.Failures, all.Errors, all.Skipped)
		}
	}
}

func TestMarkdown(t *testing.T) {
	tests := []struct{ in, want string }{
		{"plain text, 4.1", "plain text, 4.1"},
		{"a|b\n# c", `a\|b␊\# c`},
		{"[x](http://e.example)", `\[x\]\(http&#58;//e.example\)`},
		{"www.e.example @team", "www&#46;e.example &#64;team"},
		{"<b>&`*_~", "&lt;b\\>&amp;\\`\\*\\_\\~"},
		{"\u202eabc", `\\u\{202e\}abc`},
	}
	for _, test := range tests {
		if got := markdown(test.in); got != test.want {
			t.Errorf("%q: %q, want %q", test.in, got, test.want)
		}
	}
	for shift := range hostile {
		text := rendered(t, hostileExample(shift), Markdown)[markdownFile]
		for line := range strings.Lines(text) {
			if strings.HasPrefix(line, "|") && !regexp.MustCompile(`^(\|[^|\\]*(\\.[^|\\]*)*)+\|\n$`).MatchString(line) {
				t.Errorf("a broken row: %.200q", line)
			}
			if regexp.MustCompile(`(^|[^\\])[<\[]|://|@`).MatchString(line) {
				t.Errorf("markup is left: %.200q", line)
			}
		}
	}
}

func TestPeriodText(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	at := func(y, m, d, h int) time.Time { return time.Date(y, time.Month(m), d, h, 0, 0, 0, berlin) }
	tests := []struct {
		p    report.Period
		want string
	}{
		{report.Period{From: at(2026, 8, 1, 0), To: at(2026, 9, 1, 0), Zone: "Europe/Berlin"}, "2026-08-01 to 2026-08-31 (Europe/Berlin, both days included)"},
		{report.Period{From: at(2026, 3, 29, 0), To: at(2026, 3, 30, 0), Zone: "Europe/Berlin"}, "2026-03-29 (Europe/Berlin)"}, // 23 hours
		{report.Period{From: at(2026, 8, 1, 6), To: at(2026, 8, 1, 18), Zone: "Europe/Berlin"}, "2026-08-01 06:00 to 2026-08-01 18:00 (Europe/Berlin, end not included)"},
		{report.Period{From: at(2026, 8, 1, 2), To: at(2026, 8, 2, 2), Zone: "UTC", Open: true, Lateness: time.Hour}, "2026-08-01 (UTC); still open: events may be 1 hour late"},
	}
	for _, test := range tests {
		test.p.From, test.p.To = test.p.From.UTC(), test.p.To.UTC()
		d := document{Report: &report.Report{Period: test.p}}
		if got := d.periodText(); got != test.want {
			t.Errorf("%q, want %q", got, test.want)
		}
	}
}

func TestCoverageVerdict(t *testing.T) {
	day := time.Date(2026, 8, 1, 0, 0, 0, 0, time.UTC)
	cells := []report.CoverageCell{{Account: "1", Region: "r", Day: "2026-08-01", Events: 1}, {Account: "2", Region: "r", Day: "2026-08-01"}}
	tests := []struct {
		coverage report.Coverage
		open     bool
		want     string
	}{
		{report.Coverage{}, false, "The archive has nothing of the period."},
		{report.Coverage{Complete: true}, false, "The archive has nothing of the period."},
		{report.Coverage{Cells: cells, Complete: true}, false, "The archive covers the period without a gap: 2 accounts, 1 region and 1 day."},
		{report.Coverage{Cells: cells, Gaps: make([]report.Gap, 1)}, false, "The archive does not cover the whole period: 1 gap in 2 accounts, 1 region and 1 day."},
		{report.Coverage{Cells: cells}, true, "The period is still open, and more events may come. There is no gap so far: 2 accounts, 1 region and 1 day."},
		{report.Coverage{Cells: cells}, false, "The archive may not cover the whole period: 2 accounts, 1 region and 1 day."},
	}
	for _, test := range tests {
		d := document{Report: &report.Report{Coverage: test.coverage, Period: report.Period{From: day, To: day.AddDate(0, 0, 1), Open: test.open}}}
		if got := d.coverageVerdict(); got != test.want {
			t.Errorf("%q, want %q", got, test.want)
		}
	}
}

func TestHeadline(t *testing.T) {
	tests := []struct {
		states []report.State
		want   string
	}{
		{nil, "The report has no controls"},
		{[]report.State{report.Pass}, "Nothing needs attention in 1 control"},
		{[]report.State{report.Pass, report.NoActivity, report.Suppressed}, "Nothing needs attention in 3 controls"},
		{[]report.State{report.Pass, report.Error}, "Of 2 controls, 1 could not be run"},
		{[]report.State{report.Fail, report.Fail, report.Review}, "Of 3 controls, 2 failed and 1 needs a review"},
	}
	for _, test := range tests {
		r := &report.Report{Packs: make([]report.Pack, 1)}
		for _, state := range test.states {
			r.Packs[0].Controls = append(r.Packs[0].Controls, report.Control{State: state})
		}
		if got := newDocument(r, nil).headline(); got != test.want {
			t.Errorf("%q, want %q", got, test.want)
		}
	}
}

func TestHeatLevel(t *testing.T) {
	for _, test := range []struct {
		n, most int64
		want    int
	}{{0, 100, 0}, {1, 1, 5}, {1, 100, 1}, {100, 100, 5}, {51, 100, 5}, {50, 100, 4}, {20, 100, 3}, {12, 100, 2}, {3, 100, 1}} {
		if got := heatLevel(test.n, test.most); got != test.want {
			t.Errorf("%d of %d: level %d, want %d", test.n, test.most, got, test.want)
		}
	}
}

// TestDays: the days of a period are those of its zone, however long they are.
func TestDays(t *testing.T) {
	at := func(s string) time.Time {
		parsed, err := time.Parse(time.RFC3339, s)
		if err != nil {
			t.Fatal(err)
		}
		return parsed
	}
	tests := []struct {
		name, from, to, zone string
		want                 []string
	}{
		{"a day of 23 hours", "2026-03-28T23:00:00Z", "2026-03-29T22:00:00Z", "Europe/Berlin", []string{"2026-03-29"}},
		{"a day of 25 hours", "2026-10-24T22:00:00Z", "2026-10-25T23:00:00Z", "Europe/Berlin", []string{"2026-10-25"}},
		{"midnight that does not exist", "2026-09-06T04:00:00Z", "2026-09-07T03:00:00Z", "America/Santiago", []string{"2026-09-06"}},
		{"over the end of a year", "2026-12-31T05:00:00Z", "2027-01-02T05:00:00Z", "America/New_York", []string{"2026-12-31", "2027-01-01"}},
		{"parts of days", "2026-08-01T12:00:00Z", "2026-08-02T00:00:01Z", "UTC", []string{"2026-08-01", "2026-08-02"}},
		{"nothing", "2026-08-01T00:00:00Z", "2026-08-01T00:00:00Z", "UTC", nil},
	}
	for _, test := range tests {
		d := document{Report: &report.Report{Period: report.Period{From: at(test.from), To: at(test.to), Zone: test.zone}}}
		if got := d.days(); !slices.Equal(got, test.want) {
			t.Errorf("%s: %v, want %v", test.name, got, test.want)
		}
	}
}
