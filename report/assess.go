package report

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/trailql/trailql/engine/quantity"
	"github.com/trailql/trailql/report/pack"
)

const (
	// retentionDays is how long logs have to be kept unless the parameter
	// retention_days says otherwise: PCI DSS 10.5.1.
	retentionDays = 365
	// wholeShare is the share of records, in 100, that have to have a detail.
	wholeShare = 99
)

// assessor answers the rules that are computed over the archive.
type assessor struct {
	options   *Options
	archive   *archive
	coverage  *Coverage
	integrity *integrity
	content   *content                            // nil unless a rule needs it
	touched   map[string][]touched                // by listKey of what is declared
	param     func(p *pack.Pack, name string) any // a parameter's value; nil if there is none
}

// judgement is what an assessor says of one rule.
type judgement struct {
	result      string // a sentence
	notAssessed string
	findings    []Finding
}

// needsContent are the rules for which the records are counted.
func needsContent(rules map[string]bool) bool {
	return rules["EVENT-TYPES"] || rules["RECORD-CONTENT"] || rules["ATTRIBUTION"]
}

// judge assesses a rule of kind coverage for a control of a pack.
func (a *assessor) judge(r *pack.Rule, p *pack.Pack) judgement {
	switch r.ID.Value {
	case "GAP":
		return a.gaps(r)
	case "COVERAGE":
		return judgement{result: a.covered()}
	case "RETENTION":
		return a.retention(r, p)
	case "DELIVERY-LAG":
		return a.archive.lag.judge(r, a.options.Period)
	case "EVENT-TYPES":
		return judgement{result: a.content.kinds()}
	case "RECORD-CONTENT":
		return a.content.details(r, a.options.Period)
	case "ATTRIBUTION":
		return a.content.attribution(r, a.options.Period)
	case "DATA-COVERAGE":
		return a.dataEvents(r, p)
	case "RUNS":
		return a.runs(r, p.ID.Value)
	case "DISPOSITION":
		return a.dispositions(r)
	case "DIGEST":
		return a.judgeDigests(r)
	case retentionRule:
		return a.retained(r, p.ID.Value)
	}
	return judgement{notAssessed: "this version does not compute it"}
}

// finding is one of a rule over the archive. The key tells it from others at the same
// place.
func finding(r *pack.Rule, at place, from, to time.Time, key string, columns map[string]string) Finding {
	values := make([]string, len(evidenceColumns))
	values[accountColumn], values[regionColumn] = at.account, at.region
	return Finding{ID: findingID(r.ID.Value+"\n"+key, values), Rule: r.ID.Value, Severity: r.Severity, Time: from.UTC(), Last: to.UTC(), Values: values, Columns: columns}
}

func (a *assessor) gaps(r *pack.Rule) judgement {
	var j judgement
	for _, g := range a.coverage.Gaps {
		j.findings = append(j.findings, finding(r, place{g.Account, g.Region}, g.From, g.To, "", map[string]string{"hours": fmt.Sprint(g.Hours), "reason": g.Reason}))
	}
	if len(j.findings) == 0 {
		j.result = "no gaps"
	}
	return j
}

func (a *assessor) covered() string {
	accounts, regions, days := map[string]bool{}, map[string]bool{}, map[string]bool{}
	var events, objects int64
	for _, c := range a.coverage.Cells {
		accounts[c.Account], regions[c.Region], days[c.Day] = true, true, true
		events += c.Events
		objects += c.Objects
	}
	return fmt.Sprintf("%s on %s, in %s and %s", quantity.Plural(events, "event"), quantity.Plural(int64(len(days)), "day"), quantity.Plural(int64(len(accounts)), "account"), quantity.Plural(int64(len(regions)), "region"))
}

func (a *assessor) retention(r *pack.Rule, p *pack.Pack) judgement {
	days := a.archive.days[place{}]
	first, _ := ends(days)
	end := a.options.Period.To
	span := int64(retentionDays)
	if n, ok := a.param(p, "retention_days").(int64); ok && n > 0 {
		span = n
	}
	since := end.AddDate(0, 0, -int(span))
	missing := 0
	for d := civil(since); d.utc().Before(end); d = d.add(0, 0, 1) {
		if days[d] == 0 && d.add(0, 0, 1).utc().Before(end) {
			missing++
		}
	}
	result := fmt.Sprintf("the oldest event is of %s; of the %d days before the period's end, %s without events", first, span, quantity.Plural(int64(missing), "day"))
	j := judgement{result: result}
	if first.utc().After(since.Add(24*time.Hour)) || missing > 0 {
		j.findings = []Finding{finding(r, place{}, first.utc(), end, "", map[string]string{"first_day": first.String(), "days_missing": fmt.Sprint(missing)})}
	}
	return j
}

// deliveryLag counts how long log files took from their first event.
type deliveryLag struct {
	objects, late int64
	greatest      time.Duration
	hours         map[int64]int64
}

func (l *deliveryLag) add(o LogObject) {
	if o.Delivered.IsZero() || o.First.IsZero() {
		return
	}
	lag := max(0, o.Delivered.Sub(o.First))
	l.objects++
	l.greatest = max(l.greatest, lag)
	if l.hours == nil {
		l.hours = map[int64]int64{}
	}
	l.hours[int64(lag/time.Minute)]++
}

func (l *deliveryLag) judge(r *pack.Rule, p Period) judgement {
	if l.objects == 0 {
		return judgement{notAssessed: "no log file's name says when it was delivered"}
	}
	var minutes []int64
	for m := range l.hours {
		minutes = append(minutes, m)
		if time.Duration(m)*time.Minute >= DefaultLateness {
			l.late += l.hours[m]
		}
	}
	slices.Sort(minutes)
	var before, median int64
	for _, m := range minutes {
		if before += l.hours[m]; 2*before >= l.objects {
			median = m
			break
		}
	}
	j := judgement{result: fmt.Sprintf("from the first event of a log file to its delivery: half of %s within %s, the slowest %s",
		quantity.Plural(l.objects, "file"), quantity.Plural(median+1, "minute"), quantity.Duration(l.greatest))}
	if l.late > 0 {
		f := finding(r, place{}, p.From, p.To, "", map[string]string{"late_files": fmt.Sprint(l.late), "slowest": quantity.Duration(l.greatest)})
		f.Severity = pack.Low
		j.findings = []Finding{f}
	}
	return j
}

// content counts what records have.
type content struct {
	records, actor, event, at, origin int64 // records that have it
	resource, failed                  int64 // records that name what they are about; that have an error
	persons, named                    int64 // events not of services; of them, with user or session
	categories                        map[string]int64
	services, kindsOf                 int64
}

func readContent(ctx context.Context, a *asker, p Period, s Scope) (*content, error) {
	condition, params := where(p, s)
	have := func(sql string) string { return "sum(CASE WHEN " + sql + " THEN 1 ELSE 0 END)" }
	const byService = "(coalesce(useridentity.type, '') = 'AWSService' OR useridentity.invokedby IS NOT NULL OR coalesce(eventtype, '') = 'AwsServiceEvent')"
	const actor = "coalesce(useridentity.arn, useridentity.principalid, useridentity.username, useridentity.accountid, useridentity.invokedby)"
	columns := []string{
		"coalesce(eventcategory, '') AS category", "eventsource", "count(DISTINCT eventname) AS kinds", "count(*) AS records",
		have(actor+" IS NOT NULL OR "+byService) + " AS has_actor",
		have("eventsource IS NOT NULL AND eventname IS NOT NULL") + " AS has_event",
		have("eventtime IS NOT NULL") + " AS has_time",
		have("sourceipaddress IS NOT NULL OR vpcendpointid IS NOT NULL OR "+byService) + " AS has_origin",
		have("requestparameters IS NOT NULL OR coalesce(any_match(resources, r -> r.arn IS NOT NULL), false)") + " AS has_resource",
		have("errorcode IS NOT NULL OR errormessage IS NOT NULL OR CASE WHEN eventname = 'ConsoleLogin' THEN coalesce(json_extract_scalar(responseelements, '$.ConsoleLogin'), '') = 'Failure' ELSE false END") + " AS has_failed",
		have("NOT "+byService) + " AS by_persons",
		have("NOT "+byService+" AND coalesce(useridentity.arn, useridentity.principalid, useridentity.username) IS NOT NULL") + " AS named",
	}
	c := &content{categories: map[string]int64{}}
	err := a.rows(ctx, "details of the records", "SELECT "+strings.Join(columns, ", ")+" FROM cloudtrail_logs WHERE "+condition+" GROUP BY 1, 2 ORDER BY 1, 2", params, func(r row) error {
		category := cmp.Or(r.text(0), "no category")
		c.categories[category] += r.number(3)
		c.services++
		c.kindsOf += r.number(2)
		for i, n := range []*int64{&c.records, &c.actor, &c.event, &c.at, &c.origin, &c.resource, &c.failed, &c.persons, &c.named} {
			*n += r.number(3 + i)
		}
		return nil
	})
	return c, err
}

func (c *content) kinds() string {
	var names, parts []string
	for name := range c.categories {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		parts = append(parts, fmt.Sprintf("%s %s", name, quantity.Count(c.categories[name])))
	}
	return fmt.Sprintf("%s of events; by category: %s", quantity.Plural(c.kindsOf, "kind"), strings.Join(parts, ", "))
}

func (c *content) details(r *pack.Rule, p Period) judgement {
	var j judgement
	var parts []string
	for _, d := range []struct {
		name string
		has  int64
	}{{"user", c.actor}, {"type of event", c.event}, {"date and time", c.at}, {"origin", c.origin}} {
		parts = append(parts, fmt.Sprintf("%s %s", d.name, share(d.has, c.records)))
		if d.has*100 < c.records*wholeShare {
			j.findings = append(j.findings, finding(r, place{}, p.From, p.To, d.name, map[string]string{"detail": d.name, "records_without": fmt.Sprint(c.records - d.has)}))
		}
	}
	// Neither can be missing: without an error a call was a success, and a call without
	// parameters is about everything of its service.
	j.result = fmt.Sprintf("records that have: %s; success or failure: %s failed, the others did not; affected resource: %s have parameters or resources, the others are about the account",
		strings.Join(parts, ", "), quantity.Count(c.failed), share(c.resource, c.records))
	return j
}

func (c *content) attribution(r *pack.Rule, p Period) judgement {
	if c.persons == 0 {
		return judgement{result: "no events but those of services"}
	}
	j := judgement{result: fmt.Sprintf("%s of the %s that no service made name a user or session", share(c.named, c.persons), quantity.Plural(c.persons, "event"))}
	if c.named*100 < c.persons*wholeShare {
		j.findings = []Finding{finding(r, place{}, p.From, p.To, "", map[string]string{"events_without": fmt.Sprint(c.persons - c.named)})}
	}
	return j
}

// share writes a part of a whole in percent, never rounded up to all of it.
func share(part, whole int64) string {
	if whole == 0 || part == whole {
		return "100 %"
	}
	return fmt.Sprintf("%.2f %%", float64(part*10000/whole)/100)
}

// dispositions asks whether somebody dealt with the alarms of the earlier report.
func (a *assessor) dispositions(r *pack.Rule) judgement {
	b := a.options.Baseline
	if b == nil {
		return judgement{notAssessed: "it is assessed over the findings of an earlier report: give a baseline"}
	}
	var j judgement
	settled := map[string]bool{}
	for _, d := range a.options.Dispositions {
		settled[d.Finding] = true
	}
	seen := map[string]bool{}
	done := 0
	for _, p := range b.Packs {
		for _, c := range p.Controls {
			if c.Kind == pack.Evidence {
				continue
			}
			for _, f := range c.Findings {
				if f.SuppressedBy != "" || f.Severity < pack.Medium || seen[f.ID] || f.Rule == r.ID.Value {
					continue
				}
				seen[f.ID] = true
				if settled[f.ID] || f.Disposition != nil {
					done++
					continue
				}
				open := finding(r, place{f.Value("account_id"), f.Value("region")}, f.Time, f.Last, f.ID, map[string]string{"finding": f.ID, "finding_rule": f.Rule, "severity": f.Severity.String()})
				open.Values[actorColumn], open.Values[resourceColumn] = f.Value("actor"), f.Value("resource")
				j.findings = append(j.findings, open)
			}
		}
	}
	if len(seen) == 0 {
		return judgement{notAssessed: "the earlier report has no findings to acknowledge"}
	}
	j.result = fmt.Sprintf("%d of %s of the earlier report are acknowledged", done, quantity.Plural(int64(len(seen)), "finding"))
	return j
}
