package catalog

import (
	"fmt"
	"path"
	"regexp"
	"strings"
)

// metadataName is the name of a table's metadata file, as Iceberg's catalogs
// name them: a number and a UUID. Other engines refuse a file named otherwise.
// The number is that of the version which the file is staged for. The UUID, of
// the version that leaves its content to whoever makes it (RFC 9562, version 8),
// is the batch's id and the number of the try, so that a leftover tells whose it
// is.
func metadataName(batchID string, try int, version int64) string {
	d := strings.NewReplacer("T", "", "Z-", "").Replace(batchID) + fmt.Sprintf("%05x", try)
	return fmt.Sprintf("%05d-%s-%s-8%s-8%s-%s.metadata.json", version, d[:8], d[8:12], d[12:15], d[15:18], d[18:])
}

var ownMetadataName = regexp.MustCompile(`^\d{5,}-(\d{8})-(\d{4})-8(\d{3})-8(\d{2}[0-9a-f])-([0-9a-f]{7})[0-9a-f]{5}\.metadata\.json$`)

// batchOfMetadata is the id of the batch that metadataName was given, "" if the
// name is none of its names.
func batchOfMetadata(name string) string {
	m := ownMetadataName.FindStringSubmatch(path.Base(name))
	if m == nil {
		return ""
	}
	d := m[2] + m[3] + m[4] + m[5]
	return m[1] + "T" + d[:9] + "Z-" + d[9:]
}
