package repl

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"github.com/trailql/trailql/engine"
)

var update = flag.Bool("update", false, "rewrite the expected part of testdata/*.session")

// recorder is a screen: what is for Err has a mark in front of each line.
type recorder struct {
	mu      sync.Mutex
	written *sync.Cond // nil until somebody waits
	text    bytes.Buffer
}

// await returns once the text has been written.
func (r *recorder) await(text string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.written == nil {
		r.written = sync.NewCond(&r.mu)
	}
	for !strings.Contains(r.text.String(), text) {
		r.written.Wait()
	}
}

type markedWriter struct {
	to   *recorder
	mark string
}

func (w markedWriter) Write(p []byte) (int, error) {
	w.to.mu.Lock()
	defer w.to.mu.Unlock()
	for line := range bytes.Lines(p) {
		if n := w.to.text.Len(); n == 0 || w.to.text.Bytes()[n-1] == '\n' {
			w.to.text.WriteString(w.mark)
		}
		w.to.text.Write(line)
	}
	if w.to.written != nil {
		w.to.written.Broadcast()
	}
	return len(p), nil
}

func (r *recorder) String() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.text.String()
}

var testTime = time.Date(2026, 10, 31, 14, 3, 22, 0, time.UTC)

// testOptions are those of a session on a terminal of 80×24.
func testOptions(t *testing.T, e engine.Engine, r *recorder) Options {
	t.Helper()
	return Options{
		Engine: e, Out: r.writer(""), Err: r.writer("! "), Interactive: true,
		Screen:    Screen{Size: func() (int, int) { return 80, 24 }},
		ConfigDir: t.TempDir(), StateDir: t.TempDir(), ResultDir: t.TempDir(),
		Now: func() time.Time { return testTime },
	}
}

func (r *recorder) writer(mark string) markedWriter { return markedWriter{r, mark} }

func newTestSession(t *testing.T, o Options) *Session {
	t.Helper()
	s, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	return s
}

// echo shows the input between the prompts, as a terminal does.
type echo struct {
	Reader
	to *recorder
}

func (e echo) Read(ctx context.Context, p Prompt) (string, error) {
	text, err := e.Reader.Read(ctx, p)
	if err == nil {
		fmt.Fprint(e.to.writer(""), p.First+strings.ReplaceAll(strings.TrimRight(text, "\n"), "\n", "\n"+p.Next)+"\n")
	}
	return text, err
}

func (e echo) Line() int { return e.Reader.(numbered).Line() }

// TestSessions runs the scripts in testdata. The comment of a script holds
// options: pipe, ascii, safe, nopager, columns N.
func TestSessions(t *testing.T) {
	scripts, err := filepath.Glob("testdata/*.session")
	if err != nil || len(scripts) == 0 {
		t.Fatalf("no scripts: %v", err)
	}
	for _, name := range scripts {
		t.Run(strings.TrimSuffix(filepath.Base(name), ".session"), func(t *testing.T) {
			name, err := filepath.Abs(name) // a script has a folder of its own
			if err != nil {
				t.Fatal(err)
			}
			archive, err := txtar.ParseFile(name)
			if err != nil {
				t.Fatal(err)
			}
			sections := map[string]*txtar.File{}
			for i := range archive.Files {
				sections[archive.Files[i].Name] = &archive.Files[i]
			}
			if sections["in"] == nil || sections["out"] == nil {
				t.Fatal("a script has the parts in and out")
			}
			got := runScript(t, string(archive.Comment), string(sections["in"].Data))
			if *update {
				sections["out"].Data = []byte(got)
				if err := os.WriteFile(name, txtar.Format(archive), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if diff := cmp.Diff(string(sections["out"].Data), got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			checkHarmless(t, got)
		})
	}
}

func runScript(t *testing.T, options, in string) string {
	t.Helper()
	var screen recorder
	e := &fakeEngine{stats: engine.Stats{Elapsed: 120 * time.Millisecond, Files: 3, FilesTotal: 10, Bytes: 31_000_000, BytesTotal: 412_000_000, Partitions: 7, PartitionsTotal: 1095}}
	o := testOptions(t, e, &screen)
	t.Chdir(t.TempDir())
	for line := range strings.Lines(options) {
		word, value, _ := strings.Cut(strings.TrimSpace(line), " ")
		switch word {
		case "#", "":
		case "pipe":
			o.Screen, o.Interactive = Screen{}, false
		case "ascii":
			o.Screen.ASCII = true
		case "safe":
			o.Safe = true
		case "large":
			e.stats = engine.Stats{Elapsed: 2 * time.Second, Files: 10, FilesTotal: 10, Bytes: 9.2e9, BytesTotal: 9.2e9}
		case "columns":
			n, err := strconv.Atoi(value)
			if err != nil {
				t.Fatal(err)
			}
			o.Screen.Size = func() (int, int) { return n, 24 }
		default:
			t.Fatalf("unknown option %q", word)
		}
	}
	s := newTestSession(t, o)
	err := s.Run(t.Context(), echo{NewLineReader(LineReaderOptions{In: strings.NewReader(in)}), &screen})
	if err != nil {
		fmt.Fprintf(screen.writer("! "), "Run: %s\n", escape(err.Error()))
	}
	text := screen.String()
	for _, dir := range []string{o.ConfigDir, o.StateDir, o.ResultDir} {
		text = strings.ReplaceAll(text, dir, "DIR")
	}
	return regexp.MustCompile(`[0-9a-f]{64}`).ReplaceAllString(text, "HASH")
}

// checkHarmless fails for what would do something to a terminal.
func checkHarmless(t *testing.T, text string) {
	t.Helper()
	for i, r := range text {
		if r == '\n' || r == unicode.ReplacementChar {
			continue
		}
		if unicode.IsControl(r) || r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069 {
			t.Errorf("%U at %d reaches the terminal: %q", r, i, text[max(0, i-20):min(len(text), i+20)])
		}
	}
}
