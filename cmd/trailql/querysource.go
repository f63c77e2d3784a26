package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/trailql/trailql/engine"
	"github.com/trailql/trailql/engine/dialect"
	"github.com/trailql/trailql/engine/output"
	"github.com/trailql/trailql/engine/quantity"
)

// sqlSource is where statements come from: a text, or a file ("-" is stdin).
type sqlSource struct{ sql, file string }

// sourceFlag keeps -c and -f in the order of the command line.
type sourceFlag struct {
	sources *[]sqlSource
	isFile  bool
}

func (s sourceFlag) String() string { return "" }
func (s sourceFlag) Type() string   { return "text" }

func (s sourceFlag) Set(v string) error {
	if s.isFile {
		*s.sources = append(*s.sources, sqlSource{file: v})
	} else {
		*s.sources = append(*s.sources, sqlSource{sql: v})
	}
	return nil
}

// sqlNoFlag keeps SQL that begins with a comment, as pasted statements do, from
// being taken for a flag: a space goes in front of it. What a flag takes as its
// value and what stands behind -- is left alone.
func sqlNoFlag(root *cobra.Command, args []string) []string {
	cmd, _, err := root.Find(args)
	if err != nil || cmd.Name() != "query" {
		return args // the command takes no SQL
	}
	cmd.InheritedFlags() // cmd.Flags has them only then
	args = slices.Clone(args)
	for i := 0; i < len(args) && args[i] != "--"; i++ {
		switch {
		case len(args[i]) > 2 && args[i][:2] == "--" && strings.ContainsRune(" \t\r\n", rune(args[i][2])):
			args[i] = " " + args[i]
		case takesNext(cmd.Flags(), args[i]):
			i++
		}
	}
	return args
}

// takesNext reports whether arg is a flag with its value in the argument behind it.
func takesNext(flags *pflag.FlagSet, arg string) bool {
	if name, ok := strings.CutPrefix(arg, "--"); ok {
		f := flags.Lookup(name)
		return f != nil && f.NoOptDefVal == ""
	}
	if !strings.HasPrefix(arg, "-") {
		return false
	}
	for i := 1; i < len(arg); i++ { // -qc is -q -c
		f := flags.ShorthandLookup(arg[i : i+1])
		if f == nil {
			return false
		}
		if f.NoOptDefVal == "" {
			return i == len(arg)-1
		}
	}
	return false
}

// sqlStatement is one statement and the script that it stands in.
type sqlStatement struct {
	sql    string
	offset int // in the script, in bytes
	script string
	file   string // of the script; "" for the command line
}

// maxScript is far above what people write; it keeps a wrong file from filling
// the memory.
const maxScript = 16 << 20

func readStatements(ctx context.Context, stdin io.Reader, sources []sqlSource) ([]sqlStatement, error) {
	var statements []sqlStatement
	for _, source := range sources {
		script, err := source.read(ctx, stdin)
		if err != nil {
			return nil, err
		}
		whole := sqlStatement{sql: script, script: script, file: source.file}
		parts, err := dialect.Split(script)
		if err != nil {
			return nil, whole.locate(err)
		}
		for _, p := range parts {
			statements = append(statements, sqlStatement{sql: p.SQL, offset: p.Offset, script: script, file: source.file})
		}
	}
	if len(statements) == 0 {
		return nil, usagef("no statement in the SQL given")
	}
	return statements, nil
}

func (s sqlSource) read(ctx context.Context, stdin io.Reader) (string, error) {
	if s.file == "" {
		return s.sql, nil
	}
	in := stdin
	if s.file != "-" {
		file, err := output.OpenFile(ctx, s.file, os.O_RDONLY, 0)
		if ctx.Err() != nil {
			return "", fmt.Errorf("read SQL: %w", ctx.Err())
		}
		if err != nil {
			return "", usagef("read SQL: %w", err)
		}
		defer file.Close()
		defer output.StopWith(ctx, file)()
		in = file
	}
	text, err := io.ReadAll(io.LimitReader(in, maxScript+1))
	switch {
	case ctx.Err() != nil:
		return "", fmt.Errorf("read SQL: %w", ctx.Err())
	case err != nil:
		return "", fmt.Errorf("read SQL: %w", err)
	case len(text) > maxScript:
		return "", usagef("read SQL: %s is larger than %s", s.file, quantity.Bytes(maxScript))
	}
	return strings.TrimPrefix(string(text), "\ufeff"), nil
}

// locate turns a place in the statement into one in its script, and adds the
// line of the script with a caret below the place.
func (s sqlStatement) locate(err error) error {
	var e *engine.SQLError
	var d *dialect.Error
	switch {
	case errors.As(err, &e):
		e = new(*e) // the engine's own is not ours to change
	case errors.As(err, &d):
		e = &engine.SQLError{Line: d.Line, Column: d.Column, Message: d.Message, Hint: d.Hint}
	default:
		return err
	}
	if e.Line > 0 {
		line, column := dialect.Position(s.script, s.offset)
		if e.Line == 1 {
			e.Column += column - 1
		}
		e.Line += line - 1
	}
	return statementError{problem: e, file: s.file, lines: output.Excerpt(s.script, e.Line, e.Column)}
}

// statementError is an SQLError placed in its script.
type statementError struct {
	problem *engine.SQLError
	file    string
	lines   []string
}

func (e statementError) Error() string {
	if e.file != "" && e.file != "-" {
		return e.file + ": " + e.problem.Error()
	}
	return e.problem.Error()
}

func (e statementError) Unwrap() error   { return e.problem }
func (e statementError) Lines() []string { return e.lines }
