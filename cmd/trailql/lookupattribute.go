package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"strings"

	"github.com/trailql/trailql/convert/cloudtrail"
)

// attribute is one of what AWS's LookupEvents searches by.
type attribute struct{ key, value string }

// attributeKeys are AWS's names.
var attributeKeys = []string{"EventId", "EventName", "EventSource", "ReadOnly", "Username", "AccessKeyId", "ResourceType", "ResourceName"}

// parseAttributes reads what was given in any of the forms.
func (f *lookupFlags) parseAttributes() ([]attribute, error) {
	var all []attribute
	for _, text := range f.attributes {
		found, err := parseAttribute(strings.TrimSpace(text))
		if err != nil {
			return nil, err
		}
		all = append(all, found...)
	}
	if len(f.keys) != len(f.values) {
		return nil, usagef("%d of --attribute-key and %d of --attribute-value: want as many", len(f.keys), len(f.values))
	}
	for i, k := range f.keys {
		all = append(all, attribute{k, f.values[i]})
	}
	given := map[string]bool{}
	for i := range all {
		if err := all[i].settle(); err != nil {
			return nil, err
		}
		// An event has several resources, but one of everything else.
		if k := all[i].key; given[k] && !strings.HasPrefix(k, "Resource") {
			return nil, usagef("%s is given twice: an event has one", k)
		}
		given[all[i].key] = true
	}
	return all, nil
}

// parseAttribute reads KEY=VALUE, AttributeKey=KEY,AttributeValue=VALUE in either
// order, and a JSON object or list of such.
func parseAttribute(text string) ([]attribute, error) {
	if strings.HasPrefix(text, "[") || strings.HasPrefix(text, "{") {
		if text[0] == '{' {
			text = "[" + text + "]"
		}
		var list []struct{ AttributeKey, AttributeValue string }
		d := json.NewDecoder(strings.NewReader(text))
		d.DisallowUnknownFields()
		if err := d.Decode(&list); err != nil {
			return nil, usagef("lookup attributes: %w", err)
		}
		var all []attribute
		for _, a := range list {
			all = append(all, attribute{a.AttributeKey, a.AttributeValue})
		}
		return all, nil
	}
	const keyName, valueName = "AttributeKey=", "AttributeValue="
	if rest, ok := strings.CutPrefix(text, keyName); ok {
		key, value, ok := strings.Cut(rest, ","+valueName)
		if !ok {
			return nil, usagef("%q: want %sKEY,%sVALUE", text, keyName, valueName)
		}
		return []attribute{{unquoted(key), unquoted(value)}}, nil
	}
	if rest, ok := strings.CutPrefix(text, valueName); ok {
		k := strings.LastIndex(rest, ","+keyName)
		if k < 0 {
			return nil, usagef("%q: want %sKEY,%sVALUE", text, keyName, valueName)
		}
		return []attribute{{unquoted(rest[k+1+len(keyName):]), unquoted(rest[:k])}}, nil
	}
	key, value, ok := strings.Cut(text, "=")
	if !ok {
		return nil, usagef("%q is no attribute: want KEY=VALUE, such as EventName=ConsoleLogin", text)
	}
	return []attribute{{key, value}}, nil
}

// unquoted undoes the quotes that the AWS CLI takes around a value.
func unquoted(text string) string {
	for _, quote := range []string{`"`, `'`} {
		if len(text) > 1 && strings.HasPrefix(text, quote) && strings.HasSuffix(text, quote) {
			return text[1 : len(text)-1]
		}
	}
	return text
}

// settle puts the key into AWS's spelling and checks the value.
func (a *attribute) settle() error {
	known := false
	for _, k := range attributeKeys {
		if strings.EqualFold(k, a.key) {
			a.key, known = k, true
		}
	}
	if !known {
		return usagef("attribute %q: want one of %s", a.key, strings.Join(attributeKeys, ", "))
	}
	if a.value == "" {
		return usagef("attribute %s has no value", a.key)
	}
	if a.key == "ReadOnly" {
		if a.value = strings.ToLower(a.value); a.value != "true" && a.value != "false" {
			return usagef("ReadOnly %q: want true or false", a.value)
		}
	}
	return nil
}

// source is a relation to look events up in: the table, or the view that has the
// records as JSON.
type source struct {
	name   string
	texts  []string                   // requestParameters and responseElements as JSON
	detail func(member string) string // of insightDetails
}

var (
	logsSource = source{"cloudtrail_logs", []string{"requestparameters", "responseelements"},
		func(member string) string { return "json_extract_scalar(insightdetails, '$." + member + "')" }}
	lakeSource = source{"cloudtrail_lake", []string{"json_format(json_extract(eventjson, '$.requestParameters'))", "json_format(json_extract(eventjson, '$.responseElements'))"},
		func(member string) string { return "element_at(insightdetails, '" + member + "')" }}
)

// username is AWS's: the name of the user or of the role's session.
const username = `CASE WHEN useridentity."type" = 'Root' THEN 'root' ELSE coalesce(nullif(useridentity.username, ''),
	CASE WHEN useridentity."type" IN ('AssumedRole', 'FederatedUser') AND strpos(useridentity.principalid, ':') > 0
		THEN substr(useridentity.principalid, strpos(useridentity.principalid, ':') + 1) END) END`

// categoryOf is eventCategory also of records older than that.
const categoryOf = `coalesce(eventcategory, CASE WHEN eventtype = 'AwsCloudTrailInsight' THEN 'Insight'
	WHEN eventtype LIKE 'AwsVpceEvent%' THEN 'NetworkActivity' WHEN CAST(managementevent AS VARCHAR) = 'false' THEN 'Data' ELSE 'Management' END)`

// parseCategory is eventCategory for a word of the command line; "" is all but
// Insight.
func parseCategory(word string) (string, error) {
	switch strings.ToLower(word) {
	case "", "all":
		return strings.ToLower(word), nil
	case "management":
		return "Management", nil
	case "data":
		return "Data", nil
	case "insight", "insights":
		return "Insight", nil
	case "network-activity", "networkactivity":
		return "NetworkActivity", nil
	}
	return "", usagef("--event-category %q: want management, data, network-activity, insight or all", word)
}

// conditions are those of a WHERE on a source, and their parameters: nothing that
// was given is SQL text.
type conditions struct {
	terms  []string
	params []any
}

func (c *conditions) param(v string) string {
	c.params = append(c.params, v)
	return fmt.Sprintf("$%d", len(c.params))
}

func (c *conditions) add(format string, args ...any) {
	c.terms = append(c.terms, fmt.Sprintf(format, args...))
}

func (l *lookup) where(s source) conditions {
	var c conditions
	insights := l.category == "Insight" || l.category == "all"
	for _, a := range l.attributes {
		switch a.key {
		case "EventId":
			c.add("eventid = %s", c.param(a.value))
		case "EventName", "EventSource":
			column := strings.ToLower(a.key)
			if insights {
				column = "coalesce(" + column + ", " + s.detail(strings.ToLower(a.key[:1])+a.key[1:]) + ")"
			}
			c.add("%s = %s", column, c.param(a.value))
		case "ReadOnly":
			c.add("CAST(readonly AS VARCHAR) = %s", c.param(a.value))
		case "AccessKeyId":
			c.add("useridentity.accesskeyid = %s", c.param(a.value))
		case "Username":
			p := c.param(a.value)
			c.add("(useridentity.username = %s OR %s = %s)", p, username, p)
		case "ResourceType":
			c.add(`any_match(resources, r -> r."type" = %s)`, c.param(a.value))
		case "ResourceName":
			p, pattern := c.param(a.value), c.param(valuePattern(a.value))
			either := []string{fmt.Sprintf("any_match(resources, r -> r.arn = %[1]s OR substr(r.arn, length(r.arn) - length(%[1]s)) IN ('/' || %[1]s, ':' || %[1]s))", p)}
			for _, text := range s.texts {
				either = append(either, fmt.Sprintf("regexp_like(%s, %s)", text, pattern))
			}
			c.add("(%s)", strings.Join(either, " OR "))
		}
	}
	if len(l.regions) > 0 {
		var params []string
		for _, r := range l.regions {
			params = append(params, c.param(r))
		}
		c.add("awsregion IN (%s)", strings.Join(params, ", "))
	}
	switch l.category {
	case "":
		c.add("%s <> 'Insight'", categoryOf)
	case "all":
	default:
		c.add("%s = %s", categoryOf, c.param(l.category))
	}
	return c
}

func (c conditions) sql() string {
	if len(c.terms) == 0 {
		return ""
	}
	return " WHERE " + strings.Join(c.terms, " AND ")
}

// valuePattern matches a text where it is a value, not a key, of compact JSON.
func valuePattern(value string) string {
	plain := string(cloudtrail.AppendString(nil, bytes.ToValidUTF8([]byte(value), []byte("\uFFFD"))))
	forms := []string{regexp.QuoteMeta(plain)}
	if escaped, err := json.Marshal(value); err == nil && string(escaped) != plain {
		forms = append(forms, regexp.QuoteMeta(string(escaped)))
	}
	return "(?:" + strings.Join(forms, "|") + ")[,}\\]]"
}
