package main

// securityOperations are the calls of KMS, Secrets Manager, Systems Manager,
// CloudTrail, Config and the detectors.
func securityOperations() []operation {
	const (
		viewers  = people | deployer | auditor
		keyOf    = `[{"accountId":"<account>","type":"AWS::KMS::Key","ARN":"arn:aws:kms:<region>:<account>:key/<kmskey>"}]`
		secretOf = `arn:aws:secretsmanager:<region>:<account>:secret:<secret>`
		trailArn = `arn:aws:cloudtrail:<region>:<account>:trail/<trail>`
	)
	kmsDenied := []failure{{"AccessDenied", "User: <caller> is not authorized to perform: <action> on resource: arn:aws:kms:<region>:<account>:key/<kmskey> because no resource-based policy allows the <action> action", 0.01}}
	secretFailures := []failure{
		{"ResourceNotFoundException", "Secrets Manager can't find the specified secret.", 0.03},
		{"AccessDenied", "User: <caller> is not authorized to perform: <action> on resource: <secret> because no identity-based policy allows the <action> action", 0.02},
	}
	list := []operation{
		{service: "kms", name: "Decrypt", weight: 60, by: workload, request: `{"encryptionAlgorithm":"SYMMETRIC_DEFAULT","encryptionContext":{"aws:lambda:FunctionArn":"arn:aws:lambda:<region>:<account>:function:<function>"}}`, resources: keyOf, failures: kmsDenied},
		{service: "kms", name: "Decrypt", weight: 50, by: workload, via: "secretsmanager.amazonaws.com", request: `{"encryptionContext":{"SecretARN":"` + secretOf + `","SecretVersionId":"<uuid>"},"encryptionAlgorithm":"SYMMETRIC_DEFAULT"}`, resources: keyOf, failures: kmsDenied},
		{service: "kms", name: "Decrypt", weight: 40, by: workload | people, via: "AWS Internal", request: `{"encryptionAlgorithm":"SYMMETRIC_DEFAULT","encryptionContext":{"PARAMETER_ARN":"arn:aws:ssm:<region>:<account>:parameter<parameter>"}}`, resources: keyOf, failures: kmsDenied},
		{service: "kms", name: "Decrypt", weight: 40, by: service, via: "dynamodb.amazonaws.com", request: `{"encryptionContext":{"aws:dynamodb:tableName":"<table>","aws:dynamodb:subscriberId":"<account>"},"encryptionAlgorithm":"SYMMETRIC_DEFAULT"}`, resources: keyOf},
		{service: "kms", name: "GenerateDataKey", weight: 70, by: service, via: "cloudtrail.amazonaws.com", request: `{"keySpec":"AES_256","encryptionContext":{"aws:cloudtrail:arn":"` + trailArn + `","aws:s3:arn":"arn:aws:s3:::<trailbucket>/<trailkey>"},"keyId":"arn:aws:kms:<region>:<account>:key/<kmskey>"}`, resources: keyOf},
		{service: "kms", name: "GenerateDataKey", weight: 40, by: workload, via: "AWS Internal", request: `{"keySpec":"AES_256","encryptionContext":{"aws:s3:arn":"arn:aws:s3:::<bucket>"},"keyId":"arn:aws:kms:<region>:<account>:key/<kmskey>"}`, resources: keyOf, failures: kmsDenied},
		{service: "kms", name: "Encrypt", weight: 20, by: service, via: "eks.amazonaws.com", request: `{"encryptionContext":{"aws:eks:context":"<uuid>"},"encryptionAlgorithm":"SYMMETRIC_DEFAULT","keyId":"arn:aws:kms:<region>:<account>:key/<kmskey>"}`, resources: keyOf},
		{service: "kms", name: "Sign", weight: 90, by: outsider, request: `{"keyId":"arn:aws:kms:<region>:<account>:key/<kmskey>","signingAlgorithm":"RSASSA_PKCS1_V1_5_SHA_256","messageType":"RAW"}`, resources: keyOf},
		{service: "kms", name: "Decrypt", weight: 30, by: outsider, request: `{"keyId":"arn:aws:kms:<region>:<account>:key/<kmskey>","encryptionAlgorithm":"SYMMETRIC_DEFAULT"}`, resources: keyOf},
		{service: "kms", name: "DescribeKey", weight: 16, by: viewers, request: `{"keyId":"arn:aws:kms:<region>:<account>:key/<kmskey>"}`, resources: keyOf, failures: kmsDenied},
		{service: "kms", name: "ListAliases", weight: 8, by: viewers, request: `{"limit":100}`},
		{service: "kms", name: "CreateGrant", weight: 4, by: instance, via: "autoscaling.amazonaws.com", effect: writeManagement, request: `{"keyId":"arn:aws:kms:<region>:<account>:key/<kmskey>","granteePrincipal":"arn:aws:iam::<account>:role/aws-service-role/autoscaling.amazonaws.com/AWSServiceRoleForAutoScaling","operations":["Decrypt","GenerateDataKeyWithoutPlaintext","ReEncryptFrom","ReEncryptTo","CreateGrant"],"constraints":{"encryptionContextSubset":{"aws:ebs:id":"<volume>"}}}`,
			response: `{"grantId":"<hex64>","keyId":"arn:aws:kms:<region>:<account>:key/<kmskey>"}`, resources: keyOf},
		{service: "kms", name: "ScheduleKeyDeletion", weight: 0.15, by: cliUser | ssoUser, effect: writeManagement, request: `{"keyId":"<kmskey>","pendingWindowInDays":7}`, response: `{"keyId":"arn:aws:kms:<region>:<account>:key/<kmskey>","deletionDate":"<longtime>"}`, resources: keyOf},
		{service: "kms", name: "RotateKey", weight: 2, by: awsEvents, effect: writeManagement, eventType: serviceEvent, details: `{"keyId":"<kmskey>"}`, resources: keyOf},

		{service: "secretsmanager", name: "GetSecretValue", weight: 46, by: workload | deployer, request: `{"secretId":"` + secretOf + `"}`, failures: secretFailures},
		{service: "secretsmanager", name: "DescribeSecret", weight: 12, by: viewers | function, request: `{"secretId":"<secret>"}`, failures: secretFailures},
		{service: "secretsmanager", name: "ListSecrets", weight: 8, by: viewers, request: `{"maxResults":100}`},
		{service: "secretsmanager", name: "GetResourcePolicy", weight: 6, by: deployer | auditor, request: `{"secretId":"` + secretOf + `"}`, failures: secretFailures},
		{service: "secretsmanager", name: "PutSecretValue", weight: 1.5, by: function | deployer, effect: writeManagement, request: `{"clientRequestToken":"<uuid>","secretId":"` + secretOf + `"}`, response: `{"arn":"` + secretOf + `"}`},
		{service: "secretsmanager", name: "SecretVersionDeletion", weight: 8, by: awsEvents, effect: writeManagement, eventType: serviceEvent, requestID: "SecretVersionDeletion:" + secretOf + ":<uuid>",
			extra: `{"VersionId":"<uuid>","ARN":"` + secretOf + `","Detail":"Scheduling this secret version for deletion because it has no stage and this secret has over 100 versions","DeleteAfter":"24 Hours","Name":"<secret>"}`},
		{service: "secretsmanager", name: "RotationSucceeded", weight: 4, by: awsEvents, effect: writeManagement, eventType: serviceEvent, requestID: "RotationSucceeded:" + secretOf + ":<uuid>", extra: `{"SecretId":"` + secretOf + `"}`},

		{service: "ssm", name: "GetParameter", weight: 36, by: workload | deployer, request: `{"name":"<parameter>","withDecryption":true}`, resources: `[{"accountId":"<account>","ARN":"arn:aws:ssm:<region>:<account>:parameter<parameter>"}]`,
			failures: []failure{{"ParameterNotFound", "", 0.04}, {"ThrottlingException", "Rate exceeded", 0.02}}},
		{service: "ssm", name: "GetParametersByPath", weight: 18, by: workload, request: `{"path":"/<team>/production","recursive":true,"withDecryption":true,"maxResults":10}`, failures: []failure{{"ThrottlingException", "Rate exceeded", 0.03}}},
		{service: "ssm", name: "DescribeParameters", weight: 12, by: viewers, request: `{"parameterFilters":[{"key":"Name","option":"Equals","values":["<parameter>"]}],"maxResults":50}`, failures: []failure{{"ThrottlingException", "Rate exceeded", 0.05}}},
		{service: "ssm", name: "PutParameter", weight: 2, by: deployer, effect: writeManagement, request: `{"name":"<parameter>","value":"HIDDEN_DUE_TO_SECURITY_REASONS","type":"SecureString","overwrite":true,"tier":"Standard","dataType":"text"}`, response: `{"version":<small>,"tier":"Standard"}`, failures: []failure{{"ParameterAlreadyExists", "The parameter already exists. To overwrite this value, set the overwrite option in the request to true.", 0.1}}},
		{service: "ssm", name: "UpdateInstanceInformation", weight: 36, by: instance, effect: writeManagement, request: `{"instanceId":"<ownsession>","agentVersion":"3.2.2303.0","agentStatus":"Active","platformType":"Linux","platformName":"Amazon Linux","platformVersion":"2023","iPAddress":"<privateaddress>","computerName":"ip-<dashedaddress>.<region>.compute.internal","agentName":"amazon-ssm-agent","availabilityZone":"<region>a","availabilityZoneId":"use1-az2","sSMConnectionChannel":"ssmmessages"}`},
		{service: "ssm", name: "ListInstanceAssociations", weight: 20, by: instance, request: `{"instanceId":"<ownsession>","maxResults":20}`},
		{service: "ssm", name: "StartSession", weight: 1, by: ssoUser | cliUser, effect: writeManagement, request: `{"target":"<instance>","documentName":"AWS-StartInteractiveCommand","parameters":{"command":["bash -l"]}}`, response: `{"sessionId":"<rolesession>-<hex17>","tokenValue":"Value hidden due to security reasons.","streamUrl":"wss://ssmmessages.<region>.amazonaws.com/v1/data-channel/<rolesession>-<hex17>?role=publish_subscribe"}`},
		{service: "ssm", name: "SendCommand", weight: 0.8, by: ssoUser | cliUser | deployer, effect: writeManagement, request: `{"documentName":"AWS-RunShellScript","instanceIds":["<instance>"],"parameters":"HIDDEN_DUE_TO_SECURITY_REASONS","interactive":false}`,
			response: `{"command":{"commandId":"<uuid>","documentName":"AWS-RunShellScript","documentVersion":"$DEFAULT","comment":"","expiresAfter":"<longtime>","parameters":"HIDDEN_DUE_TO_SECURITY_REASONS","instanceIds":["<instance>"],"targets":[],"requestedDateTime":"<longtime>","status":"Pending","statusDetails":"Pending","outputS3Region":"<region>","maxConcurrency":"50","maxErrors":"0","targetCount":1,"completedCount":0,"errorCount":0,"deliveryTimedOutCount":0,"timeoutSeconds":3600}}`},

		{service: "cloudtrail", name: "DescribeTrails", weight: 6, by: viewers, request: `{"trailNameList":[],"includeShadowTrails":true}`},
		{service: "cloudtrail", name: "GetTrailStatus", weight: 6, by: viewers, request: `{"name":"` + trailArn + `"}`},
		{service: "cloudtrail", name: "LookupEvents", weight: 6, by: consoleUser | ssoUser | auditor, request: `{"maxResults":50,"lookupAttributes":[{"attributeKey":"ReadOnly","attributeValue":"false"}],"startTime":"<longtime>"}`, failures: []failure{{"ThrottlingException", "Rate exceeded", 0.06}}},
		{service: "cloudtrail", name: "PutEventSelectors", weight: 0.2, by: deployer | ssoUser, effect: writeManagement, request: `{"trailName":"<trail>","eventSelectors":[{"readWriteType":"All","includeManagementEvents":true,"dataResources":[{"type":"AWS::S3::Object","values":["arn:aws:s3"]}],"excludeManagementEventSources":[]}]}`,
			response: `{"trailARN":"` + trailArn + `","eventSelectors":[{"readWriteType":"All","includeManagementEvents":true,"dataResources":[{"type":"AWS::S3::Object","values":["arn:aws:s3"]}],"excludeManagementEventSources":[]}]}`},
		{service: "cloudtrail", name: "StopLogging", weight: 0.08, by: cliUser, effect: writeManagement, request: `{"name":"` + trailArn + `"}`, failures: []failure{denied(0.5)}},

		{service: "config", name: "PutEvaluations", weight: 14, by: function, effect: writeManagement, request: `{"evaluations":[{"complianceResourceType":"AWS::EC2::Instance","complianceResourceId":"<instance>","complianceType":"COMPLIANT","orderingTimestamp":"<longtime>"}],"resultToken":"<token>","testMode":false}`, response: `{"failedEvaluations":[]}`},
		{service: "config", name: "DescribeComplianceByConfigRule", weight: 6, by: auditor | ssoUser, request: `{"complianceTypes":["NON_COMPLIANT"]}`},
		{service: "guardduty", name: "ListFindings", weight: 6, by: auditor | ssoUser | consoleUser, request: `{"detectorId":"<detector>","findingCriteria":{"criterion":{"service.archived":{"eq":["false"]},"updatedAt":{"greaterThanOrEqual":<millis>}}},"maxResults":50}`},
		{service: "guardduty", name: "GetFindings", weight: 5, by: auditor | ssoUser, request: `{"detectorId":"<detector>","findingIds":["<hex32>","<hex32>","<hex32>"]}`},
		{service: "guardduty", name: "DeleteDetector", weight: 0.03, by: cliUser, effect: writeManagement, request: `{"detectorId":"<detector>"}`, failures: []failure{denied(0.5)}},
		{service: "securityhub", name: "BatchImportFindings", weight: 10, by: function, effect: writeManagement, request: `{"Findings":[{"SchemaVersion":"2018-10-08","Id":"<uuid>","ProductArn":"arn:aws:securityhub:<region>:<account>:product/<account>/default","GeneratorId":"<rule>","AwsAccountId":"<account>","CreatedAt":"<time>","UpdatedAt":"<time>","Severity":{"Label":"MEDIUM"},"Title":"Resource without owner tag","Description":"The resource has no tag that names its owner","Resources":[{"Type":"AwsEc2Instance","Id":"arn:aws:ec2:<region>:<account>:instance/<instance>"}]}]}`, response: `{"FailedCount":0,"SuccessCount":1,"FailedFindings":[]}`},
		{service: "access-analyzer", name: "ListFindingsV2", weight: 3, by: auditor | ssoUser, request: `{"analyzerArn":"arn:aws:access-analyzer:<region>:<account>:analyzer/organisation","filter":{"status":{"eq":["ACTIVE"]}},"maxResults":100}`},
	}
	for i := range list {
		if o := &list[i]; o.requestID == "" && o.eventType != serviceEvent {
			o.requestID = plainID
		}
	}
	return list
}
