package duck

import "testing"

func TestMergeRecord(t *testing.T) {
	for _, tt := range []struct{ name, columns, unmodeled, want string }{
		{"new member", `{"a":1}`, `{"b":[true]}`, `{"a":1,"b":[true]}`},
		{"explicit null", `{"a":1}`, `{"b":null,"somethingNew":{}}`, `{"a":1,"b":null,"somethingNew":{}}`},
		{"another type", `{"a":"1","b":2}`, `{"a":1}`, `{"a":1,"b":2}`},
		{"nested", `{"a":{"x":"1","y":2},"b":3}`, `{"a":{"x":null,"z":{}}}`, `{"a":{"x":null,"y":2,"z":{}},"b":3}`},
		{"object in place of another type", `{"a":"text"}`, `{"a":{"x":1}}`, `{"a":{"x":1}}`},
		{"literals", `{"a":1.50,"b":12345678901234567890123}`, `{"c":1e2}`, `{"a":1.50,"b":12345678901234567890123,"c":1e2}`},
		{"escapes", `{"a":"\u001b[2J"}`, `{"\u0000":"<&>"}`, `{"a":"\u001b[2J","\u0000":"<&>"}`},
		{"nothing", `{}`, `{}`, `{}`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := mergeRecord([]byte(tt.columns), []byte(tt.unmodeled))
			if err != nil || string(got) != tt.want {
				t.Errorf("got %s, %v\nwant %s", got, err, tt.want)
			}
		})
	}
	for _, broken := range []string{"", "[]", `{"a"`, `{"a":}`, "null"} {
		if got, err := mergeRecord([]byte(`{}`), []byte(broken)); err == nil {
			t.Errorf("%q: got %s, want an error", broken, got)
		}
	}
}
