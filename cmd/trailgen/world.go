package main

import (
	"fmt"
	"strconv"
)

// world is everything that outlives a single record: the accounts, who acts in
// them and what they own. It is made once from the seed and only read after.
type world struct {
	seed      uint64
	org       string
	regions   []string
	accounts  []*account
	byRegion  weighted
	byAccount weighted
	cast      []part
	byShare   weighted
	catalogue *catalogue
}

// account is one AWS account.
type account struct {
	index   int
	id      string
	code    string // the part that the account's access key ids share
	actors  map[kinds][]*actor
	belongs []map[string][]string // by region: resource kind to resources
}

// regionNames are in the order in which a world uses them. The first is the
// one that records global services.
var regionNames = []string{
	"us-east-1", "us-west-2", "eu-west-1", "eu-central-1", "ap-southeast-2", "us-east-2", "ap-northeast-1", "eu-west-2",
	"us-west-1", "ap-southeast-1", "ca-central-1", "sa-east-1", "ap-south-1", "eu-north-1", "eu-west-3", "ap-northeast-2", "eu-south-1", "ap-northeast-3",
}

const globalRegion = "us-east-1"

// newWorld makes the accounts of o.
func newWorld(o options) (*world, error) {
	words := newVocabulary()
	cat, err := newCatalogue(operations(), words)
	if err != nil {
		return nil, err
	}
	w := &world{seed: o.Seed, org: o.Org, regions: regionNames[:o.Regions], catalogue: cat, cast: parts()}
	var shares, regional, owned []float64
	for _, p := range w.cast {
		shares = append(shares, p.share)
	}
	for i := range w.regions {
		regional = append(regional, 1/float64(i+1))
	}
	for i := range o.Accounts {
		owned = append(owned, 1/float64(i+1))
		w.accounts = append(w.accounts, newAccount(w, i, o.Users))
	}
	w.byShare, w.byRegion, w.byAccount = newWeighted(shares), newWeighted(regional), newWeighted(owned)
	return w, nil
}

func accountID(i int) string {
	if i < 9 {
		return strconv.Itoa(111111111111 * (i + 1))
	}
	return strconv.Itoa(100000000000 + i)
}

func newAccount(w *world, index, users int) *account {
	d := newDice(w.seed, 1_000_000+uint64(index))
	a := &account{index: index, id: accountID(index), actors: map[kinds][]*actor{}}
	a.code = string(d.some(nil, 8, base32Set))
	for r, region := range w.regions {
		a.belongs = append(a.belongs, map[string][]string{})
		for _, p := range pools() {
			for i := range p.size {
				a.belongs[r][p.name] = append(a.belongs[r][p.name], p.make(d, a, region, i))
			}
		}
	}
	for _, p := range w.cast {
		n := p.count(users)
		if p.regional {
			n = max(n, 4*len(w.regions))
		}
		for i := range n {
			actor := p.hire(d, a, w, i)
			actor.kind, actor.actions = p.kind, w.catalogue.repertoire(d, p.kind, p.actions)
			actor.habit = d.IntN(1 << 20)
			if actor.region = -1; p.regional {
				actor.region = i % len(w.regions)
			}
			a.actors[p.kind] = append(a.actors[p.kind], actor)
		}
	}
	return a
}

// at lists the actors of kind k that work in a region.
func (a *account) at(k kinds, region int) []*actor {
	var there []*actor
	for _, x := range a.actors[k] {
		if x.region < 0 || x.region == region {
			there = append(there, x)
		}
	}
	return there
}

// pool is a kind of resource that an account owns in each region.
type pool struct {
	name string
	size int
	make func(d *dice, a *account, region string, i int) string
}

var (
	teams    = []string{"payments", "search", "catalogue", "checkout", "identity", "analytics", "fraud", "shipping", "ledger", "platform", "mobile-api", "notifications"}
	purposes = []string{"uploads", "exports", "logs", "assets", "backups", "events", "staging", "models", "reports", "archive"}
)

// pools lists what accounts own.
func pools() []pool {
	id := func(prefix string) func(*dice, *account, string, int) string {
		return func(d *dice, _ *account, _ string, _ int) string { return string(d.hex([]byte(prefix), 17)) }
	}
	named := func(format string) func(*dice, *account, string, int) string {
		return func(d *dice, _ *account, _ string, i int) string {
			return fmt.Sprintf(format, teams[i%len(teams)], one(d, purposes))
		}
	}
	return []pool{
		{"bucket", 18, func(d *dice, a *account, region string, i int) string {
			return string(d.hex(fmt.Appendf(nil, "example-%s-%s-", teams[i%len(teams)], one(d, purposes)), 8))
		}},
		{"trailbucket", 1, func(_ *dice, a *account, _ string, _ int) string { return "example-trail-" + accountID(0) }},
		{"trail", 1, func(*dice, *account, string, int) string { return "organisation-trail" }},
		{"role", 28, func(d *dice, _ *account, _ string, i int) string {
			return fmt.Sprintf("%s-%s-role", teams[i%len(teams)], one(d, purposes))
		}},
		{"policy", 14, named("%s-%s-access")},
		{"team", len(teams), func(_ *dice, _ *account, _ string, i int) string { return teams[i] }},
		{"instance", 60, id("i-")},
		{"volume", 80, id("vol-")},
		{"snapshot", 60, id("snap-")},
		{"image", 12, id("ami-")},
		{"vpc", 3, id("vpc-")},
		{"subnet", 12, id("subnet-")},
		{"sg", 20, id("sg-")},
		{"eni", 60, id("eni-")},
		{"routetable", 8, id("rtb-")},
		{"natgateway", 3, id("nat-")},
		{"launchtemplate", 6, id("lt-")},
		{"reservation", 30, id("r-")},
		{"keypair", 4, named("%s-%s")},
		{"kmskey", 10, func(d *dice, _ *account, _ string, _ int) string { return string(d.uuid(nil)) }},
		{"function", 30, named("%s-%s-handler")},
		{"secret", 24, func(d *dice, _ *account, _ string, i int) string {
			return string(d.some(fmt.Appendf(nil, "%s/%s/credentials-", teams[i%len(teams)], one(d, purposes)), 6, alnumSet))
		}},
		{"parameter", 40, func(d *dice, _ *account, _ string, i int) string {
			return fmt.Sprintf("/%s/production/%s-%d", teams[i%len(teams)], one(d, purposes), i)
		}},
		{"table", 14, named("%s-%s")},
		{"queue", 14, named("%s-%s-queue")},
		{"topic", 10, named("%s-%s-topic")},
		{"loggroup", 30, named("/aws/lambda/%s-%s-handler")},
		{"cluster", 4, named("%s-%s")},
		{"repository", 16, named("%s/%s")},
		{"dbinstance", 8, named("%s-%s-db")},
		{"stack", 16, named("%s-%s-stack")},
		{"rule", 12, named("%s-%s-schedule")},
		{"detector", 1, func(d *dice, _ *account, _ string, _ int) string { return string(d.hex(nil, 32)) }},
		{"hostedzone", 4, func(d *dice, _ *account, _ string, _ int) string { return string(d.some([]byte("Z"), 20, upperSet)) }},
		{"distribution", 4, func(d *dice, _ *account, _ string, _ int) string { return string(d.some([]byte("E"), 13, upperSet)) }},
		{"partner", 6, func(_ *dice, _ *account, _ string, i int) string { return strconv.Itoa(900000000001 + i) }},
		{"externalid", 6, func(d *dice, _ *account, _ string, _ int) string { return string(d.uuid(nil)) }},
		{"endpoint", 4, id("vpce-")},
		{"privateaddress", 120, func(d *dice, _ *account, _ string, _ int) string { return string(appendPrivate(nil, d)) }},
	}
}

// appendPrivate appends an address of 10/8.
func appendPrivate(dst []byte, d *dice) []byte {
	return fmt.Appendf(dst, "10.%d.%d.%d", d.between(0, 40), d.IntN(256), d.between(4, 250))
}

// appendPublic appends an address of the ranges reserved for documentation.
func appendPublic(dst []byte, d *dice) []byte {
	if d.chance(0.04) {
		return fmt.Appendf(dst, "2001:db8:%x:%x::%x", d.IntN(1<<12), d.IntN(1<<16), d.between(1, 1<<12))
	}
	return fmt.Appendf(dst, "%s%d", one(d, []string{"192.0.2.", "198.51.100.", "203.0.113."}), d.between(1, 254))
}
