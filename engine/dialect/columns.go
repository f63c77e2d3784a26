package dialect

import "strings"

// selection is what one SELECT says about its source.
type selection struct {
	hasFrom bool
	star    bool // SELECT *
	columns bool // refers to a column, or counts rows
	clauses bool // has WHERE, GROUP BY or HAVING
	listEnd int  // index behind the select list
}

// readSelect reads the SELECT at tokens[lo], which ends at hi.
func (c *completer) readSelect(lo, hi int) selection {
	s := selection{listEnd: hi}
	end := hi
	for i := lo + 1; i < end; i = c.skip(i) {
		if i > 0 && c.keyword(i-1, "AS") {
			continue // a name, whatever the word
		}
		clause := c.fromClause(i) || c.anyKeyword(i, "WHERE", "HAVING", "QUALIFY", "WINDOW") ||
			c.anyKeyword(i, "GROUP", "ORDER") && c.anyKeyword(i+1, "BY")
		tail := c.anyKeyword(i, "LIMIT", "OFFSET", "FETCH")
		if tail {
			end = i
		}
		if (clause || tail) && s.listEnd == hi {
			s.listEnd = i
		}
		s.hasFrom = s.hasFrom || c.fromClause(i)
		s.clauses = s.clauses || c.anyKeyword(i, "WHERE", "HAVING") || c.keyword(i, "GROUP") && clause
	}
	if s.hasFrom {
		return s
	}
	r := references{completer: c, local: map[string]bool{}}
	r.declare(lo+1, end)
	r.find(lo+1, end, &s)
	return s
}

// references finds the names in a SELECT that can only be columns.
type references struct {
	*completer
	local map[string]bool // aliases and lambda parameters, in lower case
}

// declare collects the names that the SELECT itself brings.
func (r *references) declare(lo, hi int) {
	for i := lo; i < hi; i++ {
		t := r.tokens[i]
		switch {
		case t.is("(") && r.startsQuery(i+1):
			i = r.match[i]
		case r.isName(i) && (r.keyword(i-1, "AS") || r.impliedAlias(i)):
			r.local[t.name()] = true
		case r.isName(i) && r.at(i+1, "->") && (r.at(i-1, "(") || r.at(i-1, ",")) && !r.isJSONPath(i+2):
			r.local[t.name()] = true
		case t.is("(") && r.at(r.match[i]+1, "->"):
			for j := i + 1; j < r.match[i]; j++ {
				r.local[r.tokens[j].name()] = true
			}
		case t.is("LAMBDA"):
			for j := i + 1; j < hi && !r.at(j, ":"); j++ {
				r.local[r.tokens[j].name()] = true
			}
		}
	}
}

// isJSONPath tells column -> '$.path' from parameter -> expression.
func (r *references) isJSONPath(i int) bool {
	return i < len(r.tokens) && (r.tokens[i].Kind == String || r.tokens[i].Kind == Number)
}

func (r *references) at(i int, operator string) bool {
	return i >= 0 && i < len(r.tokens) && r.tokens[i].is(operator)
}

func (r *references) find(lo, hi int, s *selection) {
	for i := lo; i < hi; i++ {
		t := r.tokens[i]
		switch {
		case t.is("(") && r.startsQuery(i+1):
			i = r.match[i]
		case t.is("::"):
			i = r.skipType(i+1, hi) - 1
		case r.anyKeyword(i, "CAST", "TRY_CAST") && r.at(i+1, "("):
			i = r.cast(i+1, s)
		case (r.keyword(i, "EXTRACT") || t.Kind == Word && bareUnits[t.name()]) && r.at(i+1, "(") && i+2 < hi && r.tokens[i+2].Kind == Word:
			i += 2 // the unit
		case t.is("*") && !r.endsExpression(i-1):
			s.columns = true
			s.star = s.star || r.itemStart(i-1, lo)
		case r.isName(i) && r.isColumn(i):
			s.columns = true
		}
	}
}

// itemStart reports whether token i stands before an item of the select list.
func (r *references) itemStart(i, lo int) bool {
	if i < lo || r.anyKeyword(i, "DISTINCT", "ALL") {
		return true
	}
	if !r.at(i, ",") {
		return false
	}
	depth := 0
	for j := lo; j < i; j++ {
		if r.match[j] > i {
			depth++
		}
	}
	return depth == 0
}

// cast reads CAST(expression AS type), whose type is not a column, and returns
// the index of its closing parenthesis.
func (r *references) cast(open int, s *selection) int {
	end := r.match[open]
	for i := open + 1; i < end; i = r.skip(i) {
		if r.keyword(i, "AS") {
			r.find(open+1, i, s)
			return end
		}
	}
	r.find(open+1, end, s)
	return end
}

// skipType returns the index behind the type at i, as in x::DECIMAL(9, 2)[].
func (r *references) skipType(i, hi int) int {
	i++
	for i < hi {
		if r.at(i, "(") || r.at(i, "[") {
			i = r.skip(i)
		} else if r.anyKeyword(i, "WITH", "WITHOUT", "TIME", "ZONE") {
			i++
		} else {
			break
		}
	}
	return i
}

// isName: a name or a word that is no keyword.
func (r *references) isName(i int) bool {
	t := r.tokens[i]
	return t.Kind == QuotedName || t.Kind == BacktickName || t.Kind == Word && !keywords[strings.ToUpper(t.Text)]
}

func (r *references) isColumn(i int) bool {
	t := r.tokens[i]
	switch {
	case r.local[t.name()], r.at(i-1, "."), r.keyword(i-1, "AS"), r.impliedAlias(i):
		return false
	case r.anyKeyword(i-1, "OVER", "WINDOW"):
		return false
	case i+1 < len(r.tokens):
		next := r.tokens[i+1]
		typed := next.Kind == String && t.Kind == Word
		structField := next.is(":") && (r.at(i-1, "{") || r.at(i-1, ","))
		return !typed && !structField && !next.is("(") && !next.is("{") && !next.is(":=") && !next.is("=>")
	}
	return true
}

// impliedAlias: a name directly behind an expression names it.
func (r *references) impliedAlias(i int) bool { return r.endsExpression(i - 1) }

// endsExpression reports whether token i can be the last of an expression.
func (r *references) endsExpression(i int) bool {
	if i < 0 {
		return false
	}
	switch t := r.tokens[i]; t.Kind {
	case QuotedName, BacktickName, String, Number, Parameter:
		return true
	case Word:
		word := strings.ToUpper(t.Text)
		return !keywords[word] || values[word] || r.at(i-1, ".")
	default:
		return t.is(")") || t.is("]") || t.is("}") || t.is("*") && r.at(i-1, ".")
	}
}

// values are the keywords that are an expression by themselves.
var values = wordSet(`NULL TRUE FALSE END CURRENT_DATE CURRENT_TIME CURRENT_TIMESTAMP LOCALTIME LOCALTIMESTAMP
	CURRENT_USER SESSION_USER CURRENT_ROLE CURRENT_CATALOG CURRENT_SCHEMA`)

// keywords are the words that are not names inside a SELECT without FROM.
var keywords = wordSet(`NULL TRUE FALSE END CURRENT_DATE CURRENT_TIME CURRENT_TIMESTAMP LOCALTIME LOCALTIMESTAMP
	CURRENT_USER SESSION_USER CURRENT_ROLE CURRENT_CATALOG CURRENT_SCHEMA
	SELECT DISTINCT ALL ON AS FROM WHERE GROUP BY HAVING QUALIFY WINDOW ORDER ASC DESC NULLS FIRST LAST LIMIT
	OFFSET FETCH ROWS ROW RANGE GROUPS PRECEDING FOLLOWING UNBOUNDED CURRENT PARTITION OVER FILTER WITHIN
	GROUPING SETS CUBE ROLLUP AND OR NOT IN IS LIKE ILIKE SIMILAR GLOB ESCAPE BETWEEN SYMMETRIC EXISTS ANY SOME
	CASE WHEN THEN ELSE CAST TRY_CAST EXTRACT INTERVAL ARRAY COLLATE ISNULL NOTNULL LAMBDA IGNORE RESPECT
	BOTH LEADING TRAILING FOR USING SAMPLE EXCLUDE REPLACE RENAME WITH UNION INTERSECT EXCEPT VALUES`)

func wordSet(words string) map[string]bool {
	set := map[string]bool{}
	for w := range strings.FieldsSeq(words) {
		set[w] = true
	}
	return set
}
