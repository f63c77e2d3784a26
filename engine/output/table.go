package output

import (
	"bytes"
	"fmt"
	"io"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/rivo/uniseg"
)

const (
	minWidth     = 8  // a column is not made narrower
	evenWidth    = 20 // of a time or an id
	titleWidth   = 40 // of the line above an upright row, where any width will do
	verticalRows = 20 // wide results of up to this many rows stand upright
)

// drawing is what tables are made of. Lines have a left, a middle and a right
// corner.
type drawing struct {
	top, middle, bottom [3]string
	across, down        string
	more                string // rows that are left out
	hidden              string // columns that are left out
	cut                 string // the end of a text
}

var (
	boxDrawing   = drawing{[3]string{"┌", "┬", "┐"}, [3]string{"├", "┼", "┤"}, [3]string{"└", "┴", "┘"}, "─", "│", "⋮", "…", "…"}
	asciiDrawing = drawing{[3]string{"+", "+", "+"}, [3]string{"+", "+", "+"}, [3]string{"+", "+", "+"}, "-", "|", ":", "~", "..."}
)

// tableWriter holds the rows it will show until Close, as escaped text.
type tableWriter struct {
	out     io.Writer
	o       Options
	columns []boxColumn
	rows    [][]cell // when there are more than MaxRows the first and the last
	spare   []cell
	value   []byte
	null    string
	lines   *drawing
	escape  func(string) string
	summary Summary
}

type boxColumn struct {
	name, kind string
	number     bool // stands to the right
}

type cell struct {
	text string
	null bool // not data
	cut  bool
}

func newTableWriter(w io.Writer, schema *arrow.Schema, o Options) *tableWriter {
	t := &tableWriter{out: w, o: o, lines: &boxDrawing, escape: Escape}
	if o.ASCII {
		t.lines, t.escape = &asciiDrawing, EscapeASCII
	}
	t.null = t.escape(o.null())
	t.summary.Columns = schema.NumFields()
	for _, f := range schema.Fields() {
		t.columns = append(t.columns, boxColumn{name: t.escape(f.Name), kind: t.escape(o.sqlType(f)), number: isNumber(f.Type)})
	}
	return t
}

func (t *tableWriter) Write(batch arrow.RecordBatch) error {
	columns := textOf(batch, t.o.Location)
	isTimestamp := make([]bool, len(columns))
	for n, values := range batch.Columns() {
		_, isTimestamp[n] = values.(*array.Timestamp)
	}
	for i := range int(batch.NumRows()) {
		t.summary.Rows++
		row := t.slot()
		for n, column := range columns {
			row[n] = t.cell(column, i, isTimestamp[n])
		}
	}
	return nil
}

// slot is where the next row goes. Rows between the first and the last half are
// forgotten.
func (t *tableWriter) slot() []cell {
	if t.o.MaxRows <= 0 || len(t.rows) < t.o.MaxRows {
		t.rows = append(t.rows, make([]cell, len(t.columns)))
		return t.rows[len(t.rows)-1]
	}
	last := t.rows[t.firstHalf():]
	if len(last) == 0 {
		if t.spare == nil {
			t.spare = make([]cell, len(t.columns))
		}
		return t.spare
	}
	oldest := last[0]
	copy(last, last[1:])
	last[len(last)-1] = oldest
	return oldest
}

func (t *tableWriter) firstHalf() int { return (t.o.MaxRows + 1) / 2 }

func (t *tableWriter) cell(values column, i int, isTimestamp bool) cell {
	if values.isNull(i) {
		return cell{text: t.null, null: true}
	}
	t.value = values.append(t.value[:0], i)
	if isTimestamp {
		t.value = bytes.Replace(t.value, []byte("T"), []byte(" "), 1)
	}
	text := string(t.value)
	escaped := Escape(text)
	if escaped != text {
		t.summary.EscapedCells++
	}
	escaped = t.escape(escaped)
	if t.o.Width > 0 && t.o.Format == Table { // no more of it can be shown
		return t.cut(cell{text: escaped}, t.o.Width)
	}
	return cell{text: escaped}
}

// cut shortens a cell to a width, at the border of a character, with an ellipsis.
func (t *tableWriter) cut(c cell, width int) cell {
	if len(c.text) <= width || uniseg.StringWidth(c.text) <= width {
		return c
	}
	end, used := 0, 0
	for g := uniseg.NewGraphemes(c.text); g.Next() && used+g.Width() <= width-uniseg.StringWidth(t.lines.cut); {
		used += g.Width()
		_, end = g.Positions()
	}
	c.text, c.cut = c.text[:end]+t.lines.cut, true
	return c
}

func (t *tableWriter) Close() (Summary, error) {
	t.summary.RowsShown = int64(len(t.rows))
	t.summary.ColumnsShown = len(t.columns)
	if t.o.Format == Vertical {
		return t.summary, t.writeUpright()
	}
	shown := make([]int, len(t.columns))
	for i := range shown {
		shown[i] = i
	}
	widths := t.widths()
	if t.o.Width > 0 {
		if t.shrink(widths); total(widths) > t.o.Width {
			if len(t.rows) <= verticalRows {
				return t.summary, t.writeUpright()
			}
			shown = t.hideMiddle(widths)
		}
	}
	return t.summary, t.writeBox(shown, widths)
}

// hidesRowsAt reports whether rows are left out before the one shown at i.
func (t *tableWriter) hidesRowsAt(i int) bool {
	return t.summary.Rows > int64(len(t.rows)) && i == t.firstHalf()
}

// widths is what each column would like to have.
func (t *tableWriter) widths() []int {
	widths := make([]int, len(t.columns))
	for i, c := range t.columns {
		widths[i] = max(uniseg.StringWidth(c.name), 1)
		if !t.o.NoTypes {
			widths[i] = max(widths[i], uniseg.StringWidth(c.kind))
		}
	}
	for _, row := range t.rows {
		for i, c := range row {
			widths[i] = max(widths[i], uniseg.StringWidth(c.text))
		}
	}
	return widths
}

func total(widths []int) int {
	sum := 1
	for _, w := range widths {
		sum += w + 3
	}
	return sum
}

// shrink narrows the widest columns until all fit, or none can be narrower.
// Numbers stay whole: one that was cut would look like another. Times and short
// ids are the last to be cut.
func (t *tableWriter) shrink(widths []int) {
	even := t.even()
	t.shrinkOnly(widths, func(i int) bool { return !t.columns[i].number && !even[i] })
	t.shrinkOnly(widths, func(i int) bool { return !t.columns[i].number })
}

func (t *tableWriter) shrinkOnly(widths []int, may func(column int) bool) {
	for over := total(widths) - t.o.Width; over > 0; over-- {
		widest := -1
		for i, w := range widths {
			if w > minWidth && may(i) && (widest < 0 || w > widths[widest]) {
				widest = i
			}
		}
		if widest < 0 {
			return
		}
		widths[widest]--
	}
}

// even tells the columns whose values are short and all as wide as each other.
func (t *tableWriter) even() []bool {
	even := make([]bool, len(t.columns))
	for i := range t.columns {
		width := 0
		for _, row := range t.rows {
			w := uniseg.StringWidth(row[i].text)
			switch {
			case row[i].null:
			case width == 0 && w <= evenWidth, w == width:
				width = w
			default:
				width = -1
			}
		}
		even[i] = width > 0
	}
	return even
}

const hiddenColumns = -1 // stands for the columns that are left out

// hideMiddle keeps as many columns from both ends as fit.
func (t *tableWriter) hideMiddle(widths []int) []int {
	left, right := []int{0}, []int{}
	used := total([]int{widths[0], 1})
	for next := 1; next < len(widths); next++ {
		i := len(left)
		fromRight := next%2 == 1
		if fromRight {
			i = len(widths) - 1 - len(right)
		}
		if used += widths[i] + 3; used > t.o.Width {
			break
		}
		if fromRight {
			right = append([]int{i}, right...)
		} else {
			left = append(left, i)
		}
	}
	t.summary.ColumnsShown = len(left) + len(right)
	return append(append(left, hiddenColumns), right...)
}

// boxPrinter prints a box line by line.
type boxPrinter struct {
	*tableWriter
	buffer bytes.Buffer
	shown  []int
	widths []int
}

func (t *tableWriter) writeBox(shown, widths []int) error {
	p := &boxPrinter{tableWriter: t, shown: shown, widths: widths}
	names, kinds, more := make([]cell, len(t.columns)), make([]cell, len(t.columns)), make([]cell, len(t.columns))
	for i, c := range t.columns {
		names[i], kinds[i], more[i] = cell{text: c.name}, cell{text: c.kind, null: true}, cell{text: t.lines.more, null: true}
	}
	p.rule(t.lines.top)
	p.row(names)
	if !t.o.NoTypes {
		p.row(kinds)
	}
	p.rule(t.lines.middle)
	for i, row := range t.rows {
		if t.hidesRowsAt(i) {
			p.row(more)
		}
		t.summary.CutCells += p.row(row)
	}
	if t.hidesRowsAt(len(t.rows)) {
		p.row(more)
	}
	p.rule(t.lines.bottom)
	_, err := p.buffer.WriteTo(t.out)
	return err
}

func (p *boxPrinter) rule(corners [3]string) {
	for i, n := range p.shown {
		if i == 0 {
			p.buffer.WriteString(corners[0])
		} else {
			p.buffer.WriteString(corners[1])
		}
		width := 1
		if n != hiddenColumns {
			width = p.widths[n]
		}
		p.buffer.WriteString(strings.Repeat(p.lines.across, width+2))
	}
	p.buffer.WriteString(corners[2] + "\n")
}

// row prints a line and returns how many of its cells were cut.
func (p *boxPrinter) row(cells []cell) (cuts int64) {
	for _, n := range p.shown {
		p.buffer.WriteString(p.lines.down + " ")
		if n == hiddenColumns {
			p.buffer.WriteString(p.lines.hidden + " ")
			continue
		}
		c := p.cut(cells[n], p.widths[n])
		if c.cut {
			cuts++
		}
		pad := strings.Repeat(" ", max(0, p.widths[n]-uniseg.StringWidth(c.text)))
		if p.columns[n].number {
			p.buffer.WriteString(pad)
		}
		p.buffer.WriteString(p.dim(c))
		if !p.columns[n].number {
			p.buffer.WriteString(pad)
		}
		p.buffer.WriteString(" ")
	}
	p.buffer.WriteString(p.lines.down + "\n")
	return cuts
}

// dim tells what is not data from data that looks the same.
func (t *tableWriter) dim(c cell) string {
	if c.null && t.o.Color {
		return "\x1b[2m" + c.text + "\x1b[0m"
	}
	return c.text
}

// wrapped is a value in lines of this width, 0 for any: whole where the user asked
// for this form, else what fits into one line.
func (t *tableWriter) wrapped(c cell, width int) []cell {
	if width == 0 {
		return []cell{c}
	}
	if t.o.Format == Table {
		if c = t.cut(c, width); c.cut {
			t.summary.CutCells++
		}
		return []cell{c}
	}
	var lines []cell
	start, end, used := 0, 0, 0
	for g := uniseg.NewGraphemes(c.text); g.Next(); {
		if used+g.Width() > width && end > start {
			lines = append(lines, cell{text: c.text[start:end]})
			start, used = end, 0
		}
		used += g.Width()
		_, end = g.Positions()
	}
	return append(lines, cell{text: c.text[start:], null: c.null})
}

// writeUpright writes a block for each row, a line for each column.
func (t *tableWriter) writeUpright() error {
	names := len(recordTitle(t.summary.Rows)) - 1
	for _, c := range t.columns {
		names = max(names, uniseg.StringWidth(c.name))
	}
	width, values := titleWidth, 0
	if t.o.Width > 0 {
		width = t.o.Width
		names = min(names, width/2)
		values = max(minWidth, width-names-3)
	}
	var buffer bytes.Buffer
	for i, row := range t.rows {
		number := int64(i + 1)
		if i >= t.firstHalf() { // counted from the end: rows may be left out
			number += t.summary.Rows - int64(len(t.rows))
		}
		if t.hidesRowsAt(i) {
			buffer.WriteString(t.lines.more + "\n")
		}
		title := recordTitle(number)
		title += strings.Repeat(t.lines.across, max(0, names+1-len(title)))
		fmt.Fprintf(&buffer, "%s%s%s\n", title, t.lines.top[1], strings.Repeat(t.lines.across, max(0, width-uniseg.StringWidth(title)-1)))
		for j, column := range t.columns {
			name := t.cut(cell{text: column.name}, names).text
			for _, value := range t.wrapped(row[j], values) {
				fmt.Fprintf(&buffer, "%s%s %s %s\n", name, strings.Repeat(" ", names-uniseg.StringWidth(name)), t.lines.down, t.dim(value))
				name = ""
			}
		}
	}
	if t.hidesRowsAt(len(t.rows)) {
		buffer.WriteString(t.lines.more + "\n")
	}
	_, err := buffer.WriteTo(t.out)
	return err
}

func recordTitle(number int64) string { return fmt.Sprintf("-[ RECORD %d ]", number) }
