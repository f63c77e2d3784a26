package render

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/trailql/trailql/report"
)

// rendered are the files of a report, by name: of all formats unless some are
// given.
func rendered(t *testing.T, r *report.Report, formats ...Format) map[string]string {
	t.Helper()
	dir := t.TempDir()
	// To look at: TRAILQL_KEEP_REPORT is the folder that they go to.
	if keep := os.Getenv("TRAILQL_KEEP_REPORT"); keep != "" {
		dir = filepath.Join(keep, filepath.FromSlash(t.Name()))
		if err := os.RemoveAll(dir); err != nil {
			t.Fatal(err)
		}
	}
	if len(formats) == 0 {
		formats = Formats()
	}
	files, err := Write(t.Context(), dir, r, formats)
	if err != nil {
		t.Fatal(err)
	}
	contents := map[string]string{}
	for _, f := range files {
		b, err := os.ReadFile(filepath.Join(dir, filepath.FromSlash(f.Name)))
		if err != nil {
			t.Fatal(err)
		}
		if int64(len(b)) != f.Size {
			t.Errorf("%s has %d bytes, want %d", f.Name, len(b), f.Size)
		}
		contents[f.Name] = string(b)
	}
	return contents
}

// examples are the reports that every format is tested with.
func examples() map[string]*report.Report {
	return map[string]*report.Report{"example": example(), "hostile": hostileExample(0), "empty": {}}
}

func TestWrite(t *testing.T) {
	for name, r := range examples() {
		t.Run(name, func(t *testing.T) {
			files := rendered(t, r)
			for _, name := range []string{htmlFile, markdownFile, jsonFile, jsonLinesFile, junitFile, ocsfFile, controlsFile, coverageFile} {
				if _, ok := files[name]; !ok {
					t.Errorf("no %s", name)
				}
			}
		})
	}
}
