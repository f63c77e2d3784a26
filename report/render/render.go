package render

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/trailql/trailql/report"
)

// Format is one way to write a report.
type Format string

const (
	HTML      Format = "html"
	CSV       Format = "csv"
	JSON      Format = "json"
	JSONLines Format = "jsonl"
	Markdown  Format = "md"
	JUnit     Format = "junit"
	OCSF      Format = "ocsf"
)

// Formats lists them all.
func Formats() []Format {
	return []Format{HTML, CSV, JSON, JSONLines, Markdown, JUnit, OCSF}
}

// ParseFormats reads names with commas between them; "all" stands for every
// format. Doubles count once.
func ParseFormats(list string) ([]Format, error) {
	var formats []Format
	for name := range strings.SplitSeq(list, ",") {
		name = strings.ToLower(strings.TrimSpace(name))
		named := []Format{Format(name)}
		if name == "all" {
			named = Formats()
		}
		for _, f := range named {
			if !slices.Contains(Formats(), f) {
				return nil, fmt.Errorf("%q is no format of a report: want html, csv, json, jsonl, md, junit, ocsf or all", name)
			}
			if !slices.Contains(formats, f) {
				formats = append(formats, f)
			}
		}
	}
	return formats, nil
}

// File is one that Write wrote.
type File struct {
	Name string // relative to the folder, with slashes
	Size int64
}

// Names of the files that there is one of.
const (
	htmlFile      = "report.html"
	markdownFile  = "report.md"
	jsonFile      = "report.json"
	jsonLinesFile = "evidence.jsonl"
	junitFile     = "junit.xml"
	ocsfFile      = "ocsf.jsonl"
	controlsFile  = "csv/controls.csv"
	coverageFile  = "csv/coverage.csv"
)

// Write writes the formats into a folder, which it makes if there is none. No
// file may be there yet. After an error the folder is incomplete: callers write
// to a temporary one and rename it.
func Write(ctx context.Context, dir string, r *report.Report, formats []Format) ([]File, error) {
	d := newDocument(r, formats)
	f := folder{ctx: ctx, dir: dir}
	for _, format := range Formats() {
		if !slices.Contains(formats, format) {
			continue
		}
		var err error
		switch format {
		case HTML:
			err = f.write(htmlFile, d.writeHTML)
		case CSV:
			err = d.writeCSVs(&f)
		case JSON:
			err = f.write(jsonFile, d.writeJSON)
		case JSONLines:
			err = f.write(jsonLinesFile, d.writeJSONLines)
		case Markdown:
			err = f.write(markdownFile, d.writeMarkdown)
		case JUnit:
			err = f.write(junitFile, d.writeJUnit)
		case OCSF:
			err = f.write(ocsfFile, d.writeOCSF)
		}
		if err != nil {
			return nil, err
		}
	}
	return f.files, nil
}

// folder takes the files of one report.
type folder struct {
	ctx   context.Context
	dir   string
	files []File
}

// write makes one file. The writer that it hands out fails when the context is
// done.
func (f *folder) write(name string, content func(io.Writer) error) (err error) {
	full := filepath.Join(f.dir, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(full), 0o777); err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	file, err := os.OpenFile(full, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	if err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	counted := &countingWriter{w: file, ctx: f.ctx}
	buffered := bufio.NewWriterSize(counted, 1<<16)
	if err := content(buffered); err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	if err := buffered.Flush(); err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	f.files = append(f.files, File{Name: name, Size: counted.n})
	return nil
}

// countingWriter counts what reaches the file, and stops when its context does:
// it lives for one call of Write.
type countingWriter struct {
	w   io.Writer
	ctx context.Context
	n   int64
}

func (c *countingWriter) Write(p []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	n, err := c.w.Write(p)
	c.n += int64(n)
	return n, err
}
