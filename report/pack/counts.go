package pack

import (
	"fmt"
	"strconv"
)

// Counts is a statement that counts the events that any of some rules takes, in one pass for
// several sets of values for parameters: columns n0, n1 and so on. The events are those
// that meet a condition.
func (l *Library) Counts(rules []string, params []map[string]any, of Statement) (Statement, error) {
	b := &planner{lib: l, flat: newFlatColumns()}
	source, name := b.flat.never("eventsource"), b.flat.never("eventname")
	b.flat.rule = &placed{} // of which every event is a candidate: paths are read once for all
	w := &sqlWriter{}
	w.add("SELECT ")
	for i, given := range params {
		var err error
		if b.values, err = l.Values(given); err != nil {
			return Statement{}, err
		}
		if i > 0 {
			w.add(",\n\t")
		}
		w.add("count(CASE WHEN ")
		for _, id := range rules {
			r := l.rules[id]
			if r == nil {
				return Statement{}, fmt.Errorf("%w rule %q", ErrUnknown, id)
			}
			w.add("CASE WHEN ")
			r.events(w, source, name)
			w.add(" THEN ")
			if r.Where.Value == "" {
				w.add("true")
			} else {
				e, err := b.expand(r.Where)
				if err != nil {
					return Statement{}, err
				}
				w.insert(e)
			}
			w.add(" ELSE false END OR ")
		}
		w.add("false THEN 1 END) AS n", strconv.Itoa(i))
	}
	w.add("\nFROM (SELECT *")
	b.flat.writeMacros(w)
	w.add("\nFROM (SELECT CAST(1 AS bigint) AS candidates0")
	b.flat.write(w)
	w.add("\nFROM cloudtrail_logs WHERE ")
	w.insert(expansion{sql: of.SQL, params: of.Params})
	w.add(") columns) columns_and_macros")
	return w.statement(), nil
}
