package cloudtrail

import (
	"bytes"
	"slices"
)

// canonical appends the canonical form of the valid value at i.
func (s *scanner) canonical(dst []byte, i int) ([]byte, int) {
	switch s.text[i] {
	case '"':
		end, _ := s.str(i + 1)
		return AppendString(dst, appendUnescaped(nil, s.text[i+1:end])), end + 1
	case '[':
		dst = append(dst, '[')
		i = s.space(i + 1)
		for s.text[i] != ']' {
			dst, i = s.canonical(dst, i)
			dst = append(dst, ',')
			i = s.comma(i)
		}
		return closeWith(dst, ']'), i + 1
	case '{':
		type pair struct{ key, value []byte }
		var pairs []pair
		i = s.space(i + 1)
		for s.text[i] != '}' {
			var p pair
			p.key, i = s.canonical(nil, i)
			i = s.space(s.space(i) + 1)
			p.value, i = s.canonical(nil, i)
			pairs = append(pairs, p)
			i = s.comma(i)
		}
		slices.SortStableFunc(pairs, func(a, b pair) int { return bytes.Compare(a.key, b.key) })
		dst = append(dst, '{')
		for _, p := range pairs {
			dst = append(append(append(append(dst, p.key...), ':'), p.value...), ',')
		}
		return closeWith(dst, '}'), i + 1
	}
	end := s.scalar(i)
	return append(dst, s.text[i:end]...), end
}

// comma skips white space and one comma.
func (s *scanner) comma(i int) int {
	i = s.space(i)
	if s.text[i] == ',' {
		i = s.space(i + 1)
	}
	return i
}
