package manifest

import (
	"bufio"
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/trailql/trailql/engine/output"
)

// Options say what to verify a folder against. The zero value checks the files
// against the manifest, which anybody could have written.
type Options struct {
	// Keys are those whose signature is accepted. Without any, a signature is not
	// checked.
	Keys []ed25519.PublicKey
	// Previous is the folder or the manifest hash of the report before this one; ""
	// when it is not at hand.
	Previous string
	// Object opens a log object by its name in log-objects.jsonl; nil leaves them
	// unchecked. Verify closes what it returns.
	Object func(name string) (io.ReadCloser, error)
}

// Result is what Verify found.
type Result struct {
	Manifest  *Manifest // as it is in the folder; nil if it cannot be read as one
	Hash      string    // of manifest.json
	Signature Signature
	Files     int // in the manifest
	Bytes     int64
	Objects   int64 // log objects that were read and compared
	// Changes are what is not as it was sealed, the manifest's first, then the
	// chain's, then those of files by name. Empty: everything is as it was.
	Changes []Change
}

// Signature says what is known of who sealed a folder.
type Signature string

const (
	Valid     Signature = "valid"
	Invalid   Signature = "invalid"
	Absent    Signature = "absent"
	Unchecked Signature = "not checked" // no key was given
)

// Change is one thing that is not as it was sealed. Bytes From to To, half-open,
// of the file as it is are where it starts; they are 0 when that is not known.
// Texts may come from the folder: escape them for a terminal.
type Change struct {
	File     string // or the log object's name
	From, To int64
	What     string
}

func (c Change) String() string {
	s := output.Escape(c.File) + ": " + output.Escape(c.What)
	switch {
	case c.To > c.From:
		s += fmt.Sprintf(" (bytes %d to %d)", c.From, c.To-1)
	case c.From > 0:
		s += fmt.Sprintf(" (at byte %d)", c.From)
	}
	return s
}

// Verify compares a folder with its manifest. What has changed is in the result;
// an error means that there is nothing to compare with, or that reading failed.
func Verify(ctx context.Context, dir string, o Options) (*Result, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("verify report: %w", err)
	}
	defer root.Close()
	v := &verifier{root: root, options: o, result: &Result{}}
	if err := v.run(ctx); err != nil {
		return nil, fmt.Errorf("verify report %s: %w", dir, err)
	}
	return v.result, nil
}

type verifier struct {
	root    *os.Root
	options Options
	result  *Result
	blocks  map[string][]block // of blocks.jsonl, if that is as it was
}

func (v *verifier) changed(file string, format string, args ...any) {
	v.result.Changes = append(v.result.Changes, Change{File: file, What: fmt.Sprintf(format, args...)})
}

func (v *verifier) changedAt(file string, p place) {
	v.result.Changes = append(v.result.Changes, Change{File: file, From: p.from, To: p.to, What: p.what})
}

func (v *verifier) run(ctx context.Context) error {
	content, err := v.root.ReadFile(File)
	if err != nil {
		return err
	}
	v.result.Hash = hexSum(content)
	m, parseErr := parse(content)
	v.result.Manifest = m
	if err := v.signature(content, m); err != nil {
		return err
	}
	if parseErr != nil {
		if len(v.result.Changes) == 0 {
			return parseErr // it was never one that this program wrote
		}
		return nil
	}
	if err := v.chain(m); err != nil {
		return err
	}
	if err := v.readBlocks(m); err != nil {
		return err
	}
	for _, file := range m.Files {
		if err := ctx.Err(); err != nil {
			return err
		}
		v.result.Files++
		v.result.Bytes += file.Size
		if err := v.file(file); err != nil {
			return err
		}
	}
	if err := v.extra(m); err != nil {
		return err
	}
	return v.objects(ctx, m)
}

// signature checks manifest.sig, and finds the line of the manifest that changed.
func (v *verifier) signature(content []byte, m *Manifest) error {
	signed, err := v.root.ReadFile(SignatureFile)
	if errors.Is(err, fs.ErrNotExist) {
		v.result.Signature = Absent
		switch {
		case m != nil && m.SigningKey != "":
			v.changed(SignatureFile, "is missing: the manifest says that key %s signed it", m.SigningKey)
		case len(v.options.Keys) > 0:
			v.changed(SignatureFile, "is missing: the report is not signed")
		}
		return nil
	}
	if err != nil {
		return err
	}
	v.result.Signature = Unchecked
	signature, id, lines, err := parseSignature(signed)
	if err != nil {
		v.result.Signature = Invalid
		v.changed(SignatureFile, "%v", err)
		return nil
	}
	valid := false
	for _, key := range v.options.Keys {
		valid = valid || len(key) == ed25519.PublicKeySize && KeyID(key) == id && ed25519.Verify(key, content, signature)
	}
	at, differs := locate(lines, blocksOf(content), byLine)
	switch {
	case valid && differs:
		v.result.Signature = Valid
		v.changed(SignatureFile, "the list of lines does not fit the manifest, whose signature is valid")
	case valid:
		v.result.Signature = Valid
	case differs:
		v.changedAt(File, at)
	}
	if m != nil && m.SigningKey != id && !differs {
		v.changed(SignatureFile, "it is of key %s, and the manifest names %q", id, m.SigningKey)
	}
	if len(v.options.Keys) == 0 || valid {
		return nil
	}
	v.result.Signature = Invalid
	known := slices.ContainsFunc(v.options.Keys, func(key ed25519.PublicKey) bool { return KeyID(key) == id })
	switch {
	case !known:
		v.changed(SignatureFile, "it is of key %s, which is not among those given", id)
	default:
		v.changed(SignatureFile, "the signature does not fit the manifest")
	}
	return nil
}

// parseSignature reads manifest.sig; nothing in it may be otherwise than Seal
// writes it.
func parseSignature(content []byte) (signature []byte, id string, lines []block, err error) {
	parts := strings.Split(string(content), "\n")
	if len(parts) != 4 || parts[3] != "" {
		return nil, "", nil, errors.New("it does not have the three lines of a signature")
	}
	encoded, ok := strings.CutPrefix(parts[0], "signature ")
	signature, err = base64.StdEncoding.Strict().DecodeString(encoded)
	if !ok || err != nil || len(signature) != ed25519.SignatureSize {
		return nil, "", nil, errors.New("line 1 is no signature")
	}
	if id, ok = strings.CutPrefix(parts[1], "key "); !ok {
		return nil, "", nil, errors.New("line 2 names no key")
	}
	fields := strings.Split(parts[2], " ")
	if fields[0] != "lines" {
		return nil, "", nil, errors.New("line 3 has no list of lines")
	}
	for _, field := range fields[1:] {
		b, err := parseBlock(field)
		if err != nil || b.String() != field {
			return nil, "", nil, errors.New("line 3 has no list of lines")
		}
		lines = append(lines, b)
	}
	return signature, id, lines, nil
}

// chain compares the manifest before this one.
func (v *verifier) chain(m *Manifest) error {
	want := v.options.Previous
	if want == "" {
		return nil
	}
	if !isHash(want) {
		hash, err := Hash(want)
		if err != nil {
			return fmt.Errorf("the report before: %w", err)
		}
		want = hash
	}
	switch {
	case m.Previous == "":
		v.changed(File, "the chain is broken: it names no report before it, and %s is given", want)
	case !strings.EqualFold(m.Previous, want):
		v.changed(File, "the chain is broken: the report before it had the manifest hash %s, and the one given has %s", m.Previous, want)
	}
	return nil
}

func isHash(s string) bool {
	b, err := hex.DecodeString(s)
	return err == nil && len(b) == sha256.Size
}

// readBlocks reads blocks.jsonl if it is as it was sealed. Whether it is, is
// reported as of every other file.
func (v *verifier) readBlocks(m *Manifest) error {
	i := slices.IndexFunc(m.Files, func(f SealedFile) bool { return f.Name == blocksFile })
	if i < 0 {
		return nil
	}
	content, err := v.root.ReadFile(blocksFile)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if hexSum(content) != m.Files[i].SHA256 {
		return nil
	}
	v.blocks = map[string][]block{}
	for line := range bytes.Lines(content) {
		var in struct {
			File   string   `json:"file"`
			Blocks []string `json:"blocks"`
		}
		if err := json.Unmarshal(line, &in); err != nil {
			return fmt.Errorf("%s: %w", blocksFile, err)
		}
		list := make([]block, 0, len(in.Blocks))
		for _, text := range in.Blocks {
			b, err := parseBlock(text)
			if err != nil {
				return fmt.Errorf("%s: %w", blocksFile, err)
			}
			list = append(list, b)
		}
		v.blocks[in.File] = list
	}
	return nil
}

func (v *verifier) file(want SealedFile) error {
	if !filepath.IsLocal(filepath.FromSlash(want.Name)) {
		v.changed(File, "it names a file outside of the folder: %q", want.Name)
		return nil
	}
	info, err := v.root.Lstat(want.Name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		v.changed(want.Name, "is missing")
		return nil
	case err != nil:
		return err
	case !info.Mode().IsRegular():
		v.changed(want.Name, "is no regular file any more")
		return nil
	}
	file, err := v.root.Open(want.Name)
	if err != nil {
		return err
	}
	defer file.Close()
	hash := sha256.New()
	var has []block
	cut := rowsOf(want.Name)
	if err := blocks(io.TeeReader(file, hash), cut, func(b block) error { has = append(has, b); return nil }); err != nil {
		return fmt.Errorf("%s: %w", want.Name, err)
	}
	if hex.EncodeToString(hash.Sum(nil)) == want.SHA256 {
		return nil
	}
	had, ok := v.blocks[want.Name]
	if at, differs := locate(had, has, cut); ok && differs {
		v.changedAt(want.Name, at)
		return nil
	}
	v.changed(want.Name, "its %d bytes are not the %d that were sealed", sizeOf(has), want.Size)
	return nil
}

// extra finds what was put into the folder.
func (v *verifier) extra(m *Manifest) error {
	sealed := map[string]bool{File: true, SignatureFile: true}
	for _, f := range m.Files {
		sealed[f.Name] = true
	}
	return fs.WalkDir(v.root.FS(), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if !d.IsDir() && !sealed[name] {
			v.changed(name, "was added: it is not in the manifest")
		}
		return nil
	})
}

// objects compares the log objects with the list of them, if that can be had.
func (v *verifier) objects(ctx context.Context, m *Manifest) error {
	if v.options.Object == nil || m.LogObjects.File == "" {
		return nil
	}
	if slices.ContainsFunc(v.result.Changes, func(c Change) bool { return c.File == objectsFile }) {
		return nil
	}
	file, err := v.root.Open(objectsFile)
	if err != nil {
		return err
	}
	defer file.Close()
	lines := bufio.NewReader(file)
	for {
		line, err := lines.ReadBytes('\n')
		if errors.Is(err, io.EOF) && len(line) == 0 {
			return nil
		}
		if err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		var want objectLine
		if err := json.Unmarshal(line, &want); err != nil {
			return fmt.Errorf("%s: %w", objectsFile, err)
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := v.object(want); err != nil {
			return err
		}
	}
}

func (v *verifier) object(want objectLine) error {
	object, err := v.options.Object(want.Object)
	if errors.Is(err, fs.ErrNotExist) {
		v.changed(want.Object, "the log object is missing")
		return nil
	}
	if err != nil {
		return fmt.Errorf("log object %s: %w", want.Object, err)
	}
	hash := sha256.New()
	size, err := io.Copy(hash, object)
	if err := errors.Join(err, object.Close()); err != nil {
		return fmt.Errorf("log object %s: %w", want.Object, err)
	}
	v.result.Objects++
	switch {
	case size != want.Bytes:
		v.changed(want.Object, "the log object has %d bytes, and had %d", size, want.Bytes)
	case hex.EncodeToString(hash.Sum(nil)) != want.SHA256:
		v.changed(want.Object, "the log object has changed: its SHA-256 is another")
	}
	return nil
}
