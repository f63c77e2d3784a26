package dialect

import (
	"strings"
	"testing"
)

func TestFunctions(t *testing.T) {
	seen := map[string]bool{}
	for _, f := range Functions() {
		t.Run(f.Name, func(t *testing.T) {
			if seen[f.Name] {
				t.Error("it is there twice")
			}
			seen[f.Name] = true
			if f.Group != "" && f.Arguments == "" {
				t.Error("help would show no arguments")
			}
			if sql := MacroSQL(f.MacroName()); (f.Macro != "") != strings.HasPrefix(sql, "CREATE OR REPLACE TEMP MACRO trino_"+f.Name+"(") {
				t.Errorf("macro is made by %q", sql)
			}
			if f.Example == "" {
				return
			}
			if _, err := Translate("SELECT "+f.Example, Options{}); err != nil {
				t.Errorf("translate example: %v", err)
			}
		})
	}
}

func TestMacroSQLOfOthers(t *testing.T) {
	for _, name := range []string{"", "date_diff", "trino_none", "x; drop table y"} {
		if sql := MacroSQL(name); sql != "" && name != "date_diff" {
			t.Errorf("got %q for %q", sql, name)
		}
	}
}

func TestTypes(t *testing.T) {
	tests := []struct {
		text string
		want Type
		sql  string
	}{
		{"VARCHAR", Type{Kind: Text}, "VARCHAR"},
		{"varchar(20)", Type{Kind: Text}, "VARCHAR"},
		{"decimal(9, 2)", Type{Kind: Decimal, Scale: 2}, "DECIMAL(9, 2)"},
		{"decimal", Type{Kind: Decimal}, "DECIMAL(38, 0)"},
		{"timestamp(6)", Type{Kind: Timestamp, Scale: 6}, "TIMESTAMP"},
		{"TIMESTAMP WITH TIME ZONE", Type{Kind: TimestampTZ, Scale: 3}, "TIMESTAMP WITH TIME ZONE"},
		{"array(varchar)", listOf(Type{Kind: Text}), "VARCHAR[]"},
		{"INTEGER[][]", listOf(listOf(Type{Kind: Integer})), "INTEGER[][]"},
		{"map(varchar, array(json))", mapOf(Type{Kind: Text}, listOf(Type{Kind: JSON})), "MAP(VARCHAR, JSON[])"},
		{"row(a bigint, \"b c\" varchar)", Type{Kind: Struct, Fields: []Column{{"a", Type{Kind: Integer}}, {"b c", Type{Kind: Text}}}}, `STRUCT(a BIGINT, "b c" VARCHAR)`},
		{"row(varchar)", Type{Kind: Struct, Fields: []Column{{"", Type{Kind: Text}}}}, "STRUCT(field0 VARCHAR)"},
		{"array<struct<a:string>>", listOf(Type{Kind: Struct, Fields: []Column{{"a", Type{Kind: Text}}}}), "STRUCT(a VARCHAR)[]"},
		{"varbinary", Type{Kind: Binary}, "BLOB"},
		{"ipaddress", Type{Kind: Address}, "VARCHAR"},
		{"something", Type{}, "SOMETHING"},
	}
	for _, tt := range tests {
		t.Run(tt.text, func(t *testing.T) {
			if got := ParseType(tt.text); !sameType(got, tt.want) {
				t.Errorf("got %+v, want %+v", got, tt.want)
			}
			tokens, err := significantTokens(tt.text)
			if err != nil {
				t.Fatal(err)
			}
			p := &parser{sql: tt.text, tokens: tokens, limit: len(tt.text)}
			if name, ok := p.tryType(); !ok || name.sql != tt.sql {
				t.Errorf("got %q (%v), want %q", name.sql, ok, tt.sql)
			}
		})
	}
}

func sameType(a, b Type) bool {
	if a.Kind != b.Kind || a.Scale != b.Scale || len(a.Fields) != len(b.Fields) || (a.Elem == nil) != (b.Elem == nil) || (a.Key == nil) != (b.Key == nil) {
		return false
	}
	for i := range a.Fields {
		if a.Fields[i].Name != b.Fields[i].Name || !sameType(a.Fields[i].Type, b.Fields[i].Type) {
			return false
		}
	}
	return (a.Elem == nil || sameType(*a.Elem, *b.Elem)) && (a.Key == nil || sameType(*a.Key, *b.Key))
}
