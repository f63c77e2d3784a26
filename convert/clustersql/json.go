package clustersql

import (
	"fmt"
	"strings"
)

// Patterns for JSON that is known to be valid, so they only have to find where a
// value ends. Without possessive quantifiers (++, *+) a long text would be gone
// through again and again.
const (
	stringPattern = `"(?:[^"\\]++|\\.)*+"`
	scalarPattern = `[-+.0-9A-Za-z]++`
	// depth is how many containers may be in one another in a record. Real
	// records reach 10.
	depth = 20
)

// nestPattern is an object or a list.
var nestPattern = func() string {
	p := `[{\[](?:[^"{}\[\]]++|` + stringPattern + `)*+[}\]]`
	for range depth - 1 {
		p = `[{\[](?:[^"{}\[\]]++|` + stringPattern + `|` + p + `)*+[}\]]`
	}
	return p
}()

var valuePattern = `(?:` + stringPattern + `|` + nestPattern + `|` + scalarPattern + `)`

// text quotes a text for SQL.
func text(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }

func texts(list []string) string {
	quoted := make([]string, len(list))
	for i, s := range list {
		quoted[i] = text(s)
	}
	return strings.Join(quoted, ", ")
}

// firstIs says that JSON begins with a character.
func firstIs(value, c string) string { return fmt.Sprintf("substr(%s, 1, 1) = '%s'", value, c) }

// unquoted are the characters of a JSON string.
func unquoted(value string) string {
	return fmt.Sprintf(`IF(strpos(%[1]s, '\') = 0, substr(%[1]s, 2, length(%[1]s) - 2), json_extract_scalar(%[1]s, '$'))`, value)
}

// columnText is what a column has of a value: see cloudtrail.Kind.
func columnText(value string) string {
	return fmt.Sprintf(`IF(%s, %s, nullif(%s, 'null'))`, firstIs(value, `"`), unquoted(value), value)
}

// members are those of a compact object, each as "key":value.
func members(object string) string {
	return fmt.Sprintf(`regexp_extract_all(substr(%s, 2), %s)`, object, text(stringPattern+`:`+valuePattern))
}

// elements are those of a compact list.
func elements(list string) string {
	return fmt.Sprintf(`regexp_extract_all(substr(%[1]s, 2, length(%[1]s) - 2), %[2]s)`, list, text(valuePattern))
}

// keyOf and valueOf take a member apart. A key with an escaped quote comes out
// wrong, with a backslash: keysArePlain says so.
func keyOf(member string) string {
	return fmt.Sprintf(`substr(%[1]s, 2, strpos(%[1]s, '":') - 2)`, member)
}

func valueOf(member string) string {
	return fmt.Sprintf(`substr(%[1]s, strpos(%[1]s, '":') + 2)`, member)
}

// keysArePlain says of a list of keys that each is there once and that none is
// escaped.
func keysArePlain(keys string) string {
	return fmt.Sprintf(`(cardinality(array_distinct(%[1]s)) = cardinality(%[1]s) AND none_match(%[1]s, k -> strpos(k, '\') > 0))`, keys)
}

// compact is JSON without white space between tokens.
func compact(value string) string {
	return fmt.Sprintf(`IF(regexp_like(%[1]s, %[2]s), %[1]s, regexp_replace(%[1]s, %[3]s, '$1'))`,
		value, text(`^(?:[^" \t\r\n]++|`+stringPattern+`)*+$`), text(`(`+stringPattern+`)|[ \t\r\n]++`))
}

// canonical gives equal JSON equal texts, as cloudtrail.Canonical does: the engine
// sorts members and resolves escapes, and would round numbers, so those become
// texts, told from others by their first character.
func canonical(value string) string {
	return fmt.Sprintf(`coalesce(json_format(TRY(json_parse(regexp_replace(%[1]s, %[2]s, g -> IF(g[1] IS NOT NULL, '"=' || substr(g[1], 2), '"#' || g[2] || '"'))))), %[1]s)`,
		value, text(`(`+stringPattern+`)|(-?\d[-+.0-9eE]*+)`))
}
