package report

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"net/netip"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/trailql/trailql/engine/quantity"
	"github.com/trailql/trailql/report/pack"
)

// MaxExceptionDays is how long an exception may last.
const MaxExceptionDays = 365

// Exceptions are findings that somebody has accepted for a time. They are
// suppressed: listed and counted, but no alarm.
type Exceptions struct {
	File, SHA256 string // name of the file and hash of its content
	List         []Exception
}

// Exception accepts findings of rules or controls that match. It is about events:
// it holds for those before the end of its last day, whenever a report is made.
type Exception struct {
	ID                         string
	Rules, Controls            []string // findings of one of these rules, or in one of these controls: ID or PACK/ID
	Match                      Match
	Reason, Ticket, ApprovedBy string
	Created, Expires           string // days in the period's zone; the last one is included
	At                         pack.Position
}

// Match names findings by what they have. An empty list matches anything; a * in
// an entry stands for any characters. IPs are addresses or CIDR blocks.
type Match struct {
	Accounts, Regions, Actors, Resources []string
	IPs                                  []netip.Prefix
}

// ParseExceptions reads an exceptions file:
//
//	exceptions:
//	  - id: EX-1
//	    rule: SG-WORLD            # and/or control: pci-dss-4/10.2.1.6
//	    match: {account: "111122223333", resource: "sg-0abc*"}   # account, region, actor, resource, ip
//	    reason: public load balancer
//	    ticket: SEC-42
//	    approved_by: j.doe
//	    created: 2026-01-15
//	    expires: 2026-12-31       # at most 365 days later
//
// An error of its content wraps ErrInvalid and is a [pack.Problems].
func ParseExceptions(name string, content []byte, l *pack.Library) (Exceptions, error) {
	hash := sha256.Sum256(content)
	e := Exceptions{File: filepath.Base(name), SHA256: hex.EncodeToString(hash[:])}
	d := &document{name: name}
	root := d.root(content)
	if root == nil {
		return e, d.err()
	}
	ids := map[string]bool{}
	d.mapping(root, "the file", map[string]func(*yaml.Node){
		"exceptions": func(n *yaml.Node) {
			if n.Kind != yaml.SequenceNode {
				d.fault(n, "exceptions has to be a list")
				return
			}
			for _, item := range n.Content {
				one := d.exception(item, l)
				if one.ID != "" && ids[one.ID] {
					d.fault(item, "exception %s stands twice", one.ID)
				}
				ids[one.ID] = true
				e.List = append(e.List, one)
			}
		},
	})
	return e, d.err()
}

func (d *document) exception(n *yaml.Node, l *pack.Library) Exception {
	e := Exception{At: pack.Position{File: d.name, Line: n.Line, Column: n.Column}}
	matched := false
	text := func(key string, into *string) func(*yaml.Node) {
		return func(n *yaml.Node) {
			if *into = strings.TrimSpace(d.text(n, key)); *into == "" {
				d.fault(n, "%s is empty", key)
			}
		}
	}
	day := func(key string, into *string) func(*yaml.Node) {
		return func(n *yaml.Node) {
			*into = d.text(n, key)
			if _, err := time.Parse(time.DateOnly, *into); err != nil {
				d.fault(n, "%s: %q is no day such as 2026-12-31", key, *into)
				*into = ""
			}
		}
	}
	globs := func(key string, into *[]string) func(*yaml.Node) {
		return func(n *yaml.Node) { *into, matched = d.texts(n, key), true }
	}
	before := len(d.problems)
	d.mapping(n, "an exception", map[string]func(*yaml.Node){
		"id": text("id", &e.ID), "reason": text("reason", &e.Reason), "ticket": text("ticket", &e.Ticket), "approved_by": text("approved_by", &e.ApprovedBy),
		"created": day("created", &e.Created), "expires": day("expires", &e.Expires),
		"rule": func(n *yaml.Node) {
			d.list(n, "rule", func(item *yaml.Node) {
				id := d.text(item, "rule")
				if l.Rule(id) == nil {
					d.fault(item, "there is no rule %q", id)
				}
				e.Rules = append(e.Rules, id)
			})
		},
		"control": func(n *yaml.Node) {
			d.list(n, "control", func(item *yaml.Node) {
				id := d.text(item, "control")
				if !hasControl(l, id) {
					d.fault(item, "there is no control %q", id)
				}
				e.Controls = append(e.Controls, id)
			})
		},
		"match": func(n *yaml.Node) {
			d.mapping(n, "match", map[string]func(*yaml.Node){
				"account": globs("account", &e.Match.Accounts), "region": globs("region", &e.Match.Regions),
				"actor": globs("actor", &e.Match.Actors), "resource": globs("resource", &e.Match.Resources),
				"ip": func(n *yaml.Node) {
					matched = true
					d.list(n, "ip", func(item *yaml.Node) {
						p, err := prefix(d.text(item, "ip"))
						if err != nil {
							d.fault(item, "%q is neither an address nor a CIDR block", item.Value)
						}
						e.Match.IPs = append(e.Match.IPs, p)
					})
				},
			})
		},
	})
	if len(d.problems) > before {
		return e
	}
	for _, required := range []struct{ key, value string }{
		{"id", e.ID}, {"reason", e.Reason}, {"ticket", e.Ticket}, {"approved_by", e.ApprovedBy}, {"created", e.Created}, {"expires", e.Expires},
	} {
		if required.value == "" {
			d.fault(n, "the exception has no %s", required.key)
		}
	}
	if len(e.Rules) == 0 && len(e.Controls) == 0 {
		d.fault(n, "the exception has neither rule nor control")
	}
	if !matched {
		d.fault(n, "the exception has no match: to accept everything, write for example account: '*'")
	}
	created, err1 := time.Parse(time.DateOnly, e.Created)
	expires, err2 := time.Parse(time.DateOnly, e.Expires)
	if err1 != nil || err2 != nil {
		return e
	}
	switch {
	case expires.Before(created):
		d.fault(n, "the exception expires (%s) before it is created (%s)", e.Expires, e.Created)
	case expires.After(created.AddDate(0, 0, MaxExceptionDays)):
		d.fault(n, "the exception expires (%s) more than %d days after it is created (%s)", e.Expires, MaxExceptionDays, e.Created)
	}
	return e
}

func prefix(text string) (netip.Prefix, error) {
	if strings.Contains(text, "/") {
		p, err := netip.ParsePrefix(text)
		return p.Masked(), err
	}
	a, err := netip.ParseAddr(text)
	if err != nil {
		return netip.Prefix{}, err
	}
	return netip.PrefixFrom(a, a.BitLen()), nil
}

// hasControl reports whether a pack has that control in any version.
func hasControl(l *pack.Library, id string) bool {
	for _, p := range l.Packs {
		want := id
		if name, control, ok := strings.Cut(id, "/"); ok {
			if name != p.ID.Value {
				continue
			}
			want = control
		}
		for _, v := range append([]pack.Text{{}}, p.Versions...) {
			if slices.ContainsFunc(p.At(v.Value), func(c pack.Control) bool { return c.ID.Value == want }) {
				return true
			}
		}
	}
	return false
}

// suppressor applies exceptions to findings and keeps what each of them did.
type suppressor struct {
	list []*suppression
}

type suppression struct {
	Exception
	since, until                        time.Time // [since, until)
	inRun                               bool
	accounts, regions, actors, resource []*regexp.Regexp
	suppressed, early, late             int64
	overlaps                            map[string]bool
}

func newSuppressor(e Exceptions, zone *time.Location) *suppressor {
	s := &suppressor{}
	for _, one := range e.List {
		x := &suppression{Exception: one, overlaps: map[string]bool{}}
		if t, err := time.Parse(time.DateOnly, one.Expires); err == nil {
			x.until = civil(t).add(0, 0, 1).start(zone)
		}
		if t, err := time.Parse(time.DateOnly, one.Created); err == nil {
			x.since = civil(t).start(zone)
		}
		x.accounts, x.regions = globs(one.Match.Accounts), globs(one.Match.Regions)
		x.actors, x.resource = globs(one.Match.Actors), globs(one.Match.Resources)
		s.list = append(s.list, x)
	}
	return s
}

func globs(patterns []string) []*regexp.Regexp {
	var list []*regexp.Regexp
	for _, p := range patterns {
		parts := strings.Split(p, "*")
		for i := range parts {
			parts[i] = regexp.QuoteMeta(parts[i])
		}
		list = append(list, regexp.MustCompile(`(?s)^`+strings.Join(parts, ".*")+`$`))
	}
	return list
}

func matches(patterns []*regexp.Regexp, text string) bool {
	return len(patterns) == 0 || slices.ContainsFunc(patterns, func(p *regexp.Regexp) bool { return p.MatchString(text) })
}

// of are the exceptions that may concern a rule in a control.
func (s *suppressor) of(rule, packID, control string) []*suppression {
	var list []*suppression
	for _, x := range s.list {
		if len(x.Rules) > 0 && !slices.Contains(x.Rules, rule) {
			continue
		}
		if len(x.Controls) > 0 && !slices.Contains(x.Controls, control) && !slices.Contains(x.Controls, packID+"/"+control) {
			continue
		}
		x.inRun = true
		list = append(list, x)
	}
	return list
}

// suppress finds the exception for a finding: the first in the file. The others
// that would have done overlap with it.
func suppress(list []*suppression, f *Finding) string {
	var by *suppression
	for _, x := range list {
		switch {
		case !x.matches(f):
		case !f.Time.Before(x.until):
			x.late++
		case by == nil:
			by = x
			x.suppressed++
			if f.Time.Before(x.since) {
				x.early++
			}
		default:
			x.overlaps[by.ID] = true
			by.overlaps[x.ID] = true
		}
	}
	if by == nil {
		return ""
	}
	return by.ID
}

func (x *suppression) matches(f *Finding) bool {
	if !matches(x.accounts, f.Value("account_id")) || !matches(x.regions, f.Value("region")) ||
		!matches(x.actors, f.Value("actor")) || !matches(x.resource, f.Value("resource")) {
		return false
	}
	if len(x.Match.IPs) == 0 {
		return true
	}
	a, err := netip.ParseAddr(f.Value("source_ip"))
	return err == nil && slices.ContainsFunc(x.Match.IPs, func(p netip.Prefix) bool { return p.Contains(a.Unmap()) })
}

// uses are the exceptions with what they did in a period.
func (s *suppressor) uses(p Period) []ExceptionUse {
	var list []ExceptionUse
	for _, x := range s.list {
		use := ExceptionUse{ID: x.ID, Reason: x.Reason, Ticket: x.Ticket, ApprovedBy: x.ApprovedBy, Expires: x.until.UTC(), Suppressed: x.suppressed}
		var problems []string
		switch {
		case !x.until.After(p.From):
			problems = append(problems, "expired before the period")
		case x.until.Before(p.To):
			problems = append(problems, "expired within the period")
		}
		switch {
		case x.late > 0:
			problems = append(problems, quantity.Plural(x.late, "finding")+" after it expired")
		case !x.inRun:
			problems = append(problems, "concerns nothing in this report")
		case x.suppressed == 0 && len(x.overlaps) == 0:
			problems = append(problems, "unused")
		}
		if x.early > 0 {
			problems = append(problems, "created after "+quantity.Plural(x.early, "finding")+" that it suppresses")
		}
		if len(x.overlaps) > 0 {
			var others []string
			for id := range x.overlaps {
				others = append(others, id)
			}
			slices.Sort(others)
			problems = append(problems, "overlaps "+strings.Join(others, ", "))
		}
		use.Problem = strings.Join(problems, "; ")
		list = append(list, use)
	}
	slices.SortStableFunc(list, func(a, b ExceptionUse) int { return cmp.Compare(a.ID, b.ID) })
	return list
}
