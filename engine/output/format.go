package output

import (
	"fmt"
	"path/filepath"
	"strings"
)

// Format is how rows are written.
type Format string

const (
	Table       Format = "table"    // a box for people
	Vertical    Format = "vertical" // a line for each value, for wide rows
	CSV         Format = "csv"
	TSV         Format = "tsv"
	JSON        Format = "json"  // an array of objects
	JSONLines   Format = "jsonl" // an object a line
	Markdown    Format = "markdown"
	HTML        Format = "html" // a document of its own
	Parquet     Format = "parquet"
	Arrow       Format = "arrow"  // Arrow's file format
	ArrowStream Format = "arrows" // Arrow's stream format
	XLSX        Format = "xlsx"
	None        Format = "none" // rows are counted and dropped
)

// Formats lists them all.
func Formats() []Format {
	return []Format{Table, Vertical, CSV, TSV, JSON, JSONLines, Markdown, HTML, Parquet, Arrow, ArrowStream, XLSX, None}
}

// ParseFormat reads the name of a format.
func ParseFormat(name string) (Format, error) {
	switch name {
	case "md":
		return Markdown, nil
	case "ndjson":
		return JSONLines, nil
	case "box":
		return Table, nil
	}
	for _, f := range Formats() {
		if name == string(f) {
			return f, nil
		}
	}
	return "", fmt.Errorf("unknown format %q: want %s", name, formatList(Formats()))
}

// FormatOfFile tells the format by the suffix of a file's name; the suffix of a
// compression is no part of it.
func FormatOfFile(name string) (Format, bool) {
	if _, ok := CompressionOfFile(name); ok {
		name = strings.TrimSuffix(name, filepath.Ext(name))
	}
	suffix := strings.TrimPrefix(strings.ToLower(filepath.Ext(name)), ".")
	switch suffix {
	case "txt":
		return Table, true
	case "htm":
		return HTML, true
	case "feather":
		return Arrow, true
	case "", string(Table), string(Vertical), string(None), "box":
		return "", false
	}
	f, err := ParseFormat(suffix)
	return f, err == nil
}

// OneResult reports whether an output of the format holds one result. The
// others can hold several, one behind the other.
func (f Format) OneResult() bool {
	switch f {
	case Table, Vertical, JSONLines, Markdown, None:
		return false
	}
	return true
}

// ForPeople is true of the formats that are laid out for reading.
func (f Format) ForPeople() bool { return f == Table || f == Vertical || f == Markdown }

// Binary is true of the formats that are not text.
func (f Format) Binary() bool {
	switch f {
	case Parquet, Arrow, ArrowStream, XLSX:
		return true
	}
	return false
}
