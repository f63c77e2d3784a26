package digest

import (
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

const (
	signatureAlgorithm = "SHA256withRSA"
	hashAlgorithm      = "SHA-256"
)

// ErrFormat is wrapped by errors about a file that is no digest file.
var ErrFormat = errors.New("invalid format")

// Document is a digest file. Its texts are as the file has them: they are what
// is signed.
type Document struct {
	Account     string
	Start, End  time.Time // of the hour in which its log files were delivered
	EndText     string
	Bucket      string // where it was delivered
	Object      string
	Fingerprint string // of the public key
	Algorithm   string // of the signature

	Previous Previous
	Logs     []Log
}

// Previous is what a digest says about the one before it. In the first digest
// of a chain it is the zero Previous.
type Previous struct {
	Bucket, Object, Hash, HashAlgorithm string
	Signature                           *string // nil is null
}

// Starting says that the digest begins a chain.
func (p Previous) Starting() bool { return p == Previous{} }

// Log is a log file as a digest names it.
type Log struct {
	Bucket, Object, Hash, HashAlgorithm string
}

// required are the members that every digest has, if only as null.
var required = []string{"digestPublicKeyFingerprint", "digestS3Bucket", "digestS3Object", "previousDigestSignature", "digestEndTime", "digestStartTime"}

// Parse reads the uncompressed bytes of a digest file. The error wraps
// ErrFormat.
func Parse(text []byte) (*Document, error) {
	var members map[string]json.RawMessage
	if err := json.Unmarshal(text, &members); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrFormat, err)
	}
	for _, name := range required {
		if _, ok := members[name]; !ok {
			return nil, fmt.Errorf("%w: no %s", ErrFormat, name)
		}
	}
	var d Document
	var start string
	var logs []struct {
		Bucket        string `json:"s3Bucket"`
		Object        string `json:"s3Object"`
		Hash          string `json:"hashValue"`
		HashAlgorithm string `json:"hashAlgorithm"`
	}
	for _, m := range []struct {
		name string
		into any
	}{
		{"awsAccountId", &d.Account},
		{"digestStartTime", &start},
		{"digestEndTime", &d.EndText},
		{"digestS3Bucket", &d.Bucket},
		{"digestS3Object", &d.Object},
		{"digestPublicKeyFingerprint", &d.Fingerprint},
		{"digestSignatureAlgorithm", &d.Algorithm},
		{"previousDigestS3Bucket", &d.Previous.Bucket},
		{"previousDigestS3Object", &d.Previous.Object},
		{"previousDigestHashValue", &d.Previous.Hash},
		{"previousDigestHashAlgorithm", &d.Previous.HashAlgorithm},
		{"previousDigestSignature", &d.Previous.Signature},
		{"logFiles", &logs},
	} {
		raw, ok := members[m.name]
		if !ok {
			continue
		}
		if err := json.Unmarshal(raw, m.into); err != nil {
			return nil, fmt.Errorf("%w: %s: %w", ErrFormat, m.name, err)
		}
	}
	if _, ok := members["logFiles"]; !ok || logs == nil {
		return nil, fmt.Errorf("%w: no logFiles", ErrFormat)
	}
	for _, l := range logs {
		d.Logs = append(d.Logs, Log(l))
	}
	var err error
	if d.Start, err = time.Parse(time.RFC3339, start); err == nil {
		d.End, err = time.Parse(time.RFC3339, d.EndText)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrFormat, err)
	}
	d.Start, d.End = d.Start.UTC(), d.End.UTC()
	return &d, nil
}

// signedText is what the signature of a digest is made over. sum is the hash of
// the uncompressed file.
func signedText(end, bucket, object string, sum [sha256.Size]byte, previous *string) []byte {
	last := "null"
	if previous != nil {
		last = *previous
	}
	return fmt.Appendf(nil, "%s\n%s/%s\n%x\n%s", end, bucket, object, sum, last)
}

// verifies says whether a signature is the key's for a digest file.
func (d *Document) verifies(key *rsa.PublicKey, sum [sha256.Size]byte, signature string) bool {
	raw, err := hex.DecodeString(signature)
	if err != nil {
		return false
	}
	signed := sha256.Sum256(signedText(d.EndText, d.Bucket, d.Object, sum, d.Previous.Signature))
	return rsa.VerifyPKCS1v15(key, crypto.SHA256, signed[:], raw) == nil
}
