package pack

// evidence are the columns of every row, which together say who, what, when,
// where from, on what and with which outcome, and where in the archive it stands.
// The texts are as in a rule's condition, and may be NULL.
var evidence = []struct{ name, sql string }{
	{"event_time", `eventtime IS`},
	{"account_id", `coalesce(recipientaccountid, useridentity.accountid)`},
	{"region", `awsregion IS`},
	{"actor", `ACTOR`},
	{"actor_type", `useridentity.type IS`},
	{"session_name", `CASE WHEN useridentity.type = 'AssumedRole' THEN regexp_extract(useridentity.arn, '[^/]+$') END`},
	{"access_key_id", `useridentity.accesskeyid IS`},
	{"mfa_authenticated", `coalesce(useridentity.sessioncontext.attributes.mfaauthenticated, CASE WHEN eventname = 'ConsoleLogin' THEN ad(MFAUsed) END)`},
	{"source_ip", `sourceipaddress IS`},
	{"user_agent", `useragent IS`},
	{"vpc_endpoint_id", `vpcendpointid IS`},
	{"event_source", `eventsource IS`},
	{"event_name", `eventname IS`},
	{"resource", `coalesce(element_at(resources, 1).arn, CASE eventsource
		WHEN 's3.amazonaws.com' THEN rp(bucketName) WHEN 'iam.amazonaws.com' THEN coalesce(rp(roleName), rp(userName), rp(groupName), rp(policyArn), rp(instanceProfileName))
		WHEN 'ec2.amazonaws.com' THEN coalesce(rp(instanceId), rp(groupId), rp(vpcId), rp(snapshotId), rp(imageId), rp(networkAclId), rp(routeTableId), rp(instancesSet.items[0].instanceId))
		WHEN 'sts.amazonaws.com' THEN rp(roleArn) WHEN 'lambda.amazonaws.com' THEN rp(functionName) WHEN 'kms.amazonaws.com' THEN rp(keyId) WHEN 'secretsmanager.amazonaws.com' THEN rp(secretId)
		WHEN 'cloudtrail.amazonaws.com' THEN coalesce(rp(name), rp(trailName)) WHEN 'dynamodb.amazonaws.com' THEN rp(tableName) WHEN 'logs.amazonaws.com' THEN rp(logGroupName)
		WHEN 'rds.amazonaws.com' THEN coalesce(rp(dBInstanceIdentifier), rp(dBSnapshotIdentifier), rp(dBClusterIdentifier)) WHEN 'guardduty.amazonaws.com' THEN rp(detectorId)
		ELSE coalesce(rp(name), rp(resourceArn), rp(arn)) END)`},
	{"outcome", `CASE WHEN DENIED THEN 'denied' WHEN OK THEN 'success' ELSE 'failure' END`},
	{"error_code", `errorcode IS`},
	{"event_id", `eventid IS`},
	{"log_object", `sourceobject IS`},
	{"log_index", `CAST(sourceindex AS varchar)`},
	{"log_sha256", ledgerHash},
}

// ledgerHash is the one column that is not of the event but of the object that it
// came in.
const ledgerHash = "log_sha256"

// EvidenceColumns are the columns that every event has, in order. They cover the
// items of PCI DSS 10.2.2 and of NIST AU-3.
func EvidenceColumns() []string {
	names := make([]string, len(evidence))
	for i, e := range evidence {
		names[i] = e.name
	}
	return names
}

// evidenceIndex finds an evidence column; -1 when there is none of that name.
func evidenceIndex(name string) int {
	for i, e := range evidence {
		if e.name == name {
			return i
		}
	}
	return -1
}
