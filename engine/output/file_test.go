//go:build unix

package output

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

func TestFile(t *testing.T) {
	dir := t.TempDir()
	name := filepath.Join(dir, "out.csv")
	read := func() string {
		content, err := os.ReadFile(name)
		if err != nil {
			return err.Error()
		}
		return string(content)
	}
	write := func(text string, replace, commit bool) error {
		f, err := CreateFile(t.Context(), name, replace)
		if err != nil {
			return err
		}
		if _, err := f.WriteString(text); err != nil {
			t.Fatal(err)
		}
		if commit {
			err = f.Commit()
		}
		return errors.Join(err, f.Discard())
	}
	if err := write("a", false, false); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(name); !os.IsNotExist(err) {
		t.Errorf("dropped file: %v, want that it does not exist", err)
	}
	if err := write("b", false, true); err != nil || read() != "b" {
		t.Errorf("new file: %v, holds %q", err, read())
	}
	if err := write("c", false, true); !errors.Is(err, fs.ErrExist) || read() != "b" {
		t.Errorf("taken name: got %v, holds %q", err, read())
	}
	if err := write("d", true, true); err != nil || read() != "d" {
		t.Errorf("replaced file: %v, holds %q", err, read())
	}
	// The name was free at the start and is not at the end.
	f, err := CreateFile(t.Context(), filepath.Join(dir, "late.csv"), false)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(f.name, []byte("other"), 0o666); err != nil {
		t.Fatal(err)
	}
	if err := f.Commit(); !errors.Is(err, os.ErrExist) {
		t.Errorf("name taken meanwhile: got %v, want ErrExist", err)
	}
	if err := f.Discard(); err != nil {
		t.Error(err)
	}
	if _, err := CreateFile(t.Context(), dir, true); err == nil {
		t.Error("a folder is taken for a file")
	}
	left, err := filepath.Glob(filepath.Join(dir, "*.tmp"))
	if err != nil || len(left) > 0 {
		t.Errorf("left behind %q, %v", left, err)
	}
}

// A rename onto /dev/null would replace the device by a file, for everybody.
func TestFileIsNoRegularFile(t *testing.T) {
	dir := t.TempDir()
	pipe, link := filepath.Join(dir, "pipe"), filepath.Join(dir, "link")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Skip("no named pipes here:", err)
	}
	if err := os.Symlink("pipe", link); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{pipe, link} {
		for _, replace := range []bool{false, true} {
			received := make(chan string)
			go func() {
				text, _ := os.ReadFile(pipe)
				received <- string(text)
			}()
			f, err := CreateFile(t.Context(), name, replace)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := f.WriteString("rows"); err != nil {
				t.Fatal(err)
			}
			if err := errors.Join(f.Commit(), f.Discard()); err != nil {
				t.Error(err)
			}
			if got := <-received; got != "rows" {
				t.Errorf("%s: the reader of the pipe got %q", name, got)
			}
			if info, err := os.Stat(pipe); err != nil || info.Mode()&os.ModeNamedPipe == 0 {
				t.Errorf("%s: the pipe is gone: %v %v", name, info, err)
			}
		}
	}
}

func TestFileKeepsLinks(t *testing.T) {
	dir := t.TempDir()
	target, link := filepath.Join(dir, "target"), filepath.Join(dir, "link")
	if err := os.WriteFile(target, []byte("old"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("target", link); err != nil {
		t.Fatal(err)
	}
	if _, err := CreateFile(t.Context(), link, false); !errors.Is(err, fs.ErrExist) {
		t.Errorf("got %v, want ErrExist", err)
	}
	f, err := CreateFile(t.Context(), link, true)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteString("new"); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(f.Commit(), f.Discard()); err != nil {
		t.Fatal(err)
	}
	if text, err := os.ReadFile(target); err != nil || string(text) != "new" {
		t.Errorf("behind the link: %q, %v", text, err)
	}
	if info, err := os.Lstat(link); err != nil || info.Mode()&os.ModeSymlink == 0 {
		t.Errorf("the link is gone: %v, %v", info, err)
	}
}

// TestNamedPipesEndWithTheContext: there may be nobody at the other end, or
// somebody who does nothing.
func TestNamedPipesEndWithTheContext(t *testing.T) {
	fifo := filepath.Join(t.TempDir(), "fifo")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Skip("no named pipes: ", err)
	}
	for name, open := range map[string]func(context.Context) error{
		"write": func(ctx context.Context) error { _, err := CreateFile(ctx, fifo, false); return err },
		"read":  func(ctx context.Context) error { _, err := OpenFile(ctx, fifo, os.O_RDONLY, 0); return err },
	} {
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- open(ctx) }()
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v", name, err)
		}
		// Lets the goroutine go that still waits.
		if file, err := os.OpenFile(fifo, os.O_RDWR, 0); err == nil {
			file.Close()
		}
	}
	reader, err := os.OpenFile(fifo, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	ctx, cancel := context.WithCancel(t.Context())
	f, err := CreateFile(ctx, fifo, false)
	if err != nil {
		t.Fatal(err)
	}
	cancel()
	for err == nil { // until the pipe is full
		_, err = f.Write(make([]byte, 1<<16))
	}
	if !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("write: %v", err)
	}
	if err := f.Discard(); err != nil {
		t.Error(err)
	}
}
