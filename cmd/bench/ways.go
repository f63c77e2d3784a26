package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// A conversion of the archive in several ways that end in the same table: by
// several converters at once, or by one in several runs behind each other.

// way is one of them.
type way struct {
	name string // for the first column
	runs []measurement
	said []string // by each run, on stderr
	into warehouseStats
}

// warehouseStats is what is found in a warehouse's folder, with what has been
// replaced and not yet expired.
type warehouseStats struct {
	commits  int   // to cloudtrail_logs
	collided int   // tries of them that another converter was faster than
	files    int   // Parquet files of cloudtrail_logs that were ever written
	bytes    int64 // of them
}

// benchConverters converts the archive with one converter alone and with each
// number of converters at once, each time into a warehouse of its own.
func benchConverters(ctx context.Context, o options, stdout, stderr io.Writer) error {
	return compareWays(ctx, o, stdout, stderr, "-converters", o.converters, convertTogether)
}

// convertTogether runs n converters at once; 0 is one that does not expect others.
func convertTogether(ctx context.Context, program, warehouse string, a archive, n int) (way, error) {
	w, args := way{name: "alone"}, []string{"convert", "--warehouse", warehouse, a.dir}
	if n > 0 {
		w.name, args = plural(n, "converter"), append(args, "--together")
	}
	type end struct {
		m    measurement
		said string
		err  error
	}
	ends := make(chan end)
	for range max(1, n) {
		go func() {
			m, said, err := measureSaid(exec.CommandContext(ctx, program, args...), nil)
			ends <- end{m, said, err}
		}()
	}
	var errs []error
	for range max(1, n) {
		e := <-ends
		w.runs, w.said = append(w.runs, e.m), append(w.said, e.said)
		errs = append(errs, e.err)
	}
	return w, errors.Join(errs...)
}

// benchSlices converts the archive in so many runs behind each other, as one who
// follows a trail does: each run has the files that were delivered next.
func benchSlices(ctx context.Context, o options, stdout, stderr io.Writer) error {
	return compareWays(ctx, o, stdout, stderr, "-slices", o.slices, convertSlices)
}

func convertSlices(ctx context.Context, program, warehouse string, a archive, n int) (way, error) {
	w := way{name: plural(n, "run")}
	files := byDelivery(a.files)
	for i := range n {
		slice := files[i*len(files)/n : (i+1)*len(files)/n]
		cmd := exec.CommandContext(ctx, program, "convert", "--warehouse", warehouse, "-")
		m, said, err := measureSaid(cmd, strings.NewReader(strings.Join(slice, "\n")+"\n"))
		if err != nil {
			return w, err
		}
		w.runs, w.said = append(w.runs, m), append(w.said, said)
	}
	return w, nil
}

// compareWays measures each way once for each of the numbers and prints a table.
func compareWays(ctx context.Context, o options, stdout, stderr io.Writer, flagName, numbers string, convert func(ctx context.Context, program, warehouse string, a archive, n int) (way, error)) error {
	counts, err := parseCounts(numbers)
	if err != nil {
		return fmt.Errorf("%s: %w", flagName, err)
	}
	if flagName == "-converters" {
		counts = append([]int{0}, counts...)
	}
	program, err := findProgram(o.trailql)
	if err != nil {
		return err
	}
	a, made, err := openArchive(ctx, o, stderr)
	if err != nil {
		return err
	}
	scratch, err := os.MkdirTemp(o.scratch, "trailql-bench-")
	if err != nil {
		return fmt.Errorf("make scratch folder: %w", err)
	}
	defer os.RemoveAll(scratch)
	yardstick, err := measure(exec.CommandContext(ctx, "xargs", "-0", "gzip", "-dc"), strings.NewReader(strings.Join(a.files, "\x00")))
	if err != nil {
		return err
	}
	var ways []way
	for round := range o.runs {
		for i, n := range counts {
			warehouse := filepath.Join(scratch, "warehouse")
			w, err := convert(ctx, program, warehouse, a, n)
			if err == nil {
				w.into, err = surveyWarehouse(warehouse)
			}
			if err == nil {
				err = os.RemoveAll(warehouse)
			}
			if err != nil {
				return fmt.Errorf("convert with %s: %w", w.name, err)
			}
			fmt.Fprintf(stderr, "round %d  %-14s %7.2f CPU s\n", round+1, w.name, w.cpu())
			if round == 0 {
				ways = append(ways, w)
			} else if w.cpu() < ways[i].cpu() {
				ways[i] = w // what other work on the machine adds is no cost of ours
			}
		}
	}
	line := commandLine(o, made) + " " + flagName + " " + numbers
	return writeWays(stdout, a, ways, yardstick, o.runs, line)
}

// byDelivery orders log files by the time in their names, as CloudTrail gives it.
func byDelivery(files []string) []string {
	delivered := regexp.MustCompile(`_(\d{8}T\d{4}Z)_`)
	keys := map[string]string{}
	for _, f := range files {
		if m := delivered.FindStringSubmatch(filepath.Base(f)); m != nil {
			keys[f] = m[1]
		}
	}
	sorted := slices.Clone(files)
	slices.SortFunc(sorted, func(x, y string) int { return cmp.Or(cmp.Compare(keys[x], keys[y]), cmp.Compare(x, y)) })
	return sorted
}

// cpu is the seconds of all runs together.
func (w way) cpu() float64 {
	var sum float64
	for _, m := range w.runs {
		sum += m.cpu.Seconds()
	}
	return sum
}

var (
	newRecords = regexp.MustCompile(`note: ([\d,]+) new records? from ([\d,]+) object`)
	duplicates = regexp.MustCompile(`([\d,]+) duplicate record`)
)

// counted adds up a number that the runs have said.
func (w way) counted(re *regexp.Regexp, group int) int64 {
	var sum int64
	for _, said := range w.said {
		for _, m := range re.FindAllStringSubmatch(said, -1) {
			n, _ := strconv.ParseInt(strings.ReplaceAll(m[group], ",", ""), 10, 64)
			sum += n
		}
	}
	return sum
}

// writeWays prints the table. The first way is what the others are compared with.
func writeWays(out io.Writer, a archive, ways []way, yardstick measurement, rounds int, command string) error {
	text := fmt.Sprintf("```\n%s\n```\n\n%d files, %.1f MB stored, %.1f MB of JSON; `gzip -dc` takes %.2f CPU s; %s. The cheapest of %s.\n\n",
		command, len(a.files), megabytes(a.storedBytes), megabytes(a.jsonBytes), yardstick.cpu.Seconds(), machine(), plural(rounds, "round"))
	text += "| | CPU s per million records | × the first | new records | objects read | duplicates | commits | collided | Parquet files written | MB of them | peak MiB of one |\n" +
		"|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|\n"
	for _, w := range ways {
		records := w.counted(newRecords, 1)
		if records == 0 {
			return fmt.Errorf("%s: no new records in what it said: %q", w.name, w.said)
		}
		var peak int64
		for _, m := range w.runs {
			peak = max(peak, m.peak)
		}
		text += fmt.Sprintf("| %s | %.2f | %.2f | %d | %d | %d | %d | %d | %d | %.1f | %d |\n",
			w.name, w.cpu()/float64(records)*1e6, w.cpu()/ways[0].cpu(), records, w.counted(newRecords, 2), w.counted(duplicates, 1),
			w.into.commits, w.into.collided, w.into.files, megabytes(w.into.bytes), peak>>20)
	}
	_, err := io.WriteString(out, text)
	return err
}

// staged matches the manifest list that a try of a commit has left: a try that
// was too late has removed its own.
var staged = regexp.MustCompile(`-(\d+)-snapshot\.avro$`)

// surveyWarehouse counts in the folder of cloudtrail_logs.
func surveyWarehouse(dir string) (s warehouseStats, err error) {
	err = filepath.WalkDir(filepath.Join(dir, "default", "cloudtrail_logs"), func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		if m := staged.FindStringSubmatch(path); m != nil {
			try, err := strconv.Atoi(m[1])
			s.commits++
			s.collided += try - 1
			return err
		}
		if strings.HasSuffix(path, ".parquet") {
			info, err := entry.Info()
			if err != nil {
				return err
			}
			s.files++
			s.bytes += info.Size()
		}
		return nil
	})
	if err != nil {
		return s, fmt.Errorf("survey warehouse: %w", err)
	}
	return s, nil
}

// parseCounts reads numbers above 0.
func parseCounts(text string) ([]int, error) {
	var counts []int
	for _, field := range strings.Split(text, ",") {
		n, err := strconv.Atoi(strings.TrimSpace(field))
		if err != nil || n < 1 {
			return nil, fmt.Errorf("want numbers above 0, have %q", field)
		}
		counts = append(counts, n)
	}
	return counts, nil
}

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
