package report

import (
	"time"

	"github.com/trailql/trailql/report/pack"
)

// Schema is the version of the JSON that a Report makes.
const Schema = "trailql.report/1"

// Report is the outcome of one run. Everything but its header is a function of the
// snapshot, the packs and the options: two runs differ in the header only. Lists are in
// a fixed order. All texts may come from a log: escape them.
type Report struct {
	Run      Header
	Title    string
	Period   Period
	Scope    Scope
	Snapshot Snapshot
	Coverage Coverage
	Packs    []Pack
	// Exceptions are those of the file, with what they did in this run.
	Exceptions []ExceptionUse
	// Baseline is the earlier report that differences are against; nil for none.
	Baseline *Baseline
	// Statements are the queries that were run, in order.
	Statements []Statement
	// Notes are what a reader has to know: limits that were reached, and the like.
	Notes []string
}

// Statement is a query and the values of its ?, as JSON texts.
type Statement struct {
	Name, SQL string
	Params    []string
}

// Header is what differs between two runs on the same snapshot.
type Header struct {
	ID             string // unique
	Started, Ended time.Time
	Operator       string // user@host
	ProgramVersion string
	Schedule       string // name of the schedule that was due; "" by hand
	PreviousReport string // hash of the manifest before this one in the chain; "" for the first
	CommandLine    []string
}

// Period is [From, To) by event time.
type Period struct {
	Name     string    // as asked for: last-month
	From, To time.Time // UTC
	Zone     string    // IANA name, in which days are counted
	// Lateness is how long events may come after their time. A period that ended
	// less than this before the run may yet get events.
	Lateness time.Duration
	Open     bool // it may yet get events
}

// Scope limits a report.
type Scope struct {
	Accounts, Regions []string // empty: all
	// Declared are the user's lists, such as regulated resources or administrators,
	// by parameter of the packs.
	Declared map[string][]string
	// File is the name of the scope file and SHA256 its hash; "" without one.
	File, SHA256 string
}

// Snapshot is the state of the table that was read.
type Snapshot struct {
	Warehouse string
	Version   int64
	ID        int64 // Iceberg's, of the logs table
	Committed time.Time
	Records   int64 // in the period and scope
}

// Coverage is what the archive has of the period.
type Coverage struct {
	// Cells are account × region × day, in that order.
	Cells []CoverageCell
	Gaps  []Gap
	// Undecided is what may be missing, and why that cannot be told. It is in Notes as
	// well.
	Undecided []string
	// Complete: there are events, no gap in the period and scope, nothing undecided,
	// and no more to come.
	Complete    bool
	Notes       []string  // what days without events were not counted as gaps, and why
	First, Last time.Time // event times in the archive, within the period; zero if none
	// Digests says what is known of the log files' integrity: "not checked", or a summary.
	Digests string
}

// CoverageCell is one day of one region of one account.
type CoverageCell struct {
	Account, Region, Day string // day in Period.Zone
	Events               int64
	Hours                int   // of that day, with events
	Objects              int64 // log files of that account and region delivered with events of that day
}

// Gap is a span of time without any event where there should be some.
type Gap struct {
	Account, Region string    // Region is empty when all are meant
	From, To        time.Time // half-open
	Hours           int
	Reason          string
}

// Pack is one framework's part of a report.
type Pack struct {
	ID, Title, Version, Hash string // hash of its YAML and of the rules it uses
	Notes                    []string
	Controls                 []Control
}

// State of a control.
type State string

const (
	Pass          State = "PASS"
	Fail          State = "FAIL"
	Review        State = "REVIEW"
	NoActivity    State = "NO_ACTIVITY"
	NotAssessed   State = "NOT_ASSESSED"
	Suppressed    State = "SUPPRESSED"
	Error         State = "ERROR"
	NotApplicable State = "NOT_APPLICABLE"
)

// Control is one requirement and what the archive shows of it.
type Control struct {
	ID, Title  string
	Kind       pack.Kind
	Severity   pack.Severity // the highest of its unsuppressed findings; the control's own if it has none
	State      State
	Reason     string // why the state is what it is, a sentence
	Level      string
	Pattern    string // the framework's own filter pattern
	Note       string
	Related    map[string][]string
	Rules      []RuleUse
	Count      int64 // findings, suppressed ones and those that are not listed included
	Events     int64 // events among them: one that two rules took is two findings
	Suppressed int64
	Open       map[pack.Severity]int64 // findings that are not suppressed, by severity, listed or not
	Findings   []Finding               // in order of time; see Options.MaxFindings
	Unlisted   int64                   // findings that were counted and not listed
	Days       []DayCount              // findings by day, days without any left out; what began before the period is of its first day
	Groups     []Group                 // findings by columns: account_id, actor, then those of the pack
	Sample     *Sample                 // of the events; nil unless asked for
	Difference *Difference             // from the baseline; nil without one
}

// DayCount counts the findings of one day in Period.Zone.
type DayCount struct {
	Day   string
	Count int64
}

// Difference counts finding ids: those that the baseline did not have, those that
// both have, and those that only the baseline has.
type Difference struct {
	New, Recurring, Resolved int64
	Before                   int64 // ids of the baseline
	// Partial: the baseline listed only some of its findings, so that some that
	// recur may count as new.
	Partial bool
}

// RuleUse is a rule of a control, as it ran.
type RuleUse struct {
	ID, Title, Description string
	Kind                   pack.Kind
	Attack                 []string // MITRE ATT&CK ids, before and from the library's version
	SQL                    string   // its condition, as its author wrote it
	Count                  int64    // findings
	NotAssessed            string   // why it could not run; ""
	Error                  string   // what went wrong; ""
	Result                 string   // what a rule that is computed over the archive found, a sentence; ""
}

// Finding is one event that a rule took, or what several of them show together.
type Finding struct {
	// ID is stable over runs and periods: a hash of rule, account, region,
	// resource and actor. EventID is the event's own.
	ID       string
	Rule     string
	Severity pack.Severity
	Time     time.Time
	// Values are those of pack.EvidenceColumns; for a correlation those that its
	// events have in common.
	Values       []string
	Columns      map[string]string // the rule's own
	Events       []string          // event ids of a correlation
	Last         time.Time         // of a correlation
	Reached      int64             // of a correlation
	Status       string            // new, recurring; "" without a baseline
	SuppressedBy string            // id of the exception; ""
	Disposition  *Disposition      // of report acknowledge; nil for none
}

// Disposition is what somebody decided about a finding.
type Disposition struct {
	Finding          string // its id
	By, Note, Ticket string
	At               time.Time
}

// Group counts the events of a control by some columns.
type Group struct {
	Columns []string
	Rows    []GroupRow // the greatest counts first, at most 1000
	Others  int64      // findings of rows left out
}

type GroupRow struct {
	Values []string
	Count  int64
}

// Sample is a random part of a population.
type Sample struct {
	Population int64
	Seed       int64
	Method     string
	EventIDs   []string
}

// ExceptionUse is an exception and what it did.
type ExceptionUse struct {
	ID, Reason, Ticket, ApprovedBy string
	Expires                        time.Time
	Suppressed                     int64
	Problem                        string // expired, unused, overlaps X; ""
}

// Baseline is an earlier report.
type Baseline struct {
	RunID  string
	Period Period
	// Resolved are findings of the baseline that are gone, in the order of packs and
	// controls.
	Resolved []BaselineFinding
}

// BaselineFinding is what is left of an earlier report's finding.
type BaselineFinding struct {
	Pack, Control, ID, Rule, Account, Region, Actor, Resource, Event string
	Severity                                                         pack.Severity
	Last                                                             time.Time
}
