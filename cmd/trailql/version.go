package main

import (
	"encoding/json"
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
)

// version is set by the linker for a release.
var version = "devel"

type versionInfo struct {
	Version  string `json:"version"`
	Revision string `json:"revision,omitempty"`
	Go       string `json:"go"`
	Platform string `json:"platform"`
	DuckDB   string `json:"duckdb_bindings,omitempty"`
	Iceberg  string `json:"iceberg_go,omitempty"`
}

func newVersionCommand(a *app) *cobra.Command {
	asJSON := false
	cmd := &cobra.Command{
		Use:     "version",
		Short:   "Print the version of trailql and of what it is made of",
		Example: "  trailql version\n  trailql version --json",
		Args:    usageArgs(cobra.NoArgs),
		RunE: func(*cobra.Command, []string) error {
			if asJSON {
				return json.NewEncoder(a.stdout).Encode(readVersion())
			}
			_, err := fmt.Fprintln(a.stdout, "trailql", buildVersion())
			return err
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

func readVersion() versionInfo {
	v := versionInfo{Version: version, Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH}
	build, ok := debug.ReadBuildInfo()
	if !ok {
		return v
	}
	for _, s := range build.Settings {
		if s.Key == "vcs.revision" {
			v.Revision = s.Value
		}
	}
	for _, m := range build.Deps {
		switch m.Path {
		case "github.com/duckdb/duckdb-go-bindings":
			v.DuckDB = m.Version
		case "github.com/apache/iceberg-go":
			v.Iceberg = m.Version
		}
	}
	return v
}

// buildVersion is the version in one line.
func buildVersion() string {
	v := readVersion()
	line := v.Version
	if v.Revision != "" {
		line += " (" + v.Revision + ")"
	}
	line += " " + v.Go + " " + v.Platform
	if v.DuckDB != "" {
		line += " duckdb-go-bindings " + v.DuckDB
	}
	if v.Iceberg != "" {
		line += " iceberg-go " + v.Iceberg
	}
	return line
}
