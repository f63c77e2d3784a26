package repl

import (
	"regexp"
	"slices"
	"strings"

	"github.com/trailql/trailql/engine/dialect"
	"github.com/trailql/trailql/engine/quantity"
)

const (
	largeTable = 1_000_000_000 // bytes, from which a time filter is worth a note
	manyRows   = 10_000_000    // read to show a few
)

// timeColumns narrow a statement to a time.
var timeColumns = []string{"date", "eventtime", "eventtimestamp", "year", "month", "day", "eventdate"}

// guard notes what a statement may not have meant. It never stops one.
func (s *Session) guard(st statement, done delivered) {
	if !s.settings.notes {
		return
	}
	words := significant(st.sql)
	stats := done.stats
	if st.window.IsZero() && stats.BytesTotal > largeTable && stats.Files == stats.FilesTotal && !mentions(words, timeColumns) {
		s.notef("no time filter: all %s were read; .window -7d sees the last week only", quantity.Bytes(stats.BytesTotal))
	}
	if done.toScreen && done.summary.Rows > manyRows && done.summary.RowsShown < done.summary.Rows {
		s.notef("%s were read to show %s: add LIMIT, or write them with .once FILE",
			quantity.Plural(done.summary.Rows, "row"), quantity.Count(done.summary.RowsShown))
	}
	for _, remark := range doubtful(words) {
		s.notef("%s", remark)
	}
}

// significant are the tokens of a statement without space and comments.
func significant(sql string) []dialect.Token {
	tokens, err := dialect.Tokens(sql)
	if err != nil {
		return nil // it has run, so this cannot be; a note is all that is lost
	}
	return slices.DeleteFunc(tokens, func(t dialect.Token) bool {
		return t.Kind == dialect.Space || t.Kind == dialect.Comment
	})
}

func mentions(tokens []dialect.Token, names []string) bool {
	return slices.ContainsFunc(tokens, func(t dialect.Token) bool { return slices.Contains(names, columnName(t)) })
}

// columnName is what a word or a quoted name may mean, in lower case.
func columnName(t dialect.Token) string {
	switch t.Kind {
	case dialect.Word:
		return strings.ToLower(t.Text)
	case dialect.QuotedName, dialect.BacktickName:
		return strings.ToLower(t.Text[1 : len(t.Text)-1])
	}
	return ""
}

var (
	comparisons = []string{"=", "<>", "!=", "<", ">", "<=", ">="}
	// isoPrefix is what a time as CloudTrail writes it can start with.
	isoPrefix = regexp.MustCompile(`^\d{4}(-\d\d(-\d\d(T\d\d(:\d\d(:\d\d)?)?)?)?)?$|^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$`)
	isoTime   = regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$`)
)

// doubtful finds comparisons that are hardly meant as they are written.
func doubtful(tokens []dialect.Token) []string {
	var remarks []string
	add := func(remark string) {
		if !slices.Contains(remarks, remark) {
			remarks = append(remarks, remark)
		}
	}
	for i, t := range tokens {
		text, ok := plainText(t)
		if !ok {
			continue
		}
		column, operator := comparedColumn(tokens, i)
		equal := operator == "=" || operator == "<>" || operator == "!="
		switch {
		case column == "eventtime" && operator != "" && (equal && !isoTime.MatchString(text) || !isoPrefix.MatchString(text)):
			add("eventtime is text such as 2026-10-31T14:03:22Z, in UTC: " + t.Text + " is of another form, so it compares letter by letter")
		case column == "errorcode" && equal && text == "":
			add("errorcode is NULL where there was no error, never '': write errorcode IS NULL, or IS NOT NULL")
		}
	}
	return remarks
}

// plainText is the value of a 'text'.
func plainText(t dialect.Token) (string, bool) {
	if t.Kind != dialect.String || t.Text[0] != '\'' {
		return "", false
	}
	return strings.ReplaceAll(t.Text[1:len(t.Text)-1], "''", "'"), true
}

// comparedColumn is the column that the text at i is compared with, and how:
// column = 'x', 'x' = column, column BETWEEN 'x' AND 'y'.
func comparedColumn(tokens []dialect.Token, i int) (column, operator string) {
	is := func(n int, words ...string) bool {
		return n >= 0 && n < len(tokens) && slices.ContainsFunc(words, func(w string) bool { return strings.EqualFold(tokens[n].Text, w) })
	}
	nameAt := func(n int) string {
		if n < 0 || n >= len(tokens) {
			return ""
		}
		return columnName(tokens[n])
	}
	switch {
	case is(i-1, comparisons...):
		if is(i-2, ")") || is(i+1, "||", "::", "AT") {
			return "", "" // a function, or not the whole text
		}
		return nameAt(i - 2), tokens[i-1].Text
	case is(i-1, "BETWEEN"):
		return nameAt(i - 2), "between"
	case is(i-1, "AND") && is(i-3, "BETWEEN"):
		return nameAt(i - 4), "between"
	case is(i+1, comparisons...) && !is(i-1, ",", "(", "||") && !is(i+3, "("):
		n := i + 2
		for is(n+1, ".") { // u.eventtime
			n += 2
		}
		return nameAt(n), tokens[i+1].Text
	}
	return "", ""
}
