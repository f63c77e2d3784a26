package main

import (
	"context"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/trailql/trailql/catalog/storage/s3"
	"github.com/trailql/trailql/catalog/storage/s3/s3test"
)

// TestS3Scripts runs the command line on buckets of a real server; see
// testdata/s3. $TRAIL and $LAKE are empty buckets, one pair for each script.
//
//	upload DIR URI         puts the files of a folder below a URI
func TestS3Scripts(t *testing.T) {
	server := s3test.Start(t)
	sample, err := filepath.Abs("../../testdata/sample")
	if err != nil {
		t.Fatal(err)
	}
	p := scriptParams("testdata/s3", sample, func(e *testscript.Env) error {
		for _, pair := range os.Environ() {
			if name, value, _ := strings.Cut(pair, "="); strings.HasPrefix(name, "AWS_") {
				e.Setenv(name, value)
			}
		}
		e.Setenv("ENDPOINT", server.URL)
		e.Setenv("AWS_ENDPOINT_URL_S3", server.URL)
		e.Setenv("XDG_CACHE_HOME", filepath.Join(e.WorkDir, "cache"))
		e.Setenv("TRAIL", server.NewBucket(t))
		e.Setenv("LAKE", server.NewBucket(t))
		return nil
	})
	p.Cmds["upload"] = func(ts *testscript.TestScript, neg bool, args []string) {
		if neg || len(args) != 2 {
			ts.Fatalf("usage: upload DIR URI")
		}
		ts.Check(upload(server, ts.MkAbs(args[0]), args[1]))
	}
	testscript.Run(t, p)
}

func upload(server *s3test.Server, dir, uri string) error {
	ctx := context.Background()
	b, err := s3.Open(ctx, uri, server.Options())
	if err != nil {
		return err
	}
	return filepath.WalkDir(dir, func(name string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		data, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		below, err := filepath.Rel(dir, name)
		if err != nil {
			return err
		}
		return b.Put(ctx, filepath.ToSlash(below), data)
	})
}
