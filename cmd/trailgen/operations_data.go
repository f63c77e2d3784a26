package main

// dataOperations are the calls of databases, queues, streams, logs and metrics.
func dataOperations() []operation {
	const (
		viewers  = people | deployer | auditor
		tableOf  = `[{"accountId":"<account>","type":"AWS::DynamoDB::Table","ARN":"arn:aws:dynamodb:<region>:<account>:table/<table>"}]`
		queueOf  = `[{"accountId":"<account>","type":"AWS::SQS::Queue","ARN":"arn:aws:sqs:<region>:<account>:<queue>"}]`
		dynamoID = "<dynamorequest>"
	)
	conditional := []failure{{"ConditionalCheckFailedException", "The conditional request failed", 0.04}, {"ProvisionedThroughputExceededException", "", 0.01}}
	list := []operation{
		{service: "dynamodb", name: "GetItem", weight: 110, by: workload, effect: readData, api: "2012-08-10", request: `{"tableName":"<table>","key":{"pk":"<itemkey>","sk":"HIDDEN_DUE_TO_SECURITY_REASONS"},"consistentRead":false}`, resources: tableOf, requestID: dynamoID},
		{service: "dynamodb", name: "Query", weight: 70, by: workload, effect: readData, api: "2012-08-10", request: `{"tableName":"<table>","indexName":"by-<team>","limit":100,"scanIndexForward":false}`, resources: tableOf, requestID: dynamoID},
		{service: "dynamodb", name: "PutItem", weight: 60, by: workload, effect: writeData, api: "2012-08-10", request: `{"tableName":"<table>","key":{"pk":"<itemkey>"},"items":["pk","sk","ttl","payload"],"conditionExpression":"attribute_not_exists(pk)"}`, resources: tableOf, requestID: dynamoID, failures: conditional},
		{service: "dynamodb", name: "UpdateItem", weight: 50, by: workload, effect: writeData, api: "2012-08-10", request: `{"tableName":"<table>","key":{"pk":"<itemkey>"},"returnValues":"ALL_NEW"}`, resources: tableOf, requestID: dynamoID, failures: conditional},
		{service: "dynamodb", name: "BatchGetItem", weight: 12, by: function, effect: readData, api: "2012-08-10", request: `{"requestItems":{"<table>":{"keys":[{"pk":"<itemkey>"},{"pk":"<hex16>"}]}}}`, resources: tableOf, requestID: dynamoID},
		{service: "dynamodb", name: "DescribeTable", weight: 14, by: viewers | workload, api: "2012-08-10", request: `{"tableName":"<table>"}`, resources: tableOf, requestID: dynamoID,
			failures: []failure{{"ResourceNotFoundException", "Requested resource not found: Table: <table> not found", 0.03}}},
		{service: "dynamodb", name: "ListTables", weight: 6, by: viewers, api: "2012-08-10", request: `{"limit":100}`, requestID: dynamoID},
		{service: "rds", name: "DescribeDBInstances", weight: 16, by: viewers | function, request: `{"maxRecords":100,"dBInstanceIdentifier":"<dbinstance>"}`, failures: []failure{{"DBInstanceNotFoundFault", "DBInstance <dbinstance> not found.", 0.03}}},
		{service: "rds", name: "DescribeDBClusters", weight: 8, by: viewers, request: `{"dBClusterIdentifier":"<dbinstance>","includeShared":false}`},
		{service: "rds", name: "ListTagsForResource", weight: 12, by: deployer | auditor, request: `{"resourceName":"arn:aws:rds:<region>:<account>:db:<dbinstance>"}`},
		{service: "rds", name: "DescribeOrderableDBInstanceOptions", weight: 2, by: consoleUser, request: `{"engine":"postgres","engineVersion":"16.3","vpc":true,"maxRecords":1000,"marker":"<token>"}`},
		{service: "rds", name: "CreateDBSnapshot", weight: 1, by: function | deployer, effect: writeManagement, request: `{"dBSnapshotIdentifier":"<dbinstance>-<day>","dBInstanceIdentifier":"<dbinstance>"}`,
			response: `{"dBSnapshotIdentifier":"<dbinstance>-<day>","dBInstanceIdentifier":"<dbinstance>","engine":"postgres","allocatedStorage":<small>,"status":"creating","port":<port>,"availabilityZone":"<region>a","vpcId":"<vpc>","instanceCreateTime":"<longtime>","masterUsername":"<team>","engineVersion":"16.3","snapshotType":"manual","percentProgress":0,"storageType":"gp3","encrypted":true,"kmsKeyId":"arn:aws:kms:<region>:<account>:key/<kmskey>","dBSnapshotArn":"arn:aws:rds:<region>:<account>:snapshot:<dbinstance>-<day>","iAMDatabaseAuthenticationEnabled":false,"dbiResourceId":"db-<resourceid>","originalSnapshotCreateTime":"<longtime>","snapshotTarget":"region"}`},
		{service: "rds", name: "ModifyDBSnapshotAttribute", weight: 0.1, by: cliUser, effect: writeManagement, request: `{"dBSnapshotIdentifier":"<dbinstance>-<day>","attributeName":"restore","valuesToAdd":["<partner>"]}`},
		{service: "sqs", name: "ReceiveMessage", weight: 50, by: workload, effect: writeData, request: `{"queueUrl":"https://sqs.<region>.amazonaws.com/<account>/<queue>","maxNumberOfMessages":10,"waitTimeSeconds":20,"attributeNames":["All"]}`, resources: queueOf},
		{service: "sqs", name: "SendMessage", weight: 40, by: workload, effect: writeData, request: `{"queueUrl":"https://sqs.<region>.amazonaws.com/<account>/<queue>","messageBody":"HIDDEN_DUE_TO_SECURITY_REASONS"}`, response: `{"mD5OfMessageBody":"<hex32>","messageId":"<uuid>"}`, resources: queueOf},
		{service: "sqs", name: "GetQueueAttributes", weight: 14, by: viewers | function, request: `{"attributeNames":["ApproximateNumberOfMessages"],"queueUrl":"https://sqs.<region>.amazonaws.com/<account>/<queue>"}`},
		{service: "sns", name: "Publish", weight: 24, by: workload, effect: writeData, request: `{"topicArn":"arn:aws:sns:<region>:<account>:<topic>","message":"HIDDEN_DUE_TO_SECURITY_REASONS"}`, response: `{"messageId":"<uuid>"}`,
			resources: `[{"accountId":"<account>","type":"AWS::SNS::Topic","ARN":"arn:aws:sns:<region>:<account>:<topic>"}]`},
		{service: "sns", name: "ListTopics", weight: 4, by: viewers},
		{service: "kinesis", name: "DescribeStreamSummary", weight: 10, by: workload, request: `{"streamName":"<topic>"}`},
		{service: "logs", name: "CreateLogStream", weight: 70, by: service, via: "lambda.amazonaws.com", effect: writeManagement, api: "20140328", request: `{"logGroupName":"<loggroup>","logStreamName":"<logstream>"}`},
		{service: "logs", name: "CreateLogStream", weight: 44, by: function, effect: writeManagement, api: "20140328", request: `{"logGroupName":"/aws/lambda/<function>","logStreamName":"<logstream>"}`,
			failures: []failure{{"ResourceAlreadyExistsException", "The specified log stream already exists", 0.03}}},
		{service: "logs", name: "DescribeLogGroups", weight: 10, by: viewers, api: "20140328", request: `{"limit":50,"logGroupNamePrefix":"<loggroup>"}`},
		{service: "logs", name: "DescribeLogStreams", weight: 10, by: viewers | instance, api: "20140328", request: `{"logGroupName":"<loggroup>","orderBy":"LastEventTime","descending":true,"limit":50}`},
		{service: "logs", name: "StartQuery", weight: 3, by: ssoUser | consoleUser, api: "20140328", request: `{"logGroupNames":["<loggroup>"],"startTime":<epoch>,"endTime":<epoch>,"queryString":"fields @timestamp, @message\n| filter level = 'ERROR'\n| sort @timestamp desc\n| limit 200","limit":1000}`, response: `{"queryId":"<uuid>"}`},
		{service: "logs", name: "GetQueryResults", weight: 5, by: ssoUser | consoleUser, api: "20140328", request: `{"queryId":"<uuid>"}`},
		{service: "monitoring", name: "DescribeAlarms", weight: 16, by: viewers | instance, request: `{"maxRecords":100,"alarmTypes":["MetricAlarm"]}`, host: "monitoring.<region>.amazonaws.com"},
		{service: "monitoring", name: "GetMetricData", weight: 12, by: auditor | function, effect: readData, request: `{"metricDataQueries":[{"id":"m1","metricStat":{"metric":{"namespace":"AWS/SQS","metricName":"ApproximateAgeOfOldestMessage","dimensions":[{"name":"QueueName","value":"<queue>"}]},"period":300,"stat":"Maximum"},"returnData":true}],"startTime":"<longtime>","endTime":"<longtime>"}`,
			resources: `[{"accountId":"<account>","type":"AWS::CloudWatch::Metric","ARN":"arn:aws:cloudwatch:<region>:<account>:*"}]`},
		{service: "monitoring", name: "PutMetricAlarm", weight: 1, by: deployer, effect: writeManagement, request: `{"alarmName":"<team>-queue-age","actionsEnabled":true,"alarmActions":["arn:aws:sns:<region>:<account>:<topic>"],"metricName":"ApproximateAgeOfOldestMessage","namespace":"AWS/SQS","statistic":"Maximum","dimensions":[{"name":"QueueName","value":"<queue>"}],"period":300,"evaluationPeriods":2,"threshold":600.0,"comparisonOperator":"GreaterThanThreshold","treatMissingData":"notBreaching"}`},
		{service: "athena", name: "StartQueryExecution", weight: 4, by: ssoUser | function, effect: writeManagement, request: `{"queryString":"SELECT eventname, count(*) AS calls FROM cloudtrail_logs WHERE eventsource = 's3.amazonaws.com' AND region = '<region>' GROUP BY eventname ORDER BY calls DESC","clientRequestToken":"<uuid>","queryExecutionContext":{"database":"default","catalog":"AwsDataCatalog"},"resultConfiguration":{"outputLocation":"s3://<bucket>/athena/"},"workGroup":"primary"}`, response: `{"queryExecutionId":"<uuid>"}`},
		{service: "athena", name: "GetQueryExecution", weight: 9, by: ssoUser | function, request: `{"queryExecutionId":"<uuid>"}`},
		{service: "glue", name: "GetPartitions", weight: 10, by: instance | function, request: `{"databaseName":"default","tableName":"<table>","expression":"(dt='<day>')","segment":{"segmentNumber":0,"totalSegments":5},"maxResults":1000}`},
		{service: "glue", name: "GetTable", weight: 12, by: instance | function | ssoUser, request: `{"databaseName":"default","name":"<table>"}`, failures: []failure{{"EntityNotFoundException", "Entity Not Found", 0.05}}},
		{service: "tagging", name: "GetResources", weight: 14, by: auditor | function, request: `{"paginationToken":"<token>","resourcesPerPage":100,"resourceTypeFilters":["elasticloadbalancing"]}`},
		{service: "health", name: "DescribeEventAggregates", weight: 14, by: consoleUser, via: "health.amazonaws.com", request: `{"filter":{"startTimes":[{"from":"<longtime>"}],"eventStatusCodes":["open","upcoming"]},"aggregateField":"eventTypeCategory"}`},
		{service: "route53", name: "ListResourceRecordSets", weight: 10, by: viewers, global: true, api: "2013-04-01", request: `{"hostedZoneId":"<hostedzone>","maxItems":"300"}`, host: "route53.amazonaws.com"},
		{service: "route53", name: "ChangeResourceRecordSets", weight: 1.5, by: deployer | instance, effect: writeManagement, global: true, api: "2013-04-01", host: "route53.amazonaws.com",
			request:  `{"hostedZoneId":"<hostedzone>","changeBatch":{"changes":[{"action":"UPSERT","resourceRecordSet":{"name":"<team>.internal.example.com","type":"A","tTL":60,"resourceRecords":[{"value":"<privateaddress>"}]}}]}}`,
			response: `{"changeInfo":{"id":"/change/<resourceid>","status":"PENDING","submittedAt":"<longtime>"}}`},
		{service: "cloudfront", name: "CreateInvalidation", weight: 1, by: deployer, effect: writeManagement, global: true, api: "2020_05_31", host: "cloudfront.amazonaws.com",
			request:  `{"distributionId":"<distribution>","invalidationBatch":{"paths":{"quantity":1,"items":["/*"]},"callerReference":"<millis>"}}`,
			response: `{"invalidation":{"id":"I<resourceid>","status":"InProgress","createTime":"<longtime>","invalidationBatch":{"paths":{"quantity":1,"items":["/*"]},"callerReference":"<millis>"}},"location":"https://cloudfront.amazonaws.com/2020-05-31/distribution/<distribution>/invalidation/I<resourceid>"}`},
		{service: "sagemaker", name: "ListNotebookInstances", weight: 2, by: consoleUser | auditor, request: `{"maxResults":100,"sortBy":"Name","sortOrder":"Ascending"}`, host: "api.sagemaker.<region>.amazonaws.com"},
		{service: "bedrock", name: "InvokeModel", weight: 12, by: function, request: `{"modelId":"anthropic.claude-3-haiku-20240307-v1:0"}`, host: "bedrock-runtime.<region>.amazonaws.com",
			failures: []failure{{"ThrottlingException", "Too many requests, please wait before trying again.", 0.05}}},
		{service: "billingconsole", name: "GetBillingNotifications", weight: 1, by: consoleUser | root, eventType: consoleAction, global: true},
	}
	for i := range list {
		if o := &list[i]; o.requestID == "" && o.eventType != consoleAction {
			o.requestID = plainID
		}
	}
	return list
}
