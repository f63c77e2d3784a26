package main

// identityOperations are the calls of IAM, STS, sign-in and IAM Identity
// Center. IAM and the console's sign-in are global: their records carry us-east-1.
func identityOperations() []operation {
	const (
		viewers     = people | deployer | auditor
		hidden      = "HIDDEN_DUE_TO_SECURITY_REASONS"
		credentials = `"credentials":{"accessKeyId":"<newkey>","sessionToken":"<token>","expiration":"<expiry>"}`
		roleOf      = `[{"accountId":"<account>","type":"AWS::IAM::Role","ARN":"arn:aws:iam::<account>:role/<role>"}]`
		assumed     = `{` + credentials + `,"assumedRoleUser":{"assumedRoleId":"<roleid>:<rolesession>","arn":"arn:aws:sts::<account>:assumed-role/<role>/<rolesession>"}}`
		assumeRole  = `{"roleArn":"arn:aws:iam::<account>:role/<role>","roleSessionName":"<rolesession>","durationSeconds":3600}`
		userOf      = `"user":{"path":"/","userName":"<user>","userId":"<userid>","arn":"arn:aws:iam::<account>:user/<user>","createDate":"<longtime>"}`
	)
	noEntity := func(share float64) []failure {
		return []failure{{"NoSuchEntityException", "The user with name <user> cannot be found.", share}, denied(0.02)}
	}

	iam := []operation{
		{name: "GetUser", weight: 8, by: viewers, request: `{"userName":"<user>"}`, failures: noEntity(0.05)},
		{name: "ListUsers", weight: 6, by: viewers | root, request: `{"maxItems":1000}`, failures: []failure{denied(0.03)}},
		{name: "ListAccessKeys", weight: 8, by: viewers, request: `{"userName":"<user>"}`, failures: noEntity(0.03)},
		{name: "GetAccessKeyLastUsed", weight: 6, by: auditor | consoleUser, request: `{"accessKeyId":"<oldkey>"}`},
		{name: "ListMFADevices", weight: 6, by: auditor | consoleUser, request: `{"userName":"<user>"}`},
		{name: "ListAttachedUserPolicies", weight: 6, by: auditor | ssoUser, request: `{"userName":"<user>"}`, failures: noEntity(0.03)},
		{name: "GetRole", weight: 14, by: viewers, request: `{"roleName":"<role>"}`, failures: []failure{{"NoSuchEntityException", "The role with name <role> cannot be found.", 0.08}, denied(0.02)}},
		{name: "ListRolePolicies", weight: 8, by: deployer | auditor, request: `{"roleName":"<role>"}`},
		{name: "ListAttachedRolePolicies", weight: 8, by: deployer | auditor, request: `{"roleName":"<role>"}`},
		{name: "ListInstanceProfilesForRole", weight: 4, by: deployer, request: `{"roleName":"<role>"}`},
		{name: "GetPolicy", weight: 6, by: deployer | auditor, request: `{"policyArn":"arn:aws:iam::<account>:policy/<policy>"}`},
		{name: "GetPolicyVersion", weight: 6, by: deployer | auditor, request: `{"policyArn":"arn:aws:iam::<account>:policy/<policy>","versionId":"v<small>"}`},
		{name: "GetAccountSummary", weight: 3, by: consoleUser | auditor | root},
		{name: "GetAccountPasswordPolicy", weight: 3, by: consoleUser | auditor, failures: []failure{{"NoSuchEntityException", "The Password Policy with domain name <account> cannot be found.", 0.5}}},
		{name: "CreateUser", weight: 0.8, by: deployer | consoleUser, effect: writeManagement, request: `{"userName":"<user>","tags":[{"key":"Team","value":"<team>"}]}`, response: `{` + userOf + `}`,
			failures: []failure{{"EntityAlreadyExistsException", "User with name <user> already exists.", 0.1}, denied(0.05)}},
		{name: "CreateAccessKey", weight: 1, by: consoleUser | cliUser | deployer, effect: writeManagement, request: `{"userName":"<user>"}`,
			response: `{"accessKey":{"userName":"<user>","accessKeyId":"<newuserkey>","status":"Active","createDate":"<longtime>"}}`,
			failures: []failure{{"LimitExceededException", "Cannot exceed quota for AccessKeysPerUser: 2", 0.06}, denied(0.05)}},
		{name: "UpdateAccessKey", weight: 0.5, by: consoleUser | cliUser, effect: writeManagement, request: `{"userName":"<user>","status":"Inactive","accessKeyId":"<oldkey>"}`},
		{name: "DeleteAccessKey", weight: 0.6, by: consoleUser | cliUser, effect: writeManagement, request: `{"userName":"<user>","accessKeyId":"<oldkey>"}`},
		{name: "AttachUserPolicy", weight: 0.4, by: consoleUser | deployer, effect: writeManagement, request: `{"userName":"<user>","policyArn":"arn:aws:iam::aws:policy/<awspolicy>"}`, failures: []failure{denied(0.1)}},
		{name: "AttachRolePolicy", weight: 1.2, by: deployer, effect: writeManagement, request: `{"roleName":"<role>","policyArn":"arn:aws:iam::<account>:policy/<policy>"}`, failures: []failure{denied(0.05)}},
		{name: "PutRolePolicy", weight: 1, by: deployer, effect: writeManagement, failures: []failure{denied(0.05)},
			request: `{"roleName":"<role>","policyName":"<policy>","policyDocument":"{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Action\":[\"s3:GetObject\",\"s3:PutObject\"],\"Resource\":\"arn:aws:s3:::<bucket>/*\"},{\"Effect\":\"Allow\",\"Action\":\"kms:Decrypt\",\"Resource\":\"arn:aws:kms:<region>:<account>:key/<kmskey>\"}]}"}`},
		{name: "CreateRole", weight: 0.8, by: deployer, effect: writeManagement,
			request:  `{"path":"/","roleName":"<role>","assumeRolePolicyDocument":"{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Principal\":{\"Service\":\"lambda.amazonaws.com\"},\"Action\":\"sts:AssumeRole\"}]}","maxSessionDuration":3600,"tags":[{"key":"Team","value":"<team>"}]}`,
			response: `{"role":{"path":"/","roleName":"<role>","roleId":"<roleid>","arn":"arn:aws:iam::<account>:role/<role>","createDate":"<longtime>","assumeRolePolicyDocument":"%7B%22Version%22%3A%222012-10-17%22%2C%22Statement%22%3A%5B%7B%22Effect%22%3A%22Allow%22%2C%22Principal%22%3A%7B%22Service%22%3A%22lambda.amazonaws.com%22%7D%2C%22Action%22%3A%22sts%3AAssumeRole%22%7D%5D%7D"}}`,
			failures: []failure{{"EntityAlreadyExistsException", "Role with name <role> already exists.", 0.1}}},
		{name: "CreateLoginProfile", weight: 0.2, by: consoleUser, effect: writeManagement, request: `{"userName":"<user>","passwordResetRequired":true}`, response: `{"loginProfile":{"userName":"<user>","createDate":"<longtime>","passwordResetRequired":true}}`},
		{name: "UpdateLoginProfile", weight: 0.2, by: consoleUser, effect: writeManagement, request: `{"userName":"<user>"}`, failures: noEntity(0.2)},
		{name: "DeactivateMFADevice", weight: 0.1, by: consoleUser, effect: writeManagement, request: `{"userName":"<user>","serialNumber":"arn:aws:iam::<account>:mfa/<user>"}`},
		{name: "DeleteUser", weight: 0.3, by: consoleUser | deployer, effect: writeManagement, request: `{"userName":"<user>"}`, failures: []failure{{"DeleteConflictException", "Cannot delete entity, must delete access keys first.", 0.3}}},
	}
	for i := range iam {
		iam[i].service, iam[i].global, iam[i].requestID, iam[i].host = "iam", true, plainID, "iam.amazonaws.com"
	}

	sts := []operation{
		{name: "GetCallerIdentity", weight: 60, by: viewers | workload | federated},
		{name: "AssumeRole", weight: 16, by: service, via: "lambda.amazonaws.com", request: `{"roleArn":"arn:aws:iam::<account>:role/<role>","roleSessionName":"<function>"}`, response: `{` + credentials + `}`, resources: roleOf},
		{name: "AssumeRole", weight: 16, by: service, via: "ec2.amazonaws.com", request: `{"roleArn":"arn:aws:iam::<account>:role/<role>","roleSessionName":"<instance>"}`, response: `{` + credentials + `}`, resources: roleOf},
		{name: "AssumeRole", weight: 16, by: service, via: "ecs-tasks.amazonaws.com", request: `{"roleArn":"arn:aws:iam::<account>:role/<role>","roleSessionName":"<hex32>"}`, response: `{` + credentials + `}`, resources: roleOf},
		{name: "AssumeRole", weight: 12, by: service, via: "config.amazonaws.com", request: `{"roleArn":"arn:aws:iam::<account>:role/aws-service-role/config.amazonaws.com/AWSServiceRoleForConfig","roleSessionName":"AWSConfig-Describe","durationSeconds":900}`, response: `{` + credentials + `}`,
			resources: `[{"accountId":"<account>","type":"AWS::IAM::Role","ARN":"arn:aws:iam::<account>:role/aws-service-role/config.amazonaws.com/AWSServiceRoleForConfig"}]`},
		{name: "AssumeRole", weight: 22, by: outsider, request: `{"roleArn":"arn:aws:iam::<account>:role/<role>","roleSessionName":"<rolesession>","externalId":"<externalid>","durationSeconds":3600}`, response: assumed, resources: roleOf},
		{name: "AssumeRole", weight: 8, by: cliUser | deployer | instance, request: assumeRole, response: assumed, resources: roleOf,
			failures: []failure{{"AccessDenied", "User: <caller> is not authorized to perform: sts:AssumeRole on resource: arn:aws:iam::<account>:role/<role>", 0.08}}},
		{name: "AssumeRoleWithWebIdentity", weight: 30, by: webIdentity, request: `{"roleArn":"arn:aws:iam::<account>:role/<role>","roleSessionName":"<rolesession>","durationSeconds":3600}`,
			response:  `{"subjectFromWebIdentityToken":"<subject>",` + credentials + `,"assumedRoleUser":{"assumedRoleId":"<roleid>:<rolesession>","arn":"arn:aws:sts::<account>:assumed-role/<role>/<rolesession>"},"provider":"arn:aws:iam::<account>:oidc-provider/token.ci.example.com","audience":"sts.amazonaws.com"}`,
			resources: roleOf, failures: []failure{{"AccessDenied", "An unknown error occurred", 0.02}}},
		{name: "AssumeRoleWithSAML", weight: 30, by: samlUser, request: `{"roleArn":"arn:aws:iam::<account>:role/<role>","principalArn":"arn:aws:iam::<account>:saml-provider/ExampleIdP","sAMLAssertionID":"_<uuid>","durationSeconds":43200,"roleSessionName":"<rolesession>"}`,
			response: assumed, resources: `[{"accountId":"<account>","type":"AWS::IAM::Role","ARN":"arn:aws:iam::<account>:role/<role>"},{"accountId":"<account>","type":"AWS::IAM::SAMLProvider","ARN":"arn:aws:iam::<account>:saml-provider/ExampleIdP"}]`},
		{name: "GetSessionToken", weight: 2, by: cliUser, request: `{"serialNumber":"arn:aws:iam::<account>:mfa/<user>","durationSeconds":43200}`, response: `{` + credentials + `}`},
		{name: "GetFederationToken", weight: 0.6, by: cliUser, request: `{"name":"<user>","durationSeconds":43200}`, response: `{` + credentials + `,"federatedUser":{"federatedUserId":"<account>:<user>","arn":"arn:aws:sts::<account>:federated-user/<user>"},"packedPolicySize":0}`},
	}
	for i := range sts {
		sts[i].service, sts[i].requestID = "sts", plainID
		if sts[i].resources != "" {
			sts[i].effect = readManagement
		}
	}

	const console = `"LoginTo":"https://console.aws.amazon.com/console/home?hashArgs=%23&isauthcode=true&state=hashArgsFromTB_<region>_<hex16>","MobileVersion":"No"`
	signIns := []operation{
		{name: "ConsoleLogin", weight: 8, by: consoleUser | root, response: `{"ConsoleLogin":"Success"}`, extra: `{` + console + `,"MFAIdentifier":"arn:aws:iam::<account>:mfa/<self>","MFAUsed":"Yes"}`},
		{name: "ConsoleLogin", weight: 2, by: consoleUser, response: `{"ConsoleLogin":"Success"}`, extra: `{` + console + `,"MFAUsed":"No"}`},
		{name: "ConsoleLogin", weight: 1.5, by: consoleUser, response: `{"ConsoleLogin":"Failure"}`, extra: `{` + console + `,"MFAUsed":"No"}`, message: "Failed authentication"},
		{name: "ConsoleLogin", weight: 0.7, by: consoleUser | root, response: `{"ConsoleLogin":"Failure"}`, extra: `{` + console + `,"MFAUsed":"Yes"}`, message: "Failed authentication"},
		{name: "CheckMfa", weight: 3, by: consoleUser, response: `{"CheckMfa":"Success"}`, extra: `{"MfaType":"Virtual MFA"}`},
		{name: "SwitchRole", weight: 0.5, by: consoleUser, response: `{"SwitchRole":"Success"}`, extra: `{"SwitchFrom":"<caller>","RedirectTo":"https://console.aws.amazon.com/console/home?region=<region>"}`},
	}
	for i := range signIns {
		signIns[i].service, signIns[i].eventType, signIns[i].global = "signin", signIn, true
		signIns[i].effect, signIns[i].host = writeManagement, "signin.aws.amazon.com"
	}

	others := []operation{
		{service: "sso", name: "GetRoleCredentials", weight: 6, by: identityCenter, request: `{"roleName":"<role>","accountId":"<account>"}`, requestID: plainID, host: "portal.sso.<region>.amazonaws.com", extra: `{"AuthWorkflowID":"<uuid>","CredentialType":"PASSWORD","UserName":"<email>"}`},
		{service: "sso", name: "ListAccountRoles", weight: 4, by: identityCenter, request: `{"accountId":"<account>","maxResults":100}`, requestID: plainID, host: "portal.sso.<region>.amazonaws.com"},
		{service: "sso", name: "Authenticate", weight: 1, by: awsEvents, eventType: serviceEvent, effect: writeManagement, details: `{"loginType":"IDENTITY_PROVIDER","userName":"` + hidden + `"}`},
		{service: "organizations", name: "DescribeOrganization", weight: 5, by: consoleUser | ssoUser | auditor, global: true, requestID: plainID, host: "organizations.us-east-1.amazonaws.com",
			failures: []failure{{"AccessDeniedException", "You don't have permissions to access this resource.", 0.2}}},
		{service: "organizations", name: "ListAccounts", weight: 4, by: auditor | deployer, global: true, requestID: plainID, host: "organizations.us-east-1.amazonaws.com",
			failures: []failure{{"AccessDeniedException", "You don't have permissions to access this resource.", 0.1}}},
		{service: "organizations", name: "LeaveOrganization", weight: 0.05, by: root, effect: writeManagement, global: true, requestID: plainID, host: "organizations.us-east-1.amazonaws.com"},
	}
	all := append(iam, sts...)
	all = append(all, signIns...)
	return append(all, others...)
}
