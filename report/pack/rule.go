package pack

import (
	"fmt"
	"strings"
	"time"
)

// Severity of a finding, ordered: Info is the least.
type Severity int

const (
	Info Severity = iota
	Low
	Medium
	High
	Critical
)

var severityNames = []string{"info", "low", "medium", "high", "critical"}

func (s Severity) String() string { return severityNames[s] }

// ParseSeverity reads info, low, medium, high or critical.
func ParseSeverity(name string) (Severity, error) {
	for i, n := range severityNames {
		if n == name {
			return Severity(i), nil
		}
	}
	return 0, fmt.Errorf("%q is no severity: want %s", name, strings.Join(severityNames, ", "))
}

// Kind says what rows mean to an auditor.
type Kind int

const (
	// Evidence: a row proves that its class of event is logged.
	Evidence Kind = iota
	// Exception: a row needs a justification.
	Exception
	// Coverage is computed over the archive, not over events: nothing in this
	// package assesses it.
	Coverage
)

var kindNames = []string{"evidence", "exception", "coverage"}

func (k Kind) String() string { return kindNames[k] }

func parseKind(name string) (Kind, error) {
	for i, n := range kindNames {
		if n == name {
			return Kind(i), nil
		}
	}
	return 0, fmt.Errorf("%q is no kind: want %s", name, strings.Join(kindNames, ", "))
}

// Rule is a class of events. A rule has a condition on single events (Events and
// Where), or watches other rules (Bursts, FirstSeen), or is of kind Coverage.
type Rule struct {
	ID          Text     `yaml:"id"`
	Title       string   `yaml:"title"`
	Description string   `yaml:"description"`
	Severity    Severity `yaml:"severity"`
	Kind        Kind     `yaml:"kind"`
	// Attack are MITRE ATT&CK ids before version 19; Library.AttackIDs has both.
	Attack []Text `yaml:"attack"`
	// Events are what the condition is limited to; none means any event.
	Events []EventSet `yaml:"events"`
	Where  Text       `yaml:"where"`
	// Pattern is a filter pattern of CloudWatch Logs, in place of Where, which Load
	// makes of it.
	Pattern Text `yaml:"pattern"`
	// Columns are names of Library.Columns to show as evidence.
	Columns []Text  `yaml:"columns"`
	Raise   []Raise `yaml:"raise"`
	// Needs are parameters that must have a value, else the rule is not assessed.
	Needs []Text `yaml:"needs"`
	// Wants are parameters without which the rule cannot take all that it should: it is
	// looked for, but that it takes nothing says nothing.
	Wants []Text `yaml:"wants"`
	// Quiet rules are bases of Bursts and FirstSeen only: their events are counted,
	// not listed.
	Quiet     bool        `yaml:"quiet"`
	Bursts    []Burst     `yaml:"bursts"`
	FirstSeen []FirstSeen `yaml:"first_seen"`
}

// listed reports whether the rule's own events are rows.
func (r *Rule) listed() bool { return r.conditional() && !r.Quiet }

// conditional reports whether the rule has a condition on single events.
func (r *Rule) conditional() bool { return len(r.Events) > 0 || r.Where.Value != "" }

// EventSet names events by service and name. Without a Source any service does,
// without Names any event of it.
type EventSet struct {
	Source []Text `yaml:"source"` // as in iam, for iam.amazonaws.com
	Names  []Text `yaml:"names"`  // a * at the end stands for any rest
}

// Raise gives a rule a higher severity: to events that meet Where, or to bursts of
// its events.
type Raise struct {
	To    Severity `yaml:"to"`
	Where Text     `yaml:"where"`
	Burst *Burst   `yaml:"burst"`
}

// Burst is a sliding window: events of Of with the same By, within Within, reach
// AtLeast events, or distinct values of Distinct, or a sum of Sum.
type Burst struct {
	Of       Text     `yaml:"of"`
	By       []Text   `yaml:"by"` // evidence columns or columns of Of
	Within   Duration `yaml:"within"`
	AtLeast  Amount   `yaml:"at_least"`
	Distinct Text     `yaml:"distinct"`
	Sum      Text     `yaml:"sum"`
	Then     *Then    `yaml:"then"`
}

// Then raises a burst's severity when an event of Rule with the same By follows
// it.
type Then struct {
	Rule   Text     `yaml:"rule"`
	Within Duration `yaml:"within"`
	To     Severity `yaml:"to"`
}

// FirstSeen takes the first event of Of for each By, unless there was one in the
// time of Lookback before the period. A By that a record lacks is none.
type FirstSeen struct {
	Of       Text     `yaml:"of"`
	By       []Text   `yaml:"by"`
	Lookback Duration `yaml:"lookback"`
	// Known leaves out what these columns have no earlier event of, with other By: a
	// machine that is seen for the first time has no usual address. Where the archive
	// begins in the period that is of severity info, since nothing could be known.
	Known []Text `yaml:"known"`
}

// Duration is written as 10m, 24h or 90d.
type Duration time.Duration

func parseDuration(s string) (Duration, error) {
	if days, ok := strings.CutSuffix(s, "d"); ok {
		s = days + "h"
		d, err := time.ParseDuration(s)
		if err != nil || d <= 0 || d > 10*366*time.Hour {
			return 0, fmt.Errorf("%q is no length of time", days+"d")
		}
		return Duration(24 * d), nil
	}
	d, err := time.ParseDuration(s)
	if err != nil || d <= 0 {
		return 0, fmt.Errorf("%q is no length of time: write 10m, 24h or 90d", s)
	}
	return Duration(d), nil
}

// Amount is a number, or a parameter that has one.
type Amount struct {
	Number int64
	Param  Text // without the $
}

// Param is a value that users may change.
type Param struct {
	Type    ParamType `yaml:"type"`
	Default Value     `yaml:"default"`
	Doc     string    `yaml:"doc"`
	// Infer is a statement that adds its first column to a list.
	Infer Text `yaml:"infer"`
}

// Value is anything that YAML can say, and where it stands.
type Value struct {
	Value any
	At    Position
}

// ParamType is the type of a parameter's values: int64, string, []string or
// []int64.
type ParamType int

const (
	Integer ParamType = iota
	String
	List     // of texts; * in one stands for any characters
	Integers // list of integers
)

var paramTypeNames = []string{"integer", "text", "list", "integers"}

func (t ParamType) String() string { return paramTypeNames[t] }

func parseParamType(name string) (ParamType, error) {
	for i, n := range paramTypeNames {
		if n == name {
			return ParamType(i), nil
		}
	}
	return 0, fmt.Errorf("%q is no type: want %s", name, strings.Join(paramTypeNames, ", "))
}

// Convert checks a value, as YAML or JSON decode it, against the type.
func (t ParamType) Convert(v any) (any, error) {
	switch t {
	case Integer:
		return integer(v)
	case String:
		if s, ok := v.(string); ok {
			return s, nil
		}
	case List:
		switch list := v.(type) {
		case nil:
			return []string(nil), nil
		case []string:
			return list, nil
		case []any:
			texts := make([]string, 0, len(list))
			for _, e := range list {
				s, ok := e.(string)
				if !ok {
					return nil, fmt.Errorf("%v is no text: put it in quotes", e)
				}
				texts = append(texts, s)
			}
			return texts, nil
		}
	case Integers:
		switch list := v.(type) {
		case []int64:
			return list, nil
		case []any:
			numbers := make([]int64, 0, len(list))
			for _, e := range list {
				n, err := integer(e)
				if err != nil {
					return nil, err
				}
				numbers = append(numbers, n)
			}
			return numbers, nil
		}
	}
	return nil, fmt.Errorf("%v is not of type %s", v, t)
}

func integer(v any) (int64, error) {
	switch n := v.(type) {
	case int64:
		return n, nil
	case int:
		return int64(n), nil
	case float64:
		if n == float64(int64(n)) {
			return int64(n), nil
		}
	}
	return 0, fmt.Errorf("%v is no whole number", v)
}
