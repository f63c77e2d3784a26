package dialect

import (
	"fmt"
	"slices"
	"strings"
)

// didYouMean is a hint with the nearest of the names; "" when none is near.
func didYouMean(name string, names []string) string {
	if best := Nearest(name, names); best != "" {
		return fmt.Sprintf("did you mean %q?", best)
	}
	return ""
}

// Nearest is the one of the names, in lower case, that is spelt most like name;
// "" when none is near.
func Nearest(name string, names []string) string {
	name = strings.ToLower(name)
	best, distance := "", max(1, len(name)/3)+1
	for _, n := range slices.Sorted(slices.Values(names)) {
		n = strings.ToLower(n)
		if d := editDistance(name, n); d < distance && d < len(name) {
			best, distance = n, d
		}
	}
	return best
}

// editDistance counts the bytes to insert, delete, change or swap with the next.
func editDistance(a, b string) int {
	if len(a) > 200 || len(b) > 200 {
		return len(a) + len(b)
	}
	var before []int
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		next := make([]int, len(b)+1)
		next[0] = i + 1
		for j := range len(b) {
			cost := row[j]
			if a[i] != b[j] {
				cost++
			}
			next[j+1] = min(cost, row[j+1]+1, next[j]+1)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				next[j+1] = min(next[j+1], before[j-1]+1)
			}
		}
		before, row = row, next
	}
	return row[len(b)]
}
