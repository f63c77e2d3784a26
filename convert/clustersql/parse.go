package clustersql

import (
	"fmt"
	"slices"
	"strings"

	"github.com/trailql/trailql/convert/cloudtrail"
)

// object is a kind of JSON object whose members are columns: a record, or a struct
// column. Its name begins those of the columns that the statement has for it:
//
//	_j  its compact text, null where there is none
//	_m  its members, in order
//	_v  a map of their values, null where a key is repeated
//	_t  the same as texts for columns
//	_u  what of it no column holds
type object struct {
	name     string
	key      string // in its parent
	parent   *object
	members  []member
	children []*object
}

type member struct {
	key   string
	kind  cloudtrail.Kind
	child *object
}

// objects are the record and all in it, parents first.
func objects() (all []*object, byPath map[string]*object) {
	byPath = map[string]*object{}
	var walk func(o *object, path string, columns []cloudtrail.Column)
	walk = func(o *object, path string, columns []cloudtrail.Column) {
		byPath[path] = o
		all = append(all, o)
		for _, c := range columns {
			if c.Key == "" {
				continue
			}
			at := o
			if c.From != nil {
				at = byPath["/"+strings.Join(c.From, "/")]
			}
			m := member{key: c.Key, kind: c.Kind}
			if c.Kind == cloudtrail.Struct {
				m.child = &object{name: strings.TrimPrefix(o.name+"_"+strings.ToLower(c.Key), "record_"), key: c.Key, parent: o}
				o.children = append(o.children, m.child)
				walk(m.child, path+"/"+c.Key, c.Fields)
			}
			at.members = append(at.members, m)
		}
	}
	walk(&object{name: "record"}, "", cloudtrail.Columns())
	return all, byPath
}

func (o *object) value(key string) string {
	return fmt.Sprintf("element_at(%s_v, %s)", o.name, text(key))
}

func (o *object) text(key string) string {
	return fmt.Sprintf("element_at(%s_t, %s)", o.name, text(key))
}

// keysOf are those of members of these kinds.
func (o *object) keysOf(kinds ...cloudtrail.Kind) string {
	var keys []string
	for _, m := range o.members {
		if slices.Contains(kinds, m.kind) {
			keys = append(keys, m.key)
		}
	}
	return strings.Join(keys, "|")
}

// modelled is the pattern of members that the columns hold all of.
func (o *object) modelled() string {
	all := o.keysOf(cloudtrail.Text, cloudtrail.Flag, cloudtrail.JSON, cloudtrail.Struct, cloudtrail.Resources, cloudtrail.Map)
	alternatives := []string{`(?:` + all + `)":null$`}
	for _, k := range []struct{ keys, value string }{
		{o.keysOf(cloudtrail.Text), `"`},
		{o.keysOf(cloudtrail.Flag), `(?:true|false)$`},
		{o.keysOf(cloudtrail.JSON), `[{\[]`},
		{o.keysOf(cloudtrail.Struct, cloudtrail.Map), `\{`},
		{o.keysOf(cloudtrail.Resources), `\[`},
	} {
		if k.keys != "" {
			alternatives = append(alternatives, `(?:`+k.keys+`)":`+k.value)
		}
	}
	return `^"(?:` + strings.Join(alternatives, "|") + `)`
}

// unmodeled is the object of what no column holds, null for nothing: explicit
// nulls and nested objects in the order of the schema, then other members in the
// order of the record.
func (o *object) unmodeled() string {
	var keys, nested []string
	inexact := ""
	for _, m := range o.members {
		keys = append(keys, m.key)
		switch m.kind {
		case cloudtrail.Struct:
			nested = append(nested, fmt.Sprintf(" WHEN k = %s THEN %s || %s_u", text(m.key), text(`"`+m.key+`":`), m.child.name))
		case cloudtrail.Resources, cloudtrail.Map:
			inexact = fmt.Sprintf(" OR NOT coalesce(%s_%s_exact, true) AND starts_with(m, %s)", o.name, strings.ToLower(m.key), text(`"`+m.key+`":`))
		}
	}
	return fmt.Sprintf(`IF(%[1]s_v IS NULL, NULL, nullif('{' || array_join(transform(ARRAY[%[2]s], k -> CASE WHEN element_at(%[1]s_v, k) = 'null' THEN '"' || k || '":null'%[3]s END)
    || filter(%[1]s_m, m -> NOT regexp_like(m, %[4]s)%[5]s), ',') || '}', '{}'))`,
		o.name, texts(keys), strings.Join(nested, ""), text(o.modelled()), inexact)
}

// maxRecord is the longest record that is read, in bytes: the engine refuses to
// make longer texts by ||, and that would end the query. CloudTrail's limit for
// records of trails is 256 KB.
const maxRecord = 512 << 10

// joins says that what has been found in a container is all of it: that it is its
// opening, the parts with commas between them, and its end.
func joins(parts, container, opening, end string) string {
	return fmt.Sprintf("(array_join(%[1]s, ',') = substr(%[2]s, %[3]d, length(%[2]s) - %[4]d) AND substr(%[2]s, -%[5]d) = %[6]s)",
		parts, container, len(opening)+1, len(opening)+len(end), len(end), text(end))
}

// layers builds a query of subqueries, each of which adds columns to the one in it.
type layers struct{ sql string }

func (l *layers) add(columns ...string) {
	l.sql = "SELECT *,\n  " + strings.Join(columns, ",\n  ") + "\nFROM (\n" + l.sql + ")\n"
}

// parse reads lines into records: a query with the columns of the table that come
// from a record, and
//
//	size        stored bytes of the object
//	day         of its folder, YYYY/MM/DD
//	jsonbytes   its uncompressed bytes
//	records     how many it has
//	plain       that the record, if there is one, is as the table has it
//	sourceindex null in the row of a line without records
//
// lines is a query with the columns path, size, day and line.
func parse(lines string) string {
	all, byPath := objects()
	record := all[0]
	l := &layers{sql: lines}
	const open, end = `{"Records":[`, `]}`
	l.add("trim(line) AS object")
	l.add(fmt.Sprintf("IF(starts_with(object, %s), regexp_extract_all(substr(object, %d), %s)) AS found", text(open), len(open)+1, text(nestPattern)))
	l.add(fmt.Sprintf("coalesce(%s AND from_utf8(to_utf8(line)) = line, false) AS whole", joins("found", "object", open, end)))
	l.sql = `SELECT path, size, day, whole, length(to_utf8(line)) AS jsonbytes, IF(whole, cardinality(found), 0) AS records, n - 1 AS sourceindex, record AS record_raw
FROM (
` + l.sql + `) LEFT JOIN UNNEST(IF(whole, found)) WITH ORDINALITY AS t (record, n) ON true
`
	l.add(fmt.Sprintf("IF(length(to_utf8(record_raw)) <= %d, %s) AS record_j", maxRecord, compact("record_raw")))
	var plain []string
	for _, o := range all {
		if o.parent != nil {
			l.add(fmt.Sprintf("IF(%s, %s) AS %s_j", firstIs(o.parent.value(o.key), "{"), o.parent.value(o.key), o.name))
		}
		l.add(members(o.name+"_j") + " AS " + o.name + "_m")
		keys := fmt.Sprintf("transform(%s_m, m -> %s)", o.name, keyOf("m"))
		l.add(fmt.Sprintf("IF(%s, map(%s, transform(%s_m, m -> %s))) AS %s_v", keysArePlain(keys), keys, o.name, valueOf("m"), o.name))
		l.add(fmt.Sprintf("transform_values(%s_v, (k, v) -> %s) AS %s_t", o.name, columnText("v"), o.name))
		plain = append(plain, fmt.Sprintf("(%[1]s_j IS NULL OR %[1]s_v IS NOT NULL AND %[2]s)", o.name, joins(o.name+"_m", o.name+"_j", "{", "}")))
		for _, m := range o.members {
			name := o.name + "_" + strings.ToLower(m.key)
			switch m.kind {
			case cloudtrail.Resources:
				plain = append(plain, addResources(l, o, m.key, name))
			case cloudtrail.Map:
				plain = append(plain, addMap(l, o, m.key, name))
			}
		}
	}
	for _, o := range slices.Backward(all) {
		l.add(o.unmodeled() + " AS " + o.name + "_u")
	}
	plain = append(plain,
		firstIs("record_j", "{"),
		"TRY(json_parse(record_j)) IS NOT NULL",
		// Escaped halves of characters, which may be alone.
		`NOT regexp_like(record_j, '(?<!\\)(?:\\\\)*\\u[dD][89a-fA-F]')`,
		fmt.Sprintf("cardinality(filter(ARRAY[%s], k -> element_at(record_v, k) IS NOT NULL)) >= 3", texts(marks)),
		fmt.Sprintf("coalesce(%s, '') <> 'AwsAggregatedEvent'", record.text("eventType")),
		fmt.Sprintf(`regexp_like(%s, '^"(?!0000)\d{4}-\d\d-\d\dT(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\dZ"$')`, record.value("eventTime")),
		fmt.Sprintf("TRY(from_iso8601_timestamp(%s)) IS NOT NULL", record.text("eventTime")),
	)
	var columns []string
	for _, c := range cloudtrail.Columns() {
		at := record
		if c.From != nil {
			at = byPath["/"+strings.Join(c.From, "/")]
		}
		if e := column(c, at, byPath, "/"+c.Key); e != "" {
			columns = append(columns, e+" AS "+c.Name)
		}
	}
	return "SELECT\n  " + strings.Join(columns, ",\n  ") + `,
  size, day, jsonbytes, records,
  whole AND (record_raw IS NULL OR coalesce(` + strings.Join(plain, "\n    AND ") + `, false)) AS plain
FROM (
` + l.sql + ")\n"
}

// marks are members of which a record has at least three, as in package cloudtrail.
var marks = []string{"eventVersion", "eventTime", "eventSource", "eventName", "eventID", "userIdentity", "awsRegion", "eventType", "sourceIPAddress", "recipientAccountId"}

// column is a column's value, "" for one that is made when rows are added.
func column(c cloudtrail.Column, at *object, byPath map[string]*object, path string) string {
	switch c.Name {
	case "unmodeled":
		return "record_u"
	case "sourceobject":
		return objectName("path")
	case "sourceindex":
		return "sourceindex"
	case cloudtrail.RegionColumn:
		return fmt.Sprintf(`IF(regexp_like(%[1]s, '^[-_0-9A-Za-z]{1,64}$'), %[1]s, '%[2]s')`, at.text("awsRegion"), cloudtrail.UnknownRegion)
	case cloudtrail.DateColumn:
		return fmt.Sprintf("substr(%s, 1, 10)", at.text("eventTime"))
	case cloudtrail.TimestampColumn:
		return ""
	}
	switch c.Kind {
	case cloudtrail.Struct:
		o := byPath[path]
		var values []string
		for _, f := range c.Fields {
			values = append(values, column(f, o, byPath, path+"/"+f.Key))
		}
		return fmt.Sprintf("IF(%s_j IS NOT NULL, CAST(ROW(%s) AS %s))", o.name, strings.Join(values, ", "), typeOf(c))
	case cloudtrail.Resources, cloudtrail.Map:
		return at.name + "_" + strings.ToLower(c.Key)
	}
	return at.text(c.Key)
}

const resourceType = "ROW(arn varchar, accountid varchar, type varchar)"

func typeOf(c cloudtrail.Column) string {
	switch c.Kind {
	case cloudtrail.Struct:
		var fields []string
		for _, f := range c.Fields {
			fields = append(fields, f.Name+" "+typeOf(f))
		}
		return "ROW(" + strings.Join(fields, ", ") + ")"
	case cloudtrail.Map:
		return "map(varchar, varchar)"
	}
	return "varchar"
}

// objectName is what the table calls an object: a path, or a URI.
func objectName(path string) string { return fmt.Sprintf("regexp_replace(%s, '^file:/+', '/')", path) }

// addResources adds the list of resources, and says when it is as the table has it.
func addResources(l *layers, o *object, key, name string) string {
	v := o.value(key)
	l.add(fmt.Sprintf("IF(%s, %s) AS %s_e", firstIs(v, "["), elements(v), name))
	// Of an object's members with text, the one of a key.
	of := func(key string) string {
		prefix := `"` + key + `":`
		value := fmt.Sprintf("substr(element_at(filter(m, x -> starts_with(x, %s)), 1), %d)", text(prefix+`"`), len(prefix)+1)
		return unquoted(value)
	}
	l.add(fmt.Sprintf(`transform(%[1]s_e, e -> IF(%[2]s, %[3]s, ARRAY['"ARN":' || e])) AS %[1]s_m`, name, firstIs("e", "{"), members("e")))
	l.add(fmt.Sprintf(`transform(%[1]s_m, m -> CAST(ROW(coalesce(%[2]s, %[3]s), %[4]s, %[5]s) AS %[6]s)) AS %[1]s`,
		name, of("ARN"), of("arn"), of("accountId"), of("type"), resourceType),
		fmt.Sprintf(`all_match(%s_e, e -> regexp_like(e, %s)) AS %[1]s_exact`, name, text(`^\{(?:"(?:ARN|accountId|type)":`+stringPattern+`,?)*+\}$`)))
	return fmt.Sprintf(`(%[1]s_e IS NULL OR %[2]s AND all_match(%[1]s_m, m -> %[3]s))`,
		name, joins(name+"_e", v, "[", "]"), keysArePlain("transform(m, x -> "+keyOf("x")+")"))
}

// addMap adds a map of text to text, and says when it is as the table has it.
func addMap(l *layers, o *object, key, name string) string {
	v := o.value(key)
	l.add(fmt.Sprintf("IF(%s, %s) AS %s_m", firstIs(v, "{"), members(v), name))
	isText := func(m string) string { return fmt.Sprintf(`substr(%s, strpos(%[1]s, '":') + 2, 1) = '"'`, m) }
	keys := fmt.Sprintf("transform(%s_m, m -> %s)", name, keyOf("m"))
	l.add(fmt.Sprintf("IF(%s, map(transform(filter(%[2]s_m, m -> %[3]s), m -> %[4]s), transform(filter(%[2]s_m, m -> %[3]s), m -> %[5]s))) AS %[2]s",
		keysArePlain(keys), name, isText("m"), keyOf("m"), unquoted(valueOf("m"))),
		fmt.Sprintf("all_match(%s_m, m -> %s) AS %[1]s_exact", name, isText("m")))
	return fmt.Sprintf("(%[1]s_m IS NULL OR %[1]s IS NOT NULL AND %[2]s)", name, joins(name+"_m", v, "{", "}"))
}
