package editor

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/trailql/trailql/repl/complete"
)

// typist presses keys.
type typist struct {
	editing
	draft
	out outcome
}

func newTypist(history ...string) *typist {
	t := &typist{editing: editing{finished: func(text string) bool { return strings.HasSuffix(text, ";") }}}
	t.begin(history)
	return t
}

// press takes text and codes of keys.
func (t *typist) press(keys ...any) *typist {
	for _, k := range keys {
		pressed := key{}
		switch k := k.(type) {
		case string:
			pressed.text = k
		case keyCode:
			pressed.code = k
		case key:
			pressed = k
		}
		t.draft, t.out = t.editing.press(pressed, t.draft)
	}
	return t
}

func (t *typist) is(tt *testing.T, want string) {
	tt.Helper()
	if got := t.draft.String(); got != want {
		tt.Errorf("%q, want %q", got, want)
	}
}

func TestEditing(t *testing.T) {
	history := []string{"select 1;", "select\n 2;", ".help"}
	for _, test := range []struct {
		name string
		keys []any
		want string
		out  outcome
	}{
		{"Enter in a statement", []any{"select", keyEnter}, "select\n|", stay},
		{"Enter keeps the margin", []any{"select", keyEnter, "  a,", keyEnter}, "select\n  a,\n  |", stay},
		{"Enter after a statement", []any{"select;", keyEnter}, "select;|", submit},
		{"Enter in the middle of a statement", []any{"select;", keyLineStart, keyEnter}, "|select;", submit},
		{"Enter on nothing", []any{" ", keyEnter}, " |", submit},
		{"Alt-Enter after a statement", []any{"select;", keyNewline}, "select;\n|", stay},
		{"a line from before", []any{"  a", keyLine, "b;", keyLine}, "  a\nb;|", submit},
		{"paste", []any{"a", key{keyPaste, "b;\n c;\n"}}, "ab;\n c;\n|", stay},

		{"up to history", []any{keyUp}, ".help|", stay},
		{"up twice", []any{keyUp, keyUp}, "select\n 2;|", stay},
		{"up through lines", []any{keyUp, keyUp, keyUp}, "select| 2;", stay}, // see below
		{"up past the lines", []any{keyUp, keyUp, keyUp, keyUp}, "select 1;|", stay},
		{"up past the end", []any{keyUp, keyUp, keyUp, keyUp, keyUp, keyUp}, "select 1;|", stay},
		{"and down again", []any{"x", keyUp, keyUp, keyDown, keyDown}, "x|", stay},
		{"down at the end", []any{"x", keyDown}, "x|", stay},
		{"history keeps changes", []any{keyUp, "x", keyUp, keyDown}, ".helpx|", stay},
		{"by entries", []any{keyOlder, keyOlder, keyOlder, keyNewer}, "select\n 2;|", stay},
		{"the column is kept", []any{key{keyPaste, "abcdef\nx\nabcdef"}, keyLeft, keyUp, keyUp}, "abcde|f\nx\nabcdef", stay},
		{"the last word", []any{"x ", keyLastWord, keyLastWord}, "x 2|", stay},

		{"backspace", []any{"日本e\u0301", keyBackspace, keyBackspace}, "日|", stay},
		{"backspace at the start", []any{keyBackspace}, "|", stay},
		{"delete", []any{"abc", keyLineStart, keyDelete}, "|bc", stay},
		{"Ctrl-D in a text", []any{"abc", keyLineStart, keyEnd}, "|bc", stay},
		{"Ctrl-D at the end of a text", []any{"abc", keyEnd}, "abc|", stay},
		{"Ctrl-D", []any{keyEnd}, "|", leave},
		{"Ctrl-C", []any{"abc", keyInterrupt}, "abc|", forget},
		{"Ctrl-C on nothing", []any{keyInterrupt}, "|", stay},
		{"cut back", []any{"where a.b ", keyCutBack}, "where |", stay},
		{"cut back and yank", []any{"where a.b ", keyCutBack, keyCutBack, "x ", keyYank}, "x where a.b |", stay},
		{"cut a word to the left", []any{"where a.b", keyCutWordLeft}, "where a.|", stay},
		{"cut a word to the right", []any{"where a.b", keyLineStart, keyCutWordRight, keyLineEnd, keyYank}, " a.bwhere|", stay},
		{"cut to the start", []any{"a", keyNewline, "bc", keyLeft, keyCutLineLeft}, "a\n|c", stay},
		{"cut the line's start", []any{"a", keyNewline, keyCutLineLeft}, "a|", stay},
		{"cut to the end", []any{"ab", keyNewline, "c", keyTextStart, keyRight, keyCutLineRight}, "a|\nc", stay},
		{"cut the line's end", []any{"ab", keyNewline, "c", keyTextStart, keyRight, keyCutLineRight, keyCutLineRight, keyYank}, "ab\n|c", stay},
		{"undo", []any{"abc", "def", keyCutLineLeft, keyUndo}, "abcdef|", stay},
		{"undo of typing", []any{"abc", keyLeft, "d", keyUndo, keyUndo}, "|", stay},
		{"undo of nothing", []any{keyUndo}, "|", stay},
		{"Tab without proposals", []any{"x", keyTab}, "x|", stay},
		{"Tab in the margin", []any{keyTab}, "  |", stay},

		{"search", []any{keySearchOlder, "sel"}, "|select\n 2;", stay},
		{"search accepted", []any{keySearchOlder, "2", keyEnter, "x"}, "select\n x|2;", stay},
		{"search accepted by a motion", []any{keySearchOlder, "2", keyLineEnd}, "select\n 2;|", stay},
		{"search and go on from there", []any{keySearchOlder, "2", keyEnter, keyOlder}, "select 1;|", stay},
		{"search older", []any{keySearchOlder, "sel", keySearchOlder}, "|select 1;", stay},
		{"search newer", []any{keySearchOlder, "sel", keySearchOlder, keySearchNewer}, "|select\n 2;", stay},
		{"search fails", []any{keySearchOlder, "sel", "x"}, "|select\n 2;", stay},
		{"search given up", []any{"draft", keySearchOlder, "sel", keyEscape}, "draft|", stay},
		{"search given up by Ctrl-C", []any{"draft", keySearchOlder, "sel", keyInterrupt}, "draft|", stay},
		{"search with capitals", []any{keySearchOlder, "SEL"}, "|", stay},
		{"search corrected", []any{keySearchOlder, "1", keyBackspace, "h"}, ".|help", stay},
		{"search what was searched", []any{keySearchOlder, "sel", keyEscape, keySearchOlder, "2", keyEnter, keyNewer, keyNewer,
			keySearchOlder, keySearchOlder}, "select\n |2;", stay},
		{"the draft after a search", []any{"draft", keySearchOlder, "help", keyEnter, keyDown}, "draft|", stay},
	} {
		t.Run(test.name, func(t *testing.T) {
			typist := newTypist(history...).press(test.keys...)
			if test.name == "up through lines" {
				test.want = "sel|ect\n 2;" //nolint:misspell // the cursor in a word
			}
			typist.is(t, test.want)
			if typist.out != test.out {
				t.Errorf("outcome %d, want %d", typist.out, test.out)
			}
		})
	}
}

func TestUndoIsLimited(t *testing.T) {
	typist := newTypist().press(key{keyPaste, strings.Repeat("x", 1<<20)})
	for range 20 {
		typist.press(keyBackspace)
	}
	held := 0
	for _, d := range typist.undo {
		held += len(d.text)
	}
	if held > undoBytes || len(typist.undo) < 7 {
		t.Errorf("undo holds %d texts of %d bytes", len(typist.undo), held)
	}
	length := len(typist.text)
	if typist.press(keyUndo); len(typist.text) != length+1 {
		t.Errorf("undo led from %d to %d bytes", length, len(typist.text))
	}
}

func TestEditingHint(t *testing.T) {
	typist := newTypist().press(keyInterrupt)
	if typist.note != leaveHint {
		t.Errorf("note %q", typist.note)
	}
	if typist.press("a"); typist.note != "" {
		t.Errorf("the note %q stays", typist.note)
	}
}

func TestSearchPassesOverRepetitions(t *testing.T) {
	typist := newTypist("select 1;", "select 2;", "select 2;", "select 2;").press(keySearchOlder, "sel", keySearchOlder)
	typist.is(t, "|select 1;")
}

func TestHistoryThatIsNoText(t *testing.T) {
	newTypist("a\xffb").press(keyUp).is(t, "a\ufffdb|")
}

func TestMenu(t *testing.T) {
	words := []string{"select", "sessioncontext", "from"}
	var asked []bool
	offering := func() *typist {
		typist := newTypist("entry")
		typist.complete = func(text string, cursor int, tab bool) complete.Completion {
			asked = append(asked, tab)
			c := complete.Completion{Start: strings.LastIndexByte(text[:cursor], ' ') + 1, End: cursor}
			for _, w := range words {
				if strings.HasPrefix(w, text[c.Start:cursor]) && (tab || cursor-c.Start > 1) {
					c.Items = append(c.Items, complete.Item{Text: w})
				}
			}
			return c
		}
		return typist
	}
	for _, test := range []struct {
		name string
		keys []any
		want string
		open int // proposals shown
	}{
		{"while typing", []any{"s", "e"}, "se|", 2},
		{"not yet", []any{"s"}, "s|", 0},
		{"all that is there already", []any{"select"}, "select|", 0},
		{"Tab", []any{"se", keyTab}, "select|", 2},
		{"Tab twice", []any{"se", keyTab, keyTab}, "sessioncontext|", 2},
		{"Tab around", []any{"se", keyTab, keyTab, keyTab}, "se|", 2},
		{"Shift-Tab", []any{"se", keyBackTab}, "sessioncontext|", 2},
		{"Tab asks", []any{keyTab}, "select|", 3},
		{"the only one", []any{"sel", keyTab}, "select|", 0},
		{"with the rest of the line", []any{"x y", keyLeft, "se", keyTab}, "x select|y", 2},
		{"Enter accepts", []any{"se", keyTab, keyEnter}, "select|", 0},
		{"Enter without a selected one", []any{"se", keyEnter}, "se\n|", 0},
		{"text accepts", []any{"se", keyTab, " "}, "select |", 0},
		{"a motion accepts", []any{"se", keyTab, keyLeft}, "selec|t", 0},
		{"Escape takes it back", []any{"se", keyTab, keyEscape}, "se|", 0},
		{"down selects", []any{"se", keyTab, keyDown}, "sessioncontext|", 2},
		{"up selects", []any{"se", keyTab, keyTab, keyUp}, "select|", 2},
		{"up is for history", []any{"se", keyUp}, "entry|", 0},
		{"backspace asks again", []any{"sess", keyBackspace, keyBackspace}, "se|", 2},
		{"backspace after none", []any{"s", keyBackspace}, "|", 0},
		{"paste", []any{key{keyPaste, "se"}}, "se|", 0},
		{"undo takes it back", []any{"x se", keyTab, keyEnter, keyUndo}, "x se|", 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			typist := offering().press(test.keys...)
			typist.is(t, test.want)
			if n := len(typist.menu.Items); n != test.open {
				t.Errorf("%d proposals, want %d", n, test.open)
			}
		})
	}
	asked = nil
	offering().press("s", keyTab, keyTab)
	if diff := cmp.Diff([]bool{false, true}, asked); diff != "" {
		t.Error(diff)
	}
}

// A completion may be wrong about the text, or hold anything.
func TestMenuOfNonsense(t *testing.T) {
	for _, c := range []complete.Completion{
		{Start: 2, End: 1, Items: []complete.Item{{Text: "x"}}},
		{Start: -1, End: 1, Items: []complete.Item{{Text: "x"}}},
		{Start: 0, End: 100, Items: []complete.Item{{Text: "x"}}},
	} {
		typist := newTypist()
		typist.complete = func(string, int, bool) complete.Completion { return c }
		typist.press("abc", keyTab).is(t, "abc|")
	}
	typist := newTypist()
	typist.complete = func(string, int, bool) complete.Completion {
		return complete.Completion{Start: 1, End: 2, Items: []complete.Item{{Text: "\xff\u0301"}, {Text: ""}}}
	}
	typist.press("日", keyTab)
	if !utf8.ValidString(typist.text) {
		t.Errorf("%q", typist.text)
	}
}

// Whatever is pressed: the cursor is between two characters of a valid text,
// and undo leads back to the beginning.
func FuzzEditing(f *testing.F) {
	f.Add("select 日本 e\u0301;\n", []byte{0, 3, 7, 9, 21, 22, 30, 17, 0, 34, 0, 35})
	f.Fuzz(func(t *testing.T, text string, keys []byte) {
		text = valid(text)
		if len(text) > 200 || len(keys) > 200 {
			t.Skip()
		}
		typist := newTypist("one;", text, "three\nlines;")
		typist.complete = func(s string, cursor int, asked bool) complete.Completion {
			return complete.Completion{Start: borderBefore(s, cursor-1), End: cursor, Items: []complete.Item{{Text: text}, {Text: "\u0301"}}}
		}
		for _, b := range keys {
			k := key{code: keyCode(b % byte(keyHangup+1))}
			if k.code == keyText || k.code == keyPaste {
				k.text = text[:borderBefore(text, int(b)%(len(text)+1))]
			}
			typist.press(k)
			if !utf8.ValidString(typist.text) || !onBorder(typist.draft) {
				t.Fatalf("after key %d: %q", k.code, typist.draft)
			}
			if len(typist.text) > 1<<16 {
				return
			}
		}
		for range len(keys) + 1 {
			typist.press(keyEscape, keyUndo)
		}
		if len(typist.undo) > 0 {
			t.Errorf("undo ends at %q", typist.draft)
		}
	})
}
