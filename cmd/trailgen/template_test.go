package main

import (
	"strings"
	"testing"
)

func TestTemplateWordsAreSettledOnceARecord(t *testing.T) {
	n := byte('0')
	next := func(_ *call, dst []byte) []byte { n++; return append(dst, n) }
	words := vocabulary{"same": {0, next}, "new": {-1, next}}
	parsed, err := parseTemplate(`{"a":"<same>-<new>","b":"<same>-<new>"}`, words)
	if err != nil {
		t.Fatalf("parse: %v", err)
	}
	var c call
	for _, want := range []string{`{"a":"1-2","b":"1-3"}`, `{"a":"4-5","b":"4-6"}`} {
		c.memory.forget()
		if got := string(parsed.write(&c, nil)); got != want {
			t.Errorf("have %s, want %s", got, want)
		}
	}
}

func TestTemplateWithUnknownWord(t *testing.T) {
	for _, text := range []string{`"<nobody>"`, `"<open`} {
		if _, err := parseTemplate(text, vocabulary{}); err == nil || !strings.Contains(err.Error(), "unknown word") {
			t.Errorf("parse %s: %v", text, err)
		}
	}
}
