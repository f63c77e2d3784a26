package complete

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/trailql/trailql/engine/dialect"
)

// known is a small warehouse.
func known() *Known {
	standard := dialect.StandardRelations()
	k := &Known{
		Relations: []dialect.Relation{
			*standard.Relation("aws_cloudtrail_log"),
			*standard.Relation(dialect.LakeTable),
			*standard.Relation(dialect.DefaultTable),
			{Name: "accounts", Columns: []dialect.Column{{Name: "id", Type: dialect.ParseType("varchar")}, {Name: "owner", Type: dialect.ParseType("varchar")}, {Name: "order"}, {Name: "Team Name"}}},
			{Name: "cloudtrail_logs$files", Columns: []dialect.Column{{Name: "file_path"}}},
			{Name: "information_schema.tables", Columns: []dialect.Column{{Name: "table_name"}}},
			{Name: "evil\x1b[2J"},
		},
		Commands: []Command{
			{Name: ".tables", Help: "tables and views"},
			{Name: ".timer", Arguments: "on|off", Candidates: func(string) []string { return []string{"on", "off"} }},
			{Name: ".schema", Arguments: "[TABLE]", Candidates: func(string) []string { return []string{"cloudtrail_logs", "accounts"} }},
			{Name: ".read", Arguments: "FILE", Candidates: func(string) []string { return []string{"hunt.sql", "my notes.sql", "dir/", `it's "x"`} }},
			{Name: ".explain", Arguments: "[analyze] SQL", Candidates: func(string) []string { return []string{"analyze"} }},
			{Name: `\d`, Arguments: "[TABLE]", Candidates: func(string) []string { return []string{"accounts"} }},
		},
		Values: func(relation, column string) []string {
			switch relation + "." + column {
			case "cloudtrail_logs.eventsource":
				return []string{"s3.amazonaws.com", "iam.amazonaws.com", "sts.amazonaws.com", "evil\x1b]52;c;x\a", "o'hara"}
			case "cloudtrail_logs.useridentity.type":
				return []string{"AssumedRole", "IAMUser", "Root"}
			case "cloudtrail_logs.date":
				return []string{"2026-10-01", "2026-10-02"}
			}
			return nil
		},
	}
	return k
}

func texts(items []Item) []string {
	var all []string
	for _, i := range items {
		all = append(all, i.Text)
	}
	return all
}

func TestAt(t *testing.T) {
	tests := []struct {
		name, text string // | is the cursor
		want       string // the first items with a space between
		silent     bool   // nobody asked
	}{
		{name: "a statement", text: "sel|", want: "select"},
		{name: "keywords in upper case", text: "SEL|", want: "SELECT"},
		{name: "keywords as those before", text: "SELECT eventname |", want: "FROM AS WHERE GROUP BY"},
		{name: "keywords in lower case by default", text: "|", want: "select with show tables"},
		{name: "the second statement", text: "select 1; sel|", want: "select"},
		{name: "tables", text: "select * from clo|", want: "cloudtrail_lake cloudtrail_logs"},
		{name: "a table after a comma", text: "select * from accounts a, cloudtrail_lo|", want: "cloudtrail_logs"},
		{name: "tables for JOIN", text: "select * from accounts join acc|", want: "accounts"},
		{name: "tables in backticks", text: "select * from `acc|", want: "`accounts`"},
		{name: "tables in quotes", text: `select * from "acc|" where`, want: `"accounts"`},
		{name: "a name that needs quotes", text: "select * from cloudtrail_logs$|", want: `"cloudtrail_logs$files"`},
		{name: "tables of a schema", text: "select * from information_schema.t|", want: "tables"},
		{name: "tables behind a database", text: "select * from security.acc|", want: "accounts"},
		{name: "a table for DESCRIBE", text: "describe acc|", want: "accounts"},
		{name: "a table for SHOW", text: "show columns from acc|", want: "accounts"},
		{name: "a table for SHOW PARTITIONS", text: "show partitions acc|", want: "accounts"},
		{name: "SHOW", text: "show p|", want: "partitions"},
		{name: "behind a table", text: "select * from accounts wh|", want: "where"},
		{name: "behind an alias", text: "select * from accounts a wh|", want: "where"},
		{name: "columns of the table", text: "select ow| from accounts", want: "owner"},
		{name: "a column that is a keyword", text: "select ord| from accounts", want: `"order"`},
		{name: "a column with a space", text: "select team| from accounts", want: `"Team Name"`},
		{name: "columns of the standard table", text: "select eventn|", want: "eventname"},
		{name: "without FROM, behind WHERE", text: "select * where eventn|", want: "eventname"},
		{name: "any trail is the standard table", text: "select eventn| from my_trail_2026", want: "eventname"},
		{name: "virtual columns come later", text: "select * from cloudtrail_logs where region|", want: "region region_partition"},
		{name: "columns in a condition", text: "select * from accounts where id = 'x' and ow|", want: "owner"},
		{name: "columns in a call", text: "select max(ow|) from accounts", want: "owner"},
		{name: "columns in a call that is not closed", text: "select count(ow| from accounts", want: "owner"},
		{name: "columns in GROUP BY", text: "select * from accounts group by ow|", want: "owner"},
		{name: "names of the select list in ORDER BY", text: "select count(*) total from accounts order by tot|", want: "total"},
		{name: "columns by what they hold", text: "select source from cloudtrail_logs where ipadd|", want: "sourceipaddress"},
		{name: "columns of two tables", text: "select ow| from accounts a join cloudtrail_logs l on true", want: "a.owner"},
		{name: "columns behind an alias", text: "select a.ow| from accounts a", want: "owner"},
		{name: "an alias further on", text: "select l.eventn| from accounts a, cloudtrail_logs as l where 1 = 1", want: "eventname"},
		{name: "columns behind a table's name", text: "select accounts.| from accounts", want: "id owner"},
		{name: "columns in ON", text: "select * from accounts a join cloudtrail_logs l on l.recipientacc|", want: "recipientaccountid"},
		{name: "members", text: "select useridentity.|", want: "type principalid arn"},
		{name: "members of members", text: "select useridentity.sessioncontext.sessionissuer.|", want: "type principalid arn"},
		{name: "members with what was typed", text: "select u.useridentity.sessioncontext.at| from cloudtrail_logs u", want: "attributes"},
		{name: "members of elements", text: "select resources[1].a|", want: "arn accountid"},
		{name: "members behind quotes", text: `select "useridentity".sess|`, want: "sessioncontext"},
		{name: "members before the next line", text: "select useridentity.\n  ar|", want: "arn"},
		{name: "no members of what is not there", text: "select nothing.|", want: ""},
		{name: "columns of a subquery", text: "select whe| from (select eventname as what, awsregion whence, count(*) n from cloudtrail_logs) x", want: "whence"},
		{name: "columns of a subquery by alias", text: "select x.| from (select eventname as what, awsregion, count(*) n from cloudtrail_logs) x", want: "what awsregion n"},
		{name: "columns of a star", text: "select x.ow| from (select * from accounts) x", want: "owner"},
		{name: "members through a subquery", text: "select x.u.sessionc| from (select useridentity u from cloudtrail_logs) x", want: "sessioncontext"},
		{name: "names of WITH", text: "with denied as (select 1 a) select * from den|", want: "denied"},
		{name: "columns of WITH", text: "with denied as (select eventname, awsregion place from cloudtrail_logs) select pla| from denied", want: "place"},
		{name: "columns of WITH that have names", text: "with d(who, what) as (select eventname, awsregion from cloudtrail_logs) select d.wh| from d", want: "who what"},
		{name: "WITH of WITH", text: "with a as (select owner o from accounts), b as (select o oo from a) select oo| from b", want: "oo"},
		{name: "inside WITH", text: "with a as (select ow| from accounts) select 1", want: "owner"},
		{name: "columns of the query around", text: "select * from accounts a where exists (select 1 from cloudtrail_logs l where l.recipientaccountid = a.i|)", want: "id"},
		{name: "UNNEST with names", text: "select t.r| from cloudtrail_logs cross join unnest(resources) as t(resource)", want: "resource"},
		{name: "UNION has its own tables", text: "select eventname from cloudtrail_logs union all select ow| from accounts", want: "owner"},
		{name: "functions", text: "select json_ext|", want: "json_extract( json_extract_path( json_extract_scalar("},
		{name: "functions in upper case", text: "select JSON_EXTRACT_S|", want: "JSON_EXTRACT_SCALAR("},
		{name: "a function that is called already", text: "select json_extract_s|(a, b)", want: "json_extract_scalar"},
		{name: "columns before functions before keywords", text: "select ca|", want: "cardinality( case cast"},
		{name: "GROUP", text: "select 1 from accounts group |", want: "by"},
		{name: "IS", text: "select * where errorcode is |", want: "null not null"},
		{name: "LEFT", text: "select * from accounts left |", want: "join"},
		{name: "types", text: "select cast(eventtime as ti|", want: "time timestamp"},
		{name: "units", text: "select now() - interval '1' |", want: "day hour"},
		{name: "behind a condition", text: "select * where eventname = 'x' |", want: "and or in"},
		{name: "behind ORDER BY", text: "select * order by eventtime d|", want: "desc"},
		{name: "EXISTS holds a query", text: "select * from accounts where exists (sel|", want: "select"},
		{name: "EXPLAIN", text: "explain sel|", want: "select"},
		{name: "CREATE VIEW", text: "create view v as sel|", want: "select"},
		{name: "in a view's query", text: "create view v as select ow| from accounts", want: "owner"},
		{name: "FROM first", text: "from accounts select ow|", want: "owner"},

		{name: "values", text: "select * where eventsource = 'ia|", want: "'iam.amazonaws.com'"},
		{name: "values, the most frequent first", text: "select * where eventsource = '|", want: "'s3.amazonaws.com' 'iam.amazonaws.com' 'sts.amazonaws.com' 'o''hara'"},
		{name: "values of a member", text: "select * where useridentity.type = 'ro|'", want: "'Root' 'AssumedRole'"},
		{name: "values of a table with an alias", text: "select * from cloudtrail_logs c where c.useridentity.type <> 'iam|", want: "'IAMUser'"},
		{name: "values in a list", text: "select * where eventsource in ('s3.amazonaws.com', 'st|", want: "'sts.amazonaws.com'"},
		{name: "values in a list that goes on", text: "select * where eventsource not in ('st|', 'x')", want: "'sts.amazonaws.com'"},
		{name: "values with LIKE", text: "select * where eventsource not like 'ia|", want: "'iam.amazonaws.com'"},
		{name: "values with BETWEEN", text: "select * where date between '2026-10-01' and '2026|", want: "'2026-10-01' '2026-10-02'"},
		{name: "values with a quote", text: "select * where eventsource = 'o''h|", want: "'o''hara'"},
		{name: "values before another text", text: "select * where eventsource = 'ia| and eventname = 'x'", want: "'iam.amazonaws.com'"},
		{name: "values without a quote yet", text: "select * where eventsource = |", want: "'s3.amazonaws.com' 'iam.amazonaws.com'"},
		{name: "values through a subquery", text: "select * from (select eventsource s from cloudtrail_logs) where s = 'ia|", want: "'iam.amazonaws.com'"},
		{name: "no values of another column", text: "select * where eventname = 'ia|", want: ""},
		{name: "no values in a list of a call", text: "select concat(eventsource, 'ia|", want: ""},

		{name: "nothing in a comment", text: "select 1 -- sel|", want: ""},
		{name: "nothing in a long comment", text: "select /* sel|", want: ""},
		{name: "behind a comment", text: "/* a */ sel|", want: "select"},
		{name: "on the line behind a comment", text: "-- all of it\nsel|", want: "select"},
		{name: "nothing in a number", text: "select 12|", want: ""},
		{name: "a letter is not enough", text: "select e|", want: "", silent: true},
		{name: "two are", text: "select eventn|", want: "eventname", silent: true},
		{name: "a dot is, too", text: "select useridentity.|", want: "type principalid", silent: true},
		{name: "nothing when it is there", text: "select eventname|", want: "", silent: true},
		{name: "nothing below two letters of a value", text: "select * where eventsource = 'i|", want: "", silent: true},
		{name: "in the middle of a word", text: "select even|tname", want: "eventversion eventtime eventsource eventname"},
		{name: "nothing of what cannot be seen", text: "select * from evi|", want: ""},

		{name: "commands", text: ".t|", want: ".tables .timer"},
		{name: "a command of the aliases", text: `\d|`, want: `\d`},
		{name: "arguments", text: ".timer o|", want: "on off"},
		{name: "arguments of a short name", text: ".sch acc|", want: "accounts"},
		{name: "arguments, nothing typed", text: ".schema |", want: "cloudtrail_logs accounts"},
		{name: "file names", text: ".read my|", want: `"my notes.sql"`},
		{name: "file names in quotes", text: `.read 'my no|'`, want: `'my notes.sql'`},
		{name: "SQL of a command", text: ".explain analyze select * from acc|", want: "accounts"},
		{name: "SQL of a command begins", text: ".explain sel|", want: "select"},
		{name: "a word before the SQL", text: ".explain an|", want: "analyze"},
		{name: "no such command", text: ".nothing x|", want: ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			k := known()
			cursor := strings.IndexByte(tt.text, '|')
			text := tt.text[:cursor] + tt.text[cursor+1:]
			c := At(k, text, cursor, !tt.silent)
			got := strings.Join(texts(c.Items), " ")
			if !strings.HasPrefix(got, tt.want) || tt.want == "" && got != "" {
				t.Errorf("got %.200q, want %q first", got, tt.want)
			}
		})
	}
}

func TestAtReplaces(t *testing.T) {
	tests := []struct{ name, text, want string }{
		{"a word", "select eventna| from cloudtrail_logs", "select eventname from cloudtrail_logs"},
		{"the rest of the word", "select eventn|ame from cloudtrail_logs", "select eventname from cloudtrail_logs"},
		{"behind a dot", "select c.eventna|, 1 from cloudtrail_logs c", "select c.eventname, 1 from cloudtrail_logs c"},
		{"text that is not closed", "select * where eventsource = 'ia|\nand x = 'y'", "select * where eventsource = 'iam.amazonaws.com'\nand x = 'y'"},
		{"text that is closed", "select * where eventsource = 'ia|' and x = 'y'", "select * where eventsource = 'iam.amazonaws.com' and x = 'y'"},
		{"the rest of the text", "select * where eventsource = 'ia|x y' and x", "select * where eventsource = 'iam.amazonaws.com' and x"},
		{"a name in quotes", `select "eventna|" from cloudtrail_logs`, `select "eventname" from cloudtrail_logs`},
		{"a call", "select json_extract_s|(a)", "select json_extract_scalar(a)"},
		{"an argument", ".timer of| ", ".timer off "},
		{"a value of a command in other quotes", `.read 'it|`, `.read "it's \"x\""`},
		{"a file name", `.read my|`, `.read "my notes.sql"`},
		{"SQL of a command", ".explain select eventna|, 1", ".explain select eventname, 1"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			cursor := strings.IndexByte(tt.text, '|')
			text := tt.text[:cursor] + tt.text[cursor+1:]
			c := At(known(), text, cursor, true)
			if len(c.Items) == 0 {
				t.Fatal("no items")
			}
			if got := text[:c.Start] + c.Items[0].Text + text[c.End:]; got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestHighlight(t *testing.T) {
	tests := []struct{ name, text, want string }{
		{"a query", "select count(*), 1.5 from t where a = 'x' -- c", "keyword:select function:count number:1.5 keyword:from keyword:where string:'x' comment:-- c"},
		{"names", `select "from", a.order`, "keyword:select"},
		{"a text that does not end", "select 'ab", "keyword:select mistake:' string:ab"},
		{"a name that does not end", `select "ab`, `keyword:select mistake:"`},
		{"a bracket too many", "select (1))", "keyword:select number:1 mistake:)"},
		{"a bracket too few", "select ((1);", "keyword:select mistake:( number:1"},
		{"a bracket too few, so far", "select ((1)", "keyword:select number:1"},
		{"a literal", "select date '2026-01-01', date from t", "keyword:select keyword:date string:'2026-01-01' keyword:from"},
		{"a command", ".tables", "command:.tables"},
		{"a command with SQL", ".explain select 1", "command:.explain keyword:select number:1"},
	}
	names := [...]string{"plain", "keyword", "function", "string", "number", "comment", "command", "mistake"}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var got []string
			for _, s := range Highlight(known(), tt.text) {
				got = append(got, names[s.Role]+":"+tt.text[s.Start:s.End])
			}
			if diff := cmp.Diff(tt.want, strings.Join(got, " ")); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestAtIsBounded(t *testing.T) {
	k := known()
	k.Values = func(string, string) []string {
		var all []string
		for i := range 1000 {
			all = append(all, fmt.Sprint("value", i))
		}
		return all
	}
	text := "select * where eventname = 'value"
	c := At(k, text, len(text), true)
	if len(c.Items) != maxItems || c.Items[0].Text != "'value0'" {
		t.Errorf("got %d items, first %v", len(c.Items), c.Items[:1])
	}
}

func FuzzAt(f *testing.F) {
	for _, seed := range []string{
		"select a from b where c = 'd' group by (", "with a as (select * from a, a, a) select x. from a", "select * from a join (b join c", "from (((((", "))))", "select 'é", "\"", "`", "$$",
		".read 'x", ".explain select ", `\d "`, "a.b.c[1].d.", "select * from t as x(a, b", "x in ('a', 'b', '", "\xff\xfe.", "union union with with as ( as (", "create view v as select", "/* /*", "E'\\",
	} {
		f.Add(seed, len(seed))
		f.Add(seed, len(seed)/2)
	}
	k := known()
	f.Fuzz(func(t *testing.T, text string, cursor int) {
		for _, asked := range []bool{true, false} {
			c := At(k, text, cursor, asked)
			at := min(max(cursor, 0), len(text))
			if c.Start < 0 || c.End > len(text) || c.Start > at || c.Start > c.End {
				t.Fatalf("replaces %d to %d of %d bytes, cursor %d", c.Start, c.End, len(text), cursor)
			}
			if utf8.ValidString(text) && (!utf8.ValidString(text[:c.Start]) || !utf8.ValidString(text[c.End:])) {
				t.Fatal("cuts a character")
			}
			if len(c.Items) > maxItems {
				t.Fatalf("%d items", len(c.Items))
			}
			for _, i := range c.Items {
				if !visible(i.Text) || !visible(i.Detail) {
					t.Fatalf("item %q %q", i.Text, i.Detail)
				}
			}
		}
		end := 0
		for _, s := range Highlight(k, text) {
			if s.Start < end || s.End <= s.Start || s.End > len(text) {
				t.Fatalf("span %v behind %d of %d bytes", s, end, len(text))
			}
			end = s.End
		}
	})
}

// large is 10 kB of SQL on a table of 1,000 columns with 100,000 values.
func large() (k *Known, sql string) {
	var columns []dialect.Column
	for i := range 1000 {
		columns = append(columns, dialect.Column{Name: fmt.Sprintf("column_%d_of_many", i), Type: dialect.ParseType("varchar")})
	}
	var values []string
	for i := range 100_000 {
		values = append(values, fmt.Sprintf("service-%d.amazonaws.com", i*7919%100_000))
	}
	k = &Known{Relations: []dialect.Relation{{Name: "wide", Columns: columns}}, Values: func(string, string) []string { return values }}
	var b strings.Builder
	b.WriteString("with x as (select column_1_of_many a from wide) select ")
	for i := 0; b.Len() < 10_000; i++ {
		fmt.Fprintf(&b, "max(coalesce(w.column_%d_of_many, 'none')) filter (where x.a = 'b') as m%d,\n  ", i, i)
	}
	b.WriteString("1 from wide w, x where ")
	return k, b.String()
}

func BenchmarkAt(b *testing.B) {
	k, sql := large()
	for _, bb := range []struct{ name, tail string }{
		{"columns", "colu"},
		{"no column", "zzzz"},
		{"member", "w.colu"},
		{"values", "w.column_1_of_many = 'service-99"},
		{"no value", "w.column_1_of_many = 'nothing"},
	} {
		b.Run(bb.name, func(b *testing.B) {
			text := sql + bb.tail
			b.ReportAllocs()
			for b.Loop() {
				At(k, text, len(text), true)
			}
		})
	}
}

func BenchmarkHighlight(b *testing.B) {
	k, sql := large()
	b.ReportAllocs()
	for b.Loop() {
		Highlight(k, sql)
	}
}

func TestKeywordsAreSorted(t *testing.T) {
	for lower, upper := range keywords {
		if len(lower) > longestKeyword {
			t.Errorf("%s is longer than %d", upper, longestKeyword)
		}
	}
	if !slices.IsSortedFunc(dialectFunctions, func(a, b dialect.Function) int { return strings.Compare(a.Name, b.Name) }) {
		t.Error("functions are not in order")
	}
}
