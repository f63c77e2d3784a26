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
		{"list", time.Second},                                // short runs say nothing
		{"list", 2 * time.Second}, {"list", 5 * time.Second}, // not again within ten seconds
		{"read", 6 * time.Second}, {"read", 8 * time.Second}, {"read", 16 * time.Second}, {"commit", 17 * time.Second},
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
	p := &progress{out: &out, now: frozen, width: func() int { return 48 }}
	s := convert.Progress{Phase: "read", Objects: 20, ObjectsTotal: 40, Bytes: 200, BytesTotal: 400}
	for _, elapsed := range []time.Duration{
		100 * time.Millisecond, // too early
		500 * time.Millisecond,
		550 * time.Millisecond, // too soon
		600 * time.Millisecond,
	} {
		s.Elapsed = elapsed
		if elapsed == 600*time.Millisecond { // too much to say for the bar as well
			s.Records, s.Rejected = 1_000_000, 2
		}
		p.update(s)
	}
	p.interrupt(func() { out.WriteString("warning\n") })
	p.finish()
	const line = clearLine + "read    ▕██████░░░░░░▏ 20/40 objects"
	const full = clearLine + "read 20/40 objects · 1,000,000 records · 2 re"
	if want := line + full + clearLine + "warning\n"; out.String() != want {
		t.Errorf("got  %q\nwant %q", out.String(), want)
	}
}
