package repl

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestIdentify(t *testing.T) {
	tests := []struct{ text, kind string }{
		{"203.0.113.7", "address"},
		{"2001:db8::1", "address"},
		{"035.249.253.232", "address"},
		{"111122223333", "account"},
		{"AKIAIOSFODNN7EXAMPLE", "access key"},
		{"ASIAIOSFODNN7EXAMPLE", "temporary access key"},
		{"AIDACKCEVSQ6C2EXAMPLE", "principal ID"},
		{"AROACKCEVSQ6C2EXAMPLE:session", "principal ID of a session"},
		{"arn:aws:iam::111122223333:role/path/Admin", "role"},
		{"arn:aws-us-gov:sts::111122223333:assumed-role/Admin/x", "principal"},
		{"arn:aws:iam::111122223333:user/eve", "principal"},
		{"ROOT", "root users"},
		{"ec2.amazonaws.com", "service"},
		{"AWS Internal", "service"},
		{"eve@example.com", "name"},
		{"1234", "name"},
	}
	for _, tt := range tests {
		who := identify(tt.text)
		if who.kind != tt.kind {
			t.Errorf("%s is %q, want %q", tt.text, who.kind, tt.kind)
		}
		if strings.Contains(who.where, tt.text) {
			t.Errorf("%s is in the SQL", tt.text)
		}
		if want := strings.Contains(who.where, "$1"); want != (len(who.params) == 1) {
			t.Errorf("%s: %d parameters for %s", tt.text, len(who.params), who.where)
		}
	}
}

func TestGaps(t *testing.T) {
	c := newCoverage()
	for _, d := range []string{"2026-01-01", "2026-01-02", "2026-01-04", "2026-01-08", "2026-01-20"} {
		c.add("1", "eu-west-1", d, 10)
	}
	c.add("1", "us-east-1", "2026-01-31", 1)
	c.add("1", "us-east-1", "no day", 5)
	want := map[string]string{
		"(all)":     "2026-01-09…2026-01-19 (11), 2026-01-21…2026-01-30 (10), 2026-01-05…2026-01-07 (3), and 1 more",
		"eu-west-1": "2026-01-09…2026-01-19 (11), since 2026-01-21, 2026-01-05…2026-01-07 (3), and 1 more",
		"us-east-1": "",
	}
	var order []string
	for _, st := range c.inOrder() {
		order = append(order, st.region)
		if got := gapsText(st.gaps(c.last), c.last, "…"); got != want[st.region] {
			t.Errorf("%s: got %q, want %q", st.region, got, want[st.region])
		}
	}
	if diff := cmp.Diff([]string{"(all)", "eu-west-1", "us-east-1"}, order); diff != "" {
		t.Error(diff)
	}
	if c.undated != 5 || c.first.text() != "2026-01-01" || c.last.text() != "2026-01-31" {
		t.Errorf("%d without a day, %s to %s", c.undated, c.first.text(), c.last.text())
	}
}

func TestHeat(t *testing.T) {
	st := &stream{byDay: map[day]int64{0: 1, 1: 1000, 3: 30, 9: 1_000_000}}
	tests := []struct {
		name  string
		ascii bool
		width int
		want  string
	}{
		{"a sign for a day", false, 10, "▁▅·▃·····█"},
		{"a sign for two", false, 5, "▅▃··█"},
		{"nothing but ASCII", true, 10, "-*.=.....@"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := &Session{screen: Screen{ASCII: tt.ascii}}
			got := s.heat(st, 0, 9, tt.width)
			if got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestRowsWithout(t *testing.T) {
	rows := func(values ...string) *remembered {
		r := &remembered{}
		for _, v := range values {
			if v == "NULL" {
				r.Rows = append(r.Rows, []*string{nil})
			} else {
				r.Rows = append(r.Rows, []*string{&v})
			}
		}
		return r
	}
	got := rows("a", "a", "b", "", "NULL").without(rows("b", "a", "NULL", "c"))
	if diff := cmp.Diff(rows("a", "").Rows, got); diff != "" {
		t.Error(diff)
	}
}

func TestPercent(t *testing.T) {
	for _, tt := range []struct {
		n, of int64
		want  string
	}{{0, 10, "0 %"}, {1, 1000, "<1 %"}, {999, 1000, "99 %"}, {1000, 1000, "100 %"}, {1, 3, "33 %"}} {
		if got := percent(tt.n, tt.of); got != tt.want {
			t.Errorf("percent(%d, %d) = %q, want %q", tt.n, tt.of, got, tt.want)
		}
	}
}
