package main

import (
	"context"

	"github.com/trailql/trailql/catalog"
	"github.com/trailql/trailql/engine/duck"
	"github.com/trailql/trailql/report"
	"github.com/trailql/trailql/report/ledger"
)

// addRelations adds what statements can name beside the tables of the warehouse: the
// runs of reports, and what the archive has by hour.
func addRelations(o *duck.Options) {
	o.Listings = []duck.Listing{ledgerTable(o.Catalog)}
	o.Views = []catalog.View{{Name: report.CoverageView, SQL: report.CoverageSQL}}
}

// ledgerTable is the table of the reports that were made.
func ledgerTable(c *catalog.Catalog) duck.Listing {
	l := duck.Listing{
		Name: ledger.Table,
		Rows: func(ctx context.Context) ([][]any, error) { return ledger.Rows(ctx, c.Storage()) },
	}
	for _, column := range ledger.Columns() {
		l.Columns = append(l.Columns, duck.ListingColumn(column))
	}
	return l
}
