package digest

import (
	"cmp"
	"slices"
	"time"
)

// Verdict is what is known of a digest or log file.
type Verdict string

// Verdicts. The texts are part of the interface: source_files has them.
const (
	// Valid: a signature of AWS stands for every byte.
	Valid Verdict = "valid"
	// Invalid: what a digest says is not so.
	Invalid Verdict = "invalid"
	// Unproven: nothing is wrong, and nothing is signed by a key that is known.
	Unproven Verdict = "unproven"
	// NotCovered: no digest names the log file.
	NotCovered Verdict = "not_covered"
)

// Severity of a Finding.
type Severity string

// Severities, the worst first.
const (
	Failure Severity = "invalid" // the evidence does not hold
	Gap     Severity = "gap"     // for some time there is no evidence
	Warning Severity = "warning" // odd, but what is signed holds
	Note    Severity = "note"
)

// Kind is what a Finding is about, for programs.
type Kind string

// Kinds of findings.
const (
	DigestMissing     Kind = "digest-missing" // a later one names it
	DigestMoved       Kind = "digest-moved"
	DigestFormat      Kind = "digest-format"
	DigestSignature   Kind = "digest-signature"
	DigestKey         Kind = "digest-key"   // unknown, or unusable
	DigestChain       Kind = "digest-chain" // it is not the one that its successor names
	DigestUnproven    Kind = "digest-unproven"
	DigestTrailing    Kind = "digest-trailing-data"
	DigestOdd         Kind = "digest-odd" // its times or names do not fit its name
	DigestGap         Kind = "digest-gap"
	DigestNone        Kind = "digest-none" // an account and Region has log files and no digest
	ChainStart        Kind = "chain-start"
	ChainEnd          Kind = "chain-end"
	LogMissing        Kind = "log-missing"
	LogHash           Kind = "log-hash"
	LogFormat         Kind = "log-format"
	LogTrailing       Kind = "log-trailing-data"
	LogTruncated      Kind = "log-truncated"
	LogAdded          Kind = "log-added"       // in an hour that has a digest, which does not name it
	LogNotCovered     Kind = "log-not-covered" // in an hour without
	LogElsewhere      Kind = "log-elsewhere"   // in a bucket that was not given
	Unreadable        Kind = "unreadable"
	PreviousElsewhere Kind = "previous-elsewhere"
)

// Finding is something to know about an object or a time. The texts hold parts
// of the archive: escape them.
type Finding struct {
	Severity Severity `json:"severity"`
	Kind     Kind     `json:"kind"`
	Account  string   `json:"account,omitempty"`
	Region   string   `json:"region,omitempty"`
	Object   string   `json:"object,omitempty"` // path or URI, or s3://bucket/key where there is none
	Digest   string   `json:"digest,omitempty"` // that says so
	// From and To are the time that a gap or a missing digest concerns.
	From    time.Time `json:"from,omitzero"`
	To      time.Time `json:"to,omitzero"`
	Message string    `json:"message"`
}

// Tally counts verdicts.
type Tally struct {
	Total    int64 `json:"total"`
	Valid    int64 `json:"valid"`
	Invalid  int64 `json:"invalid"`
	Unproven int64 `json:"unproven"`
}

func (t *Tally) add(v Verdict) {
	t.Total++
	switch v {
	case Valid:
		t.Valid++
	case Invalid:
		t.Invalid++
	default:
		t.Unproven++
	}
}

// Uncovered counts log files that no digest names, by their time of delivery.
type Uncovered struct {
	Added  int64 `json:"added"`   // in an hour that a digest covers
	InGap  int64 `json:"in_gap"`  // between two digests
	Before int64 `json:"before"`  // the first digest of the account and Region
	After  int64 `json:"after"`   // the last one, or so near that its successor may name it
	None   int64 `json:"none"`    // the account and Region have no digest
	NoTime int64 `json:"no_time"` // the name does not say
}

// Total is all of them.
func (u Uncovered) Total() int64 {
	return u.Added + u.InGap + u.Before + u.After + u.None + u.NoTime
}

// Chain is what was found of the digests of one trail in one Region.
type Chain struct {
	Account      string    `json:"account"`
	Region       string    `json:"region"`
	Trail        string    `json:"trail"`
	HomeRegion   string    `json:"home_region"`
	Organization string    `json:"organization,omitempty"`
	Where        string    `json:"where,omitempty"` // what stands before AWSLogs
	Backfill     bool      `json:"backfill"`
	Digests      Tally     `json:"digests"`
	Logs         Tally     `json:"logs"`
	First        time.Time `json:"first,omitzero"` // of what its digests cover
	Last         time.Time `json:"last,omitzero"`
}

// Hour is what is known of the deliveries of one hour, UTC, in one account and
// Region.
type Hour struct {
	Account string    `json:"account"`
	Region  string    `json:"region"`
	Hour    time.Time `json:"hour"`
	// Digest is the best verdict of a digest that covers the hour, "" for none.
	// An hour with a valid digest that names no log file is proven to be quiet.
	Digest     Verdict `json:"digest"`
	Logs       Tally   `json:"logs"` // by the hour of the digest that names them
	Missing    int64   `json:"missing"`
	NotCovered int64   `json:"not_covered"` // by the time in the name
}

// Result is what Verify found.
type Result struct {
	From     time.Time `json:"from,omitzero"` // as asked for
	To       time.Time `json:"to,omitzero"`
	Digests  Tally     `json:"digests"`
	Backfill Tally     `json:"backfill_digests"`
	Logs     Tally     `json:"logs"`
	// Unreadable objects may be fine: they could not be looked at.
	Unreadable int64     `json:"unreadable"`
	Uncovered  Uncovered `json:"not_covered"`
	Bytes      int64     `json:"bytes"`          // of log files, uncompressed
	First      time.Time `json:"first,omitzero"` // of what valid digests cover, within From and To
	Last       time.Time `json:"last,omitzero"`
	// Proven is what of First to Last valid digests cover in every account and
	// Region, from the first to the last digest of each, and without the gaps
	// at the ends of From to To.
	Proven   []Span    `json:"proven,omitempty"`
	Chains   []Chain   `json:"chains"`
	Findings []Finding `json:"findings"`
	Omitted  int64     `json:"findings_omitted,omitempty"` // beyond Options.MaxFindings
	Hours    []Hour    `json:"-"`

	severities map[Severity]int64
}

// Count is how many findings there are of a severity.
func (r *Result) Count(s Severity) int64 { return r.severities[s] }

// Holds says that nothing contradicts the digests, and that there is no time
// without them: between the first and the last, or in an account and Region that
// has log files.
func (r *Result) Holds() bool {
	return r.Count(Failure) == 0 && r.Count(Gap) == 0 && r.Unreadable == 0
}

func (r *Result) finish() {
	rank := map[Severity]int{Failure: 0, Gap: 1, Warning: 2, Note: 3}
	slices.SortStableFunc(r.Findings, func(a, b Finding) int {
		return cmp.Or(cmp.Compare(rank[a.Severity], rank[b.Severity]), cmp.Compare(a.Account, b.Account), cmp.Compare(a.Region, b.Region),
			a.From.Compare(b.From), cmp.Compare(a.Object, b.Object), cmp.Compare(a.Message, b.Message))
	})
	slices.SortFunc(r.Chains, func(a, b Chain) int {
		return cmp.Or(cmp.Compare(a.Where, b.Where), cmp.Compare(a.Organization, b.Organization), cmp.Compare(a.Account, b.Account),
			cmp.Compare(a.Region, b.Region), cmp.Compare(a.Trail, b.Trail), cmp.Compare(a.HomeRegion, b.HomeRegion), boolInt(a.Backfill)-boolInt(b.Backfill))
	})
	slices.SortFunc(r.Hours, func(a, b Hour) int {
		return cmp.Or(cmp.Compare(a.Account, b.Account), cmp.Compare(a.Region, b.Region), a.Hour.Compare(b.Hour))
	})
}

func boolInt(b bool) int {
	if b {
		return 1
	}
	return 0
}
