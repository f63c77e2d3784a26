package manifest

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
)

const (
	privateKeyType   = "PRIVATE KEY" // PKCS #8
	encryptedKeyType = "ENCRYPTED PRIVATE KEY"
	publicKeyType    = "PUBLIC KEY" // PKIX
)

// GenerateKey makes a pair of keys in two PEM files, and returns the KeyID. It
// replaces no file. Only the owner can read the private key's.
func GenerateKey(privateFile, publicFile string) (string, error) {
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return "", fmt.Errorf("generate key: %w", err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		return "", fmt.Errorf("generate key: %w", err)
	}
	pkix, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		return "", fmt.Errorf("generate key: %w", err)
	}
	if err := writeKey(privateFile, 0o600, privateKeyType, pkcs8); err != nil {
		return "", err
	}
	if err := writeKey(publicFile, 0o644, publicKeyType, pkix); err != nil {
		return "", errors.Join(err, os.Remove(privateFile))
	}
	return KeyID(public), nil
}

func writeKey(name string, mode os.FileMode, kind string, content []byte) error {
	file, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return fmt.Errorf("write key: %w", err)
	}
	err = pem.Encode(file, &pem.Block{Type: kind, Bytes: content})
	if err := errors.Join(err, file.Close()); err != nil {
		return fmt.Errorf("write key %s: %w", name, errors.Join(err, os.Remove(name)))
	}
	return nil
}

// ReadPrivateKey reads an Ed25519 key of a PEM file (PKCS #8, not encrypted).
func ReadPrivateKey(name string) (ed25519.PrivateKey, error) {
	content, err := readPEM(name, privateKeyType)
	if err != nil {
		return nil, err
	}
	key, err := x509.ParsePKCS8PrivateKey(content)
	if err != nil {
		return nil, fmt.Errorf("read key %s: %w", name, err)
	}
	private, ok := key.(ed25519.PrivateKey)
	if !ok {
		return nil, fmt.Errorf("read key %s: it is a %T, want an Ed25519 key", name, key)
	}
	return private, nil
}

// ReadPublicKey reads an Ed25519 key of a PEM file (PKIX).
func ReadPublicKey(name string) (ed25519.PublicKey, error) {
	content, err := readPEM(name, publicKeyType)
	if err != nil {
		return nil, err
	}
	key, err := x509.ParsePKIXPublicKey(content)
	if err != nil {
		return nil, fmt.Errorf("read key %s: %w", name, err)
	}
	public, ok := key.(ed25519.PublicKey)
	if !ok {
		return nil, fmt.Errorf("read key %s: it is a %T, want an Ed25519 key", name, key)
	}
	return public, nil
}

// readPEM finds the block of a type; its errors never quote the file.
func readPEM(name, kind string) ([]byte, error) {
	content, err := os.ReadFile(name)
	if err != nil {
		return nil, fmt.Errorf("read key: %w", err)
	}
	found := ""
	for block, rest := pem.Decode(content); block != nil; block, rest = pem.Decode(rest) {
		if block.Type == kind {
			return block.Bytes, nil
		}
		found = block.Type
	}
	switch found {
	case "":
		return nil, fmt.Errorf("read key %s: it is no PEM file", name)
	case encryptedKeyType:
		return nil, fmt.Errorf("read key %s: the key is encrypted; want one that is not, which only you can read", name)
	case privateKeyType:
		return nil, fmt.Errorf("read key %s: it has the private key; want the public one", name)
	}
	return nil, fmt.Errorf("read key %s: want a %s", name, kind)
}

// KeyID names a key: a hash of its PKIX form. Compare it with what the signer
// told you by another way.
func KeyID(key ed25519.PublicKey) string {
	pkix, err := x509.MarshalPKIXPublicKey(key)
	if err != nil {
		return "" // no Ed25519 key
	}
	sum := sha256.Sum256(pkix)
	return "ed25519:" + hex.EncodeToString(sum[:16])
}
