package main

import "strings"

// surveyOperations are the many list and describe calls that consoles,
// deployment tools and scanners make now and then. Each is rare; together they
// give an archive its long tail of event names.
func surveyOperations() []operation {
	const list = `
access-analyzer ListAnalyzers
acm ListCertificates DescribeCertificate ListTagsForCertificate
apigateway GetRestApis GetStages GetDomainNames GetUsagePlans GetVpcLinks
application-autoscaling DescribeScalableTargets DescribeScalingPolicies
appsync ListGraphqlApis
athena ListWorkGroups GetWorkGroup ListDataCatalogs
autoscaling DescribeLaunchConfigurations DescribePolicies DescribeScalingActivities
backup ListBackupVaults ListBackupPlans ListProtectedResources
batch DescribeJobQueues DescribeComputeEnvironments
ce GetCostAndUsage GetCostForecast
cloudformation ListStacks DescribeStackResources GetTemplate ListStackSets
cloudtrail ListTrails GetEventSelectors GetInsightSelectors ListEventDataStores
codebuild ListProjects BatchGetProjects BatchGetBuilds
codecommit ListRepositories GetRepository
codepipeline ListPipelines GetPipelineState
cognito-idp ListUserPools DescribeUserPool
config DescribeConfigurationRecorders DescribeDeliveryChannels DescribeConfigRules DescribeConfigurationRecorderStatus
datasync ListTasks ListLocations
dms DescribeReplicationInstances
ds DescribeDirectories
ec2 DescribeAddresses DescribeKeyPairs DescribeNetworkAcls DescribeInternetGateways DescribeFlowLogs DescribeVpcEndpoints DescribeVpcPeeringConnections DescribeTransitGateways DescribeInstanceTypes DescribeInstanceAttribute DescribeVolumeStatus DescribeReservedInstances DescribeSpotPriceHistory DescribeLaunchTemplates DescribePrefixLists DescribeDhcpOptions DescribeHosts GetEbsEncryptionByDefault DescribeInstanceCreditSpecifications DescribePlacementGroups
ecr DescribeRepositories DescribeImages GetLifecyclePolicy GetRepositoryPolicy
ecs ListServices ListTasks DescribeClusters DescribeTaskDefinition ListContainerInstances
eks ListClusters DescribeCluster ListNodegroups ListAddons
elasticache DescribeCacheClusters DescribeReplicationGroups DescribeSnapshots
elasticbeanstalk DescribeEnvironments DescribeApplications
elasticfilesystem DescribeFileSystems DescribeMountTargets DescribeAccessPoints
elasticloadbalancing DescribeListeners DescribeRules DescribeLoadBalancerAttributes DescribeTags DescribeTargetGroupAttributes DescribeInstanceHealth
elasticmapreduce ListClusters ListSecurityConfigurations
es ListDomainNames DescribeElasticsearchDomains
events ListRules ListTargetsByRule ListEventBuses DescribeRule
firehose ListDeliveryStreams DescribeDeliveryStream
fsx DescribeFileSystems
glue GetDatabases GetTables GetCrawlers GetJobs GetConnections
guardduty ListDetectors GetDetector ListMembers ListIPSets
inspector2 ListFindings BatchGetAccountStatus ListCoverage
kafka ListClustersV2 GetBootstrapBrokers
kinesis ListStreams DescribeStream ListShards
kms ListKeys GetKeyPolicy GetKeyRotationStatus ListResourceTags ListGrants
lambda GetPolicy20150331v2 GetFunctionConfiguration20150331v2 ListLayers20181031 ListTags20170331 GetAccountSettings20160819
lightsail GetInstances
logs DescribeMetricFilters DescribeSubscriptionFilters DescribeResourcePolicies ListTagsLogGroup FilterLogEvents
macie2 GetMacieSession
monitoring ListMetrics ListDashboards DescribeAlarmsForMetric GetMetricStatistics
mq ListBrokers
network-firewall ListFirewalls
ram ListResources GetResourceShares
rds DescribeDBSubnetGroups DescribeDBParameterGroups DescribeDBSnapshots DescribeDBClusterSnapshots DescribeEvents DescribeDBEngineVersions DescribePendingMaintenanceActions DescribeReservedDBInstances
redshift DescribeClusters DescribeClusterSnapshots
resource-groups ListGroups
route53resolver ListResolverEndpoints ListFirewallRuleGroupAssociations
s3 GetBucketOwnershipControls GetBucketWebsite GetBucketCors GetBucketNotification GetBucketObjectLockConfiguration GetAccelerateConfiguration GetBucketRequestPayment GetBucketIntelligentTieringConfiguration
sagemaker ListEndpoints ListModels ListTrainingJobs ListDomains
secretsmanager GetRandomPassword BatchGetSecretValue
securityhub GetFindings DescribeHub GetEnabledStandards GetInsights
servicecatalog ListPortfolios SearchProducts
servicediscovery ListNamespaces ListServices
servicequotas ListServiceQuotas GetServiceQuota
ses GetSendQuota GetSendStatistics ListIdentities
shield DescribeSubscription GetSubscriptionState
sns GetTopicAttributes ListSubscriptions ListSubscriptionsByTopic
sqs ListQueues
ssm DescribeInstanceInformation ListCommands DescribeAssociation ListDocuments DescribePatchBaselines GetInventory ListAssociations DescribeSessions
states ListStateMachines DescribeStateMachine DescribeExecution ListExecutions
storagegateway ListGateways
support DescribeTrustedAdvisorChecks
transfer ListServers
trustedadvisor DescribeCheckSummaries
waf-regional ListWebACLs
wafv2 ListWebACLs GetWebACLForResource ListIPSets
workspaces DescribeWorkspaces
xray GetSamplingRules GetGroups`
	// What such calls are sent with; a call's place in the list decides.
	requests := []string{
		``,
		`{"maxResults":100}`,
		`{"MaxResults":50,"nextToken":"<token>"}`,
		``,
		``,
		`{"filters":[{"name":"tag:Team","values":["<team>"]}],"maxResults":100}`,
		`{"resourceArn":"arn:aws:<service>:<region>:<account>:<team>/<hex16>"}`,
		``,
		`{"name":"<team>","limit":50}`,
	}
	var all []operation
	for line := range strings.Lines(strings.TrimSpace(list)) {
		service, names, _ := strings.Cut(strings.TrimSpace(line), " ")
		for name := range strings.FieldsSeq(names) {
			o := operation{
				service: service, name: name, weight: 1.2, by: consoleUser | ssoUser | deployer | auditor | cliUser,
				request: requests[len(all)%len(requests)], requestID: plainID,
				failures: []failure{denied(0.03), {"ThrottlingException", "Rate exceeded", 0.02}},
			}
			if service == "s3" {
				o.requestID, o.host = "<s3request>", "<bucket>.s3.<region>.amazonaws.com"
				o.request = `{"bucketName":"<bucket>","Host":"<bucket>.s3.<region>.amazonaws.com"}`
				o.extra = `{"SignatureVersion":"SigV4","CipherSuite":"<s3cipher>","bytesTransferredIn":<zero>,"AuthenticationMethod":"AuthHeader","x-amz-id-2":"<amzid2>","bytesTransferredOut":<answersize>}`
				o.resources = `[{"accountId":"<account>","type":"AWS::S3::Bucket","ARN":"arn:aws:s3:::<bucket>"}]`
			}
			all = append(all, o)
		}
	}
	return all
}
