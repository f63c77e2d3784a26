package digest

import (
	"bytes"
	"crypto/md5"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"sync"
	"time"
)

// PublicKey is a key that AWS signs digests with in one Region.
type PublicKey struct {
	Fingerprint string // MD5 of DER, lower-case hex
	DER         []byte // PKCS #1, or a SubjectPublicKeyInfo
	// Not needed to verify: ranges overlap, and a digest names its key.
	ValidFrom, ValidTo time.Time
}

// ParseKeys reads what `aws cloudtrail list-public-keys` prints, or several such
// answers one behind the other.
func ParseKeys(r io.Reader) ([]PublicKey, error) {
	var keys []PublicKey
	for in := json.NewDecoder(r); ; {
		var raw json.RawMessage
		err := in.Decode(&raw)
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("read public keys: %w", err)
		}
		list, err := keyList(raw)
		if err != nil {
			return nil, fmt.Errorf("read public keys: %w", err)
		}
		for _, k := range list {
			key, err := k.key()
			if err != nil {
				return nil, fmt.Errorf("read public key %d: %w", len(keys)+1, err)
			}
			keys = append(keys, key)
		}
	}
	if len(keys) == 0 {
		return nil, errors.New("read public keys: there is no key; want the output of aws cloudtrail list-public-keys")
	}
	return keys, nil
}

// listedKey is a key as the AWS CLI prints it.
type listedKey struct {
	Value             string
	ValidityStartTime keyTime
	ValidityEndTime   keyTime
	Fingerprint       string
}

func keyList(raw json.RawMessage) (list []listedKey, err error) {
	if bytes.HasPrefix(raw, []byte("[")) {
		err = json.Unmarshal(raw, &list)
		return list, err
	}
	var answer struct{ PublicKeyList []listedKey }
	err = json.Unmarshal(raw, &answer)
	return answer.PublicKeyList, err
}

func (k listedKey) key() (PublicKey, error) {
	der, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(k.Value), ""))
	if err != nil {
		return PublicKey{}, fmt.Errorf("decode Value: %w", err)
	}
	own := Fingerprint(der)
	if k.Fingerprint != "" && !strings.EqualFold(k.Fingerprint, own) {
		return PublicKey{}, fmt.Errorf("fingerprint %s is not that of the key, %s", k.Fingerprint, own)
	}
	return PublicKey{Fingerprint: own, DER: der, ValidFrom: time.Time(k.ValidityStartTime), ValidTo: time.Time(k.ValidityEndTime)}, nil
}

// keyTime is seconds since 1970, as a number or a text, or ISO 8601: versions of
// the CLI differ.
type keyTime time.Time

func (t *keyTime) UnmarshalJSON(raw []byte) error {
	text := strings.Trim(string(raw), `"`)
	if text == "null" || text == "" {
		return nil
	}
	if seconds, err := strconv.ParseFloat(text, 64); err == nil {
		*t = keyTime(time.UnixMilli(int64(seconds * 1000)).UTC())
		return nil
	}
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04:05.999999999-0700", "2006-01-02T15:04:05"} {
		if at, err := time.Parse(layout, text); err == nil {
			*t = keyTime(at.UTC())
			return nil
		}
	}
	return fmt.Errorf("time %q is neither seconds nor ISO 8601", text)
}

// Fingerprint is by what a digest names its key.
func Fingerprint(der []byte) string {
	sum := md5.Sum(der)
	return hex.EncodeToString(sum[:])
}

func parseRSA(der []byte) (*rsa.PublicKey, error) {
	key, err := x509.ParsePKCS1PublicKey(der)
	if err == nil {
		return key, nil
	}
	if found, infoErr := x509.ParsePKIXPublicKey(der); infoErr == nil {
		if key, ok := found.(*rsa.PublicKey); ok {
			return key, nil
		}
		return nil, errors.New("not an RSA key")
	}
	return nil, err
}

// keyring finds keys by fingerprint, and asks for those of a Region that it
// does not have. Safe for concurrent use.
type keyring struct {
	mu    sync.Mutex
	keys  map[string][]byte
	empty bool // nobody gave keys or a way to get them
}

func newKeyring(keys []PublicKey, fetches bool) *keyring {
	k := &keyring{keys: map[string][]byte{}, empty: len(keys) == 0 && !fetches}
	k.add(keys)
	return k
}

func (k *keyring) add(keys []PublicKey) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, key := range keys {
		k.keys[Fingerprint(key.DER)] = key.DER
	}
}

func (k *keyring) has(fingerprint string) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	_, ok := k.keys[strings.ToLower(fingerprint)]
	return ok
}

// find returns nil without an error if there is no such key.
func (k *keyring) find(fingerprint string) (*rsa.PublicKey, error) {
	k.mu.Lock()
	der, ok := k.keys[strings.ToLower(fingerprint)]
	k.mu.Unlock()
	if !ok {
		return nil, nil
	}
	return parseRSA(der)
}
