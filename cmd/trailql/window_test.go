package main

import (
	"testing"
	"time"
)

func TestParseWindow(t *testing.T) {
	day := time.Date(2026, 10, 31, 0, 0, 0, 0, time.UTC)
	tests := []struct {
		name, from, to string
		start, end     time.Time
		fail           bool
	}{
		{name: "open"},
		{name: "days", from: "2026-10-31", to: "2026-11-01", start: day, end: day.AddDate(0, 0, 1)},
		{name: "other zone", from: "2026-10-31T02:00:00+02:00", start: day},
		{name: "empty window", from: "2026-10-31", to: "2026-10-31", fail: true},
		{name: "backwards", from: "2026-11-01", to: "2026-10-31", fail: true},
		{name: "no zone", from: "2026-10-31T02:00:00", fail: true},
		{name: "no date", to: "yesterday", fail: true},
		{name: "impossible date", to: "2026-02-30", fail: true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			start, end, err := parseWindow(tt.from, tt.to)
			if (err != nil) != tt.fail || !start.Equal(tt.start) || !end.Equal(tt.end) {
				t.Errorf("parseWindow(%q, %q) = %v, %v, %v", tt.from, tt.to, start, end, err)
			}
		})
	}
}
