package dialect

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestTranslate(t *testing.T) {
	const same = "same"
	tests := []struct {
		name, sql, want string // want: < for the added clause
	}{
		{"the first query", "SELECT * WHERE eventsource='s3.amazonaws.com'", "SELECT *< WHERE eventsource='s3.amazonaws.com'"},
		{"trailing semicolon and comment", "SELECT * ; -- all", "SELECT *<"},
		{"comment before the clause", "SELECT * -- all\nWHERE a = 1", "SELECT *< -- all\nWHERE a = 1"},
		{"count", "SELECT count(*)", "SELECT count(*)<"},
		{"column", "select eventname limit 3", "select eventname< limit 3"},
		{"struct member", "select useridentity.arn order by 1", "select useridentity.arn< order by 1"},
		{"quoted column", `select "eventname"`, `select "eventname"<`},
		{"group by", "select eventname, count(*) n group by 1 having count(*) > 2 order by n desc", "select eventname, count(*) n< group by 1 having count(*) > 2 order by n desc"},
		{"column in WHERE only", "select 1 where eventname = 'x'", "select 1< where eventname = 'x'"},
		{"column in ORDER BY only", "select 1 order by eventtime", "select 1< order by eventtime"},
		{"column in a function", "select lower(eventname)", "select lower(eventname)<"},
		{"distinct", "select distinct eventsource", "select distinct eventsource<"},
		{"is distinct from is no FROM", "select * where a is not distinct from b", "select *< where a is not distinct from b"},
		{"extract is no FROM", "select extract(year from eventtimestamp)", "select extract(year from eventtimestamp)<"},
		{"substring is no FROM", "select substring(eventtime from 1 for 10)", "select substring(eventtime from 1 for 10)<"},
		{"JSON path", "select requestparameters ->> '$.bucketName'", "select requestparameters ->> '$.bucketName'<"},
		{"cast of a column", "select cast(eventtime as timestamp)", "select cast(eventtime as timestamp)<"},
		{"window", "select row_number() over (order by eventtime)", "select row_number() over (order by eventtime)<"},
		{"star with others", "select 1, *", "select 1, *<"},
		{"star exclude", "select * exclude (eventid) limit 1", "select * exclude (eventid)< limit 1"},
		{"array element", "select resources[1].arn", "select resources[1].arn<"},

		{"constant", "select 1", same},
		{"functions", "select now(), version(), 'x' || 'y'", same},
		{"multiplication", "select 2 * 3", same},
		{"alias", "select 1 as eventname", same},
		{"implied alias", "select 1 eventname", same},
		{"alias used again", "select 1 as n order by n", same},
		{"constant filter", "select 1 where 1 = 2", same},
		{"value functions", "select current_date, current_timestamp at time zone 'UTC', null, true", same},
		{"typed literals", "select date '2023-07-10', timestamp '2023-07-10 00:00:00', interval '7' day", same},
		{"extract of a constant", "select extract(year from now())", same},
		{"types", "select cast('1' as decimal(9, 2)), '1'::timestamp with time zone, try_cast('1' as bigint)", same},
		{"case", "select case when 1 = 2 then 'a' else 'b' end as x", same},
		{"lambda", "select list_transform([1, 2], x -> x + 1), list_filter([1], lambda y: y > 0)", same},
		{"struct literal", "select {'a': 1, b: 2}", same},
		{"named argument", "select f(a := 1, b => 2)", same},
		{"parameters", "select ?, $1, $name", same},
		{"other statements", "show tables", same},
		{"values", "values (1), (2)", same},
		{"with FROM", "select * from t where a = 1", same},
		{"FROM first", "from t select a", same},
		{"FROM alone", "from t", same},
		{"broken brackets are left to the engine", "select (a", same},

		{"union arms", "select eventname union all select eventname from t union select 1", "select eventname< union all select eventname from t union select 1"},
		{"except columns", "select * except (a) from t", same},
		{"except arm", "select eventid except select eventid where a = 1", "select eventid< except select eventid< where a = 1"},
		{"parentheses", "(select eventname) order by 1", "(select eventname<) order by 1"},
		{"derived table", "select n from (select count(*) n where a = 1) x", "select n from (select count(*) n< where a = 1) x"},
		{"derived table in parentheses", "select * from ((select a) union (select b)) x", "select * from ((select a<) union (select b<)) x"},
		{"body of WITH", "with x as (select * where a = 1), y as materialized (select b) select * from x, y", "with x as (select *< where a = 1), y as materialized (select b<) select * from x, y"},
		{"recursive WITH", "with recursive t(n) as (select 1 union all select n + 1 from t where n < 5) select * from t", same},
		{"star in EXISTS", "select a from t where exists (select * where b = 1)", "select a from t where exists (select *< where b = 1)"},
		{"column of the query around", "select (select t.a) from t", same},
		{"lateral column", "select x from t, lateral (select a + 1 as x)", same},
		{"scalar constant", "select (select 1), a from t", same},
		{"column only in a subquery", "select (select max(a) from t)", same},
		{"describe", "describe select *", "describe select *<"},
		{"summarize", "summarize select eventname", "summarize select eventname<"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			want := strings.ReplaceAll(tt.want, "<", " FROM cloudtrail_logs")
			if tt.want == same {
				want = tt.sql
			}
			s, err := Translate(tt.sql, Options{Dialect: DuckDB})
			if err != nil {
				t.Fatal(err)
			}
			if s.SQL != want {
				t.Errorf("got  %s\nwant %s", s.SQL, want)
			}
		})
	}
}

func TestTranslateRefuses(t *testing.T) {
	tests := []struct {
		name, sql, want string
	}{
		{"nothing", " -- nothing", "line 1:1: no statement"},
		{"two statements", "select 1;\nselect 2", "line 2:1: more than one statement (run them one at a time)"},
		{"NUL", "select 1\x00; drop table x", "line 1:9: the statement is not UTF-8 text"},
		{"not UTF-8", "select '\xff'", "line 1:9: the statement is not UTF-8 text"},
		{"open string", "select 'a", "line 1:8: string is not closed"},
		{"WITH without use", "with x as (select 1)\nselect *", "line 2:1: a SELECT behind WITH needs a FROM (add FROM cloudtrail_logs)"},
		{"ambiguous subquery", "select a from t where b in (select b where c = 1)", "line 1:29: this subquery has no FROM, so its columns could be those of the query around it (add FROM cloudtrail_logs)"},
		{"EXPLAIN of nothing", "explain analyze", "line 1:1: EXPLAIN needs a query"},
		{"EXPLAIN of EXPLAIN", "explain explain select 1", "line 1:9: EXPLAIN of an EXPLAIN"},
		{"EXPLAIN options", "explain (format json) select 1", "line 1:9: options of EXPLAIN are not supported (write EXPLAIN or EXPLAIN ANALYZE)"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := Translate(tt.sql, Options{Dialect: DuckDB})
			var e *Error
			if !errors.As(err, &e) {
				t.Fatalf("got error %v, want an *Error", err)
			}
			if e.Error() != tt.want {
				t.Errorf("got  %s\nwant %s", e, tt.want)
			}
		})
	}
}

func TestTranslateTable(t *testing.T) {
	s, err := Translate("select *", Options{Dialect: DuckDB, Table: "My Trail"})
	if err != nil {
		t.Fatal(err)
	}
	if want := `select * FROM "My Trail"`; s.SQL != want {
		t.Errorf("got %s, want %s", s.SQL, want)
	}
}

func TestStatementPosition(t *testing.T) {
	tests := []struct {
		name, sql, find string // find in the translation
		line, column    int
	}{
		{"before the addition", "select\n a where b = 1", "a FROM", 2, 2},
		{"behind the addition", "select a\nwhere größe = 1 and b = 2", "b = 2", 2, 21},
		{"in the addition", "select a\nwhere b = 1", "cloudtrail", 1, 9},
		{"behind two additions", "select a union\nselect b where c", "c", 2, 16},
		{"behind EXPLAIN", "explain\nselect a where b = 1", "b = 1", 2, 16},
		{"behind leading space", "\n\n select 1 + x from t", "x", 3, 13},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s, err := Translate(tt.sql, Options{Dialect: DuckDB})
			if err != nil {
				t.Fatal(err)
			}
			offset := strings.LastIndex(s.SQL, tt.find)
			if offset < 0 {
				t.Fatalf("%q is not in %q", tt.find, s.SQL)
			}
			if line, column := s.Position(offset); line != tt.line || column != tt.column {
				t.Errorf("got %d:%d, want %d:%d", line, column, tt.line, tt.column)
			}
		})
	}
}

func TestPositionOfTranslation(t *testing.T) {
	tests := []struct {
		name, sql, find string // find in the translation
		line, column    int
	}{
		{"behind a virtual column", "select eventname\nfrom my_trail where year = '2023' and eventid = 1", "eventid", 2, 39},
		{"in a virtual column", "select eventname from my_trail\nwhere year = '2023'", "date, 1", 2, 7},
		{"in a moved argument", "select element_at(split(eventname, 'x'),\n 1 + eventid) from my_trail", "eventid", 2, 6},
		{"in a name of ours", "select eventname,\n date_diff('day', eventid, eventid) from my_trail", "trino_date_diff", 2, 2},
		{"behind an added FROM", "select eventname where\n lower(eventid) = 'x' and year = '2023' and requestid = 1", "requestid", 2, 45},
		{"behind EXPLAIN", "explain\n select * where year = 1 and requestid = 1", "requestid", 2, 30},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s, err := Translate(tt.sql, Options{})
			if err != nil {
				t.Fatal(err)
			}
			offset := strings.LastIndex(s.SQL, tt.find)
			if offset < 0 {
				t.Fatalf("%q is not in %q", tt.find, s.SQL)
			}
			if line, column := s.Position(offset); line != tt.line || column != tt.column {
				t.Errorf("got %d:%d, want %d:%d in %s", line, column, tt.line, tt.column, s.SQL)
			}
		})
	}
}

func TestExplain(t *testing.T) {
	tests := []struct {
		sql  string
		kind Kind
		want string
	}{
		{"select 1", Query, "select 1"},
		{"EXPLAIN select 1;", Explain, "select 1"},
		{"explain /* why */ analyze select 1", ExplainAnalyze, "select 1"},
		{"explain (select 1)", Explain, "(select 1)"},
		{"explain select *", Explain, "select * FROM cloudtrail_logs"},
	}
	for _, tt := range tests {
		t.Run(tt.sql, func(t *testing.T) {
			s, err := Translate(tt.sql, Options{Dialect: DuckDB})
			if err != nil {
				t.Fatal(err)
			}
			if s.Kind != tt.kind || s.SQL != tt.want {
				t.Errorf("got %d %q, want %d %q", s.Kind, s.SQL, tt.kind, tt.want)
			}
		})
	}
}

func FuzzTranslate(f *testing.F) {
	for _, seed := range []string{"select *", "select a union select b where c", "with x as (select *) select * from x", "explain select (a", "select a[1]:b"} {
		f.Add(seed, uint8(DuckDB))
	}
	for _, dialect := range []Dialect{Athena, Lake} {
		text, err := os.ReadFile(filepath.Join("testdata", "translate", dialect.String()+".txt"))
		if err != nil {
			f.Fatal(err)
		}
		for paragraph := range strings.SplitSeq(string(text), "\n\n") {
			query, _, _ := strings.Cut(paragraph, "\n=> ")
			f.Add(query, uint8(dialect))
		}
	}
	f.Fuzz(func(t *testing.T, sql string, dialect uint8) {
		s, err := Translate(sql, Options{Dialect: Dialect(dialect % 3)})
		if err != nil {
			var e *Error
			if !errors.As(err, &e) || e.Line < 1 || e.Column < 1 || e.Line > 1+strings.Count(sql, "\n") {
				t.Fatalf("error %v of %q", err, sql)
			}
			return
		}
		if !utf8.ValidString(s.SQL) {
			t.Fatalf("translation %q of %q is not UTF-8", s.SQL, sql)
		}
		if _, err := Tokens(s.SQL); err != nil {
			t.Fatalf("translation %q of %q: %v", s.SQL, sql, err)
		}
		for offset := 0; offset <= len(s.SQL); offset += 1 + len(s.SQL)/16 {
			if line, column := s.Position(offset); line < 1 || column < 1 || line > 1+strings.Count(sql, "\n") {
				t.Fatalf("position %d:%d of offset %d in %q", line, column, offset, s.SQL)
			}
		}
	})
}
