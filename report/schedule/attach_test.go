package schedule

import (
	"path/filepath"
	"reflect"
	"testing"

	"github.com/trailql/trailql/report/delivery"
)

// TestAttachIsKept: no attachment is not the same as nothing said about them.
func TestAttachIsKept(t *testing.T) {
	for _, test := range []struct {
		name, attach string
		want         delivery.Files
	}{
		{"nothing said", "", nil},
		{"null", ", attach: null", nil},
		{"none", ", attach: []", delivery.Files{}},
		{"two", ", attach: [report.md, evidence.csv]", delivery.Files{"report.md", "evidence.csv"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			target, err := ParseTarget("{smtp: {host: mail.example.com, from: a@example.com, to: [b@example.com]"+test.attach+"}}", "/")
			if err != nil {
				t.Fatal(err)
			}
			file := filepath.Join(t.TempDir(), "schedules.yaml")
			s := example("a")
			s.Deliver = []delivery.Target{target}
			if err := Add(t.Context(), file, s); err != nil {
				t.Fatal(err)
			}
			schedules, err := Load(file)
			if err != nil {
				t.Fatal(err)
			}
			if got := schedules[0].Deliver[0].SMTP.Attach; !reflect.DeepEqual(got, test.want) {
				t.Errorf("got %#v", got)
			}
		})
	}
}
