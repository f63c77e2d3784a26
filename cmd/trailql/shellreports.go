package main

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/trailql/trailql/catalog"
	"github.com/trailql/trailql/engine"
	"github.com/trailql/trailql/report"
	"github.com/trailql/trailql/report/pack"
)

// shellReports are the packs of .report, run by the session's own engine.
type shellReports struct {
	app     *app
	catalog *catalog.Catalog
	engine  engine.Engine
	names   func() []string
}

func newShellReports(a *app, c *catalog.Catalog, e engine.Engine) shellReports {
	return shellReports{a, c, e, sync.OnceValue(packNames)}
}

func (r shellReports) Names() []string { return r.names() }

// packNames are the packs, and their controls as PACK/CONTROL. Where packs of the
// user cannot be read these are those of the program: a run says what is wrong.
func packNames() []string {
	library, err := loadPacks(nil)
	if err != nil {
		library, err = pack.Load(pack.BuiltIn())
	}
	if err != nil {
		return nil
	}
	var names []string
	for _, p := range library.Packs {
		names = append(names, p.ID.Value)
		for _, c := range p.At("") {
			names = append(names, p.ID.Value+"/"+c.ID.Value)
		}
	}
	slices.Sort(names)
	return names
}

func (r shellReports) Run(ctx context.Context, name, period string, zone *time.Location) (*report.Report, error) {
	zoneName := zone.String()
	if zone == time.Local {
		zoneName = "" // days are counted in UTC where the zone has no name
	}
	p, err := r.app.prepareReport(ctx, reportRequest{
		packs: []string{name}, period: period, zone: zoneName, lateness: report.DefaultLateness, formats: defaultFormats,
		scope: r.app.config.text("report.scope"), exceptions: r.app.config.text("report.exceptions"),
	})
	if err != nil {
		return nil, err
	}
	p.options.Query = func(ctx context.Context, sql string, params ...any) (*engine.Result, error) {
		return r.engine.Query(ctx, engine.Query{SQL: sql, Params: params})
	}
	done, err := p.make(ctx, r.catalog)
	return done.report, err
}
