package dialect

import (
	"regexp"
	"sync"
)

// LakeTable is what every table name means in the dialect Lake.
const LakeTable = "cloudtrail_lake"

// standardColumns are the columns of the built-in relations, as ParseType reads
// them. A view over cloudtrail_logs that has all of its columns is named with
// it.
var standardColumns = map[string]string{
	DefaultTable: `STRUCT(eventversion VARCHAR, useridentity ` + athenaIdentity + `, eventtime VARCHAR, eventsource VARCHAR,
		eventname VARCHAR, awsregion VARCHAR, sourceipaddress VARCHAR, useragent VARCHAR, errorcode VARCHAR, errormessage VARCHAR,
		requestparameters JSONTEXT, responseelements JSONTEXT, additionaleventdata JSONTEXT, requestid VARCHAR, eventid VARCHAR,
		resources STRUCT(arn VARCHAR, accountid VARCHAR, "type" VARCHAR)[], eventtype VARCHAR, apiversion VARCHAR, readonly VARCHAR,
		recipientaccountid VARCHAR, serviceeventdetails JSONTEXT, sharedeventid VARCHAR, vpcendpointid VARCHAR,
		vpcendpointaccountid VARCHAR, eventcategory VARCHAR, addendum STRUCT(reason VARCHAR, updatedfields VARCHAR,
		originalrequestid VARCHAR, originaleventid VARCHAR), sessioncredentialfromconsole VARCHAR, edgedevicedetails JSONTEXT,
		tlsdetails STRUCT(tlsversion VARCHAR, ciphersuite VARCHAR, clientprovidedhostheader VARCHAR), managementevent VARCHAR,
		eventcontext JSONTEXT, insightdetails JSONTEXT, sourceidentity VARCHAR, identityprovider VARCHAR, credentialid VARCHAR,
		inscopeof JSONTEXT, tlskeyexchange VARCHAR, unmodeled JSONTEXT, eventtimestamp TIMESTAMP(6) WITH TIME ZONE,
		sourceobject VARCHAR, sourceindex BIGINT, region VARCHAR, "date" VARCHAR)`,
	LakeTable: `STRUCT(eventversion VARCHAR, useridentity STRUCT("type" VARCHAR, principalid VARCHAR, arn VARCHAR, accountid VARCHAR,
		accesskeyid VARCHAR, username VARCHAR, sessioncontext STRUCT(attributes STRUCT(creationdate TIMESTAMP, mfaauthenticated VARCHAR),
		sessionissuer STRUCT("type" VARCHAR, principalid VARCHAR, arn VARCHAR, accountid VARCHAR, username VARCHAR),
		webidfederationdata STRUCT(federatedprovider VARCHAR, attributes MAP(VARCHAR, VARCHAR)), sourceidentity VARCHAR,
		ec2roledelivery VARCHAR, ec2issuedinvpc VARCHAR), onbehalfof STRUCT(userid VARCHAR, identitystorearn VARCHAR),
		inscopeof STRUCT(sourcearn VARCHAR, sourceaccount VARCHAR, issuertype VARCHAR, credentiaisissuedto VARCHAR),
		invokedby VARCHAR, identityprovider VARCHAR), eventtime TIMESTAMP, eventsource VARCHAR, eventname VARCHAR,
		awsregion VARCHAR, sourceipaddress VARCHAR, useragent VARCHAR, errorcode VARCHAR, errormessage VARCHAR,
		requestparameters MAP(VARCHAR, VARCHAR), responseelements MAP(VARCHAR, VARCHAR), additionaleventdata MAP(VARCHAR, VARCHAR),
		requestid VARCHAR, eventid VARCHAR, readonly BOOLEAN, resources STRUCT(accountid VARCHAR, "type" VARCHAR, arn VARCHAR, arnprefix VARCHAR)[],
		eventtype VARCHAR, apiversion VARCHAR, managementevent BOOLEAN, recipientaccountid VARCHAR, sharedeventid VARCHAR,
		annotation VARCHAR, vpcendpointid VARCHAR, vpcendpointaccountid VARCHAR, serviceeventdetails MAP(VARCHAR, VARCHAR),
		addendum MAP(VARCHAR, VARCHAR), edgedevicedetails MAP(VARCHAR, VARCHAR), insightdetails MAP(VARCHAR, VARCHAR),
		eventcategory VARCHAR, tlsdetails STRUCT(tlsversion VARCHAR, ciphersuite VARCHAR, clientprovidedhostheader VARCHAR),
		sessioncredentialfromconsole VARCHAR, eventjson JSONTEXT, eventjsonchecksum VARCHAR,
		eventcontext STRUCT(tagcontext STRUCT(resourcetags STRUCT(arn VARCHAR, tags MAP(VARCHAR, VARCHAR))[], principaltags MAP(VARCHAR, VARCHAR))))`,
	"aws_cloudtrail_log": `STRUCT(api_version VARCHAR, aws_region VARCHAR, error_code VARCHAR, error_message VARCHAR, event_category VARCHAR,
		event_id VARCHAR, event_name VARCHAR, event_source VARCHAR, event_type VARCHAR, event_version VARCHAR,
		recipient_account_id VARCHAR, request_id VARCHAR, session_credential_from_console VARCHAR, shared_event_id VARCHAR,
		source_ip_address VARCHAR, user_agent VARCHAR, vpc_endpoint_id VARCHAR, event_time TIMESTAMP, management_event BOOLEAN,
		read_only BOOLEAN, additional_event_data JSON, edge_device_details JSON, request_parameters JSON, resources JSON,
		response_elements JSON, service_event_details JSON, tls_details STRUCT(cipher_suite VARCHAR, client_provided_host_header VARCHAR,
		tls_version VARCHAR), user_identity STRUCT(access_key_id VARCHAR, account_id VARCHAR, arn VARCHAR, identity_provider VARCHAR,
		invoked_by VARCHAR, principal_id VARCHAR, session_context STRUCT(attributes STRUCT(creation_date TIMESTAMP, mfa_authenticated VARCHAR),
		ec2_role_delivery VARCHAR, session_issuer STRUCT(account_id VARCHAR, arn VARCHAR, principal_id VARCHAR, "type" VARCHAR, user_name VARCHAR),
		web_id_federation_data STRUCT(attributes JSON, federated_provider VARCHAR)), "type" VARCHAR, user_name VARCHAR),
		tp_akas VARCHAR[], tp_date DATE, tp_destination_ip VARCHAR, tp_domains VARCHAR[], tp_emails VARCHAR[], tp_id VARCHAR, tp_index VARCHAR,
		tp_ingest_timestamp TIMESTAMP, tp_ips VARCHAR[], tp_partition VARCHAR, tp_source_ip VARCHAR, tp_source_location VARCHAR,
		tp_source_name VARCHAR, tp_source_type VARCHAR, tp_table VARCHAR, tp_tags VARCHAR[], tp_timestamp TIMESTAMP, tp_usernames VARCHAR[])`,
}

const athenaIdentity = `STRUCT("type" VARCHAR, principalid VARCHAR, arn VARCHAR, accountid VARCHAR, invokedby VARCHAR, accesskeyid VARCHAR,
	username VARCHAR, onbehalfof STRUCT(userid VARCHAR, identitystorearn VARCHAR), sessioncontext STRUCT(attributes STRUCT(
	mfaauthenticated VARCHAR, creationdate VARCHAR), sessionissuer STRUCT("type" VARCHAR, principalid VARCHAR, arn VARCHAR,
	accountid VARCHAR, username VARCHAR), ec2roledelivery VARCHAR, webidfederationdata STRUCT(federatedprovider VARCHAR,
	attributes MAP(VARCHAR, VARCHAR))))`

// sameAsLogs are views with the columns of cloudtrail_logs.
var sameAsLogs = []string{"management_events", "data_events", "insights_events", "network_activity_events"}

// unknownColumns are relations whose columns only the engine knows.
var unknownColumns = []string{"aggregated_events", "source_files", "rejected_records"}

// Days in partition columns.
const (
	dayOfMonth = `substr({date}, 9, 2)`
	slashedDay = `replace({date}, '-', '/')`
	wholeDay   = `{date}`
	compactDay = `replace({date}, '-', '')`
)

// dayFormats are what texts are like in partition columns that are days.
var dayFormats = map[string]*regexp.Regexp{
	dayOfMonth: regexp.MustCompile(`^\d\d?$`),
	slashedDay: regexp.MustCompile(`/`),
	wholeDay:   regexp.MustCompile(`-`),
	compactDay: regexp.MustCompile(`^\d+$`),
}

// partitionColumns are what tables over CloudTrail logs are partitioned by,
// whoever made them. The day comes from the event, not from the log object's
// path, which has the day of delivery.
var partitionColumns = func() []Virtual {
	var list []Virtual
	add := func(sql string, names ...string) {
		for _, n := range names {
			list = append(list, Virtual{Name: n, SQL: sql, Type: Type{Kind: Text}})
		}
	}
	add(`substr({date}, 1, 4)`, "year", "yyyy")
	add(`substr({date}, 6, 2)`, "month", "mm")
	add(dayOfMonth, "day", "dd")
	add(slashedDay, "timestamp", "date_partition", "p_date")
	add(wholeDay, "dt", "eventdate", "ingest_date")
	add(compactDay, "eventday")
	add(`{region}`, "region_partition", "p_region")
	add(`{recipientaccountid}`, "account", "accountid", "account_id", "account_partition", "p_account")
	return append(list, Virtual{Name: "$path", SQL: "{sourceobject}", Type: Type{Kind: Text}})
}()

// standardRelations builds the relations once.
var standardRelations = sync.OnceValue(func() relationSet {
	set := relationSet{}
	for name, columns := range standardColumns {
		set[name] = &Relation{Name: name, Columns: ParseType(columns).Fields}
	}
	logs := set[DefaultTable]
	logs.Virtual = partitionColumns
	for _, name := range sameAsLogs {
		set[name] = &Relation{Name: name, Columns: logs.Columns, Virtual: logs.Virtual}
	}
	for _, name := range unknownColumns {
		set[name] = &Relation{Name: name}
	}
	return set
})

// StandardRelations are the tables and views that every warehouse has.
func StandardRelations() Relations { return standardRelations() }

type relationSet map[string]*Relation

func (s relationSet) Relation(name string) *Relation { return s[name] }

func (s relationSet) Names() []string {
	var names []string
	for n := range s {
		names = append(names, n)
	}
	return names
}
