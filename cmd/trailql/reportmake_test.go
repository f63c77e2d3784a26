package main

import (
	"os"
	"path/filepath"
	"testing"
	"time"
)

func TestAbandonedFoldersAreRemoved(t *testing.T) {
	now := time.Date(2026, 11, 21, 18, 0, 0, 0, time.UTC)
	folder := t.TempDir()
	for _, test := range []struct {
		name string
		age  time.Duration // of the folder and the file in it
		file time.Duration // of the file, if not that
		kept bool
	}{
		{"daily.20261119T063000Z-0123abcd.tmp", 48 * time.Hour, 0, false},
		{"daily.20261121T063000Z-0123abcd.tmp", time.Hour, 0, true},
		{"slow.20261119T063000Z-0123abcd.tmp", 48 * time.Hour, time.Minute, true},
		{"mine.tmp", 48 * time.Hour, 0, true},
		{"daily", 48 * time.Hour, 0, true},
	} {
		dir := filepath.Join(folder, test.name)
		file := filepath.Join(dir, "report.json")
		if err := os.Mkdir(dir, 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, nil, 0o666); err != nil {
			t.Fatal(err)
		}
		age := test.age
		if test.file > 0 {
			age = test.file
		}
		for name, age := range map[string]time.Duration{file: age, dir: test.age} {
			if err := os.Chtimes(name, now.Add(-age), now.Add(-age)); err != nil {
				t.Fatal(err)
			}
		}
		if err := removeAbandoned(folder, now); err != nil {
			t.Fatal(err)
		}
		if _, err := os.Stat(file); (err == nil) != test.kept {
			t.Errorf("%s: kept is %t", test.name, err == nil)
		}
	}
}
