package main

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/trailql/trailql/engine/output"
)

// lines is text for stdout, whose values come from files and logs.
type lines struct{ text strings.Builder }

func (l *lines) add(format string, args ...any) {
	l.text.WriteString(output.Escape(fmt.Sprintf(format, args...)) + "\n")
}

func (l *lines) table(t *textTable) {
	_ = t.write(&l.text) // a builder does not fail
}

func (l *lines) write(w io.Writer) error {
	_, err := io.WriteString(w, l.text.String())
	return err
}

// textTable is a table for people, in aligned columns; zero has no header. Its values
// are escaped.
type textTable struct{ rows [][]string }

func newTextTable(names ...string) *textTable { return &textTable{[][]string{names}} }

func (t *textTable) row(values ...string) { t.rows = append(t.rows, values) }

// fact adds a row of a name and what there is to say of it.
func (t *textTable) fact(name, format string, args ...any) { t.row(name, fmt.Sprintf(format, args...)) }

func (t *textTable) write(w io.Writer) error {
	out := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, r := range t.rows {
		for i, v := range r {
			if i > 0 {
				fmt.Fprint(out, "\t")
			}
			fmt.Fprint(out, output.Escape(v))
		}
		fmt.Fprintln(out)
	}
	return out.Flush()
}

func sortedKeys[K cmp.Ordered, V any](m map[K]V) []K { return slices.Sorted(maps.Keys(m)) }
