package render

import (
	"time"

	"github.com/trailql/trailql/report"
)

// The parts of report.json. Findings are written by appendFinding and read by
// Read: their keys are the evidence columns. Times are left out when there are
// none.
type (
	jsonRun struct {
		ID             string    `json:"id"`
		Started        time.Time `json:"started,omitzero"`
		Ended          time.Time `json:"ended,omitzero"`
		Operator       string    `json:"operator"`
		ProgramVersion string    `json:"program_version"`
		Schedule       string    `json:"schedule,omitempty"`
		PreviousReport string    `json:"previous_report,omitempty"`
		CommandLine    []string  `json:"command_line"`
	}
	jsonPeriod struct {
		Name            string    `json:"name"`
		From            time.Time `json:"from"`
		To              time.Time `json:"to"`
		Zone            string    `json:"zone"`
		LatenessSeconds float64   `json:"lateness_seconds"`
		Open            bool      `json:"open"`
	}
	jsonScope struct {
		Accounts []string            `json:"accounts"`
		Regions  []string            `json:"regions"`
		Declared map[string][]string `json:"declared"`
		File     string              `json:"file,omitempty"`
		SHA256   string              `json:"sha256,omitempty"`
	}
	jsonSnapshot struct {
		Warehouse string    `json:"warehouse"`
		Version   int64     `json:"version"`
		ID        int64     `json:"id,string"` // more digits than some readers of JSON keep
		Committed time.Time `json:"committed,omitzero"`
		Records   int64     `json:"records"`
	}
	jsonCoverage struct {
		Complete  bool               `json:"complete"`
		First     time.Time          `json:"first,omitzero"`
		Last      time.Time          `json:"last,omitzero"`
		Digests   string             `json:"digests"`
		Undecided []string           `json:"undecided"`
		Notes     []string           `json:"notes"`
		Gaps      []jsonGap          `json:"gaps"`
		Cells     []jsonCoverageCell `json:"cells"`
	}
	jsonGap struct {
		Account string    `json:"account"`
		Region  string    `json:"region"`
		From    time.Time `json:"from"`
		To      time.Time `json:"to"`
		Hours   int       `json:"hours"`
		Reason  string    `json:"reason"`
	}
	jsonCoverageCell struct {
		Account string `json:"account"`
		Region  string `json:"region"`
		Day     string `json:"day"`
		Events  int64  `json:"events"`
		Hours   int    `json:"hours"`
		Objects int64  `json:"objects"`
	}
	jsonStatement struct {
		Name   string   `json:"name"`
		SQL    string   `json:"sql"`
		Params []string `json:"params"`
	}
	jsonPack struct {
		ID      string   `json:"id"`
		Title   string   `json:"title"`
		Version string   `json:"version,omitempty"`
		Hash    string   `json:"hash"`
		Notes   []string `json:"notes"`
	}
	jsonSummary struct {
		Controls   int                  `json:"controls"`
		States     map[report.State]int `json:"states"`
		Count      int64                `json:"count"`
		Suppressed int64                `json:"suppressed"`
		Unlisted   int64                `json:"unlisted"`
		Open       map[string]int64     `json:"open"`
		Difference *jsonDifference      `json:"difference,omitempty"`
	}
	jsonDifference struct {
		New       int64 `json:"new"`
		Recurring int64 `json:"recurring"`
		Resolved  int64 `json:"resolved"`
		Before    int64 `json:"before"`
		Partial   bool  `json:"partial"`
	}
	jsonControl struct {
		Pack       string              `json:"pack"`
		ID         string              `json:"id"`
		Title      string              `json:"title"`
		Kind       string              `json:"kind"`
		State      report.State        `json:"state"`
		Severity   string              `json:"severity"`
		Reason     string              `json:"reason"`
		Level      string              `json:"level,omitempty"`
		Pattern    string              `json:"pattern,omitempty"`
		Note       string              `json:"note,omitempty"`
		Related    map[string][]string `json:"related,omitempty"`
		Count      int64               `json:"count"`
		Events     int64               `json:"events"`
		Suppressed int64               `json:"suppressed"`
		Unlisted   int64               `json:"unlisted"`
		Open       map[string]int64    `json:"open"`
		Rules      []jsonRule          `json:"rules"`
		Days       []jsonDayCount      `json:"days"`
		Groups     []jsonGroup         `json:"groups"`
		Sample     *jsonSample         `json:"sample,omitempty"`
		Difference *jsonDifference     `json:"difference,omitempty"`
	}
	jsonRule struct {
		ID          string   `json:"id"`
		Title       string   `json:"title"`
		Description string   `json:"description,omitempty"`
		Kind        string   `json:"kind"`
		Attack      []string `json:"attack"`
		SQL         string   `json:"sql"`
		Count       int64    `json:"count"`
		NotAssessed string   `json:"not_assessed,omitempty"`
		Error       string   `json:"error,omitempty"`
		Result      string   `json:"result,omitempty"`
	}
	jsonDayCount struct {
		Day   string `json:"day"`
		Count int64  `json:"count"`
	}
	jsonGroup struct {
		Columns []string       `json:"columns"`
		Rows    []jsonGroupRow `json:"rows"`
		Others  int64          `json:"others"`
	}
	jsonGroupRow struct {
		Values []string `json:"values"`
		Count  int64    `json:"count"`
	}
	jsonSample struct {
		Population int64    `json:"population"`
		Seed       int64    `json:"seed"`
		Method     string   `json:"method"`
		EventIDs   []string `json:"event_ids"`
	}
	jsonDisposition struct {
		Finding string    `json:"finding"`
		By      string    `json:"by"`
		Note    string    `json:"note"`
		Ticket  string    `json:"ticket"`
		At      time.Time `json:"at,omitzero"`
	}
	jsonException struct {
		ID         string    `json:"id"`
		Reason     string    `json:"reason"`
		Ticket     string    `json:"ticket"`
		ApprovedBy string    `json:"approved_by"`
		Expires    time.Time `json:"expires,omitzero"`
		Suppressed int64     `json:"suppressed"`
		Problem    string    `json:"problem,omitempty"`
	}
	jsonBaseline struct {
		RunID    string         `json:"run_id"`
		Period   jsonPeriod     `json:"period"`
		Resolved []jsonResolved `json:"resolved"`
	}
	jsonResolved struct {
		Pack     string    `json:"pack"`
		Control  string    `json:"control"`
		ID       string    `json:"id"`
		Rule     string    `json:"rule_id"`
		Account  string    `json:"account_id"`
		Region   string    `json:"region"`
		Actor    string    `json:"actor"`
		Resource string    `json:"resource"`
		Event    string    `json:"event_name"`
		Severity string    `json:"severity"`
		Last     time.Time `json:"last,omitzero"`
	}
)
