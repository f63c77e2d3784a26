// Package quantity writes counts, sizes and durations as people read them, and
// reads the sizes that they write.
package quantity

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// Count writes 1234567 as "1,234,567".
func Count(n int64) string {
	digits := strconv.FormatInt(n, 10)
	sign := ""
	if n < 0 {
		sign, digits = "-", digits[1:]
	}
	var b strings.Builder
	b.WriteString(sign)
	for i, d := range digits {
		if i > 0 && (len(digits)-i)%3 == 0 {
			b.WriteByte(',')
		}
		b.WriteRune(d)
	}
	return b.String()
}

// Plural writes "1 row" or "2,000 rows".
func Plural(n int64, noun string) string {
	if n != 1 {
		noun += "s"
	}
	return Count(n) + " " + noun
}

// Heat draws a sign for each count, by magnitude: what is not zero does not vanish.
func Heat(counts []int64, ascii bool) string {
	signs := []rune("·▁▂▃▄▅▆▇█")
	if ascii {
		signs = []rune(".-:=+*#%@")
	}
	most := int64(0)
	for _, n := range counts {
		most = max(most, n)
	}
	line := make([]rune, len(counts))
	for i, n := range counts {
		level := 0
		if n > 0 {
			level = len(signs) - 1
			if n < most {
				level = 1 + int(math.Round(float64(len(signs)-2)*math.Log(float64(n))/math.Log(float64(most))))
			}
		}
		line[i] = signs[level]
	}
	return string(line)
}

// Bar draws a fraction between 0 and 1 in so many cells and two ends.
func Bar(fraction float64, cells int, ascii bool) string {
	full := int(float64(cells) * min(max(fraction, 0), 1))
	if ascii {
		return "[" + strings.Repeat("#", full) + strings.Repeat(".", cells-full) + "]"
	}
	return "▕" + strings.Repeat("█", full) + strings.Repeat("░", cells-full) + "▏"
}

// Bytes writes a number of bytes in decimal units: "999 B", "1.5 GB".
func Bytes(n int64) string {
	if n < 1000 {
		return fmt.Sprintf("%d B", n)
	}
	return scaled(float64(n), []string{"kB", "MB", "GB", "TB", "PB", "EB"})
}

// Short writes a large number so that its length hardly changes: "41.2 M".
func Short(n int64) string {
	if n < 10_000 {
		return Count(n)
	}
	return scaled(float64(n), []string{"k", "M", "G", "T", "P", "E"})
}

func scaled(n float64, units []string) string {
	unit := -1
	for n >= 999.95 && unit < len(units)-1 { // 999.95 would be printed as 1000.0
		n /= 1000
		unit++
	}
	return fmt.Sprintf("%.1f %s", n, units[unit])
}

// Duration writes a duration: "0.41 s", "12 s", "3 min 20 s".
func Duration(d time.Duration) string {
	switch {
	case d < 10*time.Second:
		return fmt.Sprintf("%.2f s", d.Seconds())
	case d < 2*time.Minute:
		return fmt.Sprintf("%.0f s", d.Seconds())
	case d < 2*time.Hour:
		return fmt.Sprintf("%d min %d s", int(d.Minutes()), int(d.Seconds())%60)
	}
	return fmt.Sprintf("%d h %d min", int(d.Hours()), int(d.Minutes())%60)
}

// ParseBytes reads a size in bytes: "512MiB", "1.5 GB", "1000000". Units are
// those of IEC (KiB) and SI (kB), in any case; a lone K, M, G or T is IEC's.
func ParseBytes(s string) (int64, error) {
	text := strings.ToUpper(strings.TrimSpace(s))
	end := strings.IndexFunc(text, func(r rune) bool { return (r < '0' || r > '9') && r != '.' })
	if end < 0 {
		end = len(text)
	}
	number, err := strconv.ParseFloat(text[:end], 64)
	if err != nil {
		return 0, fmt.Errorf("size %q: want a number of bytes such as 512MiB", s)
	}
	factor := float64(1)
	switch unit := strings.TrimSpace(text[end:]); unit {
	case "", "B":
	default:
		power := strings.IndexByte("KMGT", unit[0]) + 1
		base := map[string]float64{"": 1024, "IB": 1024, "B": 1000}[unit[1:]]
		if power == 0 || base == 0 {
			return 0, fmt.Errorf("size %q: unknown unit %q", s, unit)
		}
		factor = math.Pow(base, float64(power))
	}
	bytes := number * factor
	if bytes >= math.MaxInt64 {
		return 0, fmt.Errorf("size %q: too large", s)
	}
	return int64(bytes), nil
}
