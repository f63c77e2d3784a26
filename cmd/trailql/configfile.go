package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"strings"

	"github.com/pelletier/go-toml/v2"
	"github.com/pelletier/go-toml/v2/unstable"

	"github.com/trailql/trailql/engine/dialect"
)

// configValue is a value of a configuration file, as text, and where it stands.
type configValue struct {
	text         string
	file         string
	line, column int
}

func (v configValue) origin() string { return fmt.Sprintf("%s:%d:%d", v.file, v.line, v.column) }

// configFile is what one file says.
type configFile struct {
	values   map[string]configValue            // by the keys of configKeys
	profiles map[string]map[string]configValue // by the profile's name
}

// configError is a mistake in a file.
func configError(file string, line, column int, format string, args ...any) error {
	return usagef("%s:%d:%d: %w", file, line, column, fmt.Errorf(format, args...))
}

// readConfig reads a file strictly: what is not known there is an error. The
// file need not exist.
func readConfig(file string) (*configFile, error) {
	text, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return &configFile{}, nil
	}
	if err != nil {
		return nil, usagef("read configuration: %w", err)
	}
	return parseConfig(file, text)
}

func parseConfig(file string, text []byte) (*configFile, error) {
	// This finds what is wrong with the text; the rest, where its keys stand.
	var whole map[string]any
	if err := toml.Unmarshal(text, &whole); err != nil {
		if wrong, ok := errors.AsType[*toml.DecodeError](err); ok {
			line, column := wrong.Position()
			return nil, configError(file, line, column, "%s", strings.TrimPrefix(wrong.Error(), "toml: "))
		}
		return nil, usagef("%s: %w", file, err)
	}
	r := configReader{file: file, found: &configFile{values: map[string]configValue{}, profiles: map[string]map[string]configValue{}}}
	r.parser.Reset(text)
	var table []string
	for r.parser.NextExpression() {
		node := r.parser.Expression()
		var err error
		switch node.Kind {
		case unstable.Table:
			var at unstable.Position
			table, at = r.path(nil, node.Key())
			err = r.section(table, at)
		case unstable.ArrayTable:
			var at unstable.Position
			table, at = r.path(nil, node.Key())
			err = r.unknown(strings.Join(table, "."), at)
		case unstable.KeyValue:
			err = r.keyValue(table, node)
		}
		if err != nil {
			return nil, err
		}
	}
	return r.found, r.parser.Error()
}

type configReader struct {
	file   string
	parser unstable.Parser
	found  *configFile
}

// path is a dotted key below another, and where it stands.
func (r *configReader) path(below []string, keys unstable.Iterator) (path []string, at unstable.Position) {
	path = append(path, below...)
	for first := true; keys.Next(); first = false {
		node := keys.Node()
		if first {
			at = r.parser.Shape(node.Raw).Start
		}
		path = append(path, string(node.Data))
	}
	return path, at
}

// section checks the name of a table; an empty one is fine.
func (r *configReader) section(path []string, at unstable.Position) error {
	if path[0] == "profiles" {
		if len(path) == 1 {
			return nil
		}
		r.profile(path[1])
		path = path[2:]
	}
	name := strings.Join(path, ".")
	for _, k := range configKeys() {
		if name == "" || strings.HasPrefix(k.name, name+".") {
			return nil
		}
	}
	return r.unknown(name, at)
}

func (r *configReader) profile(name string) map[string]configValue {
	if r.found.profiles[name] == nil {
		r.found.profiles[name] = map[string]configValue{}
	}
	return r.found.profiles[name]
}

func (r *configReader) keyValue(table []string, node *unstable.Node) error {
	path, at := r.path(table, node.Key())
	value := node.Value()
	if value.Kind == unstable.InlineTable {
		if err := r.section(path, at); err != nil {
			return err
		}
		for children := value.Children(); children.Next(); {
			if err := r.keyValue(path, children.Node()); err != nil {
				return err
			}
		}
		return nil
	}
	into := r.found.values
	if path[0] == "profiles" && len(path) > 2 {
		into = r.profile(path[1])
		path = path[2:]
	}
	name := strings.Join(path, ".")
	key, ok := configKeyNamed(name)
	if !ok {
		return r.unknown(name, at)
	}
	v := configValue{text: string(value.Data), file: r.file, line: at.Line, column: at.Column}
	if !key.takes(value.Kind) {
		return configError(r.file, at.Line, at.Column, "%s: want %s", name, key.wants())
	}
	if key.kind == configInteger {
		n, err := strconv.ParseInt(strings.ReplaceAll(v.text, "_", ""), 0, 64)
		if err != nil {
			return configError(r.file, at.Line, at.Column, "%s: want %s", name, key.wants())
		}
		v.text = strconv.FormatInt(n, 10)
	}
	if err := key.check(v.text); err != nil {
		return configError(r.file, at.Line, at.Column, "%s: %w", name, err)
	}
	into[name] = v
	return nil
}

func (r *configReader) unknown(name string, at unstable.Position) error {
	var names []string
	for _, k := range configKeys() {
		names = append(names, k.name, strings.TrimSuffix(k.name, "."+k.key()))
	}
	hint := ""
	if near := dialect.Nearest(name, names); near != "" {
		hint = fmt.Sprintf(" (did you mean %q?)", near)
	}
	return configError(r.file, at.Line, at.Column, "there is no key %q%s", name, hint)
}
