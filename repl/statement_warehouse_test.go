//go:build cgo && duckdb_arrow

package repl

import (
	"regexp"
	"strings"
	"testing"
)

// TestStatementsOnAWarehouse is what the fake engine cannot prove: that results
// can be read again, windows and parameters arrive.
func TestStatementsOnAWarehouse(t *testing.T) {
	w := warehouseOf(t, sampleArchive)
	t.Chdir(t.TempDir())
	number := func(t *testing.T, inputs ...string) string {
		t.Helper()
		text := run(t, w, 200, append([]string{".mode csv", ".maxrows 2"}, inputs...)...)
		lines := regexp.MustCompile(`(?m)^n\n(\d+)$`).FindAllStringSubmatch(text, -1)
		if len(lines) == 0 {
			t.Fatalf("%q: no number in\n%s", inputs, text[max(0, len(text)-1000):])
		}
		return lines[len(lines)-1][1]
	}
	all := number(t, "select count(*) n from cloudtrail_logs;")
	decrypt := number(t, "select count(*) n from cloudtrail_logs where eventname = 'Decrypt';")
	for _, c := range []struct {
		name, want string
		inputs     []string
	}{
		{"last result", all, []string{".mode none", "select * from cloudtrail_logs;", ".mode csv", "select count(*) n from _;"}},
		{"last result, of itself", all, []string{"select eventid from cloudtrail_logs;", "select eventid || 'x' e from _;", "select count(distinct e || 'y') * 0 + count(*) n from _;"}},
		{"last result, joined", decrypt, []string{"select eventid from cloudtrail_logs where eventname = 'Decrypt';", "select count(distinct l.eventid) n from cloudtrail_logs l join _ r on l.eventid = r.eventid;"}},
		{"not that of a command", decrypt, []string{"select count(*) n from cloudtrail_logs where eventname = 'Decrypt';", ".tables", "select n from _;"}},
		{"members", decrypt, []string{"select useridentity, eventname from cloudtrail_logs;", "select count(coalesce(useridentity.type, '-')) n from _ where eventname = 'Decrypt';"}},
		{"parameter", decrypt, []string{".save by select count(*) n from cloudtrail_logs where eventname = $name", ".run by name=Decrypt"}},
		{"hostile parameter", "0", []string{".save by select count(*) n from cloudtrail_logs where eventname = $name", `.run by name="x' or '1'='1"`}},
		{"number parameter", "4", []string{".save top select count(*) n from (select 1 from cloudtrail_logs limit $k)", ".run top k:=4"}},
		{"window", all, []string{".window 2025-06-01 2025-07-01", "select count(*) n from cloudtrail_logs where eventtimestamp is not null;"}},
		{"window that is empty", "0", []string{".window 2024-01-01 2024-01-02", "select count(*) n from cloudtrail_logs;"}},
		{"window off", all, []string{".window 2024-01-01 2024-01-02", ".window off", "select count(*) n from cloudtrail_logs;"}},
		{"window and an earlier result", all, []string{"select eventid from cloudtrail_logs;", ".window 2024-01-01 2024-01-02", "select count(*) n from _;"}},
		{"read", all, []string{".once n.sql -F csv", "select 'select count(*) n from cloudtrail_logs';", ".once |sed 1d n.sql > q.sql", "select 1;", ".read q.sql"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := number(t, c.inputs...); got != c.want {
				t.Errorf("%s, want %s", got, c.want)
			}
		})
	}
	text := run(t, w, 120, ".window 2025-06-02 2025-06-03", "select count(*) from cloudtrail_logs;", "select nope,\n eventnme from cloudtrail_logs;", "from _ where;")
	for _, want := range []string{"of 9 partitions · window 2025-06-02T00:00Z … 2025-06-03T00:00Z\n", "! error: line 1:8: ", "!   select nope,\n!          ^^^^\n"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
}
