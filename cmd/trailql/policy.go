package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/trailql/trailql/catalog/shared"
	"github.com/trailql/trailql/catalog/storage/s3"
	"github.com/trailql/trailql/convert"
)

// policyActions are the rights that the requests need which the program sends,
// by the operation of the SDK.
var policyActions = map[string]string{
	"HeadBucket":    "s3:ListBucket",
	"ListObjectsV2": "s3:ListBucket",
	"GetObject":     "s3:GetObject",
	"HeadObject":    "s3:GetObject",

	"PutObject":               "s3:PutObject",
	"CreateMultipartUpload":   "s3:PutObject",
	"UploadPart":              "s3:PutObject",
	"CompleteMultipartUpload": "s3:PutObject",
	"AbortMultipartUpload":    "s3:AbortMultipartUpload",
	"ListMultipartUploads":    "s3:ListBucketMultipartUploads",
	"DeleteObject":            "s3:DeleteObject",

	"GetQueueAttributes":           "sqs:GetQueueAttributes",
	"ReceiveMessage":               "sqs:ReceiveMessage",
	"ChangeMessageVisibilityBatch": "sqs:ChangeMessageVisibility",
	"DeleteMessageBatch":           "sqs:DeleteMessage",

	"ListPublicKeys": "cloudtrail:ListPublicKeys",
}

// actionsOf are the rights for some operations, each once.
func actionsOf(operations ...string) []string {
	var actions []string
	for _, o := range operations {
		actions = append(actions, policyActions[o])
	}
	slices.Sort(actions)
	return slices.Compact(actions)
}

// policy is an IAM policy document.
type policy struct {
	Version   string
	Statement []policyStatement
}

type policyStatement struct {
	Sid       string
	Effect    string
	Action    []string
	Resource  []string
	Condition map[string]map[string][]string `json:",omitempty"`
}

type policyFlags struct {
	task, kms, queue, catalog string
}

func newPolicyCommand(a *app) *cobra.Command {
	f := policyFlags{task: "convert"}
	cmd := &cobra.Command{
		Use:   "policy [s3://BUCKET/PREFIX…]",
		Short: "Print the least IAM policy for archives and warehouses on S3",
		Long: `Prints the IAM policy that gives no more than what the program needs: to convert
the archives given, into the warehouse if that is on S3, or to query that
warehouse. Nothing is asked of AWS.

--for convert: reads the archives, reads and writes the warehouse.
--for query: reads the warehouse: --warehouse, or the argument. CREATE VIEW and
what else changes the warehouse takes the rights of convert.
--for report: reads the warehouse, adds runs to its ledger, and writes to the places
given, where schedules deliver reports.
--for verify: reads the archives, and asks for CloudTrail's keys (--fetch-keys).
--for all: all of these.`,
		Example: `  trailql policy s3://example-trail/AWSLogs
  trailql policy --kms arn:aws:kms:eu-west-1:111111111111:key/1234 --warehouse s3://example-lake/trail s3://example-trail/AWSLogs
  trailql policy --sqs arn:aws:sqs:eu-west-1:111111111111:new-logs s3://example-trail/AWSLogs
  trailql policy --catalog 'glue://?region=eu-west-1' --warehouse s3://example-lake/trail s3://example-trail/AWSLogs
  trailql policy --for query s3://example-lake/trail
  trailql policy --for report --warehouse s3://example-lake/trail s3://example-audit/reports`,
		RunE: func(_ *cobra.Command, args []string) error {
			p, err := f.policy(a, args)
			if err != nil {
				return err
			}
			out := json.NewEncoder(a.stdout)
			out.SetEscapeHTML(false)
			out.SetIndent("", "  ")
			return out.Encode(p)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&f.task, "for", f.task, "`TASK`: convert, query, report, verify or all")
	flags.StringVar(&f.kms, "kms", "", "`ARN` of the KMS key that encrypts the buckets (and the queue)")
	flags.StringVar(&f.catalog, "catalog", "", "`URL` of convert --catalog, for what Glue has to allow")
	flags.StringVar(&f.queue, "sqs", "", "`ARN` of the queue of convert --sqs")
	return cmd
}

func (f policyFlags) policy(a *app, args []string) (*policy, error) {
	if err := checkChoice("for", f.task, []string{"convert", "query", "report", "verify", "all"}); err != nil {
		return nil, err
	}
	for _, arn := range []struct{ flag, text, service string }{{"--kms", f.kms, "kms"}, {"--sqs", f.queue, "sqs"}} {
		if parts := strings.SplitN(arn.text, ":", 6); arn.text != "" && (len(parts) != 6 || parts[0] != "arn" || parts[2] != arn.service || parts[5] == "") {
			return nil, usagef("%s %q: want an ARN such as arn:aws:%s:eu-west-1:111111111111:…", arn.flag, arn.text, arn.service)
		}
	}
	warehouse := ""
	if s3.IsURI(a.warehouse) {
		warehouse = a.warehouse
	}
	archives, deliveries := args, []string(nil)
	switch f.task {
	case "report":
		archives, deliveries = nil, args
	case "query":
		archives = nil
		if len(args) == 1 {
			warehouse = args[0]
		} else if len(args) > 1 {
			return nil, usagef("query reads one warehouse, there are %d", len(args))
		}
	}
	if len(args) == 0 && warehouse == "" && f.catalog == "" {
		return nil, usagef("nothing on S3 is named: give s3://bucket/prefix, or --warehouse s3://bucket/prefix")
	}
	writes := f.task == "convert" || f.task == "all"
	if f.queue != "" && !writes {
		return nil, usagef("--sqs: %s reads no queue", f.task)
	}
	if f.catalog != "" && !writes {
		return nil, usagef("--catalog: %s registers no tables", f.task)
	}

	p := &policy{Version: "2012-10-17"}
	partition := f.partition(a.s3.Region)
	for i, uri := range archives {
		l, err := locationOf(uri, partition)
		if err != nil {
			return nil, err
		}
		suffix := ""
		if len(archives) > 1 {
			suffix = fmt.Sprint(i + 1)
		}
		if !l.object {
			p.allow("ListArchive"+suffix, actionsOf("HeadBucket", "ListObjectsV2"), l.bucket, l.prefix)
		}
		p.allow("ReadArchive"+suffix, actionsOf("GetObject", "HeadObject"), l.objects, "")
	}
	if warehouse != "" {
		l, err := locationOf(warehouse, partition)
		if err != nil {
			return nil, err
		}
		list, objects := []string{"HeadBucket", "ListObjectsV2"}, []string{"GetObject", "HeadObject"}
		name := "ReadWarehouse"
		if writes {
			name = "WriteWarehouse"
			list = append(list, "ListMultipartUploads")
			objects = append(objects, "PutObject", "CreateMultipartUpload", "UploadPart", "CompleteMultipartUpload", "AbortMultipartUpload", "DeleteObject")
		}
		p.allow("ListWarehouse", actionsOf(list...), l.bucket, l.prefix)
		p.allow(name, actionsOf(objects...), l.objects, "")
		if f.task == "report" {
			p.allow("WriteLedger", actionsOf("PutObject"), strings.TrimSuffix(l.objects, "*")+"reports/runs/*", "")
		}
	}
	for i, uri := range deliveries {
		l, err := locationOf(uri, partition)
		if err != nil {
			return nil, err
		}
		suffix := ""
		if len(deliveries) > 1 {
			suffix = fmt.Sprint(i + 1)
		}
		p.allow("ListReports"+suffix, actionsOf("HeadBucket"), l.bucket, l.prefix)
		p.allow("WriteReports"+suffix, actionsOf("HeadObject", "GetObject", "PutObject", "CreateMultipartUpload", "UploadPart", "CompleteMultipartUpload", "AbortMultipartUpload"), l.objects, "")
	}
	if f.task == "verify" || f.task == "all" {
		p.allow("FetchKeys", actionsOf("ListPublicKeys"), "*", "") // it knows no resources
	}
	if err := p.allowCatalog(f.catalog, partition, a.s3.Region); err != nil {
		return nil, err
	}
	if f.kms != "" {
		actions := []string{"kms:Decrypt"}
		if writes && warehouse != "" || f.task == "report" {
			actions = append(actions, "kms:GenerateDataKey")
		}
		p.allow("UseKey", actions, f.kms, "")
	}
	if f.queue != "" {
		p.allow("ReceiveNotifications", actionsOf("GetQueueAttributes", "ReceiveMessage", "ChangeMessageVisibilityBatch", "DeleteMessageBatch"), f.queue, "")
	}
	return p, nil
}

// allowCatalog adds what registering the tables takes. Only Glue has its rights
// from here.
func (p *policy) allowCatalog(address, partition, region string) error {
	account, its, namespace, ok, err := shared.GlueAddress(address)
	switch {
	case address == "":
		return nil
	case err != nil:
		return usagef("--catalog: %w", err)
	case !ok:
		return usagef("--catalog %s: of the shared catalogs only Glue is allowed by a policy: want glue://account?region=NAME", address)
	}
	p.Statement = append(p.Statement, policyStatement{Sid: "RegisterTables", Effect: "Allow", Action: shared.GlueActions(),
		Resource: shared.GlueResources(partition, cmp.Or(its, region), account, namespace)})
	return nil
}

// allow adds a statement; prefix narrows a listing. Reading an object has no
// s3:prefix: where its condition failed, S3 would say "denied" of an object that
// is not there, and a warehouse has to know the difference.
func (p *policy) allow(sid string, actions []string, resource, prefix string) {
	s := policyStatement{Sid: sid, Effect: "Allow", Action: actions, Resource: []string{resource}}
	if prefix != "" {
		s.Condition = map[string]map[string][]string{"StringLikeIfExists": {"s3:prefix": {prefix}}}
	}
	p.Statement = append(p.Statement, s)
}

// partition is the part of AWS that the ARNs are of.
func (f policyFlags) partition(region string) string {
	for _, arn := range []string{f.kms, f.queue} {
		if parts := strings.SplitN(arn, ":", 3); len(parts) == 3 {
			return parts[1]
		}
	}
	switch {
	case strings.HasPrefix(region, "cn-"):
		return "aws-cn"
	case strings.HasPrefix(region, "us-gov-"):
		return "aws-us-gov"
	}
	return "aws"
}

// location is what an S3 URI names, as policies write it.
type location struct {
	bucket, objects string // ARNs
	prefix          string // of the names listed; "" for all
	object          bool   // it is one object
}

func locationOf(uri, partition string) (location, error) {
	rest, ok := strings.CutPrefix(uri, "s3://")
	bucket, key, _ := strings.Cut(rest, "/")
	if !ok || bucket == "" {
		return location{}, usagef("%q: want s3://bucket/prefix", uri)
	}
	// In ARNs and conditions these are patterns.
	if strings.ContainsAny(rest, "*?$") {
		return location{}, usagef("%q: a policy takes *, ? and $ for patterns: name a folder above", uri)
	}
	l := location{bucket: "arn:" + partition + ":s3:::" + bucket}
	key = strings.TrimSuffix(key, "/")
	switch {
	case key == "":
		l.objects = l.bucket + "/*"
	case convert.IsObject(uri):
		l.objects, l.object = l.bucket+"/"+key, true
	default:
		l.prefix = key + "/*"
		l.objects = l.bucket + "/" + key + "/*"
	}
	return l, nil
}
