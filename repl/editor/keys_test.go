package editor

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

// read makes keys of what one read after the other brought, with a pause at
// the end.
func keysOf(reads ...string) []key {
	var r keyReader
	for _, b := range reads {
		r.feed([]byte(b), false)
	}
	if r.unsure() {
		r.flush()
	}
	return r.keys
}

func codes(c ...keyCode) []key {
	var keys []key
	for _, c := range c {
		keys = append(keys, key{code: c})
	}
	return keys
}

func TestKeys(t *testing.T) {
	typed := func(text string) []key { return []key{{keyText, text}} }
	pasted := func(text string) []key { return []key{{keyPaste, text}} }
	for _, test := range []struct {
		name  string
		reads []string
		want  []key
	}{
		{"text", []string{"select"}, typed("select")},
		{"text and Enter at once", []string{"slow;\r"}, []key{{keyText, "slow;"}, {code: keyEnter}}},
		{"a character in two reads", []string{"a\xe6\x97", "\xa5b"}, typed("a日b")},
		{"bytes that are no text", []string{"a\xff\xfe\xe6b"}, typed("ab")},
		{"control characters of eight bits", []string{"a\u009bb"}, typed("ab")},
		{"arrows fast", []string{"\x1b[D\x1b[D\x1b[C"}, codes(keyLeft, keyLeft, keyRight)},
		{"an arrow in three reads", []string{"\x1b", "[", "A"}, codes(keyUp)},
		{"arrows of the application mode", []string{"\x1bOA\x1bOB\x1bOC\x1bOD\x1bOH\x1bOF"},
			codes(keyUp, keyDown, keyRight, keyLeft, keyLineStart, keyLineEnd)},
		{"words", []string{"\x1b[1;5D\x1b[1;3C\x1bb\x1bf\x1b[5D\x1b\x1b[D\x1bOc"},
			codes(keyWordLeft, keyWordRight, keyWordLeft, keyWordRight, keyLeft, keyWordLeft, keyWordRight)},
		{"shift and an arrow", []string{"\x1b[1;2D"}, codes(keyLeft)},
		{"start and end", []string{"\x1b[H\x1b[F\x1b[1~\x1b[4~\x1b[7~\x1b[8~\x1b[1;5H\x1b[1;5F\x1b<\x1b>"},
			codes(keyLineStart, keyLineEnd, keyLineStart, keyLineEnd, keyLineStart, keyLineEnd,
				keyTextStart, keyTextEnd, keyTextStart, keyTextEnd)},
		{"deletions", []string{"\x1b[3~\x1b[3;5~\x7f\x08\x17\x15\x0b\x1bd\x1b\x7f\x19"},
			codes(keyDelete, keyCutWordRight, keyBackspace, keyBackspace, keyCutBack, keyCutLineLeft,
				keyCutLineRight, keyCutWordRight, keyCutWordLeft, keyYank)},
		{"new lines", []string{"\x1b\r\x1b\n\x1b[13;2u\x1b[27;2;13~\x1bOM"},
			codes(keyNewline, keyNewline, keyNewline, keyNewline, keyEnter)},
		{"history", []string{"\x1b[5~\x1b[6~\x1bp\x1bn\x12\x13\x1b."},
			codes(keyOlder, keyNewer, keyOlder, keyNewer, keySearchOlder, keySearchNewer, keyLastWord)},
		{"proposals", []string{"\t\x1b[Z"}, codes(keyTab, keyBackTab)},
		{"the control keys", []string{"\x01\x02\x03\x04\x05\x06\x07\x0c\x0e\x10\x1a\x1f"},
			codes(keyLineStart, keyLeft, keyInterrupt, keyEnd, keyLineEnd, keyRight, keyAbort, keyClear,
				keyDown, keyUp, keySuspend, keyUndo)},
		{"control keys without meaning", []string{"\x00\x0f\x11\x14\x16\x1c\x1d\x1e"}, nil},
		{"Ctrl-X Ctrl-E", []string{"\x18\x05"}, codes(keyEdit)},
		{"Ctrl-X, later Ctrl-E", []string{"\x18", "\x05\x05"}, codes(keyEdit, keyLineEnd)},
		{"Ctrl-X and text", []string{"\x18x\x05"}, []key{{keyText, "x"}, {code: keyLineEnd}}},
		{"Escape", []string{"\x1b"}, codes(keyEscape)},
		{"Escape twice", []string{"\x1b\x1b"}, codes(keyEscape)},
		{"Alt and a letter", []string{"\x1bqa"}, typed("a")},
		{"Alt and a wide letter", []string{"\x1b日a"}, typed("a")},
		{"Alt and a bracket", []string{"\x1b["}, nil},
		{"unknown sequences", []string{"\x1b[99;99xa\x1b[?1;2cb\x1b[15~c\x1b[[Ad\x1bOPe\x1b[200;1Rf"}, typed("abcdef")},
		{"replies of the terminal", []string{"\x1b]11;rgb:00/00\x07a\x1bP1$r0m\x1b\\b"}, typed("ab")},
		{"a mouse", []string{"\x1b[M !!a\x1b[<0;3;3Mb"}, typed("ab")},
		{"a sequence broken off", []string{"\x1b[12\ra"}, []key{{code: keyEnter}, {keyText, "a"}}},
		{"a sequence that never ends", []string{"\x1b[" + strings.Repeat("1;", 1000)}, typed(strings.Repeat("1;", 1000)[maxSequence-1:])},

		{"paste", []string{"\x1b[200~a\r\nb\rc\n\td\x1b[201~"}, pasted("a\nb\nc\n    d")},
		{"paste with keys around", []string{"x\x1b[200~a\x1b[201~\r"}, []key{{keyText, "x"}, {keyPaste, "a"}, {code: keyEnter}}},
		{"paste in many reads", strings.Split("\x1b[200~select ';'\r\x1b[201~z", ""), []key{{keyPaste, "select ';'\n"}, {keyText, "z"}}},
		{"paste of control characters", []string{"\x1b[200~a\x1b[31mb\x00\x7f\u0085c\xff\x03\x1b[201~"}, pasted("a[31mbc\ufffd")},
		{"paste of what ends a paste in part", []string{"\x1b[200~a\x1b[201", "x\x1b[201~"}, pasted("a[201x")},
		{"paste that does not end", []string{"\x1b[200~a", "b", "\x03", "c"}, typed("c")},
		{"empty paste", []string{"\x1b[200~\x1b[201~a"}, typed("a")},
		{"end of no paste", []string{"a\x1b[201~b"}, typed("ab")},
		{"largest paste", []string{"\x1b[200~" + strings.Repeat("x", maxPaste) + "\x1b[201~"}, pasted(strings.Repeat("x", maxPaste))},
		{"too large a paste", []string{"\x1b[200~" + strings.Repeat("x", maxPaste), "x\x1b[201~a"},
			[]key{{keyRefused, "paste of 1.0 MiB refused, 1 MiB is the limit: put it in a file for .read"}, {keyText, "a"}}},

		{"lines without brackets", []string{"a\r\tb\rc"}, pasted("a\n    b\nc")},
		{"lines without brackets in two reads", []string{"a\rb;\r", "c;\r"}, pasted("a\nb;\nc;\n")},
		{"keys after lines without brackets", []string{"a\rb\r", "\x1b[A"}, []key{{keyPaste, "a\nb\n"}, {code: keyUp}}},
		{"keys on a slow connection", []string{"a;\rb"}, []key{{keyText, "a;"}, {code: keyEnter}, {keyText, "b"}}},
		{"CR LF", []string{"a\r\nb"}, []key{{keyText, "a"}, {code: keyEnter}, {keyText, "b"}}},
		{"Enter twice", []string{"\r\r"}, codes(keyEnter, keyEnter)},
		{"lines and keys", []string{"a\r\x1b[A"}, []key{{keyText, "a"}, {code: keyEnter}, {code: keyUp}}},
	} {
		t.Run(test.name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, keysOf(test.reads...), cmp.AllowUnexported(key{})); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestKeysTypedAhead(t *testing.T) {
	var r keyReader
	r.feed([]byte("a\n\tb;\r\nc"), true)
	want := []key{{keyText, "a"}, {code: keyLine}, {keyText, "    b;"}, {code: keyLine}, {keyText, "c"}}
	if diff := cmp.Diff(want, r.keys, cmp.AllowUnexported(key{})); diff != "" {
		t.Error(diff)
	}
}

// Whatever comes: keys hold text that is fit for a terminal, nothing is waited
// for without end, and how the bytes are spread over reads does not matter
// inside of brackets.
func FuzzKeys(f *testing.F) {
	for _, s := range []string{"select 1;\r", "\x1b[200~a\r\nb\x1b[201~", "\x1b[1;5D\x1bb\x1b", "\x18\x05", "a\rb\r", "\xe6\x97\xa5\u009b",
		"\x1b]0;x\x07", "\x1bP\x1b\\", "\x1b[M", "\x1b[[A"} {
		f.Add(s, 3)
	}
	f.Fuzz(func(t *testing.T, s string, at int) {
		at = max(0, min(at, len(s)))
		check := func(keys []key) {
			for _, k := range keys {
				for _, c := range k.text {
					if isControl(c) && !(c == '\n' && k.code == keyPaste) {
						t.Errorf("%q holds a control character", k.text)
					}
				}
				if !utf8.ValidString(k.text) {
					t.Errorf("%q is no text", k.text)
				}
				if k.code == keyResize || k.code == keyCancel || k.code == keyHangup || k.code == keyResume {
					t.Errorf("key %d was typed", k.code)
				}
			}
		}
		var r keyReader
		r.feed([]byte(s[:at]), false)
		r.feed([]byte(s[at:]), false)
		for r.unsure() {
			before := len(r.rest) + len(r.paste)
			r.flush()
			if len(r.rest)+len(r.paste) >= before {
				t.Fatal("it waits without end")
			}
		}
		check(r.keys)

		whole, parts := "\x1b[200~"+s+"\x1b[201~", keyReader{}
		parts.feed([]byte(whole[:6+at]), false)
		parts.feed([]byte(whole[6+at:]), false)
		if s[at:] != "\x03" && !strings.Contains(s, "\x1b[201~") {
			if diff := cmp.Diff(keysOf(whole), parts.keys, cmp.AllowUnexported(key{})); diff != "" {
				t.Error(diff)
			}
		}
		check(parts.keys)
	})
}
