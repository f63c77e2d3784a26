package repl

import (
	"context"
	"fmt"
	"net/netip"
	"regexp"
	"strings"
	"time"

	"github.com/rivo/uniseg"

	"github.com/trailql/trailql/engine/quantity"
)

// subject is whom .who looks for.
type subject struct {
	text   string
	kind   string
	where  string // condition on cloudtrail_logs with parameters $1, …
	params []any
}

var (
	accessKey   = regexp.MustCompile(`^A[A-Z]{3}[A-Z0-9*]{12,}$`)
	accountID   = regexp.MustCompile(`^[0-9]{12}$`)
	principalID = regexp.MustCompile(`^(AIDA|AROA|AGPA|AIPA|ANPA|ANVA|APKA|ABIA|ACCA|ASCA)[A-Z0-9]{12,}(:.+)?$`)
	dottedQuad  = regexp.MustCompile(`^[0-9]{1,3}(\.[0-9]{1,3}){3}$`)
	roleARN     = regexp.MustCompile(`^arn:[a-z0-9-]+:iam::[0-9]*:role/`)
)

// lastingKey is the kind of a key that does not end by itself.
const lastingKey = "access key"

// identify tells by its form what somebody is.
func identify(text string) subject {
	on := func(kind, where string, params ...any) subject { return subject{text, kind, where, params} }
	switch {
	case isAddress(text):
		return on("address", `sourceipaddress = $1`, text)
	case isNetwork(text):
		return on("network", `contains($1, TRY_CAST(sourceipaddress AS ipaddress))`, text)
	case accountID.MatchString(text):
		return on("account", `useridentity.accountid = $1`, text)
	case principalID.MatchString(text) && strings.Contains(text, ":"):
		return on("principal ID of a session", `useridentity.principalid = $1`, text)
	case principalID.MatchString(text):
		return on("principal ID", `(useridentity.principalid = $1 OR useridentity.sessioncontext.sessionissuer.principalid = $1)`, text)
	case accessKey.MatchString(text):
		kind := lastingKey
		if strings.HasPrefix(text, "ASIA") {
			kind = "temporary access key"
		}
		return on(kind, `useridentity.accesskeyid = $1`, text)
	case roleARN.MatchString(text):
		return on("role", `(useridentity.sessioncontext.sessionissuer.arn = $1 OR useridentity.arn = $1)`, text)
	case strings.HasPrefix(text, "arn:"):
		return on("principal", `useridentity.arn = $1`, text)
	case strings.EqualFold(text, "root"):
		return on("root users", `useridentity."type" = 'Root'`)
	case strings.HasSuffix(text, ".amazonaws.com"), text == "AWS Internal":
		return on("service", `(useridentity.invokedby = $1 OR sourceipaddress = $1)`, text)
	}
	// A user, a role, or the name of a role's session.
	return on("name", `(useridentity.username = $1 OR useridentity.sessioncontext.sessionissuer.username = $1 OR substr(useridentity.arn, length(useridentity.arn) - length($1)) = '/' || $1)`, text)
}

// isAddress: some records have addresses that are none, as 035.249.253.232.
func isAddress(text string) bool {
	_, err := netip.ParseAddr(text)
	return err == nil || dottedQuad.MatchString(text)
}

// isNetwork: an address with a slash behind it, right or wrong. Names of roles
// and their sessions have slashes, too.
func isNetwork(text string) bool {
	address, _, ok := strings.Cut(text, "/")
	return ok && isAddress(address)
}

// network is a prefix without the bits behind it.
func network(text string) (string, error) {
	p, err := netip.ParsePrefix(text)
	if err != nil {
		return "", fmt.Errorf("%s is no network: use an address and the length of its prefix, as 10.8.0.0/16 or 2001:db8::/32", text)
	}
	return p.Masked().String(), nil
}

// deniedEvent is true of an event that was refused for want of permission, or of
// the right password.
const deniedEvent = `((errorcode IS NOT NULL AND regexp_like(errorcode, '(?i)denied|unauthori[sz]ed|forbidden'))
	OR (eventname = 'ConsoleLogin' AND strpos(responseelements, 'Failure') > 0))`

// runWho tells what somebody did, and when.
func runWho(s *Session, ctx context.Context, a arguments) error {
	a, all := a.flag("-v")
	if len(a.words) == 0 {
		return a.misused()
	}
	name := strings.Join(a.words, " ")
	if isNetwork(name) {
		var err error
		if name, err = network(name); err != nil {
			return err
		}
	}
	who := identify(name)
	found, err := s.describe(ctx, who)
	if err != nil || !found {
		return err
	}
	if all {
		result, err := s.athenaRows(ctx, `SELECT eventtime, eventsource, eventname, awsregion, sourceipaddress, errorcode, eventid FROM cloudtrail_logs WHERE `+who.where+` ORDER BY eventtime, eventid`, who.params...)
		if err != nil {
			return err
		}
		return s.show(ctx, result, "")
	}
	result, err := s.athenaRows(ctx, `SELECT "date" AS day, eventsource, eventname, count(*) AS events,
			nullif(count(*) FILTER (WHERE `+deniedEvent+`), 0) AS denied,
			substr(min(eventtime), 12, 8) AS first, substr(max(eventtime), 12, 8) AS last
		FROM cloudtrail_logs WHERE `+who.where+` GROUP BY 1, 2, 3 ORDER BY day, min(eventtime), eventsource, eventname`, who.params...)
	if err != nil {
		return err
	}
	return s.show(ctx, result, "")
}

// aspects are what the head of .who counts events by.
var aspects = []struct{ label, column string }{
	{"identity", `coalesce(useridentity.arn, useridentity.principalid, useridentity.invokedby)`},
	{"key", `useridentity.accesskeyid`},
	{"address", `sourceipaddress`},
	{"agent", `useragent`},
	{"region", `awsregion`},
	{"account", `recipientaccountid`},
	{"service", `eventsource`},
	{"error", `errorcode`},
}

// shownValues of an aspect are named.
const shownValues = 5

// describe prints the head of .who. It is false if there are no events.
func (s *Session) describe(ctx context.Context, who subject) (bool, error) {
	var columns, sets, groupings, values strings.Builder
	for i, a := range aspects {
		fmt.Fprintf(&columns, ", %s AS a%d", a.column, i)
		fmt.Fprintf(&sets, ", (a%d)", i)
		fmt.Fprintf(&groupings, "WHEN GROUPING(a%d) = 0 THEN %d ", i, i)
		fmt.Fprintf(&values, ", a%d", i)
	}
	rows, err := s.athenaLookup(ctx, `WITH e AS (SELECT eventtime, "date", concat_ws(' ', eventsource, eventname) AS action, errorcode, `+deniedEvent+` AS denied`+columns.String()+` FROM cloudtrail_logs WHERE `+who.where+`)
		SELECT CASE `+groupings.String()+`ELSE -1 END AS aspect, coalesce(`+values.String()[2:]+`) AS v, count(*) AS n,
			count(*) FILTER (WHERE denied), count(errorcode), min(eventtime), max(eventtime), count(DISTINCT "date"), count(DISTINCT action)
		FROM e GROUP BY GROUPING SETS (()`+sets.String()+`) ORDER BY aspect, n DESC, v`, who.params...)
	if err != nil {
		return false, err
	}
	made, err := s.madeBy(ctx, who)
	if err != nil {
		return false, err
	}
	if len(rows) == 0 || number(rows[0][2]) == 0 {
		if made != "" {
			made = "; made " + made
		}
		s.printf("(no events of %s %s%s%s)\n", who.kind, who.text, s.inWindow(), made)
		return false, nil
	}
	all := rows[0]
	s.printf("%s: %s\n", who.kind, who.text)
	line := func(label, format string, args ...any) {
		s.printf("  %-10s "+format+"\n", append([]any{label}, args...)...)
	}
	if made != "" {
		line("made", "%s", made)
	}
	line("seen", "%s %s %s, on %s", textOf(all[5]), s.ellipsis(), textOf(all[6]), quantity.Plural(number(all[7]), "day"))
	line("events", "%s of %s; %s denied, %s with an error", quantity.Count(number(all[2])), quantity.Plural(number(all[8]), "action"), quantity.Count(number(all[3])), quantity.Count(number(all[4])))
	byAspect := map[int64][][]any{}
	for _, row := range rows[1:] {
		if row[1] != nil {
			byAspect[number(row[0])] = append(byAspect[number(row[0])], row)
		}
	}
	for i, a := range aspects {
		values := byAspect[int64(i)]
		if len(values) == 0 {
			continue
		}
		label := a.label
		if len(values) > 1 {
			label = pluralLabel(label)
		}
		// What there is only one of is said without its count.
		if len(values) == 1 && number(values[0][2]) == number(all[2]) {
			line(label, "%s", s.fitted(textOf(values[0][1]), s.columns()-13))
			continue
		}
		shown := values[:min(len(values), shownValues)]
		var texts []string
		for _, v := range shown {
			texts = append(texts, textOf(v[1]))
		}
		var parts []string
		for j, text := range s.toldApart(texts, s.columns()-13-len(" (1,000,000),")) {
			parts = append(parts, fmt.Sprintf("%s (%s)", text, quantity.Count(number(shown[j][2]))))
		}
		if more := len(values) - shownValues; more > 0 {
			parts = append(parts, fmt.Sprintf("and %s more", quantity.Count(int64(more))))
		}
		for j, text := range s.wrapped(parts, s.columns()-13) {
			if j > 0 {
				label = ""
			}
			line(label, "%s", text)
		}
	}
	s.printf("\n")
	return true, nil
}

// madeBy says who made a key that lasts, and when; "" if the archive does not
// tell. What is said of temporary keys is for .session.
func (s *Session) madeBy(ctx context.Context, who subject) (string, error) {
	if who.kind != lastingKey {
		return "", nil
	}
	f := &keyFamily{session: s}
	made, err := f.maker(ctx, who.text)
	if err != nil || made == nil {
		return "", err
	}
	by := made.by.arn
	if by == "" {
		by = made.by.service
	}
	return fmt.Sprintf("for %s by %s at %s, event %s", made.owner(), orUnknown(by), made.at, made.id), nil
}

func pluralLabel(label string) string {
	if strings.HasSuffix(label, "y") && label != "key" {
		return strings.TrimSuffix(label, "y") + "ies"
	}
	if strings.HasSuffix(label, "ss") {
		return label + "es"
	}
	return label + "s"
}

// toldApart escapes texts of a log and cuts them in the middle to so many
// columns, but for those that would look the same.
func (s *Session) toldApart(texts []string, columns int) []string {
	shown, times := make([]string, len(texts)), map[string]int{}
	for i, text := range texts {
		shown[i] = s.cutMiddle(escape(text), max(columns, 20))
		times[shown[i]]++
	}
	for i, text := range texts {
		if times[shown[i]] > 1 {
			shown[i] = escape(text)
		}
	}
	return shown
}

// cutMiddle keeps both ends of a text: agents of one kind begin alike. Files and
// pipes get all of it.
func (s *Session) cutMiddle(text string, columns int) string {
	if s.screen.Size == nil || cellWidth(text) <= columns {
		return text
	}
	room := columns - cellWidth(s.ellipsis())
	front, back := cutCells(text, (room+1)/2), text
	for g := uniseg.NewGraphemes(text); cellWidth(back) > room/2 && g.Next(); {
		_, end := g.Positions()
		back = text[end:]
	}
	return front + s.ellipsis() + back
}

// fitted escapes a text of a log and cuts it to so many columns of a screen.
func (s *Session) fitted(text string, columns int) string {
	text = escape(text)
	if s.screen.Size == nil {
		return text
	}
	if cut := cutCells(text, max(columns, 20)); cut != text {
		return cutCells(text, max(columns, 20)-cellWidth(s.ellipsis())) + s.ellipsis()
	}
	return text
}

// wrapped joins parts to lines of so many columns.
func (s *Session) wrapped(parts []string, columns int) []string {
	var lines []string
	line := ""
	for i, p := range parts {
		if i < len(parts)-1 {
			p += ","
		}
		switch {
		case line == "":
			line = p
		case cellWidth(line)+1+cellWidth(p) > columns:
			lines = append(lines, line)
			line = p
		default:
			line += " " + p
		}
	}
	return append(lines, line)
}

// parseEventTime reads the time of an event; the zero time if it is none.
func parseEventTime(text string) time.Time {
	t, _ := time.Parse(time.RFC3339, text)
	return t
}
