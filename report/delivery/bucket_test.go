package delivery

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/trailql/trailql/catalog/storage"
	"github.com/trailql/trailql/catalog/storage/storagetest"
)

const inBucket = "daily_20261120T000000Z_run-1/"

func TestBucket(t *testing.T) {
	d, memory := newDesk(t), storagetest.NewMemory()
	d.OpenStorage = func(_ context.Context, uri string) (storage.Storage, error) {
		if uri != "s3://audit/reports" {
			t.Errorf("opened %s", uri)
		}
		return memory, nil
	}
	target := Target{S3: "s3://audit/reports"}
	// What an attempt that was killed left.
	left, err := os.ReadFile(filepath.Join(d.m.Dir, "report.html"))
	if err != nil {
		t.Fatal(err)
	}
	if err := memory.PutNew(t.Context(), inBucket+"report.html", left); err != nil {
		t.Fatal(err)
	}
	if o := d.deliver(target); o.Err != nil {
		t.Fatal(o.Err)
	}
	var names []string
	for o, err := range memory.List(t.Context(), "") {
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, o.Name)
		want, err := os.ReadFile(filepath.Join(d.m.Dir, strings.TrimPrefix(o.Name, inBucket)))
		if err != nil {
			t.Fatal(err)
		}
		got, err := storage.ReadAll(t.Context(), memory, o.Name)
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s: %q, %v", o.Name, got, err)
		}
	}
	if len(names) < 3 {
		t.Errorf("stored %q", names)
	}
}

// failing is a storage of which some writes fail.
type failing struct {
	storage.Storage
	fails func(name string) error
}

func (f failing) Create(ctx context.Context, name string) (storage.Writer, error) {
	if err := f.fails(name); err != nil {
		return nil, err
	}
	return f.Storage.Create(ctx, name)
}

func TestBucketIsWholeWithItsManifest(t *testing.T) {
	d, memory := newDesk(t), storagetest.NewMemory()
	broken := true
	d.OpenStorage = func(context.Context, string) (storage.Storage, error) {
		return failing{memory, func(name string) error {
			if broken && strings.HasSuffix(name, "report.html") {
				return io.ErrUnexpectedEOF
			}
			return nil
		}}, nil
	}
	if o := d.deliver(Target{S3: "s3://audit"}); !errors.Is(o.Err, io.ErrUnexpectedEOF) || !o.Kept {
		t.Fatalf("%+v", o)
	}
	if _, err := memory.Stat(t.Context(), inBucket+"manifest.json"); !errors.Is(err, storage.ErrNotExist) {
		t.Errorf("the manifest came before the rest: %v", err)
	}
	broken = false
	if o := d.retry(); len(o) != 1 || o[0].Err != nil {
		t.Fatalf("%+v", o)
	}
	if _, err := memory.Stat(t.Context(), inBucket+"manifest.json"); err != nil {
		t.Error(err)
	}
}

func TestBucketHasSomethingElse(t *testing.T) {
	d, memory := newDesk(t), storagetest.NewMemory()
	d.OpenStorage = func(context.Context, string) (storage.Storage, error) { return memory, nil }
	if err := memory.PutNew(t.Context(), inBucket+"report.html", []byte("other")); err != nil {
		t.Fatal(err)
	}
	if o := d.deliver(Target{S3: "s3://audit"}); o.Err == nil || !strings.Contains(o.Err.Error(), "is not what the report has") || len(d.waits) > 0 {
		t.Errorf("%+v after %d waits", o, len(d.waits))
	}
}
