package dialect

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestTokens(t *testing.T) {
	tests := []struct {
		name, sql string
		want      []string // kind:text of the significant tokens
	}{
		{"words and operators", `select a.b, count(*) n`, []string{"word:select", "word:a", "op:.", "word:b", "op:,", "word:count", "op:(", "op:*", "op:)", "word:n"}},
		{"doubled quotes", `'it''s' "a""b"`, []string{"string:'it''s'", `name:"a""b"`}},
		{"semicolon in a string", `'a;b';`, []string{"string:'a;b'", "op:;"}},
		{"backslash is nothing special", `'a\' x`, []string{`string:'a\'`, "word:x"}},
		{"escape string", `E'a\'b' e''`, []string{`string:E'a\'b'`, `string:e''`}},
		{"a word that ends in e", `the'x'`, []string{"word:the", "string:'x'"}},
		{"dollar quotes", `$$a'b$$ $t$ $$ $t$`, []string{"string:$$a'b$$", "string:$t$ $$ $t$"}},
		{"parameters", `? $1 $name`, []string{"param:?", "param:$1", "param:$name"}},
		{"numbers", `1 1.5 .5 1e-3 0xFF 1_000 1.e2 2e`, []string{"num:1", "num:1.5", "num:.5", "num:1e-3", "num:0xFF", "num:1_000", "num:1.e2", "num:2", "word:e"}},
		{"comments", "a -- b\nc /* d /* e */ f */ g", []string{"word:a", "word:c", "word:g"}},
		{"long operators", `a->>'$.b' ::int <> != <= >= || => :=`, []string{"word:a", "op:->>", "string:'$.b'", "op:::", "word:int", "op:<>", "op:!=", "op:<=", "op:>=", "op:||", "op:=>", "op::="}},
		{"minus before a comment", "1--2", []string{"num:1"}},
		{"backticks", "`a b`", []string{"backtick:`a b`"}},
		{"space that is not ASCII", "a\u00a0b", []string{"word:a", "word:b"}},
		{"letters of any script", "größe 名前", []string{"word:größe", "word:名前"}},
		{"bytes that are not UTF-8", "a\xffb", []string{"word:a\xffb"}},
	}
	names := map[TokenKind]string{Word: "word", QuotedName: "name", BacktickName: "backtick", String: "string", Number: "num", Parameter: "param", Operator: "op"}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tokens, err := Tokens(tt.sql)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, token := range tokens {
				if token.significant() {
					got = append(got, names[token.Kind]+":"+token.Text)
				}
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestTokensRefuses(t *testing.T) {
	tests := []struct {
		name, sql, want string
	}{
		{"string", "select\n 'a", "line 2:2: string is not closed"},
		{"escape string", `select E'a\'`, "line 1:8: string is not closed"},
		{"name", `"größe" "a`, "line 1:9: quoted name is not closed"},
		{"backtick", "`a", "line 1:1: quoted name is not closed"},
		{"comment", "/* /* */", "line 1:1: comment is not closed"},
		{"dollar quote", "$x$ a $$", "line 1:1: string that starts with $x$ is not closed"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := Tokens(tt.sql)
			var e *Error
			if !errors.As(err, &e) {
				t.Fatalf("got error %v, want an *Error", err)
			}
			if e.Error() != tt.want {
				t.Errorf("got %q, want %q", e, tt.want)
			}
		})
	}
}

func FuzzTokens(f *testing.F) {
	for _, seed := range []string{"select 1", "'a''b' \"c\" -- d\n/* e */ $$f$$ $1 ? 1e5 ->> ::", "a\xffb", "$", "'", "E'\\"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, sql string) {
		tokens, err := Tokens(sql)
		if err != nil {
			return
		}
		var b strings.Builder
		for _, token := range tokens {
			if token.Text == "" || token.Offset != b.Len() {
				t.Fatalf("token %q at %d, want offset %d", token.Text, token.Offset, b.Len())
			}
			b.WriteString(token.Text)
		}
		if b.String() != sql {
			t.Errorf("tokens join to %q, want %q", b.String(), sql)
		}
	})
}

func TestScan(t *testing.T) {
	tests := []struct {
		name, text, last string // last token
		open             bool
	}{
		{"nothing", "", "", false},
		{"a word", "select eventn", "eventn", false},
		{"a string", "select 'a'' b", "'a'' b", true},
		{"a string that ends", "select 'a'", "'a'", false},
		{"an escape string", `select E'a\'`, `E'a\'`, true},
		{"a name", `select "a`, `"a`, true},
		{"a backtick", "select `a", "`a", true},
		{"a comment", "select /* a /* b */ c", "/* a /* b */ c", true},
		{"a comment of a line", "select -- a", "-- a", false},
		{"dollar quotes", "select $x$ a $", "$x$ a $", true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tokens, open := Scan(tt.text)
			last := ""
			if len(tokens) > 0 {
				last = tokens[len(tokens)-1].Text
			}
			if last != tt.last || open != tt.open {
				t.Errorf("got %q, open %v; want %q, %v", last, open, tt.last, tt.open)
			}
		})
	}
}

// FuzzScan: no text is refused, none is lost, and what Tokens accepts is the same.
func FuzzScan(f *testing.F) {
	for _, seed := range []string{"select 'a", `"`, "/* a", "$x$", "`", "E'\\", "select 1 -- a"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		tokens, open := Scan(text)
		var whole strings.Builder
		for _, token := range tokens {
			if token.Offset != whole.Len() || token.Text == "" {
				t.Fatalf("token %q at %d of %q", token.Text, token.Offset, text)
			}
			whole.WriteString(token.Text)
		}
		if whole.String() != text {
			t.Fatalf("got %q of %q", whole.String(), text)
		}
		strict, err := Tokens(text)
		if open != (err != nil) {
			t.Fatalf("open %v, Tokens says %v", open, err)
		}
		if diff := cmp.Diff(strict, tokens); err == nil && len(tokens) > 0 && diff != "" {
			t.Fatal(diff)
		}
	})
}
