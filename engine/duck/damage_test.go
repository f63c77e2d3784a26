//go:build cgo && duckdb_arrow

package duck

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/trailql/trailql/engine"
)

// TestDamagedFile: the error speaks of the file, and is none of the statement.
func TestDamagedFile(t *testing.T) {
	tests := []struct {
		name   string
		damage func(file string, content []byte) error
	}{
		{"missing", func(file string, _ []byte) error { return os.Remove(file) }},
		{"empty", func(file string, _ []byte) error { return os.WriteFile(file, nil, 0o666) }},
		{"cut", func(file string, content []byte) error {
			return os.WriteFile(file, content[:len(content)/2], 0o666)
		}},
		{"wrong footer", func(file string, content []byte) error {
			for i := len(content) - 300; i < len(content)-200; i++ {
				content[i] ^= 0xff
			}
			return os.WriteFile(file, content, 0o666)
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newWarehouse(t)
			w.add(t, "us-east-1", "2023-07-10", 24)
			files, err := filepath.Glob(filepath.Join(escapeGlob(w.Root()), "default/cloudtrail_logs/data/*/*/*.parquet"))
			if err != nil || len(files) != 1 {
				t.Fatalf("files %q, %v", files, err)
			}
			content, err := os.ReadFile(files[0])
			if err != nil {
				t.Fatal(err)
			}
			if err := tt.damage(files[0], content); err != nil {
				t.Fatal(err)
			}
			_, _, err = rowsOf(t, open(t, w, Options{}), "SELECT * FROM cloudtrail_logs")
			if err == nil || !strings.Contains(err.Error(), "missing or damaged") {
				t.Errorf("got %v", err)
			}
			if _, ok := errors.AsType[*engine.SQLError](err); ok {
				t.Errorf("%v is an error of the statement", err)
			}
		})
	}
}
