package main

import (
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/gzip"
)

func readTree(t *testing.T, root string) map[string]string {
	t.Helper()
	tree := map[string]string{}
	err := filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		file, err := os.Open(name)
		if err != nil {
			return err
		}
		defer file.Close()
		unzip, err := gzip.NewReader(file)
		if err != nil {
			return err
		}
		text, err := io.ReadAll(unzip)
		below, _ := filepath.Rel(root, name)
		tree[filepath.ToSlash(below)] = string(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return tree
}

func TestExportTree(t *testing.T) {
	type record struct{ region, date, text string }
	tests := []struct {
		name, container string
		limit           int64
		records         []record
		want            map[string]string
	}{
		{name: "no record", container: containerRecords, limit: 100, want: map[string]string{}},
		{
			name: "records by partition", container: containerRecords, limit: 100,
			records: []record{{"us-east-1", "2026-10-31", `{"a":1}`}, {"us-east-1", "2026-10-31", `{"a":2}`}, {"eu-west-1", "2026-10-31", `{"a":3}`}, {"us-east-1", "2026-10-31", `{"a":4}`}},
			want: map[string]string{
				"AWSLogs/CloudTrail/us-east-1/2026/10/31/CloudTrail_us-east-1_20261031T2359Z_0001.json.gz": `{"Records":[{"a":1},{"a":2}]}` + "\n",
				"AWSLogs/CloudTrail/eu-west-1/2026/10/31/CloudTrail_eu-west-1_20261031T2359Z_0001.json.gz": `{"Records":[{"a":3}]}` + "\n",
				"AWSLogs/CloudTrail/us-east-1/2026/10/31/CloudTrail_us-east-1_20261031T2359Z_0002.json.gz": `{"Records":[{"a":4}]}` + "\n",
			},
		},
		{
			name: "lines, full files", container: containerLines, limit: 17,
			records: []record{{"us-east-1", "2026-10-31", `{"a":1}`}, {"us-east-1", "2026-10-31", `{"a":2}`}, {"us-east-1", "2026-10-31", `{"a":3}`}},
			want: map[string]string{
				"AWSLogs/CloudTrail/us-east-1/2026/10/31/CloudTrail_us-east-1_20261031T2359Z_0001.jsonl.gz": "{\"a\":1}\n{\"a\":2}\n",
				"AWSLogs/CloudTrail/us-east-1/2026/10/31/CloudTrail_us-east-1_20261031T2359Z_0002.jsonl.gz": "{\"a\":3}\n",
			},
		},
		{
			name: "names that want to be elsewhere", container: containerLines, limit: 100,
			records: []record{{"../../etc", "../..", "{}"}, {"..", "", "{}"}, {"", "2026-10-31", "{}"}, {"a\x00\x1b", "2026-10-31", "{}"}},
			want: map[string]string{
				"AWSLogs/CloudTrail/..%2F..%2Fetc/undated/CloudTrail_..%2F..%2Fetc_undated_0001.jsonl.gz": "{}\n",
				"AWSLogs/CloudTrail/%../undated/CloudTrail_%.._undated_0001.jsonl.gz":                     "{}\n",
				"AWSLogs/CloudTrail/unknown/2026/10/31/CloudTrail_unknown_20261031T2359Z_0001.jsonl.gz":   "{}\n",
				"AWSLogs/CloudTrail/a%00%1B/2026/10/31/CloudTrail_a%00%1B_20261031T2359Z_0001.jsonl.gz":   "{}\n",
			},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			root := filepath.Join(t.TempDir(), "new")
			tree, err := newExportTree(root, tt.container, false)
			if err != nil {
				t.Fatal(err)
			}
			tree.limit = tt.limit
			for _, r := range tt.records {
				if err := tree.write(r.region, r.date, []byte(r.text)); err != nil {
					t.Fatal(err)
				}
			}
			if err := tree.publish(); err != nil {
				t.Fatal(err)
			}
			tree.discard()
			if diff := cmp.Diff(tt.want, readTree(t, root)); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
		})
	}
}

func TestExportTreeLeavesNothingBehind(t *testing.T) {
	root := t.TempDir()
	tree, err := newExportTree(root, containerRecords, false)
	if err != nil {
		t.Fatal(err)
	}
	if err := tree.write("us-east-1", "2026-10-31", []byte("{}")); err != nil {
		t.Fatal(err)
	}
	tree.discard()
	if entries, err := os.ReadDir(root); err != nil || len(entries) > 0 {
		t.Errorf("left: %v, %v", entries, err)
	}
}

func TestExportTreeRefusesFullFolder(t *testing.T) {
	root := t.TempDir()
	if err := os.WriteFile(filepath.Join(root, "mine.txt"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := newExportTree(root, containerRecords, false); err == nil || !strings.Contains(err.Error(), "--force") {
		t.Errorf("got %v, want a refusal that names --force", err)
	}
	tree, err := newExportTree(root, containerRecords, true)
	if err != nil {
		t.Fatal(err)
	}
	tree.discard()
}
