package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"regexp"
	"strings"

	"github.com/spf13/cobra"
)

func newReportNewCommand(a *app) *cobra.Command {
	file := ""
	cmd := &cobra.Command{
		Use:   "new NAME",
		Short: "Write a pack to start from",
		Example: `  trailql report new acme
  trailql report run acme --pack-dir . --period yesterday`,
		Args: usageArgs(cobra.ExactArgs(1)),
		RunE: func(_ *cobra.Command, args []string) error {
			return writeNewPack(a, args[0], file)
		},
	}
	cmd.Flags().StringVarP(&file, "output", "o", "", "`FILE` to write (default NAME.yaml)")
	return cmd
}

var packName = regexp.MustCompile(`^[a-z0-9][a-z0-9._-]*$`)

// newPack is what report new writes; NAME and RULE stand for the pack's and a rule's.
const newPack = `# A pack of your own: trailql report validate checks it, trailql report show
# NAME prints it, trailql report run NAME --pack-dir . --period yesterday runs it.

# Parameters are values that a scope file or --param can set. In SQL they are
# $name; listed(x, $name) is true for the entries of a list, where * stands for
# any characters.
params:
  RULE_buckets:
    type: list
    default: ["*"]
    doc: Buckets whose objects must not be deleted.

# A rule takes events: those of some services and names for which the condition
# is true. The SQL is Athena's; a field that a record lacks reads as empty text.
# rp(x), re(x) and ad(x) are fields of requestparameters, responseelements and
# additionaleventdata; OK and DENIED say how a call ended.
rules:
  - id: RULE-DELETE
    title: Objects deleted
    description: Somebody deleted objects of a bucket that is to be kept.
    severity: medium          # info, low, medium, high, critical
    kind: exception           # a row needs a justification; evidence: a row proves that it is logged
    attack: T1485
    events:
      - {source: s3, names: [DeleteObject, DeleteObjects, DeleteBucket]}
    where: |
      OK AND listed(rp(bucketName), $RULE_buckets)
    columns: [bucket, object_key]
    raise:
      - {to: high, burst: {by: [account_id, actor], within: 10m, at_least: 50}}

# Controls are what the report says something about, by the rules that show it:
# the ones above or any of the program's.
pack:
  id: NAME
  title: NAME
  description: What this pack is for.
  versions: ["1"]
  controls:
    - {id: "1", title: Data is kept, kind: exception, severity: medium, rules: [RULE-DELETE], groups: [bucket]}
    - {id: "2", title: The root user is not used, kind: exception, severity: high, rules: [ROOT-USE]}
    - {id: "3", title: Logs are whole, kind: coverage, severity: high, rules: [COVERAGE, GAP]}
`

func writeNewPack(a *app, name, file string) (err error) {
	if !packName.MatchString(name) {
		return usagef("name %q: want small letters, digits, -, _ and .", name)
	}
	l, err := loadPacks(nil)
	if err != nil {
		return err
	}
	if l.Pack(name) != nil {
		return usagef("there is a pack %q already: trailql report list lists them", name)
	}
	if file == "" {
		file = name + ".yaml"
	}
	rule := strings.Map(func(r rune) rune {
		if r == '.' || r == '_' {
			return '-'
		}
		return r
	}, name)
	text := strings.NewReplacer(
		"RULE_buckets", strings.ReplaceAll(rule, "-", "_")+"_buckets", "RULE-DELETE", strings.ToUpper(rule)+"-DELETE", "NAME", name,
	).Replace(newPack)
	out, err := os.OpenFile(file, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	if errors.Is(err, fs.ErrExist) {
		return usagef("%s exists: name another file with --output", file)
	}
	if err != nil {
		return fmt.Errorf("write pack: %w", err)
	}
	_, err = out.WriteString(text)
	if err = errors.Join(err, out.Close()); err != nil {
		return fmt.Errorf("write pack: %w", errors.Join(err, os.Remove(file)))
	}
	a.note("wrote %s: change it, then trailql report validate %s", file, file)
	return nil
}
