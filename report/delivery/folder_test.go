package delivery

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestFolder(t *testing.T) {
	d, folder := newDesk(t), t.TempDir()
	target := Target{Folder: folder}
	// What an attempt that was killed left.
	half := filepath.Join(folder, "."+d.m.FolderName()+".tmp")
	if err := os.MkdirAll(filepath.Join(half, "rubbish"), 0o700); err != nil {
		t.Fatal(err)
	}
	if o := d.deliver(target); o.Err != nil {
		t.Fatal(o.Err)
	}
	entries, err := os.ReadDir(folder)
	if err != nil || len(entries) != 1 || entries[0].Name() != "daily_20261120T000000Z_run-1" {
		t.Fatalf("%v, %v", entries, err)
	}
	for _, name := range []string{"report.html", "manifest.json", "controls/a.csv"} {
		want, err := os.ReadFile(filepath.Join(d.m.Dir, name))
		if err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(filepath.Join(folder, entries[0].Name(), name))
		if err != nil || string(got) != string(want) {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
}

func TestFolderFailures(t *testing.T) {
	t.Run("not there, then mounted", func(t *testing.T) {
		d := newDesk(t)
		target := Target{Folder: filepath.Join(t.TempDir(), "mount")}
		if o := d.deliver(target); !errors.Is(o.Err, fs.ErrNotExist) || !o.Kept {
			t.Errorf("%+v", o)
		}
		if err := os.Mkdir(target.Folder, 0o700); err != nil {
			t.Fatal(err)
		}
		if o := d.retry(); len(o) != 1 || o[0].Err != nil {
			t.Errorf("%+v", o)
		}
	})
	t.Run("report gone", func(t *testing.T) {
		d := newDesk(t)
		d.m.Dir = filepath.Join(t.TempDir(), "gone")
		if o := d.deliver(Target{Folder: t.TempDir()}); !errors.Is(o.Err, ErrGone) || o.Kept || len(d.waiting()) > 0 {
			t.Errorf("%+v", o)
		}
	})
	t.Run("link in the report", func(t *testing.T) {
		d, folder := newDesk(t), t.TempDir()
		if err := os.Symlink("/etc/passwd", filepath.Join(d.m.Dir, "link")); err != nil {
			t.Fatal(err)
		}
		if o := d.deliver(Target{Folder: folder}); o.Err == nil || !strings.Contains(o.Err.Error(), "not a regular file") {
			t.Errorf("%+v", o)
		}
		if entries, err := os.ReadDir(folder); err != nil || len(entries) > 0 {
			t.Errorf("left: %v, %v", entries, err)
		}
	})
}
