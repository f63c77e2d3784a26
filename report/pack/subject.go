package pack

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

const (
	subjectRule   = "SUBJECT"
	subjectPrefix = "subject_" // of the parameters that say who or what it is
	subjectKeys   = "subject_keys"
	newKeyColumn  = "new_access_key"

	// maxSubjectKeys and maxSubjectDepth bound what is followed.
	maxSubjectKeys  = 500
	maxSubjectDepth = 20
)

var keyForm = regexp.MustCompile(`^[A-Z0-9]{16,128}$`)

// followSubject adds the access keys of sessions and users that the subject made, of
// all that the archive has, and then those that were made with them.
func (l *Library) followSubject(ctx context.Context, ask *lists, values map[string]any) error {
	rule := l.rules[subjectRule]
	if rule == nil || l.Params[subjectKeys] == nil {
		return nil
	}
	for range maxSubjectDepth {
		known, err := l.Values(values)
		if err != nil {
			return err
		}
		given := false
		for name, v := range known {
			given = given || strings.HasPrefix(name, subjectPrefix) && !empty(v)
		}
		if !given {
			return nil
		}
		keys, _ := known[subjectKeys].([]string)
		found, err := l.newKeys(ctx, ask, rule, known)
		if err != nil {
			return fmt.Errorf("follow the keys of the subject: %w", err)
		}
		before := len(keys)
		keys = slices.Clone(keys)
		for _, key := range found {
			if keyForm.MatchString(key) && !slices.Contains(keys, key) && len(keys) < maxSubjectKeys {
				keys = append(keys, key)
			}
		}
		if len(keys) == before {
			return nil
		}
		values[subjectKeys] = keys
	}
	return nil
}

// newKeys are those that events of the subject made.
func (l *Library) newKeys(ctx context.Context, ask *lists, rule *Rule, values map[string]any) ([]string, error) {
	b := &planner{lib: l, values: values}
	column, err := b.column(newKeyColumn)
	if err != nil {
		return nil, err
	}
	where, err := b.expand(rule.Where)
	if err != nil {
		return nil, err
	}
	w := &sqlWriter{}
	w.add("SELECT DISTINCT ")
	w.insert(column)
	w.add(" AS new_key FROM cloudtrail_logs WHERE eventsource IN ('sts.amazonaws.com', 'iam.amazonaws.com')",
		" AND (eventname LIKE 'AssumeRole%' OR eventname IN ('GetSessionToken', 'GetFederationToken', 'CreateAccessKey')) AND (")
	w.insert(where)
	w.add(") ORDER BY 1")
	return ask.firstColumn(ctx, w.statement())
}
