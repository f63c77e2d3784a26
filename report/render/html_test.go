package render

import (
	"fmt"
	"math"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/trailql/trailql/report"
	"github.com/trailql/trailql/report/pack"
)

var (
	tagPattern       = regexp.MustCompile(`(?s)<(/?)([!a-zA-Z][a-zA-Z0-9-]*)((?:[^>"]|"[^"]*")*)>`)
	attributePattern = regexp.MustCompile(`([a-zA-Z-]+)(?:="([^"]*)")?`)
	anchorPattern    = regexp.MustCompile(`^#[A-Za-z0-9._-]+$`)
)

// pageTags and pageAttributes are all that the page uses. Nothing among them
// runs or loads anything.
var (
	pageTags = strings.Fields(`!DOCTYPE html head meta title style body header main nav section article footer div p ul li a h1 h2 h3 h4 span br wbr strong
		table caption thead tbody tr th td dl dt dd pre svg rect path text`)
	pageAttributes = strings.Fields(`lang charset http-equiv content name class id href aria-label aria-hidden role tabindex scope colspan
		viewBox preserveAspectRatio x y width height d text-anchor html`)
)

// TestHTMLIsOnlyText: whatever is in a report, the page has no markup but its own.
func TestHTMLIsOnlyText(t *testing.T) {
	for shift := range hostile {
		r := hostileExample(shift)
		html := rendered(t, r, HTML)[htmlFile]
		body := html[strings.Index(html, "</style>"):]
		for _, tag := range tagPattern.FindAllStringSubmatch(html, -1) {
			if !slices.Contains(pageTags, tag[2]) {
				t.Errorf("shift %d: unexpected tag %s", shift, tag[0])
			}
			for _, attribute := range attributePattern.FindAllStringSubmatch(tag[3], -1) {
				if !slices.Contains(pageAttributes, attribute[1]) {
					t.Errorf("shift %d: unexpected attribute %s", shift, tag[0])
				}
				if attribute[1] == "href" && !anchorPattern.MatchString(attribute[2]) {
					t.Errorf("shift %d: a link that leads out of the page: %s", shift, tag[0])
				}
			}
		}
		if rest := tagPattern.ReplaceAllString(body, ""); strings.ContainsAny(rest, "<>") {
			t.Errorf("shift %d: there is a bare < or > near %.80q", shift, rest[strings.IndexAny(rest, "<>"):])
		}
		checkVisible(t, html, "\n")
		if t.Failed() {
			return
		}
	}
}

// checkVisible finds characters that hide or reorder text.
func checkVisible(t *testing.T, text, allowed string) {
	t.Helper()
	for i, r := range text {
		control := r < 0x20 || r >= 0x7f && r < 0xa0
		bidi := r == 0x61c || r >= 0x200e && r <= 0x200f || r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069
		if (control || bidi) && !strings.ContainsRune(allowed, r) {
			t.Errorf("the character %U is left near %q", r, text[max(0, i-60):min(len(text), i+20)])
			return
		}
	}
}

// TestHTMLAnchors: every link has its target, and no target is there twice.
func TestHTMLAnchors(t *testing.T) {
	for name, r := range examples() {
		html := rendered(t, r, HTML)[htmlFile]
		targets := map[string]int{}
		for _, id := range regexp.MustCompile(` id="([^"]*)"`).FindAllStringSubmatch(html, -1) {
			targets[id[1]]++
			if targets[id[1]] > 1 {
				t.Errorf("%s: the target %q is there twice", name, id[1])
			}
		}
		for _, link := range regexp.MustCompile(` href="#([^"]*)"`).FindAllStringSubmatch(html, -1) {
			if targets[link[1]] == 0 {
				t.Errorf("%s: the link to %q has no target", name, link[1])
			}
		}
	}
}

// TestHTMLTagsAreBalanced: a browser repairs what is not, and moves texts out of
// their tables.
func TestHTMLTagsAreBalanced(t *testing.T) {
	for name, r := range examples() {
		html := rendered(t, r, HTML)[htmlFile]
		var open []string
		for _, tag := range tagPattern.FindAllStringSubmatch(html, -1) {
			switch element := tag[2]; {
			case element == "!DOCTYPE" || element == "meta" || element == "br" || element == "wbr" || strings.HasSuffix(tag[3], "/"):
			case tag[1] == "":
				open = append(open, element)
			case len(open) == 0 || open[len(open)-1] != element:
				t.Fatalf("%s: %s closes what is not open: %v", name, tag[0], open)
			default:
				open = open[:len(open)-1]
			}
		}
		if len(open) > 0 {
			t.Errorf("%s: not closed: %v", name, open)
		}
	}
}

func TestHTMLShowsEvidence(t *testing.T) {
	r := example()
	html := strings.ReplaceAll(rendered(t, r)[htmlFile], "<wbr>", "")
	for _, c := range r.Packs[0].Controls[1:3] { // few enough to be shown whole
		for _, f := range c.Findings {
			for i, value := range f.Values {
				if value != "" && pack.EvidenceColumns()[i] != "event_time" && !strings.Contains(html, htmlEscape(value)) {
					t.Errorf("control %s: %s %q is not in the page", c.ID, pack.EvidenceColumns()[i], value)
				}
			}
		}
	}
	for _, want := range []string{
		`{ $.userIdentity.type = &#34;Root&#34; &amp;&amp; $.userIdentity.invokedBy NOT EXISTS`, // the framework's pattern
		"eventtype &lt;&gt; &#39;AwsServiceEvent&#39;",
		"The 100 most severe of 144 findings", "All 144 are in csv/cis-aws-foundations_4.1.csv",
		"100,000 more were counted and are not listed", "Of 16 controls, 3 failed, 1 needs a review, 2 could not be assessed and 1 could not be run.",
		"The archive does not cover the whole period: 2 gaps in 3 accounts, 4 regions and 31 days.",
		"Acknowledged by a.moreau", "∅ Exception EX-2026-014", "expired on 2026-08-10", "12,408,551 events", "default-src &#39;none&#39;",
	} {
		if !strings.Contains(html, want) && !strings.Contains(html, strings.ReplaceAll(want, "&#39;", "'")) {
			t.Errorf("the page lacks %q", want)
		}
	}
}

func htmlEscape(s string) string {
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&#34;", "'", "&#39;", "+", "&#43;").Replace(s)
}

// TestHTMLIsBounded: a report of very many findings has a page that opens.
func TestHTMLIsBounded(t *testing.T) {
	r := example()
	many := r.Packs[0].Controls[0].Findings
	for len(many) < 5_000 {
		many = append(many, many...)
	}
	for i := range 40 {
		c := r.Packs[0].Controls[0]
		c.ID, c.Findings, c.Count = fmt.Sprint("x.", i), many, int64(len(many))
		r.Packs[0].Controls = append(r.Packs[0].Controls, c)
	}
	html := rendered(t, r, HTML)[htmlFile]
	if n := strings.Count(html, `<tbody id="`); n > pageFindings {
		t.Errorf("%d findings are shown, want at most %d", n, pageFindings)
	}
	if len(html) > 8<<20 {
		t.Errorf("the page has %d bytes", len(html))
	}
}

// TestHTMLDoesNotCountNamedEvents: a burst names some of its events, and says how many
// it reached.
func TestHTMLDoesNotCountNamedEvents(t *testing.T) {
	r := example()
	for _, f := range r.Packs[0].Controls[0].Findings {
		if !isCorrelation(&f) {
			continue
		}
		html := rendered(t, r, HTML)[htmlFile]
		if strings.Contains(html, fmt.Sprintf(", %d events<", len(f.Events))) || !strings.Contains(html, f.Events[0]) {
			t.Errorf("%d events are named, and pass for all of them", len(f.Events))
		}
		return
	}
	t.Fatal("the example has no burst")
}

// TestHoursOfFindings: what began before the period is drawn in its first hour.
func TestHoursOfFindings(t *testing.T) {
	from := time.Date(2026, 8, 10, 0, 0, 0, 0, time.UTC)
	d := &document{Report: &report.Report{Period: report.Period{From: from, To: from.Add(3 * time.Hour)}}}
	for _, test := range []struct {
		name  string
		since time.Duration
		want  string
	}{
		{"in the first hour", 10 * time.Minute, "[1 0 0]"},
		{"in the last hour", 179 * time.Minute, "[0 0 1]"},
		{"minutes before", -10 * time.Minute, "[1 0 0]"},
		{"hours before", -3 * time.Hour, "[1 0 0]"},
		{"after", 3 * time.Hour, "[0 0 0]"},
	} {
		t.Run(test.name, func(t *testing.T) {
			var counts []int64
			for _, b := range d.perHour([]report.Finding{{Time: from.Add(test.since)}}) {
				counts = append(counts, b.count)
			}
			if got := fmt.Sprint(counts); got != test.want {
				t.Errorf("%s, want %s", got, test.want)
			}
		})
	}
}

// TestManyUnassessed: one cause does not fill the first screen.
func TestManyUnassessed(t *testing.T) {
	r := example()
	for i := range 40 {
		r.Packs[1].Controls = append(r.Packs[1].Controls, report.Control{ID: fmt.Sprint("n.", i), State: report.NotAssessed, Reason: strings.Repeat("a gap; ", 100)})
	}
	files := rendered(t, r, HTML, Markdown)
	if want := "42 controls could not be assessed"; !strings.Contains(files[htmlFile], want) || !strings.Contains(files[markdownFile], want) {
		t.Errorf("the page or the summary lacks %q", want)
	}
	attention := files[htmlFile][strings.Index(files[htmlFile], `id="attention"`):strings.Index(files[htmlFile], `id="coverage"`)]
	if strings.Contains(attention, "n.7") || !strings.Contains(attention, ">4.3<") {
		t.Errorf("needs attention: %s", attention)
	}
}

func TestShortenWords(t *testing.T) {
	for _, test := range []struct{ in, want string }{
		{"short", "short"}, {"one two three four", "one two …"}, {"one two, three", "one two …"}, {"abcdefghijklmnop", "abcdefghijkl …"}, {"äöü äöü äöü äöü", "äöü äöü äöü …"},
	} {
		if got := shortenWords(test.in, 12); got != test.want {
			t.Errorf("%q: %q, want %q", test.in, got, test.want)
		}
	}
}

func TestMostSevere(t *testing.T) {
	findings := []report.Finding{
		{ID: "a", Severity: pack.Low}, {ID: "b", Severity: pack.Critical, SuppressedBy: "x"}, {ID: "c", Severity: pack.High},
		{ID: "d", Severity: pack.Low}, {ID: "e", Severity: pack.High},
	}
	tests := []struct {
		limit int
		want  []int
	}{{9, []int{0, 1, 2, 3, 4}}, {4, []int{0, 2, 3, 4}}, {3, []int{0, 2, 4}}, {1, []int{2}}}
	for _, test := range tests {
		if got := mostSevere(findings, test.limit); !slices.Equal(got, test.want) {
			t.Errorf("limit %d: %v, want %v", test.limit, got, test.want)
		}
	}
}

func TestNameParts(t *testing.T) {
	for in, want := range map[string][]string{
		"":                              {""},
		":":                             {":"},
		"arn:aws:iam::1:role/a/b":       {"arn:", "aws:", "iam::", "1:", "role/", "a/", "b"},
		"https://e.example/\u202e:end/": {"https://", "e.example/", `\u{202e}:`, "end/"},
	} {
		if got := nameParts(in); !slices.Equal(got, want) {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}

func TestShorten(t *testing.T) {
	if got := shorten("äöü", 3); got != "äöü" {
		t.Errorf("got %q", got)
	}
	if got := shorten("äöüß", 3); got != "äöü… (4 characters in all)" {
		t.Errorf("got %q", got)
	}
}

// TestContrast: texts are to be read on their grounds, in light and dark. WCAG
// asks for 4.5, and for 3 of what is no text.
func TestContrast(t *testing.T) {
	themes := map[string]map[string]string{}
	for i, name := range []string{"light", "dark", "print"} {
		themes[name] = map[string]string{}
		parts := strings.Split(pageStyle, ":root {")
		for _, variable := range regexp.MustCompile(`--([a-z0-9-]+): (#[0-9a-f]+);`).FindAllStringSubmatch(parts[i+1], -1) {
			if _, ok := themes[name][variable[1]]; !ok {
				themes[name][variable[1]] = variable[2]
			}
		}
	}
	pairs := []struct {
		front, back string
		least       float64
	}{{"ink", "page", 7}, {"ink", "soft", 7}, {"muted", "page", 4.5}, {"muted", "soft", 4.5}, {"link", "page", 4.5}, {"bar", "page", 3}, {"bar", "soft", 3}, {"fail", "heat2", 3}}
	for _, tone := range []string{"fail", "error", "review", "unknown", "quiet", "none", "pass", "na"} {
		pairs = append(pairs, struct {
			front, back string
			least       float64
		}{tone, tone + "-soft", 4.5}, struct {
			front, back string
			least       float64
		}{tone, "page", 4.5}, struct {
			front, back string
			least       float64
		}{"ink", tone + "-soft", 7})
	}
	for name, colours := range themes {
		for _, pair := range pairs {
			front, back := colours[pair.front], colours[pair.back]
			if front == "" || back == "" {
				t.Fatalf("%s has no %s or %s", name, pair.front, pair.back)
			}
			if got := contrast(t, front, back); got < pair.least {
				t.Errorf("%s: %s on %s has a contrast of %.1f, want %.1f", name, pair.front, pair.back, got, pair.least)
			}
		}
	}
}

// contrast is WCAG's, from 1 to 21.
func contrast(t *testing.T, a, b string) float64 {
	t.Helper()
	x, y := luminance(t, a), luminance(t, b)
	return (max(x, y) + 0.05) / (min(x, y) + 0.05)
}

func luminance(t *testing.T, colour string) float64 {
	t.Helper()
	if len(colour) == 4 {
		colour = fmt.Sprintf("#%c%c%c%c%c%c", colour[1], colour[1], colour[2], colour[2], colour[3], colour[3])
	}
	var r, g, b int
	if _, err := fmt.Sscanf(colour, "#%02x%02x%02x", &r, &g, &b); err != nil {
		t.Fatalf("%s: %v", colour, err)
	}
	linear := func(n int) float64 {
		v := float64(n) / 255
		if v <= 0.04045 {
			return v / 12.92
		}
		return math.Pow((v+0.055)/1.055, 2.4)
	}
	return 0.2126*linear(r) + 0.7152*linear(g) + 0.0722*linear(b)
}
