package dialect

import (
	"regexp"
	"slices"
	"strings"
	"time"
)

// Trino speaks Athena's SQL. What it is not given as it is written:
//
//   - a SELECT without FROM, tables that are called by a placeholder, the views of
//     Relation.Query, virtual columns;
//   - members of JSON by a dot or in brackets, text where a time is compared or
//     wanted, UNNEST of rows under one name, backticks, ::, ->, ->>, ILIKE and
//     functions of other engines: all errors in Trino, so that no statement that
//     it takes is changed.
//
// Mistakes are left to Trino, which knows more tables and functions.

// trinoTable finds what a table stands for. Names that Trino has are its own.
func (a *analysis) trinoTable(s *source, v *visible) {
	last := s.name[len(s.name)-1]
	r := a.relations.Relation(v.name)
	own := len(s.name) == 1 || len(s.name) == 2 && strings.EqualFold(s.name[0].text, a.database)
	if len(s.name) == 2 && a.databases != nil && !slices.Contains(a.databases, strings.ToLower(s.name[0].text)) && r != nil {
		own, v.moved = true, true
	}
	switch {
	case !own:
		v.open = true
		a.quoteParts(s.name)
		return
	case r == nil && (a.dialect == Lake || isPlaceholder(v.name) || containsTrail(v.name, s.name)) && !strings.Contains(v.name, "$"),
		r == nil && !last.quoted && isPlaceholder(v.name):
		if r = a.relations.Relation(a.table); r == nil {
			v.open = true
			return
		}
		if !last.quoted && strings.ContainsAny(v.name, "<>{}[]$- ") {
			v.name = r.Name
		}
	case r == nil:
		v.open = true
		a.quoteParts(s.name)
		return
	}
	v.columns, v.virtual, v.open = r.Columns, r.Virtual, r.Columns == nil
	target := quoteName(r.Name)
	if r.Query != "" {
		target = "(" + r.Query + ")"
	}
	v.relation, v.at = r, s.nameAt
	if s.alias == nil && (r.Query != "" || v.name != r.Name) {
		v.as = " AS " + quoteName(v.name)
		target += v.as
	}
	if text := a.text(s.nameAt); !strings.EqualFold(text, target) && (len(s.name) == 1 || v.moved || target != quoteName(last.text)) {
		a.own.replaceText(s.nameAt, target)
	}
}

// literal puts the value of a parameter in its place.
func (a *analysis) literal(e *expr) {
	if a.target != ForTrino {
		return
	}
	a.own.replace(e.extent, func(w *writer) {
		n := -1
		for i, mark := range a.marks {
			if mark == e.start {
				n = i
			}
		}
		if digits, ok := strings.CutPrefix(e.text, "$"); ok {
			n = 0
			for _, d := range digits {
				n = n*10 + int(d-'0')
			}
			n--
		}
		if n < 0 || n >= len(a.literals) {
			w.copy(e.start, e.end) // the engine says how many there should be
			return
		}
		w.text(a.literals[n], e.start)
	})
}

// wholeRows keeps UNNEST from making a column of each member of the rows.
func (a *analysis) wholeRows(list *expr) {
	if a.target == ForTrino {
		a.own.wrap(list.extent, "transform(", ", row_ -> ROW(row_))")
	}
}

// trinoMember is a member of JSON as text: of an object or array its JSON.
func (a *analysis) trinoMember(e *expr, value func(w *writer), parts []part) {
	path := "$"
	for _, n := range parts {
		path += bracketStep(n.text)
	}
	a.jsonText(e, value, quoteText(path))
}

func (a *analysis) jsonText(e *expr, value func(w *writer), path string) {
	a.own.replace(e.extent, func(w *writer) {
		w.text("coalesce(json_extract_scalar(", e.start)
		value(w)
		w.text(", "+path+"), nullif(json_format(json_extract(", e.start)
		value(w)
		w.text(", "+path+")), 'null'))", e.end-1)
	})
}

// trinoArrow is DuckDB's j -> 'a' or j ->> '$.a'.
func (a *analysis) trinoArrow(e *expr) Type {
	path := e.args[1]
	if path.kind != stringExpr {
		return Type{}
	}
	value := func(w *writer) { w.source(e.args[0].extent) }
	if inner := e.args[0]; inner.kind == binaryExpr && inner.op == "->>" {
		a.jsonPart(inner) // jsonText writes its value twice, and so would the next
	}
	if e.op == "->>" {
		a.jsonText(e, value, quoteText(arrowPath(path.text)))
		return Type{Kind: Text}
	}
	a.jsonPart(e)
	return Type{Kind: JSON}
}

func (a *analysis) jsonPart(e *expr) {
	if e.args[1].kind != stringExpr {
		return
	}
	a.own.replace(e.extent, func(w *writer) {
		w.text("json_extract(", e.start)
		w.source(e.args[0].extent)
		w.text(", "+quoteText(arrowPath(e.args[1].text))+")", e.end-1)
	})
}

// arrowPath is the path behind an arrow, or that of a member's name.
func arrowPath(text string) string {
	if strings.HasPrefix(text, "$") {
		return text
	}
	return "$" + bracketStep(text)
}

// trinoComparable lets text be compared with a time or a truth value, and a text
// column with a number, as people write it for CloudTrail Lake.
func (a *analysis) trinoComparable(args []*expr, types []Type) {
	var times, texts bool
	other := Type{}
	for _, t := range types {
		times = times || t.is(Date, Timestamp, TimestampTZ, Zoned)
		texts = texts || t.isText()
		if t.is(Boolean, Integer) || t.is(Date, Timestamp, TimestampTZ, Zoned) && !other.is(TimestampTZ, Zoned) {
			other = t
		}
	}
	if !texts || other.Kind == Unknown {
		return
	}
	for i, e := range args {
		switch {
		case !types[i].isText():
		case times:
			a.trinoTime(e, other.Kind)
		case other.Kind == Boolean: // readonly = true
			a.own.wrap(e.extent, "TRY_CAST(", " AS boolean)")
		default: // year = 2023
			a.own.wrap(e.extent, "TRY_CAST(", " AS bigint)")
		}
	}
}

// trinoTime makes a time of text.
func (a *analysis) trinoTime(e *expr, kind TypeKind) {
	if a.target != ForTrino {
		return
	}
	if e.kind == stringExpr {
		if t, ok := timeOf(e.text); ok {
			switch kind {
			case Date, Timestamp:
				a.own.replaceText(e.extent, "TIMESTAMP "+quoteText(t.UTC().Format("2006-01-02 15:04:05.999999")))
			default:
				a.own.replaceText(e.extent, "TIMESTAMP "+quoteText(t.UTC().Format("2006-01-02 15:04:05.999999")+" UTC"))
			}
			return
		}
	}
	before, after := "from_iso8601_timestamp(replace(", ", ' ', 'T'))"
	if kind == Timestamp || kind == Date {
		before, after = "CAST("+before, after+" AS timestamp)"
	}
	a.own.wrap(e.extent, before, after)
}

// timeOf reads a time as people write it.
func timeOf(text string) (time.Time, bool) {
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04:05", "2006-01-02 15:04:05", "2006-01-02 15:04:05Z07:00", "2006-01-02 15:04", "2006-01-02"} {
		if t, err := time.Parse(layout, text); err == nil {
			return t, true
		}
	}
	return time.Time{}, false
}

// trinoCast is x::type.
func (a *analysis) trinoCast(e *expr, from Type) {
	if a.target != ForTrino {
		return
	}
	if from.isText() && e.typ.is(Timestamp, TimestampTZ, Date) {
		a.trinoTime(e.args[0], TimestampTZ)
	}
	a.own.replace(e.extent, func(w *writer) {
		w.text("CAST(", e.start)
		w.source(e.args[0].extent)
		w.text(" AS ", e.typAt.start)
		w.source(e.typAt)
		w.text(")", e.end-1)
	})
}

// bracketStep is a member of a JSON path as Trino always takes it.
func bracketStep(name string) string {
	return `["` + strings.ReplaceAll(strings.ReplaceAll(name, `\`, `\\`), `"`, `\"`) + `"]`
}

// plainPath is one that Trino takes as it is.
var plainPath = regexp.MustCompile(`^\$(\.[A-Za-z_][A-Za-z0-9_]*|\[[0-9]+\]|\["[^"\\]*"\]|\.\*|\[\*\])*$`)

// trinoNames are Trino's names of functions that others call otherwise.
var trinoNames = map[string]string{"dateadd": "date_add", "datediff": "date_diff", "json_extract_path": "json_extract"}

// ofEventTime is a cast of eventtime, which CAST does not read.
func (a *analysis) ofEventTime(e *expr, in *scope) bool {
	value := e.args[0]
	if a.target != ForTrino || value.kind != columnExpr || !e.typ.is(Date, Timestamp, TimestampTZ) {
		return false
	}
	m := in.find(value.parts)
	if !m.found || m.source == nil || m.column != "eventtime" || m.rest != len(value.parts) || !m.typ.isText() {
		return false
	}
	before, after := "CAST(from_iso8601_timestamp(", ") AS "+a.text(e.typAt)+")"
	if e.op == "TRY_CAST" {
		before, after = "TRY("+before, after+")"
	}
	a.own.replace(e.extent, func(w *writer) {
		w.text(before, e.start)
		w.source(value.extent)
		w.text(after, e.end-1)
	})
	return true
}

// trinoElement is an end of a list, which newer servers have a function for.
func (a *analysis) trinoElement(e *expr) {
	index := map[string]string{"array_first": ", 1", "array_last": ", -1"}[e.op]
	if a.target != ForTrino || index == "" || len(e.args) != 1 {
		return
	}
	a.own.replaceText(e.call.name, "element_at")
	a.own.wrap(e.args[0].extent, "", index)
}

// trinoShow reads SHOW and DESCRIBE, of which Trino has more than this package.
func (t *translation) trinoShow(read func() error) error {
	empty := t.Statement
	if err := read(); err != nil {
		t.Statement = empty
		t.Kind = Query
	}
	start, end := t.tokens[0].Offset, t.tokens[len(t.tokens)-1].end()
	t.Source = t.source[start:end]
	if t.Kind == Query {
		t.SQL, t.spans = applyEdits(t.source, start, end, nil)
	}
	return nil
}

// caseless is ILIKE.
func (a *analysis) caseless(e *expr) {
	if a.target != ForTrino || e.op != "ILIKE" {
		return
	}
	for _, x := range e.args[:2] {
		a.own.wrap(x.extent, "lower(", ")")
	}
	a.own.replaceText(e.opAt, "LIKE")
}
