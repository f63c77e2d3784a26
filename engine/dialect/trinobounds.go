package dialect

import (
	"slices"
	"strings"
	"time"
)

// A cluster leaves out files by conditions on columns, and on nothing that is computed
// of them but from partition columns alone. So a condition on the time of an event,
// where that is computed, is said once more: of the day that the table is partitioned
// by, and of the column of the time below a view. What is said more takes no row away.

// bound is an end of the span that a condition leaves.
type bound struct {
	lower  bool
	strict bool  // the end itself is outside
	at     *expr // constant
	local  bool  // what is bounded is in the zone that the text of the event has
}

// bounds adds what the conditions of a SELECT say of the time of events.
func (a *analysis) bounds(b *body, in *scope) {
	if a.target != ForTrino || b.where == nil {
		return
	}
	found := map[*visible][]bound{}
	for _, c := range conjuncts(b.where, nil) {
		for _, s := range subjects(c) {
			if !a.isInstant(s.at) {
				continue
			}
			var v *visible
			if v, s.local = a.eventTime(s.of, in); v != nil {
				found[v] = append(found[v], s.bound)
			}
		}
	}
	for _, v := range in.sources { // in their order, so that the text is the same each time
		list := found[v]
		switch {
		case len(list) == 0:
		case v.relation.Bounded != "":
			before, after, _ := strings.Cut(v.relation.Bounded, "{bounds}")
			a.own.replace(v.at, func(w *writer) {
				w.text("("+before, v.at.start)
				for i, bound := range list {
					if i > 0 {
						w.text(" AND ", v.at.start)
					}
					// A view's time is rounded to milliseconds.
					step := time.Millisecond
					if bound.lower {
						step = -step
					}
					a.bound(w, bound, "eventtimestamp", step)
					w.text(" AND ", v.at.start)
					a.bound(w, bound, `"date"`, step)
				}
				w.text(after+")"+v.as, v.at.end-1)
			})
		case a.own.at(b.where.extent).write == nil: // nothing else is written in its place
			column := `"date"`
			if v.name != "" {
				column = quoteName(v.name) + "." + column
			}
			a.own.replace(b.where.extent, func(w *writer) {
				w.text("(", b.where.start)
				w.source(b.where.extent)
				w.text(")", b.where.end-1)
				for _, bound := range list {
					w.text(" AND (", b.where.end-1)
					// What is read from text is cut to milliseconds, which changes no day.
					step := time.Duration(0)
					_, literal := literalTime(bound.at)
					switch {
					case bound.local && bound.lower: // the day there may be the one before or behind
						step = -day
					case bound.local && literal && bound.strict:
						step = day - time.Microsecond
					case bound.local:
						step = day
					case literal && bound.strict && !bound.lower:
						step = -time.Microsecond
					}
					a.bound(w, bound, column, step)
					w.text(" OR length("+column+") <> 10)", b.where.end-1) // the day of what has no time
				}
			})
		}
	}
}

const day = 24 * time.Hour

// bound writes a condition on a column, which is an instant or a day. step is from the
// bound to what may just be inside: none, a day, a millisecond, or less for a literal.
func (a *analysis) bound(w *writer, b bound, column string, step time.Duration) {
	isDay := column != "eventtimestamp"
	compare := " <= "
	if b.lower {
		compare = " >= "
	}
	w.text(column+compare, b.at.start)
	if at, ok := literalTime(b.at); ok {
		at = at.UTC().Add(step)
		if isDay {
			w.text(quoteText(at.Format(time.DateOnly)), b.at.start)
		} else {
			w.text("TIMESTAMP "+quoteText(at.Format("2006-01-02 15:04:05.000000")+" UTC"), b.at.start)
		}
		return
	}
	before, after := "CAST(", " AS timestamp(6) with time zone)"
	if b.at.result.is(Date, Timestamp) {
		before, after = "with_timezone(CAST(", " AS timestamp(6)), 'UTC')"
	}
	switch step {
	case day:
		after += " + INTERVAL '1' DAY"
	case -day:
		after += " - INTERVAL '1' DAY"
	case time.Millisecond:
		after += " + INTERVAL '0.001' SECOND"
	case -time.Millisecond:
		after += " - INTERVAL '0.001' SECOND"
	}
	if isDay {
		before, after = "date_format(("+before, after+") AT TIME ZONE 'UTC', '%Y-%m-%d')"
	}
	w.text(before, b.at.start)
	w.source(b.at.extent)
	w.text(after, b.at.end-1)
}

// conjuncts are the conditions of which all have to hold.
func conjuncts(e *expr, list []*expr) []*expr {
	switch {
	case e.kind == parenExpr && len(e.args) == 1, e.kind == logicExpr && e.op == "AND":
		for _, x := range e.args {
			list = conjuncts(x, list)
		}
		return list
	}
	return append(list, e)
}

// subject is what a condition bounds.
type subject struct {
	of *expr
	bound
}

// subjects are both sides of a comparison: only one will turn out to be a time of
// events, and the other one a constant.
func subjects(e *expr) (list []subject) {
	if e.not || e.query != nil {
		return nil
	}
	switch {
	case e.kind == betweenExpr && len(e.args) == 3:
		return []subject{{e.args[0], bound{lower: true, at: e.args[1]}}, {e.args[0], bound{at: e.args[2]}}}
	case e.kind != compareExpr || len(e.args) != 2 || e.op == "<>":
		return nil
	}
	left, right := e.args[0], e.args[1]
	strict := e.op == "<" || e.op == ">"
	if e.op != "<" && e.op != "<=" { // =, too
		list = append(list, subject{left, bound{true, strict, right, false}}, subject{right, bound{false, strict, left, false}})
	}
	if e.op != ">" && e.op != ">=" {
		list = append(list, subject{left, bound{false, strict, right, false}}, subject{right, bound{true, strict, left, false}})
	}
	return list
}

// eventTime is the source of which an expression is the time of the event; nil if it
// is none, or one that the engine bounds by itself. local: it has no zone any more, and
// is that of the one in the text.
func (a *analysis) eventTime(e *expr, in *scope) (v *visible, local bool) {
	computed := false
	for e.kind != columnExpr {
		switch {
		case e.kind == parenExpr && len(e.args) == 1:
		case e.kind == castExpr && e.op == "CAST" && (e.result.is(Date) || e.result.is(Timestamp, TimestampTZ) && e.result.Scale >= 3):
			local = local || !e.result.is(TimestampTZ)
			computed = true
		case e.kind == callExpr && len(e.args) > 0 && a.readsTime(e):
			local = local || strings.EqualFold(a.text(e.call.name), "date")
			computed = true
		default:
			return nil, false
		}
		e = e.args[0]
	}
	m := in.here(e.parts)
	if !m.found || m.source == nil || m.source.relation == nil || m.rest != len(e.parts) || m.virtual != nil {
		return nil, false
	}
	r, column := m.source.relation, strings.ToLower(m.column)
	if r.Bounded != "" {
		if column == r.Time && !computed {
			return m.source, false
		}
		return nil, false
	}
	if column != "eventtime" || !computed {
		return nil, false
	}
	for _, ours := range []string{"eventtimestamp", "date", "sourceobject"} {
		if _, ok := m.source.column(ours); !ok {
			return nil, false
		}
	}
	return m.source, local
}

// readsTime: the call makes a time of an event's text, or a day of a time.
func (a *analysis) readsTime(e *expr) bool {
	format := ""
	if len(e.args) == 2 && e.args[1].kind == stringExpr {
		format = e.args[1].text
	}
	switch strings.ToLower(a.text(e.call.name)) {
	case "from_iso8601_timestamp", "from_iso8601_timestamp_nanos", "date":
		return true
	case "date_parse":
		return strings.HasPrefix(format, "%Y-%m-%dT") && strings.HasSuffix(format, "Z")
	case "parse_datetime":
		return strings.HasPrefix(format, "yyyy-MM-dd'T'") || strings.HasPrefix(format, "YYYY-MM-dd'T'")
	}
	return false
}

// isInstant: a constant that is a time.
func (a *analysis) isInstant(e *expr) bool {
	if _, ok := literalTime(e); ok {
		return true
	}
	return e.result.is(Date, Timestamp, TimestampTZ) && a.isConstant(e)
}

// literalTime is the time that stands in the text.
func literalTime(e *expr) (time.Time, bool) {
	switch {
	case e.kind == parenExpr && len(e.args) == 1:
		return literalTime(e.args[0])
	case e.kind == typedExpr && (e.op == "TIMESTAMP" || e.op == "DATE"), e.kind == stringExpr:
		return timeOf(strings.TrimSuffix(e.text, " UTC"))
	}
	return time.Time{}, false
}

// isConstant: it has the same value for all rows.
func (a *analysis) isConstant(e *expr) bool {
	switch e.kind {
	case literalExpr, stringExpr, typedExpr:
		return true
	case callExpr:
		if c := e.call; c.over != nil || c.filter != nil || c.star || !slices.Contains(constantCalls, strings.ToLower(a.text(c.name))) {
			return false
		}
	case intervalExpr, binaryExpr, unaryExpr, castExpr, parenExpr, zoneExpr:
	default:
		return false
	}
	for _, x := range e.args {
		if !a.isConstant(x) {
			return false
		}
	}
	return true
}

// constantCalls are of functions without side effects whose arguments decide.
var constantCalls = []string{
	"now", "current_timestamp", "current_date", "localtimestamp", "date_add", "date_trunc", "date", "date_parse", "parse_datetime", "from_iso8601_timestamp",
	"from_iso8601_date", "from_unixtime", "with_timezone", "at_timezone",
}
