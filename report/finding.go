package report

import (
	"crypto/sha256"
	"encoding/hex"
	"regexp"
	"slices"
	"strings"

	"github.com/trailql/trailql/report/pack"
)

// Value is that of an evidence column; "" when there is none of that name.
func (f *Finding) Value(column string) string {
	if i := slices.Index(evidenceColumns, column); i >= 0 && i < len(f.Values) {
		return f.Values[i]
	}
	return ""
}

// evidenceColumns are those of pack.EvidenceColumns; never changed.
var evidenceColumns = pack.EvidenceColumns()

// column is where an evidence column stands.
func column(name string) int { return slices.Index(evidenceColumns, name) }

// findingID is the same for all events in which one rule sees one actor do something
// to one resource. Parts are separated so that they cannot run into each other.
func findingID(rule string, values []string) string {
	h := sha256.New()
	for _, part := range []string{rule, values[accountColumn], values[regionColumn], normalResource(values[resourceColumn]), values[actorColumn]} {
		h.Write([]byte(strings.ReplaceAll(part, "\x00", "\x00\x00")))
		h.Write([]byte("\x00\x01"))
	}
	return hex.EncodeToString(h.Sum(nil)[:10])
}

var (
	accountColumn  = column("account_id")
	regionColumn   = column("region")
	actorColumn    = column("actor")
	resourceColumn = column("resource")
	eventIDColumn  = column("event_id")
	objectColumn   = column("log_object")
	indexColumn    = column("log_index")
)

var lambdaVersion = regexp.MustCompile(`^(arn:[^:]*:lambda:[^:]*:[^:]*:function:[^:]+):[^:]+$`)

// normalResource leaves out what changes from one event to the next: the version of
// a function, a slash at the end.
func normalResource(resource string) string {
	resource = strings.TrimRight(strings.TrimSpace(resource), "/")
	if m := lambdaVersion.FindStringSubmatch(resource); m != nil {
		return m[1]
	}
	return resource
}

// identity tells events apart: their id, or where they stand in the archive.
func identity(values []string) string {
	if id := values[eventIDColumn]; id != "" {
		return id
	}
	return values[objectColumn] + "#" + values[indexColumn]
}
