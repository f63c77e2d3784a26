package catalog_test

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/trailql/trailql/catalog"
)

func viewsOf(t *testing.T, c *catalog.Catalog) map[string]string {
	t.Helper()
	s, err := c.Snapshot(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	views := map[string]string{}
	for _, name := range s.Views() {
		v, err := s.View(name)
		if err != nil {
			t.Fatal(err)
		}
		views[name] = v.SQL
	}
	return views
}

func TestViews(t *testing.T) {
	c := create(t, catalog.Options{})
	refused := errors.New("refused")
	steps := []struct {
		name string
		do   func() error
		err  error
		want map[string]string
	}{
		{"put", func() error {
			return c.PutView(t.Context(), catalog.View{Name: "v", SQL: "SELECT 1", Columns: []catalog.ViewColumn{{Name: "a", Type: "INTEGER"}}}, false, nil)
		}, nil, map[string]string{"v": "SELECT 1"}},
		{"put again", func() error { return c.PutView(t.Context(), catalog.View{Name: "v", SQL: "SELECT 2"}, false, nil) }, catalog.ErrExist, map[string]string{"v": "SELECT 1"}},
		{"replace", func() error { return c.PutView(t.Context(), catalog.View{Name: "v", SQL: "SELECT 2"}, true, nil) }, nil, map[string]string{"v": "SELECT 2"}},
		{"name of a table", func() error { return c.PutView(t.Context(), catalog.View{Name: "events", SQL: "SELECT 1"}, true, nil) }, catalog.ErrExist, map[string]string{"v": "SELECT 2"}},
		{"refused", func() error {
			return c.PutView(t.Context(), catalog.View{Name: "w"}, false, func(*catalog.Snapshot) error { return refused })
		}, refused, map[string]string{"v": "SELECT 2"}},
		{"drop another", func() error { return c.DropView(t.Context(), "w") }, catalog.ErrNotExist, map[string]string{"v": "SELECT 2"}},
		{"drop", func() error { return c.DropView(t.Context(), "v") }, nil, map[string]string{}},
	}
	for _, step := range steps {
		if err := step.do(); !errors.Is(err, step.err) {
			t.Errorf("%s: got %v, want %v", step.name, err, step.err)
		}
		if diff := cmp.Diff(step.want, viewsOf(t, reopen(t, c, catalog.Options{}))); diff != "" {
			t.Errorf("%s: %s", step.name, diff)
		}
	}
	if stats, err := c.Repair(t.Context()); err != nil {
		t.Errorf("repair: %+v, %v", stats, err)
	}
}

// TestViewsSurviveCommits: views and tables change side by side and lose nothing.
func TestViewsSurviveCommits(t *testing.T) {
	c := create(t, catalog.Options{})
	var wg sync.WaitGroup
	for i := range 5 {
		wg.Go(func() {
			if err := c.PutView(t.Context(), catalog.View{Name: fmt.Sprintf("v%d", i), SQL: "SELECT 1"}, false, nil); err != nil {
				t.Error(err)
			}
		})
		wg.Go(func() {
			other := reopen(t, c, catalog.Options{})
			if err := addBatch(t.Context(), other, 1, "us-east-1", fmt.Sprintf("2023-07-%02d", 10+i)); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if got := viewsOf(t, c); len(got) != 5 {
		t.Errorf("views %v", got)
	}
	s, err := c.Snapshot(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	events, err := s.Table("events")
	if err != nil {
		t.Fatal(err)
	}
	if n := events.Stats().Files; n != 5 {
		t.Errorf("%d files, want 5", n)
	}
}

func TestHistory(t *testing.T) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	c := create(t, catalog.Options{Now: func() time.Time { return now }})
	for i := range 3 {
		now = now.Add(time.Hour)
		mustAdd(t, c, 1, "us-east-1", fmt.Sprintf("2023-07-%02d", 10+i))
	}
	s, err := c.Snapshot(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	events, err := s.Table("events")
	if err != nil {
		t.Fatal(err)
	}
	history := events.History()
	if len(history) != 3 || history[0].Parent != 0 || history[2].Parent != history[1].ID {
		t.Fatalf("history %+v", history)
	}
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for hours, want := range map[int]int{1: 1, 2: 2, 3: 3, 100: 3} {
		past, err := events.AsOf(start.Add(time.Duration(hours) * time.Hour))
		if err != nil {
			t.Fatal(err)
		}
		files, _, err := past.Plan(t.Context(), catalog.Predicate{})
		if err != nil || len(files) != want {
			t.Errorf("after %d hours: %d files, %v; want %d", hours, len(files), err, want)
		}
	}
	if _, err := events.AsOf(start); !errors.Is(err, catalog.ErrNotExist) {
		t.Errorf("before the first commit: %v", err)
	}
	first, err := events.Version(history[0].ID)
	if err != nil || first.Stats().Files != 1 {
		t.Errorf("first version: %+v, %v", first.Stats(), err)
	}
	if _, err := events.Version(1); !errors.Is(err, catalog.ErrNotExist) {
		t.Errorf("version 1: %v", err)
	}
}
