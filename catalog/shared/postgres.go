package shared

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

const wantPostgres = "want postgres://user@host:port/database"

// parsePostgres reads postgres://user@host:port/database. Behind it may stand
// ?tls=false or true (the default, but for this machine) and ?ca=FILE for the
// certificate of an authority of one's own; what else stands there is returned.
func parsePostgres(text, password string) (*pgconn.Config, url.Values, error) {
	u, err := parseURL(text)
	if err != nil {
		return nil, nil, fmt.Errorf("%w (%s)", err, wantPostgres)
	}
	user, database := u.User.Username(), strings.Trim(u.Path, "/")
	switch {
	case u.Opaque != "" || u.Fragment != "" || strings.ContainsRune(u.Host, ','):
		return nil, nil, errors.New(wantPostgres)
	case u.Hostname() == "" || user == "" || database == "":
		return nil, nil, errors.New("user, host or database is missing: " + wantPostgres)
	case strings.ContainsRune(user+database, 0):
		return nil, nil, errors.New("a NUL in the address: " + wantPostgres)
	}
	rest := u.Query()
	encrypted, config, err := takeTLS(rest, !isLocal(u.Hostname()))
	if err != nil {
		return nil, nil, err
	}

	// The driver's own parser is given no more than where and as whom: TLS is
	// never what its many settings and variables would make of it. What it adds is
	// the password that a password file has.
	plain := url.URL{Scheme: "postgres", User: url.User(user), Host: u.Host, Path: "/" + database, RawQuery: "sslmode=disable"}
	c, err := pgconn.ParseConfig(plain.String())
	if err != nil {
		return nil, nil, err
	}
	if password != "" {
		c.Password = password
	}
	c.RuntimeParams = map[string]string{"application_name": "trailql", "client_encoding": "UTF8"}
	c.Fallbacks, c.SSLNegotiation, c.ConnectTimeout = nil, "", 0
	c.MaxProtocolMessageBodyLen = maxAnswer
	c.RequireAuth = ""
	if encrypted {
		config.ServerName = u.Hostname()
		c.TLSConfig = config
	} else if !isLocal(u.Hostname()) {
		// Anybody on the way could ask for the password in a form to be read.
		c.RequireAuth = "scram-sha-256"
		if c.Password == "" {
			c.RequireAuth += ",none"
		}
	}
	return c, rest, nil
}

// parseURL is url.Parse without what has a password, in the URL or in the error.
func parseURL(text string) (*url.URL, error) {
	u, err := url.Parse(text)
	if err != nil {
		return nil, errors.Unwrap(err) // err has the text
	}
	if _, ok := u.User.Password(); ok {
		return nil, errors.New("no password in the address: others see it there; a variable or a file has it (trailql help catalog)")
	}
	return u, nil
}

// takeTLS reads tls and ca, and takes them out of what was given.
func takeTLS(given url.Values, initially bool) (encrypted bool, config *tls.Config, err error) {
	config = &tls.Config{MinVersion: tls.VersionTLS12}
	encrypted = initially
	if ca := given.Get("ca"); ca != "" {
		encrypted = true
		if config.RootCAs, err = readAuthorities(ca); err != nil {
			return false, nil, err
		}
	}
	if text := given.Get("tls"); text != "" {
		if encrypted, err = strconv.ParseBool(text); err != nil {
			return false, nil, fmt.Errorf("tls=%s: want true or false", text)
		}
	}
	given.Del("ca")
	given.Del("tls")
	return encrypted, config, nil
}

func isLocal(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// postgres is a connection. After an error that is not the server's it is of no
// use any more.
type postgres struct {
	conn *pgconn.PgConn
	host string
}

func connectPostgres(ctx context.Context, c *pgconn.Config) (*postgres, error) {
	p := &postgres{host: net.JoinHostPort(c.Host, strconv.Itoa(int(c.Port)))}
	var err error
	if p.conn, err = pgconn.ConnectConfig(ctx, c); err == nil {
		return p, nil
	}
	// The driver tells of each address that a name stands for, and repeats whom it
	// was for.
	var connecting *pgconn.ConnectError
	if errors.As(err, &connecting) {
		err = connecting.Unwrap()
	}
	hint := ""
	switch {
	case strings.Contains(err.Error(), "server refused TLS connection"):
		hint = " (the server has no TLS; ?tls=false does without it)"
	case isCode(err, "28P01", "28000") && c.Password == "":
		hint = " (the server wants a password: $PGPASSWORD, the file that $PGPASSWORD_FILE names, or ~/.pgpass has it)"
	case isCode(err, "28P01"):
		hint = " (the password comes from $PGPASSWORD, $PGPASSWORD_FILE or ~/.pgpass, in this order)"
	}
	return nil, fmt.Errorf("connect to PostgreSQL at %s: %w%s", p.host, withoutBrokenPipe(ctx, err), hint)
}

// errEnded says that the server has ended the connection.
var errEnded = errors.New("the server has ended the connection")

// withoutBrokenPipe: for who calls, a broken pipe is standard output's.
func withoutBrokenPipe(ctx context.Context, err error) error {
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, syscall.EPIPE), errors.Is(err, syscall.ECONNRESET), errors.Is(err, pgconn.ErrConnClosed):
		return errEnded
	}
	return err
}

// exec runs one statement. $1 and so on stand for the arguments, which the server
// takes for what they are compared with or stored as. Values come as text; null is
// "".
func (p *postgres) exec(ctx context.Context, sql string, args ...string) (rows [][]string, affected int64, err error) {
	values := make([][]byte, len(args))
	for i, a := range args {
		values[i] = []byte(a)
	}
	result := p.conn.ExecParams(ctx, sql, values, nil, nil, nil).Read()
	if result.Err != nil {
		return nil, 0, fmt.Errorf("PostgreSQL: %w", withoutBrokenPipe(ctx, result.Err))
	}
	for _, row := range result.Rows {
		cells := make([]string, len(row))
		for i, cell := range row {
			cells[i] = string(cell)
		}
		rows = append(rows, cells)
	}
	return rows, result.CommandTag.RowsAffected(), nil
}

func isCode(err error, codes ...string) bool {
	refused, ok := errors.AsType[*pgconn.PgError](err)
	if !ok {
		return false
	}
	for _, code := range codes {
		if refused.Code == code {
			return true
		}
	}
	return false
}

// closeTimeout is how long the server is given to hear that this is the end.
const closeTimeout = time.Second

// close ends the connection, and takes back a transaction that it has begun.
func (p *postgres) close() error {
	ctx, cancel := context.WithTimeout(context.Background(), closeTimeout)
	defer cancel()
	_ = p.conn.Close(ctx) // it may have ended long ago
	return nil
}

func readAuthorities(file string) (*x509.CertPool, error) {
	pem, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("read certificate: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("read certificate: no PEM certificate in %s", file)
	}
	return pool, nil
}
