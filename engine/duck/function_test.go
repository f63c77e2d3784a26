//go:build cgo && duckdb_arrow

package duck

import (
	"strings"
	"testing"

	"github.com/trailql/trailql/engine"
	"github.com/trailql/trailql/engine/dialect"
)

// TestEveryFunctionIsClassified: what a version of DuckDB brings is refused
// until somebody has decided about it.
func TestEveryFunctionIsClassified(t *testing.T) {
	rows, _, err := rowsOf(t, open(t, newWarehouse(t), Options{}), "SELECT DISTINCT function_name, function_type FROM duckdb_functions() WHERE function_type != 'pragma' ORDER BY 1, 2")
	if err != nil {
		t.Fatal(err)
	}
	exists := map[string]bool{}
	for _, row := range rows {
		name, kind, _ := strings.Cut(strings.ToLower(row), "|")
		if at := strings.LastIndex(strings.ToLower(row), "|"); at > 0 {
			name, kind = strings.ToLower(row[:at]), row[at+1:]
		}
		exists[name] = true
		known := allowedFunctions[name] || refusedFunctions[name] || internalFunction(name) || strings.HasPrefix(name, "trino_")
		if strings.HasPrefix(kind, "table") {
			known = known || allowedTableFunctions[name]
		}
		if !known {
			t.Errorf("%s function %s is neither allowed nor refused", kind, name)
		}
		if allowedFunctions[name] && refusedFunctions[name] {
			t.Errorf("function %s is allowed and refused", name)
		}
	}
	if len(exists) < 500 {
		t.Errorf("only %d functions found", len(exists))
	}
}

// TestFunctionExamples: what help says of a function is what it does.
func TestFunctionExamples(t *testing.T) {
	e := open(t, newWarehouse(t), Options{})
	tested := 0
	for _, f := range dialect.Functions() {
		if f.Example == "" {
			continue
		}
		tested++
		t.Run(f.Name, func(t *testing.T) {
			sql := f.Example
			if !strings.HasPrefix(strings.ToUpper(sql), "SELECT") {
				sql = "SELECT " + sql
			}
			if got := answerText(t, e, engine.Query{SQL: sql}); got != f.Want {
				t.Errorf("%s\ngot  %s\nwant %s", f.Example, got, f.Want)
			}
		})
	}
	if tested < 100 {
		t.Errorf("only %d examples", tested)
	}
}

func TestNetworkFunctions(t *testing.T) {
	e := open(t, newWarehouse(t), Options{})
	tests := []struct{ sql, want string }{
		{"contains('10.0.0.0/8', IPADDRESS '10.1.2.3')", "true"},
		{"contains('10.0.0.0/8', IPADDRESS '11.1.2.3')", "false"},
		{"contains(IPPREFIX '10.0.0.0/8', IPPREFIX '10.1.0.0/16')", "true"},
		{"contains(IPPREFIX '10.1.0.0/16', IPPREFIX '10.0.0.0/8')", "false"},
		{"contains('2001:db8::/32', IPADDRESS '2001:db8:1::1')", "true"},
		{"contains('10.0.0.0/8', IPADDRESS '2001:db8::1')", "false"},
		{"CAST(IPADDRESS '2001:0DB8:0000::0001' AS VARCHAR)", "2001:db8::1"},
		{"CAST(IPADDRESS '::ffff:10.0.0.1' AS VARCHAR)", "10.0.0.1"},
		{"CAST(ip_prefix(IPADDRESS '192.168.7.9', 24) AS VARCHAR)", "192.168.7.0/24"},
		{"IPADDRESS '9.0.0.1' < IPADDRESS '10.0.0.1'", "true"},
		{"IPADDRESS '10.0.0.1' BETWEEN IPADDRESS '9.255.0.0' AND IPADDRESS '10.0.0.2'", "true"},
		{"contains('10.0.0.0/8', CAST(NULL AS IPADDRESS))", "(null)"},
		{"TRY_CAST('ec2.amazonaws.com' AS IPADDRESS)", "(null)"},
		{"TRY(CAST('x' AS IPADDRESS))", "(null)"},
	}
	for _, tt := range tests {
		rows, _, err := rowsOf(t, e, "SELECT "+tt.sql)
		if err != nil || len(rows) != 1 || rows[0] != tt.want {
			t.Errorf("%s: got %q, %v; want %s", tt.sql, rows, err, tt.want)
		}
	}
	_, _, err := rowsOf(t, e, "SELECT CAST('no address' AS IPADDRESS)")
	if err == nil || !strings.Contains(err.Error(), "not an IP address") {
		t.Errorf("got %v", err)
	}
	// Rows of a table, with nulls between them.
	rows, _, err := rowsOf(t, e, "SELECT count(*), count(contains('10.0.0.0/8', a)), sum(CASE WHEN contains('10.0.0.0/8', a) THEN 1 ELSE 0 END) FROM (SELECT TRY_CAST(CASE WHEN i % 3 = 0 THEN NULL ELSE '10.0.0.' || CAST(i % 250 AS VARCHAR) END AS IPADDRESS) AS a FROM UNNEST(sequence(1, 9999)) AS t(i))")
	if err != nil || rows[0] != "9999|6666|6666" {
		t.Errorf("rows: got %q, %v", rows, err)
	}
}

var _ engine.Engine = (*local)(nil)
var _ Translator = (*local)(nil)
