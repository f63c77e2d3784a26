package dialect

import (
	"fmt"
	"strings"
)

// createTable reads Hive's CREATE EXTERNAL TABLE as people have it for
// CloudTrail logs. The name then means our table; the partition columns become
// virtual ones. Tables of anything else are refused.
func (t *translation) createTable(i int) error {
	t.Kind = CreateTable
	table := &Table{Properties: map[string]string{}}
	if t.is(i, "IF") && t.is(i+1, "NOT") && t.is(i+2, "EXISTS") {
		table.IfExists, i = true, i+3
	}
	at := i
	database, name, i, err := t.name(i)
	if err != nil {
		return err
	}
	t.Database, t.Name, table.Name, t.IfExists = database, name, name, table.IfExists
	if table.Columns, _, i, err = t.columnList(i); err != nil {
		return err
	}
	var partition []Column
	serde := ""
	for i < len(t.tokens) {
		switch {
		case t.is(i, "PARTITIONED") && t.is(i+1, "BY"):
			if _, partition, i, err = t.columnList(i + 2); err != nil {
				return err
			}
		case t.is(i, "SERDE") && i+1 < len(t.tokens):
			serde = t.tokens[i+1].value()
			i += 2
		case t.is(i, "LOCATION") && i+1 < len(t.tokens):
			table.Location = t.tokens[i+1].value()
			i += 2
		case t.is(i, "TBLPROPERTIES"), t.is(i, "SERDEPROPERTIES"):
			into := table.Properties
			if t.is(i, "SERDEPROPERTIES") {
				into = map[string]string{}
			}
			if i, err = t.properties(i+1, into); err != nil {
				return err
			}
		default: // ROW FORMAT, STORED AS, COMMENT, CLUSTERED BY …
			i++
		}
	}
	base := t.options.Relations.Relation(DefaultTable)
	if base == nil {
		return t.fail(t.tokens[at], "there is no table "+DefaultTable, "")
	}
	known := 0
	for _, c := range table.Columns {
		if _, ok := (&visible{columns: base.Columns}).column(c); ok {
			known++
		} else {
			table.Unknown = append(table.Unknown, c)
		}
	}
	if !strings.Contains(strings.ToLower(serde), "cloudtrail") && (known < 5 || known < len(table.Columns)/2) {
		return t.fail(t.tokens[at], fmt.Sprintf("table %q is not one of CloudTrail logs", shorten(name)), "only tables with CloudTrail's columns can be registered")
	}
	for _, p := range partition {
		v, problem := partitionColumn(p.Name, base, table.Properties)
		if problem != "" {
			return t.fail(t.tokens[at], problem, "")
		}
		if v != nil {
			table.Partition = append(table.Partition, *v)
		}
	}
	t.Table = table
	t.Location, t.Properties = table.Location, table.Properties
	return nil
}

// columnList reads (name type [COMMENT '…'], …).
func (t *translation) columnList(i int) (names []string, columns []Column, next int, err error) {
	if !t.is(i, "(") {
		return nil, nil, i, t.fail(t.tokens[min(i, len(t.tokens)-1)], "columns stand in parentheses", "")
	}
	p := &parser{sql: t.source, tokens: t.tokens, i: i + 1, limit: len(t.source)}
	for {
		if !p.memberAt(0) {
			return nil, nil, i, p.unexpected("a column")
		}
		name := strings.ToLower(p.takeName().text)
		column, ok := p.tryType()
		if !ok {
			return nil, nil, i, p.unexpected("a type")
		}
		names, columns = append(names, name), append(columns, Column{name, column.Type})
		if p.acceptWord("COMMENT") {
			p.i++
		}
		if p.accept(",") {
			continue
		}
		if err := p.expect(")"); err != nil {
			return nil, nil, i, err
		}
		return names, columns, p.i, nil
	}
}

// partitionColumn is what a partition column means: what projection says its
// format is, else what its name does. nil: the table has that column anyway.
func partitionColumn(name string, base *Relation, properties map[string]string) (*Virtual, string) {
	if properties["projection."+name+".type"] == "date" {
		if format := properties["projection."+name+".format"]; format != "" {
			sql, ok := datePartition(format)
			if !ok {
				return nil, fmt.Sprintf("the format %q of partition %q is not supported", shorten(format), shorten(name))
			}
			return &Virtual{Name: name, SQL: sql, Type: Type{Kind: Text}}, ""
		}
	}
	if v := (&visible{virtual: base.Virtual}).virtualColumn(name); v != nil {
		return v, ""
	}
	if _, ok := (&visible{columns: base.Columns}).column(name); ok {
		return nil, ""
	}
	switch {
	case strings.Contains(name, "account"):
		return &Virtual{Name: name, SQL: "{recipientaccountid}", Type: Type{Kind: Text}}, ""
	case strings.Contains(name, "region"):
		return &Virtual{Name: name, SQL: "{region}", Type: Type{Kind: Text}}, ""
	case strings.Contains(name, "date"), strings.Contains(name, "time"):
		return &Virtual{Name: name, SQL: "replace({date}, '-', '/')", Type: Type{Kind: Text}}, ""
	}
	return nil, fmt.Sprintf("partition column %q says neither day, region nor account", shorten(name))
}

// datePartition turns a format of partition projection into an expression over
// the day of the event.
func datePartition(format string) (string, bool) {
	pieces := map[string]string{"yyyy": "substr({date}, 1, 4)", "MM": "substr({date}, 6, 2)", "dd": "substr({date}, 9, 2)"}
	var terms []string
	for i := 0; i < len(format); {
		n := 1
		for i+n < len(format) && format[i+n] == format[i] {
			n++
		}
		run := format[i : i+n]
		i += n
		if sql, ok := pieces[run]; ok {
			terms = append(terms, sql)
		} else if strings.ContainsAny(run, "-/_. ") {
			terms = append(terms, quoteText(run))
		} else {
			return "", false // hours, for one: the table knows the day only
		}
	}
	if format == "yyyy/MM/dd" {
		return "replace({date}, '-', '/')", true
	}
	if format == "yyyy-MM-dd" {
		return "{date}", true
	}
	return strings.Join(terms, " || "), len(terms) > 0
}
