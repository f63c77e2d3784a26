package shared

import (
	"cmp"
	"errors"
	"fmt"
	"net/url"
	"strings"
)

const (
	schemePostgres   = "postgres"
	schemePostgreSQL = "postgresql"
	schemeREST       = "rest+https"
	schemePlainREST  = "rest+http"
	schemeGlue       = "glue"
)

// Schemes are those that [Open] takes.
func Schemes() []string {
	return []string{schemePostgres, schemePostgreSQL, schemeREST, schemePlainREST, schemeGlue}
}

// Open reads the address of a shared catalog, and connects to nothing yet:
//
//	postgres://user@host:port/database   Iceberg's SQL catalog
//	rest+https://host:port/path          Iceberg REST; rest+http on this machine
//	glue://account                       AWS Glue; without an account the caller's
//
// All take ?namespace=NAME, which is default unless given. PostgreSQL takes
// &catalog=NAME (trailql), REST &warehouse=NAME, &prefix=PATH, &scope=NAME,
// &oauth=URL and &sign=SERVICE, Glue and signed REST &region=NAME, and what has TLS
// &ca=FILE. An error wraps ErrAddress. The caller closes the publisher.
func Open(text string, o Options) (*Publisher, error) {
	p, err := open(text, o)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrAddress, err)
	}
	return p, nil
}

func open(text string, o Options) (*Publisher, error) {
	scheme, _, _ := strings.Cut(text, "://")
	switch scheme {
	case schemePostgres, schemePostgreSQL:
		return openJDBC(text, o.Password)
	case schemeREST, schemePlainREST:
		return openREST(text, o)
	case schemeGlue:
		return openGlue(text, o)
	}
	return nil, errors.New("want postgres://user@host:port/database, rest+https://host/path or glue://account")
}

// address says which catalog and which namespace in it.
type address struct {
	name      string // of the catalog, as it is called in errors; "" for none
	namespace string
}

func (a address) catalog() string {
	if a.name == "" {
		return "the catalog"
	}
	return "catalog " + a.name
}

// takeNamespace reads namespace, and takes it out of what was given.
func takeNamespace(given url.Values) (string, error) {
	n := cmp.Or(given.Get("namespace"), "default")
	given.Del("namespace")
	if strings.ContainsAny(n, "./\x00\x1f") {
		return "", fmt.Errorf("namespace %q: want one name without a dot", n)
	}
	return n, nil
}

func noOthers(given url.Values, known string) error {
	for key := range given {
		return fmt.Errorf("unknown parameter %q: there are %s", key, known)
	}
	return nil
}
