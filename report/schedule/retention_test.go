package schedule

import (
	"os"
	"path/filepath"
	"reflect"
	"testing"
	"time"
)

func TestExpire(t *testing.T) {
	s := &Schedule{Name: "daily", Output: t.TempDir(), Retention: Duration(30 * 24 * time.Hour), zone: time.UTC}
	dir := filepath.Join(s.Output, s.Name)
	for name, sealed := range map[string]bool{
		"2026-10-01_2026-10-02":               true,
		"2026-10-01_2026-10-02.r2":            true,
		"2026-10-20T060000_2026-10-21T060000": true,
		"2026-10-22_2026-10-23":               true, // 30 days ago to the hour
		"2026-11-20_2026-11-21":               true,
		"2026-09-01_2026-09-02":               false,
		"notes":                               true,
		"2026-13-01_2026-13-02":               true,
		".expired-2026-01-01_2026-01-02":      true,
	} {
		if err := os.MkdirAll(filepath.Join(dir, name, "controls"), 0o700); err != nil {
			t.Fatal(err)
		}
		if sealed {
			if err := os.WriteFile(filepath.Join(dir, name, "manifest.json"), nil, 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	removed, err := s.Expire(at(t, "2026-11-22 00:00"))
	if err != nil {
		t.Fatal(err)
	}
	want := []string{filepath.Join(dir, "2026-10-01_2026-10-02"), filepath.Join(dir, "2026-10-01_2026-10-02.r2"), filepath.Join(dir, "2026-10-20T060000_2026-10-21T060000")}
	if !reflect.DeepEqual(removed, want) {
		t.Errorf("removed %q", removed)
	}
	// The newest one stays.
	if removed, err = s.Expire(at(t, "2036-11-22 00:00")); err != nil || len(removed) != 1 {
		t.Errorf("removed %q, %v", removed, err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var left []string
	for _, e := range entries {
		left = append(left, e.Name())
	}
	if want := []string{"2026-09-01_2026-09-02", "2026-11-20_2026-11-21", "2026-13-01_2026-13-02", "notes"}; !reflect.DeepEqual(left, want) {
		t.Errorf("left: %q", left)
	}
	s.Output = filepath.Join(s.Output, "none")
	if removed, err := s.Expire(at(t, "2036-11-22 00:00")); err != nil || len(removed) > 0 {
		t.Errorf("without a folder: %q, %v", removed, err)
	}
}
