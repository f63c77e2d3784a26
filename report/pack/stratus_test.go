//go:build cgo && duckdb_arrow

package pack_test

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/trailql/trailql/report/pack"
)

// stratus are the rules that each technique has to raise.
var stratus = map[string][]string{
	"credential-access.ec2-get-password-data":                 {"REMOTE-EXEC", "DENIED-BURST"},
	"credential-access.ec2-steal-instance-credentials":        {"REMOTE-EXEC", "IMDS-EXFIL"},
	"credential-access.secretsmanager-batch-retrieve-secrets": {"SECRETS"},
	"credential-access.secretsmanager-retrieve-secrets":       {"SECRETS"},
	"credential-access.ssm-retrieve-securestring-parameters":  {"SECRETS"},
	"defense-evasion.cloudtrail-delete":                       {"TRAIL-CHG", "TRAIL-OFF"},
	"defense-evasion.cloudtrail-event-selectors":              {"TRAIL-OFF"},
	"defense-evasion.cloudtrail-stop":                         {"TRAIL-CHG", "TRAIL-OFF"},
	"defense-evasion.dns-delete-logs":                         {"FLOW-OFF"},
	"defense-evasion.organizations-leave":                     {"ORG-CHG", "ORG-EXIT"},
	"defense-evasion.vpc-remove-flow-logs":                    {"FLOW-OFF"},
	"discovery.ec2-download-user-data":                        {"DENIED-BURST", "USERDATA"},
	"execution.ec2-launch-unusual-instances":                  {"COMPUTE-ODD"},
	"execution.ec2-user-data":                                 {"USERDATA"},
	"execution.ssm-send-command":                              {"REMOTE-EXEC"},
	"execution.ssm-start-session":                             {"REMOTE-EXEC"},
	"exfiltration.ec2-security-group-open-port-22-ingress":    {"SG", "SG-WORLD"},
	"exfiltration.ec2-share-ami":                              {"SHARE-OUT"},
	"exfiltration.ec2-share-ebs-snapshot":                     {"SHARE-OUT"},
	"exfiltration.rds-share-snapshot":                         {"SHARE-OUT"},
	"impact.bedrock-invoke-model":                             {"COMPUTE-ODD"},
	"initial-access.console-login-without-mfa":                {"LOGIN-NOMFA"},
	"lateral-movement.ec2-instance-connect":                   {"REMOTE-EXEC"},
	"lateral-movement.ec2-serial-console-send-ssh-public-key": {"REMOTE-EXEC"},
	"persistence.iam-backdoor-role":                           {"TRUST-CHG"},
	"persistence.iam-backdoor-user":                           {"CRED-OTHER"},
	"persistence.iam-create-admin-user":                       {"ACCT-LIFE", "PRIV-UP", "CRED-OTHER"},
	"persistence.iam-create-backdoor-role":                    {"TRUST-CHG", "PRIV-UP"},
	"persistence.iam-create-user-login-profile":               {"CRED-OTHER"},
	"persistence.lambda-backdoor-function":                    {"SVC-PUBLIC"},
	"persistence.lambda-layer-extension":                      {"LAMBDA-CODE"},
	"persistence.lambda-overwrite-code":                       {"LAMBDA-CODE"},
	"persistence.rolesanywhere-create-trust-anchor":           {"TRUST-CHG"},
	"persistence.sts-federation-token":                        {"STS-TOKEN"},
	"privilege-escalation.iam-update-user-login-profile":      {"CRED-OTHER"},
}

// TestStratusTechniquesRaiseTheirRules looks at all techniques in one archive: no
// two have an account in common.
func TestStratusTechniquesRaiseTheirRules(t *testing.T) {
	folder := shared(t, "records/stratus-red-team")
	l := builtIn(t)
	files, err := filepath.Glob(filepath.Join(folder, "aws.*.json"))
	if err != nil || len(files) != 35 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	o := ever
	o.Packs = []pack.Selection{{Pack: "security-baseline"}}
	o.From = time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)
	// First uses are known in an archive that begins before the period.
	earlier := logFile(t, series(t, "2019-12-01T10:00:00Z", 1, 0, same(call("s3", "ListBuckets", "")))...)
	events, correlations := run(t, l, archive(t, folder, earlier), o)
	accounts := map[string]string{}
	found := map[string]map[string]pack.Severity{}
	for name := range stratus {
		found[name] = map[string]pack.Severity{}
		for _, account := range accountsIn(t, filepath.Join(folder, "aws."+name+".json")) {
			if other, ok := accounts[account]; ok {
				t.Fatalf("account %s is in %s and %s", account, other, name)
			}
			accounts[account] = name
		}
	}
	for _, e := range events {
		name := accounts[e.Value("account_id")]
		for _, taken := range e.Taken {
			found[name][taken.Rule.ID.Value] = max(found[name][taken.Rule.ID.Value], taken.Severity)
		}
	}
	for _, c := range correlations {
		if i := slices.Index(c.By, "account_id"); i >= 0 {
			found[accounts[c.Values[i]]][c.Rule.ID.Value] = c.Severity
		}
	}
	for _, file := range files {
		name := strings.TrimSuffix(strings.TrimPrefix(filepath.Base(file), "aws."), ".json")
		t.Run(name, func(t *testing.T) {
			if len(stratus[name]) == 0 {
				t.Fatal("a technique without a rule")
			}
			for _, want := range stratus[name] {
				if _, ok := found[name][want]; !ok {
					t.Errorf("rule %s did not take anything; %v did", want, found[name])
				}
			}
			for id, s := range found[name] {
				if s > pack.Medium && !slices.Contains(stratus[name], id) {
					t.Errorf("besides, rule %s is raised with severity %s", id, s)
				}
			}
		})
	}
}

// accountsIn are the accounts that a file's records were delivered to.
func accountsIn(t *testing.T, file string) []string {
	t.Helper()
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var list []struct{ RecipientAccountID string }
	if err := json.Unmarshal(content, &list); err != nil {
		t.Fatal(err)
	}
	accounts := map[string]bool{}
	for _, r := range list {
		accounts[r.RecipientAccountID] = true
	}
	return slices.Sorted(maps.Keys(accounts))
}

// TestQuietRecords: services that do their work raise nothing.
func TestQuietRecords(t *testing.T) {
	l := builtIn(t)
	for _, source := range []string{"trailscraper", "grafana-lambda-promtail", "otel-collector-contrib"} {
		t.Run(source, func(t *testing.T) {
			o := ever
			o.Packs = []pack.Selection{{Pack: "security-baseline"}, {Pack: "cis-aws-foundations"}}
			for id, s := range strongest(run(t, l, archive(t, shared(t, "records/"+source)), o)) {
				if s > pack.Info {
					t.Errorf("rule %s: %s", id, s)
				}
			}
		})
	}
}

// TestAnOrdinaryDayIsQuiet: somebody with a second factor looks around, a service
// works.
func TestAnOrdinaryDayIsQuiet(t *testing.T) {
	l := builtIn(t)
	list := slices.Concat(
		series(t, "2025-06-01T08:00:00Z", 1, 0, same(`{`+signIn+`,"responseElements":{"ConsoleLogin":"Success"},"additionalEventData":{"MFAUsed":"Yes"}}`)),
		series(t, "2025-06-01T08:01:00Z", 60, time.Minute, same(call("ec2", "DescribeInstances", `"readOnly":true`))),
		series(t, "2025-06-01T08:01:30Z", 60, time.Minute, same(call("s3", "GetObject", `"readOnly":true,"eventCategory":"Data"`))),
		series(t, "2025-06-01T08:02:00Z", 60, time.Minute, same(call("sts", "AssumeRole", `"userIdentity":{"type":"AWSService","invokedBy":"ecs.amazonaws.com"},"sourceIPAddress":"ecs.amazonaws.com"`))))
	o := ever
	for _, p := range l.Packs {
		o.Packs = append(o.Packs, pack.Selection{Pack: p.ID.Value})
	}
	for id, s := range strongest(run(t, l, records(t, list...), o)) {
		if s > pack.Info {
			t.Errorf("rule %s: %s", id, s)
		}
	}
}

// TestArchiveHasTheDeniedCallsThatItIsKnownFor counts CIS 4.1 in every version.
func TestArchiveHasTheDeniedCallsThatItIsKnownFor(t *testing.T) {
	l := builtIn(t)
	query := archive(t, shared(t, "archive"))
	for _, version := range []string{"v1.2", "v3.0", "v7.0"} {
		o := ever
		for _, c := range l.Pack("cis-aws-foundations").At(version)[:1] {
			o.Rules = append(o.Rules, c.Rules[0].Value)
		}
		if events, _ := run(t, l, query, o); len(events) != 143 {
			t.Errorf("%s: %d denied calls", version, len(events))
		}
	}
}
