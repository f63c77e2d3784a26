package cloudtrail

import (
	"errors"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// list is a log file of the given texts.
func list(elements ...string) string { return `{"Records":[` + strings.Join(elements, ",") + `]}` }

// faults are texts that are no record, and why.
var faults = []struct{ name, text, reason string }{
	{"a number", `12.5e3`, "not a CloudTrail record"},
	{"a negative number", `-1`, "not a CloudTrail record"},
	{"a string", `"a, {b} ]"`, "not a CloudTrail record"},
	{"null", `null`, "not a CloudTrail record"},
	{"true", `true`, "not a CloudTrail record"},
	{"an empty object", `{}`, "not a CloudTrail record"},
	{"another object", `{"eventName":"x","eventSource":"y"}`, "not a CloudTrail record"},

	{"no eventTime", strings.Replace(rec("x"), `"eventTime"`, `"time"`, 1), "no eventTime"},
	{"eventTime null", strings.Replace(rec("x"), `"2023-07-10T12:00:00Z"`, `null`, 1), "no eventTime"},
	{"eventTime empty", strings.Replace(rec("x"), `"2023-07-10T12:00:00Z"`, `""`, 1), "eventTime is not a time"},
	{"eventTime a number", strings.Replace(rec("x"), `"2023-07-10T12:00:00Z"`, `1688990400`, 1), "eventTime is not a time"},
	{"eventTime an object", strings.Replace(rec("x"), `"2023-07-10T12:00:00Z"`, `{"t":1}`, 1), "eventTime is not a time"},
	{"eventTime on no day", strings.Replace(rec("x"), `2023-07-10T`, `2023-02-30T`, 1), "eventTime is not a time"},
	{"eventTime at no hour", strings.Replace(rec("x"), `T12:`, `T24:`, 1), "eventTime is not a time"},
	{"eventTime in year 0", strings.Replace(rec("x"), `2023-07-10T`, `0000-07-10T`, 1), "eventTime is not a time"},
	{"eventTime before year 1 by its offset", strings.Replace(rec("x"), `2023-07-10T12:00:00Z`, `0001-01-01T00:00:00+01:00`, 1), "eventTime is not a time"},
	{"eventTime redacted", strings.Replace(rec("x"), `2023-07-10T12:00:00Z`, `...`, 1), "eventTime is not a time"},

	{"no value", with("x", `"a":,`), "not valid JSON"},
	{"comma too many", strings.Replace(rec("x"), `"}`, `",}`, 1), "not valid JSON"},
	{"comma missing", strings.Replace(rec("x"), `,"eventSource"`, ` "eventSource"`, 1), "not valid JSON"},
	{"colon missing", strings.Replace(rec("x"), `"eventSource":`, `"eventSource" `, 1), "not valid JSON"},
	{"name without quotes", with("x", `a:1,`), "not valid JSON"},
	{"single quotes", with("x", `'a':'b',`), "not valid JSON"},
	{"Python literal", with("x", `"a":True,`), "not valid JSON"},
	{"NaN", with("x", `"a":NaN,`), "not valid JSON"},
	{"number with leading zero", with("x", `"a":01,`), "not valid JSON"},
	{"number without digits", with("x", `"a":-,`), "not valid JSON"},
	{"number with open fraction", with("x", `"a":1.,`), "not valid JSON"},
	{"number with open exponent", with("x", `"a":1e,`), "not valid JSON"},
	{"hexadecimal number", with("x", `"a":0x10,`), "not valid JSON"},
	{"comment", with("x", `/* a */`), "not valid JSON"},
	{"wrong literal", with("x", `"a":nul,`), "not valid JSON"},
	{"bad escape", with("x", `"a":"\x41",`), "not valid JSON: bad escape in a string"},
	{"bad escape in a name", with("x", `"\q":1,`), "not valid JSON: bad escape in a string"},
	{"short unicode escape", with("x", `"a":"\u12",`), "not valid JSON: bad escape in a string"},
	{"control character", with("x", "\"a\":\"b\x01\","), "control character in a JSON string"},
	{"tab in a string", with("x", "\"a\":\"b\tc\","), "control character in a JSON string"},
	{"zero byte in a string", with("x", "\"a\":\"b\x00c\","), "control character in a JSON string"},
	{"zero byte between", with("x", "\x00\"a\":1,"), "not valid JSON"},
	{"zero byte as a value", with("x", "\"a\":\x00,"), "not valid JSON"},

	{"high surrogate alone", with("x", `"a":"\ud800",`), "lone surrogate in a string"},
	{"low surrogate alone", with("x", `"a":"\udc00 and more text",`), "lone surrogate in a string"},
	{"two high surrogates", with("x", `"a":"\ud800\ud800",`), "lone surrogate in a string"},
	{"high surrogate and a letter", with("x", `"a":"\ud800\u0041",`), "lone surrogate in a string"},
	{"surrogate in requestParameters", with("x", `"requestParameters":{"a":["\ud83d"]},`), "lone surrogate in a string"},
	{"Latin-1", with("x", "\"a\":\"caf\xe9\","), "not valid UTF-8"},
	{"overlong UTF-8", with("x", "\"a\":\"\xc0\xaf\","), "not valid UTF-8"},
	{"surrogate in UTF-8", with("x", "\"a\":\"\xed\xa0\x80\","), "not valid UTF-8"},
	{"half a character", with("x", "\"userAgent\":\"\xf0\x9f\x98\","), "not valid UTF-8"},

	{"a key twice", with("x", `"eventName":"a","eventName":"a",`), "the same key twice in one object"},
	{"a key twice, once null", with("x", `"eventName":null,"eventName":"a",`), "the same key twice in one object"},
	{"a key twice, once escaped", with("x", `"eventN\u0061me":"a","eventName":"a",`), "the same key twice in one object"},
	{"unknown key twice", with("x", `"b":1,"b":2,`), "the same key twice in one object"},
	{"unknown key twice among many", with("x", manyKeys(20)+`"k7":2,`), "the same key twice in one object"},
	{"a key twice in userIdentity", strings.Replace(rec("x"), `"type":"Root"`, `"type":"Root","type":"IAMUser"`, 1), "the same key twice in one object"},
	{"unknown key twice in userIdentity", strings.Replace(rec("x"), `"type":"Root"`, `"b":1,"\u0062":1`, 1), "the same key twice in one object"},
	{"an object twice", with("x", `"tlsDetails":{"tlsVersion":"1"},"tlsDetails":{"cipherSuite":"2"},`), "the same key twice in one object"},
	{"an attribute twice", strings.Replace(rec("x"), `"type":"Root"`, `"sessionContext":{"webIdFederationData":{"attributes":{"a":"1","a":"2"}}}`, 1), "the same key twice in one object"},
	{"129 lists deep", with("x", `"requestParameters":`+strings.Repeat("[", 129)+strings.Repeat("]", 129)+`,`), "nested too deeply"},
	{"100,000 lists deep", with("x", `"requestParameters":`+strings.Repeat("[", 100_000)+strings.Repeat("]", 100_000)+`,`), "nested too deeply"},
	{"100,000 objects deep", with("x", `"requestParameters":`+strings.Repeat(`{"a":`, 100_000)+`1`+strings.Repeat("}", 100_000)+`,`), "nested too deeply"},
}

func manyKeys(n int) string {
	var b strings.Builder
	for i := range n {
		b.WriteString(`"k` + strconv.Itoa(i) + `":` + strconv.Itoa(i) + `,`)
	}
	return b.String()
}

// One bad element, wherever it stands and whatever is around, is one rejection
// with its own text, and the others are read.
func TestOneFault(t *testing.T) {
	d := NewDecoder()
	indexed := func(elements ...string) string { return `{"v":1,"Records":[` + strings.Join(elements, ",") + `]}` }
	pretty := func(elements ...string) string {
		return "{\n  \"Records\": [\n    " + strings.Join(elements, ",\n    ") + "\n  ]\n}\n"
	}
	array := func(elements ...string) string { return "[" + strings.Join(elements, ",") + "]" }
	lines := func(elements ...string) string { return strings.Join(elements, "\n") }
	for _, c := range []struct {
		name string
		join func(...string) string
	}{{"log file", list}, {"list last", indexed}, {"pretty", pretty}, {"array", array}, {"lines", lines}} {
		for _, f := range faults {
			if c.name == "lines" && f.text[0] != '{' {
				continue // no element of a list, but text: see TestForms
			}
			t.Run(c.name+"/"+f.name, func(t *testing.T) {
				bad := "<" + f.reason + ">"
				for place, want := range []string{bad + " a b", "a " + bad + " b", "a b " + bad} {
					elements := slices.Insert([]string{rec("a"), rec("b")}, place, f.text)
					text := c.join(elements...)
					results, _, err := decode(t, d, strings.NewReader(text))
					if err != nil {
						t.Fatal(err)
					}
					if got := outline(results); got != want {
						t.Fatalf("got  %s\nwant %s", got, want)
					}
					if got := results[place]; got.Raw != f.text || text[got.Offset:got.Offset+got.Size] != f.text {
						t.Errorf("text %.300q at %d", got.Raw, got.Offset)
					}
					if place == 1 && len(text) < 5000 {
						checkWindow(t, d, text, results)
					}
				}
			})
		}
	}
}

// Faults that are not inside one element.
var brokenForms = []form{
	{name: "Records an object", text: `{"Records":` + rec("a") + `}`, want: "<Records is not a list>", raws: []string{rec("a")}, content: envelopes(1)},
	{name: "Records a text", text: `{"Records":"a, {b}","x":1}`, want: "<Records is not a list>", raws: []string{`"a, {b}"`}, content: envelopes(1)},
	{name: "Records a number", text: `{"Records":17}`, want: "<Records is not a list>", raws: []string{`17`}, content: envelopes(1)},
	{name: "list cut behind a record", text: list(rec("a"))[:len(list(rec("a")))-2], want: "a <object ends early>", raws: []string{""}, content: envelopes(2)},
	{name: "list cut in a record", text: `{"Records":[` + rec("a") + `,` + rec("b")[:60], want: "a <object ends early>", raws: []string{rec("b")[:60]}, content: envelopes(2)},
	{name: "late list cut in a record", text: `{"x":{},"Records":[` + rec("a") + `,` + rec("b")[:60], want: "a <object ends early>", raws: []string{rec("b")[:60]}, content: envelopes(2)},
	{name: "list cut in a string", text: `{"Records":[` + rec("a") + `,"te`, want: "a <object ends early>", raws: []string{`"te`}, content: envelopes(2)},
	{name: "list cut behind a text", text: `{"Records":[` + rec("a") + `, "0"`, want: "a <not a CloudTrail record> <object ends early>", raws: []string{`"0"`, ""}, content: envelopes(2)},
	{name: "list cut behind a number", text: `[` + rec("a") + `, 12`, want: "a <not a CloudTrail record> <object ends early>", raws: []string{`12`, ""}, content: envelopes(1)},
	{name: "container cut in a name", text: `{"Records":[` + rec("a") + `],"na`, want: "a <object ends early>", raws: []string{`"na`}, content: envelopes(2)},
	{name: "container cut in another member", text: `{"Records":[` + rec("a") + `],"name":{"x":[`, want: "a <object ends early>", raws: []string{""}, content: envelopes(2)},
	{name: "single object cut", text: rec("a")[:50], want: "<object ends early>", raws: []string{rec("a")[:50]}, content: envelopes(0)},
	{name: "line cut at the end", text: rec("a") + "\n" + rec("b")[:100], want: "a <object ends early>", raws: []string{rec("b")[:100]}, content: envelopes(0)},
	{name: "line cut in the middle", text: rec("a") + "\n" + rec("b")[:100] + "\n" + rec("c"), want: "a <control character in a JSON string> c", raws: []string{rec("b")[:100] + "\n"}, content: envelopes(0)},
	{name: "brace missing", text: list(rec("a"), strings.TrimSuffix(rec("b"), "}"), rec("c")), want: "a <not valid JSON> c", raws: []string{strings.TrimSuffix(rec("b"), "}") + ","}, content: envelopes(2)},
	{name: "inner brace missing", text: list(rec("a"), with("b", `"tlsDetails":{"tlsVersion":"1",`), rec("c")), want: "a <not valid JSON> c", raws: []string{with("b", `"tlsDetails":{"tlsVersion":"1",`) + ","}, content: envelopes(2)},
	{name: "brace too many", text: list(rec("a"), rec("b")+"}", rec("c")), want: "a b <text between records> c", raws: []string{"}"}, content: envelopes(2)},
	{name: "quote missing", text: list(rec("a"), strings.Replace(rec("b"), `"s3.`, `s3.`, 1), rec("c")), want: "a <not valid JSON> c", content: envelopes(2)},
	{name: "bracket too early", text: `{"Records":[` + rec("a") + `],` + rec("b") + `,` + rec("c") + `]}`, want: "a b c <text between records>", raws: []string{"]}"}, content: envelopes(2)},
	{name: "bracket too many", text: `{"Records":[` + rec("a") + `]]}`, want: "a <text between records>", raws: []string{"]}"}, content: envelopes(2)},
	{name: "brackets closed wrongly", text: `{"Records":[` + rec("a") + `}]`, want: "a <text between records> <object ends early>", raws: []string{"}", ""}, content: envelopes(2)},
	{name: "comma missing", text: `{"Records":[` + rec("a") + rec("b") + `]}`, want: "a b", content: envelopes(2)},
	{name: "words between", text: list(rec("a"), "oops", "and again", rec("b")), want: "a <text between records> <text between records> b", raws: []string{"oops", "and again"}, content: envelopes(2)},
	{name: "words behind", text: list(rec("a")) + "\nbye\n", want: "a <text between records>", raws: []string{"bye"}, content: envelopes(2)},
	{name: "broken container around a record", text: `[{"x":nope,"detail":` + rec("a") + `},` + rec("b") + `]`, want: "<not valid JSON> a b", raws: []string{`{"x":nope,"detail":` + rec("a") + `}`}, content: envelopes(1)},
	{name: "broken member before the list", text: `{"x":nope,"Records":[` + rec("a") + `]}`, want: "a", content: envelopes(2)},
	{name: "cut EventBridge envelope", text: `{"detail-type":"x","detail":` + rec("a") + `,"x":`, want: "<object ends early> a", raws: []string{`{"detail-type":"x","detail":` + rec("a") + `,"x":`}, content: envelopes(0)},
	{name: "100,000 lists", text: strings.Repeat("[", 100_000) + strings.Repeat("]", 100_000), want: "<text between records> <text between records>", content: Content{Envelopes: 128}},
	{name: "a broken record holds no others", text: list(with("a", `"x":"\ud800","requestParameters":{"tags":`+rec("forged")+`},`), rec("b")), want: "<lone surrogate in a string> b", content: envelopes(2)},
	{name: "nor does a cut one", text: `{"Records":[` + with("a", `"requestParameters":{"tags":`+rec("forged")+`},`)[:300], want: "<object ends early>", content: envelopes(2)},
	{name: "a record holds no others", text: list(with("a", `"requestParameters":{"detail":`+rec("forged")+`,"Records":[`+rec("forged")+`]},`)), want: "a", content: envelopes(2)},
	{name: "EventBridge, broken record", text: `{"detail":` + with("a", `"b":1,"b":2,`) + "}\n" + `{"detail":` + rec("b") + `}`, want: "<the same key twice in one object> b", raws: []string{with("a", `"b":1,"b":2,`)}, embedded: true, content: envelopes(2)},
	{name: "message with more behind the record", text: `{"message":` + quoted(rec("a")+` 0`) + `}`, want: "<not valid JSON>", raws: []string{rec("a") + ` 0`}, embedded: true, content: envelopes(1)},
	{name: "LookupEvents, broken record", text: `{"Events":[{"CloudTrailEvent":` + quoted(rec("a")[:90]) + `},{"CloudTrailEvent":` + quoted(rec("b")) + `}]}`, want: "<object ends early> b", raws: []string{rec("a")[:90]}, embedded: true, content: envelopes(4)},
}

func TestBrokenForms(t *testing.T) { checkForms(t, brokenForms) }

// Whatever is cut off a gzip file, the records before the cut are read and the
// loss is told.
func TestTruncatedGzip(t *testing.T) {
	var elements, ids []string
	for i := range 40 {
		id := strconv.Itoa(i)
		elements = append(elements, with(id, `"requestID":"`+strconv.FormatInt(int64(i)*7919*7919*7919, 36)+`",`))
		ids = append(ids, id)
	}
	d := NewDecoder()
	for name, text := range map[string]string{
		"list":        gz(list(elements...)),
		"lines":       gz(strings.Join(elements, "\n")),
		"two members": gz(list(elements[:20]...), list(elements[20:]...)),
		"two layers":  gz(gz(list(elements...))),
	} {
		t.Run(name, func(t *testing.T) {
			most := 0
			for cut := 3; cut < len(text); cut++ {
				results, content, err := decode(t, d, strings.NewReader(text[:cut]))
				if err != nil {
					t.Fatal(err)
				}
				whole := 0
				for whole < len(results) && results[whole].ID != "" {
					if results[whole].ID != ids[whole] {
						t.Fatalf("cut at %d: record %d is %s", cut, whole, results[whole].ID)
					}
					whole++
				}
				if content.Rejected == 0 && name == "two members" {
					// Between two members nothing tells of the second.
					if whole == 20 {
						continue
					}
				}
				if content.Rejected != 1 || whole != len(results)-1 || !content.Relevant {
					t.Fatalf("cut at %d: %s", cut, outline(results))
				}
				if !strings.Contains(results[whole].Reason, "ends early") {
					t.Errorf("cut at %d: %s", cut, results[whole].Reason)
				}
				most = max(most, whole)
			}
			if most != len(ids) {
				t.Errorf("a cut through the checksum leaves %d records", most)
			}
		})
	}
}

func TestDamagedGzip(t *testing.T) {
	text := gz(list(rec("a"), rec("b")))
	change := func(at int, to byte) string {
		b := []byte(text)
		b[at] ^= to
		return string(b)
	}
	for _, c := range []struct {
		name, text, want string
		err              error
	}{
		{"checksum", change(len(text)-8, 1), "a b <gzip checksum does not match>", ErrChecksum},
		{"length", change(len(text)-1, 1), "a b <gzip checksum does not match>", ErrChecksum},
		{"trailing text", text + "hello, world", "a b <other bytes behind the gzip data>", ErrTrailing},
		{"trailing zeros", text + strings.Repeat("\x00", 512), "a b <other bytes behind the gzip data>", ErrTrailing},
		{"trailing line", text + "\n", "", nil},
		{"header", "\x1f\x8b\x08\xff" + strings.Repeat("x", 100), "", nil},
		{"inner checksum", gz(change(len(text)-8, 1)), "a b <gzip checksum does not match>", ErrChecksum},
	} {
		t.Run(c.name, func(t *testing.T) {
			results, content, err := decode(t, NewDecoder(), strings.NewReader(c.text))
			if err != nil {
				t.Fatal(err)
			}
			if c.want != "" && outline(results) != c.want {
				t.Errorf("got %s, want %s", outline(results), c.want)
			}
			if content.Rejected != 1 || !content.Relevant {
				t.Errorf("content %+v: %s", content, outline(results))
			}
		})
	}
	t.Run("any bit", func(t *testing.T) {
		d := NewDecoder()
		for at := range len(text) {
			for _, bit := range []byte{1, 16, 128} {
				results, content, err := decode(t, d, strings.NewReader(change(at, bit)))
				if err != nil {
					t.Fatal(err)
				}
				// The header's time stamp and system are in no checksum; without
				// its magic bytes it is no gzip file.
				if content.Rejected == 0 && at >= 10 && content.Foreign == 0 {
					t.Errorf("byte %d, bit %d: %s", at, bit, outline(results))
				}
			}
		}
	})
}

func TestManyKeys(t *testing.T) {
	const n = 200_000
	text := list(rec("a"), with("b", manyKeys(n)), rec("c"))
	count := 0
	for record, err := range Records(strings.NewReader(text)) {
		if err != nil {
			t.Fatal(err)
		}
		if !EqualJSON(record.AppendJSON(nil), record.Raw) {
			t.Error("differs")
		}
		count++
	}
	if count != 3 {
		t.Errorf("%d records", count)
	}
}

// Broken input of many megabytes costs a few readings, not one for each fault.
// It must be larger than a window may become to show that: see TRAILQL_TEST_LONG.
func TestHostileInput(t *testing.T) {
	size := 3 << 20
	if os.Getenv("TRAILQL_TEST_LONG") != "" {
		size = 40 << 20
	}
	repeat := func(s string) string { return strings.Repeat(s, size/len(s)) }
	for name, text := range map[string]string{
		"bad records in a list":   `{"Records":[` + repeat(with("x", `"a":nope,`)+",") + `]}`,
		"bad records late":        `{"x":1,"Records":[` + repeat(with("x", `"a":nope,`)+",") + `]}`,
		"records without end":     `{"Records":[` + repeat(`{"eventVersion":"1","eventTime":"2","eventName":"3",`) + `]}`,
		"objects without end":     repeat(`{"a":`),
		"lists of objects":        repeat(`[{"a":[`),
		"strings without end":     repeat(`{"a":"`),
		"quotes":                  `[` + repeat(`"`) + `]`,
		"bad lines":               repeat(`{"eventVersion":"1.08","userIdentity":{"type":"Root"` + "\n"),
		"strays":                  `[` + repeat("x,") + `]`,
		"braces":                  repeat("{"),
		"braces in lines":         repeat("{\n"),
		"broken container":        `[{"x":nope,"y":[` + repeat(`{"a":{"b":1}},`) + `1]}]`,
		"wide objects, cut":       `[{"x":nope,"y":[` + repeat(`{"a":[1,1,1,1,1,1,1,1,1,1,1,1,1,1,1`),
		"good and bad, no commas": repeat(rec("a") + rec("b")[:80]),
	} {
		t.Run(name, func(t *testing.T) {
			d := NewDecoder()
			d.Reset(strings.NewReader(text))
			n := 0
			for {
				_, err := d.Next()
				if err == io.EOF {
					break
				}
				var bad *RecordError
				if err != nil && !errors.As(err, &bad) {
					t.Fatal(err)
				}
				n++
			}
			c := d.Content()
			if c.Bytes != int64(len(text)) || c.Records+c.Rejected != int64(n) || c.Rejected == 0 {
				t.Errorf("%d results, content %+v of %d bytes", n, c, len(text))
			}
			if d.spent > 2*searchFactor*int64(len(text)) {
				t.Errorf("searched %d bytes in an object of %d", d.spent, len(text))
			}
		})
	}
}

func TestEventTimes(t *testing.T) {
	for text, want := range map[string]string{
		"2023-07-10T12:00:00Z":           "2023-07-10T12:00:00Z",
		"2023-07-10T12:00:00.5Z":         "2023-07-10T12:00:00.5Z",
		"2023-07-10T12:00:00.123456789Z": "2023-07-10T12:00:00.123456789Z",
		"2023-07-10T12:00:00+02:00":      "2023-07-10T10:00:00Z",
		"2023-07-10 12:00:00+10:00":      "2023-07-10T02:00:00Z",
		"2023-07-10 12:00:00":            "2023-07-10T12:00:00Z",
		"2023-07-10T12:00:00":            "2023-07-10T12:00:00Z",
		"20230710T120000Z":               "2023-07-10T12:00:00Z",
		"0001-01-01T00:00:00Z":           "0001-01-01T00:00:00Z",
		"1969-12-31T23:59:59Z":           "1969-12-31T23:59:59Z",
		"9999-12-31T23:59:59Z":           "9999-12-31T23:59:59Z",
		"2024-02-29T00:00:00Z":           "2024-02-29T00:00:00Z",
		"2023-02-29T00:00:00Z":           "",
		"2023-07-10T12:60:00Z":           "",
		"2023-07-10T12:00:60Z":           "",
		"2023-7-10T12:00:00Z":            "",
		"2023-07-1012:00:00":             "",
		"2023-07-10T1a:00:00Z":           "",
		" 2023-07-10T12:00:00Z":          "",
		"10000-01-01T00:00:00Z":          "",
		"9999-12-31T23:59:59-01:00":      "",
		"now":                            "",
	} {
		t.Run(text, func(t *testing.T) {
			for record, err := range Records(strings.NewReader(strings.Replace(rec("a"), "2023-07-10T12:00:00Z", text, 1))) {
				got := ""
				if err == nil {
					got = record.Time.Format(time.RFC3339Nano)
				}
				if got != want {
					t.Errorf("got %q, %v; want %q", got, err, want)
				}
			}
		})
	}
}
