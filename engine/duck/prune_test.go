package duck

import (
	"testing"
	"time"

	"github.com/trailql/trailql/catalog"
)

func between(low, high string) []textRange {
	return []textRange{{low: &operand{text: low}, high: &operand{text: high}}}
}

func from(low string) []textRange { return []textRange{{low: &operand{text: low}}} }
func upTo(high string) []textRange {
	return []textRange{{high: &operand{text: high}}}
}

func TestMayNeed(t *testing.T) {
	july10 := partition{region: "us-east-1", date: "2023-07-10"}
	tests := []struct {
		name   string
		filter []condition
		p      partition
		want   bool
	}{
		{"no condition", nil, july10, true},
		{"another column", []condition{{"eventname", between("x", "x")}}, july10, true},
		{"the region", []condition{{"region", between("us-east-1", "us-east-1")}}, july10, true},
		{"another region", []condition{{"region", between("eu-west-1", "eu-west-1")}}, july10, false},
		{"one of two regions", []condition{{"region", append(between("a", "a"), between("us-east-1", "us-east-1")...)}}, july10, true},
		{"one of two conditions fails", []condition{{"region", between("us-east-1", "us-east-1")}, {"date", upTo("2023-07-09")}}, july10, false},
		{"unknown partition", []condition{{"region", between("a", "a")}, {"date", between("a", "a")}}, partition{}, true},
		{"date compared as a date", []condition{{"date", []textRange{{low: &operand{"2024-1-1", true}}}}}, july10, true},
		{"event time on the day", []condition{{"eventtime", between("2023-07-10T11:00:00Z", "2023-07-10T12:00:00Z")}}, july10, true},
		{"event time a day off, perhaps in another zone", []condition{{"eventtime", from("2023-07-11T11:00:00+13:00")}}, july10, true},
		{"event time two days later", []condition{{"eventtime", from("2023-07-12")}}, july10, false},
		{"event time two days before", []condition{{"eventtime", upTo("2023-07-08T23:59:59Z")}}, july10, false},
		{"event time of records without a time", []condition{{"eventtime", from("2024")}}, partition{"us-east-1", "unknown"}, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			u := use{filters: [][]condition{tt.filter}}
			if got := u.mayNeed(tt.p); got != tt.want {
				t.Errorf("got %t, want %t", got, tt.want)
			}
		})
	}
}

func TestWindow(t *testing.T) {
	at := func(s string) time.Time {
		v, err := time.Parse(time.RFC3339Nano, s)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	on := func(r []textRange) condition { return condition{"eventtimestamp", r} }
	tests := []struct {
		name    string
		filters [][]condition
		want    catalog.Predicate
	}{
		{"no place", nil, catalog.Predicate{}},
		{"open", [][]condition{{}}, catalog.Predicate{}},
		{"both ends", [][]condition{{on(from("2023-07-10")), on(upTo("2023-07-11 12:00:00"))}}, catalog.Predicate{From: at("2023-07-10T00:00:00Z"), To: at("2023-07-11T12:00:00.000001Z")}},
		{"the narrowest", [][]condition{{on(from("2023-07-10")), on(from("2023-07-12T00:00:00Z"))}}, catalog.Predicate{From: at("2023-07-12T00:00:00Z")}},
		{"zone", [][]condition{{on(from("2023-07-10T00:00:00+02:00"))}}, catalog.Predicate{From: at("2023-07-09T22:00:00Z")}},
		{"two places", [][]condition{{on(between("2023-07-10", "2023-07-11"))}, {on(between("2023-07-01", "2023-07-02"))}}, catalog.Predicate{From: at("2023-07-01T00:00:00Z"), To: at("2023-07-11T00:00:00.000001Z")}},
		{"two places, one open", [][]condition{{on(between("2023-07-10", "2023-07-11"))}, {}}, catalog.Predicate{}},
		{"two places, the first open", [][]condition{{}, {on(between("2023-07-10", "2023-07-11"))}}, catalog.Predicate{}},
		{"two places, one end open", [][]condition{{on(from("2023-07-10"))}, {on(between("2023-07-12", "2023-07-13"))}}, catalog.Predicate{From: at("2023-07-10T00:00:00Z")}},
		{"not a time", [][]condition{{on(from("yesterday"))}}, catalog.Predicate{}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			u := use{filters: tt.filters}
			got := u.window()
			if !got.From.Equal(tt.want.From) || !got.To.Equal(tt.want.To) {
				t.Errorf("got [%s, %s), want [%s, %s)", got.From, got.To, tt.want.From, tt.want.To)
			}
		})
	}
}
