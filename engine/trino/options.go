package trino

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"strconv"
	"strings"
)

// Options say which cluster, and as whom.
type Options struct {
	// Address is trino://user@host:port/catalog/schema. Behind it may stand
	// ?tls=true (the default for port 443 and where a secret is sent),
	// ?ca=FILE for the certificate of an authority of one's own.
	Address  string
	Password string // of the user; "" for none
	Token    string // a bearer token, in place of a password; "" for none
	Source   string // what the cluster's list of queries calls us; default trailql
	// Views are queries in Athena's SQL over the schema's tables, by name in lower
	// case. A table of the schema hides the view of its name.
	Views map[string]string
}

// address is one that was read.
type address struct {
	base            url.URL // scheme and host
	user            string
	catalog, schema string
	ca              string
}

const example = "want trino://user@host:port/catalog/schema"

// Name is the address for people: without parameters.
func (a address) name() string {
	return "trino://" + url.User(a.user).String() + "@" + a.base.Host + "/" + a.catalog + "/" + a.schema
}

func (o Options) address() (address, error) {
	u, err := url.Parse(o.Address)
	if err != nil {
		return address{}, fmt.Errorf("%w (%s)", errors.Unwrap(err), example) // the text of err has the address, which may have a password
	}
	a := address{user: u.User.Username()}
	if _, ok := u.User.Password(); ok {
		return a, errors.New("no password in the address: others see it there; name it in the environment or a file")
	}
	parts := strings.Split(strings.Trim(u.Path, "/"), "/")
	switch {
	case u.Scheme != "trino" || u.Opaque != "" || u.Fragment != "":
		return a, errors.New(example)
	case u.Hostname() == "" || a.user == "":
		return a, errors.New("user or host is missing: " + example)
	case len(parts) != 2 || parts[0] == "" || parts[1] == "":
		return a, errors.New("catalog or schema is missing: " + example)
	}
	a.catalog, a.schema = parts[0], strings.ToLower(parts[1])
	port, secret := u.Port(), o.Password != "" || o.Token != ""
	local := isLocal(u.Hostname())
	encrypted := port == "443" || secret && !local
	for key, values := range u.Query() {
		value := values[len(values)-1]
		switch key {
		case "tls":
			on, err := strconv.ParseBool(value)
			if err != nil {
				return a, fmt.Errorf("tls=%s: want true or false", value)
			}
			if !on && secret && !local {
				return a, errors.New("tls=false: a password or token is sent over TLS only")
			}
			encrypted = on
		case "ca":
			a.ca = value
		default:
			return a, fmt.Errorf("unknown parameter %q: there are tls and ca", key)
		}
	}
	a.base = url.URL{Scheme: "http", Host: u.Host}
	if encrypted || a.ca != "" {
		a.base.Scheme = "https"
	}
	if port == "" {
		a.base.Host = net.JoinHostPort(u.Hostname(), map[string]string{"http": "8080", "https": "443"}[a.base.Scheme])
	}
	return a, nil
}

func isLocal(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

func (a address) tls() (*tls.Config, error) {
	c := &tls.Config{MinVersion: tls.VersionTLS12}
	if a.ca == "" {
		return c, nil
	}
	pem, err := os.ReadFile(a.ca)
	if err != nil {
		return nil, fmt.Errorf("read certificate: %w", err)
	}
	c.RootCAs = x509.NewCertPool()
	if !c.RootCAs.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("read certificate: no PEM certificate in %s", a.ca)
	}
	return c, nil
}
