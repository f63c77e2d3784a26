package main

import (
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const (
	module         = "github.com/trailql/trailql"
	repositoryRoot = "../.."
)

// allowedImports are the edges between our packages, tests left out. "x/..."
// stands for x and everything below it. A new edge is a decision: add it here.
var allowedImports = map[string][]string{
	"catalog":                   {"catalog/metadata", "catalog/storage"},
	"catalog/icebergtest":       {},
	"catalog/metadata":          {},
	"catalog/shared":            {"catalog", "catalog/metadata"},
	"catalog/storage":           {},
	"convert":                   {"convert/...", "catalog", "catalog/storage"},
	"convert/cloudtrail":        {},
	"convert/digest":            {"convert/cloudtrail", "catalog/storage"},
	"convert/digest/digesttest": {"catalog/storage", "catalog/storage/storagetest"},
	"convert/follow":            {"catalog/storage", "convert", "convert/queue"},
	"convert/queue":             {},
	"convert/queue/queuetest":   {"catalog/storage/servertest"},
	"engine":                    {},
	"engine/dialect":            {"engine"},
	"engine/duck":               {"engine", "engine/dialect", "engine/quantity", "catalog", "catalog/storage/filecache"},
	"engine/output":             {},
	"engine/quantity":           {},
	"engine/trino":              {"engine", "engine/dialect"},
	"engine/trino/trinotest":    {"catalog"},
	"cmd/trailql": {"catalog", "catalog/shared", "catalog/storage", "catalog/storage/filecache", "catalog/storage/s3", "convert", "convert/cloudtrail", "convert/clustersql", "convert/digest", "convert/follow", "convert/queue", "engine", "engine/dialect", "engine/duck", "engine/output", "engine/quantity", "engine/trino",
		"repl", "repl/editor", "report", "report/delivery", "report/ledger", "report/manifest", "report/pack", "report/render", "report/schedule"},
	"repl":                      {"engine", "engine/dialect", "engine/output", "engine/quantity", "repl/complete", "repl/history", "report", "report/pack"},
	"repl/complete":             {"engine/dialect"},
	"repl/editor":               {"engine/output", "repl/complete"},
	"repl/history":              {},
	"report":                    {"engine", "engine/quantity", "report/pack"},
	"report/delivery":           {"catalog/storage", "report", "report/ledger"},
	"report/ledger":             {"catalog/storage", "report"},
	"report/manifest":           {"engine/output", "report"},
	"report/pack":               {"engine", "engine/dialect"},
	"report/render":             {"engine/output", "engine/quantity", "report", "report/pack"},
	"report/schedule":           {"report", "report/delivery", "report/pack"},
	"cmd/integration":           {},
	"docs/docstest":             {},
	"cmd/trailgen":              {},
	"cmd/bench":                 {},
	"catalog/storage/...":       {"catalog/storage"},
	"catalog/storage/s3/s3test": {"catalog/storage/s3", "catalog/storage/servertest"},
	"convert/...":               {"convert/cloudtrail"},
}

// restricted modules are imported only where the list says, tests included.
var restrictedModules = map[string][]string{
	"github.com/duckdb/":           {"engine/duck", "cmd/bench"},                                                                    // cmd/bench compares with it
	"github.com/apache/iceberg-go": {"catalog", "catalog/metadata", "catalog/shared", "convert/...", "engine/duck", "engine/trino"}, // engine/trino: its tests change a table
	"github.com/spf13/":            {"cmd/trailql"},
	"github.com/c-bata/":           {"repl/editor"},
	"github.com/jackc/":            {"catalog/shared"},
}

// icebergSubpackages must not be imported but by tests: whatever imports
// iceberg-go/table, and most of them do, adds 85 ms to every start of the
// program, where a query like "select 1" may take 150 in all. catalog/metadata
// is there instead.
const icebergSubpackages = "github.com/apache/iceberg-go/"

// TestImports reads the files instead of asking the go command: its answer
// would be cached, and would depend on build tags.
func TestImports(t *testing.T) {
	packages := 0
	seen := map[string]bool{}
	err := filepath.WalkDir(repositoryRoot, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if base := d.Name(); name != repositoryRoot && (strings.HasPrefix(base, ".") || base == "testdata" || base == "bin") {
				return fs.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(name, ".go") {
			return nil
		}
		folder, err := filepath.Rel(repositoryRoot, filepath.Dir(name))
		if err != nil {
			return err
		}
		pkg := filepath.ToSlash(folder)
		if !seen[pkg] {
			seen[pkg] = true
			packages++
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		for _, spec := range file.Imports {
			imported, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				return err
			}
			checkImport(t, name, pkg, imported)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if packages < 5 {
		t.Errorf("only %d packages found below %s", packages, repositoryRoot)
	}
}

func checkImport(t *testing.T, file, pkg, imported string) {
	t.Helper()
	for prefix, users := range restrictedModules {
		if strings.HasPrefix(imported, prefix) && !matchPackage(users, pkg) {
			t.Errorf("%s: %s must not import %s", file, pkg, imported)
		}
	}
	if strings.HasPrefix(imported, icebergSubpackages) && !strings.HasSuffix(file, "_test.go") {
		t.Errorf("%s: %s slows the start of the program: see icebergSubpackages", file, imported)
	}
	if imported == module {
		t.Errorf("%s: nothing lives in the root package", file)
	}
	ours, ok := strings.CutPrefix(imported, module+"/")
	if !ok || strings.HasSuffix(file, "_test.go") || ours == pkg {
		return
	}
	allowed, known := allowedFor(pkg)
	if !known {
		t.Errorf("%s: package %s is not in allowedImports", file, pkg)
	} else if !matchPackage(allowed, ours) {
		t.Errorf("%s: %s must not import %s: add the edge to allowedImports if it is meant", file, pkg, ours)
	}
}

// allowedFor finds the entry of a package: its own, or the nearest wildcard.
func allowedFor(pkg string) ([]string, bool) {
	if allowed, ok := allowedImports[pkg]; ok {
		return allowed, true
	}
	for parent := path.Dir(pkg); parent != "."; parent = path.Dir(parent) {
		if allowed, ok := allowedImports[parent+"/..."]; ok {
			return allowed, true
		}
	}
	return nil, false
}

func matchPackage(patterns []string, pkg string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool {
		if parent, ok := strings.CutSuffix(p, "/..."); ok {
			return pkg == parent || strings.HasPrefix(pkg, parent+"/")
		}
		return p == pkg
	})
}

// TestAllowedImportsAreUsed keeps the map from naming packages that are gone.
func TestAllowedImportsAreUsed(t *testing.T) {
	for pkg := range allowedImports {
		folder := strings.TrimSuffix(pkg, "/...")
		if _, err := os.Stat(filepath.Join(repositoryRoot, filepath.FromSlash(folder))); err != nil {
			t.Errorf("allowedImports names %s: %v", pkg, err)
		}
	}
}
