package repl

import (
	"context"
	"fmt"
	"slices"
	"strings"
)

// command is what a line that starts with a dot does.
type command struct {
	name       string   // without the dot
	aliases    []string // as they are typed: \q, exit
	arguments  string   // as help shows them
	group      string
	help       string
	candidates func(s *Session, typed string) []string // what its argument may be; nil when that is open
	run        func(*Session, context.Context, arguments) error
}

// The groups of commands, in the order of help.
const (
	groupSchema      = "What there is"
	groupInvestigate = "Investigate"
	groupResults     = "Results"
	groupFiles       = "Files"
	groupStatements  = "Statements"
	groupSession     = "Session"
)

func commandGroups() []string {
	return []string{groupSchema, groupInvestigate, groupResults, groupFiles, groupStatements, groupSession}
}

// commands are all of them, in the order of help.
func commands() []command {
	return []command{
		{name: "tables", aliases: []string{`\dt`}, group: groupSchema, run: runTables,
			help: "tables and views, with rows and the days they cover"},
		{name: "schema", aliases: []string{`\d`}, arguments: "[TABLE]", group: groupSchema, candidates: candidateTables, run: runSchema,
			help: "columns and their types"},
		{name: "columns", arguments: "PATTERN", group: groupSchema, run: runColumns,
			help: "columns of any table whose name contains the pattern"},
		{name: "partitions", arguments: "[TABLE]", group: groupSchema, candidates: candidateTables, run: runPartitions,
			help: "partitions with their files, rows and sizes"},
		{name: "coverage", group: groupSchema, run: runCoverage,
			help: "days with events by account and region, and the gaps between them"},
		{name: "summary", arguments: "TABLE|_", group: groupSchema, candidates: candidateTables, run: runSummary,
			help: "each column: nulls, distinct values, extremes, the most frequent"},

		{name: "event", arguments: "ID", group: groupInvestigate, run: runEvent,
			help: "one event as it was recorded"},
		{name: "who", arguments: "[-v] PRINCIPAL|KEY|IP|NETWORK", group: groupInvestigate, run: runWho,
			help: "what a principal, an access key, an address or a network did, and when"},
		{name: "session", arguments: "KEY", group: groupInvestigate, run: runSession,
			help: "where an access key came from, and what was made with it"},
		{name: "diff", arguments: "[SQL|NAME] | forget [SQL|NAME|all]", group: groupInvestigate, candidates: diffCandidates, run: runDiff,
			help: "rows that are new, or gone, since the query ran last"},
		{name: "report", arguments: "[PACK[/CONTROL] [PERIOD]]", group: groupInvestigate, candidates: reportCandidates, run: runReport,
			help: "the controls of a pack over the window or a period, or one control with its findings"},
		{name: "window", arguments: "[FROM [TO]|off]", group: groupInvestigate, candidates: windowCandidates, run: runWindow,
			help: "only events of this time, in every statement: -7d, 2h, 2026-10-31"},

		{name: "last", arguments: "[-x]", group: groupResults, run: runLast,
			help: "the last result again, all of its rows; -x upright"},
		{name: "mode", arguments: "[FORMAT]", group: groupResults, candidates: modeNames, run: setter("mode"),
			help: "how rows are shown: auto, table, vertical, csv, jsonl, …"},
		{name: "vertical", aliases: []string{`\x`}, group: groupResults, run: runVertical,
			help: "a line for each value, or back; a statement that ends in \\G shows so once"},
		{name: "nullvalue", arguments: "[TEXT]", group: groupResults, run: setter("nullvalue"),
			help: "what stands for NULL"},
		{name: "maxrows", arguments: "[N]", group: groupResults, run: setter("maxrows"),
			help: "rows of a table on the screen; 0 shows all"},
		{name: "pager", arguments: "[auto|on|off]", group: groupResults, candidates: fixed("auto", "on", "off"), run: setter("pager"),
			help: "whether long results go to a pager"},
		{name: "timer", aliases: []string{`\timing`}, arguments: "[on|off]", group: groupResults, candidates: fixed("on", "off"), run: toggler("timer"),
			help: "how long a statement took"},
		{name: "stats", arguments: "[on|off]", group: groupResults, candidates: fixed("on", "off"), run: toggler("stats"),
			help: "what a statement read: files, rates"},
		{name: "tz", arguments: "[ZONE]", group: groupResults, run: setter("tz"),
			help: "time zone of .window, and of times that have one"},

		{name: "once", arguments: "[-F FORMAT] [-f] FILE | '|PROGRAM'", group: groupFiles, candidates: candidateFiles, run: runOnce,
			help: "write the next result to a file, or into a program"},
		{name: "output", aliases: []string{`\o`}, arguments: "[-F FORMAT] [-f] FILE | off", group: groupFiles, candidates: candidateFiles, run: runOutput,
			help: "write all results to a file, until off"},
		{name: "excel", arguments: "[-f] [FILE]", group: groupFiles, candidates: candidateFiles, run: runExcel,
			help: "write the next result as a spreadsheet (.xlsx)"},
		{name: "export", arguments: "[-F FORMAT] [-f] FILE", group: groupFiles, candidates: candidateFiles, run: runExport,
			help: "run the last statement again into a file, with its SHA-256 beside it"},
		{name: "read", aliases: []string{`\i`}, arguments: "FILE", group: groupFiles, candidates: candidateFiles, run: runRead,
			help: "run the statements and commands of a file"},
		{name: "log", arguments: "[[-a] FILE|off]", group: groupFiles, candidates: candidateFiles, run: runLog,
			help: "keep a transcript: statements, commands, row counts, hashes, notes"},
		{name: "note", arguments: "TEXT", group: groupFiles, run: runNote,
			help: "write a note into the transcript"},

		{name: "explain", arguments: "[analyze] [SQL]", group: groupStatements, run: runExplain,
			help: "what a statement would read, and how to read less"},
		{name: "edit", aliases: []string{`\e`}, arguments: "[N]", group: groupStatements, run: runEdit,
			help: "write the last statement, or number N of the history, in the editor"},
		{name: "history", arguments: "[PATTERN|clear]", group: groupStatements, run: runHistory,
			help: "earlier input; a leading space keeps input out"},
		{name: "save", arguments: "NAME [SQL]", group: groupStatements, candidates: savedNames, run: runSave,
			help: "save the last statement, or this one; $name is a parameter"},
		{name: "run", arguments: "NAME [PARAMETER=VALUE …]", group: groupStatements, candidates: savedNames, run: runSaved,
			help: "run a saved query; n:=5 gives a number in place of a text"},
		{name: "saved", arguments: "[delete NAME]", group: groupStatements, candidates: fixed("delete"), run: runListSaved,
			help: "the saved queries"},
		{name: "watch", aliases: []string{`\watch`}, arguments: "SECONDS [SQL]", group: groupStatements, run: runWatch,
			help: "run a statement again and again, until Ctrl-C"},

		{name: "help", aliases: []string{`\?`, "?", "help"}, arguments: "[PATTERN|keys]", group: groupSession, candidates: helpCandidates, run: runHelp,
			help: "this list, or what of it contains the pattern"},
		{name: "set", arguments: "[NAME [VALUE]]", group: groupSession, candidates: settingNames, run: runSet,
			help: "all settings, or one of them"},
		{name: "engine", arguments: "[local|trino://…]", group: groupSession, run: runEngine,
			help: "what answers, or another engine from now on"},
		{name: "warehouse", group: groupSession, run: runWarehouse,
			help: "the warehouse that is open"},
		{name: "safe", group: groupSession, run: runSafe,
			help: "from now on no programs are run and no files touched; for the rest of the session"},
		{name: "clear", group: groupSession, run: runClear,
			help: "clear the screen"},
		{name: "exit", aliases: []string{`\q`, "exit", "quit"}, arguments: "[CODE]", group: groupSession, run: runExit,
			help: "leave; so does Ctrl-D"},
	}
}

// CommandInfo is a command as help shows it.
type CommandInfo struct {
	Name      string   // with its dot
	Aliases   []string // as they are typed
	Arguments string
	Group     string
	Help      string
	// Candidates are what its argument may be, of which typed is there already;
	// nil when that is open. They need not start with it.
	Candidates func(typed string) []string
}

// Commands are all dot commands, group by group.
func (s *Session) Commands() []CommandInfo {
	var infos []CommandInfo
	for _, c := range commands() {
		info := CommandInfo{Name: "." + c.name, Aliases: c.aliases, Arguments: c.arguments, Group: c.group, Help: c.help}
		if c.candidates != nil {
			info.Candidates = func(typed string) []string { return c.candidates(s, typed) }
		}
		infos = append(infos, info)
	}
	return infos
}

// executeCommand runs the command of a line.
func (s *Session) executeCommand(ctx context.Context, line string) error {
	name, rest := splitCommand(line)
	c, err := findCommand(name)
	if err != nil {
		return err
	}
	a := parseArguments(rest)
	a.usage = strings.TrimSpace("." + c.name + " " + c.arguments)
	if c.arguments == "" && a.text != "" {
		return a.misused()
	}
	defer func(outer int64) { s.answered = outer }(s.answered) // of .read
	s.answered = -1
	err = c.run(s, ctx, a)
	s.logCommand(c.name, line, err)
	return err
}

// splitCommand cuts the name from its arguments. Some names need no space
// behind them, as in \d+ or .read"my file".
func splitCommand(line string) (name, rest string) {
	line = strings.TrimSpace(line)
	end := strings.IndexFunc(line, func(r rune) bool { return r == ' ' || r == '\t' || r == '\'' || r == '"' })
	if end < 0 {
		end = len(line)
	}
	return strings.TrimRight(line[:end], ";"), line[end:]
}

// findCommand finds a command by its name or alias, or by the start of a name
// that no other has.
func findCommand(name string) (command, error) {
	var found []command
	var names []string
	prefix := strings.ToLower(strings.TrimPrefix(name, "."))
	for _, c := range commands() {
		if name == "."+c.name || slices.Contains(c.aliases, name) || slices.Contains(c.aliases, strings.ToLower(name)) {
			return c, nil
		}
		names = append(names, "."+c.name)
		if strings.HasPrefix(name, ".") && prefix != "" && strings.HasPrefix(c.name, prefix) {
			found = append(found, c)
			if c.name == prefix {
				return c, nil
			}
		}
	}
	switch len(found) {
	case 1:
		return found[0], nil
	case 0:
		return command{}, fmt.Errorf("there is no command %s (%s)", name, didYouMean(name, names, ".help lists all"))
	}
	names = nil
	for _, c := range found {
		names = append(names, "."+c.name)
	}
	return command{}, fmt.Errorf("%s may be %s", name, strings.Join(names, " or "))
}

// fixed are candidates that never change.
func fixed(candidates ...string) func(*Session, string) []string {
	return func(*Session, string) []string { return candidates }
}
