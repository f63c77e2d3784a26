package main

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/trailql/trailql/repl"
	"github.com/trailql/trailql/report"
	"github.com/trailql/trailql/report/pack"
)

// shellReports are the packs of .report, run by the session's own engine.
type shellReports struct {
	app    *app
	engine *openedEngine
	names  func() []string
}

func reportsOf(a *app, e *openedEngine) repl.Reports {
	return shellReports{a, e, sync.OnceValue(packNames)}
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
	done, err := p.make(ctx, r.engine)
	return done.report, err
}
