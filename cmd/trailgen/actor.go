package main

import (
	"fmt"
	"math/bits"
	"strings"
)

// kinds is a set of kinds of caller.
type kinds uint32

const (
	consoleUser    kinds = 1 << iota // an IAM user in the console
	cliUser                          // an IAM user with long-lived access keys
	ssoUser                          // a person in a role of IAM Identity Center
	deployer                         // a deployment pipeline, in by web identity
	instance                         // software on EC2
	function                         // software in Lambda
	auditor                          // a posture scanner of another company
	service                          // an AWS service for itself
	outsider                         // a principal of another account
	root                             // the account's root user
	federated                        // a session of GetFederationToken
	webIdentity                      // an external identity that is about to become a role
	samlUser                         // the same by SAML
	identityCenter                   // a user of IAM Identity Center in its portal
	awsEvents                        // no caller: things that AWS does by itself

	people   = consoleUser | cliUser | ssoUser
	workload = instance | function
)

// actor is somebody or something that calls the API.
type actor struct {
	kind      kinds
	name      string // user, role or subject
	id        string // principal id without session
	key       string // long-lived access key id
	path      string // the role's path
	region    int    // the region it works in; -1 for all
	partner   string // account id of an outsider
	sessions  []string
	addresses []string
	agents    []string
	endpoint  string // VPC endpoint that its calls go through
	mfa       bool
	habit     int // where its use of the account's resources centres
	actions   repertoire
}

// part describes the actors of one kind.
type part struct {
	kind     kinds
	share    float64 // of all records
	count    func(users int) int
	regional bool
	actions  int // how many different calls one makes; 0 for all that the kind makes
	hire     func(d *dice, a *account, w *world, i int) *actor
}

// parts lists the kinds of caller and how much of an archive each makes up.
func parts() []part {
	fixed := func(n int) func(int) int { return func(int) int { return n } }
	of := func(percent int) func(int) int { return func(users int) int { return max(1, users*percent/100) } }
	return []part{
		{consoleUser, 0.08, of(30), false, 60, hireConsoleUser},
		{cliUser, 0.14, of(30), false, 45, hireUser},
		{ssoUser, 0.045, of(40), false, 60, hireSSO},
		{deployer, 0.06, fixed(5), false, 70, hireDeployer},
		{instance, 0.125, fixed(40), true, 9, hireInstance},
		{function, 0.085, fixed(30), true, 7, hireFunction},
		{auditor, 0.04, fixed(2), false, 150, hireAuditor},
		{service, 0.285, fixed(1), false, 0, hireNobody},
		{outsider, 0.095, fixed(6), false, 0, hireOutsider},
		{root, 0.004, fixed(1), false, 0, hireRoot},
		{federated, 0.002, fixed(2), false, 0, hireUser},
		{webIdentity, 0.012, fixed(8), false, 0, hireWebIdentity},
		{samlUser, 0.003, of(20), false, 0, hireUser},
		{identityCenter, 0.005, of(40), false, 0, hireIdentityCenter},
		{awsEvents, 0.014, fixed(1), false, 0, hireNobody},
	}
}

func hireUser(d *dice, a *account, _ *world, i int) *actor {
	x := &actor{
		name: person(d), id: string(d.some([]byte("AIDA"+a.code), 9, base32Set)), key: string(d.some([]byte("AKIA"+a.code), 8, base32Set)),
		addresses: places(d, d.between(1, 4)), agents: agents(d, cliAgents, 2), mfa: d.chance(0.8),
	}
	if i%5 == 4 {
		x.name = teams[i%len(teams)] + "-" + one(d, []string{"uploader", "backup", "ci", "legacy"})
	}
	return x
}

func hireConsoleUser(d *dice, a *account, w *world, i int) *actor {
	x := hireUser(d, a, w, i)
	x.name, x.agents = person(d), agents(d, browsers, 2)
	return x
}

func hireSSO(d *dice, a *account, _ *world, _ int) *actor {
	permission := one(d, []string{"AdministratorAccess", "PowerUserAccess", "ReadOnlyAccess", "DataEngineer", "SupportEngineer"})
	name := person(d)
	return &actor{
		name: name, id: string(d.some([]byte("AROA"+a.code), 9, base32Set)), sessions: []string{name + "@example.com"},
		path:      "AWSReservedSSO_" + permission + "_" + string(d.hex(nil, 16)),
		addresses: places(d, d.between(1, 4)), agents: append(agents(d, browsers, 1), agents(d, cliAgents, 2)...),
	}
}

func hireDeployer(d *dice, a *account, _ *world, i int) *actor {
	x := &actor{
		name: teams[i%len(teams)] + "-deploy", id: string(d.some([]byte("AROA"+a.code), 9, base32Set)), path: "ci/",
		addresses: places(d, 12), agents: agents(d, toolAgents, 3),
	}
	return x
}

func hireInstance(d *dice, a *account, w *world, i int) *actor {
	r := i % len(w.regions)
	x := &actor{
		name: a.belongs[r]["role"][i%12], id: string(d.some([]byte("AROA"+a.code), 9, base32Set)),
		sessions: []string{a.belongs[r]["instance"][i%60]}, agents: agents(d, sdkAgents, 2),
	}
	if d.chance(0.4) {
		x.addresses, x.endpoint = []string{one(d, a.belongs[r]["privateaddress"])}, one(d, a.belongs[r]["endpoint"])
	} else {
		x.addresses = places(d, 1)
	}
	return x
}

func hireFunction(d *dice, a *account, w *world, i int) *actor {
	r := i % len(w.regions)
	name := a.belongs[r]["function"][i%30]
	return &actor{
		name: name + "-role", id: string(d.some([]byte("AROA"+a.code), 9, base32Set)), path: "service-role/",
		sessions: []string{name}, addresses: places(d, 6), agents: agents(d, sdkAgents, 1),
	}
}

func hireAuditor(d *dice, a *account, _ *world, i int) *actor {
	return &actor{
		name: one(d, []string{"ExampleScannerRole", "PostureAuditRole"}), id: string(d.some([]byte("AROA"+a.code), 9, base32Set)),
		sessions: []string{"posture-scan"}, addresses: places(d, 3), agents: agents(d, sdkAgents, 1),
	}
}

func hireOutsider(d *dice, a *account, _ *world, i int) *actor {
	return &actor{
		id: string(d.some([]byte("AROA"), 17, base32Set)), partner: a.belongs[0]["partner"][i], sessions: []string{one(d, teams)},
		addresses: places(d, 3), agents: agents(d, sdkAgents, 1),
	}
}

func hireRoot(d *dice, a *account, _ *world, _ int) *actor {
	return &actor{name: "example-" + teams[a.index%len(teams)], id: a.id, addresses: places(d, 2), agents: agents(d, browsers, 1), mfa: true}
}

func hireWebIdentity(d *dice, _ *account, _ *world, i int) *actor {
	return &actor{name: "repo:example/" + teams[i%len(teams)] + ":ref:refs/heads/main", addresses: places(d, 8), agents: agents(d, toolAgents, 1)}
}

func hireIdentityCenter(d *dice, _ *account, _ *world, _ int) *actor {
	return &actor{name: person(d), id: string(d.uuid(nil)), addresses: places(d, 2), agents: agents(d, browsers, 1)}
}

func hireNobody(*dice, *account, *world, int) *actor { return &actor{} }

func person(d *dice) string {
	first := []string{"amina", "bjorn", "chidi", "daria", "emeka", "freya", "goran", "hana", "ines", "jonas", "kavya", "liam", "mei", "nadia", "omar", "priya", "quinn", "rosa", "sven", "tariq", "uma", "viktor", "wren", "ximena", "yusuf", "zofia"}
	last := []string{"adeyemi", "berg", "castro", "dubois", "eriksen", "fischer", "gupta", "haddad", "ivanova", "jensen", "kowalski", "lindqvist", "moreau", "nakamura", "okafor", "petrov", "rossi", "silva", "tanaka", "ueda", "vargas", "weber", "yilmaz", "zhang"}
	return one(d, first) + "." + one(d, last)
}

func places(d *dice, n int) []string {
	var list []string
	for range n {
		list = append(list, string(appendPublic(nil, d)))
	}
	return list
}

func agents(d *dice, of func(*dice) string, n int) []string {
	var list []string
	for range n {
		list = append(list, of(d))
	}
	return list
}

func browsers(d *dice) string {
	v := d.between(118, 137)
	switch d.IntN(3) {
	case 0:
		return fmt.Sprintf("Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/%d.0.0.0 Safari/537.36", v)
	case 1:
		return fmt.Sprintf("Mozilla/5.0 (X11; Linux x86_64; rv:%d.0) Gecko/20100101 Firefox/%d.0", v, v)
	}
	return fmt.Sprintf("Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/%d.0.0.0 Safari/537.36 Edg/%d.0.0.0", v, v)
}

func cliAgents(d *dice) string {
	return fmt.Sprintf("aws-cli/2.%d.%d md/awscrt#0.%d.%d ua/2.0 os/%s md/arch#x86_64 lang/python#3.11.%d md/pyimpl#CPython cfg/retry-mode#standard md/installer#exe md/prompt#off md/command#%s",
		d.between(13, 27), d.IntN(40), d.between(19, 26), d.IntN(6), one(d, []string{"linux#6.1.79-99.167.amzn2023.x86_64", "macos#23.4.0", "windows#10"}), d.between(2, 12),
		one(d, []string{"s3.cp", "sts.get-caller-identity", "ec2.describe-instances", "iam.list-users", "logs.tail"}))
}

func sdkAgents(d *dice) string {
	minor := d.IntN(60)
	switch d.IntN(5) {
	case 0:
		return fmt.Sprintf("Boto3/1.%d.%d md/Botocore#1.%d.%d ua/2.0 os/linux#5.10.%d-%d.amzn2.x86_64 md/arch#x86_64 lang/python#3.12.%d md/pyimpl#CPython exec-env/AWS_Lambda_python3.12 cfg/retry-mode#legacy Botocore/1.%d.%d",
			30+minor%10, minor, 30+minor%10, minor, 180+minor, 700+minor, minor%9, 30+minor%10, minor)
	case 1:
		return fmt.Sprintf("aws-sdk-java/2.%d.%d Linux/5.10.%d-%d.862.amzn2.x86_64 OpenJDK_64-Bit_Server_VM/17.0.%d+9-LTS Java/17.0.%d vendor/Amazon.com_Inc. io/async http/NettyNio cfg/retry-mode/legacy", 20+minor%10, minor, 200+minor, 200+minor, minor%14, minor%14)
	case 2:
		return fmt.Sprintf("aws-sdk-js/3.%d.0 ua/2.1 os/linux#5.10.%d-%d.818.amzn2.x86_64 lang/js md/nodejs#20.%d.1 api/s3#3.%d.0 exec-env/AWS_Lambda_nodejs20.x", 400+minor*3, 200+minor, 200+minor, minor%16, 400+minor*3)
	case 3:
		return fmt.Sprintf("aws-sdk-go-v2/1.%d.%d ua/2.1 os/linux lang/go#1.22.%d md/GOOS#linux md/GOARCH#amd64 api/s3#1.%d.0 m/E,g", 25+minor%8, minor%5, minor%9, 40+minor%20)
	}
	return fmt.Sprintf("amazon-ssm-agent/3.2.%d.0 aws-sdk-go/1.%d.0 (go1.20.10; linux; amd64)", 2000+minor*7, 44+minor%12)
}

func toolAgents(d *dice) string {
	minor := d.IntN(60)
	if d.chance(0.3) {
		return fmt.Sprintf("cdk-deploy-action/2.%d aws-sdk-js/3.%d.0 os/linux#6.5.0-1022-azure lang/js md/nodejs#20.11.1", minor, 500+minor)
	}
	return fmt.Sprintf("APN/1.0 HashiCorp/1.0 Terraform/1.%d.%d (+https://www.terraform.io) terraform-provider-aws/5.%d.0 (+https://registry.terraform.io/providers/hashicorp/aws) aws-sdk-go-v2/1.%d.%d ua/2.0 os/linux lang/go#1.21.%d md/GOOS#linux md/GOARCH#amd64 api/%s#1.%d.0",
		minor%9, minor%7, 30+minor%40, 24+minor%8, minor%5, minor%9, one(d, []string{"ec2", "iam", "s3", "sts", "rds"}), 20+minor)
}

// catalogue holds all actions, and for each kind of caller those that it makes.
type catalogue struct {
	byKind map[kinds][]*action
}

func newCatalogue(all []operation, words vocabulary) (*catalogue, error) {
	c := &catalogue{byKind: map[kinds][]*action{}}
	for _, o := range all {
		a, err := parseOperation(o, words)
		if err != nil {
			return nil, err
		}
		for set := o.by; set != 0; set &= set - 1 {
			k := kinds(1) << bits.TrailingZeros32(uint32(set))
			c.byKind[k] = append(c.byKind[k], a)
		}
	}
	return c, nil
}

// find looks an action of a kind of caller up by service:Name.
func (c *catalogue) find(k kinds, permission string) (*action, error) {
	for _, a := range c.byKind[k] {
		if service, name, _ := strings.Cut(permission, ":"); a.service == service && a.name == name {
			return a, nil
		}
	}
	return nil, fmt.Errorf("find action %s: not in the catalogue", permission)
}

// repertoire is what one actor calls, and how often.
type repertoire struct {
	actions []*action
	draw    weighted
}

// repertoire draws n of the actions of kind k, the common ones first of all.
func (c *catalogue) repertoire(d *dice, k kinds, n int) repertoire {
	all := c.byKind[k]
	taken := make([]bool, len(all))
	if n == 0 || n >= len(all) {
		for i := range taken {
			taken[i] = true
		}
	} else {
		weights := make([]float64, len(all))
		for range n {
			for i, a := range all {
				if weights[i] = a.weight; taken[i] {
					weights[i] = 0
				}
			}
			taken[newWeighted(weights).draw(d)] = true
		}
	}
	var r repertoire
	var weights []float64
	for i, a := range all {
		if taken[i] {
			r.actions = append(r.actions, a)
			weights = append(weights, a.weight)
		}
	}
	r.draw = newWeighted(weights)
	return r
}
