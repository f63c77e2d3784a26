package catalog

import (
	"fmt"
	"strings"
)

// nullPartition is Hive's name for the partition of null.
const nullPartition = "__HIVE_DEFAULT_PARTITION__"

// hivePath is the folder of a partition, "a=x/b=y"; "" without columns.
func hivePath(columns, values []string) string {
	parts := make([]string, len(columns))
	for i, c := range columns {
		v := nullPartition
		if values[i] != "" {
			v = hiveEscape(values[i])
		}
		parts[i] = hiveEscape(c) + "=" + v
	}
	return strings.Join(parts, "/")
}

// hiveEscape percent-encodes what Hive does, and every byte that is not plain
// ASCII: values come from log records, so they may hold anything.
func hiveEscape(s string) string {
	var b strings.Builder
	for i := range len(s) {
		ch := s[i]
		if ch <= ' ' || ch >= 0x7f || strings.IndexByte("\"#%'*/:=?\\{}[]^<>|", ch) >= 0 {
			fmt.Fprintf(&b, "%%%02X", ch)
		} else {
			b.WriteByte(ch)
		}
	}
	return b.String()
}
