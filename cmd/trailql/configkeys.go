package main

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/pelletier/go-toml/v2/unstable"

	"github.com/trailql/trailql/engine/output"
	"github.com/trailql/trailql/engine/quantity"
)

type configKind int

const (
	configText configKind = iota
	configPath            // ~/ is the user's home
	configInteger
	configSwitch
)

// configKey is one of the keys that configuration files, the environment and
// flags share.
type configKey struct {
	name        string // as in a file: section.key
	kind        configKind
	help        string
	initial     string // what holds when nobody says anything
	environment string // variable; "" for none
	flag        string // of every command that has it, unless command is one of them; "" for none
	command     string
	setting     string // of the shell; "" for none
	check       func(text string) error
}

func (k configKey) takes(kind unstable.Kind) bool {
	switch k.kind {
	case configInteger:
		return kind == unstable.Integer
	case configSwitch:
		return kind == unstable.Bool
	}
	return kind == unstable.String
}

func (k configKey) wants() string {
	return [...]string{"a text in quotes", "a path in quotes", "a whole number", "true or false"}[k.kind]
}

// toml writes a value as a file has it.
func (k configKey) toml(text string) string {
	if k.kind == configText || k.kind == configPath {
		return strconv.Quote(text)
	}
	return text
}

// configKeys are all keys, in the order of the file that config init writes.
func configKeys() []configKey {
	return []configKey{
		{name: "warehouse", kind: configPath, environment: warehouseVariable, flag: "warehouse", check: anyText, help: "folder of the warehouse"},
		{name: "engine", initial: localEngine, environment: engineVariable, flag: "engine", check: checkEngine, help: "that answers: local, or trino://user@host:port/catalog/schema"},
		{name: "catalog", environment: catalogVariable, flag: "catalog", command: "convert", check: checkCatalog, help: "where the tables are registered, too: see trailql help catalog"},
		{name: "dialect", initial: "athena", flag: "dialect", check: oneOf(dialects...), help: "of the SQL: athena, lake or duckdb"},

		{name: "output.format", initial: formatAuto, environment: "TRAILQL_FORMAT", flag: "format", command: "query", setting: "mode", check: checkFormat, help: "of the rows; auto: a table on a terminal, else csv"},
		{name: "output.null", flag: "null", setting: "nullvalue", check: anyText, help: "what stands for NULL, where the format lets it"},
		{name: "output.max_rows", kind: configInteger, initial: strconv.Itoa(defaultMaxRows), flag: "max-rows", setting: "maxrows", check: checkCount, help: "rows of a table on a terminal; 0 for all"},
		{name: "output.timezone", initial: "UTC", environment: "TRAILQL_TZ", setting: "tz", check: checkZone, help: "of the shell: .window, and times with a zone"},
		{name: "output.color", initial: "auto", flag: "color", check: oneOf("auto", "always", "never"), help: "auto, always or never"},
		{name: "output.ascii", kind: configSwitch, initial: "false", flag: "ascii", check: checkSwitch, help: "nothing but ASCII on terminals"},

		{name: "shell.pager", initial: "auto", setting: "pager", check: oneOf("auto", "on", "off"), help: "for results that do not fit: auto, on or off"},
		{name: "shell.history", kind: configSwitch, initial: "true", environment: "TRAILQL_HISTORY", check: checkSwitch, help: "keep what is typed"},
		{name: "shell.timer", kind: configSwitch, initial: "true", setting: "timer", check: checkSwitch, help: "say how long statements took"},
		{name: "shell.notes", kind: configSwitch, initial: "true", setting: "notes", check: checkSwitch, help: "remarks on statements that may mean something else"},
		{name: "shell.progress", kind: configSwitch, initial: "true", setting: "progress", check: checkSwitch, help: "a line that says how far a statement is"},
		{name: "shell.keep", initial: "1GiB", setting: "keep", check: checkSize, help: "how large a result may be to be kept as table _"},

		{name: "limits.timeout", initial: "0s", flag: "timeout", check: checkDuration, help: "of a statement; 0s for none"},
		{name: "limits.memory", flag: "memory", check: checkSize, help: "for queries; empty: 80 % of the machine's"},
		{name: "limits.threads", kind: configInteger, initial: "0", flag: "threads", check: checkCount, help: "0 for one for each processor"},
		{name: "limits.max_scan", flag: "max-scan", check: checkSize, help: "what a statement may read at most; empty for no limit"},

		{name: "s3.profile", flag: "aws-profile", check: anyText, help: "of ~/.aws; empty: $AWS_PROFILE"},
		{name: "s3.region", flag: "aws-region", check: anyText, help: "of the caller; a bucket's own is found out"},
		{name: "s3.endpoint_url", flag: "endpoint-url", check: anyText, help: "of an S3 server that is not Amazon's"},
		{name: "s3.assume_role", flag: "assume-role", check: anyText, help: "ARN of a role to take on for S3"},
		{name: "s3.external_id", flag: "external-id", check: anyText, help: "that the role asks for"},
		{name: "s3.requester_pays", kind: configSwitch, initial: "false", flag: "requester-pays", check: checkSwitch, help: "pay for requests to buckets that want it"},
		{name: "s3.no_sign_request", kind: configSwitch, initial: "false", flag: "no-sign-request", check: checkSwitch, help: "use no credentials: public buckets"},
		{name: "s3.cache_size", initial: "10GiB", check: checkSize, help: "of the local copies of data files of a warehouse on S3"},

		{name: "csv.quote", initial: "minimal", flag: "csv-quote", check: oneOf("minimal", "all"), help: "minimal, or all as in Athena's result files"},
		{name: "csv.crlf", kind: configSwitch, initial: "false", flag: "csv-crlf", check: checkSwitch, help: "end lines with CR LF"},
		{name: "csv.bom", kind: configSwitch, initial: "false", flag: "bom", check: checkSwitch, help: "begin with a byte order mark, for Excel"},
		{name: "csv.safe", initial: "off", flag: "csv-safe", check: oneOf("off", "prefix", "reject"), help: "what to do with texts that a spreadsheet takes for formulas"},

		{name: "report.timezone", initial: "UTC", flag: "tz", command: "run", check: checkZone, help: "of the days of reports"},
		{name: "report.scope", kind: configPath, flag: "scope", command: "run", check: anyText, help: "file with accounts, regions and parameters"},
		{name: "report.exceptions", kind: configPath, flag: "exceptions", command: "run", check: anyText, help: "file with accepted findings"},
		{name: "report.sign", kind: configPath, flag: "sign", command: "run", check: anyText, help: "file of the key that signs manifests"},
	}
}

func configKeyNamed(name string) (configKey, bool) {
	keys := configKeys()
	i := slices.IndexFunc(keys, func(k configKey) bool { return k.name == name })
	if i < 0 {
		return configKey{}, false
	}
	return keys[i], true
}

func anyText(string) error { return nil }

func oneOf(choices ...string) func(string) error {
	return func(text string) error {
		if slices.Contains(choices, text) {
			return nil
		}
		last := len(choices) - 1
		return fmt.Errorf("%q: want %s or %s", text, strings.Join(choices[:last], ", "), choices[last])
	}
}

func checkFormat(text string) error {
	if text == formatAuto {
		return nil
	}
	_, err := output.ParseFormat(text)
	return err
}

func checkZone(text string) error {
	if _, err := time.LoadLocation(text); err != nil || text == "" {
		return fmt.Errorf("there is no time zone %q: want a name such as Europe/Berlin, or UTC", text)
	}
	return nil
}

func checkCount(text string) error {
	if n, err := strconv.Atoi(text); err != nil || n < 0 {
		return fmt.Errorf("%q: want a number from 0 on", text)
	}
	return nil
}

func checkSwitch(text string) error {
	if _, err := strconv.ParseBool(text); err != nil {
		return fmt.Errorf("%q: want true or false", text)
	}
	return nil
}

func checkSize(text string) error {
	if text == "" || text == "0" {
		return nil
	}
	_, err := quantity.ParseBytes(text)
	return err
}

func checkDuration(text string) error {
	if d, err := time.ParseDuration(text); err != nil || d < 0 {
		return fmt.Errorf("%q: want a duration such as 90s", text)
	}
	return nil
}
