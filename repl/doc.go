// Package repl is the shell: statements and dot commands one after the other,
// on any reader and writer. Start with New; Run is the loop, Execute does one
// input.
//
// # Where to look
//
//   - An input: session.go holds the loop and what lives as long as the session,
//     input.go cuts a text into statements and commands, reader.go reads plain
//     lines. An editor is a Reader like any other: package repl/editor.
//   - A statement: statement.go runs it and says what it cost, display.go brings
//     its rows to the screen (pager.go), into a file or a program
//     (destination.go), and into table _ (results.go). guard.go remarks on what
//     it may not have meant.
//   - A command: command.go is the one table of them; help and completion are
//     made from it. Each lives in the file of its name, or with what it changes:
//     setting.go, moment.go for times, saved.go, transcript.go, ….
//   - The terminal: terminal.go owns it, with the line of progress; interrupt.go
//     is Ctrl-C, failure.go what errors look like.
//
// # Rules
//
// Whatever came from a log, a file or a user is escaped before a terminal sees
// it, by package engine/output: rows by its writers, all else by printf, lines,
// notef and their like, which escape the texts among their arguments.
//
// Values become parameters of a statement, never a part of its text.
package repl
