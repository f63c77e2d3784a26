package editor

import (
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/rivo/uniseg"

	"github.com/trailql/trailql/repl/complete"
)

// glass is a model of a terminal: it knows what view sends, and how many cells
// a character takes. Anything else is a fault.
type glass struct {
	t             testing.TB
	columns, rows int
	cells         [][]string // "" is the right half of a wide character
	x, y          int
	full          bool // the cursor is behind the last column
	scrolled      int
	styled        bool
}

func newGlass(t testing.TB, columns, rows int) *glass {
	g := &glass{t: t, columns: columns, rows: rows}
	for range rows {
		g.cells = append(g.cells, g.blank())
	}
	return g
}

func (g *glass) blank() []string { return strings.Split(strings.Repeat(" ", g.columns), "") }

func (g *glass) feed() {
	if g.y++; g.y == g.rows {
		g.y--
		g.scrolled++
		g.cells = append(g.cells[1:], g.blank())
	}
}

func (g *glass) write(s string) {
	for len(s) > 0 {
		switch {
		case s[0] == '\r':
			g.x, g.full = 0, false
			s = s[1:]
		case s[0] == '\n':
			g.feed()
			s = s[1:]
		case strings.HasPrefix(s, "\x1b["):
			end := 2
			for end < len(s) && (s[end] < 0x40 || s[end] > 0x7e) {
				end++
			}
			g.sequence(s[2:end], s[end])
			s = s[end+1:]
		default:
			c, width := cluster(s)
			for _, r := range c {
				if isControl(r) || r == utf8.RuneError && len(c) == 1 {
					g.t.Fatalf("%q reaches the terminal", c)
				}
			}
			if width == 0 {
				g.t.Fatalf("%q takes no cell", c)
			}
			if g.full || g.x+width > g.columns {
				g.x, g.full = 0, false
				g.feed()
			}
			g.cells[g.y][g.x] = c
			for i := 1; i < width && g.x+i < g.columns; i++ {
				g.cells[g.y][g.x+i] = ""
			}
			if g.x += width; g.x >= g.columns {
				g.x, g.full = g.columns-1, true
			}
			s = s[len(c):]
		}
	}
}

func (g *glass) sequence(parameters string, last byte) {
	n := 1
	fmt.Sscan(parameters, &n)
	switch last {
	case 'A':
		if g.y -= n; g.y < 0 {
			g.t.Fatalf("the cursor would leave the screen by %d", -g.y)
		}
		g.full = false
	case 'C':
		if g.x += n; g.x >= g.columns {
			g.t.Fatalf("the cursor would leave the screen at column %d", g.x)
		}
		g.full = false
	case 'K':
		copy(g.cells[g.y][g.x:], g.blank())
	case 'J':
		copy(g.cells[g.y][g.x:], g.blank())
		for y := g.y + 1; y < g.rows; y++ {
			g.cells[y] = g.blank()
		}
	case 'm':
		g.styled = parameters != "0"
	case 'h', 'l':
		if parameters != "?25" && parameters != "?2026" {
			g.t.Fatalf("mode %s", parameters)
		}
	default:
		g.t.Fatalf("sequence %q%c", parameters, last)
	}
}

// text is what it shows, with a bar at the cursor.
func (g *glass) text() string {
	var lines []string
	for y, row := range g.cells {
		var b strings.Builder
		for x, c := range row {
			if x == g.x && y == g.y {
				b.WriteString("|")
			}
			b.WriteString(c)
		}
		lines = append(lines, strings.TrimRight(b.String(), " "))
	}
	return strings.TrimRight(strings.Join(lines, "\n"), "\n")
}

func (g *glass) show(v *view, p picture) {
	p.columns, p.lines = g.columns, g.rows
	if p.prompt == (Prompt{}) {
		p.prompt = Prompt{"sql> ", "  -> "}
	}
	out, below := v.draw(p)
	g.write(string(out))
	if g.styled {
		g.t.Errorf("a style is left on")
	}
	if p.done {
		if below != -1 || g.x != 0 {
			g.t.Errorf("a text that is done leaves the cursor in column %d", g.x)
		}
	} else if below < 0 || g.y+below >= g.rows {
		g.t.Errorf("%d rows below row %d of %d", below, g.y, g.rows)
	}
}

func lines(s ...string) string { return strings.Join(s, "\n") }

func TestView(t *testing.T) {
	proposals := func(index int, items ...complete.Item) *menu {
		return &menu{Completion: complete.Completion{Start: 7, End: 9, Items: items}, index: index}
	}
	var many []complete.Item
	for i := range 20 {
		many = append(many, complete.Item{Text: fmt.Sprintf("column_%02d", i), Detail: "varchar"})
	}
	for _, test := range []struct {
		name          string
		columns, rows int
		ascii         bool
		picture       picture
		want          string
	}{
		{"empty", 20, 4, false, picture{}, "sql> |"},
		{"text", 20, 4, false, picture{draft: marked("sel|ect 1")}, "sql> sel|ect 1"}, //nolint:misspell // the cursor in a word
		{"lines", 20, 4, false, picture{draft: marked("select\n a|\n")}, lines("sql> select", "  ->  a|", "  ->")},
		{"long line", 20, 4, false, picture{draft: marked("01234567890123456789|x")}, lines("sql> 01234567890123", "     456789|x")},
		{"full line", 20, 4, false, picture{draft: marked("01234567890123|")}, "sql> 01234567890123|"},
		{"where a row breaks", 20, 4, false, picture{draft: marked("01234567890123|4")}, lines("sql> 01234567890123", "     |4")},
		{"wide text", 20, 4, false, picture{draft: marked("'日本語|の'")}, "sql> '日本語|の'"},
		{"wide text breaks", 12, 4, false, picture{draft: marked("日本語の|字")}, lines("sql> 日本語", "     の|字")},
		{"emoji", 20, 4, false, picture{draft: marked("👩‍👩‍👧|⚠️x")}, "sql> 👩‍👩‍👧|⚠️x"},
		{"combining", 20, 4, false, picture{draft: marked("e\u0301|x")}, "sql> e\u0301|x"},
		{"a mark on nothing", 20, 4, false, picture{draft: draft{"\u0301", 2}}, `sql> \u{301}|`},
		{"many marks", 80, 4, false, picture{draft: draft{"e" + strings.Repeat("\u0301", 10), 21}},
			"sql> e" + strings.Repeat("\u0301", 8) + `\u{301}\u{301}|`},
		{"control characters", 40, 4, false, picture{draft: marked("a\x1b[2J\x07\r\u009b|\x7f\u202ex")}, `sql> a␛[2J␇␍\x9b|␡\u{202e}x`},
		{"tab", 20, 4, false, picture{draft: marked("a\tb|")}, "sql> a    b|"},
		{"ASCII", 60, 4, true, picture{draft: marked("'日é\x1b\u009b|'")}, `sql> '\u{65e5}\u{e9}^[\u{9b}|'`},
		{"narrow", 10, 4, false, picture{draft: marked("select 1|\n2"), prompt: Prompt{"trailql> ", "      -> "}},
			lines("> select", "  1|", "  2")},
		{"very narrow", 4, 4, false, picture{draft: marked("abcd日|"), prompt: Prompt{"trailql> ", "      -> "}}, lines("abc", "d日|")},
		{"prompt from elsewhere", 30, 4, false, picture{prompt: Prompt{"a\x1b]0;x\x07> ", "> "}, draft: marked("x\ny|")},
			lines("a␛]0;x␇> x", "       > y|")},
		{"proposals on two columns", 2, 4, false, picture{draft: marked("select co|"), menu: proposals(0, many...)}, lines("t", "", "c", "o|")},
		{"scrolled", 20, 3, false, picture{draft: marked("1\n2\n3\n4\n5|")}, lines("  -> 3", "  -> 4", "  -> 5|")},
		{"note", 20, 3, false, picture{draft: marked("1\n2\n3|"), note: "a note that is too long"}, lines("  -> 2", "  -> 3|", "a note that is too…")},
		{"ASCII note", 20, 3, true, picture{draft: marked("1|"), note: "a note that is too long"}, lines("sql> 1|", "a note that is too~")},
		{"proposals", 40, 6, false, picture{draft: marked("select se|"), menu: proposals(0, complete.Item{Text: "sessioncontext", Detail: "struct"}, complete.Item{Text: "sex", Detail: ""})},
			lines("sql> select se|", "            sessioncontext  struct", "            sex")},
		{"a selected one", 40, 6, false, picture{draft: marked("select se|"), menu: proposals(2, complete.Item{Text: "sessioncontext", Detail: "struct"}, complete.Item{Text: "sex", Detail: ""})},
			lines("sql> select se|", "            sessioncontext  struct", "           >sex")},
		{"proposals at the right", 24, 6, false, picture{draft: marked("select se|"), menu: proposals(0, complete.Item{Text: "sessioncontext", Detail: "a struct of many"})},
			lines("sql> select se|", " sessioncontext  a st…")},
		{"proposals from elsewhere", 60, 6, false, picture{draft: marked("select se|"), menu: proposals(0, complete.Item{Text: "'\x1b]52;c;x\x07\n'", Detail: "\x1b[2J\u202e"})},
			lines("sql> select se|", `            '␛]52;c;x␇␊'  ␛[2J\u{202e}`)},
		{"many proposals", 40, 24, false, picture{draft: marked("select co|"), menu: proposals(0, many...)},
			lines("sql> select co|", "            column_00  varchar", "            column_01  varchar", "            column_02  varchar",
				"            column_03  varchar", "            column_04  varchar", "            column_05  varchar", "            column_06  varchar",
				"            column_07  varchar", "            12 more")},
		{"many proposals, a low screen", 40, 4, false, picture{draft: marked("select co|"), menu: proposals(6, many...)},
			lines("sql> select co|", "            column_03  varchar", "            column_04  varchar", "           >column_05  varchar")},
		{"proposals over the text", 40, 6, false, picture{draft: marked("select co|\nfrom t\nwhere x;"), menu: proposals(0, complete.Item{Text: "cost"})},
			lines("sql> select co|", "            cost", "  -> where x;")},
		{"proposals scroll", 40, 4, false, picture{draft: marked("1\n2\n3\nx co|"), menu: proposals(0, many[:2]...)},
			lines("  -> 3", "  -> x co|", "      column_00  varchar", "      column_01  varchar")},
		{"done", 20, 4, false, picture{draft: marked("a|\nb"), done: true, menu: proposals(0, many...), note: "x"}, lines("sql> a", "  -> b", "|")},
		{"given up", 20, 4, false, picture{draft: marked("a|\nb"), done: true, suffix: "^C"}, lines("sql> a", "  -> b^C", "|")},
		{"done and long", 20, 3, false, picture{draft: marked("|1\n2\n3\n4\n5"), done: true}, lines("  -> 4", "  -> 5", "|")},
	} {
		t.Run(test.name, func(t *testing.T) {
			g := newGlass(t, test.columns, test.rows)
			g.show(&view{ascii: test.ascii}, test.picture)
			got := g.text()
			if got != test.want {
				t.Errorf("\n%s\nwant\n%s", got, test.want)
			}
			if test.ascii && !isPlain(strings.ReplaceAll(got, "\n", "")) {
				t.Error("this is not ASCII")
			}
		})
	}
}

// What was on the screen before makes no difference.
func TestViewChanges(t *testing.T) {
	g, v := newGlass(t, 20, 5), &view{}
	g.write("something before")
	v.fresh = true
	for _, step := range []struct {
		picture picture
		want    string
	}{
		{picture{draft: marked("|")}, lines("something before", "sql> |")},
		{picture{draft: marked("a\nb|")}, lines("something before", "sql> a", "  -> b|")},
		{picture{draft: marked("a\nb|"), note: "note"}, lines("something before", "sql> a", "  -> b|", "note")},
		{picture{draft: marked("|a\nb")}, lines("something before", "sql> |a", "  -> b")},
		{picture{draft: marked("|a")}, lines("something before", "sql> |a")},
		{picture{draft: marked("a\nb\nc\nd\ne\nf|")}, lines("  -> b", "  -> c", "  -> d", "  -> e", "  -> f|")},
		{picture{draft: marked("a\nb\n|c\nd\ne\nf")}, lines("  -> b", "  -> |c", "  -> d", "  -> e", "  -> f")},
		{picture{draft: marked("|a\nb\nc\nd\ne\nf")}, lines("sql> |a", "  -> b", "  -> c", "  -> d", "  -> e")},
		{picture{draft: marked("a\nb|")}, lines("sql> a", "  -> b|")},
		{picture{draft: marked("a\nb|"), done: true}, lines("sql> a", "  -> b", "|")},
		{picture{draft: marked("|")}, lines("sql> a", "  -> b", "sql> |")},
	} {
		g.show(v, step.picture)
		if got := g.text(); got != step.want {
			t.Fatalf("\n%s\nwant\n%s", got, step.want)
		}
	}
}

func TestViewIsPutWhereALineStarts(t *testing.T) {
	for _, before := range []string{"", "x", strings.Repeat("x", 19), strings.Repeat("x", 20)} {
		g, v := newGlass(t, 20, 4), &view{fresh: true}
		g.write(before)
		g.show(v, picture{})
		want := "sql> |"
		if before != "" {
			want = before + "\n" + want
		}
		if got := g.text(); got != want {
			t.Errorf("\n%s\nwant\n%s", got, want)
		}
	}
}

// reflow makes it narrower, as terminals do that break their rows anew.
func (g *glass) reflow(columns int) {
	var cells [][]string
	x, y := 0, 0
	for i, row := range g.cells {
		end := len(row)
		for end > 0 && row[end-1] == " " && (i != g.y || end > g.x) {
			end--
		}
		for start := 0; start == 0 || start < end; start += columns {
			part := append([]string(nil), row[start:min(start+columns, end)]...)
			for len(part) < columns {
				part = append(part, " ")
			}
			if i == g.y && g.x >= start && (g.x < start+columns || start+columns >= end) {
				x, y = min(g.x-start, columns-1), len(cells)
			}
			cells = append(cells, part)
		}
	}
	for len(cells) > g.rows && y < len(cells)-1 && strings.TrimSpace(strings.Join(cells[len(cells)-1], "")) == "" {
		cells = cells[:len(cells)-1]
	}
	off := max(len(cells)-g.rows, 0)
	g.cells, g.columns, g.x, g.y = cells[off:], columns, x, y-off
}

func TestViewOnATerminalThatReflows(t *testing.T) {
	for _, text := range []string{
		"select 11111 22222 33333\nfrom |t", "select 11111 22222 3333|3", "select 11111 22222 33333|\nfrom t\nwhere xxxxxxxxxxxxxxxxxxxxxx",
		"|select 11111 22222 33333", "s\n\n|",
	} {
		for _, columns := range []int{29, 20, 15, 10} {
			g, v := newGlass(t, 30, 12), &view{reflows: true, color: true}
			g.write("before\r\n")
			g.show(v, picture{draft: marked(text)})
			g.reflow(columns)
			g.write(string(v.wipe(columns)))
			g.show(v, picture{draft: marked(text)})
			anew := newGlass(t, columns, 12)
			anew.write("before\r\n")
			anew.show(&view{}, picture{draft: marked(text)})
			if g.text() != anew.text() {
				t.Errorf("%q on %d columns\n%s\nwant\n%s", text, columns, g.text(), anew.text())
			}
		}
	}
}

func TestReflows(t *testing.T) {
	for _, test := range []struct {
		environment map[string]string
		want        bool
	}{
		{nil, false},
		{map[string]string{"TMUX": "x", "XTERM_VERSION": "x"}, true},
		{map[string]string{"VTE_VERSION": "7000"}, true},
		{map[string]string{"VTE_VERSION": "7000", "STY": "x"}, false},
	} {
		if got := reflows(func(name string) string { return test.environment[name] }); got != test.want {
			t.Errorf("%v: %v", test.environment, got)
		}
	}
}

func TestViewOnlyWritesWhatChanges(t *testing.T) {
	g, v := newGlass(t, 80, 24), &view{}
	text := strings.Repeat("a line of text\n", 10)
	g.show(v, picture{draft: draft{text, len(text)}})
	out, _ := v.draw(picture{draft: draft{text + "x", len(text) + 1}, columns: 80, lines: 24, prompt: Prompt{"sql> ", "  -> "}})
	if strings.Contains(string(out), "a line") {
		t.Errorf("%q", out)
	}
}

func TestViewColors(t *testing.T) {
	p := picture{
		columns: 80, lines: 24, prompt: Prompt{"> ", "> "}, draft: marked("select |(1) -- x"),
		spans: []complete.Span{{Start: 0, End: 6, Role: complete.Keyword}, {Start: 8, End: 9, Role: complete.Number}, {Start: 11, End: 15, Role: complete.Comment}},
		marks: []complete.Span{{Start: 7, End: 8}, {Start: 9, End: 10}},
	}
	out, _ := (&view{color: true}).draw(p)
	want := "\x1b[1m> \x1b[0m\x1b[94mselect\x1b[0m \x1b[1;4m(\x1b[0m\x1b[33m1\x1b[0m\x1b[1;4m)\x1b[0m \x1b[90m-- x\x1b[0m"
	if !strings.Contains(string(out), want) {
		t.Errorf("%q, want %q", out, want)
	}
	p.menu = &menu{Completion: complete.Completion{Items: []complete.Item{{Text: "a", Detail: "b"}}}, index: 1}
	p.note = "note"
	out, _ = (&view{}).draw(p)
	for _, part := range strings.Split(string(out), "\x1b[")[1:] {
		if n := strings.IndexFunc(part, func(c rune) bool { return c >= '@' && c <= '~' }); part[n] == 'm' {
			t.Errorf("a style without colours: %q", part)
		}
	}
}

// Whatever the text is: the cursor stays on the screen, nothing harmful is
// written, and the screen is the same whether it was drawn anew or from what
// was there.
func FuzzView(f *testing.F) {
	for _, s := range []string{"select 1;", "a\nb\nc\nd", "日本語 e\u0301👩‍👩‍👧\x1b[2J", "\u202e\u009b\r\n", "\u0301"} {
		f.Add(s, "select\n1", 3, 10, 4, false)
	}
	f.Fuzz(func(t *testing.T, text, before string, cursor, columns, rows int, ascii bool) {
		text, before = valid(text), valid(before)
		if columns < 1 || rows < 1 || columns > 300 || rows > 100 || len(text)+len(before) > 5000 {
			t.Skip()
		}
		m := &menu{Completion: complete.Completion{Items: []complete.Item{{Text: before, Detail: text}, {Text: text}}}}
		was := picture{draft: at(before, cursor), note: text}
		is := picture{draft: at(text, cursor), menu: m, spans: []complete.Span{{Start: 0, End: len(text) / 2, Role: complete.Keyword}}, note: before}
		g, v := newGlass(t, columns, rows), &view{ascii: ascii, color: true}
		g.show(v, was)
		g.show(v, is)
		anew, fresh := newGlass(t, columns, rows), &view{ascii: ascii, color: true, top: v.top}
		anew.show(fresh, is)
		shown := strings.Count(anew.text(), "\n") + 1
		if got := strings.Split(g.text(), "\n"); columns > 2 && !strings.Contains(lines(got...), anew.text()) && fresh.top == v.top {
			t.Errorf("after a change (%d rows)\n%s\nanew\n%s", shown, g.text(), anew.text())
		}
		is.done = true
		g.show(v, is)
	})
}

func TestShownWidths(t *testing.T) {
	v := &view{}
	for _, s := range []string{"a", "日", "👩‍👩‍👧", "🇩🇪", "⚠️", "e\u0301", "\x1b", "\u009b", "\u202e", "\t", "\u200b", "\u0301", "ﷺ", "\U000e0041", "ก็"} {
		c, width := cluster(s)
		shown, cells := v.shown(c, width, 20)
		if got := uniseg.StringWidth(shown); got != cells || cells == 0 {
			t.Errorf("%q is shown as %q, %d cells, said to be %d", s, shown, got, cells)
		}
	}
}
