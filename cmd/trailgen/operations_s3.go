package main

// s3Operations are S3's bucket and object calls. Bucket-level calls are
// management events, object-level calls data events.
func s3Operations() []operation {
	const (
		bucket       = `[{"accountId":"<account>","type":"AWS::S3::Bucket","ARN":"arn:aws:s3:::<bucket>"}]`
		object       = `[{"type":"AWS::S3::Object","ARN":"arn:aws:s3:::<bucket>/<key>"},{"accountId":"<account>","type":"AWS::S3::Bucket","ARN":"arn:aws:s3:::<bucket>"}]`
		listing      = `[{"type":"AWS::S3::Object","ARNPrefix":"arn:aws:s3:::<bucket>/<prefix>"},{"accountId":"<account>","type":"AWS::S3::Bucket","ARN":"arn:aws:s3:::<bucket>"}]`
		trailObject  = `[{"type":"AWS::S3::Object","ARN":"arn:aws:s3:::<trailbucket>/<trailkey>"},{"accountId":"<account>","type":"AWS::S3::Bucket","ARN":"arn:aws:s3:::<trailbucket>"}]`
		at           = `"bucketName":"<bucket>","Host":"<bucket>.s3.<region>.amazonaws.com"`
		encrypted    = `{"x-amz-server-side-encryption":"aws:kms","x-amz-server-side-encryption-aws-kms-key-id":"arn:aws:kms:<region>:<account>:key/<kmskey>","x-amz-server-side-encryption-bucket-key-enabled":"true"}`
		transferNone = `{"SignatureVersion":"SigV4","CipherSuite":"<s3cipher>","bytesTransferredIn":<zero>,"AuthenticationMethod":"AuthHeader","x-amz-id-2":"<amzid2>","bytesTransferredOut":<answersize>}`
		transferIn   = `{"SignatureVersion":"SigV4","CipherSuite":"<s3cipher>","bytesTransferredIn":<objectsize>,"SSEApplied":"SSE_KMS","AuthenticationMethod":"AuthHeader","x-amz-id-2":"<amzid2>","bytesTransferredOut":<zero>}`
		transferLogs = `{"SignatureVersion":"SigV4","CipherSuite":"<s3cipher>","bytesTransferredIn":<objectsize>,"SSEApplied":"SSE_S3","AuthenticationMethod":"AuthHeader","x-amz-id-2":"<amzid2>","bytesTransferredOut":<zero>}`
		transferOut  = `{"SignatureVersion":"SigV4","CipherSuite":"<s3cipher>","bytesTransferredIn":<zero>,"SSEApplied":"Default_SSE_S3","AuthenticationMethod":"AuthHeader","x-amz-id-2":"<amzid2>","bytesTransferredOut":<objectsize>}`
		audience     = consoleUser | ssoUser | auditor | deployer | cliUser
	)
	objectDenied := failure{"AccessDenied", "User: <caller> is not authorized to perform: <action> on resource: \\\"arn:aws:s3:::<bucket>/<key>\\\" because no identity-based policy allows the <action> action", 0.02}
	bucketDenied := failure{"AccessDenied", "Access Denied", 0.03}
	missing := func(code, message string) []failure { return []failure{{code, message, 0.25}, bucketDenied} }

	list := []operation{
		{name: "GetObject", weight: 100, by: workload | outsider, effect: readData, request: `{` + at + `,"key":"<key>"}`, extra: transferOut, resources: object,
			failures: []failure{objectDenied, {"NoSuchKey", "The specified key does not exist.", 0.015}}},
		{name: "GetObject", weight: 12, by: cliUser | ssoUser | deployer, effect: readData, request: `{` + at + `,"key":"<key>"}`, extra: transferOut, resources: object,
			failures: []failure{objectDenied}},
		{name: "HeadObject", weight: 30, by: workload, effect: readData, request: `{` + at + `,"key":"<key>"}`, extra: transferNone, resources: object,
			failures: []failure{{"NoSuchKey", "The specified key does not exist.", 0.08}}},
		{name: "PutObject", weight: 45, by: workload, effect: writeData, request: `{` + at + `,"key":"<key>"}`, response: encrypted, extra: transferIn, resources: object,
			failures: []failure{objectDenied}},
		{name: "PutObject", weight: 8, by: cliUser | deployer, effect: writeData, request: `{"x-amz-acl":"bucket-owner-full-control",` + at + `,"key":"<key>"}`, response: encrypted, extra: transferIn, resources: object,
			failures: []failure{objectDenied}},
		{name: "DeleteObject", weight: 14, by: workload | cliUser, effect: writeData, request: `{` + at + `,"key":"<key>"}`, extra: transferNone, resources: object},
		{name: "DeleteObjects", weight: 4, by: workload, effect: writeData, request: `{"delete":"",` + at + `}`, extra: transferNone, resources: listing},
		{name: "ListObjects", weight: 40, by: workload, effect: readData, request: `{"list-type":"2",` + at + `,"encoding-type":"url","prefix":"<prefix>"}`, extra: transferNone, resources: listing},
		{name: "ListObjects", weight: 10, by: audience, effect: readData, request: `{"list-type":"2",` + at + `,"max-keys":"1000","encoding-type":"url","prefix":"<prefix>","delimiter":"/"}`, extra: transferNone, resources: listing},
		{name: "UploadPart", weight: 30, by: instance, effect: writeData, request: `{` + at + `,"key":"<key>","partNumber":"<part>","uploadId":"<uploadid>"}`, response: encrypted, extra: transferIn, resources: object},
		{name: "CompleteMultipartUpload", weight: 6, by: instance, effect: writeData, request: `{` + at + `,"key":"<key>","uploadId":"<uploadid>"}`, extra: transferNone, resources: object},
		{name: "PutObject", weight: 25, by: service, effect: writeData, via: "cloudtrail.amazonaws.com",
			request:  `{"x-amz-acl":"bucket-owner-full-control","bucketName":"<trailbucket>","Host":"<trailbucket>.s3.<region>.amazonaws.com","x-amz-server-side-encryption":"AES256","key":"<trailkey>"}`,
			response: `{"x-amz-server-side-encryption":"AES256"}`, extra: transferLogs, resources: trailObject},
		{name: "PutObject", weight: 20, by: service, effect: writeData, via: "delivery.logs.amazonaws.com",
			request:  `{"bucketName":"<bucket>","x-amz-acl":"bucket-owner-full-control","Host":"s3.<region>.amazonaws.com","key":"<flowkey>"}`,
			response: `{"x-amz-server-side-encryption":"AES256"}`, extra: transferLogs,
			resources: `[{"type":"AWS::S3::Object","ARN":"arn:aws:s3:::<bucket>/<flowkey>"},{"accountId":"<account>","type":"AWS::S3::Bucket","ARN":"arn:aws:s3:::<bucket>"}]`},
		{name: "GetBucketAcl", weight: 25, by: service, via: "cloudtrail.amazonaws.com", request: `{"bucketName":"<trailbucket>","Host":"<trailbucket>.s3.<region>.amazonaws.com","acl":""}`, extra: transferNone,
			resources: `[{"accountId":"<account>","type":"AWS::S3::Bucket","ARN":"arn:aws:s3:::<trailbucket>"}]`},
		{name: "GetBucketLocation", weight: 12, by: audience | service, request: `{` + at + `,"location":""}`, extra: transferNone, resources: bucket},
		{name: "HeadBucket", weight: 18, by: audience | workload, request: `{` + at + `}`, extra: transferNone, resources: bucket, failures: []failure{bucketDenied}},
		{name: "ListBuckets", weight: 14, by: audience | root, request: `{"Host":"s3.<region>.amazonaws.com"}`, extra: transferNone, host: "s3.<region>.amazonaws.com"},
		{name: "GetBucketAcl", weight: 9, by: audience, request: `{` + at + `,"acl":""}`, extra: transferNone, resources: bucket, failures: []failure{bucketDenied}},
		{name: "GetBucketPolicy", weight: 9, by: audience, request: `{` + at + `,"policy":""}`, extra: transferNone, resources: bucket, failures: missing("NoSuchBucketPolicy", "The bucket policy does not exist")},
		{name: "GetBucketPolicyStatus", weight: 7, by: audience, request: `{` + at + `,"policyStatus":""}`, extra: transferNone, resources: bucket, failures: missing("NoSuchBucketPolicy", "The bucket policy does not exist")},
		{name: "GetBucketPublicAccessBlock", weight: 7, by: audience, request: `{` + at + `,"publicAccessBlock":""}`, extra: transferNone, resources: bucket,
			failures: missing("NoSuchPublicAccessBlockConfiguration", "The public access block configuration was not found")},
		{name: "GetBucketEncryption", weight: 7, by: audience, request: `{` + at + `,"encryption":""}`, extra: transferNone, resources: bucket, failures: []failure{bucketDenied}},
		{name: "GetBucketVersioning", weight: 7, by: audience, request: `{` + at + `,"versioning":""}`, extra: transferNone, resources: bucket, failures: []failure{bucketDenied}},
		{name: "GetBucketTagging", weight: 6, by: audience, request: `{` + at + `,"tagging":""}`, extra: transferNone, resources: bucket, failures: missing("NoSuchTagSet", "The TagSet does not exist")},
		{name: "GetBucketLogging", weight: 5, by: audience, request: `{` + at + `,"logging":""}`, extra: transferNone, resources: bucket},
		{name: "GetBucketLifecycle", weight: 5, by: audience, request: `{"lifecycle":"",` + at + `}`, extra: transferNone, resources: bucket,
			failures: missing("NoSuchLifecycleConfiguration", "The lifecycle configuration does not exist")},
		{name: "GetBucketReplication", weight: 4, by: audience, request: `{"replication":"",` + at + `}`, extra: transferNone, resources: bucket,
			failures: missing("ReplicationConfigurationNotFoundError", "The replication configuration was not found")},
		{name: "CreateBucket", weight: 1, by: deployer | cliUser, effect: writeManagement,
			request: `{"CreateBucketConfiguration":{"LocationConstraint":"<region>","xmlns":"http://s3.amazonaws.com/doc/2006-03-01/"},` + at + `}`, extra: transferNone, resources: bucket,
			failures: []failure{{"BucketAlreadyOwnedByYou", "Your previous request to create the named bucket succeeded and you already own it.", 0.1}}},
		{name: "PutBucketPolicy", weight: 1.2, by: deployer | ssoUser, effect: writeManagement,
			request:   `{"bucketPolicy":{"Version":"2012-10-17","Statement":[{"Sid":"DenyInsecureTransport","Effect":"Deny","Principal":"*","Action":"s3:*","Resource":["arn:aws:s3:::<bucket>","arn:aws:s3:::<bucket>/*"],"Condition":{"Bool":{"aws:SecureTransport":"false"}}},{"Sid":"Readers","Effect":"Allow","Principal":{"AWS":"arn:aws:iam::<account>:role/<role>"},"Action":["s3:GetObject","s3:ListBucket"],"Resource":["arn:aws:s3:::<bucket>","arn:aws:s3:::<bucket>/*"]}]},` + at + `,"policy":""}`,
			extra:     `{"SignatureVersion":"SigV4","CipherSuite":"<s3cipher>","bytesTransferredIn":487,"AuthenticationMethod":"AuthHeader","x-amz-id-2":"<amzid2>","bytesTransferredOut":0}`,
			resources: bucket, failures: []failure{bucketDenied}},
		{name: "PutBucketPublicAccessBlock", weight: 1, by: deployer | ssoUser, effect: writeManagement,
			request: `{"publicAccessBlock":"",` + at + `,"PublicAccessBlockConfiguration":{"xmlns":"http://s3.amazonaws.com/doc/2006-03-01/","RestrictPublicBuckets":true,"BlockPublicPolicy":true,"BlockPublicAcls":true,"IgnorePublicAcls":true}}`, extra: transferNone, resources: bucket},
		{name: "PutBucketTagging", weight: 1, by: deployer, effect: writeManagement,
			request: `{"tagging":"",` + at + `,"Tagging":{"TagSet":{"Tag":[{"Value":"<team>","Key":"Team"},{"Value":"production","Key":"Environment"}]}}}`, extra: transferNone, resources: bucket},
		{name: "DeleteBucketPolicy", weight: 0.3, by: ssoUser | cliUser, effect: writeManagement, request: `{` + at + `,"policy":""}`, extra: transferNone, resources: bucket},
		{name: "DeleteBucket", weight: 0.6, by: deployer | cliUser, effect: writeManagement, request: `{` + at + `}`, extra: transferNone, resources: bucket,
			failures: []failure{{"BucketNotEmpty", "The bucket you tried to delete is not empty", 0.3}, bucketDenied}},
	}
	for i := range list {
		o := &list[i]
		o.service = "s3"
		o.requestID = "<s3request>"
		if o.host == "" {
			o.host = "<bucket>.s3.<region>.amazonaws.com"
		}
	}
	return list
}
