package dialect

import (
	"slices"
	"strings"
)

// Function is one of the functions that the dialects athena and lake have.
// Others are handed to the engine as they are.
type Function struct {
	Name      string
	Arguments string // as help shows them
	Group     string
	// Macro is what trino_NAME does in DuckDB: overloads as CREATE MACRO has
	// them, tried in order of their types. Empty for functions that DuckDB has,
	// that it has under the name To, or that only the translation can write.
	Macro string
	To    string
	// Returns is the type: as ParseType reads it, $1 for that of the first
	// argument, $1[] for a list of it, *1 for its element.
	Returns    string
	Times      string // arguments that are times, as in "23"; text there is read as one
	Difference string // from Athena, where there is one
	Example    string // an expression; "" for an aggregate or where none is possible
	Want       string // what CAST(example AS VARCHAR) gives
}

// MacroName is what a translation calls the function, if it is not Name or To.
func (f Function) MacroName() string { return "trino_" + f.Name }

// Functions are all of them, by group and name. The caller must not change it.
func Functions() []Function { return functions }

// FunctionNamed finds a function by its name in lower case.
func FunctionNamed(name string) (Function, bool) {
	for i := range functions {
		if functions[i].Name == name {
			return functions[i], true
		}
	}
	return Function{}, false
}

// MacroSQL is the statement that makes the macro of this name, as
// Statement.Macros has it; "" for any other name.
func MacroSQL(name string) string {
	f, ok := FunctionNamed(strings.TrimPrefix(name, "trino_"))
	if !ok || f.Macro == "" {
		return ""
	}
	return "CREATE OR REPLACE TEMP MACRO " + name + f.Macro
}

// macroOrder adds the macros that others call, and puts them in front.
func macroOrder(names map[string]bool) []string {
	var order []string
	var add func(name string)
	add = func(name string) {
		if slices.Contains(order, name) {
			return
		}
		f, _ := FunctionNamed(strings.TrimPrefix(name, "trino_"))
		rest := f.Macro
		for {
			_, after, ok := strings.Cut(rest, "trino_")
			if !ok {
				break
			}
			called, _, _ := strings.Cut(after, "(")
			if "trino_"+called != name {
				add("trino_" + called)
			}
			rest = after
		}
		order = append(order, name)
	}
	sorted := make([]string, 0, len(names))
	for n := range names {
		sorted = append(sorted, n)
	}
	slices.Sort(sorted)
	for _, n := range sorted {
		add(n)
	}
	return order
}
