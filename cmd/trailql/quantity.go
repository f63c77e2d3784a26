package main

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// formatCount writes 1234567 as "1,234,567".
func formatCount(n int64) string {
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

// formatBytes writes a size in decimal units: "999 B", "1.5 GB".
func formatBytes(n int64) string {
	if n < 1000 {
		return fmt.Sprintf("%d B", n)
	}
	size, units := float64(n), "kMGTPE"
	unit := -1
	// 999.95 would be printed as 1000.0.
	for size >= 999.95 && unit < len(units)-1 {
		size /= 1000
		unit++
	}
	return fmt.Sprintf("%.1f %cB", size, units[unit])
}

// plural writes "1 object" or "2,000 objects".
func plural(n int64, noun string) string {
	if n != 1 {
		noun += "s"
	}
	return formatCount(n) + " " + noun
}

// parseSize reads a size in bytes: "512MiB", "1.5 GB", "1000000". Units are
// those of IEC (KiB) and SI (kB), in any case; a lone K, M, G or T is IEC's.
func parseSize(s string) (int64, error) {
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
