package dialect

import (
	"fmt"
	"strconv"
	"strings"
)

// name reads [database.]name at token i and gives the index behind it.
func (t *translation) name(i int) (database, name string, next int, err error) {
	p := &parser{sql: t.source, tokens: t.tokens, i: i, limit: len(t.source)}
	if !p.nameAt(0) && !p.peekWord(0, "DEFAULT") {
		s := &source{}
		if p.tableName(s) {
			return "", strings.ToLower(s.name[0].text), p.i, nil
		}
		return "", "", i, p.unexpected("a name")
	}
	parts := p.dotted()
	if len(parts) > 1 {
		database = strings.ToLower(parts[len(parts)-2].text)
	}
	return database, strings.ToLower(parts[len(parts)-1].text), p.i, nil
}

// onlyName reads a name that ends the statement.
func (t *translation) onlyName(i int) error {
	database, name, next, err := t.name(i)
	if err != nil {
		return err
	}
	t.Database, t.Name = database, name
	return t.end(next)
}

func (t *translation) end(i int) error {
	if i < len(t.tokens) {
		return t.fail(t.tokens[i], fmt.Sprintf("syntax error at %q", shorten(t.tokens[i].Text)), "expected the end of the statement")
	}
	return nil
}

// resolved replaces the statement's table by the relation that it means.
func (t *translation) resolved(at int) error {
	a := &analysis{sql: t.source, dialect: t.options.Dialect, table: t.options.Table, relations: t.options.Relations}
	parts := []part{{text: t.Database}, {text: t.Name}}
	if t.Database == "" {
		parts = parts[1:]
	}
	r, suffix := a.tableNamed(parts)
	if r == nil && t.options.Target == ForTrino {
		return nil
	}
	if r == nil {
		return t.fail(t.tokens[at], fmt.Sprintf("table %q does not exist", shorten(t.Name)), didYouMean(t.Name, t.options.Relations.Names()))
	}
	if t.options.Relations.Relation(t.Name) == nil || suffix != "" { // a registered name stays as it is
		t.Name = r.Name + suffix
	}
	t.Database = ""
	return nil
}

// pattern reads [LIKE] 'pattern' at the end.
func (t *translation) pattern(i int) error {
	if t.is(i, "LIKE") {
		i++
	}
	if i < len(t.tokens) && t.tokens[i].Kind == String {
		t.Pattern = hivePattern(t.tokens[i].value())
		i++
	}
	return t.end(i)
}

// hivePattern: SHOW TABLES of Athena takes a regular expression of Hive's, with
// * for anything; LIKE patterns stay.
func hivePattern(s string) string {
	return strings.ReplaceAll(strings.ReplaceAll(s, ".*", "%"), "*", "%")
}

func (t *translation) show() error {
	i := 2
	inDatabase := func() {
		if t.is(i, "IN", "FROM") && i+1 < len(t.tokens) {
			t.Database = t.tokens[i+1].name()
			i += 2
		}
	}
	switch {
	case t.is(1, "TABLES"):
		t.Kind = ShowTables
		inDatabase()
		return t.pattern(i)
	case t.is(1, "VIEWS"):
		t.Kind = ShowViews
		inDatabase()
		return t.pattern(i)
	case t.is(1, "DATABASES", "SCHEMAS"):
		t.Kind = ShowDatabases
		inDatabase()
		return t.pattern(i)
	case t.is(1, "COLUMNS"):
		t.Kind = ShowColumns
		if t.is(i, "IN", "FROM") {
			i++
		}
		database, name, next, err := t.name(i)
		if err != nil {
			return err
		}
		t.Database, t.Name = database, name
		if t.is(next, "IN", "FROM") { // SHOW COLUMNS FROM t IN db
			next += 2
		}
		if err := t.end(next); err != nil {
			return err
		}
		return t.resolved(i)
	case t.is(1, "PARTITIONS"):
		t.Kind = ShowPartitions
		if err := t.onlyName(i); err != nil {
			return err
		}
		return t.resolved(i)
	case t.is(1, "CREATE") && t.is(2, "TABLE", "VIEW"):
		t.Kind = ShowCreateTable
		if t.is(2, "VIEW") {
			t.Kind = ShowCreateView
		}
		if err := t.onlyName(3); err != nil {
			return err
		}
		return t.resolved(3)
	}
	at := t.tokens[min(1, len(t.tokens)-1)]
	return t.fail(at, "this SHOW is not supported", "use SHOW TABLES, COLUMNS, PARTITIONS, DATABASES, VIEWS, CREATE TABLE or CREATE VIEW")
}

func (t *translation) describe() error {
	t.Kind = Describe
	i := 1
	if t.is(i, "SELECT", "WITH", "VALUES", "(") {
		return t.query(i, len(t.tokens))
	}
	if t.is(i, "FORMATTED", "EXTENDED", "TABLE", "VIEW") && i+1 < len(t.tokens) {
		i++
	}
	if err := t.onlyName(i); err != nil {
		return err
	}
	return t.resolved(i)
}

func (t *translation) create() error {
	i := 1
	if t.is(i, "OR") && t.is(i+1, "REPLACE") {
		t.Replace, i = true, i+2
	}
	if t.is(i, "PROTECTED") {
		i++
	}
	switch {
	case t.is(i, "VIEW"):
		return t.createView(i + 1)
	case t.is(i, "EXTERNAL") && t.is(i+1, "TABLE") && !t.Replace:
		return t.createTable(i + 2)
	case t.is(i, "DATABASE", "SCHEMA"):
		t.Kind, t.Note = NotNeeded, "there is one database, default; a database in front of a table's name is dropped"
		return nil
	case t.is(i, "TABLE"):
		e := errorAt(t.source, t.tokens[0].Offset, "tables are made by trailql convert only", "use CREATE VIEW, or UNLOAD for a copy of the rows")
		e.NotAllowed = true
		return e
	}
	e := errorAt(t.source, t.tokens[0].Offset, "this CREATE is not supported", "use CREATE VIEW or CREATE EXTERNAL TABLE")
	e.NotAllowed = true
	return e
}

func (t *translation) createView(i int) error {
	t.Kind = CreateView
	if t.is(i, "IF") && t.is(i+1, "NOT") && t.is(i+2, "EXISTS") {
		t.IfExists, i = true, i+3
	}
	database, name, next, err := t.name(i)
	if err != nil {
		return err
	}
	t.Database, t.Name = database, name
	for !t.is(next, "AS") { // COMMENT '…'
		if next >= len(t.tokens) || t.is(next, "(") {
			return t.fail(t.tokens[min(next, len(t.tokens)-1)], "CREATE VIEW name AS query", "give the columns their names in the query")
		}
		next++
	}
	return t.query(next+1, len(t.tokens))
}

func (t *translation) drop() error {
	switch {
	case t.is(1, "VIEW"):
		t.Kind = DropView
	case t.is(1, "TABLE"):
		t.Kind = DropTable
	default:
		e := errorAt(t.source, t.tokens[0].Offset, "only views and registered tables can be dropped", "")
		e.NotAllowed = true
		return e
	}
	i := 2
	if t.is(i, "IF") && t.is(i+1, "EXISTS") {
		t.IfExists, i = true, i+2
	}
	return t.onlyName(i)
}

// unload reads UNLOAD (query) TO 'place' WITH (format = 'x', …).
func (t *translation) unload() error {
	t.Kind = Unload
	match, ok := matchBrackets(t.tokens)
	if !ok || !t.is(1, "(") {
		return t.fail(t.tokens[0], "UNLOAD needs a query in parentheses", "write UNLOAD (SELECT …) TO 'folder' WITH (format = 'PARQUET')")
	}
	end := match[1]
	if !t.is(end+1, "TO") || end+2 >= len(t.tokens) || t.tokens[end+2].Kind != String {
		return t.fail(t.tokens[end], "UNLOAD needs TO 'place'", "")
	}
	t.Location = t.tokens[end+2].value()
	t.Properties = map[string]string{}
	if i := end + 3; i < len(t.tokens) {
		if !t.is(i, "WITH") {
			return t.end(i)
		}
		next, err := t.properties(i+1, t.Properties)
		if err != nil {
			return err
		}
		if err := t.end(next); err != nil {
			return err
		}
	}
	return t.query(2, end)
}

// properties reads (key = value, …); values are text, words, numbers or arrays,
// which are joined with commas.
func (t *translation) properties(i int, into map[string]string) (int, error) {
	if !t.is(i, "(") {
		return i, t.fail(t.tokens[min(i, len(t.tokens)-1)], "properties stand in parentheses", "")
	}
	i++
	for !t.is(i, ")") {
		if i+2 >= len(t.tokens) || !t.is(i+1, "=") {
			return i, t.fail(t.tokens[min(i, len(t.tokens)-1)], "a property is key = value", "")
		}
		key := t.tokens[i].name()
		if t.tokens[i].Kind == String {
			key = strings.ToLower(t.tokens[i].value())
		}
		i += 2
		var values []string
		depth := 0
		for ; i < len(t.tokens) && (depth > 0 || !t.is(i, ",") && !t.is(i, ")")); i++ {
			switch token := t.tokens[i]; {
			case token.is("["), token.is("("):
				depth++
			case token.is("]"), token.is(")"):
				depth--
			case token.Kind == String || token.Kind == Number || token.Kind == Word && !token.is("ARRAY"):
				values = append(values, token.value())
			}
		}
		into[key] = strings.Join(values, ",")
		if t.is(i, ",") {
			i++
		}
	}
	return i + 1, nil
}

// prepare reads PREPARE name FROM query.
func (t *translation) prepare() error {
	t.Kind = Prepare
	_, name, next, err := t.name(1)
	if err != nil {
		return err
	}
	t.Name = name
	if !t.is(next, "FROM", "AS") {
		return t.fail(t.tokens[min(next, len(t.tokens)-1)], "PREPARE needs FROM", "write PREPARE name FROM SELECT …")
	}
	if !t.is(next+1, "SELECT", "WITH", "VALUES", "TABLE", "(") {
		return t.fail(t.tokens[min(next+1, len(t.tokens)-1)], "only queries can be prepared", "")
	}
	return t.query(next+1, len(t.tokens))
}

// execute reads EXECUTE name USING value, ….
func (t *translation) execute() error {
	t.Kind = Execute
	_, name, i, err := t.name(1)
	if err != nil {
		return err
	}
	t.Name = name
	if i == len(t.tokens) {
		return nil
	}
	if !t.is(i, "USING") {
		return t.end(i)
	}
	for i++; ; i++ {
		if i >= len(t.tokens) {
			return t.fail(t.tokens[len(t.tokens)-1], "a value has to follow", "")
		}
		value, next, ok := t.constant(i)
		if !ok {
			return t.fail(t.tokens[i], "values are constants", "write 'text', 12, 1.5, true, null, DATE '…' or TIMESTAMP '…'")
		}
		t.Arguments = append(t.Arguments, value)
		if i = next; !t.is(i, ",") {
			return t.end(i)
		}
	}
}

// constant reads the value at token i.
func (t *translation) constant(i int) (value any, next int, ok bool) {
	sign := ""
	if t.is(i, "-") && i+1 < len(t.tokens) && t.tokens[i+1].Kind == Number {
		sign, i = "-", i+1
	}
	switch token := t.tokens[i]; {
	case token.Kind == String:
		return token.value(), i + 1, true
	case token.Kind == Number:
		if n, err := strconv.ParseInt(sign+token.Text, 10, 64); err == nil {
			return n, i + 1, true
		}
		f, err := strconv.ParseFloat(sign+token.Text, 64)
		return f, i + 1, err == nil
	case token.is("NULL"):
		return nil, i + 1, true
	case token.is("TRUE"), token.is("FALSE"):
		return token.is("TRUE"), i + 1, true
	case (token.is("DATE") || token.is("TIMESTAMP")) && i+1 < len(t.tokens) && t.tokens[i+1].Kind == String:
		return t.tokens[i+1].value(), i + 2, true
	}
	return nil, i, false
}

// repair reads MSCK REPAIR TABLE and ALTER TABLE, which keep Athena's partitions
// up to date.
func (t *translation) repair() error {
	for i, token := range t.tokens {
		if token.is("TABLE") && i+1 < len(t.tokens) {
			_, name, next, err := t.name(i + 1)
			if err != nil {
				return err
			}
			t.Name = name
			switch {
			case t.is(0, "MSCK"):
				t.Kind, t.Note = NotNeeded, "partitions are tracked when records are converted"
				return nil
			case (t.is(next, "ADD") || t.is(next, "DROP")) && (t.is(next+1, "PARTITION") || t.is(next+1, "IF")):
				t.Kind, t.Note = NotNeeded, "partitions are tracked when records are converted"
				return nil
			case t.is(next, "SET") && t.is(next+1, "TBLPROPERTIES", "LOCATION"):
				t.Kind, t.Note = NotNeeded, "the table is where its warehouse is"
				return nil
			}
		}
	}
	e := errorAt(t.source, t.tokens[0].Offset, "the table cannot be altered", "it is written by trailql convert only")
	e.NotAllowed = true
	return e
}
