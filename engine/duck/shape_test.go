//go:build cgo && duckdb_arrow

package duck

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/trailql/trailql/engine"
	"github.com/trailql/trailql/engine/dialect"
)

// TestShapes: the built-in views have the columns that translations count on.
func TestShapes(t *testing.T) {
	e := converted(t).(*local)
	known, err := e.newest(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	standard := dialect.StandardRelations()
	for _, name := range append([]string{dialect.DefaultTable}, shapeNames()...) {
		t.Run(name, func(t *testing.T) {
			rel := known.byName[name]
			if rel == nil {
				t.Fatal("there is none")
			}
			columns, err := e.columnTypes(t.Context(), known, rel)
			if err != nil {
				t.Fatal(err)
			}
			var got, want []string
			for _, c := range columns {
				got = append(got, c.Name+" "+typeText(dialect.ParseType(c.Type)))
			}
			for _, c := range standard.Relation(name).Columns {
				want = append(want, c.Name+" "+typeText(c.Type))
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func shapeNames() []string {
	var names []string
	for _, s := range shapes {
		names = append(names, s.name)
	}
	return names
}

// typeText is a type without what a translation only assumes of text.
func typeText(t dialect.Type) string {
	switch t.Kind {
	case dialect.JSONText:
		t.Kind = dialect.Text
	case dialect.List:
		return "[" + typeText(*t.Elem) + "]"
	case dialect.Map:
		return "{" + typeText(*t.Key) + ":" + typeText(*t.Elem) + "}"
	case dialect.Struct:
		var members []string
		for _, f := range t.Fields {
			members = append(members, f.Name+" "+typeText(f.Type))
		}
		return "(" + strings.Join(members, ", ") + ")"
	}
	return fmt.Sprint(t.Kind)
}

// TestViewsOfPeople: the views have every event, in the form that their
// queries expect.
func TestViewsOfPeople(t *testing.T) {
	e := converted(t)
	tests := []struct{ name, dialect, sql, want string }{
		{"all in Lake", "duckdb", "SELECT (SELECT count(*) FROM cloudtrail_lake) = (SELECT count(*) FROM cloudtrail_logs)", "true"},
		{"all in Tailpipe", "duckdb", "SELECT (SELECT count(*) FROM aws_cloudtrail_log) = (SELECT count(*) FROM cloudtrail_logs)", "true"},
		{"kinds are disjoint and whole", "", `SELECT (SELECT count(*) FROM management_events) + (SELECT count(*) FROM data_events) + (SELECT count(*) FROM insights_events)
			+ (SELECT count(*) FROM network_activity_events) = (SELECT count(*) FROM cloudtrail_logs)`, "true"},
		{"Lake booleans", "lake", "SELECT count(*) > 0 FROM eds WHERE readOnly = true AND managementEvent", "true"},
		{"Lake map", "lake", "SELECT count(DISTINCT element_at(requestParameters, 'bucketName')) > 1 FROM eds WHERE eventSource = 's3.amazonaws.com'", "true"},
		{"Lake map against JSON", "duckdb", "SELECT count(*) FROM cloudtrail_lake l JOIN cloudtrail_logs a USING (eventid) WHERE l.requestparameters['bucketName'] IS DISTINCT FROM a.requestparameters->>'$.bucketName'", "0"},
		{"Lake time", "lake", "SELECT max(eventTime) = timestamp '2025-06-03 20:58:31' FROM eds", "true"},
		{"Lake record", "lake", "SELECT count(*) FROM eds WHERE json_extract_scalar(eventJson, '$.eventID') IS DISTINCT FROM eventID OR json_extract_scalar(eventJson, '$.userIdentity.arn') IS DISTINCT FROM userIdentity.arn", "0"},
		{"Lake records are JSON", "lake", "SELECT count(*) FROM eds WHERE TRY(json_parse(eventJson)) IS NULL", "0"},
		{"Lake records have no more than they had", "lake", "SELECT count(*) FROM eds WHERE cardinality(resources) IS NULL AND strpos(eventJson, '\"resources\":[') > 0", "0"},
		{"Tailpipe JSON", "duckdb", "SELECT count(*) > 0 FROM aws_cloudtrail_log WHERE request_parameters ->> 'bucketName' IS NOT NULL AND user_identity.type IS NOT NULL", "true"},
		{"Tailpipe lists", "duckdb", "SELECT count(*) FROM aws_cloudtrail_log WHERE len(tp_akas) > json_array_length(resources)", "0"},
		{"Tailpipe date", "duckdb", "SELECT count(*) FROM aws_cloudtrail_log WHERE tp_date <> CAST(tp_timestamp AS DATE)", "0"},
		{"path", "", `SELECT count(*) FROM cloudtrail_logs WHERE "$path" NOT LIKE '%.json.gz' AND "$path" NOT LIKE '%.json'`, "0"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r, err := e.Query(t.Context(), engine.Query{SQL: tt.sql, Dialect: tt.dialect})
			if err != nil {
				t.Fatal(err)
			}
			defer r.Close()
			for batch, err := range r.Batches() {
				if err != nil {
					t.Fatal(err)
				}
				if got := batch.Column(0).ValueStr(0); got != tt.want {
					t.Errorf("got %s, want %s", got, tt.want)
				}
			}
		})
	}
}
