package main

import (
	"strconv"
	"strings"
	"time"
)

// appendInsight appends the one record of an Insights object. Objects come in
// pairs: the start of something unusual, and its end.
func (m *maker) appendInsight(dst []byte, x object) ([]byte, span64) {
	// Both of a pair roll the same dice for what they share.
	pair, ends := x.stream, x.stream%2 == 1
	if ends {
		pair--
	}
	shared, own := newDice(m.world.seed, pair<<8), newDice(m.world.seed, x.stream<<8|1)
	what := one(shared, []string{"s3.amazonaws.com:DeleteBucket", "iam.amazonaws.com:CreateAccessKey", "ec2.amazonaws.com:RunInstances", "ssm.amazonaws.com:GetParameter"})
	source, name, _ := strings.Cut(what, ":")
	errors := shared.chance(0.4)
	baseline, rate := float64(shared.between(1, 40))/10181, float64(shared.between(6, 400))/5
	minutes := shared.between(6, 40)
	who := "arn:aws:sts::" + x.account.id + ":assumed-role/" + one(shared, m.there(x, deployer)).name

	at := x.made.Add(-time.Duration(own.between(1, 4)) * time.Minute)
	var times span64
	times.add(at)
	state, insightType := "Start", "ApiCallRateInsight"
	if ends {
		state, rate = "End", rate*0.8
	}
	if errors {
		insightType = "ApiErrorRateInsight"
	}
	dst = at.AppendFormat(append(dst, `{"eventVersion":"1.09","eventTime":"`...), time.RFC3339)
	dst = appendMember(dst, `","awsRegion":"`, m.world.regions[x.region])
	dst = own.uuid(append(dst, `","eventID":"`...))
	dst = appendMember(dst, `","eventType":"AwsCloudTrailInsight","recipientAccountId":"`, x.account.id)
	dst = shared.uuid(append(dst, `","sharedEventID":"`...))
	dst = appendMember(dst, `","insightDetails":{"state":"`, state)
	dst = appendMember(dst, `","eventSource":"`, source)
	dst = appendMember(dst, `","eventName":"`, name)
	dst = appendMember(dst, `","insightType":"`, insightType)
	if errors {
		dst = append(dst, `","errorCode":"AccessDenied`...)
	}
	dst = append(dst, `","sourceEventCategory":"Management","insightContext":{"statistics":{"baseline":{"average":`...)
	dst = appendAverage(dst, baseline)
	dst = appendAverage(append(dst, `},"insight":{"average":`...), rate)
	dst = append(dst, `},"insightDuration":`...)
	if ends {
		dst = strconv.AppendInt(dst, int64(minutes), 10)
	} else {
		dst = append(dst, '5')
	}
	dst = append(dst, `,"baselineDuration":10181},"attributions":[`...)
	dst = appendAttribution(dst, "userIdentityArn", who, rate, baseline)
	dst = appendAttribution(append(dst, ','), "userAgent", one(shared, m.there(x, deployer)).agents[0], rate, baseline)
	if !errors {
		// No error at all is spelled as the word null.
		dst = appendAttribution(append(dst, ','), "errorCode", "null", rate, baseline)
	}
	return append(dst, `]}},"eventCategory":"Insight"}`...), times
}

// appendAverage writes small numbers with an exponent, as Insights records do.
func appendAverage(dst []byte, v float64) []byte {
	if v < 0.001 {
		return strconv.AppendFloat(dst, v, 'E', 5, 64)
	}
	return strconv.AppendFloat(dst, v, 'f', -1, 64)
}

func appendAttribution(dst []byte, attribute, value string, insight, baseline float64) []byte {
	dst = appendMember(dst, `{"attribute":"`, attribute)
	dst = appendMember(dst, `","insight":[{"value":"`, value)
	dst = appendAverage(append(dst, `","average":`...), insight)
	dst = appendMember(dst, `}],"baseline":[{"value":"`, value)
	dst = appendAverage(append(dst, `","average":`...), baseline)
	return append(dst, `}]}`...)
}

// appendNetworkActivity appends the records of calls through VPC endpoints.
func (m *maker) appendNetworkActivity(dst []byte, x object) ([]byte, span64) {
	d := newDice(m.world.seed, x.stream<<8)
	region := m.world.regions[x.region]
	var times span64
	for i := range x.records {
		if i > 0 {
			dst = append(dst, ',')
		}
		at := x.made.Add(-time.Duration(d.between(20, 540)) * time.Second)
		times.add(at)
		caller := one(d, x.account.actors[outsider])
		s := newSession(m.world, x.account, caller, 0, x.made)
		what := one(d, []string{"s3.amazonaws.com:GetObject", "s3.amazonaws.com:PutObject", "kms.amazonaws.com:Decrypt", "cloudtrail.amazonaws.com:UpdateTrail", "secretsmanager.amazonaws.com:GetSecretValue", "ec2.amazonaws.com:DescribeInstances"})
		source, name, _ := strings.Cut(what, ":")
		dst = append(appendMember(dst, `{"eventVersion":"1.09","userIdentity":`, s.current), '}')
		dst = at.AppendFormat(append(dst, `,"eventTime":"`...), time.RFC3339)
		dst = appendMember(dst, `","eventSource":"`, source)
		dst = appendMember(dst, `","eventName":"`, name)
		dst = appendMember(dst, `","awsRegion":"`, region)
		dst = append(appendMember(dst, `","sourceIPAddress":"`, one(d, x.account.belongs[x.region]["privateaddress"])), '"')
		if d.chance(0.5) {
			dst = append(dst, `,"errorCode":"VpceAccessDenied","errorMessage":"The request was denied due to a VPC endpoint policy"`...)
		}
		dst = d.uuid(append(dst, `,"requestID":"`...))
		dst = d.uuid(append(dst, `","eventID":"`...))
		dst = append(dst, `","eventType":"AwsVpceEvent"`...)
		dst = appendMember(dst, `,"recipientAccountId":"`, x.account.id)
		dst = d.uuid(append(dst, `","sharedEventID":"`...))
		dst = appendMember(dst, `","vpcEndpointId":"`, one(d, x.account.belongs[x.region]["endpoint"]))
		dst = appendMember(dst, `","vpcEndpointAccountId":"`, x.account.id)
		dst = append(dst, `","eventCategory":"NetworkActivity"}`...)
	}
	return dst, times
}

// appendAggregated appends summaries of five minutes of data events. They have
// neither eventTime nor eventName, and spell eventId their own way.
func (m *maker) appendAggregated(dst []byte, x object) []byte {
	d := newDice(m.world.seed, x.stream<<8)
	for i := range x.records {
		if i > 0 {
			dst = append(dst, ',')
		}
		start := x.made.Add(-time.Duration(d.between(1, 2)) * 5 * time.Minute)
		total := d.between(20, 90_000)
		dst = appendMember(dst, `{"eventVersion":"1.0","accountId":"`, x.account.id)
		dst = d.uuid(append(dst, `","eventId":"`...))
		dst = appendMember(dst, `","eventCategory":"Aggregated","eventType":"AwsAggregatedEvent","awsRegion":"`, m.world.regions[x.region])
		dst = start.AppendFormat(append(dst, `","eventSource":"s3.amazonaws.com","timeWindow":{"windowStart":"`...), time.RFC3339)
		dst = start.Add(5*time.Minute).AppendFormat(append(dst, `","windowEnd":"`...), time.RFC3339)
		dst = append(dst, `","windowSize":"PT5M"},"summary":{"primaryDimension":{"dimension":"resourceARN","statistics":[`...)
		dst = appendStatistic(dst, "arn:aws:s3:::"+favourite(d, x.account.belongs[x.region]["bucket"]), total)
		dst = append(dst, `],"aggregationType":"Count"},"details":[{"dimension":"eventName","statistics":[`...)
		dst = appendStatistic(dst, "GetObject", total*3/4)
		dst = appendStatistic(append(dst, ','), "PutObject", total-total*3/4)
		dst = append(dst, `],"aggregationType":"Count"},{"dimension":"userIdentityARN","statistics":[`...)
		dst = appendStatistic(dst, "arn:aws:sts::"+x.account.id+":assumed-role/"+favourite(d, m.there(x, instance)).name, total)
		dst = append(dst, `],"aggregationType":"Count"}]}}`...)
	}
	return dst
}

func appendStatistic(dst []byte, name string, value int) []byte {
	dst = append(appendMember(dst, `{"name":"`, name), `","value":`...)
	return append(strconv.AppendInt(dst, int64(value), 10), '}')
}
