package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/term"

	"github.com/trailql/trailql/engine"
	"github.com/trailql/trailql/engine/output"
	"github.com/trailql/trailql/engine/quantity"
)

// formatAuto is a table on a terminal and CSV anywhere else.
const formatAuto = "auto"

// chooseFormat settles the format by flag, suffix of the file, and destination.
func (f *queryFlags) chooseFormat(a *app) (output.Format, error) {
	format, err := f.wantedFormat(a)
	if err != nil {
		return "", err
	}
	if format.Binary() && !f.toFile() && terminalOf(a.stdout) != nil {
		return "", usagef("%s is not for a terminal: use -o FILE or a pipe", format)
	}
	if compression, ok := output.CompressionOfFile(f.output); ok && format.Binary() {
		return "", usagef("--output %s: %s is compressed already: drop .%s", f.output, format, compression)
	}
	return format, f.checkFormatFlags(format)
}

func (f *queryFlags) wantedFormat(a *app) (output.Format, error) {
	switch {
	case f.format != formatAuto:
		format, err := output.ParseFormat(f.format)
		if err != nil {
			return "", usagef("--format: %w, or auto", err)
		}
		return format, nil
	case f.toFile():
		format, ok := output.FormatOfFile(f.output)
		if !ok {
			return "", usagef("--output %s: the suffix names no format: use one of %s, or --format (see trailql help formats)", f.output, fileSuffixes)
		}
		return format, nil
	case terminalOf(a.stdout) != nil:
		return output.Table, nil
	}
	return output.CSV, nil
}

const fileSuffixes = ".csv .tsv .json .jsonl .md .html .parquet .arrow .xlsx .txt"

// formatFlags are the flags that only some formats heed.
var formatFlags = []struct {
	name    string
	formats []output.Format
}{
	{"null", []output.Format{output.CSV, output.Table, output.Vertical, output.Markdown, output.HTML}},
	{"no-header", []output.Format{output.CSV, output.TSV}},
	{"bom", []output.Format{output.CSV, output.TSV}},
	{"csv-safe", []output.Format{output.CSV, output.TSV}},
	{"csv-quote", []output.Format{output.CSV}},
	{"csv-crlf", []output.Format{output.CSV}},
	{"json-numbers", []output.Format{output.JSON, output.JSONLines}},
}

// checkFormatFlags refuses flags that would be without effect.
func (f *queryFlags) checkFormatFlags(format output.Format) error {
	for _, flag := range formatFlags {
		if f.given(flag.name) && !slices.Contains(flag.formats, format) {
			return usagef("--%s has no effect on %s", flag.name, format)
		}
	}
	return nil
}

// toFile is false for stdout.
func (f *queryFlags) toFile() bool { return f.output != "" && f.output != "-" }

// terminalOf returns the terminal that w is, or nil.
func terminalOf(w io.Writer) *os.File {
	if file, ok := w.(*os.File); ok && term.IsTerminal(int(file.Fd())) {
		return file
	}
	return nil
}

// queryOutput is where the rows of all statements go.
type queryOutput struct {
	app        *app
	writer     io.Writer
	options    output.Options
	stats      bool           // a line of JSON for each statement
	window     engine.Window  // outside which events were left out
	written    int            // results
	compressed io.WriteCloser // nil, or what writer is
	file       *output.File   // nil for stdout
	name       string         // of the file
}

func openQueryOutput(ctx context.Context, a *app, f *queryFlags, format output.Format) (*queryOutput, error) {
	o := &queryOutput{app: a, writer: a.stdout, name: f.output, stats: f.stats, options: output.Options{
		Format:      format,
		SafeNumbers: f.jsonNumbers == "safe",
		QuoteAll:    f.csvQuote == "all",
		CRLF:        f.csvCRLF,
		BOM:         f.bom,
		NoHeader:    f.noHeader,
		TypeKey:     engine.TypeKey,
	}}
	if f.given("null") || f.null != "" {
		o.options.Null = &f.null
	}
	if f.csvSafe != "off" {
		o.options.Formulas = output.Formulas(f.csvSafe)
	}
	if f.given("max-rows") {
		o.options.MaxRows = f.maxRows
	}
	if f.toFile() {
		return o, o.create(ctx, f)
	}
	if terminal := terminalOf(a.stdout); terminal != nil {
		o.options.Terminal = true
		o.options.MaxRows = f.maxRows
		o.options.Width = widthOf(terminal)
		o.options.ASCII = f.display.onlyASCII()
	}
	o.options.Color = f.display.colors(a.stdout)
	o.options.ASCII = o.options.ASCII || f.display.ascii
	return o, nil
}

func (o *queryOutput) create(ctx context.Context, f *queryFlags) (err error) {
	o.file, err = output.CreateFile(ctx, f.output, f.force)
	if errors.Is(err, fs.ErrExist) {
		return usagef("%s exists: use --force to replace it", f.output)
	}
	if err != nil {
		return err
	}
	o.writer = o.file
	if compression, ok := output.CompressionOfFile(f.output); ok {
		if o.compressed, err = output.Compress(o.file, compression); err != nil {
			return errors.Join(err, o.file.Discard())
		}
		o.writer = o.compressed
	}
	return nil
}

func widthOf(terminal *os.File) int {
	if n, err := strconv.Atoi(os.Getenv("COLUMNS")); err == nil && n > 0 {
		return n
	}
	if columns, _, err := term.GetSize(int(terminal.Fd())); err == nil && columns > 0 {
		return columns
	}
	return 80
}

// write writes all rows of a result. A statement without columns, such as
// CREATE VIEW, has nothing to write.
func (o *queryOutput) write(result *engine.Result) (summary output.Summary, err error) {
	options := o.options
	if result.Schema().NumFields() == 0 {
		options.Format = output.None
	} else if err := o.separate(); err != nil {
		return summary, err
	}
	w, err := output.New(o.writer, result.Schema(), options)
	if err != nil {
		return summary, err
	}
	for batch, err := range result.Batches() {
		if err != nil {
			return summary, err
		}
		if err := w.Write(batch); err != nil {
			return summary, err
		}
	}
	return w.Close()
}

// separate writes what stands between two results.
func (o *queryOutput) separate() error {
	o.written++
	if o.written == 1 || !o.options.Format.ForPeople() {
		return nil
	}
	_, err := fmt.Fprintln(o.writer)
	return err
}

// report says on stderr what the rows themselves do not.
func (o *queryOutput) report(s output.Summary, stats engine.Stats) {
	a := o.app
	if s.RenamedFields {
		a.warn("several columns have the same name; they are numbered")
	}
	if o.options.Terminal && s.EscapedCells > 0 {
		a.warn("%s with characters that control terminals; shown escaped", quantity.Plural(s.EscapedCells, "value"))
	}
	if s.FormulaCells > 0 && !o.options.Terminal && o.options.Formulas == output.KeepFormulas {
		a.note("%s like spreadsheet formulas; for a spreadsheet use --csv-safe prefix, or write .xlsx", startLike(s.FormulaCells))
	}
	if o.options.Terminal && !a.quiet && s.Columns > 0 {
		o.footer(s, stats)
	}
}

func startLike(cells int64) string {
	if cells == 1 {
		return "1 text cell starts"
	}
	return quantity.Count(cells) + " text cells start"
}

func (o *queryOutput) footer(s output.Summary, stats engine.Stats) {
	line := quantity.Plural(s.Rows, "row")
	if s.RowsShown < s.Rows {
		line += fmt.Sprintf(" (%s shown)", quantity.Count(s.RowsShown))
	}
	if s.ColumnsShown < s.Columns {
		line += fmt.Sprintf(" · %d of %d columns shown", s.ColumnsShown, s.Columns)
	}
	line += fmt.Sprintf(" · %.2f s", stats.Elapsed.Seconds())
	if stats.FilesTotal > 0 {
		line += fmt.Sprintf(" · %s of %s in %s of %s", quantity.Bytes(stats.Bytes), quantity.Bytes(stats.BytesTotal),
			quantity.Count(int64(stats.Files)), quantity.Plural(int64(stats.FilesTotal), "file"))
	}
	if stats.PartitionsTotal > 0 {
		line += fmt.Sprintf(" · %s of %s", quantity.Count(int64(stats.Partitions)), quantity.Plural(int64(stats.PartitionsTotal), "partition"))
	}
	if !o.window.IsZero() && stats.FilesTotal > 0 {
		line += " · events " + windowText(o.window)
	}
	if o.options.ASCII {
		line = output.EscapeASCII(strings.NewReplacer(" · ", " | ", " … ", " ... ").Replace(line))
	}
	a := o.app
	fmt.Fprintln(a.stderr, line)
	if s.RowsShown < s.Rows {
		a.note("--max-rows 0 shows all rows, -o FILE writes them to a file")
	}
	if s.ColumnsShown < s.Columns || s.CutCells > 0 {
		a.note("values are cut or left out; --format vertical shows them whole")
	}
}

// windowText is a window for people.
func windowText(w engine.Window) string {
	switch {
	case w.To.IsZero():
		return "from " + w.From.Format(time.RFC3339)
	case w.From.IsZero():
		return "before " + w.To.Format(time.RFC3339)
	}
	return w.From.Format(time.RFC3339) + " … " + w.To.Format(time.RFC3339)
}

// timeOrNil leaves out an open bound.
func timeOrNil(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

// statsLine is what --stats prints. Its names are part of the interface.
type statsLine struct {
	Status          string `json:"status"` // ok, error, limit or cancelled
	Rows            int64  `json:"rows"`
	ElapsedMS       int64  `json:"elapsed_ms"`
	FilesRead       int    `json:"files_read"`
	FilesTotal      int    `json:"files_total"`
	PartitionsRead  int    `json:"partitions_read"`
	PartitionsTotal int    `json:"partitions_total"`
	BytesScanned    int64  `json:"bytes_scanned"`
	BytesTotal      int64  `json:"bytes_total"`
	Truncated       bool   `json:"truncated"` // rows are missing because a limit was reached
	// The window of --from, --to and --last.
	From *time.Time `json:"from,omitempty"`
	To   *time.Time `json:"to,omitempty"`
}

// reportStats writes the line of --stats for a statement that ended with err.
func (o *queryOutput) reportStats(stats engine.Stats, err error) error {
	if !o.stats {
		return nil
	}
	line := statsLine{
		Status: "ok", Rows: stats.Rows, ElapsedMS: stats.Elapsed.Milliseconds(),
		FilesRead: stats.Files, FilesTotal: stats.FilesTotal,
		PartitionsRead: stats.Partitions, PartitionsTotal: stats.PartitionsTotal,
		BytesScanned: stats.Bytes, BytesTotal: stats.BytesTotal,
		From: timeOrNil(o.window.From), To: timeOrNil(o.window.To),
	}
	switch {
	case errors.Is(err, engine.ErrLimit), errors.Is(err, engine.ErrTimeout):
		line.Status, line.Truncated = "limit", true
	case errors.Is(err, engine.ErrCanceled):
		line.Status = "cancelled"
	case err != nil:
		line.Status = "error"
	}
	return json.NewEncoder(o.app.stderr).Encode(line)
}

// commit puts the file in its place.
func (o *queryOutput) commit() error {
	if o.file == nil {
		return nil
	}
	if o.compressed != nil {
		if err := o.compressed.Close(); err != nil {
			return fmt.Errorf("write %s: %w", o.name, err)
		}
	}
	if err := o.file.Commit(); err != nil {
		return err
	}
	o.app.note("wrote %s", o.name)
	return nil
}

// discard removes what was not committed.
func (o *queryOutput) discard() error {
	if o.file == nil {
		return nil
	}
	return o.file.Discard()
}
