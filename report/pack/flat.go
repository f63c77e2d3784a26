package pack

import (
	"maps"
	"slices"
	"strconv"
	"strings"
)

// flatColumns are columns that an inner query has computed once for all that an
// outer one asks of them: members of structs, texts that are never NULL, and what
// macros stand for. The outer one is written first, and notes what it uses.
type flatColumns struct {
	raw, text, macros map[string]string // SQL by name
	names             []string          // of raw and text, in the order of their first use
	macroNames        []string

	rule  *placed            // whose condition is being written, if it is limited to some events
	paths map[string][]int64 // rules that need a path, by its name
}

func newFlatColumns() *flatColumns {
	return &flatColumns{raw: map[string]string{}, text: map[string]string{}, macros: map[string]string{}, paths: map[string][]int64{}}
}

// column is the name for a column or a member, which may be NULL.
func (f *flatColumns) column(sql string) string {
	name := strings.ReplaceAll(strings.ToLower(sql), ".", "_")
	if _, ok := f.raw[name]; !ok {
		f.raw[name] = sql
		f.names = append(f.names, name)
	}
	return name
}

// never is the name for a text that is empty where the column is NULL.
func (f *flatColumns) never(sql string) string {
	name := "text_" + strings.ReplaceAll(strings.ToLower(sql), ".", "_")
	if _, ok := f.text[name]; !ok {
		f.text[name] = neverNull(sql)
		f.names = append(f.names, name)
	}
	return name
}

// neverNull is empty where a column is NULL. Of a text that repeats, engines keep a
// dictionary: they call functions for what stands there, and not for each row, and so
// they do with what a call has made. coalesce is no call. Members of structs and JSON have none.
func neverNull(column string) string {
	if strings.Contains(column, ".") || isJSON(column) {
		return "coalesce(" + column + ", '')"
	}
	return "concat_ws('', " + column + ")"
}

// write writes the columns that were used, after something.
func (f *flatColumns) write(w *sqlWriter) {
	for _, name := range f.names {
		sql, ok := f.raw[name]
		if !ok {
			sql = f.text[name]
		}
		w.add(",\n\t", sql, " AS ", name)
	}
}

// sharedMacros are those that cost little for any event and that many rules need.
var sharedMacros = map[string]string{"ACTOR": "macro_actor", "OK": "macro_ok", "DENIED": "macro_denied", "ROOT": "macro_root", "BY_SERVICE": "macro_by_service"}

// macro is the name for what a macro stands for; ok is false for one that is not
// shared.
func (f *flatColumns) macro(macro, sql string) (name string, ok bool) {
	name, ok = sharedMacros[macro]
	if _, known := f.macros[name]; ok && !known {
		f.macros[name] = sql
		f.macroNames = append(f.macroNames, name)
	}
	return name, ok
}

// sharedPaths are paths in requestparameters that many rules need of the same events.
var sharedPaths = map[string]string{"'$.bucketName'": "path_bucketname", "'$.roleArn'": "path_rolearn"}

// path is the name for the text at a path; ok is false for one that is not shared.
func (f *flatColumns) path(column, path string, isText bool) (name string, ok bool) {
	name, ok = sharedPaths[path]
	if !ok || !isText || column != "requestparameters" || f.rule == nil {
		return "", false
	}
	f.column(column)
	for len(f.paths[name]) <= f.rule.word {
		f.paths[name] = append(f.paths[name], 0)
	}
	f.paths[name][f.rule.word] |= 1 << f.rule.bit
	return name, true
}

// writeMacros writes the macros and paths that were used, after something. Paths are
// read only of events that may concern a rule that needs them.
func (f *flatColumns) writeMacros(w *sqlWriter) {
	for _, path := range slices.Sorted(maps.Keys(sharedPaths)) {
		name := sharedPaths[path]
		terms := 0
		for word, mask := range f.paths[name] {
			if mask == 0 {
				continue
			}
			if terms++; terms == 1 {
				w.add(",\n\tCASE WHEN ")
			} else {
				w.add(" OR ")
			}
			w.add("bitwise_and(candidates", strconv.Itoa(word), ", ", number(mask), ") <> 0")
		}
		if terms > 0 {
			w.add(" THEN coalesce(json_extract_scalar(requestparameters, ", path, "), '') ELSE '' END AS ", name)
		}
	}
	for _, name := range f.macroNames {
		w.add(",\n\t", f.macros[name], " AS ", name)
	}
}
