package main

import (
	"fmt"
	"io"
	"strings"
)

const shellHelp = `The shell reads SQL and commands that begin with a dot, and shows what they
answer. trailql alone opens it on a terminal, trailql shell anywhere.

INPUT

  A statement may have several lines. Enter runs it once it ends in ; or in \G,
  which shows its rows upright; else Enter starts a new line. A command has one
  line, and no ; at its end. Names of commands may be shortened as long as they
  are clear. .help lists them, .help WORD those about something, and trailql
  help keys the keys.

RESULTS

  Rows are a table that is fitted to the screen; a wide one of few rows stands
  upright. What is left out is said below, with what was read and how long it
  took. A table longer than the screen goes to the pager. .last shows the last
  result whole, and table _ has its rows: select count(*) from _;
  .once FILE writes the next result to a file, .export FILE runs the last
  statement again and writes all of its rows, with their SHA-256 beside them.

TIME

  .window -7d leaves out what is older than seven days, in every table and view
  of events, and does not read its files. The prompt has a star then, and what
  is below a result says so. .tz ZONE shows times that have a zone in another.

STOPPING

  Ctrl-C stops the statement that runs, and keeps the shell; twice within two
  seconds, while it does not stop, ends the shell. Ctrl-D or .exit leaves.

FILES

  init.sql    in the configuration folder, run at the start unless --no-init
  saved       queries that .save keeps, in the configuration folder
  history     in the state folder, for its owner only: statements may hold
              secrets. --no-history keeps none, a leading space keeps one
              statement out, .history clear forgets all.

WITHOUT A TERMINAL

  From a file or pipe, or with -c, plain lines are read and the first error ends
  the shell with exit code 1. Rows are CSV unless .mode says otherwise. On a
  terminal with TERM=dumb, or with --no-editor, plain lines are read, too.

CARE

  Others have written what is in logs. Nothing of it reaches the terminal as it
  is: control characters are shown as pictures. --safe runs no programs (pager,
  editor, pipes) and reads and writes no files, and cannot be taken back.
`

const environmentHelp = `TRAILQL_WAREHOUSE    folder of the warehouse, or s3://bucket/prefix
TRAILQL_ENGINE       what answers: local, or trino://… (see help engine)
TRAILQL_TRINO_PASSWORD, TRAILQL_TRINO_TOKEN
                     secret for Trino; with _FILE behind it the file that has it
TRAILQL_CATALOG      shared catalog, such as postgres://… (see help catalog)
TRAILQL_CATALOG_TOKEN, TRAILQL_CATALOG_CREDENTIAL, PGPASSWORD
                     secret for it; with _FILE behind it the file that has it
TRAILQL_CONFIG       configuration file
TRAILQL_PROFILE      profile of the configuration
TRAILQL_FORMAT       format of the rows
TRAILQL_TZ           time zone of the shell, such as Europe/Berlin
TRAILQL_HISTORY      off keeps no history
TRAILQL_PAGER        pager of the shell, before PAGER; less if neither is set
VISUAL, EDITOR       editor of .edit and Ctrl-X Ctrl-E; vi if neither is set
NO_COLOR             no colours, if it is set to anything
FORCE_COLOR          colours off a terminal, too; so does CLICOLOR_FORCE
TERM                 dumb: plain lines, no colours, no progress
COLUMNS              width of tables, instead of the terminal's
LC_ALL, LC_CTYPE,    the first that is set counts: without UTF-8 in it,
LANG                 terminals get ASCII
CI                   no line of progress, if it is set to anything
TMPDIR               where what memory cannot hold goes, and table _
XDG_CONFIG_HOME      trailql/config.toml, trailql/init.sql, saved queries,
                     trailql/packs, trailql/schedules.yaml
XDG_STATE_HOME       trailql/history.jsonl, and what is known of schedules
XDG_CACHE_HOME       trailql/s3: copies of data files of a warehouse on S3
AWS_…                credentials, region, profile: as of the AWS command line
XDG_DATA_HOME        trailql/warehouse, where nobody says otherwise

A flag wins over its variable, a variable over a configuration file.
`

const exitCodesHelp = `0     done
1     a statement or the run failed
2     wrong flags, arguments or configuration: nothing was run
3     finished, but some of the input was rejected; of a report or coverage:
      the archive does not cover its period and scope, or that cannot be
      decided; of verify: something does not hold, or cannot be proven
4     a limit stopped it: time, memory, bytes to scan, disk
5     a report was made, and a control is in alarm at --fail-on or above
6     a report was made, and a control could not be assessed because of an error
70    a bug in trailql; the message names a file to report
130   stopped by Ctrl-C (SIGINT)
141   the reader of the output went away: no message
143   stopped by SIGTERM; 129 by SIGHUP, 131 by SIGQUIT

.exit N ends the shell with code N.
`

// writeConfigHelp explains the configuration by its keys.
func writeConfigHelp(w io.Writer, _ []string) error {
	_, err := io.WriteString(w, `A configuration file says what flags need not: trailql config init writes one
that says what holds anyway, trailql config path where it is.

WHICH SOURCE WINS

  1. flags
  2. environment variables (see trailql help env)
  3. trailql.toml in this folder, but only with --project: a folder that you
     were given must not switch warehouses
  4. the user's config.toml, or the file of --config
  In a file, the profile that --profile names comes before the rest:
  [profiles.prod] has the keys of the file, such as limits.timeout.
  trailql config show --origin says where each value comes from.

  What a file says has to be right: unknown keys and wrong values are errors
  with their place, and nothing runs. trailql config validate only checks.

KEYS

`+configKeyList())
	return err
}

func configKeyList() string {
	var b strings.Builder
	for _, k := range configKeys() {
		var notes []string
		if k.initial != "" {
			notes = append(notes, "default "+k.initial)
		}
		if k.environment != "" {
			notes = append(notes, "$"+k.environment)
		}
		title := fmt.Sprintf("  %-18s %s", k.name, strings.Join(notes, ", "))
		fmt.Fprintf(&b, "%s\n      %s\n", strings.TrimRight(title, " "), k.help)
	}
	return b.String()
}
