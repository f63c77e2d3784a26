// Package shared registers the tables of a warehouse in a catalog that other
// engines open. No data is rewritten: what is registered of a table is where its
// newest metadata lies, or, where the catalog writes metadata of its own, the same
// snapshots, columns and settings.
//
// The warehouse's own catalog stays the one that decides. What is registered
// follows it, like the hints of package catalog: [Publisher.Publish] brings it up to
// date, whenever it is called, whoever calls it, and however often.
//
//   - shared.go: publishing
//   - address.go: what addresses have in common
//   - located.go: catalogs that hold the location of a table's metadata
//   - jdbc.go, postgres.go: Iceberg's SQL catalog (called JDBC) in PostgreSQL
//   - glue.go, gluecolumns.go, glueerror.go: the AWS Glue Data Catalog
//   - rest.go, restclient.go: Iceberg REST
package shared

import (
	"context"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/trailql/trailql/catalog"
)

var (
	// ErrAddress is wrapped by errors about an address that cannot be one.
	ErrAddress = errors.New("address of a shared catalog")
	// ErrForeign is wrapped by errors about a table that somebody else has put
	// under the same name, or that another engine has written to.
	ErrForeign = errors.New("not as trailql has registered it")
	// errChanged says that somebody was faster.
	errChanged = errors.New("registered anew meanwhile")
)

// Options are what does not belong into an address. The zero value has no
// secrets.
type Options struct {
	Password   string // of PostgreSQL
	Token      string // of Iceberg REST: sent with every request
	Credential string // of Iceberg REST: id:secret, which a token is got for
	// AWS is for Glue, and for Iceberg REST whose requests are signed. nil: neither
	// can be used.
	AWS func(ctx context.Context) (aws.Config, error)
}

// Change is one table whose registration changes.
type Change struct {
	Table string
	// Locations of metadata. From is "" for a new table, and is not told by a
	// catalog that writes metadata of its own.
	From, To string
}

// registry is a shared catalog's namespace.
type registry interface {
	// follow brings what is registered up to the newest version, which it loads
	// behind reading what is registered, and says what it has changed. The error is
	// errChanged if somebody was faster; then it is to be called again, and what it
	// has changed stays changed.
	follow(ctx context.Context, newest func(context.Context) (*catalog.Snapshot, error)) ([]Change, error)
	close() error
}

// Publisher registers the tables of one warehouse. It is for one goroutine at a time.
type Publisher struct {
	opened registry // nil when there is none, or none that works
	open   func(ctx context.Context) (registry, error)
}

// tries is how often somebody else may be faster.
const tries = 10

// Publish registers the newest version of each table that the warehouse has, and
// says what has changed by that. It never registers an older version than the one
// that is. All tables change at once in PostgreSQL, and in a REST catalog that has
// transactions; elsewhere one after the other. Tables that are registered in the
// namespace and that the warehouse has not are left alone.
//
// The error wraps ErrForeign when a table's registration is not one of ours; then
// nothing is registered.
func (p *Publisher) Publish(ctx context.Context, c *catalog.Catalog) ([]Change, error) {
	changes, err := p.publish(ctx, c)
	if err != nil {
		if !errors.Is(err, ErrForeign) {
			p.drop()
		}
		return nil, fmt.Errorf("register tables: %w", err)
	}
	return changes, nil
}

func (p *Publisher) publish(ctx context.Context, c *catalog.Catalog) ([]Change, error) {
	if err := p.connect(ctx); err != nil {
		return nil, err
	}
	var all []Change
	for range tries {
		changes, err := p.opened.follow(ctx, c.Snapshot)
		all = append(all, changes...)
		if !errors.Is(err, errChanged) {
			return all, err
		}
	}
	return nil, errChanged
}

// connect makes sure that there is a connection.
func (p *Publisher) connect(ctx context.Context) error {
	if p.opened != nil {
		return nil
	}
	opened, err := p.open(ctx)
	if err == nil {
		p.opened = opened
	}
	return err
}

func (p *Publisher) drop() {
	if p.opened != nil {
		_ = p.opened.close() // it failed before
		p.opened = nil
	}
}

// Close ends the connection.
func (p *Publisher) Close() error {
	if p.opened == nil {
		return nil
	}
	err := p.opened.close()
	p.opened = nil
	return err
}

func foreign(a address, table, what string) error {
	return fmt.Errorf("table %s.%s in %s is %w: %s; drop it there (and not its files) to have it registered again", a.namespace, table, a.catalog(), ErrForeign, what)
}
