package manifest

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// Schema is the version of manifest.json.
const Schema = "trailql.manifest/1"

// Names of the files that Seal writes.
const (
	File          = "manifest.json"
	SignatureFile = "manifest.sig"
	objectsFile   = "log-objects.jsonl"
	blocksFile    = "blocks.jsonl"
)

// Manifest is manifest.json.
type Manifest struct {
	Schema string `json:"schema"`
	Title  string `json:"title"`
	Run    Run    `json:"run"`
	// Previous is the SHA-256 of the manifest.json before this one; "" for the first.
	Previous string `json:"previous_manifest_sha256"`
	// SigningKey is the KeyID of the key that manifest.sig is made with; "" for none.
	SigningKey string       `json:"signing_key"`
	Period     Period       `json:"period"`
	Scope      Scope        `json:"scope"`
	Snapshot   Snapshot     `json:"snapshot"`
	Coverage   Coverage     `json:"coverage"`
	Packs      []Pack       `json:"packs"`
	Inputs     []Input      `json:"inputs"`
	Statements []Statement  `json:"statements"`
	LogObjects ObjectsTotal `json:"log_objects"`
	Files      []SealedFile `json:"files"`
}

// Run is who made the report, when and with which program.
type Run struct {
	ID             string    `json:"id"`
	Started        time.Time `json:"started,omitzero"`
	Ended          time.Time `json:"ended,omitzero"`
	Operator       string    `json:"operator"`
	ProgramVersion string    `json:"program_version"`
	Schedule       string    `json:"schedule,omitempty"`
	CommandLine    []string  `json:"command_line"`
}

// Period is [From, To) by event time.
type Period struct {
	Name            string    `json:"name"`
	From            time.Time `json:"from"`
	To              time.Time `json:"to"`
	Zone            string    `json:"zone"`
	LatenessSeconds float64   `json:"lateness_seconds"`
	Open            bool      `json:"open"`
}

// Scope is what limited the report.
type Scope struct {
	Accounts []string            `json:"accounts"`
	Regions  []string            `json:"regions"`
	Declared map[string][]string `json:"declared"`
	File     string              `json:"file,omitempty"`
	SHA256   string              `json:"sha256,omitempty"`
}

// Snapshot is the state of the table that was read.
type Snapshot struct {
	Warehouse string    `json:"warehouse"`
	Version   int64     `json:"version"`
	ID        int64     `json:"id,string"`
	Committed time.Time `json:"committed,omitzero"`
	Records   int64     `json:"records"`
}

// Coverage sums up what the archive has of the period.
type Coverage struct {
	Complete bool      `json:"complete"`
	Accounts int       `json:"accounts"`
	Regions  int       `json:"regions"`
	Days     int       `json:"days"`
	Events   int64     `json:"events"`
	First    time.Time `json:"first,omitzero"`
	Last     time.Time `json:"last,omitzero"`
	Digests  string    `json:"digests"`
	Gaps     []Gap     `json:"gaps"`
}

// Gap is a half-open span without events where there should be some.
type Gap struct {
	Account string    `json:"account"`
	Region  string    `json:"region"`
	From    time.Time `json:"from"`
	To      time.Time `json:"to"`
	Hours   int       `json:"hours"`
	Reason  string    `json:"reason"`
}

// Pack is one whose controls are in the report. Hash covers its rules.
type Pack struct {
	ID      string `json:"id"`
	Version string `json:"version"`
	Hash    string `json:"hash"`
}

// Input is what the run was given besides the table: a file of exceptions or a scope,
// or report_runs, those of the ledger's runs that it went by.
type Input struct {
	Name   string `json:"name"`
	SHA256 string `json:"sha256"` // hexadecimal
}

// Statement is a query that was run, and the values of its ? as JSON texts.
type Statement struct {
	Name   string   `json:"name"`
	SQL    string   `json:"sql"`
	Params []string `json:"params"`
}

// ObjectsTotal sums up log-objects.jsonl.
type ObjectsTotal struct {
	File    string `json:"file"` // "" when the run did not say which objects it read
	Objects int64  `json:"objects"`
	Bytes   int64  `json:"bytes"`
	Records int64  `json:"records"`
}

// SealedFile is a file of the report.
type SealedFile struct {
	Name   string `json:"name"` // relative to the folder, with slashes
	Size   int64  `json:"size"`
	SHA256 string `json:"sha256"`
}

// objectLine is a line of log-objects.jsonl.
type objectLine struct {
	Object  string `json:"object"`
	SHA256  string `json:"sha256"`
	Bytes   int64  `json:"bytes"`
	Records int64  `json:"records"`
	Verdict string `json:"verdict,omitempty"` // of CloudTrail's digests
}

// Read reads the manifest of a folder, and does not verify it.
func Read(dir string) (*Manifest, error) {
	content, err := os.ReadFile(filepath.Join(dir, File))
	if err != nil {
		return nil, fmt.Errorf("read manifest: %w", err)
	}
	return parse(content)
}

func parse(content []byte) (*Manifest, error) {
	m := &Manifest{}
	if err := json.Unmarshal(content, m); err != nil {
		return nil, fmt.Errorf("read %s: %w", File, err)
	}
	if m.Schema != Schema {
		return nil, fmt.Errorf("read %s: schema %q, want %q", File, m.Schema, Schema)
	}
	return m, nil
}

// Hash is the SHA-256 of a folder's manifest.json, in hexadecimal: what the next
// report names as the one before it.
func Hash(dir string) (string, error) {
	content, err := os.ReadFile(filepath.Join(dir, File))
	if err != nil {
		return "", fmt.Errorf("hash manifest: %w", err)
	}
	return hexSum(content), nil
}

func hexSum(content []byte) string {
	sum := sha256.Sum256(content)
	return hex.EncodeToString(sum[:])
}
