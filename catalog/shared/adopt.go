package shared

import (
	"context"
	"errors"
	"fmt"

	"github.com/trailql/trailql/catalog"
)

// Adopt makes what other engines have added to the registered tables part of the
// warehouse, as [catalog.Catalog.Adopt] says, and registers the version with it. It
// returns what is new, by table. The caller holds the warehouse's lock.
//
// Where it could not register that version, the error says so, and Publish or Adopt
// does it later.
func (p *Publisher) Adopt(ctx context.Context, c *catalog.Catalog, mayRepeat ...string) (map[string]catalog.TableStats, error) {
	all := map[string]catalog.TableStats{}
	for range tries {
		registered, err := p.registered(ctx)
		if err != nil {
			p.drop()
			return all, fmt.Errorf("read registered tables: %w", err)
		}
		added, err := adopt(ctx, c, registered, mayRepeat)
		if err != nil {
			return all, err
		}
		for table, n := range added {
			was := all[table]
			all[table] = catalog.TableStats{Files: was.Files + n.Files, Records: was.Records + n.Records, Bytes: was.Bytes + n.Bytes}
		}
		// The other engine may have added more meanwhile.
		if _, err = p.Publish(ctx, c); !errors.Is(err, ErrForeign) {
			return all, err
		}
	}
	return all, errChanged
}

func adopt(ctx context.Context, c *catalog.Catalog, registered map[string]string, mayRepeat []string) (map[string]catalog.TableStats, error) {
	s, err := c.Snapshot(ctx)
	if err != nil {
		return nil, err
	}
	locations := map[string]string{}
	for _, name := range s.Tables() {
		t, err := s.Table(name)
		if err != nil {
			return nil, err
		}
		if is, there := registered[name]; there && !t.HasRegistered(is) {
			locations[name] = is
		}
	}
	if len(locations) == 0 {
		return nil, nil
	}
	return c.Adopt(ctx, locations, mayRepeat...)
}

// registered are the locations of the tables' metadata.
func (p *Publisher) registered(ctx context.Context) (map[string]string, error) {
	if err := p.connect(ctx); err != nil {
		return nil, err
	}
	r, ok := p.opened.(located)
	if !ok {
		return nil, errors.New("this catalog does not say where the metadata of a table lies")
	}
	return r.locations(ctx)
}
