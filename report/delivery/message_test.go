package delivery

import (
	"strings"
	"testing"
	"time"

	"github.com/trailql/trailql/report"
	"github.com/trailql/trailql/report/ledger"
	"github.com/trailql/trailql/report/pack"
)

// hostile is what a user's pack may have for a title. What a log has never gets
// into a message.
const hostile = "<!channel> <https://evil.example|click>\r\nBcc: x@evil.example\r\n\r\n\u202egnp.exe & *b*"

func exampleReport() *report.Report {
	return &report.Report{
		Run:      report.Header{ID: "run-1", Ended: time.Date(2026, 11, 21, 6, 0, 0, 0, time.UTC), ProgramVersion: "1.0", Schedule: "daily"},
		Title:    "PCI DSS, yesterday",
		Period:   report.Period{Name: "yesterday", From: time.Date(2026, 11, 20, 0, 0, 0, 0, time.UTC), To: time.Date(2026, 11, 21, 0, 0, 0, 0, time.UTC), Zone: "UTC"},
		Snapshot: report.Snapshot{Records: 1234},
		Coverage: report.Coverage{Complete: true},
		Packs: []report.Pack{{ID: "pci-dss-4", Title: "PCI DSS 4", Version: "4.0.1", Controls: []report.Control{
			{ID: "10.2.1.1", Title: "Access to data", State: report.Pass, Severity: pack.Info},
			{ID: "10.2.1.2", Title: "Administrators", State: report.Review, Severity: pack.Low, Count: 3},
			{ID: "10.2.1.5", Title: hostile, State: report.Fail, Severity: pack.High, Count: 2},
			{ID: "10.2.1.4", Title: "Invalid access", State: report.Fail, Severity: pack.Critical, Count: 1},
		}}},
	}
}

func TestSummarize(t *testing.T) {
	m := Summarize(exampleReport(), "/r", "abc")
	if m.Status != ledger.Alarm || m.Manifest != "abc" || m.Dir != "/r" {
		t.Errorf("got %+v", m)
	}
	var order []string
	for _, c := range m.Packs[0].Attention {
		order = append(order, c.ID)
	}
	if got := strings.Join(order, " "); got != "10.2.1.4 10.2.1.5 10.2.1.2" {
		t.Errorf("attention: %s", got)
	}
	if s := m.Packs[0].States; s["PASS"] != 1 || s["FAIL"] != 2 || s["REVIEW"] != 1 {
		t.Errorf("states: %v", s)
	}
}

func TestText(t *testing.T) {
	text := Summarize(exampleReport(), "/srv/r", "abc").Text()
	for _, want := range []string{"Status: alarm\n", "Period: 2026-11-20 (UTC)", "2 FAIL, 1 REVIEW, 1 PASS", "FAIL  10.2.1.4  Invalid access (critical, 1 events)", "Events read: 1234", "Report: /srv/r\n", "abc"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
	for _, bad := range []string{"\r", "\u202e", "\nBcc:"} {
		if strings.Contains(text, bad) {
			t.Errorf("%q in %q", bad, text)
		}
	}
}

func TestPeriodText(t *testing.T) {
	for _, test := range []struct{ from, to, zone, want string }{
		{"2026-11-20T00:00:00Z", "2026-11-21T00:00:00Z", "UTC", "2026-11-20"},
		{"2026-10-31T23:00:00Z", "2026-11-30T23:00:00Z", "Europe/Berlin", "2026-11-01 to 2026-11-30"},
		{"2026-11-20T06:00:00Z", "2026-11-21T00:00:00Z", "UTC", "2026-11-20T06:00:00Z to 2026-11-21T00:00:00Z"},
		{"2026-11-20T00:00:00Z", "2026-11-21T00:00:00Z", "No/Where", "2026-11-20"},
	} {
		p := Period{Zone: test.zone}
		var err error
		if p.From, err = time.Parse(time.RFC3339, test.from); err != nil {
			t.Fatal(err)
		}
		if p.To, err = time.Parse(time.RFC3339, test.to); err != nil {
			t.Fatal(err)
		}
		if got := p.String(); got != test.want {
			t.Errorf("got %s, want %s", got, test.want)
		}
	}
}
