package shared

import (
	"context"
	"fmt"

	"github.com/trailql/trailql/catalog"
)

// located is a catalog that holds the location of a table's metadata and takes
// another in its place on the condition that it is still the one that was read.
type located interface {
	// locations are those registered, by table.
	locations(ctx context.Context) (map[string]string, error)
	// replace makes the changes in this order, or all at once. The error is
	// errChanged if a table is not registered as From says; done are made anyway.
	replace(ctx context.Context, changes []change) (done int, err error)
	close() error
}

type change struct {
	Change
	version *catalog.Table
}

// byLocation lets a catalog follow the warehouse.
type byLocation struct {
	located
	address
}

func (b byLocation) follow(ctx context.Context, newest func(context.Context) (*catalog.Snapshot, error)) ([]Change, error) {
	// In this order: the version is then as new as any that is registered.
	registered, err := b.locations(ctx)
	if err != nil {
		return nil, err
	}
	s, err := newest(ctx)
	if err != nil {
		return nil, err
	}
	changes, err := b.compare(s, registered)
	if err != nil || len(changes) == 0 {
		return nil, err
	}
	n, err := b.replace(ctx, changes)
	var done []Change
	for _, c := range changes[:n] {
		done = append(done, c.Change)
	}
	return done, err
}

func (b byLocation) compare(s *catalog.Snapshot, registered map[string]string) ([]change, error) {
	var changes []change
	for _, name := range s.Tables() {
		t, err := s.Table(name)
		if err != nil {
			return nil, err
		}
		is, there := registered[name]
		to := t.RegisteredLocation()
		switch {
		case there && is == to:
			continue
		case there && !t.HasRegistered(is):
			what := fmt.Sprintf("its metadata is %q", is)
			if is == "" {
				what = "it is no Iceberg table"
			}
			return nil, foreign(b.address, name, what)
		}
		changes = append(changes, change{Change{Table: name, From: is, To: to}, t})
	}
	return changes, nil
}
