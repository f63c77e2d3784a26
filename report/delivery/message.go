package delivery

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/trailql/trailql/report"
	"github.com/trailql/trailql/report/ledger"
)

// Schema is the version of the JSON that a webhook gets.
const Schema = "trailql.delivery/1"

// Message says what a report found, for people who have not opened it. It has no
// text from a log in it: the report has, where it is shown safely.
type Message struct {
	Schema   string        `json:"schema"`
	RunID    string        `json:"run_id"`
	Schedule string        `json:"schedule,omitempty"`
	Title    string        `json:"title"`
	Status   ledger.Status `json:"status"`
	Period   Period        `json:"period"`
	Records  int64         `json:"records"` // in the period and scope
	Complete bool          `json:"complete"`
	Packs    []Pack        `json:"packs"`
	Ended    time.Time     `json:"ended"`
	Version  string        `json:"program_version"`
	// Manifest is the SHA-256 of manifest.json, in hex.
	Manifest string `json:"manifest_sha256,omitempty"`
	// Dir is the folder of the report on the machine that made it; "" if there is
	// no report.
	Dir string `json:"dir"`
}

// Period is [From, To) by event time.
type Period struct {
	Name string    `json:"name,omitempty"`
	From time.Time `json:"from"`
	To   time.Time `json:"to"`
	Zone string    `json:"zone"`
}

// Pack is one framework.
type Pack struct {
	ID      string         `json:"id"`
	Version string         `json:"version,omitempty"`
	Title   string         `json:"title"`
	States  map[string]int `json:"states"` // number of controls
	// Attention are the controls that somebody has to look at, worst first.
	Attention []Control `json:"attention"`
}

// Control is one requirement.
type Control struct {
	ID       string `json:"id"`
	Title    string `json:"title"`
	State    string `json:"state"`
	Severity string `json:"severity"`
	Count    int64  `json:"count"`
}

// Summarize makes the message of a report that lies in dir. manifest is the
// SHA-256 of its manifest.json in hex, "" if there is none.
func Summarize(r *report.Report, dir, manifest string) Message {
	m := Message{
		Schema: Schema, RunID: r.Run.ID, Schedule: r.Run.Schedule, Title: r.Title, Status: ledger.StatusOf(r),
		Period:  Period{r.Period.Name, r.Period.From.UTC(), r.Period.To.UTC(), cmp.Or(r.Period.Zone, "UTC")},
		Records: r.Snapshot.Records, Complete: r.Coverage.Complete, Packs: []Pack{},
		Ended: r.Run.Ended.UTC(), Version: r.Run.ProgramVersion, Manifest: manifest, Dir: dir,
	}
	for _, p := range r.Packs {
		one := Pack{ID: p.ID, Version: p.Version, Title: p.Title, States: map[string]int{}, Attention: []Control{}}
		var attention []report.Control
		for _, c := range p.Controls {
			one.States[string(c.State)]++
			if c.State.NeedsAttention() {
				attention = append(attention, c)
			}
		}
		slices.SortStableFunc(attention, func(a, b report.Control) int {
			return cmp.Or(cmp.Compare(a.State.Urgency(), b.State.Urgency()), cmp.Compare(b.Severity, a.Severity))
		})
		for _, c := range attention {
			one.Attention = append(one.Attention, Control{c.ID, c.Title, string(c.State), c.Severity.String(), c.Count})
		}
		m.Packs = append(m.Packs, one)
	}
	return m
}

// Failed is the message that a report could not be made, to be delivered in place
// of it. The cause is not in it, which may quote a log. id is the same for all
// attempts at one report.
func Failed(id, schedule string, p report.Period, packs []string, at time.Time, version string) Message {
	m := Message{
		Schema: Schema, RunID: id, Schedule: schedule, Title: strings.Join(packs, ", "), Status: ledger.Failed,
		Period: Period{p.Name, p.From.UTC(), p.To.UTC(), cmp.Or(p.Zone, "UTC")}, Packs: []Pack{}, Ended: at.UTC(), Version: version,
	}
	for _, id := range packs {
		m.Packs = append(m.Packs, Pack{ID: id, States: map[string]int{}, Attention: []Control{}})
	}
	return m
}

// failure says what there is to say of a report that was not made.
const failure = "There is no report: it could not be made. trailql schedule list says why, on the machine that runs the schedule. It is tried again."

// Subject is the message in a line.
func (m Message) Subject() string {
	return oneLine(fmt.Sprintf("[trailql] %s: %s, %s", strings.ToUpper(string(m.Status)), m.Title, m.Period))
}

func (p Period) String() string {
	zone, err := time.LoadLocation(p.Zone)
	if err != nil {
		zone = time.UTC
	}
	from, to := p.From.In(zone), p.To.In(zone)
	if from.Format(time.TimeOnly) != "00:00:00" || to.Format(time.TimeOnly) != "00:00:00" {
		return from.Format(time.RFC3339) + " to " + to.Format(time.RFC3339)
	}
	last := to.AddDate(0, 0, -1)
	if !last.After(from) {
		return from.Format(time.DateOnly)
	}
	return from.Format(time.DateOnly) + " to " + last.Format(time.DateOnly)
}

// maxAttention is how many controls of a pack a text lists.
const maxAttention = 20

// Text is the message for people.
func (m Message) Text() string {
	var b strings.Builder
	line := func(format string, args ...any) { b.WriteString(oneLine(fmt.Sprintf(format, args...)) + "\n") }
	line("%s", m.Title)
	line("Status: %s", m.Status)
	line("Period: %s (%s), by event time", m.Period, m.Period.Zone)
	if m.Status == ledger.Failed {
		line("%s", failure)
		line("Schedule: %s", m.Schedule)
		return b.String()
	}
	line("Events read: %d", m.Records)
	if !m.Complete {
		line("The archive does not cover the whole period: see the coverage in the report.")
	}
	for _, p := range m.Packs {
		b.WriteString("\n")
		line("%s", strings.TrimSpace(p.Title+" "+p.Version))
		line("  %s", p.states())
		for i, c := range p.Attention {
			if i == maxAttention {
				line("  … and %d more in the report", len(p.Attention)-i)
				break
			}
			line("  %s  %s  %s (%s, %d events)", c.State, c.ID, c.Title, c.Severity, c.Count)
		}
	}
	b.WriteString("\n")
	if m.Schedule != "" {
		line("Schedule: %s", m.Schedule)
	}
	line("Run: %s", m.RunID)
	line("Report: %s", m.Dir)
	if m.Manifest != "" {
		line("SHA-256 of manifest.json: %s", m.Manifest)
	}
	return b.String()
}

// states counts the controls, the ones to look at first.
func (p Pack) states() string {
	var parts []string
	for _, s := range report.AllStates() {
		if n := p.States[string(s)]; n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, s))
		}
	}
	if len(parts) == 0 {
		return "no controls"
	}
	return strings.Join(parts, ", ")
}

// oneLine makes control characters, line separators and what changes the
// direction of text harmless.
func oneLine(text string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r < ' ' || r >= 0x7f && r < 0xa0, r == 0x2028, r == 0x2029:
			return ' '
		case r == 0x61c, r >= 0x200b && r <= 0x200f, r >= 0x202a && r <= 0x202e, r >= 0x2060 && r <= 0x2069, r == 0xfeff, r >= 0xe0000 && r <= 0xe007f:
			return -1
		}
		return r
	}, strings.ToValidUTF8(text, "�"))
}
