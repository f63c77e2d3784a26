package dialect

import (
	"strconv"
	"strings"
)

// TypeKind says what values of a type are.
type TypeKind uint8

const (
	Unknown TypeKind = iota // anything; never a reason to refuse
	Text
	JSONText // text that holds JSON: its members can be named
	JSON
	Boolean
	Integer
	Decimal // Scale digits behind the point
	Double
	Date
	Time
	Timestamp   // Scale digits of a second
	TimestampTZ // an instant
	Zoned       // an instant that is shown in another time zone; DuckDB has the local time, in columns of queries the instant
	Interval
	Binary
	Address // an IP address, as text
	Network // a CIDR prefix, as text
	List    // of Elem
	Map     // of Key to Elem
	Struct  // of Fields
	Lambda
)

// Type is the type of an expression, as far as a translation needs it.
type Type struct {
	Kind   TypeKind
	Scale  int
	Key    *Type
	Elem   *Type
	Fields []Column // names may be "" in a ROW without names
	Zone   string   // of Zoned: the time zone as it was written; "" where it is no constant
	stored bool     // of Zoned: a column that has the instant
}

// shown is the type of an expression for a column: its local time.
func (t Type) shown() Type {
	t.stored = false
	return t
}

// bare is the type of a column where its zone is not put on.
func (t Type) bare() Type {
	if t.stored {
		return Type{Kind: TimestampTZ, Scale: t.Scale}
	}
	return t
}

func listOf(t Type) Type     { return Type{Kind: List, Elem: &t} }
func mapOf(key, t Type) Type { return Type{Kind: Map, Key: &key, Elem: &t} }

func (t Type) is(kinds ...TypeKind) bool {
	for _, k := range kinds {
		if t.Kind == k {
			return true
		}
	}
	return false
}

func (t Type) isText() bool    { return t.is(Text, JSONText) }
func (t Type) isJSON() bool    { return t.is(JSON, JSONText) }
func (t Type) isInstant() bool { return t.is(TimestampTZ, Zoned) }

// element is the type of what a list or map holds.
func (t Type) element() Type {
	if t.Elem != nil {
		return *t.Elem
	}
	return Type{}
}

func (t Type) field(name string) (Type, bool) {
	for _, f := range t.Fields {
		if strings.EqualFold(f.Name, name) {
			return f.Type, true
		}
	}
	return Type{}, false
}

// scalarTypes are the one-word names that DuckDB, Trino and Hive have.
var scalarTypes = map[string]TypeKind{
	"VARCHAR": Text, "CHAR": Text, "TEXT": Text, "STRING": Text, "BPCHAR": Text, "UUID": Unknown,
	"JSON": JSON, "JSONTEXT": JSONText, "BOOLEAN": Boolean, "BOOL": Boolean, "LOGICAL": Boolean,
	"TINYINT": Integer, "SMALLINT": Integer, "INTEGER": Integer, "INT": Integer, "BIGINT": Integer, "HUGEINT": Integer,
	"UTINYINT": Integer, "USMALLINT": Integer, "UINTEGER": Integer, "UBIGINT": Integer, "UHUGEINT": Integer, "LONG": Integer,
	"REAL": Double, "FLOAT": Double, "DOUBLE": Double, "DECIMAL": Decimal, "NUMERIC": Decimal,
	"DATE": Date, "TIME": Time, "TIMESTAMP": Timestamp, "DATETIME": Timestamp, "TIMESTAMPTZ": TimestampTZ, "INTERVAL": Interval,
	"VARBINARY": Binary, "BLOB": Binary, "BINARY": Binary, "BYTEA": Binary, "IPADDRESS": Address, "IPPREFIX": Network,
}

// ParseType reads a type as DuckDB, Trino or Hive write it, as in
// STRUCT(a VARCHAR, b VARCHAR[]), ROW(a varchar), struct<a:string>. What it does
// not know is the unknown type. JSONTEXT is text that holds JSON.
func ParseType(text string) Type {
	tokens, err := significantTokens(text)
	if err != nil {
		return Type{}
	}
	p := &parser{sql: text, tokens: tokens, limit: len(text)}
	t, ok := p.tryType()
	if !ok || p.i < len(p.tokens) {
		return Type{}
	}
	return t.Type
}

// typeName is a type in a statement.
type typeName struct {
	Type
	sql    string // as DuckDB writes it
	length string // of VARCHAR(length)
}

// tryType reads the type at the parser's place.
func (p *parser) tryType() (typeName, bool) {
	if p.enter() != nil {
		return typeName{}, false
	}
	defer p.leave()
	t, ok := p.simpleType()
	for ok && p.peekIs(0, "[") { // VARCHAR[], INTEGER[3]
		end := 1
		for end < 3 && !p.peekIs(end, "]") {
			end++
		}
		if !p.peekIs(end, "]") {
			return t, false
		}
		p.i += end + 1
		t = typeName{Type: listOf(t.Type), sql: t.sql + "[]"}
	}
	if ok && p.peekWord(0, "ARRAY") { // varchar ARRAY
		p.i++
		t = typeName{Type: listOf(t.Type), sql: t.sql + "[]"}
	}
	return t, ok
}

func (p *parser) simpleType() (typeName, bool) {
	t := p.peek(0)
	if t.Kind != Word && t.Kind != QuotedName {
		return typeName{}, false
	}
	word := strings.ToUpper(t.name())
	p.i++
	switch word {
	case "ARRAY", "LIST":
		args, ok := p.typeArguments()
		if !ok || len(args) != 1 {
			return typeName{}, false
		}
		return typeName{Type: listOf(args[0].Type), sql: args[0].sql + "[]"}, true
	case "MAP":
		args, ok := p.typeArguments()
		if !ok || len(args) != 2 {
			return typeName{}, false
		}
		return typeName{Type: mapOf(args[0].Type, args[1].Type), sql: "MAP(" + args[0].sql + ", " + args[1].sql + ")"}, true
	case "ROW", "STRUCT":
		return p.rowType()
	case "DOUBLE":
		p.acceptWord("PRECISION")
	case "INTERVAL":
		for p.peekWord(0, "YEAR", "MONTH", "DAY", "SECOND", "TO") {
			p.i++
		}
	}
	kind, known := scalarTypes[word]
	name := typeName{Type: Type{Kind: kind}, sql: duckType(word)}
	if p.peekIs(0, "(") && kind != Unknown || p.peekIs(0, "(") && !known { // VARCHAR(20), DECIMAL(9, 2), TIMESTAMP(3)
		p.i++
		var numbers []string
		for !p.peekIs(0, ")") {
			if t := p.peek(0); t.Kind == Number {
				numbers = append(numbers, t.Text)
			} else if !t.is(",") {
				return name, false
			}
			p.i++
		}
		p.i++
		switch {
		case kind == Decimal:
			name.sql += "(" + strings.Join(numbers, ", ") + ")"
			if len(numbers) == 2 {
				name.Scale, _ = strconv.Atoi(numbers[1])
			}
		case kind == Text && len(numbers) == 1:
			name.length = numbers[0]
		case kind == Timestamp && len(numbers) == 1:
			name.Scale, _ = strconv.Atoi(numbers[0])
		}
	} else if kind == Timestamp {
		name.Scale = 3
	} else if kind == Decimal {
		name.sql += "(38, 0)"
	}
	if kind == Timestamp || kind == Time {
		switch {
		case p.peekWord(0, "WITH") && p.peekWord(1, "TIME") && p.peekWord(2, "ZONE"):
			p.i += 3
			if kind == Timestamp {
				name.Kind = TimestampTZ
			}
			name.sql += " WITH TIME ZONE"
		case p.peekWord(0, "WITHOUT") && p.peekWord(1, "TIME") && p.peekWord(2, "ZONE"):
			p.i += 3
		}
	}
	return name, true
}

// duckType is DuckDB's word for a scalar type.
func duckType(word string) string {
	switch word {
	case "STRING", "CHAR", "JSONTEXT", "IPADDRESS", "IPPREFIX":
		return "VARCHAR"
	case "VARBINARY", "BINARY":
		return "BLOB"
	}
	return word
}

// typeArguments reads (a, b) or Hive's <a, b>.
func (p *parser) typeArguments() ([]typeName, bool) {
	closing := ")"
	switch {
	case p.peekIs(0, "<"):
		closing = ">"
	case !p.peekIs(0, "("):
		return nil, false
	}
	p.i++
	var args []typeName
	for {
		t, ok := p.tryType()
		if !ok {
			return nil, false
		}
		args = append(args, t)
		if p.accept(",") {
			continue
		}
		return args, p.accept(closing)
	}
}

// rowType reads ROW(a T, b U), ROW(T, U) or struct<a:T>.
func (p *parser) rowType() (typeName, bool) {
	closing := ")"
	switch {
	case p.peekIs(0, "<"):
		closing = ">"
	case !p.peekIs(0, "("):
		return typeName{}, false
	}
	p.i++
	row := typeName{Type: Type{Kind: Struct}}
	var members []string
	for {
		start, name := p.i, ""
		if t := p.peek(0); t.Kind == Word || t.Kind == QuotedName || t.Kind == BacktickName {
			p.i++
			p.accept(":")
			name = t.name()
		}
		member, ok := p.tryType()
		if !ok { // a type alone
			p.i, name = start, ""
			if member, ok = p.tryType(); !ok {
				return row, false
			}
		}
		row.Fields = append(row.Fields, Column{name, member.Type})
		if name == "" {
			name = "field" + strconv.Itoa(len(members))
		}
		members = append(members, quoteName(name)+" "+member.sql)
		if p.accept(",") {
			continue
		}
		row.sql = "STRUCT(" + strings.Join(members, ", ") + ")"
		return row, p.accept(closing)
	}
}
