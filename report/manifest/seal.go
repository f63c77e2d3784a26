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
	"path"
	"slices"

	"github.com/trailql/trailql/engine/output"
	"github.com/trailql/trailql/report"
)

// Facts are what a manifest says besides the hashes of the files.
type Facts struct {
	Report *report.Report
	// Objects hands over every log object that the report rests on, in a fixed
	// order. nil when they are not known.
	Objects func(take func(report.LogObject) error) error
	Inputs  []Input
}

// Seal writes the manifest of the files that are in a folder, and signs it unless
// the key is nil. It returns what Hash does. A folder that is sealed already is
// fs.ErrExist. No other file may be added or changed afterwards.
func Seal(ctx context.Context, dir string, facts Facts, key ed25519.PrivateKey) (string, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return "", fmt.Errorf("seal report: %w", err)
	}
	defer root.Close()
	hash, err := seal(ctx, root, facts, key)
	if err != nil {
		return "", fmt.Errorf("seal report %s: %w", dir, err)
	}
	return hash, nil
}

func seal(ctx context.Context, root *os.Root, facts Facts, key ed25519.PrivateKey) (string, error) {
	for _, name := range []string{File, SignatureFile, objectsFile, blocksFile} {
		if _, err := root.Lstat(name); err == nil {
			return "", fmt.Errorf("%s: %w", name, fs.ErrExist)
		}
	}
	m := newManifest(facts)
	if key != nil {
		public, ok := key.Public().(ed25519.PublicKey)
		if !ok || len(key) != ed25519.PrivateKeySize {
			return "", errors.New("the key is no Ed25519 key")
		}
		m.SigningKey = KeyID(public)
	}
	if facts.Objects != nil {
		total, err := writeObjects(root, facts.Objects)
		if err != nil {
			return "", err
		}
		m.LogObjects = total
	}
	names, err := filesOf(root)
	if err != nil {
		return "", err
	}
	var index bytes.Buffer // blocks.jsonl: a fraction of what it indexes
	for _, name := range names {
		if err := ctx.Err(); err != nil {
			return "", err
		}
		file, err := hashFile(root, name, &index)
		if err != nil {
			return "", err
		}
		m.Files = append(m.Files, file)
	}
	if err := write(root, blocksFile, index.Bytes()); err != nil {
		return "", err
	}
	m.Files = append(m.Files, SealedFile{blocksFile, int64(index.Len()), hexSum(index.Bytes())})
	content, err := marshal(m)
	if err != nil {
		return "", err
	}
	if key != nil {
		if err := write(root, SignatureFile, signature(content, m.SigningKey, key)); err != nil {
			return "", err
		}
	}
	// Last, so that a folder with a manifest is whole.
	if err := write(root, File, content); err != nil {
		return "", err
	}
	return hexSum(content), nil
}

// marshal puts every fact on a line of its own, so that a changed line says which.
// What hides or reorders text is spelled out.
func marshal(m *Manifest) ([]byte, error) {
	compact, err := json.Marshal(m)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	if err := json.Indent(&b, output.SafeJSON(compact), "", " "); err != nil {
		return nil, err
	}
	b.WriteByte('\n')
	return b.Bytes(), nil
}

func newManifest(facts Facts) *Manifest {
	r := facts.Report
	m := &Manifest{
		Schema: Schema, Title: r.Title, Previous: r.Run.PreviousReport,
		Run:      Run{r.Run.ID, r.Run.Started.UTC(), r.Run.Ended.UTC(), r.Run.Operator, r.Run.ProgramVersion, r.Run.Schedule, list(r.Run.CommandLine)},
		Period:   Period{r.Period.Name, r.Period.From.UTC(), r.Period.To.UTC(), r.Period.Zone, r.Period.Lateness.Seconds(), r.Period.Open},
		Scope:    Scope{list(r.Scope.Accounts), list(r.Scope.Regions), r.Scope.Declared, r.Scope.File, r.Scope.SHA256},
		Snapshot: Snapshot{r.Snapshot.Warehouse, r.Snapshot.Version, r.Snapshot.ID, r.Snapshot.Committed.UTC(), r.Snapshot.Records},
		Coverage: coverageOf(r.Coverage), Packs: []Pack{}, Inputs: list(facts.Inputs), Statements: []Statement{},
	}
	for _, p := range r.Packs {
		m.Packs = append(m.Packs, Pack{p.ID, p.Version, p.Hash})
	}
	for _, s := range r.Statements {
		m.Statements = append(m.Statements, Statement{s.Name, s.SQL, list(s.Params)})
	}
	return m
}

func coverageOf(c report.Coverage) Coverage {
	out := Coverage{Complete: c.Complete, First: c.First.UTC(), Last: c.Last.UTC(), Digests: c.Digests, Gaps: []Gap{}}
	accounts, regions, days := map[string]bool{}, map[string]bool{}, map[string]bool{}
	for _, cell := range c.Cells {
		accounts[cell.Account], regions[cell.Region], days[cell.Day] = true, true, true
		out.Events += cell.Events
	}
	out.Accounts, out.Regions, out.Days = len(accounts), len(regions), len(days)
	for _, g := range c.Gaps {
		out.Gaps = append(out.Gaps, Gap{g.Account, g.Region, g.From.UTC(), g.To.UTC(), g.Hours, g.Reason})
	}
	return out
}

// list is never null in JSON.
func list[T any](s []T) []T {
	if s == nil {
		return []T{}
	}
	return s
}

func writeObjects(root *os.Root, objects func(take func(report.LogObject) error) error) (total ObjectsTotal, err error) {
	total.File = objectsFile
	file, err := root.OpenFile(objectsFile, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	if err != nil {
		return total, err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	w := bufio.NewWriterSize(file, 1<<16)
	err = objects(func(o report.LogObject) error {
		line, err := json.Marshal(objectLine{o.Object, o.SHA256, o.Bytes, o.Records, o.Verdict})
		if err != nil {
			return err
		}
		total.Objects++
		total.Bytes += o.Bytes
		total.Records += o.Records
		_, err = w.Write(append(output.SafeJSON(line), '\n'))
		return err
	})
	return total, errors.Join(err, w.Flush())
}

// filesOf are the names of all files in the folder, in order. Anything but a
// folder or a regular file is an error.
func filesOf(root *os.Root) ([]string, error) {
	var names []string
	err := fs.WalkDir(root.FS(), ".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir():
			return nil
		case !d.Type().IsRegular():
			return fmt.Errorf("%s is no regular file", name)
		}
		names = append(names, name)
		return nil
	})
	slices.Sort(names)
	return names, err
}

// hashFile hashes a file, and adds a line with its blocks to the index.
func hashFile(root *os.Root, name string, index *bytes.Buffer) (SealedFile, error) {
	file, err := root.Open(name)
	if err != nil {
		return SealedFile{}, err
	}
	defer file.Close()
	hash := sha256.New()
	sealed := SealedFile{Name: name}
	quoted, err := json.Marshal(name)
	if err != nil {
		return sealed, err
	}
	fmt.Fprintf(index, `{"file":%s,"blocks":[`, quoted)
	separator := ""
	err = blocks(io.TeeReader(file, hash), rowsOf(name), func(b block) error {
		sealed.Size += b.size
		fmt.Fprintf(index, `%s"%s"`, separator, b)
		separator = ","
		return nil
	})
	index.WriteString("]}\n")
	sealed.SHA256 = hex.EncodeToString(hash.Sum(nil))
	if err != nil {
		return sealed, fmt.Errorf("%s: %w", path.Base(name), err)
	}
	return sealed, nil
}

// write makes a file that is on the disk when it returns.
func write(root *os.Root, name string, content []byte) (err error) {
	file, err := root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	if _, err := file.Write(content); err != nil {
		return err
	}
	return file.Sync()
}

// signature is the content of manifest.sig: the signature over the manifest's
// bytes, the key's name, and the blocks of the manifest, which are not signed and
// only say where to look when the signature does not fit.
func signature(content []byte, id string, key ed25519.PrivateKey) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "signature %s\nkey %s\nlines", base64.StdEncoding.EncodeToString(ed25519.Sign(key, content)), id)
	for _, line := range blocksOf(content) {
		fmt.Fprintf(&b, " %s", line)
	}
	b.WriteByte('\n')
	return b.Bytes()
}

// blocksOf are those of a text in memory, by lines.
func blocksOf(content []byte) []block {
	var list []block
	// Neither the reader nor the function fails.
	_ = blocks(bytes.NewReader(content), byLine, func(b block) error { list = append(list, b); return nil })
	return list
}
