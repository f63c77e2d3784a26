package cloudtrail

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// equalByStdlib compares two JSON texts by another decoder than ours.
func equalByStdlib(t testing.TB, a, b []byte) bool {
	t.Helper()
	return reflect.DeepEqual(stdlib(t, a), stdlib(t, b))
}

func stdlib(t testing.TB, text []byte) (v any) {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber() // so that 1.0 is not 1
	if err := d.Decode(&v); err != nil {
		t.Errorf("%v: %.300s", err, text)
	}
	if _, err := d.Token(); err != io.EOF {
		t.Errorf("more than one value: %.300s", text)
	}
	return v
}

func checkLossless(t testing.TB, record *Record) {
	t.Helper()
	back := record.AppendJSON(nil)
	if !equalByStdlib(t, record.Raw, back) {
		t.Errorf("differs by encoding/json\n in: %.2000s\nout: %.2000s", record.Raw, back)
	}
	if !EqualJSON(record.Raw, back) {
		t.Errorf("differs by EqualJSON\n in: %.2000s\nout: %.2000s", record.Raw, back)
	}
}

// The corpus again, by a decoder that is not ours.
func TestCorpusLossless(t *testing.T) {
	n := 0
	for _, c := range corpus(t) {
		if strings.HasSuffix(c.path, ".parquet") {
			continue
		}
		for _, r := range c.texts(t) {
			for record, err := range Records(r) {
				var bad *RecordError
				if err != nil && !errors.As(err, &bad) {
					t.Fatal(err)
				}
				if err == nil {
					checkLossless(t, record)
					n++
				}
			}
		}
	}
	if n < 6500 {
		t.Errorf("only %d records", n)
	}
}

// values are of every type, with what may get lost.
var values = []string{
	`null`, `true`, `false`, `0`, `-0`, `0.0`, `1.50`, `1e3`, `1E+3`, `1e400`, `12345678901234567890`,
	`""`, `"x"`, `"null"`, `" a\tb "`, `"\u0000\u001f\u007f"`, `"\"\\\/\b\f\n\r\t"`, `"\u00e9é😀\ud83d\ude00\u2028\ufffd"`, `"\u003cb\u003e&"`,
	`[]`, `{}`, `[ ]`, `{ }`, `[1, "a" ,null,[ ]]`, `{"a" : 1,"b":{ "c":[ ] } }`, `{"":""}`, `{"a":null}`, `{"ARN":"x"}`, `["x"]`, `[{}]`, `[null]`,
	`[{"ARN":"a","accountId":"1","type":"t"}]`, `[{"type":"t","ARN":""}]`, `[{"ARN":null}]`, `[{"arn":"a"}]`, `[{"ARN":"a","arn":"b"}]`,
	`[{"arn":"a","ARN":"b"}]`, `[{"ARNPrefix":"p","type":"t"}]`, `[{"ARN":1}]`, `[{"ARN":"a"},"b"]`, `[{"\u0041RN":"a"}]`, `[ { "ARN" : "a" } , { } ]`,
	`{"a":"1","b":"2"}`, `{"b":"2","a":"1"}`, `{"a":1}`, `{"a":"1","b":null}`, `{"a":{}}`,
}

// Whatever the value of whatever member: it comes back.
func TestEveryMemberEveryValue(t *testing.T) {
	d := NewDecoder()
	n := 0
	var walk func(around func(members string) string, cols []Column)
	try := func(text string) {
		t.Helper()
		d.Reset(strings.NewReader(text + text + text)) // the decoder remembers what it has seen
		for {
			record, err := d.Next()
			switch {
			case err == io.EOF:
				return
			case err == nil:
				checkLossless(t, record)
				n++
			case !errors.Is(err, ErrNoTime) && !errors.Is(err, errBadTime):
				t.Errorf("%v: %s", err, text)
			}
		}
	}
	walk = func(around func(string) string, cols []Column) {
		for _, c := range cols {
			if c.Key == "" {
				continue
			}
			key := quoted(c.Key)
			for _, v := range values {
				try(around(key + ":" + v))
				try(around(key + " : " + v + ` , "and\u0020more" : ` + v))
			}
			inner := func(members string) string { return around(key + ":{" + members + "}") }
			if c.From != nil {
				for _, k := range slices.Backward(c.From) {
					key = quoted(k) + ":{" + key
				}
				for _, v := range values {
					try(around(key + ":" + v + strings.Repeat("}", len(c.From))))
				}
			}
			walk(inner, c.Fields)
		}
	}
	walk(func(members string) string {
		text := rec("a")
		// Other members stand before it, or it takes their place.
		key := members[:strings.Index(members, ":")]
		text = strings.Replace(text, strings.TrimSpace(key)+":", `"was":`, 1)
		return text[:len(text)-1] + "," + members + "}"
	}, Columns())
	for _, v := range values {
		try(with("a", `"unknown":`+v+`,`))
		try(with("a", `"un\"kn\u0000own":`+v+`,`))
	}
	if n < 5000 {
		t.Errorf("only %d records", n)
	}
}

// What Athena's columns show for values of another type.
func TestValuesOfAnotherType(t *testing.T) {
	for _, c := range []struct {
		members string
		leaf    Leaf
		name    string
		want    string
		null    bool
	}{
		{members: `"readOnly":true,`, name: "readonly", want: "true"},
		{members: `"readOnly":"true",`, name: "readonly", want: "true"},
		{members: `"readOnly":null,`, name: "readonly", null: true},
		{members: ``, name: "readonly", null: true},
		{members: `"errorCode":200,`, name: "errorcode", want: "200"},
		{members: `"errorCode":"",`, name: "errorcode", want: ""},
		{members: `"userAgent":["a", "b"],`, name: "useragent", want: `["a","b"]`},
		{members: `"requestParameters":"null",`, name: "requestparameters", want: "null"},
		{members: `"requestParameters":null,`, name: "requestparameters", null: true},
		{members: `"requestParameters":{ "a" : 1.0 },`, name: "requestparameters", want: `{"a":1.0}`},
		{members: `"requestParameters":"",`, name: "requestparameters", want: ""},
		{members: `"errorMessage":"a\u0041\n",`, name: "errormessage", want: "aA\n"},
	} {
		t.Run(c.members, func(t *testing.T) {
			leaf := Leaf(NumLeaves)
			for i, l := range Leaves() {
				if len(l.Path) == 1 && l.Column.Name == c.name {
					leaf = Leaf(i)
				}
			}
			for record, err := range Records(strings.NewReader(with("a", c.members))) {
				if err != nil {
					t.Fatal(err)
				}
				if record.Has(leaf) == c.null || string(record.Text(leaf)) != c.want {
					t.Errorf("%q, null %v", record.Text(leaf), !record.Has(leaf))
				}
			}
		})
	}
}

func TestLeafConstants(t *testing.T) {
	for leaf, name := range map[Leaf]string{
		LeafEventTime: "eventtime", LeafEventSource: "eventsource", LeafEventName: "eventname", LeafAWSRegion: "awsregion", LeafEventID: "eventid",
		LeafEventType: "eventtype", LeafUnmodeled: "unmodeled", LeafSourceObject: "sourceobject",
	} {
		l := Leaves()[leaf]
		if l.Column == nil || l.Column.Name != name || len(l.Path) != 1 {
			t.Errorf("leaf %d is %v, not %s", leaf, l.Path, name)
		}
	}
	for i, l := range Leaves() {
		if l.Column == nil {
			t.Errorf("NumLeaves is more than there are: leaf %d has no column", i)
		}
	}
	if NumLeaves > 64 || Groups() > 8 {
		t.Errorf("%d leaves and %d struct columns do not fit", NumLeaves, Groups())
	}
}

// Field ids are in data files and must never change.
func TestFieldIDs(t *testing.T) {
	var ids, want []string
	next := 1
	var walk func(prefix string, cols []Column)
	walk = func(prefix string, cols []Column) {
		for _, c := range cols {
			name := prefix + c.Name
			ids = append(ids, fmt.Sprint(c.ID, " ", name))
			want = append(want, fmt.Sprint(next, " ", name))
			next++
			switch c.Kind {
			case Resources:
				next += MemberOffset + 2
			case Map:
				next += ValueOffset
			}
			walk(name+".", c.Fields)
		}
	}
	walk("", Columns())
	for i := range ids {
		if ids[i] != want[i] {
			t.Errorf("field %s, want %s", ids[i], want[i])
		}
	}
	if next != 81 {
		t.Errorf("%d field ids", next-1)
	}
}

func TestEqual(t *testing.T) {
	for _, c := range []struct {
		name, a, b string
		equal      bool
	}{
		{"the same", rec("a"), rec("a"), true},
		{"white space", rec("a"), indent(rec("a")), true},
		{"key order", with("a", `"x":1,"y":2,`), with("a", `"y":2,"x":1,`), true},
		{"key order in parameters", with("a", `"requestParameters":{"x":1,"y":2},`), with("a", `"requestParameters":{"y":2,"x":1},`), true},
		{"list order", with("a", `"requestParameters":{"x":[1,2]},`), with("a", `"requestParameters":{"x":[2,1]},`), false},
		{"escapes", with("a", `"userAgent":"\u0041\/",`), with("a", `"userAgent":"A/",`), true},
		{"escaped key", with("a", `"user\u0041gent":"A",`), with("a", `"userAgent":"A",`), true},
		{"number literal", with("a", `"requestParameters":{"x":1},`), with("a", `"requestParameters":{"x":1.0},`), false},
		{"null and absent", with("a", `"errorCode":null,`), rec("a"), false},
		{"empty and absent", with("a", `"errorCode":"",`), rec("a"), false},
		{"empty and null", with("a", `"errorCode":"",`), with("a", `"errorCode":null,`), false},
		{"empty object and absent", with("a", `"tlsDetails":{},`), rec("a"), false},
		{"string and boolean", with("a", `"readOnly":true,`), with("a", `"readOnly":"true",`), false},
		{"string and number", with("a", `"errorCode":"1",`), with("a", `"errorCode":1,`), false},
		{"text and object", with("a", `"requestParameters":"{}",`), with("a", `"requestParameters":{},`), false},
		{"other id", rec("a"), rec("b"), false},
		{"resources order", with("a", `"resources":[{"ARN":"1"},{"ARN":"2"}],`), with("a", `"resources":[{"ARN":"2"},{"ARN":"1"}],`), false},
		{"resource keys in another order", with("a", `"resources":[{"ARN":"1","type":"t"}],`), with("a", `"resources":[{"type":"t","ARN":"1"}],`), true},
		{"no resources and none", with("a", `"resources":[],`), rec("a"), false},
		{"attributes in another order", attributes(`"x":"1","y":"2"`), attributes(`"y":"2","x":"1"`), true},
		{"attributes and none", attributes(``), with("a", `"x":1,`), false},
	} {
		t.Run(c.name, func(t *testing.T) {
			a, b := NewDecoder(), NewDecoder()
			a.Reset(strings.NewReader(c.a))
			b.Reset(strings.NewReader(c.b))
			x, err := a.Next()
			y, err2 := b.Next()
			if err = errors.Join(err, err2); err != nil {
				t.Fatal(err)
			}
			if Equal(x, y) != c.equal || Equal(y, x) != c.equal || EqualJSON([]byte(c.a), []byte(c.b)) != c.equal {
				t.Errorf("Equal %v, EqualJSON %v, want %v", Equal(x, y), EqualJSON([]byte(c.a), []byte(c.b)), c.equal)
			}
			if equalByStdlib(t, []byte(c.a), []byte(c.b)) != c.equal {
				t.Error("encoding/json says otherwise")
			}
		})
	}
}

func attributes(members string) string {
	return strings.Replace(rec("a"), `"type":"Root"`, `"sessionContext":{"webIdFederationData":{"attributes":{`+members+`}}}`, 1)
}

func TestRegion(t *testing.T) {
	for text, want := range map[string]string{
		`"us-east-1"`: "us-east-1", `"sagov-westsouth-1r"`: "sagov-westsouth-1r", `"A_b-9"`: "A_b-9", `"unknown"`: "unknown",
		`null`: "unknown", `""`: "unknown", `".."`: "unknown", `"a/b"`: "unknown", `"a b"`: "unknown", `"é"`: "unknown", `"a\u0000"`: "unknown",
		`17`: "17", `{}`: "unknown", `"` + strings.Repeat("a", 64) + `"`: strings.Repeat("a", 64), `"` + strings.Repeat("a", 65) + `"`: "unknown",
	} {
		for record, err := range Records(strings.NewReader(strings.Replace(rec("a"), `"us-east-1"`, text, 1))) {
			if err != nil {
				t.Fatal(err)
			}
			if got := string(record.Region()); got != want {
				t.Errorf("awsRegion %s: region %s, want %s", text, got, want)
			}
		}
	}
}

func TestMember(t *testing.T) {
	object := []byte(`{ "a" : "x\n", "b" : { "c" : [ 1, 2 ] , "d":null}, "a":"second" }`)
	for _, c := range []struct {
		names []string
		want  string
	}{
		{[]string{"a"}, "x\n"}, {[]string{"b"}, `{"c":[1,2],"d":null}`}, {[]string{"b", "c"}, `[1,2]`}, {[]string{"b", "d"}, `null`},
		{[]string{"x"}, ""}, {[]string{"a", "b"}, ""}, {[]string{"b", "x"}, ""}, {nil, string(object)},
	} {
		if got := Member(object, c.names...); got != c.want {
			t.Errorf("%q: %q, want %q", c.names, got, c.want)
		}
	}
}
