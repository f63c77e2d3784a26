package report

import (
	"context"
	"fmt"
	"time"

	"github.com/trailql/trailql/engine/quantity"
	"github.com/trailql/trailql/report/pack"
)

// hubState is the rule whose events switch Security Hub on and off. What counts is not
// that there are some, but the last one of each account and region.
const hubState = "HUB-STATE"

// lastState is the last switch at one place, of all time before the period's end.
type lastState struct {
	at      place
	enabled bool
	since   time.Time
}

func readHubState(ctx context.Context, a *asker, p Period, s Scope) ([]lastState, error) {
	var list []lastState
	condition, params := s.where()
	sql := "SELECT " + accountSQL + " AS account, region, max_by(eventname, eventtimestamp) AS last_name, max(eventtimestamp) AS last_at FROM cloudtrail_logs" +
		" WHERE eventsource = 'securityhub.amazonaws.com' AND eventname IN ('EnableSecurityHub', 'DisableSecurityHub') AND errorcode IS NULL AND eventtimestamp < " +
		pack.InstantSQL(p.To) + condition + " GROUP BY 1, 2 ORDER BY 1, 2"
	err := a.rows(ctx, "state of Security Hub", sql, params, func(r row) error {
		list = append(list, lastState{place{r.text(0), r.text(1)}, r.text(2) == "EnableSecurityHub", r.time(3)})
		return nil
	})
	return list, err
}

// judgeHub says where Security Hub is off, and where nothing tells.
func judgeHub(r *pack.Rule, states []lastState, c *Coverage) judgement {
	var j judgement
	known, on := map[place]bool{}, 0
	for _, s := range states {
		known[s.at] = true
		if s.enabled {
			on++
			continue
		}
		f := finding(r, s.at, s.since, time.Time{}, "disabled", map[string]string{"state": "disabled"})
		f.Severity = max(f.Severity, pack.Medium)
		j.findings = append(j.findings, f)
	}
	unknown := map[place]bool{}
	for _, cell := range c.Cells {
		if at := (place{cell.Account, cell.Region}); !known[at] {
			unknown[at] = true
		}
	}
	if len(states) > 0 {
		j.result = fmt.Sprintf("by its last event Security Hub is enabled in %d and disabled in %d of the accounts' regions", on, len(states)-on)
	}
	if n := len(unknown); n > 0 {
		j.notAssessed = "no event tells whether Security Hub is enabled in " + quantity.Plural(int64(n), "region") + " of the accounts"
	}
	return j
}
