//go:build cgo && duckdb_arrow && (linux || darwin)

package main

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/trailql/trailql/catalog"
	"github.com/trailql/trailql/convert"
)

// BenchmarkShellStart takes the time from the start of the program to the prompt
// on the screen, on a warehouse of 10,000 files.
func BenchmarkShellStart(b *testing.B) {
	p := newShellPlace(b)
	addFiles(b, p.warehouse, 10_000)
	for b.Loop() {
		x := p.shell(b)
		b.StopTimer()
		x.send(ctrlD)
		x.end(0)
		b.StartTimer()
	}
}

// addFiles commits files that are empty: 10 regions, days from 2020 on.
func addFiles(b *testing.B, warehouse string, n int) {
	b.Helper()
	ctx := context.WithoutCancel(b.Context())
	c, err := catalog.Open(ctx, warehouse, catalog.Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer c.Close()
	id, err := c.Begin(ctx)
	if err != nil {
		b.Fatal(err)
	}
	var files []catalog.DataFile
	start := time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)
	for i := range n {
		region, day := fmt.Sprintf("region-%d", i%10), start.AddDate(0, 0, i/10).Format(time.DateOnly)
		name, w, err := c.NewFile(ctx, id, convert.LogsTable, region, day)
		if err != nil {
			b.Fatal(err)
		}
		if err := w.Commit(); err != nil {
			b.Fatal(err)
		}
		files = append(files, catalog.DataFile{Path: name, Partition: []string{region, day}, Records: 1000, Bytes: 100_000})
	}
	if _, err := c.Commit(ctx, catalog.Batch{ID: id, Changes: map[string]catalog.Change{convert.LogsTable: {Add: files}}}); err != nil {
		b.Fatal(err)
	}
}
