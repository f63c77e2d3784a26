//go:build cgo && duckdb_arrow

package duck

import (
	"strings"

	"github.com/trailql/trailql/catalog"
	"github.com/trailql/trailql/engine/dialect"
)

// shape is a built-in view that gives a table the columns that other people's
// queries expect.
type shape struct {
	name string
	of   string // the table
	// sql is the query; {table} stands for the table.
	sql string
	// facts are what partitions say about the view's columns; nil: the same as
	// about the table's.
	facts map[string]fact
	asIs  bool     // the columns are those of the table
	needs []string // columns that the table must have
	// needles are the columns with Bloom filters, by the view's names; nil: they
	// are called as the table's.
	needles map[string]string
}

// fits reports whether the table has what the view reads.
func (s *shape) fits(t *catalog.Table) bool {
	for _, name := range s.needs {
		if _, ok := t.Schema().FindFieldByName(name); !ok {
			return false
		}
	}
	return true
}

// over is the query on a table under another name.
func (s *shape) over(table string) string {
	return strings.ReplaceAll(s.sql, "{table}", quoteName(table))
}

// stringMap turns JSON text into a map of text, as CloudTrail Lake has it: what
// is not text is there as JSON.
func stringMap(column string) string {
	return "TRY_CAST(TRY_CAST(" + column + " AS JSON) AS MAP(VARCHAR, VARCHAR)) AS " + column
}

// recordJSON puts a record together again, in the order of its documentation.
// What no column can hold is merged over it; that a member is there and null,
// which is most of it, is only written behind.
func recordJSON() string {
	object := recordObject(func(column string) string { return column })
	// A value of another type may stand in such a column as plain text; what it is
	// comes from unmodeled.
	careful := recordObject(func(column string) string {
		return "CASE WHEN json_valid(" + column + ") THEN " + column + " ELSE CAST(json_quote(" + column + ") AS VARCHAR) END"
	})
	return `CASE WHEN unmodeled IS NULL THEN ` + object + `
		WHEN regexp_full_match(unmodeled, '\{("[A-Za-z0-9]+":null,?)+\}') THEN ` + strings.TrimSuffix(object, " || '}')") + ` || ',' || substr(unmodeled, 2))
		ELSE coalesce(merge_record(` + careful + `, unmodeled), error('the record is not JSON')) END`
}

func recordObject(literal func(column string) string) string {
	return dialect.RecordText{
		Literal:    literal,
		Quote:      func(text string) string { return "CAST(json_quote(" + text + ") AS VARCHAR)" },
		Attributes: func(column string) string { return "CAST(to_json(" + column + ") AS VARCHAR)" },
		Each: func(list, element string) string {
			return "'[' || array_to_string(list_transform(" + list + ", r -> " + element + "), ',') || ']'"
		},
	}.SQL()
}

var shapes = []shape{
	{
		name: dialect.LakeTable, of: dialect.DefaultTable,
		needs: []string{"eventtimestamp", "eventcontext", "unmodeled", "sourceidentity", "inscopeof"},
		facts: map[string]fact{"eventtime": timeUTC, "awsregion": recordRegion},
		sql: `SELECT eventversion,
	CASE WHEN useridentity IS NOT NULL THEN struct_pack("type" := useridentity."type", principalid := useridentity.principalid, arn := useridentity.arn,
		accountid := useridentity.accountid, accesskeyid := useridentity.accesskeyid, username := useridentity.username,
		sessioncontext := CASE WHEN useridentity.sessioncontext IS NOT NULL OR sourceidentity IS NOT NULL THEN struct_pack(
			attributes := CASE WHEN useridentity.sessioncontext.attributes IS NOT NULL THEN struct_pack(
				creationdate := CAST(TRY_CAST(useridentity.sessioncontext.attributes.creationdate AS TIMESTAMPTZ) AS TIMESTAMP),
				mfaauthenticated := useridentity.sessioncontext.attributes.mfaauthenticated) END,
			sessionissuer := useridentity.sessioncontext.sessionissuer,
			webidfederationdata := useridentity.sessioncontext.webidfederationdata,
			sourceidentity := sourceidentity, ec2roledelivery := useridentity.sessioncontext.ec2roledelivery, ec2issuedinvpc := CAST(NULL AS VARCHAR)) END,
		onbehalfof := useridentity.onbehalfof,
		inscopeof := CASE WHEN inscopeof IS NOT NULL THEN struct_pack(sourcearn := json_extract_string(inscopeof, '$.sourceArn'),
			sourceaccount := json_extract_string(inscopeof, '$.sourceAccount'), issuertype := json_extract_string(inscopeof, '$.issuerType'),
			credentiaisissuedto := json_extract_string(inscopeof, '$.credentialsIssuedTo')) END,
		invokedby := useridentity.invokedby, identityprovider := identityprovider) END AS useridentity,
	CAST(eventtimestamp AS TIMESTAMP) AS eventtime, eventsource, eventname, awsregion, sourceipaddress, useragent, errorcode, errormessage,
	` + stringMap("requestparameters") + `, ` + stringMap("responseelements") + `, ` + stringMap("additionaleventdata") + `,
	requestid, eventid, TRY_CAST(readonly AS BOOLEAN) AS readonly,
	list_transform(resources, r -> struct_pack(accountid := r.accountid, "type" := r."type", arn := r.arn, arnprefix := CAST(NULL AS VARCHAR))) AS resources,
	eventtype, apiversion, TRY_CAST(managementevent AS BOOLEAN) AS managementevent, recipientaccountid, sharedeventid,
	CAST(NULL AS VARCHAR) AS annotation, vpcendpointid, vpcendpointaccountid, ` + stringMap("serviceeventdetails") + `,
	CASE WHEN addendum IS NOT NULL THEN map_from_entries(list_filter([struct_pack(k := 'reason', v := addendum.reason), struct_pack(k := 'updatedFields', v := addendum.updatedfields),
		struct_pack(k := 'originalRequestID', v := addendum.originalrequestid), struct_pack(k := 'originalEventID', v := addendum.originaleventid)], e -> e.v IS NOT NULL)) END AS addendum,
	` + stringMap("edgedevicedetails") + `, ` + stringMap("insightdetails") + `, eventcategory, tlsdetails, sessioncredentialfromconsole,
	` + recordJSON() + ` AS eventjson, CAST(NULL AS VARCHAR) AS eventjsonchecksum,
	TRY_CAST(TRY_CAST(eventcontext AS JSON) AS STRUCT(tagcontext STRUCT(resourcetags STRUCT(arn VARCHAR, tags MAP(VARCHAR, VARCHAR))[], principaltags MAP(VARCHAR, VARCHAR)))) AS eventcontext
FROM {table}`,
	},
	{
		name: "aws_cloudtrail_log", of: dialect.DefaultTable, needles: tailpipePaths,
		needs: []string{"eventtimestamp", "managementevent", "identityprovider"},
		facts: map[string]fact{"event_time": timeUTC, "tp_timestamp": timeUTC, "tp_date": exactDay, "aws_region": recordRegion},
		sql: `SELECT apiversion AS api_version, awsregion AS aws_region, errorcode AS error_code, errormessage AS error_message,
	eventcategory AS event_category, eventid AS event_id, eventname AS event_name, eventsource AS event_source, eventtype AS event_type,
	eventversion AS event_version, recipientaccountid AS recipient_account_id, requestid AS request_id,
	sessioncredentialfromconsole AS session_credential_from_console, sharedeventid AS shared_event_id, sourceipaddress AS source_ip_address,
	useragent AS user_agent, vpcendpointid AS vpc_endpoint_id, CAST(eventtimestamp AS TIMESTAMP) AS event_time,
	TRY_CAST(managementevent AS BOOLEAN) AS management_event, TRY_CAST(readonly AS BOOLEAN) AS read_only,
	TRY_CAST(additionaleventdata AS JSON) AS additional_event_data, TRY_CAST(edgedevicedetails AS JSON) AS edge_device_details,
	TRY_CAST(requestparameters AS JSON) AS request_parameters,
	CASE WHEN resources IS NOT NULL THEN to_json(list_transform(resources, r -> json_object('ARN', r.arn, 'accountId', r.accountid, 'type', r."type"))) END AS resources,
	TRY_CAST(responseelements AS JSON) AS response_elements, TRY_CAST(serviceeventdetails AS JSON) AS service_event_details,
	CASE WHEN tlsdetails IS NOT NULL THEN struct_pack(cipher_suite := tlsdetails.ciphersuite, client_provided_host_header := tlsdetails.clientprovidedhostheader, tls_version := tlsdetails.tlsversion) END AS tls_details,
	CASE WHEN useridentity IS NOT NULL THEN struct_pack(access_key_id := useridentity.accesskeyid, account_id := useridentity.accountid, arn := useridentity.arn,
		identity_provider := identityprovider, invoked_by := useridentity.invokedby, principal_id := useridentity.principalid,
		session_context := CASE WHEN useridentity.sessioncontext IS NOT NULL THEN struct_pack(
			attributes := CASE WHEN useridentity.sessioncontext.attributes IS NOT NULL THEN struct_pack(
				creation_date := CAST(TRY_CAST(useridentity.sessioncontext.attributes.creationdate AS TIMESTAMPTZ) AS TIMESTAMP),
				mfa_authenticated := useridentity.sessioncontext.attributes.mfaauthenticated) END,
			ec2_role_delivery := useridentity.sessioncontext.ec2roledelivery,
			session_issuer := CASE WHEN useridentity.sessioncontext.sessionissuer IS NOT NULL THEN struct_pack(account_id := useridentity.sessioncontext.sessionissuer.accountid,
				arn := useridentity.sessioncontext.sessionissuer.arn, principal_id := useridentity.sessioncontext.sessionissuer.principalid,
				"type" := useridentity.sessioncontext.sessionissuer."type", user_name := useridentity.sessioncontext.sessionissuer.username) END,
			web_id_federation_data := CASE WHEN useridentity.sessioncontext.webidfederationdata IS NOT NULL THEN struct_pack(
				attributes := to_json(useridentity.sessioncontext.webidfederationdata.attributes),
				federated_provider := useridentity.sessioncontext.webidfederationdata.federatedprovider) END) END,
		"type" := useridentity."type", user_name := useridentity.username) END AS user_identity,
	list_filter(list_transform(resources, r -> r.arn), a -> a IS NOT NULL) AS tp_akas, CAST("date" AS DATE) AS tp_date, CAST(NULL AS VARCHAR) AS tp_destination_ip,
	CAST(NULL AS VARCHAR[]) AS tp_domains, CAST(NULL AS VARCHAR[]) AS tp_emails, eventid AS tp_id, recipientaccountid AS tp_index,
	CAST(NULL AS TIMESTAMP) AS tp_ingest_timestamp, CASE WHEN sourceipaddress IS NOT NULL THEN [sourceipaddress] END AS tp_ips,
	'default' AS tp_partition, sourceipaddress AS tp_source_ip, sourceobject AS tp_source_location, CAST(NULL AS VARCHAR) AS tp_source_name,
	'trailql' AS tp_source_type, 'aws_cloudtrail_log' AS tp_table, CAST(NULL AS VARCHAR[]) AS tp_tags, CAST(eventtimestamp AS TIMESTAMP) AS tp_timestamp,
	CASE WHEN useridentity.username IS NOT NULL THEN [useridentity.username] END AS tp_usernames
FROM {table}`,
	},
	// Records older than eventcategory say by other fields what they are.
	{name: "management_events", of: dialect.DefaultTable, asIs: true, needs: categoryColumns, sql: `SELECT * FROM {table} WHERE coalesce(eventcategory, ` + olderCategory + `) = 'Management'`},
	{name: "data_events", of: dialect.DefaultTable, asIs: true, needs: categoryColumns, sql: `SELECT * FROM {table} WHERE coalesce(eventcategory, ` + olderCategory + `) = 'Data'`},
	{name: "insights_events", of: dialect.DefaultTable, asIs: true, needs: categoryColumns, sql: `SELECT * FROM {table} WHERE coalesce(eventcategory, ` + olderCategory + `) = 'Insight'`},
	{name: "network_activity_events", of: dialect.DefaultTable, asIs: true, needs: categoryColumns, sql: `SELECT * FROM {table} WHERE coalesce(eventcategory, ` + olderCategory + `) = 'NetworkActivity'`},
}

var categoryColumns = []string{"eventcategory", "eventtype", "managementevent"}

const olderCategory = `CASE WHEN eventtype = 'AwsCloudTrailInsight' THEN 'Insight' WHEN eventtype = 'AwsVpceEvent' THEN 'NetworkActivity' WHEN managementevent = 'false' THEN 'Data' ELSE 'Management' END`
