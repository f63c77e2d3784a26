package output

import (
	"archive/zip"
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/klauspost/compress/flate"
)

// What a sheet can hold.
const (
	sheetRows    = 1_048_576 // with the header
	sheetColumns = 16_384
	cellText     = 32_767 // UTF-16 code units
	numberDigits = 15     // that a cell keeps of a number
)

// ErrSheet is the cause of errors about results that are too large for a sheet.
var ErrSheet = errors.New("the result does not fit into a spreadsheet")

// xlsxWriter writes a workbook of one sheet, row by row into the archive. Texts
// are cells of text, which no spreadsheet takes for formulas. Numbers with more
// digits than a cell keeps, and times that it cannot hold, are text.
type xlsxWriter struct {
	archive *zip.Writer
	rowWriter
	w       *failing
	names   []string
	letters []string // of the columns: A, B, …
}

const spreadsheetML = `"http://schemas.openxmlformats.org/spreadsheetml/2006/main"`

// xlsxParts are the files beside the sheet.
var xlsxParts = []struct{ name, content string }{
	{"[Content_Types].xml", `<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">` +
		`<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>` +
		`<Override PartName="/xl/workbook.xml" ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml"/>` +
		`<Override PartName="/xl/styles.xml" ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.styles+xml"/>` +
		`<Override PartName="/xl/worksheets/sheet1.xml" ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.worksheet+xml"/></Types>`},
	{"_rels/.rels", `<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">` +
		`<Relationship Id="rId1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument" Target="xl/workbook.xml"/></Relationships>`},
	{"xl/workbook.xml", `<workbook xmlns=` + spreadsheetML + ` xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships">` +
		`<sheets><sheet name="result" sheetId="1" r:id="rId1"/></sheets></workbook>`},
	{"xl/_rels/workbook.xml.rels", `<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">` +
		`<Relationship Id="rId1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/worksheet" Target="worksheets/sheet1.xml"/>` +
		`<Relationship Id="rId2" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/styles" Target="styles.xml"/></Relationships>`},
	// The places in cellXfs are the style constants below. "@" is text.
	{"xl/styles.xml", `<styleSheet xmlns=` + spreadsheetML + `><numFmts count="5">` +
		`<numFmt numFmtId="164" formatCode="yyyy\-mm\-dd"/>` +
		`<numFmt numFmtId="165" formatCode="yyyy\-mm\-dd\ hh:mm:ss"/>` +
		`<numFmt numFmtId="166" formatCode="yyyy\-mm\-dd\ hh:mm:ss.000"/>` +
		`<numFmt numFmtId="167" formatCode="yyyy\-mm\-dd\Thh:mm:ss\Z"/>` +
		`<numFmt numFmtId="168" formatCode="yyyy\-mm\-dd\Thh:mm:ss.000\Z"/></numFmts>` +
		`<fonts count="2"><font/><font><b/></font></fonts>` +
		`<fills count="2"><fill><patternFill patternType="none"/></fill><fill><patternFill patternType="gray125"/></fill></fills>` +
		`<borders count="1"><border/></borders><cellStyleXfs count="1"><xf/></cellStyleXfs><cellXfs count="8"><xf/>` +
		`<xf fontId="1" applyFont="1" numFmtId="49" applyNumberFormat="1"/>` +
		`<xf numFmtId="49" applyNumberFormat="1"/>` +
		`<xf numFmtId="164" applyNumberFormat="1"/>` +
		`<xf numFmtId="165" applyNumberFormat="1"/>` +
		`<xf numFmtId="166" applyNumberFormat="1"/>` +
		`<xf numFmtId="167" applyNumberFormat="1"/>` +
		`<xf numFmtId="168" applyNumberFormat="1"/></cellXfs>` +
		`<cellStyles count="1"><cellStyle name="Normal" xfId="0" builtinId="0"/></cellStyles></styleSheet>`},
}

const (
	styleHeader = iota + 1
	styleText
	styleDate
	styleTime // three more follow: with milliseconds, in UTC, in UTC with milliseconds
)

const xmlHead = `<?xml version="1.0" encoding="UTF-8" standalone="yes"?>` + "\n"

const sheetHead = xmlHead + `<worksheet xmlns=` + spreadsheetML + `><sheetViews><sheetView workbookViewId="0">` +
	`<pane ySplit="1" topLeftCell="A2" activePane="bottomLeft" state="frozen"/></sheetView></sheetViews><sheetData>`

const sheetFoot = `</sheetData></worksheet>`

func newXLSXWriter(w io.Writer, schema *arrow.Schema) (*xlsxWriter, error) {
	if schema.NumFields() > sheetColumns {
		return nil, fmt.Errorf("%w: %d columns, a sheet has %d", ErrSheet, schema.NumFields(), sheetColumns)
	}
	x := &xlsxWriter{w: &failing{w: w}}
	x.archive = zip.NewWriter(x.w)
	x.archive.RegisterCompressor(zip.Deflate, func(w io.Writer) (io.WriteCloser, error) { return flate.NewWriter(w, flate.BestSpeed) })
	for _, part := range xlsxParts {
		f, err := x.archive.Create(part.name)
		if err == nil {
			_, err = io.WriteString(f, xmlHead+part.content)
		}
		if err != nil {
			return nil, fmt.Errorf("start workbook: %w", x.w.or(err))
		}
	}
	sheet, err := x.archive.Create("xl/worksheets/sheet1.xml")
	if err != nil {
		return nil, fmt.Errorf("start workbook: %w", x.w.or(err))
	}
	x.rowWriter = newRowWriter(sheet, schema, nil)
	x.pending = append(append(x.pending, sheetHead...), `<row r="1">`...)
	for i, f := range schema.Fields() {
		x.names = append(x.names, f.Name)
		x.letters = append(x.letters, columnLetters(i))
		x.pending = appendTextStart(x.pending, x.letters[i], 1, styleHeader)
		start := len(x.pending)
		if x.pending, err = finishTextCell(append(x.pending, f.Name...), start); err != nil {
			return nil, fmt.Errorf("%w: name of column %d: %w", ErrSheet, i+1, err)
		}
	}
	x.pending = append(x.pending, "</row>"...)
	return x, nil
}

func (x *xlsxWriter) Write(batch arrow.RecordBatch) error {
	if total := x.summary.Rows + batch.NumRows() + 1; total > sheetRows {
		return fmt.Errorf("%w: more than %d rows", ErrSheet, sheetRows-1)
	}
	cells := make([]cellAppender, batch.NumCols())
	nulls := make([]func(int) bool, batch.NumCols())
	for n, values := range batch.Columns() {
		cells[n], nulls[n] = newCellAppender(values), nullsOf(values)
	}
	first := x.summary.Rows + 2
	err := x.writeRows(batch, func(s *share, i int) {
		row := first + int64(i)
		s.b = append(s.b, `<row r="`...)
		s.b = append(strconv.AppendInt(s.b, row, 10), `">`...)
		for n, cell := range cells {
			if nulls[n](i) {
				continue
			}
			var err error
			if s.b, err = cell(s.b, x.letters[n], row, i); err != nil {
				s.err = fmt.Errorf("%w: row %d, column %s: %w", ErrSheet, row-1, x.names[n], err)
				return
			}
		}
		s.b = append(s.b, "</row>"...)
	})
	return x.w.or(err)
}

func (x *xlsxWriter) Close() (Summary, error) {
	x.pending = append(x.pending, sheetFoot...)
	summary, err := x.finish()
	if err == nil {
		err = x.archive.Close()
	}
	return summary, x.w.or(err)
}

// columnLetters counts A … Z, AA … from 0.
func columnLetters(i int) string {
	name := ""
	for i++; i > 0; i = (i - 1) / 26 {
		name = string(rune('A'+(i-1)%26)) + name
	}
	return name
}

// cellAppender appends the cell of value i, which is not NULL.
type cellAppender func(b []byte, letters string, row int64, i int) ([]byte, error)

func newCellAppender(values arrow.Array) cellAppender {
	text := textAppender(values, nil)
	asText := func(b []byte, letters string, row int64, i int) ([]byte, error) {
		b = appendTextStart(b, letters, row, styleText)
		start := len(b)
		return finishTextCell(text(b, i), start)
	}
	switch a := values.(type) {
	case *array.Boolean:
		return func(b []byte, letters string, row int64, i int) ([]byte, error) {
			value := "0"
			if a.Value(i) {
				value = "1"
			}
			return appendCell(b, letters, row, `t="b"`, value), nil
		}
	case *array.Date32:
		return func(b []byte, letters string, row int64, i int) ([]byte, error) {
			serial, ok := serialOf(time.Unix(int64(a.Value(i))*86400, 0))
			if !ok {
				return asText(b, letters, row, i)
			}
			return appendCell(b, letters, row, styleAttribute(styleDate), serial), nil
		}
	case *array.Timestamp:
		kind := a.DataType().(*arrow.TimestampType)
		return func(b []byte, letters string, row int64, i int) ([]byte, error) {
			if _, infinite := infinity(int64(a.Value(i)), math.MaxInt64); infinite {
				return asText(b, letters, row, i)
			}
			at := a.Value(i).ToTime(kind.Unit)
			serial, ok := serialOf(at)
			if !ok {
				return asText(b, letters, row, i)
			}
			style := styleTime
			if at.Nanosecond() != 0 {
				style++
			}
			if kind.TimeZone != "" {
				style += 2
			}
			return appendCell(b, letters, row, styleAttribute(style), serial), nil
		}
	}
	if isNumber(values.DataType()) {
		return func(b []byte, letters string, row int64, i int) ([]byte, error) {
			number := string(text(nil, i))
			if !isCellNumber(values.DataType(), number) {
				return asText(b, letters, row, i)
			}
			return appendCell(b, letters, row, "", number), nil
		}
	}
	return asText
}

func styleAttribute(style int) string { return `s="` + strconv.Itoa(style) + `"` }

// isCellNumber: a cell is a double, and integers and decimals must stay what
// they are in it. Doubles may be NaN or infinite.
func isCellNumber(t arrow.DataType, number string) bool {
	if arrow.IsFloating(t.ID()) {
		last := number[len(number)-1]
		return last >= '0' && last <= '9'
	}
	return len(strings.TrimLeft(strings.ReplaceAll(number, ".", ""), "-0")) <= numberDigits
}

// serialOf counts days from the epoch of spreadsheets. Before March 1900 they
// disagree about it, and below a millisecond they round.
func serialOf(at time.Time) (string, bool) {
	at = at.UTC()
	if at.Before(time.Date(1900, 3, 1, 0, 0, 0, 0, time.UTC)) || at.Year() > 9999 || at.Nanosecond()%int(time.Millisecond) != 0 {
		return "", false
	}
	const daysToUnix = 25569
	days := float64(at.UnixMilli())/86_400_000 + daysToUnix
	return strconv.FormatFloat(days, 'f', -1, 64), true
}

func appendCell(b []byte, letters string, row int64, attributes, value string) []byte {
	b = appendCellStart(b, letters, row, attributes)
	b = append(b, "<v>"...)
	b = append(b, value...)
	return append(b, "</v></c>"...)
}

func appendCellStart(b []byte, letters string, row int64, attributes string) []byte {
	b = append(b, `<c r="`...)
	b = append(b, letters...)
	b = append(strconv.AppendInt(b, row, 10), '"')
	if attributes != "" {
		b = append(append(b, ' '), attributes...)
	}
	return append(b, '>')
}

// A cell of text is its start, the text as it is, and finishTextCell.
func appendTextStart(b []byte, letters string, row int64, style int) []byte {
	return append(appendCellStart(b, letters, row, styleAttribute(style)+` t="inlineStr"`), `<is><t xml:space="preserve">`...)
}

// finishTextCell escapes the text that starts at start.
func finishTextCell(b []byte, start int) ([]byte, error) {
	units := len(b) - start
	for i, c := range b[start:] {
		if xmlSpecial[c] {
			b, units = escapeXML(b, start, start+i)
			break
		}
	}
	if units > cellText {
		return b, fmt.Errorf("a text of %d characters, a cell holds %d", units, cellText)
	}
	return append(b, "</t></is></c>"...), nil
}

// xmlSpecial are the bytes that have to be looked at.
var xmlSpecial = func() (special [256]bool) {
	for c := range special {
		special[c] = c < 0x20 && c != '\t' && c != '\n' || c >= utf8.RuneSelf || strings.IndexByte("&<>_", byte(c)) >= 0
	}
	return special
}()

// escapeXML rewrites the text that starts at start from the first byte on that
// may need it, and counts the text's UTF-16 code units.
func escapeXML(b []byte, start, first int) ([]byte, int) {
	units := first - start
	text := bytes.Clone(b[first:])
	b = b[:first]
	for i := 0; i < len(text); {
		r, size := utf8.DecodeRune(text[i:])
		units++
		if r > 0xffff {
			units++
		}
		switch {
		case r == '&':
			b = append(b, "&amp;"...)
		case r == '<':
			b = append(b, "&lt;"...)
		case r == '>':
			b = append(b, "&gt;"...)
		case r < 0x20 && r != '\t' && r != '\n', r == 0xfffe, r == 0xffff, r == '_' && isCharacterEscape(text[i:]):
			b = fmt.Appendf(b, "_x%04X_", r)
		default:
			b = append(b, text[i:i+size]...)
		}
		i += size
	}
	return b, units
}

// isCharacterEscape: _x001B_ stands for a character that XML cannot hold.
func isCharacterEscape(text []byte) bool {
	if len(text) < 7 || text[1] != 'x' || text[6] != '_' {
		return false
	}
	_, err := strconv.ParseUint(string(text[2:6]), 16, 16)
	return err == nil
}
