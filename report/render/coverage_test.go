package render_test

import (
	"bytes"
	"encoding/json"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/trailql/trailql/report"
	"github.com/trailql/trailql/report/render"
)

func inventory() *report.Inventory {
	at := func(hour int) time.Time { return time.Date(2026, 8, 10, hour, 0, 0, 0, time.UTC) }
	hostile := "us-\x1b[31meast<script>alert(1)</script>"
	return &report.Inventory{
		Period: report.Period{Name: "x", From: at(0), To: at(24), Zone: "UTC", Lateness: time.Hour},
		Coverage: report.Coverage{
			Cells: []report.CoverageCell{{Account: "111111111111", Region: "us-east-1", Day: "2026-08-10", Events: 8, Hours: 2, Objects: 2}},
			Gaps:  []report.Gap{{Account: "111111111111", Region: hostile, From: at(4), To: at(24), Hours: 20, Reason: "silent"}},
		},
		Places: []report.Place{
			{Account: "111111111111", Region: "us-east-1", Events: 8, Categories: map[string]int64{"Management": 7, "Data": 1}, Objects: 2, Digests: 3, MissingDigests: 2,
				FirstEvent: at(1), LastEvent: at(3), FirstDelivery: at(1), LastDelivery: at(4), SlowestDelivery: 5 * time.Minute, SilentSince: at(4),
				Hours: []report.HourCount{{Hour: at(1), Events: 7, Objects: 1, Digests: 1}, {Hour: at(3), Events: 1, Objects: 1, Digests: 1}, {Hour: at(6), Digests: 1}}},
			{Account: "222222222222", Region: hostile, Events: 1, Hours: []report.HourCount{{Hour: at(0), Events: 1}}, GlobalEventsMissing: true},
		},
	}
}

func TestCoverageText(t *testing.T) {
	var b bytes.Buffer
	if err := render.WriteCoverageText(&b, inventory(), render.TextStyle{Columns: 118, ASCII: true}); err != nil {
		t.Fatal(err)
	}
	text := b.String()
	for _, want := range []string{
		"a sign of activity is 3 hours\n",
		"The archive does not cover the whole period: 1 gap in 1 account, 1 region and 1 day.\n",
		"- account 222222222222 has no events of us-east-1",
		"- region us-east-1 of account 111111111111: no digest ends in 2 hours, though",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
	if strings.ContainsRune(text, 0x1b) {
		t.Errorf("an escape character:\n%q", text)
	}
	line := regexp.MustCompile(`(?m)^111111111111 .*$`).FindString(text)
	if !strings.HasSuffix(line, "  @-......") {
		t.Errorf("activity of\n%s", line)
	}
}

func TestCoverageJSON(t *testing.T) {
	var b bytes.Buffer
	if err := render.WriteCoverageJSON(&b, inventory()); err != nil {
		t.Fatal(err)
	}
	var got struct {
		Schema string
		Places []struct {
			Region string
			Hours  []struct{ Events, Digests int64 }
		}
		Gaps []struct{ Hours int }
	}
	if err := json.Unmarshal(b.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	if got.Schema != render.CoverageSchema || len(got.Places) != 2 || len(got.Places[0].Hours) != 3 || got.Places[0].Hours[2].Digests != 1 || got.Gaps[0].Hours != 20 {
		t.Errorf("%+v", got)
	}
	if want := inventory().Places[1].Region; got.Places[1].Region != want {
		t.Errorf("region %q, want %q", got.Places[1].Region, want)
	}
	if bytes.ContainsRune(b.Bytes(), 0x1b) {
		t.Error("an escape character")
	}
}

func TestCoverageHTML(t *testing.T) {
	var b bytes.Buffer
	if err := render.WriteCoverageHTML(&b, inventory()); err != nil {
		t.Fatal(err)
	}
	page := b.String()
	for _, want := range []string{"default-src 'none'", "<td class=\"number\">8</td>", "Data 1, Management 7", "silent since", "class=\"chart heat\""} {
		if !strings.Contains(page, want) {
			t.Errorf("no %q", want)
		}
	}
	for _, never := range []string{"<script", "\x1b"} {
		if strings.Contains(page, never) {
			t.Errorf("%q in the page", never)
		}
	}
}
