package shared

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/aws/smithy-go"
)

// isGlue reports whether an error is this one of Glue's.
func isGlue[E error](err error) bool {
	_, ok := errors.AsType[E](err)
	return ok
}

// failure says which of Glue's operations failed, and what can be done about it.
func (g *glueCatalog) failure(ctx context.Context, operation, table string, err error) error {
	if err == nil {
		return nil
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	what := "Glue, " + operation
	if table != "" {
		what += " " + g.namespace + "." + table
	}
	var said smithy.APIError
	if !errors.As(err, &said) {
		return fmt.Errorf("%s: %w", what, withoutBrokenPipe(ctx, err))
	}
	text := said.ErrorCode()
	if m := said.ErrorMessage(); m != "" {
		text += ": " + m
	}
	switch said.ErrorCode() {
	case "AccessDeniedException", "AccessDenied":
		text += fmt.Sprintf("; the caller needs %s on %s", strings.Join(GlueActions(), ", "), strings.Join(g.arns(), ", "))
		if strings.Contains(text, "Lake Formation") {
			text += ", and in Lake Formation the permission to alter the table"
		}
		text += " (trailql policy --catalog glue://… writes the policy)"
	case "UnrecognizedClientException", "InvalidSignatureException", "ExpiredTokenException", "InvalidClientTokenId":
		text += "; are these credentials of the right account, and not too old? trailql help env says where they come from"
	}
	return &glueError{what: what, text: text, cause: err}
}

// glueError leaves the SDK's words out, which repeat what is said.
type glueError struct {
	what, text string
	cause      error
}

func (e *glueError) Error() string { return e.what + ": " + e.text }

func (e *glueError) Unwrap() error { return e.cause }
