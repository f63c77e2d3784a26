package main

import (
	"hash/fnv"
	"strconv"
	"time"
)

// call is one API call on its way to become a record: who does what, where and
// when, and the dice that settle the rest.
type call struct {
	*dice
	world   *world
	account *account
	folder  int    // index of the region of the file that the record goes to
	region  string // the record's awsRegion
	session *session
	action  *action
	time    time.Time
	minor   int // of eventVersion: 8 for 1.08
	memory  memory
	outcome outcome
}

// outcome says whether a call is to succeed, for scripted calls.
type outcome int

const (
	byChance outcome = iota
	succeed
	fail
)

// minorVersion is the eventVersion that a service writes in an account's
// region; services move to a new version at their own pace.
func (c *call) minorVersion() int {
	h := fnv.New32a()
	h.Write([]byte(c.action.service + c.account.id + c.region))
	switch n := h.Sum32() % 1000; {
	case n < 4:
		return 5
	case n < 430:
		return 8
	case n < 640:
		return 9
	case n < 760:
		return 10
	default:
		return 11
	}
}

// appendRecord appends the record of the call.
func (c *call) appendRecord(dst []byte) []byte {
	c.memory.forget()
	a, s := c.action, c.session
	c.minor = c.minorVersion()
	var failed *parsedFailure
	switch {
	case c.outcome == byChance:
		failed = a.fail(c.dice, s.misfortune)
	case c.outcome == fail && len(a.errors) > 0:
		failed = &a.errors[len(a.errors)-1]
	}
	via, fromConsole := c.origin()

	dst = append(dst, `{"eventVersion":"1.`...)
	if c.minor < 10 {
		dst = append(dst, '0')
	}
	dst = strconv.AppendInt(dst, int64(c.minor), 10)
	dst = c.appendIdentity(append(dst, `","userIdentity":`...), via)
	dst = c.time.AppendFormat(append(dst, `,"eventTime":"`...), time.RFC3339)
	dst = appendMember(dst, `","eventSource":"`, a.source)
	dst = appendMember(dst, `","eventName":"`, a.name)
	dst = appendMember(dst, `","awsRegion":"`, c.region)
	dst = c.appendOrigin(dst, via, fromConsole)

	switch {
	case failed != nil:
		dst = appendMember(dst, `,"errorCode":"`, failed.code)
		if len(failed.messageT) > 0 {
			dst = failed.messageT.write(c, append(dst, `","errorMessage":"`...))
		}
		dst = append(dst, '"')
	case len(a.messageT) > 0:
		dst = append(a.messageT.write(c, append(dst, `,"errorMessage":"`...)), '"')
	}

	dst = appendOrNull(c, append(dst, `,"requestParameters":`...), a.requestT)
	if dst = append(dst, `,"responseElements":`...); failed != nil {
		dst = append(dst, "null"...)
	} else {
		dst = appendOrNull(c, dst, a.responseT)
	}
	dst = appendTemplate(c, dst, `,"additionalEventData":`, a.extraT, "")
	dst = appendTemplate(c, dst, `,"requestID":"`, a.requestIDT, `"`)
	dst = c.uuid(append(dst, `,"eventID":"`...))
	dst = strconv.AppendBool(append(dst, `","readOnly":`...), a.effect.readOnly())
	dst = appendTemplate(c, dst, `,"resources":`, a.resourcesT, "")
	dst = appendMember(dst, `,"eventType":"`, a.eventType)
	if a.api != "" {
		dst = appendMember(dst, `","apiVersion":"`, a.api)
	}
	dst = append(dst, '"')
	if c.minor >= 6 && a.name != "RotateKey" {
		dst = strconv.AppendBool(append(dst, `,"managementEvent":`...), !a.effect.data())
	}
	dst = appendMember(dst, `,"recipientAccountId":"`, c.account.id)
	dst = append(dst, '"')
	dst = appendTemplate(c, dst, `,"serviceEventDetails":`, a.detailsT, "")
	if s.actor.kind == service || s.actor.kind == outsider {
		dst = append(c.uuid(append(dst, `,"sharedEventID":"`...)), '"')
	}
	dst = c.appendEndpoint(dst, via)
	if c.minor >= 7 {
		category := "Management"
		if a.effect.data() {
			category = "Data"
		}
		dst = append(appendMember(dst, `,"eventCategory":"`, category), '"')
	}
	if c.minor >= 8 && via == "" && !fromConsole && s.agent != "" {
		dst = c.appendTLS(dst)
	}
	if c.minor >= 8 && fromConsole && a.eventType == "AwsApiCall" {
		dst = append(dst, `,"sessionCredentialFromConsole":"true"`...)
	}
	return append(dst, '}')
}

// origin tells the service that makes the call, if one does, and whether it
// comes from the console's own servers.
func (c *call) origin() (via string, fromConsole bool) {
	a, s := c.action, c.session
	switch {
	case s.actor.kind == awsEvents:
		return a.source, false
	case a.via != "":
		return a.via, false
	case s.actor.kind == service:
		return "cloudtrail.amazonaws.com", false
	case s.actor.kind&(consoleUser|root) != 0:
		return "", a.eventType == "AwsApiCall" && c.chance(0.6)
	}
	return "", false
}

func (c *call) appendIdentity(dst []byte, via string) []byte {
	s := c.session
	switch {
	case s.actor.kind == service:
		return append(appendMember(dst, `{"type":"AWSService","invokedBy":"`, via), `"}`...)
	case s.actor.kind == awsEvents:
		return append(appendMember(appendMember(dst, `{"accountId":"`, c.account.id), `","invokedBy":"`, via), `"}`...)
	case c.action.eventType == signIn:
		if len(c.action.messageT) > 0 && s.actor.kind == consoleUser && c.chance(0.3) {
			// A user name that does not exist is not written down: people type passwords there.
			return append(appendMember(dst, `{"type":"IAMUser","accountId":"`, c.account.id), `","accessKeyId":"","userName":"HIDDEN_DUE_TO_SECURITY_REASONS"}`...)
		}
		dst = append(dst, s.bare...)
	case c.minor <= 8:
		dst = append(dst, s.old...)
	default:
		dst = append(dst, s.current...)
	}
	if via != "" {
		dst = append(appendMember(dst, `,"invokedBy":"`, via), '"')
	}
	return append(dst, '}')
}

// appendOrigin appends sourceIPAddress and userAgent.
func (c *call) appendOrigin(dst []byte, via string, fromConsole bool) []byte {
	address, agent := c.session.address, c.session.agent
	switch {
	case via != "":
		address, agent = via, via
	case fromConsole && c.chance(0.7):
		agent = "AWS Internal"
	case c.action.service == "s3":
		return append(appendMember(appendMember(dst, `","sourceIPAddress":"`, address), `","userAgent":"[`, agent), `]"`...)
	}
	return append(appendMember(appendMember(dst, `","sourceIPAddress":"`, address), `","userAgent":"`, agent), '"')
}

func (c *call) appendEndpoint(dst []byte, via string) []byte {
	endpoint, owner := c.session.actor.endpoint, c.account.id
	if via != "" && c.action.effect.data() {
		endpoint, owner = "AWS Internal", "AWS Internal"
	} else if via != "" {
		return dst
	}
	if endpoint == "" {
		return dst
	}
	dst = append(appendMember(dst, `,"vpcEndpointId":"`, endpoint), '"')
	if c.minor >= 11 {
		dst = append(appendMember(dst, `,"vpcEndpointAccountId":"`, owner), '"')
	}
	return dst
}

func (c *call) appendTLS(dst []byte) []byte {
	s := c.session
	dst = appendMember(dst, `,"tlsDetails":{"tlsVersion":"`, s.tls)
	dst = appendMember(dst, `","cipherSuite":"`, s.cipher)
	dst = c.action.hostT.write(c, append(dst, `","clientProvidedHostHeader":"`...))
	if c.minor >= 11 && s.tls == "TLSv1.3" {
		dst = append(dst, `","keyExchange":"x25519`...)
	}
	return append(dst, `"}`...)
}

// appendMember appends the text that leads to a value, and the value.
func appendMember(dst []byte, lead, value string) []byte {
	return append(append(dst, lead...), value...)
}

// appendTemplate appends a member whose value is a template, if it has one.
func appendTemplate(c *call, dst []byte, lead string, t template, tail string) []byte {
	if len(t) == 0 {
		return dst
	}
	return append(t.write(c, append(dst, lead...)), tail...)
}

func appendOrNull(c *call, dst []byte, t template) []byte {
	if len(t) == 0 {
		return append(dst, "null"...)
	}
	return t.write(c, dst)
}
