package output

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func TestEscape(t *testing.T) {
	tests := []struct{ name, in, want string }{
		{"plain", "GetObject", "GetObject"},
		{"other scripts", "größe 名前 Ωμέγα", "größe 名前 Ωμέγα"},
		{"empty", "", ""},
		{"clear the screen", "\x1b[2J", "␛[2J"},
		{"set the clipboard", "\x1b]52;c;Y3Vyb\x07", "␛]52;c;Y3Vyb␇"},
		{"link", "\x1b]8;;http://x\x1b\\y", "␛]8;;http://x␛\\y"},
		{"title", "\x1b]0;x\x9c", "␛]0;x\\x9c"},
		{"line ends", "a\r\n\tb\x00\x7f", "a␍␊␉b␀␡"},
		{"C1 as a character", "\u009b31m", `\x9b31m`},
		{"C1 as a byte", "\x9b31m", `\x9b31m`},
		{"not UTF-8", "a\xff\xc3", `a\xff\xc3`},
		{"right to left override", "gpj.\u202eexe", `gpj.\u{202e}exe`},
		{"isolates", "\u2066a\u2069", `\u{2066}a\u{2069}`},
		{"zero width", "a\u200bb\u2060c\ufeffd", `a\u{200b}b\u{2060}c\u{feff}d`},
		{"joiner between letters", "a\u200db", `a\u{200d}b`},
		{"joiner in an emoji", "👩‍👩‍👧", "👩‍👩‍👧"},
		{"tags", "a\U000e0041", `a\u{e0041}`},
		{"separators", "a\u2028b\u2029", `a\u{2028}b\u{2029}`},
		{"accents", "e\u0301", "e\u0301"},
		{"too many accents", "e" + strings.Repeat("\u0301", 10), "e" + strings.Repeat("\u0301", 8) + strings.Repeat(`\u{301}`, 2)},
		{"replacement character", "\ufffd", "\ufffd"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := Escape(tt.in); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func FuzzEscape(f *testing.F) {
	for _, seed := range []string{"a", "\x1b[2J", "\u202e", "\xff", "👩\u200d👧", "e\u0301\u0301"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		escaped := Escape(s)
		if !utf8.ValidString(escaped) {
			t.Errorf("%q: %q is not UTF-8", s, escaped)
		}
		for _, r := range escaped {
			// What the function must never let through, said independently of it.
			bidi := r == 0x61c || r == 0x200e || r == 0x200f || r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069
			if r < 0x20 || r >= 0x7f && r <= 0x9f || bidi || r == 0x200b || r == 0xfeff || r == 0x2028 || r == 0x2029 || r >= 0xe0000 && r <= 0xe007f {
				t.Errorf("%q: %q holds %U", s, escaped, r)
			}
		}
		if again := Escape(escaped); again != escaped {
			t.Errorf("%q: escaping again gives %q, not %q", s, again, escaped)
		}
	})
}
