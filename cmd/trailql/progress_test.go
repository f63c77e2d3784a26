package main

import (
	"strings"
	"testing"
	"time"

	"github.com/trailql/trailql/convert"
)

func frozen() time.Time { return time.Date(2026, 10, 31, 14, 3, 22, 0, time.UTC) }

func TestProgressPlain(t *testing.T) {
	var out strings.Builder
	p := &progress{out: &out, now: frozen}
	read := convert.Progress{Phase: "read", Objects: 10, ObjectsTotal: 40, Bytes: 100, BytesTotal: 400, JSONBytes: 4000, Records: 1}
	for _, step := range []struct {
		phase   string
		elapsed time.Duration
	}{
		{"list", 0}, {"list", time.Second}, // not again within ten seconds
		{"read", 2 * time.Second}, {"read", 4 * time.Second}, {"read", 12 * time.Second}, {"commit", 13 * time.Second},
	} {
		s := convert.Progress{Phase: step.phase, Elapsed: step.elapsed}
		if step.phase == "read" {
			s = read
			s.Elapsed = step.elapsed
		}
		p.update(s)
	}
	p.finish()
	want := `2026-10-31T14:03:22Z list
2026-10-31T14:03:22Z read 10/40 objects · 1 record · 4.0 kB
2026-10-31T14:03:22Z read 10/40 objects · 1 record · 4.0 kB · 400 B/s · 30s left
2026-10-31T14:03:22Z commit
`
	if out.String() != want {
		t.Errorf("got\n%swant\n%s", &out, want)
	}
}

func TestProgressLive(t *testing.T) {
	var out strings.Builder
	p := &progress{out: &out, now: frozen, width: func() int { return 31 }}
	s := convert.Progress{Phase: "read", Objects: 20, ObjectsTotal: 40, Bytes: 200, BytesTotal: 400, Rejected: 2}
	for _, elapsed := range []time.Duration{
		100 * time.Millisecond, // too early
		500 * time.Millisecond,
		550 * time.Millisecond, // too soon
		600 * time.Millisecond,
	} {
		s.Elapsed = elapsed
		p.update(s)
	}
	p.interrupt(func() { out.WriteString("warning\n") })
	p.finish()
	const line = clearLine + "read    ▕██████░░░░░░▏ 20/40 o"
	if want := line + line + clearLine + "warning\n"; out.String() != want {
		t.Errorf("got  %q\nwant %q", out.String(), want)
	}
}
