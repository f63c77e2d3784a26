package render

import (
	"cmp"
	"encoding/json"
	"io"
	"net/netip"
	"strings"

	"github.com/trailql/trailql/engine/output"
	"github.com/trailql/trailql/report"
	"github.com/trailql/trailql/report/pack"
)

// Numbers of the Open Cybersecurity Schema Framework.
const (
	ocsfVersion          = "1.7.0"
	ocsfFindings         = 2    // category
	ocsfDetectionFinding = 2004 // class
	ocsfCreate           = 1    // activity
	ocsfUpdate           = 2
	ocsfNew              = 1 // status
	ocsfInProgress       = 2
	ocsfSuppressed       = 3
	ocsfRuleAnalytic     = 1 // type of analytic
)

var ocsfSeverities = map[pack.Severity]int{pack.Info: 1, pack.Low: 2, pack.Medium: 3, pack.High: 4, pack.Critical: 5}

type (
	ocsfEvent struct {
		ActivityID int             `json:"activity_id"`
		CategoryID int             `json:"category_uid"`
		ClassID    int             `json:"class_uid"`
		TypeID     int             `json:"type_uid"`
		Time       int64           `json:"time"` // milliseconds
		Start      int64           `json:"start_time"`
		End        int64           `json:"end_time"`
		SeverityID int             `json:"severity_id"`
		Severity   string          `json:"severity"`
		StatusID   int             `json:"status_id"`
		Message    string          `json:"message"`
		Metadata   ocsfMetadata    `json:"metadata"`
		Info       ocsfFindingInfo `json:"finding_info"`
		Cloud      ocsfCloud       `json:"cloud"`
		Evidences  []ocsfEvidence  `json:"evidences,omitempty"`
		Resources  []ocsfResource  `json:"resources,omitempty"`
		Unmapped   map[string]any  `json:"unmapped"`
	}
	ocsfMetadata struct {
		Version  string      `json:"version"`
		Profiles []string    `json:"profiles"`
		Product  ocsfProduct `json:"product"`
		LogName  string      `json:"log_name"`
		Original string      `json:"original_time,omitempty"`
	}
	ocsfProduct struct {
		Name   string `json:"name"`
		Vendor string `json:"vendor_name"`
	}
	ocsfFindingInfo struct {
		UID      string             `json:"uid"`
		Title    string             `json:"title"`
		Analytic ocsfAnalytic       `json:"analytic"`
		First    int64              `json:"first_seen_time"`
		Last     int64              `json:"last_seen_time"`
		Related  []ocsfRelatedEvent `json:"related_events,omitempty"`
		Attacks  []ocsfAttack       `json:"attacks,omitempty"`
		Tags     []ocsfTag          `json:"tags,omitempty"`
	}
	ocsfAnalytic struct {
		TypeID int    `json:"type_id"`
		UID    string `json:"uid"`
		Name   string `json:"name"`
	}
	ocsfRelatedEvent struct {
		UID string `json:"uid"`
	}
	ocsfAttack struct {
		Technique ocsfEntity  `json:"technique"`
		Sub       *ocsfEntity `json:"sub_technique,omitempty"`
	}
	ocsfTag struct {
		Name   string   `json:"name"`
		Values []string `json:"values"`
	}
	ocsfCloud struct {
		Provider string      `json:"provider"`
		Region   string      `json:"region,omitempty"`
		Account  *ocsfEntity `json:"account,omitempty"`
	}
	ocsfEntity struct {
		UID string `json:"uid"`
	}
	ocsfEvidence struct {
		UID      string        `json:"uid,omitempty"`
		Actor    *ocsfActor    `json:"actor,omitempty"`
		API      *ocsfAPI      `json:"api,omitempty"`
		Endpoint *ocsfEndpoint `json:"src_endpoint,omitempty"`
		Data     ocsfData      `json:"data"`
	}
	ocsfActor struct {
		User ocsfUser `json:"user"`
	}
	ocsfUser struct {
		UID        string `json:"uid"`
		Type       string `json:"type,omitempty"`
		Credential string `json:"credential_uid,omitempty"`
	}
	ocsfAPI struct {
		Operation string        `json:"operation"`
		Service   *ocsfNamed    `json:"service,omitempty"`
		Response  *ocsfResponse `json:"response,omitempty"`
	}
	ocsfNamed struct {
		Name string `json:"name"`
	}
	ocsfResponse struct {
		Error string `json:"error"`
	}
	ocsfEndpoint struct {
		IP     string `json:"ip,omitempty"`
		Domain string `json:"domain,omitempty"`
	}
	ocsfResource struct {
		UID    string `json:"uid"`
		Region string `json:"region,omitempty"`
	}
	// ocsfData are all evidence columns, also those that have a place elsewhere.
	ocsfData map[string]string
)

// writeOCSF writes a line for each event and rule, in the order in which the
// controls list them first. A rule in several controls makes one line that names
// them all, so that no system of alerts gets it twice. It is suppressed if it is so
// wherever it is listed.
func (d *document) writeOCSF(w io.Writer) error {
	open := map[findingKey]bool{}
	for i := range d.controls {
		for f := range d.controls[i].Findings {
			if finding := &d.controls[i].Findings[f]; finding.SuppressedBy == "" {
				open[d.keyOf(finding)] = true
			}
		}
	}
	rules := map[string]report.RuleUse{}
	for i := range d.controls {
		for _, r := range d.controls[i].Rules {
			rules[r.ID] = r
		}
	}
	written := map[findingKey]bool{}
	for i := range d.controls {
		for f := range d.controls[i].Findings {
			finding := &d.controls[i].Findings[f]
			key := d.keyOf(finding)
			if written[key] {
				continue
			}
			written[key] = true
			rule := rules[finding.Rule]
			rule.Title = cmp.Or(rule.Title, finding.Rule)
			b, err := json.Marshal(d.ocsfEvent(finding, rule, !open[key]))
			if err != nil {
				return err
			}
			if _, err := w.Write(append(output.SafeJSON(b), '\n')); err != nil {
				return err
			}
		}
	}
	return nil
}

// ocsfEvent takes the time of the event for that of the finding: the time of the
// run would make every run differ.
func (d *document) ocsfEvent(f *report.Finding, rule report.RuleUse, suppressed bool) ocsfEvent {
	last := f.Time
	if f.Last.After(last) {
		last = f.Last
	}
	e := ocsfEvent{
		ActivityID: ocsfCreate, CategoryID: ocsfFindings, ClassID: ocsfDetectionFinding,
		Time: last.UnixMilli(), Start: f.Time.UnixMilli(), End: last.UnixMilli(),
		SeverityID: ocsfSeverities[f.Severity], Severity: ocsfSeverity(f.Severity), StatusID: ocsfNew,
		Metadata: ocsfMetadata{Version: ocsfVersion, Profiles: []string{"cloud"}, Product: ocsfProduct{"trailql", "trailql"},
			LogName: "AWS CloudTrail", Original: d.value(f, "event_time")},
		Info: ocsfFindingInfo{UID: f.ID, Title: rule.Title, Analytic: ocsfAnalytic{ocsfRuleAnalytic, f.Rule, rule.Title}, Attacks: ocsfAttacks(rule.Attack),
			First: f.Time.UnixMilli(), Last: last.UnixMilli(), Tags: []ocsfTag{{"controls", d.controlIDs(f)}}},
		Cloud:    ocsfCloud{Provider: "AWS", Region: d.value(f, "region")},
		Unmapped: map[string]any{},
	}
	if f.Status == "recurring" {
		e.ActivityID = ocsfUpdate
	}
	e.TypeID = e.ClassID*100 + e.ActivityID
	switch {
	case suppressed:
		e.StatusID = ocsfSuppressed
	case f.Disposition != nil:
		e.StatusID = ocsfInProgress
	}
	if id := d.value(f, "account_id"); id != "" {
		e.Cloud.Account = &ocsfEntity{id}
	}
	if id := d.value(f, "resource"); id != "" {
		e.Resources = []ocsfResource{{UID: id, Region: d.value(f, "region")}}
	}
	for _, id := range f.Events {
		e.Info.Related = append(e.Info.Related, ocsfRelatedEvent{id})
	}
	e.Evidences = []ocsfEvidence{d.ocsfEvidence(f)}
	words := []string{rule.Title}
	for _, column := range []string{"actor", "event_name", "outcome", "resource"} {
		if v := d.value(f, column); v != "" {
			words = append(words, v)
		}
	}
	e.Message = strings.Join(words, " · ")
	for name, value := range f.Columns {
		e.Unmapped[name] = value
	}
	for name, value := range map[string]string{"suppressed_by": f.SuppressedBy, "status": f.Status} {
		if value != "" {
			e.Unmapped[name] = value
		}
	}
	if x := f.Disposition; x != nil {
		e.Unmapped["disposition"] = jsonDisposition{x.Finding, x.By, x.Note, x.Ticket, x.At.UTC()}
	}
	if isCorrelation(f) {
		e.Unmapped["reached"] = f.Reached
	}
	return e
}

func (d *document) ocsfEvidence(f *report.Finding) ocsfEvidence {
	v := ocsfEvidence{UID: d.value(f, "event_id"), Data: ocsfData{}}
	if actor := d.value(f, "actor"); actor != "" {
		v.Actor = &ocsfActor{ocsfUser{actor, d.value(f, "actor_type"), d.value(f, "access_key_id")}}
	}
	if name := d.value(f, "event_name"); name != "" {
		v.API = &ocsfAPI{Operation: name}
		if source := d.value(f, "event_source"); source != "" {
			v.API.Service = &ocsfNamed{source}
		}
		if code := d.value(f, "error_code"); code != "" {
			v.API.Response = &ocsfResponse{code}
		}
	}
	// CloudTrail has a service's name where a service called.
	if from := d.value(f, "source_ip"); isAddress(from) {
		v.Endpoint = &ocsfEndpoint{IP: from}
	} else if from != "" {
		v.Endpoint = &ocsfEndpoint{Domain: from}
	}
	for i, name := range d.evidence {
		if i < len(f.Values) && f.Values[i] != "" {
			v.Data[name] = f.Values[i]
		}
	}
	return v
}

// ocsfSeverity is OCSF's name.
func ocsfSeverity(s pack.Severity) string {
	if s == pack.Info {
		return "Informational"
	}
	name := s.String()
	return strings.ToUpper(name[:1]) + name[1:]
}

func isAddress(s string) bool {
	_, err := netip.ParseAddr(s)
	return err == nil
}

// ocsfAttacks are techniques of MITRE ATT&CK; T1562.008 is one below T1562.
func ocsfAttacks(ids []string) []ocsfAttack {
	var attacks []ocsfAttack
	for _, id := range ids {
		technique, sub, ok := strings.Cut(id, ".")
		attack := ocsfAttack{Technique: ocsfEntity{technique}}
		if ok && sub != "" {
			attack.Sub = &ocsfEntity{id}
		}
		attacks = append(attacks, attack)
	}
	return attacks
}
