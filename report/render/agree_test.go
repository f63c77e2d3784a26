package render

import (
	"encoding/csv"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/trailql/trailql/engine/quantity"
	"github.com/trailql/trailql/report"
)

// numbers of a control, as a format has them. -1: the format does not say.
type numbers struct {
	state                            string
	count, suppressed, listed, added int64
}

func (n numbers) agrees(with numbers) bool {
	same := func(a, b int64) bool { return a == b || a == -1 || b == -1 }
	return n.state == with.state && same(n.count, with.count) && same(n.suppressed, with.suppressed) && same(n.listed, with.listed) && same(n.added, with.added)
}

// TestNumbersAgree compares every format with the report.
func TestNumbersAgree(t *testing.T) {
	r := example()
	files := rendered(t, r)
	want := map[string]numbers{}
	listed := int64(0)
	for _, p := range r.Packs {
		for _, c := range p.Controls {
			want[p.ID+"/"+c.ID] = numbers{string(c.State), c.Count, c.Suppressed, int64(len(c.Findings)), c.Difference.New}
			listed += int64(len(c.Findings))
		}
	}
	for name, got := range map[string]map[string]numbers{
		"report.json": jsonNumbers(t, files[jsonFile]), "csv": csvNumbers(t, files), "evidence.jsonl": jsonLinesNumbers(t, files[jsonLinesFile], want),
		"junit.xml": junitNumbers(t, files[junitFile]), "report.md": markdownNumbers(t, files[markdownFile]), "report.html": htmlNumbers(t, files[htmlFile]),
		"ocsf.jsonl": ocsfNumbers(t, files[ocsfFile], want),
	} {
		t.Run(name, func(t *testing.T) {
			if len(got) != len(want) {
				t.Errorf("%d controls, want %d", len(got), len(want))
			}
			for control, w := range want {
				if g, ok := got[control]; !ok || !g.agrees(w) {
					t.Errorf("%s: %+v, want %+v", control, g, w)
				}
			}
		})
	}
	// One line for each event and rule: 143 denied calls are evidence of two controls.
	if n := strings.Count(files[ocsfFile], "\n"); int64(n) != listed-143 {
		t.Errorf("ocsf.jsonl has %d lines, want %d", n, listed-143)
	}
	var summary struct{ Summary jsonSummary }
	decode(t, files[jsonFile], &summary)
	s := summary.Summary
	for state, n := range s.States {
		found := regexp.MustCompile(fmt.Sprintf(`<li class="tone-%s(?: zero)?"><span class="count">(\d+)</span>`, state)).FindStringSubmatch(files[htmlFile])
		if found == nil || found[1] != strconv.Itoa(n) {
			t.Errorf("%s: the page says %v, report.json %d", state, found, n)
		}
		if line := fmt.Sprintf("**%s**: %d\n", stateName(state), n); n > 0 && !strings.Contains(files[markdownFile], line) {
			t.Errorf("report.md lacks %q", line)
		}
	}
	if want := fmt.Sprintf("<dt>Findings</dt><dd>%s, of which %s have an approved exception; %s new, %s recurring, %s resolved", quantity.Count(s.Count), quantity.Count(s.Suppressed),
		quantity.Count(s.Difference.New), quantity.Count(s.Difference.Recurring), quantity.Count(s.Difference.Resolved)); !strings.Contains(files[htmlFile], want) {
		t.Errorf("the page lacks %q", want)
	}
}

func decode(t *testing.T, text string, v any) {
	t.Helper()
	if err := json.Unmarshal([]byte(text), v); err != nil {
		t.Fatal(err)
	}
}

func jsonNumbers(t *testing.T, text string) map[string]numbers {
	var in struct{ Controls []readControl }
	decode(t, text, &in)
	got := map[string]numbers{}
	for _, c := range in.Controls {
		got[c.Pack+"/"+c.ID] = numbers{string(c.State), c.Count, c.Suppressed, int64(len(c.Findings)), c.Difference.New}
	}
	return got
}

func readCSV(t *testing.T, text string) []map[string]string {
	t.Helper()
	rows, err := csv.NewReader(strings.NewReader(text)).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	var out []map[string]string
	for _, row := range rows[1:] {
		m := map[string]string{}
		for i, name := range rows[0] {
			m[name] = row[i]
		}
		out = append(out, m)
	}
	return out
}

func csvNumbers(t *testing.T, files map[string]string) map[string]numbers {
	got := map[string]numbers{}
	for _, row := range readCSV(t, files[controlsFile]) {
		of := numbers{row["state"], parseInt(t, row["count"]), parseInt(t, row["suppressed"]), 0, parseInt(t, row["new"])}
		suppressed := int64(0)
		for _, finding := range readCSV(t, files[row["file"]]) {
			of.listed++
			if finding["suppressed_by"] != "" {
				suppressed++
			}
		}
		if suppressed != of.suppressed {
			t.Errorf("%s has %d rows with an exception, want %d", row["file"], suppressed, of.suppressed)
		}
		got[row["pack"]+"/"+row["control"]] = of
	}
	return got
}

func jsonLinesNumbers(t *testing.T, text string, all map[string]numbers) map[string]numbers {
	got := map[string]numbers{}
	for control, n := range all { // a control without findings has no line
		got[control] = numbers{n.state, -1, 0, 0, 0}
	}
	for line := range strings.Lines(text) {
		var f struct {
			Pack, Control, Status string
			SuppressedBy          string `json:"suppressed_by"`
		}
		decode(t, line, &f)
		n := got[f.Pack+"/"+f.Control]
		n.listed++
		if f.SuppressedBy != "" {
			n.suppressed++
		}
		if f.Status == "new" {
			n.added++
		}
		got[f.Pack+"/"+f.Control] = n
	}
	return got
}

func ocsfNumbers(t *testing.T, text string, all map[string]numbers) map[string]numbers {
	got := map[string]numbers{}
	for control, n := range all {
		got[control] = numbers{n.state, -1, 0, 0, -1}
	}
	for line := range strings.Lines(text) {
		var e ocsfEvent
		decode(t, line, &e)
		for _, control := range e.Info.Tags[0].Values {
			n := got[control]
			n.listed++
			if e.StatusID == ocsfSuppressed {
				n.suppressed++
			}
			got[control] = n
		}
	}
	return got
}

func junitNumbers(t *testing.T, text string) map[string]numbers {
	var all junitSuites
	if err := xml.Unmarshal([]byte(text), &all); err != nil {
		t.Fatal(err)
	}
	got := map[string]numbers{}
	failures, skipped, errs := 0, 0, 0
	for _, suite := range all.Suites {
		for _, c := range suite.Cases {
			n := numbers{listed: -1, added: -1}
			for _, p := range c.Properties {
				switch p.Name {
				case "state":
					n.state = p.Value
				case "count":
					n.count = parseInt(t, p.Value)
				case "suppressed":
					n.suppressed = parseInt(t, p.Value)
				}
			}
			id, _, _ := strings.Cut(c.Name, " ")
			got[c.Class+"/"+id] = n
			failed, wrong, left := c.Failure != nil, c.Error != nil, c.Skipped != nil
			state := report.State(n.state)
			if failed != (state == report.Fail) || wrong != (state == report.Error) || left != (state == report.NotAssessed || state == report.NotApplicable) {
				t.Errorf("%s is %s: failure %t, error %t, skipped %t", c.Name, state, failed, wrong, left)
			}
			if failed {
				failures++
			}
			if wrong {
				errs++
			}
			if left {
				skipped++
			}
		}
	}
	if all.Tests != len(got) || all.Failures != failures || all.Errors != errs || all.Skipped != skipped {
		t.Errorf("totals %d %d %d %d, want %d %d %d %d", all.Tests, all.Failures, all.Errors, all.Skipped, len(got), failures, errs, skipped)
	}
	return got
}

func markdownNumbers(t *testing.T, text string) map[string]numbers {
	got := map[string]numbers{}
	_, table, _ := strings.Cut(text, "## Controls")
	for line := range strings.Lines(table) {
		cells := strings.Split(line, " | ")
		if len(cells) != 8 || strings.HasPrefix(line, "| Pack") {
			continue
		}
		_, state, _ := strings.Cut(cells[3], " ")
		got[strings.TrimPrefix(cells[0], "| ")+"/"+cells[1]] = numbers{stateOf(state), parseInt(t, cells[5]), parseInt(t, cells[6]), -1,
			parseInt(t, strings.TrimSuffix(strings.TrimSpace(cells[7]), " |"))}
	}
	return got
}

var (
	htmlPack    = regexp.MustCompile(`<caption>Pack ([^<]*)</caption>`)
	htmlControl = regexp.MustCompile(`<tr><td class="value"><a href="#[^"]*">([^<]*)</a></td>.*?tone-([A-Z_]+)".*?<td class="number">([0-9,]*)</td><td class="number">([0-9,]*)</td>`)
)

// htmlNumbers reads the tables of all controls.
func htmlNumbers(t *testing.T, text string) map[string]numbers {
	got := map[string]numbers{}
	packs := htmlPack.FindAllStringSubmatchIndex(text, -1)
	for i, at := range packs {
		end := len(text)
		if i+1 < len(packs) {
			end = packs[i+1][0]
		}
		for _, row := range htmlControl.FindAllStringSubmatch(text[at[1]:end], -1) {
			suppressed := int64(0)
			if row[4] != "" {
				suppressed = parseInt(t, row[4])
			}
			got[text[at[2]:at[3]]+"/"+row[1]] = numbers{row[2], parseInt(t, row[3]), suppressed, -1, -1}
		}
	}
	return got
}

func stateOf(name string) string {
	for state, words := range stateWords {
		if words.name == name {
			return string(state)
		}
	}
	return name
}

func parseInt(t *testing.T, s string) int64 {
	t.Helper()
	n, err := strconv.ParseInt(strings.ReplaceAll(s, ",", ""), 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return n
}
