package output

import (
	"fmt"
	"unicode/utf8"
)

// Formulas says what to do with a text in CSV or TSV that a spreadsheet would
// take for a formula. Columns of other types are never touched.
type Formulas string

const (
	KeepFormulas   Formulas = ""       // the text as it is
	PrefixFormulas Formulas = "prefix" // an apostrophe before it
	RejectFormulas Formulas = "reject" // Write returns a *FormulaError
)

// FormulaError is a text that RejectFormulas does not let pass.
type FormulaError struct {
	Row    int64 // from 1
	Column string
}

func (e *FormulaError) Error() string {
	return fmt.Sprintf("row %d, column %s: the text starts like a spreadsheet formula", e.Row, e.Column)
}

// startsFormula reports whether a spreadsheet may run the text. Spaces,
// quotes and what is invisible before the sign do not stop every spreadsheet.
func startsFormula(text []byte) bool {
	for i, c := range text {
		switch c {
		case '=', '+', '-', '@', '\t', '\r', '\n':
			return true
		case ' ', '"', '\'':
			continue
		}
		if c < utf8.RuneSelf {
			return false
		}
		switch r, size := utf8.DecodeRune(text[i:]); {
		case r == '＝' || r == '＋' || r == '－' || r == '＠':
			return true
		case r == utf8.RuneError && size == 1:
			return false
		case isHidden(r):
			return startsFormula(text[i+size:])
		}
		return false
	}
	return false
}
