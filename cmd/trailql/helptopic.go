package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/trailql/trailql/engine/dialect"
	"github.com/trailql/trailql/repl"
)

// helpTopic is something that help explains beside the commands.
type helpTopic struct {
	name, short string
	args        int // words that may follow
	write       func(w io.Writer, args []string) error
}

func helpTopics() []helpTopic {
	return []helpTopic{
		{"sql", "the SQL: dialects, tables, statements, limits", 0, writeText(sqlHelp)},
		{"functions", "the functions of Athena's SQL; with a word only those that have it", 1, writeFunctions},
		{"engine", "running the SQL on a Trino cluster", 0, writeText(engineHelp)},
		{"catalog", "registering the tables where other engines find them", 0, writeText(catalogHelp)},
		{"formats", "the output formats and their exact rules", 0, writeText(formatsHelp)},
		{"shell", "the interactive shell", 0, writeText(shellHelp)},
		{"keys", "the keys of the shell's editor", 0, writeText(repl.Keys)},
		{"config", "configuration files, and which source wins", 0, writeConfigHelp},
		{"env", "the environment variables", 0, writeText(environmentHelp)},
		{"integrity", "what digests prove, and what verify finds", 0, writeText(integrityHelp)},
		{"rules", "what a rule of a pack can say", 0, writeRulesHelp},
		{"exit-codes", "what an exit code says", 0, writeText(exitCodesHelp)},
	}
}

// writeTopic writes the topic of that name, if there is one.
func writeTopic(w io.Writer, args []string) (found bool, err error) {
	for _, t := range helpTopics() {
		if len(args) > 0 && args[0] == t.name && len(args) <= 1+t.args {
			return true, t.write(w, args[1:])
		}
	}
	return false, nil
}

func topicList() string {
	var b strings.Builder
	for _, t := range helpTopics() {
		fmt.Fprintf(&b, "  help %-10s %s\n", t.name, t.short)
	}
	return b.String()
}

func writeText(text string) func(io.Writer, []string) error {
	return func(w io.Writer, _ []string) error {
		_, err := io.WriteString(w, text)
		return err
	}
}

// writeFunctions writes the function table, in the groups that it has.
func writeFunctions(w io.Writer, args []string) error {
	word := ""
	if len(args) > 0 {
		word = strings.ToLower(args[0])
	}
	var b strings.Builder
	group := ""
	for _, f := range dialect.Functions() {
		if f.Group == "" || !strings.Contains(strings.ToLower(f.Name+" "+f.Group), word) {
			continue
		}
		if f.Group != group {
			if group != "" {
				b.WriteByte('\n')
			}
			group = f.Group
			b.WriteString(group + "\n")
		}
		b.WriteString("  " + f.Name + f.Arguments + "\n")
		if f.Example != "" {
			fmt.Fprintf(&b, "      %s  →  %s\n", f.Example, f.Want)
		}
		if f.Difference != "" {
			fmt.Fprintf(&b, "      unlike Athena: %s\n", f.Difference)
		}
	}
	if b.Len() == 0 {
		return usagef("no function has %q in its name or group; other functions are DuckDB's", word)
	}
	if word == "" {
		b.WriteString("\nA name that is not listed is handed to DuckDB, whose functions that touch files,\nthe network or the environment are refused.\n")
	}
	_, err := io.WriteString(w, b.String())
	return err
}

const sqlHelp = `THE SQL

A statement is read in a dialect and runs on DuckDB, in this process:

  --dialect athena   Athena's SQL, which is Trino's (the default)
  --dialect lake     CloudTrail Lake's: any table name is the event data store,
                     an unquoted id, $EDS_ID and <EDS ID> among them
  --dialect duckdb   DuckDB's own; use it for queries written for Tailpipe

  trailql query --explain-dialect "…" prints the SQL that would run. What cannot
  be translated exactly is an error with its place and a hint.

TABLES

  cloudtrail_logs            every event; columns as Athena documents them
  management_events, data_events, insights_events, network_activity_events
                             those of its rows
  cloudtrail_lake            the columns and types of CloudTrail Lake
  aws_cloudtrail_log         the columns and types of Tailpipe
  aggregated_events          events that AWS has added up; they have no time
  source_files               the log files that were read
  rejected_records           what could not be converted
  security_lake              events of Security Lake's files, if there are any
  coverage                   what the archive has, by account, region and hour
  report_runs                the reports that were made: a row for each pack

  A name with "trail" in it that is nothing else means cloudtrail_logs; a
  database in front is dropped. "t$partitions", "t$files", "t$snapshots",
  information_schema and t FOR TIMESTAMP AS OF … are there as in Athena.

  Columns that people partition their tables by (year, month, day, timestamp,
  dt, account, region, date, date_partition, …) can be used on cloudtrail_logs;
  SELECT * does not show them. Conditions on them, on eventtime, region and date
  read only the files that can match: the line below a table, or --stats, says
  how many.

STATEMENTS

  SELECT, WITH, VALUES       in full; without FROM a SELECT reads
                             cloudtrail_logs
  CREATE [OR REPLACE] VIEW, DROP VIEW
                             views outlive the process; they are Athena's SQL
  CREATE EXTERNAL TABLE      a pasted CloudTrail table: its name and its
                             partition columns become a view of cloudtrail_logs
  SHOW TABLES | COLUMNS | PARTITIONS | DATABASES | VIEWS
  SHOW CREATE TABLE | CREATE VIEW, DESCRIBE, EXPLAIN, EXPLAIN ANALYZE
                             as in Athena; EXPLAIN shows DuckDB's plan
  PREPARE, EXECUTE … USING, DEALLOCATE
                             within one run; ? also takes the values of --param
  UNLOAD (SELECT …) TO '…' WITH (format = '…')
                             below the folder of --unload-dir, and only with it
  MSCK REPAIR TABLE, ALTER TABLE … ADD PARTITION
                             answer that they are not needed

  Values of --param are text, never pasted into the SQL; CAST(? AS bigint) makes
  a number of one.

SAFETY

  SQL can read the tables and define views. It cannot change data, read or write
  other files, load extensions, open the network or see the environment.

LIMITS (exit code 4)

  --timeout 30s        for each statement
  --max-scan 10GB      refuses a statement that would read more
  --memory 2GiB        for all that runs; what does not fit goes to a temporary
                       file
  --max-rows 1000      formats other than table and vertical stop behind that
                       row
`

const engineHelp = `THE ENGINE

  --engine local     DuckDB in this process, on the warehouse (the default)
  --engine trino://user@host:port/catalog/schema
                     a Trino cluster, on the table in this schema

  $TRAILQL_ENGINE and engine in the configuration say it for good, .engine in
  the shell changes it. trailql ddl --for trino prints what makes the table of a
  warehouse known to a cluster.

  Statements go to Trino as they are written. What is ours is put in words of
  Trino first: a SELECT without FROM, the built-in views and virtual columns,
  members of JSON by a dot, $EDS_ID. --explain-dialect prints what is sent. Only
  queries, SHOW, DESCRIBE, EXPLAIN and CREATE and DROP VIEW are sent. Dialect
  duckdb, UNLOAD, CREATE EXTERNAL TABLE and the shell's table _ are the local
  engine's alone.

  report run, lookup, coverage, export and status take --engine, too. What a
  report found on a cluster is not in report_runs, which is a warehouse's.

CONNECTION

  ?tls=true          TLS; it is used anyway for port 443, and where a password
                     or token goes to another machine
  ?ca=FILE           certificates of an authority of one's own, as PEM
  $TRAILQL_TRINO_PASSWORD, $TRAILQL_TRINO_TOKEN
                     or with _FILE behind the name the file that has it;
                     never in the address, where others see it

LIMITS

  --timeout and --max-scan hold on the cluster, too: it stops a statement that
  has read more. What is stopped here is stopped there. --memory and --threads
  are for the local engine.
`

const formatsHelp = `FORMATS

--format X, or the suffix of --output. Without both: table on a terminal, else
csv.

  table      .txt       a box, fitted to the terminal; rows beyond --max-rows
                        and columns without room are left out, and said to be
  vertical              a line for each value, whole
  csv        .csv       RFC 4180 with line feeds
  tsv        .tsv       \t \n \r \\ for those characters, \N for NULL
  json       .json      an array of objects
  jsonl      .jsonl     an object a line
  markdown   .md        a table as GitHub has it
  html       .html      a document of its own; it loads nothing
  parquet    .parquet   typed, nested, zstd
  arrow      .arrow     Arrow's file format
  arrows     .arrows    Arrow's stream format
  xlsx       .xlsx      one sheet, typed cells
  none                  rows are counted and dropped

.gz or .zst behind the suffix of a text format compresses: out.csv.gz. A file
appears whole under its name, or not at all. Rows are streamed, so that memory
does not grow with the result; a table and vertical hold the rows that they
show.

NULL AND EMPTY TEXT

  csv        NULL is nothing, an empty text is "". --null X writes X without
             quotes for NULL and puts a text X in quotes.
  json       null
  table, vertical, html: NULL; markdown: *NULL*

VALUES

  Numbers are exact. Times are RFC 3339, with Z where the type has a time zone.
  Binary is pairs of hexadecimal digits. In csv, tsv, xlsx and the forms for
  people structs, lists and maps are JSON. Parquet and Arrow keep them;
  intervals, arrays of fixed size and columns that are NULL throughout are text
  in Parquet.

  csv        Quotes where a value needs them: a comma, quote, line end, space at
             an end, or nothing in it. --csv-quote all puts them everywhere but
             at NULL, as Athena does. --csv-crlf, --bom and --no-header are
             there for readers that want them.
  json       Columns of one name are numbered: a, a_2. NaN and infinity are
             null. --json-numbers safe writes integers beyond 2^53 and decimals
             as texts. Control characters are written as \u escapes.
  xlsx       Texts are text. Numbers of more than 15 digits, times with
             fractions of milliseconds and times before March 1900 are text,
             too: a cell would round them. More than 1,048,575 rows, 16,384
             columns or 32,767 characters in a cell are an error, and no file.

FORMULAS

  Others have written what is in logs. A text that begins with = + - @ or a
  control character (spaces and quotes before it do not count) is a formula to a
  spreadsheet that opens a csv or tsv file. Files are left byte for byte unless
  you say
    --csv-safe prefix   an apostrophe in front of such texts
    --csv-safe reject   an error that names the row and the column
  No escaping of csv is safe in every spreadsheet once the file has been saved
  again. xlsx is: its texts are never formulas.

TERMINALS

  Control characters, bidirectional overrides and invisible characters are
  spelled out on a terminal (␛, \u{202e}), and always in table, vertical,
  markdown and html.
`
