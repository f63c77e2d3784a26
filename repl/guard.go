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
	// comparisons are operators, each with the one that says the same the other
	// way round.
	comparisons = map[string]string{"=": "=", "<>": "<>", "!=": "!=", "<": ">", ">": "<", "<=": ">=", ">=": "<="}
	// isoPrefix is what a time as CloudTrail writes it can start with.
	isoPrefix = regexp.MustCompile(`^\d{4}(-\d\d(-\d\d(T\d\d(:\d\d(:\d\d)?)?)?)?)?$|^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$`)
	isoDate   = regexp.MustCompile(`^\d{4}(-\d\d(-\d\d)?)?$`)
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
		path, operator := comparedColumn(tokens, i)
		if len(path) == 0 {
			continue
		}
		column := path[len(path)-1]
		equal := operator == "=" || operator == "<>" || operator == "!="
		isTime := column == "eventtime" || column == "eventtimestamp"
		switch {
		case column == "eventtime" && (equal && !isoTime.MatchString(text) || !isoPrefix.MatchString(text)):
			add("eventtime is text such as 2026-10-31T14:03:22Z, in UTC: " + t.Text + " is of another form, so it compares letter by letter")
		case isTime && operator == "<=" && isoDate.MatchString(text):
			add(column + " up to " + t.Text + " ends where that begins: write < and the day after")
		case column == "date" && !isoDate.MatchString(text):
			add("date of cloudtrail_logs is text such as 2026-10-31: " + t.Text + " is of another form")
		case column == "errorcode" && equal && text == "":
			add("errorcode is NULL where there was no error, never '': write errorcode IS NULL, or IS NOT NULL")
		case (column == "errormessage" || slices.Contains(path[:len(path)-1], "useridentity")) && equal && text == "":
			add(strings.Join(path, ".") + " is NULL, not '', where a record does not have it: write IS NULL, or IS NOT NULL")
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

// comparedColumn is the column, with what it is a part of, that the text at i is
// compared with, and how: column = 'x', 'x' = column, column BETWEEN 'x' AND
// 'y', column IN ('x', 'y').
func comparedColumn(tokens []dialect.Token, i int) (path []string, operator string) {
	is := func(n int, words ...string) bool {
		return n >= 0 && n < len(tokens) && slices.ContainsFunc(words, func(w string) bool { return strings.EqualFold(tokens[n].Text, w) })
	}
	// until is the path whose last name is at n.
	until := func(n int) (path []string) {
		for ; n >= 0 && columnName(tokens[n]) != ""; n -= 2 {
			path = append([]string{columnName(tokens[n])}, path...)
			if !is(n-1, ".") {
				break
			}
		}
		return path
	}
	// mirrored is the operator at n the other way round; "" for none.
	mirrored := func(n int) string {
		if n < 0 || n >= len(tokens) {
			return ""
		}
		return comparisons[tokens[n].Text]
	}
	switch {
	case mirrored(i-1) != "":
		if is(i-2, ")") || is(i+1, "||", "::", "AT") {
			return nil, "" // a function, or not the whole text
		}
		return until(i - 2), tokens[i-1].Text
	case is(i-1, "BETWEEN"):
		return until(i - 2), ">="
	case is(i-1, "AND") && is(i-3, "BETWEEN"):
		return until(i - 4), "<="
	case mirrored(i+1) != "" && !is(i-1, ",", "(", "||") && !is(i+3, "("):
		n := i + 2
		for is(n+1, ".") { // u.eventtime
			n += 2
		}
		if n >= len(tokens) {
			return nil, ""
		}
		return until(n), mirrored(i + 1)
	case is(i-1, ",", "("):
		open := i - 1
		for is(open, ",") {
			open -= 2
		}
		if is(open, "(") && is(open-1, "IN") {
			n := open - 2
			if is(n, "NOT") {
				n--
			}
			return until(n), "="
		}
	}
	return nil, ""
}
