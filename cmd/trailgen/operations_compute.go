package main

// computeOperations are the calls of EC2, Auto Scaling, Lambda, ECS, ECR, load
// balancers and CloudFormation.
func computeOperations() []operation {
	const (
		viewers    = people | deployer | auditor
		functionOf = `[{"accountId":"<account>","type":"AWS::Lambda::Function","ARN":"arn:aws:lambda:<region>:<account>:function:<function>"}]`
	)
	unauthorized := failure{"Client.UnauthorizedOperation", "You are not authorized to perform this operation. User: <caller> is not authorized to perform: <action> because no identity-based policy allows the <action> action. Encoded authorization failure message: <encoded>", 0.008}
	throttled := failure{"Client.RequestLimitExceeded", "Request limit exceeded.", 0.01}
	ec2Failures := []failure{unauthorized, throttled}

	list := []operation{
		{service: "ec2", name: "DescribeInstances", weight: 40, by: viewers | instance, request: `{"instancesSet":{"items":[{"instanceId":"<instance>"}]},"filterSet":{}}`, failures: ec2Failures},
		{service: "ec2", name: "DescribeInstances", weight: 20, by: viewers | instance | function, request: `{"maxResults":1000,"instancesSet":{},"filterSet":{"items":[{"name":"instance-state-name","valueSet":{"items":[{"value":"running"}]}},{"name":"tag:Team","valueSet":{"items":[{"value":"<team>"}]}}]}}`, failures: ec2Failures},
		{service: "ec2", name: "DescribeInstanceStatus", weight: 20, by: viewers, request: `{"instancesSet":{"items":[{"instanceId":"<instance>"}]},"filterSet":{},"includeAllInstances":false}`, failures: ec2Failures},
		{service: "ec2", name: "DescribeRouteTables", weight: 22, by: deployer | auditor | cliUser, request: `{"routeTableIdSet":{"items":[{"routeTableId":"<routetable>"}]},"filterSet":{}}`,
			failures: []failure{{"Client.InvalidRouteTableID.NotFound", "The routeTable ID '<routetable>' does not exist", 0.03}, unauthorized}},
		{service: "ec2", name: "DescribeVpcs", weight: 14, by: viewers, request: `{"vpcSet":{"items":[{"vpcId":"<vpc>"}]},"filterSet":{}}`, failures: ec2Failures},
		{service: "ec2", name: "DescribeVpcAttribute", weight: 14, by: deployer, request: `{"vpcId":"<vpc>","attribute":"enableDnsHostnames"}`, failures: ec2Failures},
		{service: "ec2", name: "DescribeSubnets", weight: 14, by: viewers | function, request: `{"subnetSet":{"items":[{"subnetId":"<subnet>"}]},"filterSet":{}}`, failures: ec2Failures},
		{service: "ec2", name: "DescribeSecurityGroups", weight: 18, by: viewers, request: `{"maxResults":500,"securityGroupSet":{},"securityGroupIdSet":{"items":[{"groupId":"<sg>"}]},"filterSet":{}}`, failures: ec2Failures},
		{service: "ec2", name: "DescribeNetworkInterfaces", weight: 22, by: viewers | instance | function, request: `{"networkInterfaceIdSet":{},"filterSet":{"items":[{"name":"vpc-id","valueSet":{"items":[{"value":"<vpc>"}]}},{"name":"group-id","valueSet":{"items":[{"value":"<sg>"}]}}]}}`, failures: ec2Failures},
		{service: "ec2", name: "DescribeVolumes", weight: 12, by: viewers | instance, request: `{"volumeSet":{"items":[{"volumeId":"<volume>"}]},"filterSet":{}}`, failures: ec2Failures},
		{service: "ec2", name: "DescribeSnapshots", weight: 8, by: viewers, request: `{"maxResults":1000,"snapshotSet":{},"ownersSet":{"items":[{"owner":"<account>"}]},"sharedUsersSet":{},"filterSet":{}}`, failures: ec2Failures},
		{service: "ec2", name: "DescribeImages", weight: 8, by: viewers, request: `{"imagesSet":{"items":[{"imageId":"<image>"}]},"ownersSet":{},"executableUsersSet":{},"filterSet":{}}`, failures: ec2Failures},
		{service: "ec2", name: "DescribeTags", weight: 10, by: viewers | instance, request: `{"filterSet":{"items":[{"name":"resource-id","valueSet":{"items":[{"value":"<instance>"}]}}]}}`, failures: ec2Failures},
		{service: "ec2", name: "DescribeNatGateways", weight: 8, by: deployer | auditor, request: `{"DescribeNatGatewaysRequest":{"NatGatewayId":{"tag":1,"content":"<natgateway>"}}}`, failures: ec2Failures},
		{service: "ec2", name: "DescribeLaunchTemplateVersions", weight: 6, by: deployer, request: `{"DescribeLaunchTemplateVersionsRequest":{"LaunchTemplateId":"<launchtemplate>","LaunchTemplateVersion":{"tag":1,"content":"$Latest"}}}`, failures: ec2Failures},
		{service: "ec2", name: "DescribeRegions", weight: 6, by: viewers, request: `{"regionSet":{},"allRegions":true}`},
		{service: "ec2", name: "DescribeAvailabilityZones", weight: 6, by: viewers, request: `{"availabilityZoneSet":{},"availabilityZoneIdSet":{}}`},
		{service: "ec2", name: "DescribeAccountAttributes", weight: 6, by: consoleUser | ssoUser | deployer, request: `{"accountAttributeNameSet":{"items":[{"attributeName":"supported-platforms"}]},"filterSet":{}}`},
		{service: "ec2", name: "RunInstances", weight: 2, by: deployer | cliUser, effect: writeManagement,
			request:  `{"instancesSet":{"items":[{"imageId":"<image>","minCount":1,"maxCount":1,"keyName":"<keypair>"}]},"groupSet":{"items":[{"groupId":"<sg>"}]},"instanceType":"<instancetype>","blockDeviceMapping":{},"monitoring":{"enabled":false},"subnetId":"<subnet>","disableApiTermination":false,"clientToken":"<uuid>","iamInstanceProfile":{"name":"<role>"},"ebsOptimized":false,"tagSpecificationSet":{"items":[{"resourceType":"instance","tags":[{"key":"Name","value":"<team>-<small>"}]}]}}`,
			response: `{"requestId":"<uuid>","reservationId":"<reservation>","ownerId":"<account>","groupSet":{},"instancesSet":{"items":[{"instanceId":"<instance>","imageId":"<image>","currentState":{"code":0,"name":"pending"},"privateDnsName":"ip-<dashedaddress>.<region>.compute.internal","keyName":"<keypair>","amiLaunchIndex":0,"productCodes":{},"instanceType":"<instancetype>","launchTime":<millis>,"placement":{"availabilityZone":"<region>a","tenancy":"default"},"monitoring":{"state":"disabled"},"subnetId":"<subnet>","vpcId":"<vpc>","privateIpAddress":"<privateaddress>","stateReason":{"code":"pending","message":"pending"},"architecture":"x86_64","rootDeviceType":"ebs","rootDeviceName":"/dev/xvda","blockDeviceMapping":{},"virtualizationType":"hvm","hypervisor":"xen","clientToken":"<uuid>","groupSet":{"items":[{"groupId":"<sg>","groupName":"<team>"}]},"sourceDestCheck":true,"networkInterfaceSet":{"items":[{"networkInterfaceId":"<eni>","subnetId":"<subnet>","vpcId":"<vpc>","ownerId":"<account>","status":"in-use","macAddress":"<mac>","privateIpAddress":"<privateaddress>","sourceDestCheck":true,"interfaceType":"interface","attachment":{"attachmentId":"eni-attach-<hex17>","deviceIndex":0,"status":"attaching","attachTime":<millis>,"deleteOnTermination":true}}]},"ebsOptimized":false,"enaSupport":true,"cpuOptions":{"coreCount":1,"threadsPerCore":2},"enclaveOptions":{"enabled":false},"metadataOptions":{"state":"pending","httpTokens":"required","httpPutResponseHopLimit":2,"httpEndpoint":"enabled"}}]}}`,
			failures: []failure{unauthorized, {"Client.InstanceLimitExceeded", "You have requested more vCPU capacity than your current vCPU limit of 32 allows for the instance bucket that the specified instance type belongs to.", 0.03}}},
		{service: "ec2", name: "TerminateInstances", weight: 1.5, by: deployer | cliUser, effect: writeManagement, request: `{"instancesSet":{"items":[{"instanceId":"<instance>"}]}}`,
			response: `{"requestId":"<uuid>","instancesSet":{"items":[{"instanceId":"<instance>","currentState":{"code":32,"name":"shutting-down"},"previousState":{"code":16,"name":"running"}}]}}`, failures: ec2Failures},
		{service: "ec2", name: "CreateTags", weight: 3, by: deployer | instance, effect: writeManagement, request: `{"resourcesSet":{"items":[{"resourceId":"<volume>"}]},"tagSet":{"items":[{"key":"Name","value":"<team>"},{"key":"CostCentre","value":"<small>"}]}}`,
			response: `{"requestId":"<uuid>","_return":true}`, failures: ec2Failures},
		{service: "ec2", name: "AuthorizeSecurityGroupIngress", weight: 1, by: deployer | consoleUser | ssoUser, effect: writeManagement,
			request:  `{"groupId":"<sg>","ipPermissions":{"items":[{"ipProtocol":"tcp","fromPort":<port>,"toPort":<port>,"groups":{},"ipRanges":{"items":[{"cidrIp":"<cidr>","description":"<team>"}]},"ipv6Ranges":{},"prefixListIds":{}}]}}`,
			response: `{"requestId":"<uuid>","_return":true,"securityGroupRuleSet":{"items":[{"groupOwnerId":"<account>","groupId":"<sg>","securityGroupRuleId":"sgr-<hex17>","isEgress":false,"ipProtocol":"tcp","fromPort":<port>,"toPort":<port>,"cidrIpv4":"<cidr>"}]}}`,
			failures: []failure{{"Client.InvalidPermission.Duplicate", "the specified rule \\\"peer: <cidr>, TCP, from port: <port>, to port: <port>, ALLOW\\\" already exists", 0.1}, unauthorized}},
		{service: "ec2", name: "CreateSnapshot", weight: 1, by: function | instance, effect: writeManagement, request: `{"volumeId":"<volume>","description":"nightly <day>"}`,
			response: `{"requestId":"<uuid>","snapshotId":"<snapshot>","volumeId":"<volume>","status":"pending","startTime":<millis>,"progress":"","ownerId":"<account>","volumeSize":"<small>","description":"nightly <day>","encrypted":true}`},
		{service: "ec2", name: "ModifySnapshotAttribute", weight: 0.2, by: cliUser, effect: writeManagement, request: `{"snapshotId":"<snapshot>","createVolumePermission":{"add":{"items":[{"userId":"<partner>"}]}},"attributeType":"CREATE_VOLUME_PERMISSION"}`,
			response: `{"requestId":"<uuid>","_return":true}`, failures: ec2Failures},
		{service: "ec2", name: "CreateNetworkInterface", weight: 8, by: service, via: "lambda.amazonaws.com", effect: writeManagement, request: `{"subnetId":"<subnet>","description":"AWS Lambda VPC ENI-<function>-<uuid>","groupSet":{"items":[{"groupId":"<sg>"}]},"privateIpAddressesSet":{},"ipv6AddressCount":0,"clientToken":"<uuid>"}`,
			response: `{"requestId":"<uuid>","networkInterface":{"networkInterfaceId":"<eni>","subnetId":"<subnet>","vpcId":"<vpc>","availabilityZone":"<region>b","ownerId":"<account>","requesterManaged":false,"status":"pending","macAddress":"<mac>","privateIpAddress":"<privateaddress>","sourceDestCheck":true,"groupSet":{"items":[{"groupId":"<sg>","groupName":"<team>"}]},"tagSet":{},"privateIpAddressesSet":{"item":[{"privateIpAddress":"<privateaddress>","primary":true}]},"interfaceType":"lambda"}}`},
		{service: "ec2", name: "SharedSnapshotVolumeCreated", weight: 0.4, by: awsEvents, effect: writeManagement, eventType: serviceEvent, details: `{"snapshotId":"<snapshot>"}`},

		{service: "autoscaling", name: "DescribeAutoScalingGroups", weight: 14, by: viewers | instance, api: "2011-01-01", request: `{"maxRecords":100}`, host: "autoscaling.<region>.amazonaws.com"},
		{service: "autoscaling", name: "TerminateInstanceInAutoScalingGroup", weight: 1, by: instance, effect: writeManagement, api: "2011-01-01", request: `{"instanceId":"<instance>","shouldDecrementDesiredCapacity":false}`,
			response: `{"activity":{"activityId":"<uuid>","autoScalingGroupName":"<team>","statusCode":"InProgress","progress":0,"startTime":"<longtime>","cause":"At <time> instance <instance> was taken out of service in response to a user request.","details":"{\"Subnet ID\":\"<subnet>\",\"Availability Zone\":\"<region>a\"}"}}`},
		{service: "elasticloadbalancing", name: "DescribeLoadBalancers", weight: 14, by: viewers | instance, api: "2015-12-01", request: `{"pageSize":200}`},
		{service: "elasticloadbalancing", name: "DescribeTargetGroups", weight: 10, by: viewers, api: "2015-12-01", request: `{"loadBalancerArn":"arn:aws:elasticloadbalancing:<region>:<account>:loadbalancer/app/<team>/<hex16>"}`},
		{service: "elasticloadbalancing", name: "DescribeTargetHealth", weight: 16, by: instance | deployer, api: "2015-12-01", request: `{"targetGroupArn":"arn:aws:elasticloadbalancing:<region>:<account>:targetgroup/<team>/<hex16>"}`},
		{service: "elasticloadbalancing", name: "RegisterTargets", weight: 2, by: instance | deployer, effect: writeManagement, api: "2015-12-01", request: `{"targetGroupArn":"arn:aws:elasticloadbalancing:<region>:<account>:targetgroup/<team>/<hex16>","targets":[{"id":"<instance>","port":<port>}]}`},

		{service: "lambda", name: "Invoke", weight: 90, by: workload, effect: readData, api: "2015-03-31", request: `{"functionName":"arn:aws:lambda:<region>:<account>:function:<function>","invocationType":"RequestResponse","sourceArn":"<caller>"}`, extra: `{"functionVersion":"arn:aws:lambda:<region>:<account>:function:<function>:$LATEST"}`, resources: functionOf},
		{service: "lambda", name: "Invoke", weight: 40, by: service, via: "events.amazonaws.com", effect: writeData, api: "2015-03-31", request: `{"functionName":"arn:aws:lambda:<region>:<account>:function:<function>","sourceArn":"arn:aws:events:<region>:<account>:rule/<rule>","contentType":"application/json"}`, extra: `{"functionVersion":"arn:aws:lambda:<region>:<account>:function:<function>:$LATEST"}`, resources: functionOf},
		{service: "lambda", name: "GetFunction20150331v2", weight: 10, by: viewers, request: `{"functionName":"<function>"}`},
		{service: "lambda", name: "ListFunctions20150331", weight: 8, by: viewers, request: `{"maxItems":50}`},
		{service: "lambda", name: "ListEventSourceMappings20150331", weight: 5, by: viewers, request: `{"functionName":"<function>","maxItems":100}`},
		{service: "lambda", name: "UpdateFunctionCode20150331v2", weight: 2, by: deployer, effect: writeManagement, request: `{"functionName":"<function>","s3Bucket":"<bucket>","s3Key":"builds/<function>/<hex40>.zip","publish":true,"dryRun":false}`,
			response: `{"functionName":"<function>","functionArn":"arn:aws:lambda:<region>:<account>:function:<function>","runtime":"python3.12","role":"arn:aws:iam::<account>:role/<role>","handler":"app.handler","codeSize":<objectbytes>,"description":"","timeout":30,"memorySize":512,"lastModified":"<time>","codeSha256":"<sha256>","version":"<small>","environment":{},"tracingConfig":{"mode":"PassThrough"},"revisionId":"<uuid>","state":"Active","lastUpdateStatus":"InProgress","packageType":"Zip","architectures":["arm64"],"ephemeralStorage":{"size":512},"snapStart":{"applyOn":"None","optimizationStatus":"Off"},"loggingConfig":{"logFormat":"Text","logGroup":"/aws/lambda/<function>"}}`},

		{service: "ecs", name: "DescribeTasks", weight: 20, by: instance | deployer | function, request: `{"cluster":"<cluster>","tasks":["arn:aws:ecs:<region>:<account>:task/<cluster>/<hex32>"]}`, failures: []failure{denied(0.01)}},
		{service: "ecs", name: "DescribeServices", weight: 14, by: deployer | people, request: `{"cluster":"<cluster>","services":["<team>"]}`},
		{service: "ecs", name: "ListClusters", weight: 24, by: viewers, request: ""},
		{service: "ecs", name: "RegisterTaskDefinition", weight: 1, by: deployer, effect: writeManagement,
			request:  `{"family":"<team>","taskRoleArn":"arn:aws:iam::<account>:role/<role>","executionRoleArn":"arn:aws:iam::<account>:role/<role>","networkMode":"awsvpc","containerDefinitions":[{"name":"<team>","image":"<account>.dkr.ecr.<region>.amazonaws.com/<repository>@sha256:<hex64>","cpu":0,"essential":true,"portMappings":[{"containerPort":<port>,"protocol":"tcp"}],"environment":[{"name":"LOG_LEVEL","value":"info"},{"name":"REGION","value":"<region>"}],"logConfiguration":{"logDriver":"awslogs","options":{"awslogs-group":"<loggroup>","awslogs-region":"<region>","awslogs-stream-prefix":"ecs"}}}],"requiresCompatibilities":["FARGATE"],"cpu":"512","memory":"1024"}`,
			response: `{"taskDefinition":{"taskDefinitionArn":"arn:aws:ecs:<region>:<account>:task-definition/<team>:<small>","family":"<team>","revision":<small>,"status":"ACTIVE","networkMode":"awsvpc","compatibilities":["EC2","FARGATE"],"cpu":"512","memory":"1024","registeredAt":"<longtime>","registeredBy":"<caller>"}}`},
		{service: "ecs", name: "SubmitTaskStateChange", weight: 14, by: service, via: "ecs.amazonaws.com", effect: writeManagement, request: `{"cluster":"<cluster>","task":"arn:aws:ecs:<region>:<account>:task/<cluster>/<hex32>","status":"RUNNING"}`, response: `{"acknowledgment":"ACK"}`},
		{service: "ecr", name: "BatchGetImage", weight: 24, by: instance | deployer, request: `{"registryId":"<account>","repositoryName":"<repository>","imageIds":[{"imageTag":"<hex12>"}],"acceptedMediaTypes":["application/vnd.docker.distribution.manifest.v2+json","application/vnd.oci.image.manifest.v1+json"]}`,
			resources: `[{"accountId":"<account>","ARN":"arn:aws:ecr:<region>:<account>:repository/<repository>"}]`, host: "api.ecr.<region>.amazonaws.com"},
		{service: "ecr", name: "GetAuthorizationToken", weight: 40, by: instance | deployer, host: "api.ecr.<region>.amazonaws.com"},
		{service: "ecr", name: "GetDownloadUrlForLayer", weight: 22, by: instance, request: `{"registryId":"<account>","repositoryName":"<repository>","layerDigest":"sha256:<hex64>"}`,
			resources: `[{"accountId":"<account>","ARN":"arn:aws:ecr:<region>:<account>:repository/<repository>"}]`, host: "api.ecr.<region>.amazonaws.com"},
		{service: "cloudformation", name: "DescribeStacks", weight: 10, by: viewers, request: `{"stackName":"<stack>"}`, failures: []failure{{"ValidationException", "Stack with id <stack> does not exist", 0.15}}},
		{service: "cloudformation", name: "DescribeStackEvents", weight: 10, by: deployer | people, request: `{"stackName":"arn:aws:cloudformation:<region>:<account>:stack/<stack>/<uuid>"}`},
		{service: "cloudformation", name: "CreateChangeSet", weight: 0.8, by: deployer, effect: writeManagement, request: `{"stackName":"<stack>","changeSetName":"change-<millis>","changeSetType":"UPDATE","capabilities":["CAPABILITY_NAMED_IAM"],"parameters":[{"parameterKey":"Image","parameterValue":"<hex40>"},{"parameterKey":"Stage","parameterValue":"production"}],"templateURL":"https://s3.<region>.amazonaws.com/<bucket>/<hex32>.template"}`,
			response: `{"id":"arn:aws:cloudformation:<region>:<account>:changeSet/change-<millis>/<uuid>","stackId":"arn:aws:cloudformation:<region>:<account>:stack/<stack>/<uuid>"}`},
	}
	for i := range list {
		o := &list[i]
		if o.requestID = plainID; o.eventType == serviceEvent {
			o.requestID = ""
		}
	}
	return list
}
