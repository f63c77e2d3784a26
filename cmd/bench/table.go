package main

import (
	"cmp"
	"fmt"
	"io"
	"runtime"
	"slices"
	"time"
)

// writeTable prints medians as Markdown, the command that made them first.
func writeTable(w io.Writer, a archive, candidates []candidate, command string) error {
	var yardstick time.Duration
	for _, c := range candidates {
		if c.name == "gzip" {
			yardstick = median(c.measured, func(m measurement) time.Duration { return m.cpu })
		}
	}
	text := fmt.Sprintf("```\n%s\n```\n\n%d files, %.1f MB stored, %.1f MB of JSON, the largest file %.1f MB; %s. Medians of %d rounds.\n\n",
		command, len(a.files), megabytes(a.storedBytes), megabytes(a.jsonBytes), megabytes(a.largest), machine(), rounds(candidates))
	text += "| | CPU s | × `gzip -dc` | wall s | peak MiB | Parquet, % of gzip | MB of JSON/s | files/s |\n|---|--:|--:|--:|--:|--:|--:|--:|\n"
	for _, c := range candidates {
		cpu := median(c.measured, func(m measurement) time.Duration { return m.cpu })
		wall := median(c.measured, func(m measurement) time.Duration { return m.wall })
		peak := median(c.measured, func(m measurement) int64 { return m.peak })
		output := median(c.measured, func(m measurement) int64 { return m.output })
		ratio, share := "–", "–"
		if yardstick > 0 {
			ratio = fmt.Sprintf("%.2f", cpu.Seconds()/yardstick.Seconds())
		}
		if output > 0 {
			share = fmt.Sprintf("%.1f", 100*float64(output)/float64(a.storedBytes))
		}
		text += fmt.Sprintf("| %s | %.2f | %s | %.2f | %d | %s | %.0f | %.0f |\n",
			c.what, cpu.Seconds(), ratio, wall.Seconds(), peak>>20, share,
			megabytes(a.jsonBytes)/wall.Seconds(), float64(len(a.files))/wall.Seconds())
	}
	_, err := io.WriteString(w, text)
	return err
}

func machine() string {
	return fmt.Sprintf("%d cores, %s/%s, %s", runtime.NumCPU(), runtime.GOOS, runtime.GOARCH, runtime.Version())
}

func megabytes(n int64) float64 { return float64(n) / 1e6 }

func rounds(candidates []candidate) int {
	n := 0
	for _, c := range candidates {
		n = max(n, len(c.measured))
	}
	return n
}

// median picks the middle value; of an even number, the lower of the two.
func median[T cmp.Ordered](all []measurement, value func(measurement) T) T {
	var values []T
	for _, m := range all {
		values = append(values, value(m))
	}
	slices.Sort(values)
	if len(values) == 0 {
		var none T
		return none
	}
	return values[(len(values)-1)/2]
}
