package s3

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"unicode"

	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/smithy-go"

	"github.com/trailql/trailql/catalog/storage"
)

// The rights that requests need, as policies name them.
const (
	actionGet     = "s3:GetObject"
	actionList    = "s3:ListBucket"
	actionPut     = "s3:PutObject"
	actionDelete  = "s3:DeleteObject"
	actionAbort   = "s3:AbortMultipartUpload"
	actionUploads = "s3:ListBucketMultipartUploads"
)

var errNoBucket = errors.New("bucket does not exist")

// failure says what was done to which object and why it failed; nil for nil.
func (b *Bucket) failure(ctx context.Context, verb, name, action string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s %q: %w", verb, name, b.cause(ctx, action, err))
}

// cause turns an error of the SDK into the sentinel that it means and a text of
// one line.
func (b *Bucket) cause(ctx context.Context, action string, err error) error {
	if cerr := ctx.Err(); cerr != nil {
		return cerr
	}
	status, request := 0, ""
	var re *awshttp.ResponseError
	if errors.As(err, &re) {
		status, request = re.HTTPStatusCode(), re.ServiceRequestID()
	}
	code, message := "", ""
	var api smithy.APIError
	if errors.As(err, &api) {
		code, message = api.ErrorCode(), api.ErrorMessage()
	}
	answer := &answer{text: answerText(status, code, message, request), err: err}

	switch {
	case status == 0:
		return unanswered(err)
	case credentialCodes[code]:
		return fmt.Errorf("%w: %w", storage.ErrCredentials, answer)
	case code == "NoSuchBucket":
		return errNoBucket
	case code == "NoSuchUpload":
		return answer
	case code == "InvalidObjectState":
		return fmt.Errorf("the object is archived and must be restored first: %w", answer)
	case status == http.StatusNotFound:
		return storage.ErrNotExist
	case status == http.StatusPreconditionFailed:
		return storage.ErrChanged
	case status == http.StatusForbidden || status == http.StatusUnauthorized, strings.HasPrefix(code, "KMS."):
		return b.denied(action, code, message, answer)
	case status == http.StatusMovedPermanently || code == "AuthorizationHeaderMalformed":
		if found := re.Response.Header.Get("X-Amz-Bucket-Region"); found != "" {
			return fmt.Errorf("the bucket lies in %s, not in %s: %w", found, b.region, answer)
		}
	}
	return answer
}

// credentialCodes are the errors about who the caller is.
var credentialCodes = map[string]bool{
	"ExpiredToken": true, "ExpiredTokenException": true, "TokenRefreshRequired": true, "InvalidToken": true,
	"InvalidAccessKeyId": true, "InvalidClientTokenId": true, "UnrecognizedClientException": true,
	"SignatureDoesNotMatch": true, "RequestTimeTooSkewed": true, "RequestExpired": true, "NotSignedUp": true,
}

// unanswered is the cause when no server has answered.
func unanswered(err error) error {
	// The SDK has no type for it: the signer asks for credentials, and each
	// provider of the chain says in its own way that it has none.
	if text := err.Error(); strings.Contains(text, "get credentials:") || strings.Contains(text, "get identity:") {
		_, why, _ := strings.Cut(text, "get credentials: ")
		return fmt.Errorf("%w: set AWS_PROFILE or AWS_ACCESS_KEY_ID, log in with the AWS command line, or run where a role is attached: %w",
			storage.ErrCredentials, &answer{text: printable(why), err: err})
	}
	// What the SDK puts around it is long and says nothing.
	cause := err
	for next := errors.Unwrap(err); next != nil; next = errors.Unwrap(next) {
		switch next.(type) {
		case *smithy.OperationError, *smithy.SerializationError, *smithy.DeserializationError:
		default:
			cause = next
		}
		if _, ok := next.(interface{ Timeout() bool }); ok {
			break
		}
	}
	return cause
}

// named finds the right in "… is not authorized to perform: s3:GetObject on …".
var named = regexp.MustCompile(`(?:not authorized to perform:?|no \S+ policy allows the|permission:?) ([a-z0-9-]+:[A-Za-z]+)`)

func (b *Bucket) denied(action, code, message string, answer error) error {
	if m := named.FindStringSubmatch(message); m != nil {
		action = m[1]
	} else if strings.HasPrefix(code, "KMS.") || strings.Contains(message, "KMS") || strings.Contains(message, "ciphertext") {
		switch action {
		case actionPut:
			action = "kms:GenerateDataKey"
		default:
			action = "kms:Decrypt"
		}
	}
	// Without the right to list, the server does not tell a missing object
	// from a forbidden one.
	hint := ""
	if action == actionGet {
		hint = " (or the object does not exist and " + actionList + " is missing)"
	}
	return fmt.Errorf("%w: %s is missing%s: %w", storage.ErrDenied, action, hint, answer)
}

// answer is what the server said, in one line.
type answer struct {
	text string
	err  error
}

func (a *answer) Error() string { return a.text }
func (a *answer) Unwrap() error { return a.err }

func answerText(status int, code, message, request string) string {
	var s strings.Builder
	if code == "" {
		code = http.StatusText(status)
	}
	s.WriteString(printable(code))
	if message != "" && message != code {
		s.WriteString(": " + printable(strings.TrimSuffix(message, ".")))
	}
	fmt.Fprintf(&s, " (HTTP %d", status)
	if request != "" {
		s.WriteString(", request " + printable(request))
	}
	s.WriteString(")")
	return s.String()
}

// printable escapes what a server or a key made it say.
func printable(s string) string {
	if strings.IndexFunc(s, func(r rune) bool { return !unicode.IsPrint(r) }) < 0 {
		return s
	}
	q := strconv.Quote(s)
	return q[1 : len(q)-1]
}

// status is the HTTP status of the answer that err is about, 0 without one.
func status(err error) int {
	var re *awshttp.ResponseError
	if errors.As(err, &re) {
		return re.HTTPStatusCode()
	}
	return 0
}
