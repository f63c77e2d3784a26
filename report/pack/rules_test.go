//go:build cgo && duckdb_arrow

package pack_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/trailql/trailql/report/pack"
)

// testParams give every rule what it needs.
var testParams = map[string]any{
	"trail_buckets": []string{"trail-bucket"}, "trail_log_groups": []string{"trail-group"}, "trail_keys": []string{"1234abcd"},
	"regulated": []string{"patients*", "arn:aws:dynamodb:eu-west-1:111111111111:table/members", "arn:aws:s3:::cards*", "arn:aws:s3:::mixed/secret/*", "arn:aws:lambda:eu-west-1:111111111111:function:pay", "arn:aws:kms:eu-west-1:111111111111:key/0000-1", "alias/vault", "arn:aws:secretsmanager:eu-west-1:111111111111:secret:card/pin-AbCdEf", "totals"}, "archive_accounts": []string{"444444444444"}, "log_readers": []string{"*:role/auditor"}, "log_admins": []string{"*:role/platform"},
	"service_accounts": []string{"*:user/app"}, "leavers": []string{"gone"}, "pipeline": []string{"*erraform*"}, "admin_principals": []string{"*:role/Admin"},
	"own_accounts": []string{"222222222222"}, "known_addresses": []string{"198.51.100.7"}, "subject_keys": []string{"AKIAIOSFODNN7SUBJCT"},
}

// ruleCase is one record and what has to be said of it.
type ruleCase struct {
	name   string
	record string // merged over a plain call of user alice
	takes  string // rules, each maybe with :severity
	not    string
}

const plainRecord = `{"eventVersion":"1.08","eventTime":"2025-06-01T10:00:00Z","awsRegion":"eu-west-1","recipientAccountId":"111111111111",
	"sourceIPAddress":"203.0.113.9","userAgent":"aws-cli/2","eventType":"AwsApiCall","eventCategory":"Management","readOnly":false,"managementEvent":true,
	"requestParameters":null,"responseElements":null,
	"userIdentity":{"type":"IAMUser","principalId":"AIDA1","arn":"arn:aws:iam::111111111111:user/alice","accountId":"111111111111","userName":"alice","accessKeyId":"AKIAIOSFODNN7EXAMPLE"}}`

const (
	rootUser   = `"userIdentity":{"type":"Root","principalId":"111111111111","arn":"arn:aws:iam::111111111111:root","accountId":"111111111111"}`
	signIn     = `"eventSource":"signin.amazonaws.com","eventName":"ConsoleLogin","eventType":"AwsConsoleSignIn"`
	adminRole  = `"userIdentity":{"type":"AssumedRole","arn":"arn:aws:sts::111111111111:assumed-role/Admin/bob","accountId":"111111111111","sessionContext":{"sessionIssuer":{"arn":"arn:aws:iam::111111111111:role/Admin"}}}`
	everyone   = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"s3:GetObject","Resource":"arn:aws:s3:::b/*"}]}`
	everyoneIf = `{"Statement":{"Effect":"Allow","Principal":{"AWS":["*"]},"Action":"s3:*","Resource":"*","Condition":{"StringEquals":{"aws:PrincipalOrgID":"o-1"}}}}`
	adminText  = `"{\n \"Statement\": [{\"Effect\": \"Allow\", \"Action\": \"*\", \"Resource\": \"*\"}]}"`
)

func call(source, name, rest string) string {
	if rest != "" {
		rest = "," + rest
	}
	return fmt.Sprintf(`{"eventSource":"%s.amazonaws.com","eventName":"%s"%s}`, source, name, rest)
}

func request(source, name, parameters string) string {
	return call(source, name, `"requestParameters":`+parameters)
}

// everyoneWith is a policy that allows everybody, on a condition.
func everyoneWith(condition string) string {
	return `{"Statement":[{"Effect":"Allow","Principal":{"AWS":"*"},"Action":"s3:*","Resource":"*","Condition":` + condition + `}]}`
}

// asText is JSON as a text in JSON.
func asText(document string) string { return strconv.Quote(document) }

const denied = `"errorCode":"AccessDenied","errorMessage":"no"`

var ruleCases = []ruleCase{
	{"root reads", call("s3", "ListBuckets", rootUser+`,"readOnly":true`), "ROOT-USE CIS-3", "ROOT-WRITE"},
	{"root writes", call("s3", "CreateBucket", rootUser), "ROOT-USE ROOT-WRITE ADMIN-WRITE SYS-OBJ OUTSIDE-PIPELINE", "S3-PUBLIC"},
	{"a service for root", call("s3", "ListBuckets", `"userIdentity":{"type":"Root","invokedBy":"support.amazonaws.com"}`), "", "ROOT-USE CIS-3"},
	{"a service event of root", call("kms", "RotateKey", rootUser+`,"eventType":"AwsServiceEvent"`), "", "ROOT-USE CIS-3"},
	{"root signs in with a second factor", `{` + signIn + `,` + rootUser + `,"responseElements":{"ConsoleLogin":"Success"},"additionalEventData":{"MFAUsed":"Yes"}}`, "ROOT-LOGIN:high LOGIN-OK", "LOGIN-NOMFA"},
	{"root signs in without", `{` + signIn + `,` + rootUser + `,"responseElements":{"ConsoleLogin":"Success"},"additionalEventData":{"MFAUsed":"No"}}`, "ROOT-LOGIN:critical LOGIN-NOMFA CIS-2-WIDE", "CIS-2"},
	{"root fails to sign in", `{` + signIn + `,` + rootUser + `,"errorMessage":"Failed authentication","responseElements":{"ConsoleLogin":"Failure"}}`, "ROOT-LOGIN-FAIL LOGIN-FAIL CIS-6", "ROOT-LOGIN"},
	{"root makes a key for itself", call("iam", "CreateAccessKey", rootUser), "ROOT-CRED CRED-NEW", "CRED-OTHER"},
	{"root makes a key for a user", call("iam", "CreateAccessKey", rootUser+`,"requestParameters":{"userName":"eve"}`), "CRED-NEW CRED-OTHER", "ROOT-CRED"},
	{"root's password", call("signin", "PasswordUpdated", rootUser), "ROOT-CRED", ""},
	{"a failed sign-in has no errorCode", `{` + signIn + `,"errorMessage":"Failed authentication","responseElements":{"ConsoleLogin":"Failure"},"additionalEventData":{"MFAUsed":"No"}}`, "LOGIN-FAIL CIS-6 CIS-2-WIDE", "LOGIN-OK LOGIN-NOMFA CIS-2"},
	{"a failed sign-in with no more than a result", `{` + signIn + `,"responseElements":{"ConsoleLogin":"Failure"}}`, "LOGIN-FAIL", "CIS-6"},
	{"a sign-in without a second factor", `{` + signIn + `,"responseElements":{"ConsoleLogin":"Success"},"additionalEventData":{"MFAUsed":"No"}}`, "LOGIN-OK LOGIN-NOMFA CIS-2", "LOGIN-FAIL"},
	{"a sign-in that does not say", `{` + signIn + `,"responseElements":{"ConsoleLogin":"Success"}}`, "LOGIN-NOMFA CIS-2", ""},
	{"a sign-in through an identity provider", `{` + signIn + `,` + adminRole + `,"responseElements":{"ConsoleLogin":"Success"},"additionalEventData":{"MFAUsed":"No","SamlProviderArn":"arn:aws:iam::111111111111:saml-provider/x"}}`, "LOGIN-OK CIS-2-WIDE", "LOGIN-NOMFA CIS-2"},
	{"an application's account signs in", `{` + signIn + `,"responseElements":{"ConsoleLogin":"Success"},"userIdentity":{"type":"IAMUser","arn":"arn:aws:iam::111111111111:user/app","userName":"app"}}`, "SERVICE-ACCOUNT-CONSOLE", "LEAVER"},
	{"somebody who has left", call("s3", "ListBuckets", `"userIdentity":{"type":"IAMUser","userName":"gone"}`), "LEAVER", "SERVICE-ACCOUNT-CONSOLE"},
	{"a denied call", call("s3", "GetBucketAcl", denied), "DENIED CIS-1 CIS-1-V12", "AUTH-FAIL"},
	{"a denied call of EC2", call("ec2", "RunInstances", `"errorCode":"Client.UnauthorizedOperation"`), "DENIED CIS-1", ""},
	{"a denied delivery", call("s3", "PutObject", denied+`,"sourceIPAddress":"delivery.logs.amazonaws.com"`), "CIS-1-V12", "DENIED CIS-1"},
	{"a denied HeadBucket", call("s3", "HeadBucket", denied), "CIS-1-V12", "DENIED CIS-1"},
	{"denied: DisableSecurityHub of securityhub", call("securityhub", "DisableSecurityHub", denied), "DENIED", "DETECT-OFF"},
	{"denied: DisableKey of kms", call("kms", "DisableKey", denied), "DENIED", "KMS-KILL"},
	{"denied: DeleteLogGroup of logs", call("logs", "DeleteLogGroup", denied), "DENIED", "LOG-STORE-OFF"},
	{"denied: StopConfigurationRecorder of config", call("config", "StopConfigurationRecorder", denied), "DENIED", "CONFIG-CHG"},
	{"denied: UpdateSAMLProvider of iam", call("iam", "UpdateSAMLProvider", denied), "DENIED", "IDP-CHG"},
	{"denied: CreateTrafficMirrorSession of ec2", call("ec2", "CreateTrafficMirrorSession", denied), "DENIED", "MIRROR"},
	{"denied: DeleteQueryLoggingConfig of route53", call("route53", "DeleteQueryLoggingConfig", denied), "DENIED", "FLOW-OFF"},
	{"denied: AddUserToGroup of iam", call("iam", "AddUserToGroup", denied), "DENIED", "PERMISSION-SET"},
	{"denied: CreateAccountAssignment of sso", call("sso", "CreateAccountAssignment", denied), "DENIED", "PERMISSION-SET"},
	{"denied: CreateTrustAnchor of rolesanywhere", call("rolesanywhere", "CreateTrustAnchor", denied), "DENIED", "TRUST-CHG"},
	{"denied: DisableSecurityHub of securityhub", call("securityhub", "DisableSecurityHub", denied), "DENIED", "HUB-STATE"},
	{"denied: StopLogging of cloudtrail", call("cloudtrail", "StopLogging", denied), "DENIED", "LOG-ADMIN-OTHER"},
	{"denied: LookupEvents of cloudtrail", call("cloudtrail", "LookupEvents", denied), "DENIED", "LOG-READ-OTHER"},
	{"denied: GetFederationToken of sts", call("sts", "GetFederationToken", denied), "DENIED", "STS-TOKEN"},
	{"denied: AssumeRoot of sts", call("sts", "AssumeRoot", denied), "DENIED", "ASSUME-ROOT"},
	{"a quarantine that fails", call("iam", "AttachUserPolicy", denied+`,"requestParameters":{"policyArn":"arn:aws:iam::aws:policy/AWSCompromisedKeyQuarantineV3"}`), "DENIED", "QUARANTINE"},
	{"large machines denied", call("ec2", "RunInstances", `"errorCode":"Client.UnauthorizedOperation","requestParameters":{"instanceType":"p4d.24xlarge"}`), "DENIED COMPUTE-ODD", ""},
	{"root of a member account", request("sts", "AssumeRoot", `{"targetPrincipal":"222222222222"}`), "ASSUME-ROOT", ""},
	{"a denied call without an address", call("s3", "GetBucketAcl", denied+`,"sourceIPAddress":null`), "DENIED CIS-1", ""},
	{"an expired token", call("sts", "GetCallerIdentity", `"errorCode":"ExpiredToken"`), "AUTH-FAIL", "DENIED RECON"},
	{"a role that cannot be assumed", call("sts", "AssumeRole", denied), "ASSUME-FAIL ROLE-USE SESSION", ""},
	{"a role of administrators", request("sts", "AssumeRole", `{"roleArn":"arn:aws:iam::111111111111:role/Admin"}`), "ADMIN-ROLE ROLE-USE", "ASSUME-FAIL"},
	{"a service takes a role", call("sts", "AssumeRole", `"userIdentity":{"type":"AWSService","invokedBy":"ec2.amazonaws.com"}`), "SESSION", "ROLE-USE"},
	{"a second factor goes", request("iam", "DeactivateMFADevice", `{"userName":"alice"}`), "MFA-OFF", "MFA-NEW"},
	{"a second factor stays", call("iam", "DeactivateMFADevice", denied), "DENIED", "MFA-OFF"},
	{"a second factor comes", call("iam", "EnableMFADevice", ""), "MFA-NEW", "MFA-OFF"},
	{"an own key", request("iam", "CreateAccessKey", `{"userName":"alice"}`), "CRED-NEW", "CRED-OTHER"},
	{"an own key, unnamed", call("iam", "CreateAccessKey", ""), "CRED-NEW", "CRED-OTHER"},
	{"another's key, by a role", call("iam", "CreateAccessKey", adminRole+`,"requestParameters":{"userName":"eve"}`), "CRED-OTHER ADMIN-WRITE", ""},
	{"another's password", request("iam", "UpdateLoginProfile", `{"userName":"eve"}`), "CRED-OTHER CRED-CHG", "CRED-NEW"},
	{"a new user", request("iam", "CreateUser", `{"userName":"eve"}`), "ACCT-LIFE", "PRIV-UP"},
	{"a new user elsewhere", call("identitystore", "CreateUser", ""), "ACCT-LIFE", ""},
	{"a new user of a database", call("rds-data", "CreateUser", ""), "", "ACCT-LIFE"},
	{"administration attached", request("iam", "AttachUserPolicy", `{"policyArn":"arn:aws:iam::aws:policy/AdministratorAccess"}`), "PRIV-UP IAM-POLICY CIS-4", "QUARANTINE"},
	{"reading attached", request("iam", "AttachUserPolicy", `{"policyArn":"arn:aws:iam::aws:policy/ReadOnlyAccess"}`), "IAM-POLICY", "PRIV-UP"},
	{"everything on everything, as escaped JSON", request("iam", "PutUserPolicy", `{"policyDocument":`+adminText+`}`), "PRIV-UP CIS-4:high", ""},
	{"one thing on everything", request("iam", "PutUserPolicy", `{"policyDocument":"{\"Statement\":{\"Effect\":\"Allow\",\"Action\":\"s3:*\",\"Resource\":\"*\"}}"}`), "CIS-4:medium", "PRIV-UP"},
	{"all of IAM on all of IAM", request("iam", "PutUserPolicy", `{"policyDocument":"{\"Statement\":{\"Effect\":\"Allow\",\"Action\":[\"iam:*\"],\"Resource\":[\"arn:aws:iam::*:*\"]}}"}`), "PRIV-UP", ""},
	{"all of IAM on one user", request("iam", "PutUserPolicy", `{"policyDocument":"{\"Statement\":{\"Effect\":\"Allow\",\"Action\":[\"iam:*\"],\"Resource\":[\"arn:aws:iam::111111111111:user/x\"]}}"}`), "IAM-POLICY", "PRIV-UP"},
	{"everything denied", request("iam", "PutUserPolicy", `{"policyDocument":"{\"Statement\":{\"Effect\":\"Deny\",\"Action\":\"*\",\"Resource\":\"*\"}}"}`), "CIS-4", "PRIV-UP"},
	{"a text that looks like a grant", request("iam", "PutUserPolicy", `{"policyName":"\"Action\":\"*\"","policyDocument":"{}"}`), "CIS-4", "PRIV-UP"},
	{"a policy of another service", call("iot", "CreatePolicy", ""), "CIS-4", "IAM-POLICY"},
	{"a request that was too large", request("iam", "CreatePolicy", `{"reason":"requestParameters too large","omitted":true}`), "TRAIL-OFF PRIV-UP", ""},
	{"trust in another account", request("iam", "UpdateAssumeRolePolicy", `{"roleName":"r","policyDocument":"{\"Statement\":[{\"Effect\":\"Allow\",\"Principal\":{\"AWS\":\"arn:aws:iam::333333333333:root\"}}]}"}`), "TRUST-CHG", ""},
	{"trust in an own account", request("iam", "UpdateAssumeRolePolicy", `{"policyDocument":"{\"Statement\":[{\"Effect\":\"Allow\",\"Principal\":{\"AWS\":\"arn:aws:iam::222222222222:root\"}}]}"}`), "", "TRUST-CHG"},
	{"trust in a service", request("iam", "CreateRole", `{"assumeRolePolicyDocument":"{\"Statement\":[{\"Effect\":\"Allow\",\"Principal\":{\"Service\":\"ec2.amazonaws.com\"}}]}"}`), "ACCT-LIFE", "TRUST-CHG"},
	{"trust in everybody", request("iam", "CreateRole", `{"assumeRolePolicyDocument":"{\"Statement\":[{\"Effect\":\"Allow\",\"Principal\":{\"AWS\":\"*\"}}]}"}`), "TRUST-CHG", ""},
	{"a trust anchor", call("rolesanywhere", "CreateTrustAnchor", ""), "TRUST-CHG", ""},
	{"an identity provider", call("iam", "UpdateSAMLProvider", ""), "IDP-CHG", ""},
	{"the password policy", call("iam", "DeleteAccountPasswordPolicy", ""), "PWPOLICY", ""},
	{"a quarantine", request("iam", "AttachUserPolicy", `{"policyArn":"arn:aws:iam::aws:policy/AWSCompromisedKeyQuarantineV3"}`), "QUARANTINE", "PRIV-UP"},
	{"a federated session", call("sts", "GetFederationToken", ""), "STS-TOKEN SESSION", ""},
	{"a token of the console", call("signin", "GetSigninToken", `"userAgent":"Jersey/2"`), "", "STS-TOKEN"},
	{"a token without an agent", call("signin", "GetSigninToken", `"userAgent":null`), "STS-TOKEN", ""},
	{"a permission set", call("sso", "CreateAccountAssignment", ""), "PERMISSION-SET ACCT-LIFE", ""},
	{"logging stops", call("cloudtrail", "StopLogging", ""), "TRAIL-OFF TRAIL-CHG CIS-5:critical TRAIL-CALL LOG-ADMIN-OTHER", ""},
	{"logging does not stop", call("cloudtrail", "StopLogging", denied), "TRAIL-CHG CIS-5", "TRAIL-OFF"},
	{"the platform starts logging", call("cloudtrail", "StartLogging", `"userIdentity":{"type":"AssumedRole","arn":"arn:aws:iam::111111111111:role/platform"}`), "CIS-5:high", "TRAIL-OFF LOG-ADMIN-OTHER"},
	{"only data events, by advanced selectors", request("cloudtrail", "PutEventSelectors", `{"advancedEventSelectors":[{"fieldSelectors":[{"field":"eventCategory","equals":["Data"]},{"field":"resources.type","equals":["AWS::S3::Object"]}]}]}`), "TRAIL-OFF:critical", ""},
	{"management and data events, by advanced selectors", request("cloudtrail", "PutEventSelectors", `{"advancedEventSelectors":[{"fieldSelectors":[{"equals":["Data"],"field":"eventCategory"}]},{"fieldSelectors":[{"equals":["Management"],"field":"eventCategory"}]}]}`), "SELECTORS", "TRAIL-OFF"},
	{"management events that write", request("cloudtrail", "PutEventSelectors", `{"advancedEventSelectors":[{"fieldSelectors":[{"field":"eventCategory","equals":["Management"]},{"field":"readOnly","equals":["false"]}]}]}`), "TRAIL-OFF", ""},
	{"management events but those of some services", request("cloudtrail", "PutEventSelectors", `{"advancedEventSelectors":[{"fieldSelectors":[{"field":"eventCategory","equals":["Management"]},{"field":"eventSource","notEquals":["kms.amazonaws.com"]}]}]}`), "TRAIL-OFF", ""},
	{"all data events but reads", request("cloudtrail", "PutEventSelectors", `{"advancedEventSelectors":[{"fieldSelectors":[{"field":"eventCategory","equals":["Management"]}]},{"fieldSelectors":[{"field":"eventCategory","equals":["Data"]},{"field":"readOnly","equals":["false"]}]}]}`), "SELECTORS", "TRAIL-OFF"},
	{"no selectors", request("cloudtrail", "PutEventSelectors", `{"trailName":"t"}`), "SELECTORS", "TRAIL-OFF"},
	{"a trail of one region", request("cloudtrail", "UpdateTrail", `{"isMultiRegionTrail":false}`), "TRAIL-OFF", ""},
	{"a trail of one region, as text", request("cloudtrail", "UpdateTrail", `{"isMultiRegionTrail":"false"}`), "TRAIL-OFF", ""},
	{"a bucket sent by the console", call("cloudtrail", "UpdateTrail", `"sessionCredentialFromConsole":"true","requestParameters":{"s3BucketName":"b","isMultiRegionTrail":true}`), "TRAIL-CHG", "TRAIL-OFF"},
	{"fewer events", request("cloudtrail", "PutEventSelectors", `{"eventSelectors":[{"readWriteType":"All","includeManagementEvents":false}]}`), "TRAIL-OFF SELECTORS", "CIS-5"},
	{"all events", request("cloudtrail", "PutEventSelectors", `{"eventSelectors":[{"readWriteType":"All","includeManagementEvents":true,"excludeManagementEventSources":[]}]}`), "SELECTORS", "TRAIL-OFF"},
	{"logs deleted", request("s3", "DeleteObjects", `{"bucketName":"trail-bucket"}`), "TRAIL-BUCKET BULK-DEL OBJECT-TOUCHED", ""},
	{"other objects deleted", request("s3", "DeleteObject", `{"bucketName":"trail-bucket-2"}`), "OBJECT-TOUCHED", "TRAIL-BUCKET"},
	{"logs expire early", request("s3", "PutBucketLifecycle", `{"bucketName":"trail-bucket","LifecycleConfiguration":{"Rule":{"Status":"Enabled","Expiration":{"Days":30}}}}`), "TRAIL-LIFECYCLE S3-WEAKEN S3-POLICY CIS-8", ""},
	{"logs expire late", request("s3", "PutBucketLifecycle", `{"bucketName":"trail-bucket","LifecycleConfiguration":{"Rule":[{"Status":"Enabled","Expiration":{"Days":400}}]}}`), "TRAIL-BUCKET", "TRAIL-LIFECYCLE"},
	{"the trail's key", request("kms", "DisableKey", `{"keyId":"arn:aws:kms:eu-west-1:111111111111:key/1234abcd"}`), "TRAIL-BUCKET KMS-KILL CIS-7", ""},
	{"the trail's key by its id", request("kms", "PutKeyPolicy", `{"keyId":"1234abcd"}`), "TRAIL-BUCKET", ""},
	{"the store of the logs stays", call("s3", "DeleteBucket", denied+`,"requestParameters":{"bucketName":"trail-bucket"}`), "DENIED", "TRAIL-BUCKET BUCKET-DEL"},
	{"logs read", request("s3", "GetObject", `{"bucketName":"trail-bucket"}`), "LOG-READ LOG-READ-OTHER", ""},
	{"logs read by the auditor", call("cloudtrail", "LookupEvents", `"userIdentity":{"type":"AssumedRole","arn":"x","sessionContext":{"sessionIssuer":{"arn":"arn:aws:iam::111111111111:role/auditor"}}}`), "LOG-READ", "LOG-READ-OTHER"},
	{"a log group goes", request("logs", "DeleteLogGroup", `{"logGroupName":"g"}`), "LOG-STORE-OFF", "LOG-GROUP-NEW"},
	{"a log group comes", call("logs", "CreateLogGroup", ""), "LOG-GROUP-NEW", "LOG-STORE-OFF"},
	{"access logs off", request("s3", "PutBucketLogging", `{"bucketName":"b","BucketLoggingStatus":{}}`), "LOG-STORE-OFF", ""},
	{"access logs on", request("s3", "PutBucketLogging", `{"bucketName":"b","BucketLoggingStatus":{"LoggingEnabled":{"TargetBucket":"l"}}}`), "", "LOG-STORE-OFF"},
	{"flow logs go", request("ec2", "DeleteFlowLogs", `{"DeleteFlowLogsRequest":{"FlowLogId":{"content":"fl-1","tag":1}}}`), "FLOW-OFF", ""},
	{"flow logs stay", call("ec2", "DeleteFlowLogs", denied), "", "FLOW-OFF"},
	{"the recorder stops", call("config", "StopConfigurationRecorder", ""), "CONFIG-CHG CIS-9 LOG-ADMIN-OTHER", ""},
	{"a rule of AWS Config goes", call("config", "DeleteConfigRule", ""), "CONFIG-CHG", "CIS-9"},
	{"a detector is off", request("guardduty", "UpdateDetector", `{"enable":false}`), "DETECT-OFF", ""},
	{"a detector is on", request("guardduty", "UpdateDetector", `{"enable":true}`), "PERSIST", "DETECT-OFF"},
	{"findings archived", request("guardduty", "CreateFilter", `{"action":"ARCHIVE"}`), "DETECT-OFF", ""},
	{"findings suppressed", request("securityhub", "BatchUpdateFindings", `{"Workflow":{"Status":"SUPPRESSED"}}`), "DETECT-OFF", ""},
	{"findings noted", request("securityhub", "BatchUpdateFindings", `{"Workflow":{"Status":"NOTIFIED"}}`), "", "DETECT-OFF"},
	{"a rule of events", call("events", "DeleteRule", ""), "DETECT-OFF", ""},
	{"a rule of a load balancer", call("elasticloadbalancing", "DeleteRule", ""), "SYS-OBJ", "DETECT-OFF"},
	{"the hub", call("securityhub", "EnableSecurityHub", ""), "HUB-STATE", "DETECT-OFF"},
	{"leaving, denied", call("organizations", "LeaveOrganization", denied), "ORG-EXIT ORG-CHG CIS-15", ""},
	{"a new account", call("organizations", "CreateAccount", ""), "ORG-CHG", "ORG-EXIT"},
	{"closing an account", call("account", "CloseAccount", ""), "ORG-EXIT", "ORG-CHG"},
	{"a tool", call("s3", "ListBuckets", `"userAgent":"TruffleHog"`), "DEV-TOOL", ""},
	{"no agent", call("s3", "ListBuckets", `"userAgent":null`), "", "DEV-TOOL"},
	{"a change by the pipeline", call("ec2", "CreateVpc", `"userAgent":"HashiCorp Terraform/1"`), "BY-PIPELINE VPC CIS-14 SYS-OBJ", "OUTSIDE-PIPELINE"},
	{"a change by hand", call("ec2", "CreateVpc", ""), "OUTSIDE-PIPELINE", "BY-PIPELINE"},
	{"time servers", request("ec2", "CreateDhcpOptions", `{"dhcpConfigurationSet":{"items":[{"key":"ntp-servers"}]}}`), "CLOCK", ""},
	{"name servers", request("ec2", "CreateDhcpOptions", `{"dhcpConfigurationSet":{"items":[{"key":"domain-name-servers"}]}}`), "", "CLOCK"},
	{"a bucket for everybody", request("s3", "PutBucketPolicy", `{"bucketName":"b","bucketPolicy":`+everyone+`}`), "S3-PUBLIC:high S3-POLICY CIS-8:high", ""},
	{"a regulated bucket for everybody", request("s3", "PutBucketPolicy", `{"bucketName":"patients-1","bucketPolicy":`+everyone+`}`), "S3-PUBLIC:critical", ""},
	{"a bucket for the organisation", request("s3", "PutBucketPolicy", `{"bucketName":"b","bucketPolicy":`+everyoneIf+`}`), "S3-POLICY CIS-8:medium", "S3-PUBLIC"},
	{"a condition that holds for all", request("s3", "PutBucketPolicy", `{"bucketName":"b","bucketPolicy":`+strings.Replace(everyoneIf, `"StringEquals":{"aws:PrincipalOrgID":"o-1"}`, `"IpAddress":{"aws:SourceIp":"0.0.0.0/0"}`, 1)+`}`), "S3-PUBLIC", ""},
	{"a header that is an array", request("s3", "PutBucketAcl", `{"bucketName":"b","x-amz-acl":["public-read"]}`), "S3-PUBLIC", ""},
	{"a header", request("s3", "PutObject", `{"bucketName":"b","x-amz-acl":"public-read-write"}`), "S3-PUBLIC", ""},
	{"a private header", request("s3", "PutBucketAcl", `{"bucketName":"b","x-amz-acl":["private"]}`), "S3-POLICY", "S3-PUBLIC"},
	{"a bucket for all but one organisation", request("s3", "PutBucketPolicy", `{"bucketName":"b","bucketPolicy":`+everyoneWith(`{"StringNotEquals":{"aws:PrincipalOrgID":"o-1"}}`)+`}`), "S3-PUBLIC", ""},
	{"a bucket for all but one network", request("s3", "PutBucketPolicy", `{"bucketName":"b","bucketPolicy":`+everyoneWith(`{"NotIpAddress":{"aws:SourceIp":"192.0.2.0/24"}}`)+`}`), "S3-PUBLIC", ""},
	{"a bucket for all roles", request("s3", "PutBucketPolicy", `{"bucketName":"b","bucketPolicy":`+everyoneWith(`{"StringLike":{"aws:PrincipalArn":"*"}}`)+`}`), "S3-PUBLIC", ""},
	{"a bucket for the roles of all accounts", request("s3", "PutBucketPolicy", `{"bucketName":"b","bucketPolicy":`+everyoneWith(`{"ArnLike":{"aws:PrincipalArn":["arn:aws:iam::111111111111:role/r","arn:aws:iam::*:role/*"]}}`)+`}`), "S3-PUBLIC", ""},
	{"a bucket for roles of an account", request("s3", "PutBucketPolicy", `{"bucketName":"b","bucketPolicy":`+everyoneWith(`{"ArnLike":{"aws:PrincipalArn":["arn:aws:iam::111111111111:role/*"]}}`)+`}`), "S3-POLICY", "S3-PUBLIC"},
	{"a bucket for all organisations", request("s3", "PutBucketPolicy", `{"bucketName":"b","bucketPolicy":`+everyoneWith(`{"StringLike":{"aws:PrincipalOrgID":"o-*"}}`)+`}`), "S3-PUBLIC", ""},
	{"a bucket for a part of an organisation", request("s3", "PutBucketPolicy", `{"bucketName":"b","bucketPolicy":`+everyoneWith(`{"ForAnyValue:StringLike":{"aws:PrincipalOrgPaths":["o-a1/r-1/*"]}}`)+`}`), "S3-POLICY", "S3-PUBLIC"},
	{"a bucket for those who have no organisation, too", request("s3", "PutBucketPolicy", `{"bucketName":"b","bucketPolicy":`+everyoneWith(`{"StringEqualsIfExists":{"aws:PrincipalOrgID":"o-1"}}`)+`}`), "S3-PUBLIC", ""},
	{"a bucket for the most wide half of the network", request("s3", "PutBucketPolicy", `{"bucketName":"b","bucketPolicy":`+everyoneWith(`{"IpAddress":{"aws:SourceIp":["0.0.0.0/1","128.0.0.0/1"]}}`)+`}`), "S3-PUBLIC", ""},
	{"a bucket for networks", request("s3", "PutBucketPolicy", `{"bucketName":"b","bucketPolicy":`+everyoneWith(`{"Bool":{"aws:SecureTransport":"true"},"IpAddress":{"aws:SourceIp":["192.0.2.0/24","2001:db8::/32","192.0.2.1"]}}`)+`}`), "S3-POLICY", "S3-PUBLIC"},
	{"a bucket for a network and everything", request("s3", "PutBucketPolicy", `{"bucketName":"b","bucketPolicy":`+everyoneWith(`{"IpAddress":{"aws:SourceIp":["192.0.2.0/24","::/0"]}}`)+`}`), "S3-PUBLIC", ""},
	{"a bucket with a tag that looks like a condition", request("s3", "PutBucketPolicy", `{"bucketName":"b","bucketPolicy":`+everyoneWith(`{"StringEquals":{"aws:PrincipalTag/x":"\\\"aws:PrincipalOrgID\\\":\\\"o-1\\\""}}`)+`}`), "S3-PUBLIC", ""},
	{"a bucket for an endpoint, behind other keys", request("s3", "PutBucketPolicy", `{"bucketName":"b","bucketPolicy":`+everyoneWith(`{"StringEquals":{"s3:prefix":["a","b"],"aws:sourcevpce":"vpce-1"}}`)+`}`), "S3-POLICY", "S3-PUBLIC"},
	{"a bucket with a condition on encryption", request("s3", "PutBucketPolicy", `{"bucketName":"b","bucketPolicy":`+everyoneWith(`{"Bool":{"aws:SecureTransport":"true"}}`)+`}`), "S3-PUBLIC", ""},
	{"a key for the default policy of a topic", request("kms", "PutKeyPolicy", `{"policy":`+asText(everyoneWith(`{"StringEquals":{"AWS:SourceOwner":"111111111111"}}`))+`}`), "", "SVC-PUBLIC"},
	{"a key for callers of one account", request("kms", "PutKeyPolicy", `{"policy":`+asText(everyoneWith(`{"StringEquals":{"kms:CallerAccount":"111111111111","kms:ViaService":"rds.eu-west-1.amazonaws.com"}}`))+`}`), "", "SVC-PUBLIC"},
	{"a key for one user's id", request("kms", "PutKeyPolicy", `{"policy":`+asText(everyoneWith(`{"StringLike":{"aws:userid":"AIDAEXAMPLE"}}`))+`}`), "", "SVC-PUBLIC"},
	{"a key for one account's access points", request("kms", "PutKeyPolicy", `{"policy":`+asText(everyoneWith(`{"StringEquals":{"s3:DataAccessPointAccount":["111111111111"]}}`))+`}`), "", "SVC-PUBLIC"},
	{"a key for access points of one account", request("kms", "PutKeyPolicy", `{"policy":`+asText(everyoneWith(`{"ArnLike":{"s3:DataAccessPointArn":"arn:aws:s3:eu-west-1:111111111111:accesspoint/*"}}`))+`}`), "", "SVC-PUBLIC"},
	{"a key for one account", request("kms", "PutKeyPolicy", `{"policy":`+asText(everyoneWith(`{"StringEquals":{"aws:PrincipalAccount":"111111111111"}}`))+`}`), "", "SVC-PUBLIC"},
	{"a key for all sessions of a role", request("kms", "PutKeyPolicy", `{"policy":`+asText(everyoneWith(`{"StringLike":{"aws:userid":"AROAEXAMPLE:*"}}`))+`}`), "SVC-PUBLIC", ""},
	{"a key for access points of all accounts", request("kms", "PutKeyPolicy", `{"policy":`+asText(everyoneWith(`{"ArnLike":{"s3:DataAccessPointArn":"arn:aws:s3:eu-west-1:*:accesspoint/*"}}`))+`}`), "SVC-PUBLIC", ""},
	{"a key for any caller", request("kms", "PutKeyPolicy", `{"policy":`+asText(everyoneWith(`{"StringLike":{"kms:CallerAccount":"*"}}`))+`}`), "SVC-PUBLIC", ""},
	{"a topic for all but one account", request("sns", "SetTopicAttributes", `{"attributeName":"Policy","attributeValue":`+asText(everyoneWith(`{"StringNotEquals":{"aws:SourceAccount":"111111111111"}}`))+`}`), "SVC-PUBLIC", ""},
	{"trust in all but one organisation", request("iam", "CreateRole", `{"assumeRolePolicyDocument":`+asText(everyoneWith(`{"StringNotLike":{"aws:PrincipalOrgID":"o-1"}}`))+`}`), "TRUST-CHG", ""},
	{"trust in an organisation", request("iam", "CreateRole", `{"assumeRolePolicyDocument":`+asText(everyoneWith(`{"StringEquals":{"aws:PrincipalOrgID":"o-1"}}`))+`}`), "ACCT-LIFE", "TRUST-CHG"},
	{"a group of everybody", request("s3", "PutBucketAcl", `{"AccessControlPolicy":{"AccessControlList":{"Grant":[{"Grantee":{"URI":"http://acs.amazonaws.com/groups/global/AllUsers"}}]}}}`), "S3-PUBLIC", ""},
	{"a block lifted", request("s3", "PutBucketPublicAccessBlock", `{"PublicAccessBlockConfiguration":{"BlockPublicAcls":false}}`), "S3-PUBLIC", ""},
	{"a group of everybody, in a header with escapes", request("s3", "PutObject", `{"x-amz-grant-read":"uri=\"http:\/\/acs.amazonaws.com\/groups\/global\/AllUsers\""}`), "S3-PUBLIC", ""},
	{"a group of everybody, in a header that is an array", request("s3", "PutBucketAcl", `{"x-amz-grant-full-control":["id=1","uri=http://acs.amazonaws.com/groups/global/AllUsers"]}`), "S3-PUBLIC", ""},
	{"a header for one", request("s3", "PutObject", `{"key":"/groups/global/AllUsers","x-amz-grant-read":"id=1"}`), "", "S3-PUBLIC"},
	{"a block set", request("s3", "PutBucketPublicAccessBlock", `{"PublicAccessBlockConfiguration":{"BlockPublicAcls":true}}`), "", "S3-PUBLIC"},
	{"versions suspended", request("s3", "PutBucketVersioning", `{"VersioningConfiguration":{"Status":"Suspended"}}`), "S3-WEAKEN", ""},
	{"versions kept", request("s3", "PutBucketVersioning", `{"VersioningConfiguration":{"Status":"Enabled"}}`), "", "S3-WEAKEN"},
	{"a bucket goes", call("s3", "DeleteBucket", ""), "BUCKET-DEL SYS-OBJ", ""},
	{"encryption off", call("ec2", "DisableEbsEncryptionByDefault", ""), "ENCRYPTION-OFF", ""},
	{"a snapshot for an account", request("ec2", "ModifySnapshotAttribute", `{"createVolumePermission":{"add":{"items":[{"userId":"333333333333"}]}}}`), "SHARE-OUT:high", ""},
	{"a snapshot for all", request("ec2", "ModifySnapshotAttribute", `{"createVolumePermission":{"add":{"items":[{"group":"all"}]}}}`), "SHARE-OUT:critical", ""},
	{"a snapshot for fewer", request("ec2", "ModifySnapshotAttribute", `{"createVolumePermission":{"remove":{"items":[{"userId":"333333333333"}]}}}`), "", "SHARE-OUT"},
	{"a database's snapshot for all", request("rds", "ModifyDBSnapshotAttribute", `{"attributeName":"restore","valuesToAdd":["all"]}`), "SHARE-OUT:critical", ""},
	{"a public database", request("rds", "ModifyDBInstance", `{"publiclyAccessible":true}`), "SVC-PUBLIC", ""},
	{"a private database", request("rds", "ModifyDBInstance", `{"publiclyAccessible":false}`), "", "SVC-PUBLIC"},
	{"a versioned name of Lambda, for everybody", request("lambda", "AddPermission20150331v2", `{"principal":"*"}`), "SVC-PUBLIC LAMBDA-CODE", ""},
	{"a versioned name of Lambda, for a service", request("lambda", "AddPermission20150331v2", `{"principal":"s3.amazonaws.com"}`), "LAMBDA-CODE", "SVC-PUBLIC"},
	{"layers", request("lambda", "UpdateFunctionConfiguration20150331v2", `{"layers":["arn"]}`), "LAMBDA-CODE", ""},
	{"no layers", request("lambda", "UpdateFunctionConfiguration20150331v2", `{"memory":1}`), "", "LAMBDA-CODE"},
	{"a key's policy for everybody", request("kms", "PutKeyPolicy", `{"policy":"{\"Statement\":[{\"Effect\":\"Allow\",\"Principal\":{\"AWS\":\"*\"}}]}"}`), "SVC-PUBLIC", ""},
	{"an old protocol", call("s3", "ListBuckets", `"tlsDetails":{"tlsVersion":"TLSv1.1"}`), "TLS-OLD", ""},
	{"a new protocol", call("s3", "ListBuckets", `"tlsDetails":{"tlsVersion":"TLSv1.3"}`), "", "TLS-OLD"},
	{"regulated data read", request("s3", "GetObject", `{"bucketName":"patients-1","key":"k"}`), "DATA-READ OBJECT-TOUCHED", "DATA-WRITE LOG-READ"},
	{"other data read", request("s3", "GetObject", `{"bucketName":"public","key":"k"}`), "", "DATA-READ CROSS-READ"},
	{"a regulated table read", call("dynamodb", "GetItem", `"resources":[{"ARN":"arn:aws:dynamodb:eu-west-1:111111111111:table/patients"}]`), "DATA-READ", ""},
	{"regulated data written", request("s3", "PutObject", `{"bucketName":"patients-1"}`), "DATA-WRITE", "DATA-READ RANSOM-PUT"},
	{"regulated, by the ARN of a bucket", request("s3", "GetObject", `{"bucketName":"cards-1","key":"k"}`), "DATA-READ", ""},
	{"regulated, by the ARN of a bucket, listed", request("s3", "ListObjects", `{"bucketName":"cards-1"}`), "DATA-READ", ""},
	{"regulated, by the ARN of keys", request("s3", "GetObject", `{"bucketName":"mixed","key":"secret/k"}`), "DATA-READ", ""},
	{"not regulated, by the ARN of keys", request("s3", "GetObject", `{"bucketName":"mixed","key":"public/secret/k"}`), "", "DATA-READ"},
	{"a key that looks like a regulated name", request("s3", "GetObject", `{"bucketName":"b","key":"patients/k"}`), "", "DATA-READ"},
	{"regulated, through an access point", call("s3", "GetObject", `"requestParameters":{"bucketName":"arn:aws:s3:eu-west-1:111111111111:accesspoint/p","key":"k"},"resources":[{"ARN":"arn:aws:s3:::cards-1/k"}]`), "DATA-READ", ""},
	{"a copy out of a regulated bucket", request("s3", "CopyObject", `{"bucketName":"b","key":"k","x-amz-copy-source":"/cards-1/k"}`), "DATA-READ", "DATA-WRITE"},
	{"a copy into a regulated bucket", request("s3", "CopyObject", `{"bucketName":"cards-1","key":"k","x-amz-copy-source":"b/k"}`), "DATA-WRITE", "DATA-READ"},
	{"a regulated table by name", request("dynamodb", "Query", `{"tableName":"members"}`), "DATA-READ", ""},
	{"a regulated table by ARN", request("dynamodb", "PutItem", `{"tableName":"arn:aws:dynamodb:eu-west-1:111111111111:table/members"}`), "DATA-WRITE", ""},
	{"an index of a regulated table", call("dynamodb", "Query", `"resources":[{"ARN":"arn:aws:dynamodb:eu-west-1:111111111111:table/members/index/i"}]`), "DATA-READ", ""},
	{"a table of that name elsewhere", call("dynamodb", "Query", `"awsRegion":"us-east-1","requestParameters":{"tableName":"members"}`), "", "DATA-READ"},
	{"a bucket of that name", request("s3", "GetObject", `{"bucketName":"members","key":"k"}`), "", "DATA-READ"},
	{"a regulated function by name", request("lambda", "Invoke", `{"functionName":"pay"}`), "DATA-READ", ""},
	{"a regulated function with a version", request("lambda", "Invoke", `{"functionName":"pay:PROD"}`), "DATA-READ", ""},
	{"a regulated function, a part of the ARN", request("lambda", "Invoke", `{"functionName":"111111111111:function:pay:3"}`), "DATA-READ", ""},
	{"a regulated function, by a version's ARN", request("lambda", "Invoke", `{"functionName":"arn:aws:lambda:eu-west-1:111111111111:function:pay:PROD"}`), "DATA-READ", ""},
	{"another function", request("lambda", "Invoke", `{"functionName":"pay2"}`), "", "DATA-READ"},
	{"a function that is declared by name", request("lambda", "Invoke", `{"functionName":"arn:aws:lambda:eu-west-1:111111111111:function:totals"}`), "DATA-READ", ""},
	{"a regulated key by id", request("kms", "Decrypt", `{"keyId":"0000-1"}`), "DATA-READ", ""},
	{"a regulated key in the resources", call("kms", "Decrypt", `"resources":[{"ARN":"arn:aws:kms:eu-west-1:111111111111:key/0000-1"}]`), "DATA-READ", ""},
	{"a regulated alias", request("kms", "Decrypt", `{"keyId":"arn:aws:kms:eu-west-1:111111111111:alias/vault"}`), "DATA-READ", ""},
	{"a regulated secret by name", request("secretsmanager", "GetSecretValue", `{"secretId":"card/pin"}`), "DATA-READ", ""},
	{"a regulated secret by a part of the ARN", request("secretsmanager", "GetSecretValue", `{"secretId":"arn:aws:secretsmanager:eu-west-1:111111111111:secret:card/pin"}`), "DATA-READ", ""},
	{"a regulated secret among others", request("secretsmanager", "BatchGetSecretValue", `{"secretIdList":["a","card/pin"]}`), "DATA-READ", ""},
	{"another secret", request("secretsmanager", "GetSecretValue", `{"secretId":"card/pin2"}`), "SECRETS", "DATA-READ"},
	{"a regulated bucket for everybody, by ARN", request("s3", "PutBucketPolicy", `{"bucketName":"cards-1","bucketPolicy":`+everyone+`}`), "S3-PUBLIC:critical", ""},
	{"read by another account", call("s3", "GetObject", `"userIdentity":{"type":"AWSAccount","accountId":"333333333333"}`), "CROSS-READ", ""},
	{"read by an own account", call("s3", "GetObject", `"userIdentity":{"type":"AWSAccount","accountId":"222222222222"}`), "", "CROSS-READ"},
	{"read by an account of the archive", call("s3", "GetObject", `"userIdentity":{"type":"AWSAccount","accountId":"444444444444"}`), "", "CROSS-READ"},
	{"a secret", request("secretsmanager", "GetSecretValue", `{"secretId":"s"}`), "SECRETS", ""},
	{"a parameter in clear", request("ssm", "GetParameter", `{"name":"p","withDecryption":false}`), "", "SECRETS"},
	{"a parameter decrypted", request("ssm", "GetParameter", `{"name":"p","withDecryption":true}`), "SECRETS", ""},
	{"a snapshot goes", call("ec2", "DeleteSnapshot", ""), "SNAPSHOT-DEL", ""},
	{"a key that only the writer has", request("s3", "PutObject", `{"bucketName":"b","x-amz-server-side-encryption-customer-algorithm":"AES256"}`), "RANSOM-PUT", ""},
	{"decrypted", request("kms", "Decrypt", `{"keyId":"k"}`), "DECRYPT", ""},
	{"decrypted by a service", call("kms", "Decrypt", `"userIdentity":{"type":"AssumedRole","invokedBy":"s3.amazonaws.com"}`), "", "DECRYPT"},
	{"a group, one kind of request", request("ec2", "AuthorizeSecurityGroupIngress", `{"groupId":"sg","ipPermissions":{"items":[{"ipProtocol":"tcp","fromPort":20,"toPort":25,"ipRanges":{"items":[{"cidrIp":"0.0.0.0/0"}]}}]}}`), "SG SG-WORLD:high CIS-10 CIS-10-V5", ""},
	{"a group, the other kind", request("ec2", "AuthorizeSecurityGroupIngress", `{"groupId":"sg","ipPermissions":{},"cidrIp":"0.0.0.0/0","fromPort":"3389","toPort":"3389","ipProtocol":"tcp"}`), "SG-WORLD:high", ""},
	{"a group, port 443", request("ec2", "AuthorizeSecurityGroupIngress", `{"ipPermissions":{"items":[{"ipProtocol":"tcp","fromPort":443,"toPort":443,"ipv6Ranges":{"items":[{"cidrIpv6":"::/0"}]}}]}}`), "SG-WORLD:medium", ""},
	{"a group, port 22 for few and 443 for all", request("ec2", "AuthorizeSecurityGroupIngress", `{"ipPermissions":{"items":[{"ipProtocol":"tcp","fromPort":22,"toPort":22,"ipRanges":{"items":[{"cidrIp":"10.0.0.0/8"}]}},{"ipProtocol":"tcp","fromPort":443,"toPort":443,"ipRanges":{"items":[{"cidrIp":"0.0.0.0/0"}]}}]}}`), "SG-WORLD:medium", ""},
	{"a group for few", request("ec2", "AuthorizeSecurityGroupIngress", `{"ipPermissions":{"items":[{"ipProtocol":"-1","ipRanges":{"items":[{"cidrIp":"10.0.0.0/8"}]}}]}}`), "SG", "SG-WORLD"},
	{"a wrapped change of a group", request("ec2", "ModifySecurityGroupRules", `{"ModifySecurityGroupRulesRequest":{"GroupId":"sg","SecurityGroupRule":{"SecurityGroupRule":{"CidrIpv4":"0.0.0.0/0","FromPort":22,"ToPort":22,"IpProtocol":"tcp"}}}}`), "SG-WORLD:high CIS-10-V5", "CIS-10"},
	{"a wrapped list", request("ec2", "ModifySecurityGroupRules", `{"ModifySecurityGroupRulesRequest":{"SecurityGroupRule":[{"SecurityGroupRule":{"CidrIpv4":"0.0.0.0/0","FromPort":8080,"ToPort":8080,"IpProtocol":"tcp"}}]}}`), "SG-WORLD:medium", ""},
	{"an ACL for everybody", request("ec2", "CreateNetworkAclEntry", `{"egress":false,"ruleAction":"allow","cidrBlock":"0.0.0.0/0"}`), "NACL NACL-WORLD CIS-11", ""},
	{"an ACL outwards", request("ec2", "CreateNetworkAclEntry", `{"egress":true,"ruleAction":"allow","cidrBlock":"0.0.0.0/0"}`), "NACL", "NACL-WORLD"},
	{"a gateway", call("ec2", "AttachInternetGateway", ""), "GW CIS-12", ""},
	{"a route", call("ec2", "CreateRoute", ""), "RT CIS-13", ""},
	{"a route of another service", call("apigateway", "CreateRoute", ""), "", "RT CIS-13"},
	{"a mirror", call("ec2", "CreateTrafficMirrorSession", ""), "MIRROR", ""},
	{"a command", request("ssm", "SendCommand", `{"instanceIds":["i-1"]}`), "REMOTE-EXEC", "CLOCK"},
	{"a start-up script that is hidden", request("ec2", "ModifyInstanceAttribute", `{"instanceId":"i-1","userData":"<sensitiveDataRemoved>"}`), "USERDATA:high", ""},
	{"a start-up script that is read", request("ec2", "DescribeInstanceAttribute", `{"attribute":"userData"}`), "USERDATA:low SURVEY", ""},
	{"another attribute", request("ec2", "DescribeInstanceAttribute", `{"attribute":"instanceType"}`), "SURVEY", "USERDATA"},
	{"an image", call("ecr", "PutImage", ""), "IMAGE-PUT", ""},
	{"a large machine", request("ec2", "RunInstances", `{"instanceType":"p4d.24xlarge","iamInstanceProfile":{"name":"x"}}`), "COMPUTE-ODD PASS-ROLE", ""},
	{"many machines", request("ec2", "RunInstances", `{"instanceType":"t3.micro","instancesSet":{"items":[{"minCount":1,"maxCount":"10"}]}}`), "COMPUTE-ODD", ""},
	{"a large machine by a template", call("ec2", "RunInstances", `"requestParameters":{"launchTemplate":{"launchTemplateId":"lt"}},"responseElements":{"instancesSet":{"items":[{"instanceType":"p4d.24xlarge"}]}}`), "COMPUTE-ODD", ""},
	{"a small machine by a template", call("ec2", "RunInstances", `"requestParameters":{"launchTemplate":{"launchTemplateId":"lt"}},"responseElements":{"instancesSet":{"items":[{"instanceType":"t3.micro"}]}}`), "", "COMPUTE-ODD"},
	{"a large fleet", request("ec2", "CreateFleet", `{"CreateFleetRequest":{"TargetCapacitySpecification":{"TotalTargetCapacity":500},"LaunchTemplateConfigs":{"Overrides":{"InstanceType":"t3.micro"}}}}`), "COMPUTE-ODD", ""},
	{"a fleet of large machines", request("ec2", "CreateFleet", `{"CreateFleetRequest":{"TargetCapacitySpecification":{"TotalTargetCapacity":1},"LaunchTemplateConfigs":{"Overrides":[{"InstanceType":"p4d.24xlarge"}]}}}`), "COMPUTE-ODD", ""},
	{"a small fleet", request("ec2", "CreateFleet", `{"CreateFleetRequest":{"TargetCapacitySpecification":{"TotalTargetCapacity":1}}}`), "", "COMPUTE-ODD"},
	{"a fleet of spot machines", request("ec2", "RequestSpotFleet", `{"spotFleetRequestConfig":{"targetCapacity":"40"}}`), "COMPUTE-ODD", ""},
	{"a machine", request("ec2", "RunInstances", `{"instanceType":"t3.micro","instancesSet":{"items":[{"minCount":1,"maxCount":1}]}}`), "SYS-OBJ", "COMPUTE-ODD PASS-ROLE"},
	{"a survey of rights", call("iam", "GetAccountAuthorizationDetails", ""), "RECON", ""},
	{"a key of the incident", call("s3", "ListBuckets", `"userIdentity":{"type":"IAMUser","accessKeyId":"AKIAIOSFODNN7SUBJCT"}`), "SUBJECT", ""},
	{"a record that says nothing", `{"awsRegion":null,"recipientAccountId":null,"sourceIPAddress":null,"userAgent":null,"eventType":null,"eventCategory":null,"readOnly":null,"userIdentity":null}`, "", "DENIED ROOT-USE DEV-TOOL TRAIL-OFF"},
}

// caseRecord is the record of a case, under its own id.
func caseRecord(t *testing.T, i int, c ruleCase) map[string]any {
	t.Helper()
	record := map[string]any{}
	for _, text := range []string{plainRecord, c.record} {
		if err := json.Unmarshal([]byte(text), &record); err != nil { // replaces members
			t.Fatalf("%s: %v", c.name, err)
		}
	}
	record["eventID"] = fmt.Sprintf("00000000-0000-4000-8000-%012d", i)
	return record
}

func caseRecords(t *testing.T) []map[string]any {
	var list []map[string]any
	for i, c := range ruleCases {
		list = append(list, caseRecord(t, i, c))
	}
	return list
}

func TestRulesTakeAndLeave(t *testing.T) {
	l := builtIn(t)
	o := ever
	o.Rules, o.Params = allRules(l), testParams
	events, _ := run(t, l, records(t, caseRecords(t)...), o)
	taken := map[string]map[string]pack.Severity{} // by event
	for _, e := range events {
		taken[e.Value("event_id")] = map[string]pack.Severity{}
		for _, one := range e.Taken {
			taken[e.Value("event_id")][one.Rule.ID.Value] = one.Severity
		}
	}
	positive := map[string]bool{}
	for i, c := range ruleCases {
		t.Run(c.name, func(t *testing.T) {
			found := taken[fmt.Sprintf("00000000-0000-4000-8000-%012d", i)]
			for want := range strings.FieldsSeq(c.takes) {
				id, severity, checked := strings.Cut(want, ":")
				positive[id] = true
				s, ok := found[id]
				if !ok {
					t.Errorf("rule %s does not take it; %v do", id, slices.Sorted(maps.Keys(found)))
				} else if checked && s.String() != severity {
					t.Errorf("rule %s: severity %s instead of %s", id, s, severity)
				}
			}
			for id := range strings.FieldsSeq(c.not) {
				if l.Rule(id) == nil {
					t.Errorf("no rule %s", id)
				}
				if _, ok := found[id]; ok {
					t.Errorf("rule %s takes it", id)
				}
			}
		})
	}
	for _, r := range l.Rules {
		if listed := (len(r.Events) > 0 || r.Where.Value != "") && !r.Quiet; listed && !positive[r.ID.Value] {
			t.Errorf("no record shows what rule %s takes", r.ID.Value)
		}
	}
}

// TestOwnRulesAreTwoValued: what a record lacks is neither what a user's rule looks
// for nor what keeps it from saying that it is not there.
func TestOwnRulesAreTwoValued(t *testing.T) {
	conditions := []string{
		`NOT any_match(resources, r -> r.arn = 'arn:x')`, `cardinality(resources) = 0`, `NOT cardinality(resources) > 1`, `none_match(resources, r -> r.type = 'x')`,
		`NOT contains(transform(resources, r -> r.arn), 'arn:x')`, `NOT json_array_contains(json_extract(requestparameters, '$.a'), 'x')`,
		`json_array_length(json_extract(requestparameters, '$.a')) < 1`, `NOT regexp_extract(sourceipaddress, '^x(.)', 1) = 'x'`, `split_part(useragent, '/', 9) <> 'x'`,
		`json_extract_scalar(requestparameters, '$.a') <> 'x'`, `resources IS NULL`, `NOT element_at(resources, 1).arn = 'x'`, `element_at(resources, 1).arn NOT IN ('x', 'y')`, `element_at(resources, 1).arn IS NULL`, `NOT lower(rp(a)) = 'x'`,
	}
	text := "rules:\n"
	for i, c := range conditions {
		text += fmt.Sprintf("  - {id: R%d, title: r, where: \"%s\"}\n", i, c)
	}
	l, err := pack.Load(pack.BuiltIn(), fstest.MapFS{"mine.yaml": {Data: []byte(text)}})
	if err != nil {
		t.Fatal(err)
	}
	o := ever
	for i := range conditions {
		o.Rules = append(o.Rules, fmt.Sprint("R", i))
	}
	events, _ := run(t, l, records(t, caseRecord(t, 0, ruleCase{record: call("s3", "ListBuckets", "")})), o)
	taken := map[string]bool{}
	for _, e := range events {
		for _, one := range e.Taken {
			taken[one.Rule.ID.Value] = true
		}
	}
	for i, c := range conditions {
		if !taken[fmt.Sprint("R", i)] {
			t.Errorf("%s does not hold for a record that has nothing", c)
		}
	}
}

// TestConditionsThatFail: what fails for an event is an error of the run, not an event
// that nobody takes.
func TestConditionsThatFail(t *testing.T) {
	for _, where := range []string{`CAST(eventname AS bigint) > 3`, `regexp_like(useragent, eventname || '(')`} {
		l, err := pack.Load(pack.BuiltIn(), fstest.MapFS{"mine.yaml": {Data: []byte("rules:\n  - id: MINE\n    title: t\n    where: " + where + "\n")}})
		if err != nil {
			t.Fatal(err)
		}
		o := ever
		o.Rules = []string{"MINE"}
		p, err := l.Plan(o)
		if err != nil {
			t.Fatal(err)
		}
		query := records(t, caseRecord(t, 0, ruleCase{record: call("s3", "ListBuckets", "")}))
		if _, err := p.Run(t.Context(), query, func(*pack.Event) error { return nil }); err == nil {
			t.Errorf("%s: no error", where)
		}
	}
}

// TestConditionsAreTwoValued asks every condition whether it is NULL for any record
// that we have, or for one that says nothing.
func TestConditionsAreTwoValued(t *testing.T) {
	l := builtIn(t)
	file := t.TempDir() + "/records.json"
	content, err := json.Marshal(map[string]any{"Records": append(caseRecords(t), map[string]any{"eventID": "nothing else"})})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, content, 0o666); err != nil {
		t.Fatal(err)
	}
	sources := []string{file}
	if _, err := os.Stat(sharedData); err == nil {
		sources = append(sources, shared(t, "archive"), shared(t, "records"))
	} else {
		t.Log("the corpus of real records is not here: only our own are asked")
	}
	query := archive(t, sources...)
	conditions, err := l.Conditions(testParams)
	if err != nil {
		t.Fatal(err)
	}
	names := slices.Sorted(maps.Keys(conditions))
	for chunk := range slices.Chunk(names, 30) {
		var columns []string
		var params []any
		for _, name := range chunk {
			columns = append(columns, "count_if(("+conditions[name].SQL+") IS NULL)")
			params = append(params, conditions[name].Params...)
		}
		r, err := query(t.Context(), "SELECT count(*), "+strings.Join(columns, ", ")+" FROM cloudtrail_logs", params...)
		if err != nil {
			t.Fatal(err)
		}
		for batch, err := range r.Batches() {
			if err != nil {
				t.Fatal(err)
			}
			for i, name := range chunk {
				if n := batch.Column(i + 1).ValueStr(0); n != "0" {
					t.Errorf("condition %s is NULL for %s of %s records", name, n, batch.Column(0).ValueStr(0))
				}
			}
		}
		r.Close()
	}
}
