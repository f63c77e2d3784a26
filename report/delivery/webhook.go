package delivery

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"
)

// Headers of a webhook's request.
const (
	SignatureHeader = "Trailql-Signature"
	// IdempotencyHeader is the same for every attempt at a message.
	IdempotencyHeader = "Idempotency-Key"
)

// Sign makes the value of SignatureHeader: t=UNIX SECONDS,v1=HEX, where HEX is
// the HMAC-SHA256 of the seconds, a dot and the body.
func Sign(secret string, at time.Time, body []byte) string {
	seconds := strconv.FormatInt(at.Unix(), 10)
	return "t=" + seconds + ",v1=" + hex.EncodeToString(signature(secret, seconds, body))
}

func signature(secret, seconds string, body []byte) []byte {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(seconds + "."))
	mac.Write(body)
	return mac.Sum(nil)
}

// ErrSignature is wrapped by CheckSignature's errors.
var ErrSignature = errors.New("signature not valid")

// CheckSignature is for receivers: it says whether the header was made by Sign
// for this body at most tolerance before or after now.
func CheckSignature(secret, header string, body []byte, now time.Time, tolerance time.Duration) error {
	seconds, rest, _ := strings.Cut(strings.TrimPrefix(header, "t="), ",v1=")
	at, err := strconv.ParseInt(seconds, 10, 64)
	given, err2 := hex.DecodeString(rest)
	if err != nil || err2 != nil || !hmac.Equal(given, signature(secret, seconds, body)) {
		return ErrSignature
	}
	if age := now.Sub(time.Unix(at, 0)); age > tolerance || age < -tolerance {
		return fmt.Errorf("%w: it is %s old", ErrSignature, age.Round(time.Second))
	}
	return nil
}

func (d *Deliverer) sendWebhook(ctx context.Context, p pending, w *Webhook) error {
	place := w.URL
	if place == "" {
		var err error
		if place, err = d.secret("url", w.URLEnv, w.URLFile); err != nil {
			return permanent{fmt.Errorf("webhook: %w", err)}
		}
	}
	secret, err := d.secret("secret", w.SecretEnv, w.SecretFile)
	if err != nil {
		return permanent{fmt.Errorf("webhook: %w", err)}
	}
	body, err := json.Marshal(p.Message)
	if err != nil {
		return permanent{fmt.Errorf("webhook: %w", err)}
	}
	header := http.Header{
		SignatureHeader:   {Sign(secret, d.now(), body)},
		IdempotencyHeader: {p.Key},
	}
	if err := d.post(ctx, place, w.CAFile, header, body); err != nil {
		return fmt.Errorf("webhook: %w", err)
	}
	return nil
}

// post sends JSON. Its errors have nothing of the URL but the host: the rest may
// be a secret.
func (d *Deliverer) post(ctx context.Context, place, caFile string, header http.Header, body []byte) error {
	u, err := checkURL(place)
	if err != nil {
		return permanent{err}
	}
	roots, err := certificates(caFile)
	if err != nil {
		return permanent{err}
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, u.String(), bytes.NewReader(body))
	if err != nil {
		return permanent{errors.New("the url cannot be used")}
	}
	request.Header = header
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("User-Agent", "trailql")
	transport := &http.Transport{
		Proxy:             http.ProxyFromEnvironment,
		TLSClientConfig:   &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12},
		DisableKeepAlives: true,
		ForceAttemptHTTP2: true,
	}
	defer transport.CloseIdleConnections()
	client := &http.Client{
		Transport: transport,
		// Elsewhere may be anywhere.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	response, err := client.Do(request)
	if err != nil {
		return transportError(u.Host, err)
	}
	defer response.Body.Close()
	// What it says is for its log, not for ours.
	_, _ = io.CopyN(io.Discard, response.Body, 64<<10)
	return statusError(u.Host, response)
}

func statusError(host string, r *http.Response) error {
	err := fmt.Errorf("%s answered %d %s", host, r.StatusCode, http.StatusText(r.StatusCode))
	switch code := r.StatusCode; {
	case code >= 200 && code < 300:
		return nil
	case code == http.StatusTooManyRequests, code == http.StatusServiceUnavailable:
		if seconds, convErr := strconv.Atoi(r.Header.Get("Retry-After")); convErr == nil && seconds > 0 {
			return later{err, time.Duration(min(seconds, 3600)) * time.Second}
		}
		return err
	case code >= 500, code == http.StatusRequestTimeout, code == http.StatusTooEarly:
		return err
	case code >= 400 && code != http.StatusUnauthorized && code != http.StatusProxyAuthRequired: // they would be for any message
		return permanent{refused{err}}
	}
	return permanent{err}
}

// transportError drops the URL that net/http puts into its errors.
func transportError(host string, err error) error {
	if wrapped, ok := errors.AsType[*url.Error](err); ok {
		err = wrapped.Err
	}
	err = fmt.Errorf("%s: %w", host, err)
	if isCertificateError(err) {
		return permanent{err}
	}
	return err
}

func isCertificateError(err error) bool {
	_, ok := errors.AsType[*tls.CertificateVerificationError](err)
	return ok
}

// certificates reads the authorities of a PEM file; nil are the system's.
func certificates(file string) (*x509.CertPool, error) {
	if file == "" {
		return nil, nil
	}
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("ca_file: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(data) {
		return nil, fmt.Errorf("ca_file: no certificate in %s", file)
	}
	return pool, nil
}
