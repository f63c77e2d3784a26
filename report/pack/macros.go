package pack

// macro is a short name for SQL. {1} stands for its first argument.
type macro struct {
	arguments int // 0: the name alone, without parentheses
	sql       string
	doc       string
}

// Names of columns stand in macros as they do in a rule: expand makes them
// two-valued. OK is a CASE because engines reorder AND, and would read JSON first.
var macros = map[string]macro{
	"OK": {0, `CASE WHEN errorcode <> '' OR errormessage <> '' THEN false WHEN eventname = 'ConsoleLogin' THEN re(ConsoleLogin) <> 'Failure' ELSE true END`,
		"the call succeeded; a failed sign-in has no errorcode"},
	"DENIED": {0, `(errorcode LIKE '%UnauthorizedOperation' OR errorcode LIKE 'AccessDenied%')`, "the call was not allowed"},
	"ROOT": {0, `(useridentity.type = 'Root' AND useridentity.invokedby = '' AND eventtype <> 'AwsServiceEvent')`,
		"the root user, not a service for it"},
	"ACTOR": {0, `coalesce(useridentity.sessioncontext.sessionissuer.arn, useridentity.arn, useridentity.principalid, useridentity.invokedby, '')`,
		"the principal: the role of a session"},
	"BY_SERVICE": {0, `(useridentity.type = 'AWSService' OR useridentity.invokedby <> '' OR sourceipaddress LIKE '%.amazonaws.com')`,
		"a service did it, for somebody or itself"},
	"OMITTED":           {0, `CASE WHEN requestparameters LIKE '%"omitted":%' THEN rp(omitted) = 'true' ELSE false END`, "the request was too large to be recorded"},
	"request_resources": {0, requestResources, "the names or ARNs of resources in the request"},
	"resource_name":     {1, resourceName, "the name in an ARN; a name as it is"},
	"copy_source": {0, `CASE WHEN strpos(requestparameters, '"x-amz-copy-source"') > 0 THEN regexp_replace(regexp_extract(rpt(x-amz-copy-source), '^\[?"/?([^"]*)', 1), '^arn:[^:]*:s3:::', '') ELSE '' END`,
		"bucket and key that an object is copied from"},
	"world":  {1, `({1} LIKE '%/0')`, "a network that is everything"},
	"number": {1, `coalesce(TRY_CAST({1} AS bigint), -1)`, "the number in a text, -1 for none"},
	// A JSON value that is no array is taken for an array of it.
	"items":     {1, `coalesce(TRY(CAST({1} AS ARRAY(JSON))), ARRAY[{1}])`, "the elements of a JSON array"},
	"statement": {1, `items(json_extract({1}, '$.Statement'))`, "the statements of a policy's text"},
	"member":    {2, `coalesce(json_format(json_extract({1}, '$.{2}')), '')`, "the JSON text of a member"},
	"grants_admin": {1, `coalesce(any_match(statement({1}), s -> json_extract_scalar(s, '$.Effect') = 'Allow'
		AND (regexp_like(member(s, Action), '"(\*|\*:\*|[iI][aA][mM]:\*)"') OR member(s, NotAction) <> '')
		AND (regexp_like(member(s, Resource), '"(\*|arn:[^":]*:(iam|\*):[^":]*:[^":]*:(\*|(role|user|group|policy)/\*))"') OR member(s, NotResource) <> '')), false)`,
		"the policy allows everything, or all of IAM, on everything"},
	"grants_everyone": {1, `coalesce(any_match(statement({1}), s -> json_extract_scalar(s, '$.Effect') = 'Allow'
		AND (regexp_like(member(s, Principal), '^"\*"$|"AWS":("\*"|\[[^\]]*"\*")') OR member(s, NotPrincipal) <> '')
		AND NOT regexp_like(member(s, Condition), '` + narrowing + `')), false)`,
		"the policy allows everybody, without a condition on who or from where"},
}

// jsonColumns are the columns that rp, re, … read, by the macro's name. The one
// with a t behind it gives the JSON text of a part.
var jsonColumns = map[string]string{
	"rp": "requestparameters", "re": "responseelements", "ad": "additionaleventdata", "sd": "serviceeventdetails",
}

// Macros are the names that rules can use, for help, by name: how they are
// written and what they mean.
func Macros() map[string]string {
	m := map[string]string{
		"rp(path)":           "a value in requestparameters; re, ad and sd in responseelements, additionaleventdata and serviceeventdetails",
		"rpt(path)":          "the JSON text of a part of requestparameters; ret, adt and sdt likewise",
		"ev(a, b, …)":        "eventname is one of these; a* stands for any rest",
		"src(a, b, …)":       "eventsource is one of these services",
		"listed(x, $list)":   "x is in the list, in which * stands for any characters",
		"named(x, $list)":    "x is the name or ARN of a resource of the list, by name or ARN",
		"touches($list)":     "the event is about a resource of the list, by name or ARN",
		"foreign_account(x)": "a text names an account that is neither the event's own nor in $own_accounts",
		"$name":              "a parameter's value",
	}
	for name, one := range macros {
		switch one.arguments {
		case 1:
			name += "(x)"
		case 2:
			name += "(x, name)"
		}
		m[name] = one.doc
	}
	return m
}

// narrowing is a pattern for the JSON text of a policy's conditions, without spaces. It
// finds one that holds for some only: an operator that compares and that a missing key
// fails, a key that says who or from where, and values each of which names somebody.
// A value with a * and a wide network name nobody. ForAllValues: and …IfExists hold
// without the key.
const narrowing = `(?i)"(ForAnyValue:)?(` +
	`(StringEquals|StringEqualsIgnoreCase|StringLike)":` + otherKeys + `"(` +
	`(aws:(PrincipalOrgID|PrincipalAccount|SourceVpce|SourceVpc|SourceAccount|SourceOwner|SourceOrgID|userid)|kms:CallerAccount|s3:DataAccessPointAccount)":(` + oneName + `|\[` + oneName + `(,` + oneName + `)*\])|` +
	`aws:(PrincipalOrgPaths|SourceOrgPaths)":(` + onePath + `|\[` + onePath + `(,` + onePath + `)*\]))|` +
	`(StringEquals|StringEqualsIgnoreCase|StringLike|ArnEquals|ArnLike)":` + otherKeys +
	`"(aws:(PrincipalArn|SourceArn)|s3:DataAccessPointArn)":(` + oneARN + `|\[` + oneARN + `(,` + oneARN + `)*\])|` +
	`IpAddress":` + otherKeys + `"aws:SourceIp":(` + oneNetwork + `|\[` + oneNetwork + `(,` + oneNetwork + `)*\]))`

const (
	otherKeys = `\{("([^"\\]|\\.)*":("([^"\\]|\\.)*"|\[[^\]]*\]|[a-z0-9.-]+),)*`
	oneName   = `"[^"\\*?]+"`
	onePath   = `"o-[a-z0-9]+/[^"\\]*"`
	// An ARN has no * at all, or an account.
	oneARN = `("[^"\\*?]+"|"arn:[^":]*:[^":]*:[^":]*:[0-9]+:[^"\\]*")`
	// Amazon S3, too, calls networks wider than these public.
	oneNetwork = `"([0-9.]+(/([89]|[1-3][0-9]))?|[0-9a-f:]*:[0-9a-f:.]*(/(3[2-9]|[4-9][0-9]|1[0-9][0-9]))?)"`
)
