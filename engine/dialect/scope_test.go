package dialect

import (
	"strings"
	"testing"
)

func TestRelations(t *testing.T) {
	relations := relationSet{
		DefaultTable: standardRelations()[DefaultTable],
		"users":      {Name: "users", Columns: []Column{{"name", Type{Kind: Text}}, {"created", Type{Kind: Timestamp, Scale: 3}}, {"tags", mapOf(Type{Kind: Text}, Type{Kind: Text})}}},
		"anything":   {Name: "anything"},
		"old_trail":  {Name: DefaultTable, Columns: standardRelations()[DefaultTable].Columns, Virtual: []Virtual{{Name: "y", SQL: "substr({date}, 1, 4)", Type: Type{Kind: Text}}}},
	}
	tests := []struct {
		name, sql, want string
	}{
		{"a view's columns have types", "select element_at(tags, 'a') x, cast(created as varchar) y from users",
			"select (tags)['a'] x, strftime(created, '%Y-%m-%d %H:%M:%S.%g') y from users"},
		{"a database in front is dropped", "select name from mydb.users", "select name from users"},
		{"and in front of a column", "select mydb.users.name from mydb.users", "select users.name AS name from users"},
		{"a view whose columns are not known", "select whatever, a.b from anything", "select whatever, a.b from anything"},
		{"virtual columns are the relation's own", "select y from old_trail", "select substr(old_trail.date, 1, 4) AS y from cloudtrail_logs AS old_trail"},
		{"not those of another", "select year from old_trail", `error: line 1:8: column "year" does not exist`},
		{"unknown column", "select nam from users", `error: line 1:8: column "nam" does not exist (did you mean "name"?)`},
		{"unknown column of a table", "select u.nme from users u", `error: line 1:10: column "nme" does not exist (did you mean "name"?)`},
		{"unknown table", "select 1 x from user", `error: line 1:17: table "user" does not exist (did you mean "users"?)`},
		{"a WITH query hides a table", "with users as (select 1 as n) select n from users", "with users as (select 1 as n) select n from users"},
		{"columns of a WITH query", "with w(a) as (select name from users) select b from w", `error: line 1:46: column "b" does not exist`},
		{"the columns around a subquery", "select name from users u where exists (select 1 x from cloudtrail_logs l where l.eventname = u.name and year = '2024')",
			"select name from users u where exists (select 1 x from cloudtrail_logs l where l.eventname = u.name and substr(l.date, 1, 4) = '2024')"},
		{"a real column before a virtual one", "select year from cloudtrail_logs, (select 'x' as year) t", "select year from cloudtrail_logs, (select 'x' as year) t"},
		{"an alias before a virtual column in GROUP BY", "select lower(eventname) as day, count(*) n from cloudtrail_logs group by day",
			"select lower(eventname) as day, count(*) n from cloudtrail_logs group by day"},
		{"but not in WHERE", "select lower(eventname) as day from cloudtrail_logs where day = '01'",
			"select lower(eventname) as day from cloudtrail_logs where substr(cloudtrail_logs.date, 9, 2) = '01'"},
		{"lambda parameters hide columns", "select transform(array[1], name -> name + 1) x from users", "select list_transform(array[1], lambda name: name + 1) x from users"},
		{"a name like a file's", `select 1 x from "/data/cloudtrail.parquet"`, `error: line 1:17: table "/data/cloudtrail.parquet" does not exist`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var got string
			if s, err := Translate(tt.sql, Options{Relations: relations}); err != nil {
				got = "error: " + err.Error()
			} else {
				got = s.SQL
			}
			if got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
		})
	}
}

func TestDeepNesting(t *testing.T) {
	for name, sql := range map[string]string{
		"parentheses": "select " + strings.Repeat("(", 100000) + "1",
		"NOT":         "select " + strings.Repeat("not ", 100000) + "true",
		"signs":       "select " + strings.Repeat("- ", 100000) + "1",
		"CASE":        "select " + strings.Repeat("case when ", 100000) + "1",
		"subqueries":  strings.Repeat("select (", 100000),
		"types":       "select cast(1 as " + strings.Repeat("array(", 100000) + "x",
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := Translate(sql, Options{}); err == nil {
				t.Error("got no error")
			}
		})
	}
}

func TestTimeFormats(t *testing.T) {
	tests := []struct {
		name   string
		format func(string) (string, string)
		from   string
		want   string // or the problem
	}{
		{"MySQL", mysqlFormat, "%Y-%m-%dT%H:%i:%sZ", "%Y-%m-%dT%H:%M:%SZ"},
		{"MySQL names", mysqlFormat, "%W %M %e, %l %p %%", "%A %B %-d, %-I %p %%"},
		{"MySQL unsupported", mysqlFormat, "%D", "%D is not supported"},
		{"MySQL cut", mysqlFormat, "%Y%", "it ends with %"},
		{"Joda", jodaFormat, "yyyy-MM-dd HH:mm:ss.SSS", "%Y-%m-%d %H:%M:%S.%g"},
		{"Joda text", jodaFormat, "yyyy-MM-dd'T'HH:mm:ss'Z'", "%Y-%m-%dT%H:%M:%SZ"},
		{"Joda text that is not closed", jodaFormat, "yyyy-MM-dd'T'HH:mm:ss'Z", "%Y-%m-%dT%H:%M:%SZ"},
		{"Joda quotes", jodaFormat, "h 'o''clock' a", "%-I o'clock %p"},
		{"Joda percent", jodaFormat, "yy%", "%y%%"},
		{"Joda unsupported", jodaFormat, "yyyy-QQ", "QQ is not supported"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, problem := tt.format(tt.from)
			if got+problem != tt.want {
				t.Errorf("got %q %q, want %q", got, problem, tt.want)
			}
		})
	}
}

func TestJSONPath(t *testing.T) {
	tests := []struct {
		path, want string // or the problem
		wild       bool
	}{
		{"$", "$", false},
		{"$.a.b", `$."a"."b"`, false},
		{"$.a-b:c[0].d", `$."a-b:c"[0]."d"`, false},
		{`$["a b"]['c.d']`, `$."a b"."c.d"`, false},
		{`$."a b".c`, `$."a b"."c"`, false},
		{"$.a[*].b", `$."a"[*]."b"`, true},
		{"$.*", "$.*", true},
		{"a.b", "it has to begin with $", false},
		{"$..a", "a member has no name", false},
		{"$.a[b]", "an index is not a number", false},
		{"$.a[0", "a bracket is not closed", false},
		{`$.a["b"`, "a bracket is not closed", false},
		{"$a", "expected . or [", false},
	}
	for _, tt := range tests {
		t.Run(tt.path, func(t *testing.T) {
			got, wild, problem := jsonPath(tt.path, jsonPathStep)
			if got+problem != tt.want && problem == "" || problem != "" && problem != tt.want || wild != tt.wild && problem == "" {
				t.Errorf("got %q, %v, %q, want %q, %v", got, wild, problem, tt.want, tt.wild)
			}
		})
	}
}
