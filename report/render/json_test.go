package render

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/trailql/trailql/report"
	"github.com/trailql/trailql/report/pack"
)

// TestReadBack: report.json has everything.
func TestReadBack(t *testing.T) {
	for name, r := range examples() {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			if _, err := Write(t.Context(), dir, r, []Format{JSON}); err != nil {
				t.Fatal(err)
			}
			back, err := Read(dir)
			if err != nil {
				t.Fatal(err)
			}
			first := rendered(t, r)
			for file, content := range rendered(t, back) {
				if content != first[file] {
					t.Errorf("%s differs when its report was read back", file)
				}
			}
			if name == "example" && !reflect.DeepEqual(back.Packs[0].Controls[2].Findings, r.Packs[0].Controls[2].Findings) {
				t.Errorf("findings differ:\n%+v\n%+v", back.Packs[0].Controls[2].Findings, r.Packs[0].Controls[2].Findings)
			}
		})
	}
}

// TestReadBackEveryField: no field of the model is lost, none that is new either.
func TestReadBackEveryField(t *testing.T) {
	r := &report.Report{}
	n := 0
	fill(reflect.ValueOf(r).Elem(), &n)
	dir := t.TempDir()
	if _, err := Write(t.Context(), dir, r, []Format{JSON}); err != nil {
		t.Fatal(err)
	}
	back, err := Read(dir)
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(r, back) {
		a, _ := json.MarshalIndent(r, "", " ")
		b, _ := json.MarshalIndent(back, "", " ")
		was, is := strings.Split(string(a), "\n"), strings.Split(string(b), "\n")
		for i := range min(len(was), len(is)) {
			if was[i] != is[i] {
				t.Errorf("%s became %s", was[i], is[i])
			}
		}
		if !t.Failed() {
			t.Error("the reports differ")
		}
	}
}

// fill gives every field a value that no other has.
func fill(v reflect.Value, n *int) {
	*n++
	switch x := v.Addr().Interface().(type) {
	case *time.Time:
		*x = time.Date(2026, 1, 1, 0, 0, *n, 0, time.UTC)
		return
	case *time.Duration:
		*x = time.Duration(*n) * time.Second
		return
	case *pack.Kind:
		*x = pack.Exception
		return
	case *pack.Severity:
		*x = pack.High
		return
	case *report.Finding:
		x.Values = make([]string, len(pack.EvidenceColumns()))
	}
	switch v.Kind() {
	case reflect.String:
		v.SetString(fmt.Sprint("text ", *n))
	case reflect.Int, reflect.Int64:
		v.SetInt(int64(*n))
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem(), n)
	case reflect.Struct:
		for i := range v.NumField() {
			fill(v.Field(i), n)
		}
	case reflect.Slice:
		if v.Len() == 0 {
			v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		}
		for i := range v.Len() {
			fill(v.Index(i), n)
		}
	case reflect.Map:
		key, value := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
		fill(key, n)
		fill(value, n)
		v.Set(reflect.MakeMap(v.Type()))
		v.SetMapIndex(key, value)
	default:
		panic(fmt.Sprintf("the model has a %s, which this test does not fill", v.Type()))
	}
}

func TestReadErrors(t *testing.T) {
	dir := t.TempDir()
	if _, err := Read(dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
	for name, test := range map[string]struct {
		content string
		is      error
	}{
		"not JSON":       {"<html>", nil},
		"other schema":   {`{"schema":"trailql.report/2"}`, ErrSchema},
		"unknown pack":   {`{"schema":"trailql.report/1","controls":[{"pack":"x","kind":"evidence","severity":"low"}]}`, nil},
		"wrong severity": {`{"schema":"trailql.report/1","packs":[{"id":"x"}],"controls":[{"pack":"x","kind":"evidence","severity":"bad"}]}`, nil},
		"wrong kind":     {`{"schema":"trailql.report/1","packs":[{"id":"x"}],"controls":[{"pack":"x","kind":"bad","severity":"low"}]}`, nil},
	} {
		if err := os.WriteFile(filepath.Join(dir, jsonFile), []byte(test.content), 0o666); err != nil {
			t.Fatal(err)
		}
		if _, err := Read(dir); err == nil || test.is != nil && !errors.Is(err, test.is) {
			t.Errorf("%s: error %v", name, err)
		}
	}
}

// TestSchema holds report.json against its JSON Schema.
func TestSchema(t *testing.T) {
	text, err := os.ReadFile("report.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	var schema map[string]any
	decode(t, string(text), &schema)
	reports := examples()
	reports["a sample of nothing"] = &report.Report{Packs: []report.Pack{{ID: "p", Controls: []report.Control{{ID: "1", State: report.NotAssessed, Sample: &report.Sample{}}}}}}
	for name, r := range reports {
		t.Run(name, func(t *testing.T) {
			var doc any
			decode(t, rendered(t, r, JSON)[jsonFile], &doc)
			v := validator{root: schema}
			v.check("$", schema, doc)
			for _, problem := range v.problems[:min(10, len(v.problems))] {
				t.Error(problem)
			}
		})
	}
	// And the schema refuses what is wrong.
	for name, spoil := range map[string]func(doc map[string]any){
		"no schema":      func(d map[string]any) { delete(d, "schema") },
		"other schema":   func(d map[string]any) { d["schema"] = "x" },
		"unknown state":  func(d map[string]any) { anyControl(d)["state"] = "OK" },
		"negative count": func(d map[string]any) { anyControl(d)["count"] = -1.0 },
		"no event id":    func(d map[string]any) { delete(anyControl(d)["findings"].([]any)[0].(map[string]any), "event_id") },
		"unknown key":    func(d map[string]any) { d["extra"] = 1.0 },
	} {
		var doc map[string]any
		decode(t, rendered(t, example(), JSON)[jsonFile], &doc)
		spoil(doc)
		v := validator{root: schema}
		if v.check("$", schema, doc); len(v.problems) == 0 {
			t.Errorf("%s: the schema accepts it", name)
		}
	}
	finding := schema["$defs"].(map[string]any)["finding"].(map[string]any)["properties"].(map[string]any)
	for _, column := range pack.EvidenceColumns() {
		if _, ok := finding[column]; !ok {
			t.Errorf("the schema lacks the evidence column %s", column)
		}
	}
}

func anyControl(doc map[string]any) map[string]any {
	return doc["controls"].([]any)[0].(map[string]any)
}

// validator knows the part of JSON Schema that report.schema.json uses.
type validator struct {
	root     map[string]any
	problems []string
}

func (v *validator) fail(at, format string, args ...any) {
	v.problems = append(v.problems, at+": "+fmt.Sprintf(format, args...))
}

func (v *validator) check(at string, schema map[string]any, value any) {
	for _, keyword := range slices.Sorted(maps.Keys(schema)) {
		rule := schema[keyword]
		switch keyword {
		case "$schema", "$defs", "title", "description", "format", "required", "additionalProperties":
		case "$ref":
			name := strings.TrimPrefix(rule.(string), "#/$defs/")
			v.check(at, v.root["$defs"].(map[string]any)[name].(map[string]any), value)
		case "const":
			if value != rule {
				v.fail(at, "%v is not %v", value, rule)
			}
		case "enum":
			if !slices.Contains(rule.([]any), value) {
				v.fail(at, "%v is not one of %v", value, rule)
			}
		case "type":
			types, ok := rule.([]any)
			if !ok {
				types = []any{rule}
			}
			if !slices.ContainsFunc(types, func(kind any) bool { return isType(kind.(string), value) }) {
				v.fail(at, "%v is no %v", value, rule)
			}
		case "pattern":
			if s, ok := value.(string); ok && !regexp.MustCompile(rule.(string)).MatchString(s) {
				v.fail(at, "%q does not match %s", s, rule)
			}
		case "minimum":
			if n, ok := value.(float64); ok && n < rule.(float64) {
				v.fail(at, "%v is less than %v", n, rule)
			}
		case "minItems":
			if list, ok := value.([]any); ok && float64(len(list)) < rule.(float64) {
				v.fail(at, "%d items", len(list))
			}
		case "items":
			if list, ok := value.([]any); ok {
				for i, item := range list {
					v.check(fmt.Sprintf("%s[%d]", at, i), rule.(map[string]any), item)
				}
			}
		case "anyOf":
			if !slices.ContainsFunc(rule.([]any), func(s any) bool {
				one := validator{root: v.root}
				one.check(at, s.(map[string]any), value)
				return len(one.problems) == 0
			}) {
				v.fail(at, "fits none of the alternatives")
			}
		case "properties":
		default:
			v.fail(at, "the schema's %s is not known to this test", keyword)
		}
	}
	object, ok := value.(map[string]any)
	if !ok {
		return
	}
	properties, _ := schema["properties"].(map[string]any)
	required, _ := schema["required"].([]any)
	for _, name := range required {
		if _, ok := object[name.(string)]; !ok {
			v.fail(at, "%s is missing", name)
		}
	}
	for name, member := range object {
		if property, ok := properties[name]; ok {
			v.check(at+"."+name, property.(map[string]any), member)
			continue
		}
		switch others := schema["additionalProperties"].(type) {
		case bool:
			if !others {
				v.fail(at, "%s is not in the schema", name)
			}
		case map[string]any:
			v.check(at+"."+name, others, member)
		}
	}
}

func isType(name string, value any) bool {
	switch value := value.(type) {
	case nil:
		return name == "null"
	case bool:
		return name == "boolean"
	case string:
		return name == "string"
	case float64:
		return name == "number" || name == "integer" && value == math.Trunc(value)
	case []any:
		return name == "array"
	case map[string]any:
		return name == "object"
	}
	return false
}

// TestJSONFindings: evidence columns stand beside the finding's own keys, null is
// what the record lacks, and texts are exact.
func TestJSONFindings(t *testing.T) {
	r := &report.Report{Packs: []report.Pack{{ID: "p", Controls: []report.Control{{ID: "1", Count: int64(len(hostile)), Events: int64(len(hostile))}}}}}
	c := &r.Packs[0].Controls[0]
	for _, text := range hostile {
		f := report.Finding{ID: "f", Rule: "R", Values: make([]string, len(pack.EvidenceColumns())), Columns: map[string]string{"own": text, "empty": ""}}
		f.Values[3], f.Values[16] = text, text
		c.Findings = append(c.Findings, f)
	}
	files := rendered(t, r)
	lines := strings.Split(strings.TrimSuffix(files[jsonLinesFile], "\n"), "\n")
	var doc struct {
		Controls []struct{ Findings []json.RawMessage }
	}
	decode(t, files[jsonFile], &doc)
	for i, text := range hostile {
		for _, source := range []string{lines[i], string(doc.Controls[0].Findings[i])} {
			var f map[string]any
			decode(t, source, &f)
			own := f["columns"].(map[string]any)
			if f["actor"] != text || f["event_id"] != text || own["own"] != text || own["empty"] != "" || f["region"] != nil {
				t.Errorf("%q is %q, %q, %q", text, f["actor"], f["event_id"], own["own"])
			}
		}
	}
	for _, name := range []string{jsonFile, jsonLinesFile, ocsfFile} {
		checkVisible(t, files[name], "\n")
	}
	checkVisible(t, files[markdownFile], "\n")
	checkVisible(t, files[junitFile], "\n")
}
