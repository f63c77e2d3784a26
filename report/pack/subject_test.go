//go:build cgo && duckdb_arrow

package pack_test

import (
	"fmt"
	"slices"
	"testing"
)

// TestSubjectsKeysAreFollowed: a key takes a role, the role takes another and makes a
// key, which takes the first role again. What others do is not followed.
func TestSubjectsKeysAreFollowed(t *testing.T) {
	const first, second, third, fourth, others = "AKIAIOSFODNN7SUBJCT", "ASIAIOSFODNN7SECOND", "ASIAIOSFODNN7THIRDX", "AKIAIOSFODNN7FOURTH", "ASIAIOSFODNN7OTHERS"
	by := func(key, source, name, response string) string {
		return call(source, name, `"userIdentity":{"type":"IAMUser","arn":"arn:aws:iam::111111111111:user/u","accessKeyId":"`+key+`"},"responseElements":`+response)
	}
	session := func(key string) string { return `{"credentials":{"accessKeyId":"` + key + `","sessionToken":"x"}}` }
	var list []map[string]any
	for i, record := range []string{
		by(first, "sts", "AssumeRole", session(second)),
		by(second, "sts", "AssumeRole", session(third)),
		by(third, "iam", "CreateAccessKey", `{"accessKey":{"accessKeyId":"`+fourth+`"}}`),
		by(fourth, "sts", "GetSessionToken", session(first)),
		by(others, "sts", "AssumeRole", session("ASIAIOSFODNN7UNKNOWN")),
		by(fourth, "s3", "DeleteBucket", "null"),
	} {
		list = append(list, caseRecord(t, i, ruleCase{name: "chain", record: record}))
	}
	l, query := builtIn(t), records(t, list...)
	for _, test := range []struct {
		given map[string]any
		keys  []string
	}{
		{map[string]any{"subject_keys": []string{first}}, []string{fourth, first, second, third}},
		{map[string]any{"subject_keys": []string{third}}, []string{fourth, first, second, third}},
		{map[string]any{"subject_keys": []string{"AKIAIOSFODNN7NOTHING"}}, []string{"AKIAIOSFODNN7NOTHING"}},
		{nil, nil},
	} {
		all, err := l.Infer(t.Context(), query, []map[string]any{test.given})
		if err != nil {
			t.Fatal(err)
		}
		keys, _ := all[0]["subject_keys"].([]string)
		if keys = slices.Sorted(slices.Values(keys)); !slices.Equal(keys, test.keys) {
			t.Errorf("%v: keys %v instead of %v", test.given, keys, test.keys)
		}
	}
	all, err := l.Infer(t.Context(), query, []map[string]any{{"subject_keys": []string{first}}})
	if err != nil {
		t.Fatal(err)
	}
	o := ever
	o.Rules, o.Params = []string{"SUBJECT", "BUCKET-DEL"}, all[0]
	events, _ := run(t, l, query, o)
	var taken []string
	for _, e := range events {
		taken = append(taken, fmt.Sprint(e.Value("event_name"), len(e.Taken)))
	}
	if want := "DeleteBucket2"; len(taken) != 5 || !slices.Contains(taken, want) {
		t.Errorf("events %v instead of five with %s", taken, want)
	}
}
