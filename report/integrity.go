package report

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/trailql/trailql/engine/quantity"
	"github.com/trailql/trailql/report/pack"
)

// integrity is what CloudTrail's digests say of the log files of a period, as the
// conversion has found out: see column verdict of source_files.
type integrity struct {
	logs, digests map[string]int64 // by verdict; "" was not checked
	missing       map[string]int64 // what digests name and the archive does not have: invalid, or unproven
	invalid       []invalidObject
}

// invalidObject is a log file or digest that is not what was delivered.
type invalidObject struct {
	at                   place
	object, kind, reason string
	delivered            time.Time
}

// hasVerdicts: warehouses that were never converted with a check have no such column.
func hasVerdicts(ctx context.Context, a *asker) (found bool, err error) {
	sql := "SELECT count(*) AS verdicts FROM information_schema.columns WHERE table_name = 'source_files' AND column_name = 'verdict'"
	err = a.rows(ctx, "columns of the ledger", sql, nil, func(r row) error {
		found = r.number(0) > 0
		return nil
	})
	return found, err
}

// readIntegrity reads the verdicts on the log files that the events of the period come
// from or that were delivered in it, on the digests that end in it, and on what of both
// is missing.
func readIntegrity(ctx context.Context, a *asker, p Period, s Scope, verdicts bool) (*integrity, error) {
	i := &integrity{logs: map[string]int64{}, digests: map[string]int64{}, missing: map[string]int64{}}
	if !verdicts {
		return i, nil
	}
	logs, logParams := objectsSQL(p, s)
	delivered, deliveredParams := deliveredSQL(s, p.From, p.To.Add(p.Lateness))
	logs, logParams = "("+logs+" OR "+delivered+")", slices.Concat(logParams, deliveredParams)
	for _, one := range []struct {
		kind, condition string
		params          []any
		into            map[string]int64
	}{{"log", logs, logParams, i.logs}, {"digest", delivered, deliveredParams, i.digests}, {"missing", delivered, deliveredParams, i.missing}} {
		condition := " FROM source_files WHERE kind = '" + one.kind + "' AND " + one.condition
		err := a.rows(ctx, "verdicts on "+one.kind+" files", "SELECT coalesce(verdict, '') AS verdict, count(*) AS objects"+condition+" GROUP BY 1", one.params, func(r row) error {
			one.into[r.text(0)] += r.number(1)
			return nil
		})
		if err != nil {
			return nil, err
		}
		if one.into["invalid"] == 0 {
			continue
		}
		sql := "SELECT object, coalesce(verdictreason, '') AS invalid_reason, coalesce(account, ''), coalesce(region, ''), delivered" + condition + " AND verdict = 'invalid' ORDER BY object"
		err = a.rows(ctx, "invalid "+one.kind+" files", sql, one.params, func(r row) error {
			i.invalid = append(i.invalid, invalidObject{place{r.text(2), r.text(3)}, r.text(0), one.kind, r.text(1), r.time(4)})
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return i, nil
}

func sum(counts map[string]int64) (n int64) {
	for _, c := range counts {
		n += c
	}
	return n
}

// checked: digests were asked about some of it.
func (i *integrity) checked() bool {
	return sum(i.logs)+sum(i.digests)+sum(i.missing) > i.logs[""]+i.digests[""]
}

// summary says what is proven.
func (i *integrity) summary() string {
	if !i.checked() {
		return "not checked"
	}
	text := fmt.Sprintf("%s of %s and %s of %s valid", quantity.Count(i.logs["valid"]), quantity.Plural(sum(i.logs), "log file"),
		quantity.Count(i.digests["valid"]), quantity.Plural(sum(i.digests), "digest"))
	for _, v := range []struct{ verdict, words string }{
		{"invalid", "not as delivered"}, {"unproven", "without a signature that could be checked"}, {"not_covered", "in no digest"}, {"", "not checked"},
	} {
		if n := i.logs[v.verdict] + i.digests[v.verdict]; n > 0 {
			text += fmt.Sprintf("; %s %s", quantity.Count(n), v.words)
		}
	}
	if n := i.missing["invalid"]; n > 0 {
		text += "; " + quantity.Count(n) + " named by a digest and not there"
	}
	if n := sum(i.missing) - i.missing["invalid"]; n > 0 {
		text += "; " + quantity.Count(n) + " named by a digest and not converted"
	}
	return text
}

// judgeDigests makes a finding of everything that is not as it was delivered. Without
// one, all log files have to be proven.
func (a *assessor) judgeDigests(r *pack.Rule) judgement {
	i := a.integrity
	if !i.checked() {
		return judgement{notAssessed: "the log files were not compared with digests: trailql convert --verify does"}
	}
	j := judgement{result: i.summary()}
	for _, o := range i.invalid {
		f := finding(r, o.at, o.delivered, time.Time{}, o.object, map[string]string{"object": o.object, "kind": o.kind, "reason": o.reason})
		if o.delivered.IsZero() {
			f.Time = a.options.Period.From
		}
		f.Values[resourceColumn] = o.object
		j.findings = append(j.findings, f)
	}
	if i.logs["valid"]+i.logs["invalid"] < sum(i.logs) || i.missing["invalid"] < sum(i.missing) {
		j.notAssessed = "digests do not prove all log files: " + i.summary()
	}
	return j
}
