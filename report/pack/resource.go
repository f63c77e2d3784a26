package pack

import (
	"cmp"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/trailql/trailql/engine/dialect"
)

// Requests name a resource by its name, by its ARN or by a part of the ARN, and so do
// people. The name of a resource is what is left of its ARN without where and what it
// is: a bucket with the key behind it, table, function:version, key id, alias/name.
const (
	resourcePrefix = `^(arn:[^:]*:s3:::|(arn:[^:]*:[^:]*:[^:]*:[^:]*:|[0-9]{12}:)((table|function|key|secret|cluster|db)[:/])?|function:)`
	secretSuffix   = `-[A-Za-z0-9]{6}$` // that ARNs of secrets have behind the name
)

var (
	resourceStart = regexp.MustCompile(resourcePrefix)
	secretEnd     = regexp.MustCompile(secretSuffix)
)

// resourcePatterns are what texts of a list stand for, in which * stands for any
// characters.
type resourcePatterns struct {
	names  []string // of resources, wherever they are
	arns   []string
	placed []placedNames
	// What requests to Amazon S3 have: a bucket, or with its key behind it.
	buckets, objects []string
}

// placedNames are those in ARNs that say the same of where the resource is.
type placedNames struct {
	where
	names []string
}

// where a resource is; "" for anywhere.
type where struct{ service, region, account string }

func readResources(list []string) resourcePatterns {
	var r resourcePatterns
	for _, text := range list {
		names := namesOf(text)
		if !strings.HasPrefix(text, "arn:") {
			r.names = append(r.names, names...)
			r.inS3(text)
			continue
		}
		r.arns = append(r.arns, within(text)...)
		if strings.Contains(text, ":secretsmanager:") && !strings.HasSuffix(text, "*") {
			r.arns = append(r.arns, text+"-*")
		}
		var at where
		if parts := strings.SplitN(text, ":", 6); len(parts) == 6 {
			at.service, at.region, at.account = exactly(parts[2]), exactly(parts[3]), exactly(parts[4])
		}
		if (at.service == "s3" || at.service == "") && at.region+at.account == "" {
			r.inS3(resourceStart.ReplaceAllString(text, ""))
		}
		i := slices.IndexFunc(r.placed, func(p placedNames) bool { return p.where == at })
		if i < 0 {
			i = len(r.placed)
			r.placed = append(r.placed, placedNames{where: at})
		}
		r.placed[i].names = append(r.placed[i].names, names...)
	}
	return r
}

func (r *resourcePatterns) inS3(name string) {
	if strings.Contains(name, "/") {
		r.objects = append(r.objects, name)
	} else {
		r.buckets = append(r.buckets, name)
	}
}

// exactly is a text without *, or nothing.
func exactly(text string) string {
	if strings.Contains(text, "*") {
		return ""
	}
	return text
}

// namesOf are the names that a request may have for what a text stands for.
func namesOf(text string) []string {
	name := resourceStart.ReplaceAllString(text, "")
	names := within(name)
	if short := secretEnd.ReplaceAllString(name, ""); strings.Contains(text, ":secretsmanager:") && short != name {
		names = append(names, within(short)...)
	}
	return names
}

// within are a name and what may stand behind it: the key of an object, an index, a
// version.
func within(name string) []string {
	if strings.HasSuffix(name, "*") {
		return []string{name}
	}
	return []string{name, name + "/*", name + ":*"}
}

// listAfter is the list that the last of a call's arguments names.
func (p *pass) listAfter(i int, args [][2]int, form string) ([]string, error) {
	last := p.next(args[len(args)-1][0] - 1)
	if p.tokens[last].Kind != dialect.Parameter {
		return nil, p.fail(i, "write %s", form)
	}
	name := strings.TrimPrefix(p.tokens[last].Text, "$")
	v, known := p.values[name]
	list, isList := v.([]string)
	if !known || !isList {
		return nil, p.fail(last, "there is no list %q", name)
	}
	p.paramNames[name] = true
	return list, nil
}

// named writes named(x, $list): x is the name or ARN of a resource of the list.
func (p *pass) named(i int, args [][2]int) error {
	const form = "named(x, $list)"
	if len(args) != 2 {
		return p.fail(i, "write %s", form)
	}
	list, err := p.listAfter(i, args, form)
	if err != nil {
		return err
	}
	operand, err := p.argument(args[0], false)
	if err != nil {
		return err
	}
	var texts []string
	for _, text := range list {
		texts = append(texts, text, resourceStart.ReplaceAllString(text, ""))
	}
	slices.Sort(texts)
	p.insertList(i, operand, slices.Compact(texts))
	return nil
}

// touches writes touches($list): the event is about a resource of the list.
func (p *pass) touches(i int, args [][2]int) error {
	const form = "touches($list)"
	if len(args) != 1 {
		return p.fail(i, "write %s", form)
	}
	list, err := p.listAfter(i, args, form)
	if err != nil {
		return err
	}
	if len(list) == 0 {
		p.emit(i, "false")
		return nil
	}
	patterns := readResources(list)
	values := maps.Clone(p.values)
	var terms []string
	if len(patterns.names) > 0 {
		requested, resource := namedResources("resource_names", patterns.names, values)
		terms = append(terms, requested, resource)
	}
	if len(patterns.arns) > 0 {
		values["resource_arns"] = patterns.arns
		terms = append(terms, "any_match(request_resources, n -> listed(n, $resource_arns))", "any_match(transform(resources, r -> coalesce(r.arn, '')), n -> listed(n, $resource_arns))")
	}
	for k, one := range patterns.placed {
		name := "resource_names_" + number(int64(k))
		term, _ := namedResources(name, one.names, values)
		if one.service != "" { // rds stands for rds-data, too
			values[name+"_service"] = one.service
			term = "starts_with(eventsource, $" + name + "_service) AND " + term
		}
		if one.region != "" {
			values[name+"_region"] = one.region
			term = "awsregion = $" + name + "_region AND " + term
		}
		if one.account != "" {
			values[name+"_account"] = one.account
			term = "coalesce(recipientaccountid, useridentity.accountid, '') = $" + name + "_account AND " + term
		}
		terms = append(terms, term)
	}
	values["resource_buckets"], values["resource_objects"] = patterns.buckets, patterns.objects
	text := "CASE WHEN " + plainBucket + " THEN listed(rp(bucketName), $resource_buckets) OR listed(" + objectName + ", $resource_objects) ELSE " + strings.Join(terms, " OR ") + " END"
	tokens, err := dialect.Tokens(text)
	if err != nil {
		return p.fail(i, "%v", err)
	}
	inner := &expander{values: values, paramNames: map[string]bool{}, columns: p.columns, flat: p.flat}
	sub := &pass{expander: inner, text: text, tokens: tokens, args: []argument{}, depth: p.depth + 1}
	if err := sub.run(0, len(tokens)); err != nil {
		return p.fail(i, "%v", err)
	}
	p.insert(i, expansion{sql: string(sub.out), params: sub.params})
	return nil
}

// namedResources are conditions that the request names a resource of a list, and that the
// resources of the event do; the list becomes a value. Names are read out of ARNs, and
// resources out of requests, only where parts of the texts of the list are found.
func namedResources(list string, names []string, values map[string]any) (requested, resource string) {
	values[list] = names
	inName, inRequest := "resource_name({1})", "any_match(transform(request_resources, n -> {1}), n -> listed(n, $"+list+"))"
	parts := shortParts(names)
	if !slices.Contains(parts, "") {
		var globs []string
		plain := true
		for _, part := range parts {
			globs = append(globs, "*"+part+"*")
			plain = plain && plainText.MatchString(part)
		}
		values[list+"_parts"] = globs
		// No text of the list takes ''.
		inName = "CASE WHEN listed({1}, $" + list + "_parts) THEN " + inName + " ELSE '' END"
		if plain { // JSON has it as it is, or with \u
			inRequest = "CASE WHEN listed(requestparameters, $" + list + `_parts) OR strpos(requestparameters, '\u') > 0 THEN ` + inRequest + " ELSE false END"
		}
	}
	in := func(name string) string { return strings.ReplaceAll(inName, "{1}", name) }
	return strings.ReplaceAll(inRequest, "{1}", in("n")),
		"any_match(transform(transform(resources, r -> coalesce(r.arn, '')), n -> " + in("n") + "), n -> listed(n, $" + list + "))"
}

// shortParts has a part of each glob: its longest, or one of another that is a part of it.
func shortParts(globs []string) []string {
	var parts []string
	for _, glob := range globs {
		parts = append(parts, longestPart(glob))
	}
	slices.SortFunc(parts, func(a, b string) int { return cmp.Or(cmp.Compare(len(a), len(b)), cmp.Compare(a, b)) })
	var short []string
	for _, part := range parts {
		if !slices.ContainsFunc(short, func(s string) bool { return strings.Contains(part, s) }) {
			short = append(short, part)
		}
	}
	return short
}

var plainText = regexp.MustCompile(`^[A-Za-z0-9_.-]*[A-Za-z_-][A-Za-z0-9_.-]*$`)

// longestPart is the longest of the texts between the * of a glob.
func longestPart(glob string) string {
	return slices.MaxFunc(strings.Split(glob, "*"), func(a, b string) int { return cmp.Compare(len(a), len(b)) })
}

const (
	objectName = `concat(rp(bucketName), '/', coalesce(rp(key), rp(prefix), ''))`
	// plainBucket: the request names the bucket, not an access point. So it is with most,
	// and the list of resources need not be read.
	plainBucket = `eventsource = 's3.amazonaws.com' AND rp(bucketName) <> '' AND NOT starts_with(rp(bucketName), 'arn:') AND NOT rp(bucketName) LIKE '%-s3alias'`
)

// requestResources are the names of resources in a request, by service. The key of an
// object stands behind its bucket.
const requestResources = `CASE split_part(eventsource, '.', 1)
	WHEN 's3' THEN ARRAY[` + objectName + `]
	WHEN 'dynamodb' THEN ARRAY[rp(tableName)]
	WHEN 'lambda' THEN ARRAY[rp(functionName)]
	WHEN 'kms' THEN ARRAY[rp(keyId)]
	WHEN 'rds-data' THEN ARRAY[rp(resourceArn), rp(database)]
	WHEN 'secretsmanager' THEN coalesce(TRY(CAST(json_extract(requestparameters, '$.secretIdList') AS ARRAY(VARCHAR))), ARRAY[rp(secretId)])
	ELSE ARRAY[''] END`

// resourceName is the name of a resource that is given by name or ARN.
const resourceName = `CASE WHEN strpos({1}, ':') = 0 THEN {1}
	WHEN {1} LIKE 'arn:%:secretsmanager:%' THEN regexp_replace(regexp_replace({1}, '` + resourcePrefix + `', ''), '` + secretSuffix + `', '')
	ELSE regexp_replace({1}, '` + resourcePrefix + `', '') END`
