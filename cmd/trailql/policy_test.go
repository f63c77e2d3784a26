package main

import (
	"bytes"
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
)

// The rights that policies give are those that the requests need which the code
// sends: no operation is missing from the table, and none is there for nothing.
func TestPolicyActions(t *testing.T) {
	sent := map[string]string{}
	for _, folder := range []string{"catalog/storage/s3", "convert/queue", "cmd/trailql"} {
		files, err := filepath.Glob(filepath.Join(repositoryRoot, folder, "*.go"))
		if err != nil || len(files) == 0 {
			t.Fatal(folder, err)
		}
		for _, name := range files {
			if strings.HasSuffix(name, "_test.go") {
				continue
			}
			file, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
			if err != nil {
				t.Fatal(err)
			}
			ast.Inspect(file, func(n ast.Node) bool {
				if call, ok := n.(*ast.CallExpr); ok {
					if method, ok := call.Fun.(*ast.SelectorExpr); ok {
						operation, paginated := strings.CutSuffix(strings.TrimPrefix(method.Sel.Name, "New"), "Paginator")
						if isClient(method.X) || paginated {
							sent[operation] = name
						}
					}
				}
				return true
			})
		}
	}
	for operation, file := range sent {
		if policyActions[operation] == "" {
			t.Errorf("%s sends %s, which is not in policyActions", file, operation)
		}
	}
	for operation := range policyActions {
		if sent[operation] == "" {
			t.Errorf("nothing sends %s, which is in policyActions", operation)
		}
	}

	given := map[string]bool{}
	for _, s := range printedPolicy(t, "--for", "all", "--warehouse", "s3://lake/w", "--sqs", "arn:aws:sqs:eu-west-1:111111111111:q", "s3://trail/AWSLogs").Statement {
		for _, action := range s.Action {
			given[action] = true
		}
	}
	want := slices.Compact(slices.Sorted(maps.Values(policyActions)))
	if d := gocmp.Diff(want, slices.Sorted(maps.Keys(given))); d != "" {
		t.Error(d)
	}
}

// isClient is true of client and x.client.
func isClient(e ast.Expr) bool {
	switch e := e.(type) {
	case *ast.Ident:
		return e.Name == "client"
	case *ast.SelectorExpr:
		return e.Sel.Name == "client"
	}
	return false
}

func printedPolicy(t *testing.T, args ...string) policy {
	t.Helper()
	var out, stderr bytes.Buffer
	a := &app{stdin: strings.NewReader(""), stdout: &out, stderr: &stderr}
	if code := run(t.Context(), append([]string{"policy"}, args...), a); code != 0 {
		t.Fatalf("%q: exit code %d: %s", args, code, stderr.String())
	}
	var p policy
	if err := json.Unmarshal(out.Bytes(), &p); err != nil {
		t.Fatal(err)
	}
	return p
}

func TestPolicy(t *testing.T) {
	t.Setenv(configVariable, "")
	t.Setenv(warehouseVariable, "")
	list, read := []string{"s3:ListBucket"}, []string{"s3:GetObject"}
	write := []string{"s3:AbortMultipartUpload", "s3:DeleteObject", "s3:GetObject", "s3:PutObject"}
	below := func(prefix string) map[string]map[string][]string {
		return map[string]map[string][]string{"StringLikeIfExists": {"s3:prefix": {prefix}}}
	}
	for _, c := range []struct {
		args string
		want []policyStatement
	}{
		{"--for report --warehouse s3://lake/w s3://audit/reports", []policyStatement{
			{"ListWarehouse", "Allow", list, []string{"arn:aws:s3:::lake"}, below("w/*")},
			{"ReadWarehouse", "Allow", read, []string{"arn:aws:s3:::lake/w/*"}, nil},
			{"WriteLedger", "Allow", []string{"s3:PutObject"}, []string{"arn:aws:s3:::lake/w/reports/runs/*"}, nil},
			{"ListReports", "Allow", list, []string{"arn:aws:s3:::audit"}, below("reports/*")},
			{"WriteReports", "Allow", []string{"s3:AbortMultipartUpload", "s3:GetObject", "s3:PutObject"}, []string{"arn:aws:s3:::audit/reports/*"}, nil},
		}},
		{"s3://trail/AWSLogs/", []policyStatement{
			{"ListArchive", "Allow", list, []string{"arn:aws:s3:::trail"}, below("AWSLogs/*")},
			{"ReadArchive", "Allow", read, []string{"arn:aws:s3:::trail/AWSLogs/*"}, nil},
		}},
		{"s3://trail --aws-region us-gov-west-1", []policyStatement{
			{"ListArchive", "Allow", list, []string{"arn:aws-us-gov:s3:::trail"}, nil},
			{"ReadArchive", "Allow", read, []string{"arn:aws-us-gov:s3:::trail/*"}, nil},
		}},
		{"s3://trail/a/x.json.gz s3://other/b --kms arn:aws-cn:kms:cn-north-1:111111111111:key/k", []policyStatement{
			{"ReadArchive1", "Allow", read, []string{"arn:aws-cn:s3:::trail/a/x.json.gz"}, nil},
			{"ListArchive2", "Allow", list, []string{"arn:aws-cn:s3:::other"}, below("b/*")},
			{"ReadArchive2", "Allow", read, []string{"arn:aws-cn:s3:::other/b/*"}, nil},
			{"UseKey", "Allow", []string{"kms:Decrypt"}, []string{"arn:aws-cn:kms:cn-north-1:111111111111:key/k"}, nil},
		}},
		{"--for query s3://lake/w --kms arn:aws:kms:eu-west-1:111111111111:key/k", []policyStatement{
			{"ListWarehouse", "Allow", list, []string{"arn:aws:s3:::lake"}, below("w/*")},
			{"ReadWarehouse", "Allow", read, []string{"arn:aws:s3:::lake/w/*"}, nil},
			{"UseKey", "Allow", []string{"kms:Decrypt"}, []string{"arn:aws:kms:eu-west-1:111111111111:key/k"}, nil},
		}},
		{"--warehouse s3://lake/w --kms arn:aws:kms:eu-west-1:111111111111:key/k", []policyStatement{
			{"ListWarehouse", "Allow", []string{"s3:ListBucket", "s3:ListBucketMultipartUploads"}, []string{"arn:aws:s3:::lake"}, below("w/*")},
			{"WriteWarehouse", "Allow", write, []string{"arn:aws:s3:::lake/w/*"}, nil},
			{"UseKey", "Allow", []string{"kms:Decrypt", "kms:GenerateDataKey"}, []string{"arn:aws:kms:eu-west-1:111111111111:key/k"}, nil},
		}},
		{"s3://trail/AWSLogs --sqs arn:aws:sqs:eu-west-1:111111111111:q", []policyStatement{
			{"ListArchive", "Allow", list, []string{"arn:aws:s3:::trail"}, below("AWSLogs/*")},
			{"ReadArchive", "Allow", read, []string{"arn:aws:s3:::trail/AWSLogs/*"}, nil},
			{"ReceiveNotifications", "Allow", []string{"sqs:ChangeMessageVisibility", "sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage"}, []string{"arn:aws:sqs:eu-west-1:111111111111:q"}, nil},
		}},
		{"s3://trail/a/x.json.gz --catalog glue://111111111111?region=eu-west-1&namespace=audit", []policyStatement{
			{"ReadArchive", "Allow", read, []string{"arn:aws:s3:::trail/a/x.json.gz"}, nil},
			{"RegisterTables", "Allow", []string{"glue:CreateDatabase", "glue:CreateTable", "glue:GetTables", "glue:UpdateTable"}, []string{
				"arn:aws:glue:eu-west-1:111111111111:catalog", "arn:aws:glue:eu-west-1:111111111111:database/audit", "arn:aws:glue:eu-west-1:111111111111:table/audit/*"}, nil},
		}},
		{"--catalog glue:// --aws-region cn-north-1", []policyStatement{
			{"RegisterTables", "Allow", []string{"glue:CreateDatabase", "glue:CreateTable", "glue:GetTables", "glue:UpdateTable"}, []string{
				"arn:aws-cn:glue:cn-north-1:*:catalog", "arn:aws-cn:glue:cn-north-1:*:database/default", "arn:aws-cn:glue:cn-north-1:*:table/default/*"}, nil},
		}},
		{"--for verify s3://trail/AWSLogs", []policyStatement{
			{"ListArchive", "Allow", list, []string{"arn:aws:s3:::trail"}, below("AWSLogs/*")},
			{"ReadArchive", "Allow", read, []string{"arn:aws:s3:::trail/AWSLogs/*"}, nil},
			{"FetchKeys", "Allow", []string{"cloudtrail:ListPublicKeys"}, []string{"*"}, nil},
		}},
	} {
		if d := gocmp.Diff(policy{"2012-10-17", c.want}, printedPolicy(t, strings.Fields(c.args)...)); d != "" {
			t.Errorf("policy %s:\n%s", c.args, d)
		}
	}
}

func TestPolicyUsage(t *testing.T) {
	t.Setenv(configVariable, "")
	t.Setenv(warehouseVariable, "")
	for args, want := range map[string]string{
		"":                                           "nothing on S3 is named",
		"/var/log/trail":                             "want s3://bucket/prefix",
		"s3:///x":                                    "want s3://bucket/prefix",
		"s3://trail/a*":                              "name a folder above",
		"s3://trail --for everything":                "want convert, query, report, verify or all",
		"s3://trail --kms key/1":                     "--kms",
		"s3://trail --sqs https://sqs":               "--sqs",
		"--for query s3://a s3://b":                  "reads one warehouse",
		"--catalog postgres://u@h/d":                 "of the shared catalogs only Glue is allowed by a policy",
		"--catalog glue://x":                         "want glue://account",
		"--for query s3://a --catalog glue://":       "query registers no tables",
		"--for query --sqs arn:aws:sqs:a:b:c s3://a": "query reads no queue",
	} {
		var out, stderr bytes.Buffer
		a := &app{stdin: strings.NewReader(""), stdout: &out, stderr: &stderr}
		if code := run(t.Context(), append([]string{"policy"}, strings.Fields(args)...), a); code != exitUsage || !strings.Contains(stderr.String(), want) || out.Len() > 0 {
			t.Errorf("policy %s: exit code %d, %q; want %q", args, code, stderr.String(), want)
		}
	}
}
