package pack

import (
	"maps"
	"testing"
)

func TestDetails(t *testing.T) {
	for name, one := range map[string]struct {
		text string
		want map[string]string
	}{
		"none":                  {"", map[string]string{}},
		"columns left out":      {"\x1f,a=1\x1f,\x1f,b=2\x1f,", map[string]string{"a": "1", "b": "2"}},
		"signs of its own":      {"a=x=y, \"z\"\x1f,b=", map[string]string{"a": "x=y, \"z\"", "b": ""}},
		"the separator in text": {"a=x\x1f=,b=2\x1f=\x1f,c=3", map[string]string{"a": "x\x1f,b=2\x1f", "c": "3"}},
	} {
		t.Run(name, func(t *testing.T) {
			r := &eventReader{values: map[string]string{"before": "it"}}
			if err := r.details(one.text); err != nil || !maps.Equal(r.values, one.want) {
				t.Errorf("details(%q) = %q, %v; want %q", one.text, r.values, err, one.want)
			}
		})
	}
}
