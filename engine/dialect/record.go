package dialect

import (
	"slices"
	"strings"
)

// RecordText is SQL that writes a record as JSON text again, of the columns of
// cloudtrail_logs and in the order of its documentation. Its fields write what
// DuckDB and Trino write differently.
type RecordText struct {
	Quote      func(text string) string          // a text as JSON
	Literal    func(column string) string        // a column that holds JSON
	Attributes func(column string) string        // a map of texts as JSON
	Each       func(list, element string) string // an array of the JSON of each r
}

// jsonObject writes the members of a JSON object that are not null: pairs of a
// key and an expression of JSON text.
func jsonObject(members ...string) string {
	var parts []string
	for i := 0; i+1 < len(members); i += 2 {
		parts = append(parts, `'"`+members[i]+`":' || `+members[i+1])
	}
	return "('{' || concat_ws(',', " + strings.Join(parts, ", ") + ") || '}')"
}

// texts are the members of an object that are text columns below a prefix.
func (t RecordText) texts(prefix string, keysAndColumns ...string) []string {
	var members []string
	for i := 0; i+1 < len(keysAndColumns); i += 2 {
		members = append(members, keysAndColumns[i], t.Quote(prefix+keysAndColumns[i+1]))
	}
	return members
}

// unless is an object that is there only if one of the columns is.
func unless(columns string, members ...string) string {
	condition := strings.ReplaceAll(columns, ",", " IS NOT NULL OR ") + " IS NOT NULL"
	return "CASE WHEN " + condition + " THEN " + jsonObject(members...) + " END"
}

// SQL is the expression. A value that no column can hold is not in it.
func (t RecordText) SQL() string {
	texts, literal := t.texts, t.Literal
	const identity, session = "useridentity.", "useridentity.sessioncontext."
	issuer := unless(session+"sessionissuer", texts(session+"sessionissuer.", "type", `"type"`, "principalId", "principalid", "arn", "arn", "accountId", "accountid", "userName", "username")...)
	federation := unless(session+"webidfederationdata", append(texts(session+"webidfederationdata.", "federatedProvider", "federatedprovider"),
		"attributes", t.Attributes(session+"webidfederationdata.attributes"))...)
	attributes := unless(session+"attributes", texts(session+"attributes.", "creationDate", "creationdate", "mfaAuthenticated", "mfaauthenticated")...)
	context := slices.Concat([]string{"sessionIssuer", issuer, "webIdFederationData", federation, "attributes", attributes},
		texts("", "sourceIdentity", "sourceidentity"), texts(session, "ec2RoleDelivery", "ec2roledelivery"))
	user := slices.Concat(texts(identity, "type", `"type"`, "principalId", "principalid", "arn", "arn", "accountId", "accountid", "invokedBy", "invokedby",
		"accessKeyId", "accesskeyid", "userName", "username"), texts("", "identityProvider", "identityprovider", "credentialId", "credentialid"),
		[]string{"onBehalfOf", unless(identity+"onbehalfof", texts(identity+"onbehalfof.", "userId", "userid", "identityStoreArn", "identitystorearn")...),
			"inScopeOf", literal("inscopeof"), "sessionContext", unless(identity+"sessioncontext,sourceidentity", context...)})
	resource := jsonObject(texts("r.", "accountId", "accountid", "type", `"type"`, "ARN", "arn")...)
	record := slices.Concat(texts("", "eventVersion", "eventversion"), []string{"userIdentity", unless("useridentity", user...)},
		texts("", "eventTime", "eventtime", "eventSource", "eventsource", "eventName", "eventname", "awsRegion", "awsregion", "sourceIPAddress", "sourceipaddress",
			"userAgent", "useragent", "errorCode", "errorcode", "errorMessage", "errormessage"),
		[]string{"requestParameters", literal("requestparameters"), "responseElements", literal("responseelements"), "additionalEventData", literal("additionaleventdata")},
		texts("", "requestID", "requestid", "eventID", "eventid"),
		[]string{"readOnly", literal("readonly"), "resources", t.Each("resources", resource)},
		texts("", "eventType", "eventtype", "apiVersion", "apiversion"), []string{"managementEvent", literal("managementevent")},
		texts("", "recipientAccountId", "recipientaccountid", "sharedEventID", "sharedeventid", "vpcEndpointId", "vpcendpointid",
			"vpcEndpointAccountId", "vpcendpointaccountid", "eventCategory", "eventcategory"),
		[]string{"serviceEventDetails", literal("serviceeventdetails"),
			"addendum", unless("addendum", texts("addendum.", "reason", "reason", "updatedFields", "updatedfields", "originalRequestID", "originalrequestid", "originalEventID", "originaleventid")...),
			"edgeDeviceDetails", literal("edgedevicedetails"), "insightDetails", literal("insightdetails"), "eventContext", literal("eventcontext"),
			"tlsDetails", unless("tlsdetails", append(texts("tlsdetails.", "tlsVersion", "tlsversion", "cipherSuite", "ciphersuite",
				"clientProvidedHostHeader", "clientprovidedhostheader"), texts("", "keyExchange", "tlskeyexchange")...)...)},
		texts("", "sessionCredentialFromConsole", "sessioncredentialfromconsole"))
	return jsonObject(record...)
}
