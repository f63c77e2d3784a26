//go:build cgo && duckdb_arrow

package duck

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	bindings "github.com/duckdb/duckdb-go-bindings"

	"github.com/trailql/trailql/engine"
)

// realPath is the absolute path without symbolic links.
func realPath(name string) (string, error) {
	abs, err := filepath.Abs(name)
	if err != nil {
		return "", err
	}
	return filepath.EvalSymlinks(abs)
}

// realFolder is the real path of a folder.
func realFolder(name string) (string, error) {
	folder, err := realPath(name)
	if err != nil {
		return "", err
	}
	if info, err := os.Stat(folder); err != nil || !info.IsDir() {
		return "", errors.Join(err, fmt.Errorf("%s is not a folder", name))
	}
	return folder, nil
}

// unloadResult writes the rows of UNLOAD's query as a new folder. It is whole or
// not there.
func (l *local) unloadResult(r *running, known *relations) (err error) {
	if l.unload == "" {
		return &refusal{kind: engine.ErrNotAllowed, offset: -1, message: "UNLOAD writes files", hint: "say with --unload-dir below which folder it may"}
	}
	if len(r.query.Params) > 0 {
		return &refusal{offset: -1, message: "UNLOAD takes no parameters"}
	}
	target, err := l.unloadTarget(r.statement.Location)
	if err != nil {
		return err
	}
	options, suffix, err := unloadOptions(r.statement.Properties)
	if err != nil {
		return err
	}
	o := newOpening(r.ctx, l, r.connection, known)
	o.window = r.query.Window
	sql, err := o.read(r.statement, place{})
	if err != nil {
		return err
	}
	if err := errors.Join(o.prepareTables(), r.count(o)); err != nil {
		return err
	}
	if err := r.hold(o); err != nil {
		return err
	}
	if err := errors.Join(o.begin(), o.create()); err != nil {
		return err
	}
	if r.prepared, err = r.connection.prepare(sql); err != nil {
		return err
	}
	if !r.prepared.isQuery() {
		return &refusal{kind: engine.ErrNotAllowed, offset: -1, message: "this statement is not a query"}
	}
	temp, err := os.MkdirTemp(filepath.Dir(target), ".trailql-unload-")
	if err != nil {
		return fmt.Errorf("unload: %w", err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.RemoveAll(temp))
		}
	}()
	out := temp
	if !slices.ContainsFunc(options, func(s string) bool { return strings.HasPrefix(s, "PARTITION_BY") }) {
		out = filepath.Join(temp, "part-00000"+suffix)
	} else {
		options = append(options, "OVERWRITE_OR_IGNORE", "FILENAME_PATTERN 'part-{i}'")
	}
	if err := r.watch(); err != nil {
		return err
	}
	before := "COPY ("
	r.shift = len(before)
	rows, err := r.connection.copy(before + sql + "\n) TO " + quoteText(out) + " (" + strings.Join(options, ", ") + ")")
	if err != nil {
		return err
	}
	if err := os.Chmod(temp, 0o755); err != nil {
		return fmt.Errorf("unload: %w", err)
	}
	if err := os.Remove(target); err != nil && !errors.Is(err, os.ErrNotExist) { // it was empty
		return fmt.Errorf("unload: %w", err)
	}
	if err := os.Rename(temp, target); err != nil {
		return fmt.Errorf("unload: %w", err)
	}
	r.answer = newAnswer("rows")
	r.answer.add(fmt.Sprint(rows))
	return nil
}

// copy runs COPY … TO and returns the number of rows.
func (c *connection) copy(sql string) (int64, error) {
	var result bindings.Result
	defer bindings.DestroyResult(&result)
	if bindings.Query(c.handle, sql, &result) == bindings.StateError {
		return 0, readFailure(bindings.ResultError(&result))
	}
	return int64(bindings.RowsChanged(&result)), nil
}

// unloadTarget is the folder to make: new or empty, below the one that is
// allowed, whatever symbolic links there are.
func (l *local) unloadTarget(location string) (string, error) {
	outside := &refusal{kind: engine.ErrNotAllowed, offset: -1, message: fmt.Sprintf("UNLOAD to %q", location), hint: "the place must lie below the folder of --unload-dir: " + l.unload}
	name := strings.TrimPrefix(location, "file://")
	if name == "" || strings.Contains(name, "://") || strings.ContainsAny(name, "\x00\n") {
		return "", outside
	}
	if !filepath.IsAbs(name) {
		name = filepath.Join(l.unload, name)
	}
	name = filepath.Clean(name)
	parent, base := filepath.Split(name)
	if base == "" || !filepath.IsLocal(base) {
		return "", outside
	}
	// The parents that are missing are made one by one, so that none is made
	// outside.
	parent = filepath.Clean(parent)
	rel, err := filepath.Rel(l.unload, parent)
	if err != nil || !filepath.IsLocal(rel) {
		return "", outside
	}
	at := l.unload
	for part := range strings.SplitSeq(rel, string(filepath.Separator)) {
		if part == "." {
			continue
		}
		at = filepath.Join(at, part)
		if err := os.Mkdir(at, 0o755); err != nil && !errors.Is(err, os.ErrExist) {
			return "", fmt.Errorf("unload: %w", err)
		}
		if info, err := os.Lstat(at); err != nil || !info.IsDir() {
			return "", outside
		}
	}
	target := filepath.Join(at, base)
	info, err := os.Lstat(target)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return target, nil
	case err != nil:
		return "", fmt.Errorf("unload: %w", err)
	case !info.IsDir():
		return "", &refusal{offset: -1, message: fmt.Sprintf("UNLOAD to %q: it is there and is no folder", location)}
	}
	if entries, err := os.ReadDir(target); err != nil || len(entries) > 0 {
		return "", errors.Join(err, &refusal{offset: -1, message: fmt.Sprintf("UNLOAD to %q: the folder is not empty", location)})
	}
	return target, nil
}

// unloadOptions are COPY's for the properties that Athena knows.
func unloadOptions(properties map[string]string) (options []string, suffix string, err error) {
	wrong := func(key string, allowed string) error {
		return &refusal{kind: engine.ErrUnsupported, offset: -1, message: fmt.Sprintf("UNLOAD with %s = %q", key, properties[key]), hint: "supported: " + allowed}
	}
	format := strings.ToLower(properties["format"])
	compression := strings.ToLower(properties["compression"])
	switch format {
	case "parquet":
		suffix = ".parquet"
		known := map[string]string{"": "zstd", "zstd": "zstd", "gzip": "gzip", "snappy": "snappy", "none": "uncompressed", "lz4": "lz4"}
		if known[compression] == "" {
			return nil, "", wrong("compression", "zstd, gzip, snappy, lz4, none")
		}
		options = append(options, "FORMAT parquet", "COMPRESSION "+known[compression])
	case "json", "textfile":
		kinds := map[string]string{"": ".gz", "gzip": ".gz", "none": "", "zstd": ".zst"}
		extension, ok := kinds[compression]
		if !ok {
			return nil, "", wrong("compression", "gzip, zstd, none")
		}
		if format == "json" {
			suffix = ".jsonl" + extension
			options = append(options, "FORMAT json")
		} else {
			delimiter := properties["field_delimiter"]
			if delimiter == "" {
				delimiter = "\x01"
			}
			if len(delimiter) != 1 {
				return nil, "", wrong("field_delimiter", "one character")
			}
			suffix = ".csv" + extension
			options = append(options, "FORMAT csv", "HEADER false", "DELIMITER "+quoteText(delimiter))
		}
		options = append(options, "COMPRESSION "+map[string]string{".gz": "gzip", "": "none", ".zst": "zstd"}[extension])
	case "":
		return nil, "", &refusal{offset: -1, message: "UNLOAD needs a format", hint: "write WITH (format = 'PARQUET')"}
	default:
		return nil, "", wrong("format", "parquet, json, textfile")
	}
	if by := properties["partitioned_by"]; by != "" {
		var columns []string
		for name := range strings.SplitSeq(strings.Trim(by, "[]() "), ",") {
			columns = append(columns, quoteName(strings.Trim(strings.TrimSpace(name), `'"`)))
		}
		options = append(options, "PARTITION_BY ("+strings.Join(columns, ", ")+")")
	}
	return options, suffix, nil
}
