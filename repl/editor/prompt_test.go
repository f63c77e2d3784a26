//go:build linux || darwin

package editor

import (
	"fmt"
	"strings"
	"testing"

	prompt "github.com/c-bata/go-prompt"

	"github.com/trailql/trailql/repl/complete"
)

// statement is SQL of about so many bytes.
func statement(size int) string {
	var b strings.Builder
	b.WriteString("select eventtime, useridentity.arn\nfrom cloudtrail_logs\nwhere eventname in (\n")
	for i := 0; b.Len() < size-40; i++ {
		fmt.Fprintf(&b, "  'Some event of number %d', -- (one of them)\n", i)
	}
	return b.String() + "  'x')\norder by 1;"
}

// highlight is about as much work as a lexer has.
func highlight(text string) []complete.Span {
	var spans []complete.Span
	for i := 0; i < len(text); {
		end := strings.IndexAny(text[i:], " \n'") + i + 1
		if end <= i {
			end = len(text)
		}
		spans = append(spans, complete.Span{Start: i, End: end, Role: complete.Role(len(spans) % 8)})
		i = end
	}
	return spans
}

// From a key to what the terminal is to show: what the key does to go-prompt's
// buffer, the proposals, the colours, and the drawing. go-prompt's own measuring
// of the text is part of it.
func BenchmarkKeystroke(b *testing.B) {
	for _, size := range []int{100, 10_000, 100_000, 1_000_000} {
		for _, where := range []string{"middle", "end"} {
			b.Run(fmt.Sprintf("%d/%s", size, where), func(b *testing.B) {
				text := statement(size)
				cursor := len(text)
				if where == "middle" {
					cursor = strings.IndexByte(text[size/2:], '\n') + size/2 - 4
				}
				m := &model{editing: editing{complete: func(text string, cursor int, asked bool) complete.Completion {
					return complete.Completion{Start: cursor, End: cursor, Items: make([]complete.Item, 8)}
				}}, view: view{color: true}, options: Options{Highlight: highlight}}
				m.editing.begin(nil)
				buffer := prompt.NewBuffer()
				place(buffer, draft{text, cursor})
				keys := [2]key{{keyText, "x"}, {code: keyBackspace}}
				b.ResetTimer()
				for i := range b.N {
					m.keys.keys = append(m.keys.keys, keys[i%2])
					m.press(buffer)
					buffer.DisplayCursorPosition()
					out, _ := m.view.draw(m.picture(contents(buffer.Document()), 120, 40))
					if len(out) == 0 {
						b.Fatal("nothing is drawn")
					}
				}
			})
		}
	}
}

// From a byte on the terminal's line to the drawing of what it does, by another
// process; go-prompt looks for keys every 10 ms.
func BenchmarkEcho(b *testing.B) {
	s := startScreen(b, 80, 24)
	s.ends("sql>")
	for b.Loop() {
		s.after("x", "sql> x")
		s.after("\x7f", "sql>")
	}
}

func TestPlace(t *testing.T) {
	b := prompt.NewBuffer()
	for _, text := range []string{"|", "select|", "日本|語\ne\u0301", "|a\n\n", "👩‍👩‍👧|x", "a\nb|", "|"} {
		place(b, marked(text))
		if got := contents(b.Document()); got != marked(text) {
			t.Errorf("%q, want %q", got, text)
		}
	}
}
