package catalog

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
)

// View is a definition that statements can name like a table: a query, or a
// name of its own for a table. The catalog keeps it and does not read it.
type View struct {
	Name    string       `json:"name"`              // lower case, unique among tables and views
	Dialect string       `json:"dialect,omitempty"` // that SQL is written in
	SQL     string       `json:"sql"`               // as its author wrote it
	Columns []ViewColumn `json:"columns,omitempty"` // of its rows
	// Partitioned: the rows are those of the table with its partition columns, so
	// that what is derived from these can be asked for.
	Partitioned bool `json:"partitioned,omitempty"`
}

// ViewColumn is a column of a View.
type ViewColumn struct {
	Name string `json:"name"`
	Type string `json:"type"` // in the words of the engine that made the view
}

// ErrExist is wrapped by PutView's error when the name is taken.
var ErrExist = errors.New("exists already")

// maxView bounds a view's text: every version carries all views.
const maxView = 256 << 10

// Views are the names of the views, in order.
func (s *Snapshot) Views() []string { return slices.Sorted(maps.Keys(s.version.Views)) }

// View returns a view by name; the error wraps ErrNotExist if there is none.
func (s *Snapshot) View(name string) (View, error) {
	v, ok := s.version.Views[name]
	if !ok {
		return View{}, fmt.Errorf("view %q %w", name, ErrNotExist)
	}
	return v, nil
}

// PutView stores a view. With replace it takes the place of a view of this
// name; a table's name is never free. check sees the version that the view
// would be added to, again for every try, and can refuse; it may be nil.
func (c *Catalog) PutView(ctx context.Context, v View, replace bool, check func(*Snapshot) error) error {
	err := c.changeViews(ctx, func(base *Snapshot, views map[string]View) error {
		if len(v.SQL) > maxView {
			return fmt.Errorf("its text has %d bytes, at most %d are allowed", len(v.SQL), maxView)
		}
		if _, err := base.Table(v.Name); err == nil {
			return fmt.Errorf("a table of this name %w", ErrExist)
		}
		if _, taken := views[v.Name]; taken && !replace {
			return ErrExist
		}
		if check != nil {
			if err := check(base); err != nil {
				return err
			}
		}
		views[v.Name] = v
		return nil
	})
	if err != nil {
		return fmt.Errorf("store view %q: %w", v.Name, err)
	}
	return nil
}

// DropView removes a view; the error wraps ErrNotExist if there is none.
func (c *Catalog) DropView(ctx context.Context, name string) error {
	err := c.changeViews(ctx, func(_ *Snapshot, views map[string]View) error {
		if _, ok := views[name]; !ok {
			return ErrNotExist
		}
		delete(views, name)
		return nil
	})
	if err != nil {
		return fmt.Errorf("drop view %q: %w", name, err)
	}
	return nil
}

// changeViews commits a change of the views as a version of its own, in which
// the tables stay as they are.
func (c *Catalog) changeViews(ctx context.Context, change func(base *Snapshot, views map[string]View) error) error {
	b, err := c.begin(ctx)
	if err != nil {
		return err
	}
	_, err = c.commit(ctx, b, func(_ context.Context, base *Snapshot, s *stage) error {
		s.views = maps.Clone(base.version.Views)
		if s.views == nil {
			s.views = map[string]View{}
		}
		return change(base, s.views)
	})
	if err != nil {
		return errors.Join(err, c.Abort(context.WithoutCancel(ctx), b.id))
	}
	_ = c.end(context.WithoutCancel(ctx), b) // a marker that stays is Repair's
	return nil
}
