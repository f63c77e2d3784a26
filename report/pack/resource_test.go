//go:build cgo && duckdb_arrow

package pack_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// TestManyResources: a long list of ARNs says of each of them what it says by itself.
func TestManyResources(t *testing.T) {
	var list []map[string]any
	for i, record := range []string{
		request("s3", "GetObject", `{"bucketName":"cards-7","key":"k"}`),
		request("s3", "GetObject", `{"bucketName":"cards-300","key":"k"}`),
		request("dynamodb", "GetItem", `{"tableName":"members-7"}`),
		request("dynamodb", "PutItem", `{"tableName":"arn:aws:dynamodb:eu-west-1:111111111111:table/members-299"}`),
		request("dynamodb", "GetItem", `{"tableName":"members"}`),
		request("dynamodb", "GetItem", `{"tableName":"members-300"}`),
		call("dynamodb", "Query", `"resources":[{"ARN":"arn:aws:dynamodb:eu-west-1:111111111111:table/members-8/index/i"}]`),
		request("lambda", "Invoke", `{"functionName":"111111111111:function:pay-9:3"}`),
		request("lambda", "Invoke", `{"functionName":"pay"}`),
	} {
		list = append(list, caseRecord(t, i, ruleCase{name: "resource", record: record}))
	}
	l, query := builtIn(t), records(t, list...)
	touched := func(regulated []string) []string {
		o := ever
		o.Rules, o.Params = []string{"DATA-READ", "DATA-WRITE"}, map[string]any{"regulated": regulated}
		var ids []string
		events, _ := run(t, l, query, o)
		for _, e := range events {
			ids = append(ids, e.Value("event_id"))
		}
		return ids
	}
	for _, test := range []struct {
		name, arn string
		alone     []int // numbers of the resources that something is about
	}{
		{"buckets", "arn:aws:s3:::cards-%d", []int{7}},
		{"tables", "arn:aws:dynamodb:eu-west-1:111111111111:table/members-%d", []int{7, 8, 299}},
		{"tables elsewhere", "arn:aws:dynamodb:us-east-1:111111111111:table/members-%d", nil},
		{"functions", "arn:aws:lambda:eu-west-1:111111111111:function:pay-%d", []int{9}},
		{"names", "members-%d", []int{7, 8, 299}},
	} {
		t.Run(test.name, func(t *testing.T) {
			var arns, want []string
			for i := range 300 {
				arns = append(arns, fmt.Sprintf(test.arn, i))
			}
			for _, i := range test.alone {
				one := touched(arns[i : i+1])
				if len(one) == 0 {
					t.Errorf("nothing is about %s", arns[i])
				}
				want = append(want, one...)
			}
			got := touched(arns)
			slices.Sort(want)
			slices.Sort(got)
			if !slices.Equal(got, want) {
				t.Errorf("together %v, alone %v", got, want)
			}
		})
	}
}

func TestTooManyResources(t *testing.T) {
	o := ever
	var arns []string
	for i := range 60_000 {
		arns = append(arns, fmt.Sprintf("arn:aws:dynamodb:eu-west-1:111111111111:table/members-%d", i))
	}
	o.Rules, o.Params = []string{"DATA-WRITE"}, map[string]any{"regulated": arns}
	_, err := builtIn(t).Plan(o)
	if err == nil || !strings.Contains(err.Error(), "the condition becomes too long: the parameter regulated has 60000 values") {
		t.Errorf("error %v", err)
	}
}
