package main

import (
	"fmt"
	"strings"
)

// operation is one API action, or sign-in or service event, and the shape of
// the record that it leaves. Its texts are templates of JSON; an empty request
// or response is written as null, the other empty ones are left out.
type operation struct {
	service   string // "s3" for s3.amazonaws.com
	name      string
	weight    float64 // how common, against the other operations of a caller
	by        kinds   // who calls it
	effect    effect
	global    bool   // recorded in us-east-1 wherever it is called
	via       string // the AWS service that makes the call for the caller
	eventType string // AwsApiCall when empty
	api       string // apiVersion

	request   string
	response  string
	extra     string // additionalEventData
	details   string // serviceEventDetails
	resources string
	host      string // clientProvidedHostHeader
	requestID string
	message   string // an errorMessage without errorCode, as sign-in failures have
	failures  []failure
}

// effect says what an operation does to what.
type effect int

const (
	readManagement effect = iota
	writeManagement
	readData
	writeData
)

func (e effect) data() bool { return e == readData || e == writeData }

func (e effect) readOnly() bool { return e == readManagement || e == readData }

// failure is a way in which an operation fails: errorCode, errorMessage (left
// out when empty) and the share of calls.
type failure struct {
	code, message string
	share         float64
}

const (
	signIn        = "AwsConsoleSignIn"
	serviceEvent  = "AwsServiceEvent"
	consoleAction = "AwsConsoleAction"

	plainID = "<uuid>"
)

// denied is the failure of a caller without permission, as most services word it.
func denied(share float64) failure {
	return failure{"AccessDenied", "User: <caller> is not authorized to perform: <action> because no identity-based policy allows the <action> action", share}
}

// operations lists everything that callers of the archive do.
func operations() []operation {
	var all []operation
	for _, list := range [][]operation{
		s3Operations(), computeOperations(), identityOperations(), securityOperations(), dataOperations(), surveyOperations(),
	} {
		all = append(all, list...)
	}
	return all
}

// action is an operation with its templates parsed.
type action struct {
	operation
	source     string
	errors     []parsedFailure
	requestT   template
	responseT  template
	extraT     template
	detailsT   template
	resourcesT template
	hostT      template
	requestIDT template
	messageT   template
}

type parsedFailure struct {
	failure
	messageT template
}

// parseOperation makes the operation ready to be written.
func parseOperation(o operation, words vocabulary) (*action, error) {
	a := &action{operation: o, source: o.service + ".amazonaws.com"}
	if a.eventType == "" {
		a.eventType = "AwsApiCall"
	}
	host := o.host
	if host == "" {
		host = o.service + ".<region>.amazonaws.com"
	}
	for _, part := range []struct {
		text string
		to   *template
	}{
		{o.request, &a.requestT}, {o.response, &a.responseT}, {o.extra, &a.extraT}, {o.details, &a.detailsT},
		{o.resources, &a.resourcesT}, {host, &a.hostT}, {o.requestID, &a.requestIDT}, {o.message, &a.messageT},
	} {
		t, err := parseTemplate(part.text, words)
		if err != nil {
			return nil, fmt.Errorf("parse operation %s:%s: %w", o.service, o.name, err)
		}
		*part.to = t
	}
	for _, f := range o.failures {
		t, err := parseTemplate(f.message, words)
		if err != nil {
			return nil, fmt.Errorf("parse operation %s:%s: %w", o.service, o.name, err)
		}
		a.errors = append(a.errors, parsedFailure{f, t})
	}
	return a, nil
}

// fail picks a failure for this call, or nil. Misfortune multiplies the shares.
func (a *action) fail(d *dice, misfortune float64) *parsedFailure {
	if len(a.errors) == 0 {
		return nil
	}
	at := d.Float64() / misfortune
	for i := range a.errors {
		if at -= a.errors[i].share; at < 0 {
			return &a.errors[i]
		}
	}
	return nil
}

// permission names the action as policies do: s3:GetObject.
func (a *action) permission() string {
	service := a.service
	if service == "monitoring" {
		service = "cloudwatch"
	}
	name, _, _ := strings.Cut(a.name, "2015") // Lambda's API version suffix
	return service + ":" + name
}
