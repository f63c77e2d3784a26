package main

import (
	"bytes"
	"strings"
	"testing"

	"github.com/trailql/trailql/report"
)

// TestDiffIsSafeOnATerminal: texts of logs are written by strangers.
func TestDiffIsSafeOnATerminal(t *testing.T) {
	hostile := "\x1b]52;c;aGk=\x07\u202e\tx\ny"
	var out bytes.Buffer
	a := &app{stdout: &out, stderr: &out}
	finding := report.BaselineFinding{Pack: "p", Control: "c", ID: "i", Rule: "R", Account: hostile, Actor: hostile, Resource: hostile, Event: hostile}
	if err := printDiff(a, []report.ControlDifference{{Pack: "p", Control: "c", Title: hostile, New: []report.BaselineFinding{finding}}}); err != nil {
		t.Fatal(err)
	}
	if strings.ContainsAny(out.String(), "\x1b\x07\t\u202e") || strings.Count(out.String(), "\n") != 5 {
		t.Errorf("%q", out.String())
	}
}

// TestDiffOfMissingControl: what nobody looked for has no number.
func TestDiffOfMissingControl(t *testing.T) {
	var out bytes.Buffer
	a := &app{stdout: &out, stderr: &out}
	if err := printDiff(a, []report.ControlDifference{{Pack: "p", Control: "c", Before: report.Fail, CountBefore: 5}}); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(out.String(), "5 → -") {
		t.Errorf("%q", out.String())
	}
}

func TestCutMiddle(t *testing.T) {
	long := "arn:aws:iam::111111111111:user/" + strings.Repeat("é\x1b", 500) + "/end"
	got := cutMiddle(long)
	if n := len([]rune(got)); n > 100 || !strings.HasPrefix(got, "arn:aws:iam::111111111111:user/é␛") || !strings.HasSuffix(got, "/end") || !strings.Contains(got, "…") {
		t.Errorf("%d characters: %q", n, got)
	}
	if got := cutMiddle("arn:aws:iam::111111111111:user/ann"); got != "arn:aws:iam::111111111111:user/ann" {
		t.Errorf("%q", got)
	}
}
