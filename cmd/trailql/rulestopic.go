package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/trailql/trailql/report/pack"
)

const rulesHelp = `A rule of a pack is a condition (where) in Athena's SQL over the columns of
cloudtrail_logs, and which events it is asked of (events). Conditions are
two-valued: a missing field is '' or false and never hides an event. "trailql report
new NAME" writes a pack with every part explained, "trailql report show PACK CONTROL"
the rules of the program. These short forms can stand in a condition:

`

// writeRulesHelp writes the short forms of conditions.
func writeRulesHelp(w io.Writer, _ []string) error {
	var b strings.Builder
	b.WriteString(rulesHelp)
	macros := pack.Macros()
	for _, name := range sortedKeys(macros) {
		fmt.Fprintf(&b, "  %-20s %s\n", name, macros[name])
	}
	_, err := io.WriteString(w, b.String())
	return err
}
