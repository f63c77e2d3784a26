package repl

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/trailql/trailql/engine/quantity"
)

// Bounds of what .session follows.
const (
	maxChain = 20  // keys upwards
	maxMade  = 500 // keys downwards
)

// keyMakers are the calls that answer with a key: a temporary one, or one that
// lasts.
const keyMakers = `(eventsource = 'sts.amazonaws.com' AND eventname IN ('AssumeRole', 'AssumeRoleWithSAML', 'AssumeRoleWithWebIdentity', 'AssumeRoot', 'GetSessionToken', 'GetFederationToken')
	OR eventsource = 'iam.amazonaws.com' AND eventname = 'CreateAccessKey')`

// madeKey is the key that such a call answered with.
const madeKey = `coalesce(TRY(json_extract_scalar(responseelements, '$.credentials.accessKeyId')), TRY(json_extract_scalar(responseelements, '$.accessKey.accessKeyId')))`

// otherCredentials are the calls that give a user another way in than a key. A
// call that failed has no responseelements.
const otherCredentials = `(eventsource = 'iam.amazonaws.com' AND eventname IN ('CreateLoginProfile', 'CreateServiceSpecificCredential') AND errorcode IS NULL)`

// issue is an event that made a key, or another way in.
type issue struct {
	at, name, id string
	key, arn     string // that were made; of other ways in there is no key
	user         string // whose they are; "" for temporary keys
	by           caller
	address      string
	mfa          string // "true", "false" or ""
	role         string
}

// caller is who made it.
type caller struct{ kind, arn, key, service string }

// use is what was done with a key.
type use struct {
	events, denied int64
	first, last    string
	addresses      []string
	kind, arn      string
	made           string // when it was, as its session says
	issuer         string
	console        bool
}

// runSession follows a key up to where it came from, and down to what was made
// with it.
func runSession(s *Session, ctx context.Context, a arguments) error {
	key, err := a.one()
	if err != nil {
		return err
	}
	if !accessKey.MatchString(key) {
		return fmt.Errorf("%s is no access key such as ASIA… or AKIA… (.who looks for names and addresses)", key)
	}
	defer s.tty.finish()
	f := &keyFamily{session: s, uses: map[string]use{}}
	chain, err := f.up(ctx, key)
	if err != nil {
		return err
	}
	made, err := f.down(ctx, key)
	if err != nil {
		return err
	}
	if len(chain) == 0 && len(made) == 0 && f.uses[key].events == 0 {
		s.printf("(no event has the key %s%s)\n", key, s.inWindow())
		return nil
	}
	var b strings.Builder
	f.write(&b, key, chain, made)
	return s.lines(ctx, strings.TrimRight(b.String(), "\n"))
}

// keyFamily looks up keys.
type keyFamily struct {
	session *Session
	uses    map[string]use
	cycle   bool // a key came from itself, which only a forged record says
	cut     bool // there are more keys than are followed
}

// up finds the events that made the key, the key of their caller, and so on; the
// origin comes last.
func (f *keyFamily) up(ctx context.Context, key string) ([]issue, error) {
	var chain []issue
	seen := map[string]bool{}
	for key != "" && len(chain) < maxChain {
		if seen[key] {
			f.cycle = true
			break
		}
		seen[key] = true
		if err := f.load(ctx, key); err != nil {
			return nil, err
		}
		made, err := f.maker(ctx, key)
		if err != nil {
			return nil, err
		}
		if made == nil {
			break
		}
		chain = append(chain, *made)
		key = made.by.key
	}
	return chain, nil
}

// maker is the event that made a key; nil if it is not in the archive.
func (f *keyFamily) maker(ctx context.Context, key string) (*issue, error) {
	where := keyMakers + " AND strpos(responseelements, $1) > 0 AND " + madeKey + " = $1"
	// A session knows when it was made, which saves reading the other days.
	if at := parseEventTime(f.uses[key].made); !at.IsZero() {
		found, err := f.issues(ctx, where+` AND "date" BETWEEN $2 AND $3`, key, at.Add(-time.Hour).Format(dayLayout), at.Add(time.Hour).Format(dayLayout))
		if err != nil || len(found) > 0 {
			return firstIssue(found), err
		}
	}
	found, err := f.issues(ctx, where, key)
	return firstIssue(found), err
}

func firstIssue(all []issue) *issue {
	if len(all) == 0 {
		return nil
	}
	return &all[0]
}

func (f *keyFamily) issues(ctx context.Context, where string, params ...any) ([]issue, error) {
	rows, err := f.session.athenaLookup(ctx, `SELECT eventtime, eventname, eventid, `+madeKey+`,
			coalesce(TRY(json_extract_scalar(responseelements, '$.assumedRoleUser.arn')), TRY(json_extract_scalar(responseelements, '$.federatedUser.arn'))),
			useridentity."type", coalesce(useridentity.arn, useridentity.principalid), useridentity.accesskeyid, useridentity.invokedby, sourceipaddress,
			useridentity.sessioncontext.attributes.mfaauthenticated, TRY(json_extract_scalar(requestparameters, '$.roleArn')),
			coalesce(TRY(json_extract_scalar(responseelements, '$.accessKey.userName')), TRY(json_extract_scalar(responseelements, '$.loginProfile.userName')),
				TRY(json_extract_scalar(responseelements, '$.serviceSpecificCredential.userName')))
		FROM cloudtrail_logs WHERE `+where+` ORDER BY eventtime, eventid`, params...)
	if err != nil {
		return nil, err
	}
	var all []issue
	for _, row := range rows {
		t := make([]string, len(row))
		for i, v := range row {
			t[i] = textOf(v)
		}
		all = append(all, issue{
			at: t[0], name: t[1], id: t[2], key: t[3], arn: t[4], by: caller{kind: t[5], arn: t[6], key: t[7], service: t[8]},
			address: t[9], mfa: t[10], role: t[11], user: t[12],
		})
	}
	return all, nil
}

// load looks up what was done with keys.
func (f *keyFamily) load(ctx context.Context, keys ...string) error {
	keys = slices.DeleteFunc(slices.Clone(keys), func(k string) bool { _, known := f.uses[k]; return known || k == "" })
	if len(keys) == 0 {
		return nil
	}
	list, params := parameterList(keys)
	rows, err := f.session.athenaLookup(ctx, `SELECT useridentity.accesskeyid, count(*), count(*) FILTER (WHERE `+deniedEvent+`), min(eventtime), max(eventtime),
			json_format(CAST(histogram(sourceipaddress) AS json)), any_value(useridentity."type"), any_value(useridentity.arn),
			min(useridentity.sessioncontext.attributes.creationdate), any_value(useridentity.sessioncontext.sessionissuer.arn),
			coalesce(bool_or(sessioncredentialfromconsole = 'true'), false)
		FROM cloudtrail_logs WHERE useridentity.accesskeyid IN (`+list+`) GROUP BY 1`, params...)
	if err != nil {
		return err
	}
	for _, k := range keys {
		f.uses[k] = use{}
	}
	for _, r := range rows {
		u := use{events: number(r[1]), denied: number(r[2]), first: textOf(r[3]), last: textOf(r[4]), kind: textOf(r[6]), arn: textOf(r[7]), made: textOf(r[8]), issuer: textOf(r[9])}
		for _, v := range mostFrequent(textOf(r[5]), 4) {
			u.addresses = append(u.addresses, v.text)
		}
		u.console, _ = r[10].(bool)
		f.uses[textOf(r[0])] = u
	}
	return nil
}

func parameterList(values []string) (string, []any) {
	var params []any
	for _, v := range values {
		params = append(params, v)
	}
	return strings.TrimSuffix(strings.Repeat("?, ", len(values)), ", "), params
}

// down finds the keys that were made with the key, and with those.
func (f *keyFamily) down(ctx context.Context, key string) (map[string][]issue, error) {
	made := map[string][]issue{}
	seen := map[string]bool{key: true}
	count := 0
	for level := []string{key}; len(level) > 0; {
		list, params := parameterList(level)
		found, err := f.issues(ctx, "useridentity.accesskeyid IN ("+list+") AND ("+keyMakers+" AND "+madeKey+" IS NOT NULL OR "+otherCredentials+")", params...)
		if err != nil {
			return nil, err
		}
		level = nil
		for _, i := range found {
			if seen[i.key] {
				f.cycle = f.cycle || i.key == key
				continue
			}
			if count++; count > maxMade {
				f.cut = true
				break
			}
			made[i.by.key] = append(made[i.by.key], i)
			if i.key != "" {
				seen[i.key] = true
				level = append(level, i.key)
			}
		}
		if err := f.load(ctx, level...); err != nil {
			return nil, err
		}
	}
	return made, nil
}

// write draws the chain from its origin to the key, and the keys below it.
func (f *keyFamily) write(b *strings.Builder, key string, chain []issue, made map[string][]issue) {
	depth := 0
	indent := func() string { return strings.Repeat("  ", depth) }
	f.writeOrigin(b, key, chain)
	for i := len(chain) - 1; i >= 0; i-- {
		depth++
		f.writeIssue(b, indent(), chain[i], chain[i].key == key)
	}
	var below func(of string)
	below = func(of string) {
		depth++
		for _, i := range made[of] {
			f.writeIssue(b, indent(), i, false)
			if i.key != "" {
				below(i.key)
			}
		}
		depth--
	}
	if len(chain) == 0 {
		depth = 0
	}
	below(key)
	if f.cycle {
		b.WriteString("\nThe records say that a key came from itself; the circle is not followed.\n")
	}
	if f.cut {
		printEscaped(b, "\nMore than %d keys and other ways in were made; the others are not shown.\n", maxMade)
	}
}

// writeOrigin says who stands at the beginning, as far as the archive knows.
func (f *keyFamily) writeOrigin(b *strings.Builder, key string, chain []issue) {
	if len(chain) > 0 {
		origin := chain[len(chain)-1].by
		who := origin.arn
		if who == "" {
			who = origin.service
		}
		printEscaped(b, "%s %s", orUnknown(origin.kind), orUnknown(who))
		if origin.key != "" {
			printEscaped(b, "  key %s", origin.key)
		}
		b.WriteString("\n")
		if strings.HasPrefix(origin.key, "ASIA") {
			f.writeUse(b, "  ", f.uses[origin.key])
			f.writeMissing(b, origin.key)
		}
		return
	}
	u := f.uses[key]
	printEscaped(b, "%s %s  key %s  <- asked for\n", orUnknown(u.kind), orUnknown(u.arn), key)
	f.writeUse(b, "  ", u)
	if strings.HasPrefix(key, "ASIA") {
		f.writeMissing(b, key)
	}
}

func (f *keyFamily) writeMissing(b *strings.Builder, key string) {
	if f.cycle {
		return
	}
	u := f.uses[key]
	printEscaped(b, "  The record that made this key is not in the archive%s", f.session.inWindow())
	if u.made != "" {
		printEscaped(b, "; its session began %s", u.made)
		if u.issuer != "" {
			printEscaped(b, " as %s", u.issuer)
		}
	}
	b.WriteString(".\n")
	if u.console {
		b.WriteString("  It is of a session of the console, whose keys are made without a record.\n")
	}
}

func (f *keyFamily) writeIssue(b *strings.Builder, indent string, i issue, asked bool) {
	printEscaped(b, "%s%s %s  from %s", indent, i.at, i.name, orUnknown(i.address))
	if i.mfa != "" {
		printEscaped(b, "  MFA %s", map[string]string{"true": "yes", "false": "no"}[i.mfa])
	}
	printEscaped(b, "  event %s\n", i.id)
	if i.key == "" {
		way := map[string]string{"CreateLoginProfile": "a password for the console", "CreateServiceSpecificCredential": "a password for a service"}[i.name]
		printEscaped(b, "%s-> %s  %s\n", indent, i.owner(), way)
		return
	}
	printEscaped(b, "%s-> %s  key %s", indent, i.owner(), i.key)
	if asked {
		b.WriteString("  <- asked for")
	}
	b.WriteString("\n")
	f.writeUse(b, indent+"   ", f.uses[i.key])
}

// owner is who can do something with what was made.
func (i issue) owner() string {
	switch {
	case i.user != "":
		return "user " + i.user
	case i.arn != "":
		return i.arn
	}
	return orUnknown(i.role)
}

func (f *keyFamily) writeUse(b *strings.Builder, indent string, u use) {
	if u.events == 0 {
		printEscaped(b, "%snot used in the archive%s\n", indent, f.session.inWindow())
		return
	}
	printEscaped(b, "%s%s", indent, quantity.Plural(u.events, "event"))
	if u.denied > 0 {
		printEscaped(b, ", %s denied", quantity.Count(u.denied))
	}
	printEscaped(b, ", %s %s %s", u.first, f.session.ellipsis(), u.last)
	if len(u.addresses) > 0 {
		more := ""
		if len(u.addresses) > 3 {
			u.addresses, more = u.addresses[:3], ", "+f.session.ellipsis()
		}
		printEscaped(b, ", from %s%s", strings.Join(u.addresses, ", "), more)
	}
	b.WriteString("\n")
}

// printEscaped is Fprintf with the texts made safe: a value that holds a line feed
// must not look like a line of ours.
func printEscaped(b *strings.Builder, format string, args ...any) {
	fmt.Fprintf(b, format, escaped(args)...)
}

func orUnknown(s string) string {
	if s == "" {
		return "(unknown)"
	}
	return s
}
