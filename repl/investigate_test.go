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
		{"10.8.8.10/32", "network"},
		{"2001:db8::/32", "network"},
		{"10.8.8.10/33", "network"},
		{"Admin/10.8.8.10", "name"},
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

func TestDistinctMeasure(t *testing.T) {
	for values, want := range map[int64]string{1: "distinct", maxExact: "distinct", maxExact + 1: "approx_distinct"} {
		heading, sql := distinctMeasure(values)
		if exact := strings.Contains(sql, "count(DISTINCT "); heading != want || exact != (want == "distinct") {
			t.Errorf("%d values: %s is %s", values, heading, sql)
		}
	}
}

func TestNetwork(t *testing.T) {
	tests := []struct{ text, want string }{
		{"10.8.8.10/32", "10.8.8.10/32"},
		{"10.8.8.10/16", "10.8.0.0/16"},
		{"2001:db8::1/32", "2001:db8::/32"},
		{"10.8.8.10/33", ""},
		{"10.8.8.10/", ""},
		{"10.8.8.10/x", ""},
		{"035.249.253.232/8", ""},
		{"2001:db8::/129", ""},
	}
	for _, tt := range tests {
		got, err := network(tt.text)
		if got != tt.want || (err != nil) != (tt.want == "") {
			t.Errorf("%s is %q, %v; want %q", tt.text, got, err, tt.want)
		}
	}
}

func TestToldApart(t *testing.T) {
	long := strings.Repeat("x", 30)
	tests := []struct {
		name        string
		texts, want []string
	}{
		{"short", []string{"a", "b"}, []string{"a", "b"}},
		{"the ends differ", []string{long + "/1.0", long + "/2.0"}, []string{"xxxxxxxxxx…xxxxx/1.0", "xxxxxxxxxx…xxxxx/2.0"}},
		{"the middles differ", []string{long + "1" + long, long + "2" + long, "c"}, []string{long + "1" + long, long + "2" + long, "c"}},
		{"wide signs", []string{strings.Repeat("界", 20)}, []string{"界界界界界…界界界界"}},
		{"hostile", []string{"\x1b[2J"}, []string{"␛[2J"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var screen recorder
			s := newTestSession(t, testOptions(t, &fakeEngine{}, &screen))
			if diff := cmp.Diff(tt.want, s.toldApart(tt.texts, 20)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestPercent(t *testing.T) {
	tests := []struct {
		n, of int64
		want  string
	}{
		{0, 7, "0 %"}, {7, 7, "100 %"},
		{1, 1000, "<1 %"}, {999, 100_000, "<1 %"}, {1, 100, "1 %"}, {999, 1000, ">99 %"}, {99, 100, "99 %"},
		{2, 3, "67 %"}, {1, 3, "33 %"}, {1, 8, "13 %"}, {186, 1000, "19 %"}, {149, 10_000, "1 %"}, {15, 1000, "2 %"}, {9899, 10_000, "99 %"},
		{1 << 40, 1<<40 + 1, ">99 %"},
	}
	for _, tt := range tests {
		if got := percent(tt.n, tt.of); got != tt.want {
			t.Errorf("%d of %d: got %s, want %s", tt.n, tt.of, got, tt.want)
		}
	}
}
