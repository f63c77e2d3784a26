package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/spf13/cobra"

	"github.com/trailql/trailql/catalog"
	"github.com/trailql/trailql/catalog/shared"
	"github.com/trailql/trailql/convert"
)

func newCatalogAdoptCommand(a *app) *cobra.Command {
	from := ""
	cmd := &cobra.Command{
		Use:   "adopt --from URL",
		Short: "Take in what another engine has added to the registered tables",
		Long: `Makes the rows that another engine has added to the tables of a shared catalog
part of the warehouse, in one version, and registers that. No data is copied or
rewritten. From then on every command sees them, "trailql convert" included, which
converts no object again that the engine has put into source_files.

It is for what "trailql ddl --convert" does on a cluster. The engine must only have
added rows, on top of a version of trailql's that has not expired (a day). Other
changes, and partitions to which "trailql convert" has added rows at the same time,
are refused, and nothing changes.

URL is that of "trailql catalog copy", of PostgreSQL or Glue: an Iceberg REST catalog
does not say where another engine's commit lies.`,
		Example: "  trailql catalog adopt --from postgres://trailql@db.example.com/lake",
		Args:    usageArgs(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return withShared(cmd.Context(), a, "from", from, "postgres://… or glue://…", func(p *shared.Publisher, c *catalog.Catalog) error {
				return adoptCatalog(cmd.Context(), a, p, c)
			})
		},
	}
	cmd.Flags().StringVar(&from, "from", "", "`URL` of the catalog (default: catalog in the configuration, or $"+catalogVariable+")")
	return cmd
}

func adoptCatalog(ctx context.Context, a *app, p *shared.Publisher, c *catalog.Catalog) (err error) {
	unlock, err := c.Lock(ctx, func(holder string) { a.note("waiting for %s, which is writing to the warehouse", holder) })
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, unlock()) }()
	// An object has a row in the ledger for each time that it was converted.
	added, err := p.Adopt(ctx, c, convert.LedgerTable)
	for _, table := range slices.Sorted(maps.Keys(added)) {
		a.note("adopted %s: %d rows in %d files", table, added[table].Records, added[table].Files)
	}
	switch {
	case errors.Is(err, catalog.ErrNotAdoptable):
		return fmt.Errorf("%w\nto go on without it, drop the table in that catalog (and not its files), and register it again with trailql catalog copy", err)
	case err != nil:
		return err
	case len(added) == 0:
		a.note("there is nothing to adopt")
	}
	return nil
}
