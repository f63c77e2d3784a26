package trino

import (
	"strings"

	"github.com/trailql/trailql/engine/dialect"
)

// shape is a built-in view of cloudtrail_logs, as Trino writes it. A schema that
// has a view of its name is read as it is.
type shape struct {
	name  string
	sql   string   // {table} stands for the table
	needs []string // columns that the table must have
	asIs  bool     // the columns are those of the table
	json  bool     // it has columns of type json, which no view in an Iceberg catalog can have
}

func shapeNamed(name string) *shape {
	for i := range shapes {
		if shapes[i].name == name {
			return &shapes[i]
		}
	}
	return nil
}

// Views are the statements that make the built-in views in a schema, for other
// clients, but aws_cloudtrail_log: cloudtrail_athena has the virtual columns of cloudtrail_logs. schema is
// written as SQL has it.
func Views(schema string) []string {
	table := schema + "." + dialect.DefaultTable
	view := func(name, sql string) string { return "CREATE OR REPLACE VIEW " + schema + "." + name + " AS\n" + sql }
	columns := "SELECT *"
	for _, v := range dialect.StandardRelations().Relation(dialect.DefaultTable).Virtual {
		if !strings.HasPrefix(v.Name, "$") {
			columns += ", " + strings.NewReplacer("{", `"`, "}", `"`).Replace(v.SQL) + " AS " + quoteName(v.Name)
		}
	}
	all := []string{view("cloudtrail_athena", columns+" FROM "+table)}
	for _, s := range shapes {
		if s.json {
			continue
		}
		// Views in an Iceberg catalog have no other precision.
		sql := strings.ReplaceAll(s.sql, "timestamp(3)", "timestamp(6)")
		all = append(all, view(s.name, strings.ReplaceAll(sql, "{table}", table)))
	}
	return all
}

// partitions are the columns that "cloudtrail_logs$partitions" has here.
func partitions(table string) string {
	return `SELECT partition.region AS region, partition."date" AS "date", substr(partition."date", 1, 4) AS year, substr(partition."date", 6, 2) AS month,
	substr(partition."date", 9, 2) AS day, record_count, file_count, total_size FROM ` + table
}

// stringMap turns JSON text into a map of text: what is not text is there as JSON.
func stringMap(column string) string {
	return "transform_values(TRY_CAST(TRY(json_parse(" + column + ")) AS map(varchar, json)), (k, v) -> coalesce(json_extract_scalar(v, '$'), nullif(json_format(v), 'null'))) AS " + column
}

func scalar(column, member string) string {
	return "json_extract_scalar(" + column + ", '$." + member + "')"
}

// timeOf reads an ISO time without failing.
func timeOf(text string) string {
	return "CAST(TRY(from_iso8601_timestamp(" + text + ")) AS timestamp(3))"
}

// columnDepth is how deep objects are columns: the record, userIdentity,
// sessionContext, webIdFederationData, attributes. Below that a value is in a column
// or it is not.
const columnDepth = 5

// recordJSON puts a record together again. What no column can hold is merged over it.
func recordJSON() string {
	text := func(literal func(string) string) string {
		return dialect.RecordText{
			Quote:      func(text string) string { return "json_format(CAST(" + text + " AS json))" },
			Literal:    literal,
			Attributes: func(column string) string { return "json_format(CAST(" + column + " AS json))" },
			Each: func(list, element string) string {
				return "'[' || array_join(transform(" + list + ", r -> " + element + "), ',') || ']'"
			},
		}.SQL()
	}
	plain := text(func(column string) string { return column })
	careful := text(func(column string) string {
		return "if(TRY(json_parse(" + column + ")) IS NOT NULL, " + column + ", json_format(CAST(" + column + " AS json)))"
	})
	return "CASE WHEN unmodeled IS NULL THEN " + plain + " ELSE json_format(" + merged("json_parse("+careful+")", "json_parse(unmodeled)", columnDepth) + ") END"
}

// merged is a JSON object with another one over it.
func merged(under, over string, depth int) string {
	members := func(json string) string { return "CAST(" + json + " AS map(varchar, json))" }
	u, o := "u"+string(rune('0'+depth)), "o"+string(rune('0'+depth))
	both := o
	if depth > 1 {
		object := func(json string) string { return "substr(json_format(" + json + "), 1, 1) = '{'" }
		both = "if(" + object(u) + " AND " + object(o) + ", " + merged(u, o, depth-1) + ", " + o + ")"
	}
	return "CAST(map_zip_with(" + members(under) + ", " + members(over) + ", (k" + u + ", " + u + ", " + o + ") -> CASE WHEN " + o + " IS NULL THEN " + u +
		" WHEN " + u + " IS NULL THEN " + o + " ELSE " + both + " END) AS json)"
}

const olderCategory = `CASE WHEN eventtype = 'AwsCloudTrailInsight' THEN 'Insight' WHEN eventtype = 'AwsVpceEvent' THEN 'NetworkActivity' WHEN managementevent = 'false' THEN 'Data' ELSE 'Management' END`

// ofCategory: records older than eventcategory say by other fields what they are.
func ofCategory(name, category string) shape {
	return shape{name: name, asIs: true, needs: []string{"eventcategory", "eventtype", "managementevent"},
		sql: "SELECT * FROM {table} WHERE coalesce(eventcategory, " + olderCategory + ") = " + quoteText(category)}
}

var shapes = []shape{
	{
		name:  dialect.LakeTable,
		needs: []string{"eventtimestamp", "eventcontext", "unmodeled", "sourceidentity", "inscopeof"},
		sql: `SELECT eventversion,
	if(useridentity IS NOT NULL, CAST(ROW(useridentity.type, useridentity.principalid, useridentity.arn, useridentity.accountid, useridentity.accesskeyid, useridentity.username,
		if(useridentity.sessioncontext IS NOT NULL OR sourceidentity IS NOT NULL, ROW(
			if(useridentity.sessioncontext.attributes IS NOT NULL, ROW(` + timeOf("useridentity.sessioncontext.attributes.creationdate") + `, useridentity.sessioncontext.attributes.mfaauthenticated)),
			useridentity.sessioncontext.sessionissuer, useridentity.sessioncontext.webidfederationdata, sourceidentity, useridentity.sessioncontext.ec2roledelivery, CAST(NULL AS varchar))),
		useridentity.onbehalfof,
		if(inscopeof IS NOT NULL, ROW(` + scalar("inscopeof", "sourceArn") + ", " + scalar("inscopeof", "sourceAccount") + ", " + scalar("inscopeof", "issuerType") + ", " + scalar("inscopeof", "credentialsIssuedTo") + `)),
		useridentity.invokedby, identityprovider) AS ROW("type" varchar, principalid varchar, arn varchar, accountid varchar, accesskeyid varchar, username varchar,
			sessioncontext ROW(attributes ROW(creationdate timestamp(3), mfaauthenticated varchar),
				sessionissuer ROW("type" varchar, principalid varchar, arn varchar, accountid varchar, username varchar),
				webidfederationdata ROW(federatedprovider varchar, attributes map(varchar, varchar)), sourceidentity varchar, ec2roledelivery varchar, ec2issuedinvpc varchar),
			onbehalfof ROW(userid varchar, identitystorearn varchar), inscopeof ROW(sourcearn varchar, sourceaccount varchar, issuertype varchar, credentiaisissuedto varchar),
			invokedby varchar, identityprovider varchar))) AS useridentity,
	CAST(eventtimestamp AS timestamp(3)) AS eventtime, eventsource, eventname, awsregion, sourceipaddress, useragent, errorcode, errormessage,
	` + stringMap("requestparameters") + `, ` + stringMap("responseelements") + `, ` + stringMap("additionaleventdata") + `,
	requestid, eventid, TRY_CAST(readonly AS boolean) AS readonly,
	transform(resources, r -> CAST(ROW(r.accountid, r.type, r.arn, NULL) AS ROW(accountid varchar, "type" varchar, arn varchar, arnprefix varchar))) AS resources,
	eventtype, apiversion, TRY_CAST(managementevent AS boolean) AS managementevent, recipientaccountid, sharedeventid,
	CAST(NULL AS varchar) AS annotation, vpcendpointid, vpcendpointaccountid, ` + stringMap("serviceeventdetails") + `,
	if(addendum IS NOT NULL, map_filter(map(ARRAY['reason', 'updatedFields', 'originalRequestID', 'originalEventID'],
		ARRAY[addendum.reason, addendum.updatedfields, addendum.originalrequestid, addendum.originaleventid]), (k, v) -> v IS NOT NULL)) AS addendum,
	` + stringMap("edgedevicedetails") + `, ` + stringMap("insightdetails") + `, eventcategory, tlsdetails, sessioncredentialfromconsole,
	` + recordJSON() + ` AS eventjson, CAST(NULL AS varchar) AS eventjsonchecksum,
	TRY_CAST(TRY(json_parse(eventcontext)) AS ROW(tagcontext ROW(resourcetags array(ROW(arn varchar, tags map(varchar, varchar))), principaltags map(varchar, varchar)))) AS eventcontext
FROM {table}`,
	},
	{
		name:  "aws_cloudtrail_log",
		json:  true,
		needs: []string{"eventtimestamp", "managementevent", "identityprovider"},
		sql: `SELECT apiversion AS api_version, awsregion AS aws_region, errorcode AS error_code, errormessage AS error_message,
	eventcategory AS event_category, eventid AS event_id, eventname AS event_name, eventsource AS event_source, eventtype AS event_type,
	eventversion AS event_version, recipientaccountid AS recipient_account_id, requestid AS request_id,
	sessioncredentialfromconsole AS session_credential_from_console, sharedeventid AS shared_event_id, sourceipaddress AS source_ip_address,
	useragent AS user_agent, vpcendpointid AS vpc_endpoint_id, CAST(eventtimestamp AS timestamp(3)) AS event_time,
	TRY_CAST(managementevent AS boolean) AS management_event, TRY_CAST(readonly AS boolean) AS read_only,
	TRY(json_parse(additionaleventdata)) AS additional_event_data, TRY(json_parse(edgedevicedetails)) AS edge_device_details,
	TRY(json_parse(requestparameters)) AS request_parameters,
	CAST(transform(resources, r -> CAST(ROW(r.arn, r.accountid, r.type) AS ROW("ARN" varchar, "accountId" varchar, "type" varchar))) AS json) AS resources,
	TRY(json_parse(responseelements)) AS response_elements, TRY(json_parse(serviceeventdetails)) AS service_event_details,
	if(tlsdetails IS NOT NULL, CAST(ROW(tlsdetails.ciphersuite, tlsdetails.clientprovidedhostheader, tlsdetails.tlsversion)
		AS ROW(cipher_suite varchar, client_provided_host_header varchar, tls_version varchar))) AS tls_details,
	if(useridentity IS NOT NULL, CAST(ROW(useridentity.accesskeyid, useridentity.accountid, useridentity.arn, identityprovider, useridentity.invokedby, useridentity.principalid,
		if(useridentity.sessioncontext IS NOT NULL, ROW(
			if(useridentity.sessioncontext.attributes IS NOT NULL, ROW(` + timeOf("useridentity.sessioncontext.attributes.creationdate") + `, useridentity.sessioncontext.attributes.mfaauthenticated)),
			useridentity.sessioncontext.ec2roledelivery,
			if(useridentity.sessioncontext.sessionissuer IS NOT NULL, ROW(useridentity.sessioncontext.sessionissuer.accountid, useridentity.sessioncontext.sessionissuer.arn,
				useridentity.sessioncontext.sessionissuer.principalid, useridentity.sessioncontext.sessionissuer.type, useridentity.sessioncontext.sessionissuer.username)),
			if(useridentity.sessioncontext.webidfederationdata IS NOT NULL, ROW(CAST(useridentity.sessioncontext.webidfederationdata.attributes AS json),
				useridentity.sessioncontext.webidfederationdata.federatedprovider)))),
		useridentity.type, useridentity.username) AS ROW(access_key_id varchar, account_id varchar, arn varchar, identity_provider varchar, invoked_by varchar, principal_id varchar,
			session_context ROW(attributes ROW(creation_date timestamp(3), mfa_authenticated varchar), ec2_role_delivery varchar,
				session_issuer ROW(account_id varchar, arn varchar, principal_id varchar, "type" varchar, user_name varchar),
				web_id_federation_data ROW(attributes json, federated_provider varchar)), "type" varchar, user_name varchar))) AS user_identity,
	filter(transform(resources, r -> r.arn), a -> a IS NOT NULL) AS tp_akas, CAST("date" AS date) AS tp_date, CAST(NULL AS varchar) AS tp_destination_ip,
	CAST(NULL AS array(varchar)) AS tp_domains, CAST(NULL AS array(varchar)) AS tp_emails, eventid AS tp_id, recipientaccountid AS tp_index,
	CAST(NULL AS timestamp(3)) AS tp_ingest_timestamp, if(sourceipaddress IS NOT NULL, ARRAY[sourceipaddress]) AS tp_ips,
	'default' AS tp_partition, sourceipaddress AS tp_source_ip, sourceobject AS tp_source_location, CAST(NULL AS varchar) AS tp_source_name,
	'trailql' AS tp_source_type, 'aws_cloudtrail_log' AS tp_table, CAST(NULL AS array(varchar)) AS tp_tags, CAST(eventtimestamp AS timestamp(3)) AS tp_timestamp,
	if(useridentity.username IS NOT NULL, ARRAY[useridentity.username]) AS tp_usernames
FROM {table}`,
	},
	ofCategory("management_events", "Management"),
	ofCategory("data_events", "Data"),
	ofCategory("insights_events", "Insight"),
	ofCategory("network_activity_events", "NetworkActivity"),
}
