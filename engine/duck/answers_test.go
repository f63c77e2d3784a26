//go:build cgo && duckdb_arrow

package duck

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/trailql/trailql/catalog"
	"github.com/trailql/trailql/convert"
	"github.com/trailql/trailql/engine"
	"github.com/trailql/trailql/engine/dialect"
)

const oneRecord = `{"Records":[{"eventVersion":"1.08","eventTime":"2023-07-10T01:02:03Z","awsRegion":"us-east-1","eventSource":"s3.amazonaws.com","eventName":"GetObject",
"requestParameters":{"bucketName":"b1","n":5,"o":{"x":1}},"resources":[{"ARN":"arn:a","accountId":"1","type":"T"},{"ARN":"arn:b","accountId":"2","type":"U"}],
"recipientAccountId":"111122223333","eventID":"e1","sourceIPAddress":"10.1.2.3","readOnly":true}]}`

// TestTrinosAnswers: testdata/trino_answers.txt has expressions and queries over
// one record, each with what Trino answers.
func TestTrinosAnswers(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "111122223333_CloudTrail_us-east-1_20230710T0105Z_abcdefgh12345678.json"), []byte(oneRecord), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := catalog.Create(t.Context(), filepath.Join(dir, "warehouse"), catalog.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := convert.Run(t.Context(), convert.Options{Catalog: c, Sources: []string{filepath.Join(dir, "*.json")}}); err != nil {
		t.Fatal(err)
	}
	e, err := Open(t.Context(), Options{Catalog: c, TempDir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	data, err := os.ReadFile("testdata/trino_answers.txt")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(data)) {
		sql, want, ok := strings.Cut(strings.TrimSuffix(line, "\n"), " ==> ")
		if !ok {
			continue
		}
		t.Run(sql, func(t *testing.T) {
			q := engine.Query{SQL: sql}
			if rest, ok := strings.CutPrefix(sql, "lake: "); ok {
				q.SQL, q.Dialect = rest, "lake"
			}
			if first := strings.ToUpper(strings.Fields(q.SQL)[0]); first != "SELECT" && first != "WITH" && first != "VALUES" {
				q.SQL = "SELECT " + q.SQL
			}
			if got := answerText(t, e, q); got != want {
				t.Errorf("%s\ngot  %s\nwant %s", q.SQL, got, want)
			}
		})
	}
}

// answerText writes the rows as DuckDB casts them to text, or the error.
func answerText(t *testing.T, e engine.Engine, q engine.Query) string {
	s, err := e.(Translator).Translate(t.Context(), q)
	if err != nil {
		return "ERR " + err.Error()
	}
	rows, _, err := rowsAsText(t, e.(*local), s)
	if err != nil {
		return "ERR " + err.Error()
	}
	return strings.Join(rows, "; ")
}

// rowsAsText runs a translation with its columns cast to text.
func rowsAsText(t *testing.T, l *local, s *dialect.Statement) ([]string, engine.Stats, error) {
	t.Helper()
	known, err := l.newest(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	c, err := l.db.connect()
	if err != nil {
		t.Fatal(err)
	}
	wrapped := *s
	wrapped.SQL = "SELECT CAST(COLUMNS(*) AS VARCHAR) FROM (" + s.SQL + ") AS q"
	ctx, cancel := context.WithCancel(t.Context())
	r := &running{ctx: ctx, local: l, cancel: cancel, connection: c, statement: &wrapped, unhook: func() bool { return true }}
	defer r.close()
	if err := r.start(l, known, "", nil); err != nil {
		return nil, engine.Stats{}, err
	}
	var rows []string
	for batch, err := range r.batches() {
		if err != nil {
			return nil, engine.Stats{}, err
		}
		for i := range int(batch.NumRows()) {
			var cells []string
			for _, column := range batch.Columns() {
				cells = append(cells, strings.ReplaceAll(strings.Clone(column.ValueStr(i)), "(null)", "NULL"))
			}
			rows = append(rows, strings.Join(cells, ","))
		}
	}
	return rows, r.stats(), nil
}
