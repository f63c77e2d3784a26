package cloudtrail

import (
	"encoding/binary"
	"errors"
	"math/bits"
	"unicode/utf8"
)

// maxDepth is the deepest nesting that a record may have. Real records reach 10.
const maxDepth = 128

// padding is the number of zero bytes that must follow the text in memory: the
// scanner reads words, and a zero byte stops every loop.
const padding = 16

var (
	errShort     = errors.New("text ends early") // more input may mend it
	errSyntax    = errors.New("not valid JSON")
	errControl   = errors.New("control character in a JSON string")
	errEscape    = errors.New("not valid JSON: bad escape in a string")
	errSurrogate = errors.New("lone surrogate in a string")
	errUTF8      = errors.New("not valid UTF-8")
	errDepth     = errors.New("nested too deeply")
	errDuplicate = errors.New("the same key twice in one object")
)

// scanner validates JSON in place (RFC 8259). text[:end] is the input and
// text[end:end+padding] is zero. Methods take the offset of the first byte of a
// thing and return the offset behind it, or -1 with err set.
type scanner struct {
	text []byte
	end  int
	err  error
}

const (
	low  = 0x0101010101010101
	high = 0x8080808080808080
)

// special marks the bytes of w at which a string scan must stop: quote,
// backslash, control, not ASCII. Only the lowest mark is exact.
func special(w uint64) uint64 {
	q := w ^ 0x22*low
	b := w ^ 0x5c*low
	return ((q-low)&^q | (b-low)&^b | (w-0x20*low)&^w | w) & high
}

func (s *scanner) fail(i int, err error) int {
	if i >= s.end {
		err = errShort
	}
	s.err = err
	return -1
}

// str scans a string from behind its opening quote to its closing quote, whose
// offset it returns. plain says that the characters stand for themselves.
func (s *scanner) str(i int) (end int, plain bool) {
	text := s.text
	plain = true
	for {
		m := special(binary.LittleEndian.Uint64(text[i:]))
		if m == 0 {
			i += 8
			continue
		}
		i += bits.TrailingZeros64(m) >> 3
		switch c := text[i]; {
		case c == '"':
			return i, plain
		case c == '\\':
			plain = false
			if i = s.escape(i); i < 0 {
				return -1, false
			}
		case c >= 0x80:
			r, n := utf8.DecodeRune(text[i:s.end])
			if r == utf8.RuneError && n <= 1 {
				if s.end-i < utf8.UTFMax && !utf8.FullRune(text[i:s.end]) {
					s.err = errShort
					return -1, false
				}
				return s.fail(i, errUTF8), false
			}
			i += n
		default:
			return s.fail(i, errControl), false
		}
	}
}

// escape checks one escape (two for a surrogate pair).
func (s *scanner) escape(i int) int {
	switch s.text[i+1] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return i + 2
	case 'u':
		r := hex4(s.text[i+2:])
		if r < 0 {
			if i+6 > s.end {
				return s.fail(s.end, errShort)
			}
			return s.fail(i, errEscape)
		}
		if r < 0xd800 || r > 0xdfff {
			return i + 6
		}
		if i+12 > s.end {
			// A pair that the end of the window cuts.
			return s.fail(s.end, errShort)
		}
		if r < 0xdc00 && s.text[i+6] == '\\' && s.text[i+7] == 'u' {
			if lo := hex4(s.text[i+8:]); lo >= 0xdc00 && lo <= 0xdfff {
				return i + 12
			}
		}
		return s.fail(i, errSurrogate)
	}
	return s.fail(i+1, errEscape)
}

func hex4(b []byte) rune {
	var r rune
	for _, c := range b[:4] {
		switch {
		case c-'0' <= 9:
			c -= '0'
		case c-'a' <= 5:
			c -= 'a' - 10
		case c-'A' <= 5:
			c -= 'A' - 10
		default:
			return -1
		}
		r = r<<4 | rune(c)
	}
	return r
}

// space skips white space.
func (s *scanner) space(i int) int {
	for {
		switch s.text[i] {
		case ' ', '\n', '\r', '\t':
			i++
		default:
			return i
		}
	}
}

// scalar scans a number or literal.
func (s *scanner) scalar(i int) int {
	switch s.text[i] {
	case 't':
		return s.literal(i, "true")
	case 'f':
		return s.literal(i, "false")
	case 'n':
		return s.literal(i, "null")
	}
	return s.number(i)
}

func (s *scanner) literal(i int, word string) int {
	for k := range len(word) {
		if s.text[i+k] != word[k] {
			return s.fail(i+k, errSyntax)
		}
	}
	return i + len(word)
}

func (s *scanner) number(i int) int {
	text := s.text
	if text[i] == '-' {
		i++
	}
	switch {
	case text[i] == '0':
		i++
	case text[i]-'1' <= 8:
		for text[i]-'0' <= 9 {
			i++
		}
	default:
		return s.fail(i, errSyntax)
	}
	if text[i] == '.' {
		i++
		if text[i]-'0' > 9 {
			return s.fail(i, errSyntax)
		}
		for text[i]-'0' <= 9 {
			i++
		}
	}
	if text[i]|0x20 == 'e' {
		i++
		if text[i] == '+' || text[i] == '-' {
			i++
		}
		if text[i]-'0' > 9 {
			return s.fail(i, errSyntax)
		}
		for text[i]-'0' <= 9 {
			i++
		}
	}
	return i
}

// value scans any value. depth counts the containers around it. compact says
// that there was no white space outside strings.
func (s *scanner) value(i, depth int) (end int, compact bool) {
	text := s.text
	compact = true
	// stack has a bit for each open container, 1 for an object.
	var stack [maxDepth/64 + 1]uint64
	base := depth
	for {
		// Here a value begins.
		c := text[i]
		if c <= ' ' {
			if j := s.space(i); j != i {
				compact = false
				i = j
				continue
			}
		}
		switch c {
		case '"':
			if i, _ = s.str(i + 1); i < 0 {
				return -1, false
			}
			i++
		case '{', '[':
			if depth >= maxDepth {
				return s.fail(i, errDepth), false
			}
			stack[depth>>6] &^= 1 << (depth & 63)
			if c == '{' {
				stack[depth>>6] |= 1 << (depth & 63)
			}
			depth++
			i++
			if text[i] <= ' ' {
				if j := s.space(i); j != i {
					compact = false
					i = j
				}
			}
			if text[i] == c+2 { // '}' is '{'+2 and ']' is '['+2
				depth--
				i++
				break
			}
			if c == '[' {
				continue
			}
			if i = s.key(i, &compact); i < 0 {
				return -1, false
			}
			continue
		default:
			if i = s.scalar(i); i < 0 {
				return -1, false
			}
		}
		// Here a value has ended.
		for {
			if depth == base {
				return i, compact
			}
			c := text[i]
			if c <= ' ' {
				if j := s.space(i); j != i {
					compact = false
					i = j
					c = text[i]
				}
			}
			top := depth - 1
			inObject := stack[top>>6]>>(top&63)&1 == 1
			if c == ',' {
				i++
				if inObject {
					if i = s.key(i, &compact); i < 0 {
						return -1, false
					}
				}
				break
			}
			if inObject && c == '}' || !inObject && c == ']' {
				depth--
				i++
				continue
			}
			return s.fail(i, errSyntax), false
		}
	}
}

// key scans a member's name and the colon behind it.
func (s *scanner) key(i int, compact *bool) int {
	if s.text[i] <= ' ' {
		if j := s.space(i); j != i {
			*compact = false
			i = j
		}
	}
	if s.text[i] != '"' {
		return s.fail(i, errSyntax)
	}
	if i, _ = s.str(i + 1); i < 0 {
		return -1
	}
	i++
	if s.text[i] <= ' ' {
		if j := s.space(i); j != i {
			*compact = false
			i = j
		}
	}
	if s.text[i] != ':' {
		return s.fail(i, errSyntax)
	}
	return i + 1
}

// appendUnescaped appends the characters of a valid string's inside.
func appendUnescaped(dst, src []byte) []byte {
	for i := 0; i < len(src); {
		c := src[i]
		if c != '\\' {
			dst = append(dst, c)
			i++
			continue
		}
		switch src[i+1] {
		case 'b':
			dst = append(dst, '\b')
		case 'f':
			dst = append(dst, '\f')
		case 'n':
			dst = append(dst, '\n')
		case 'r':
			dst = append(dst, '\r')
		case 't':
			dst = append(dst, '\t')
		case 'u':
			r := hex4(src[i+2:])
			if r >= 0xd800 && r < 0xdc00 {
				r = 0x10000 + (r-0xd800)<<10 + (hex4(src[i+8:]) - 0xdc00)
				i += 6
			}
			dst = utf8.AppendRune(dst, r)
			i += 6
			continue
		default:
			dst = append(dst, src[i+1])
		}
		i += 2
	}
	return dst
}

// appendCompact appends valid JSON without the white space between tokens.
func appendCompact(dst, src []byte) []byte {
	inString := false
	for i := 0; i < len(src); i++ {
		c := src[i]
		switch {
		case inString:
			dst = append(dst, c)
			if c == '\\' {
				i++
				dst = append(dst, src[i])
			} else if c == '"' {
				inString = false
			}
		case c == ' ' || c == '\n' || c == '\r' || c == '\t':
		default:
			inString = c == '"'
			dst = append(dst, c)
		}
	}
	return dst
}

// AppendString appends s as a JSON string. s is valid UTF-8.
func AppendString(dst, s []byte) []byte {
	const digits = "0123456789abcdef"
	dst = append(dst, '"')
	from := 0
	for i, c := range s {
		if c >= 0x20 && c != '"' && c != '\\' {
			continue
		}
		dst = append(dst, s[from:i]...)
		from = i + 1
		switch c {
		case '"', '\\':
			dst = append(dst, '\\', c)
		case '\n':
			dst = append(dst, '\\', 'n')
		case '\r':
			dst = append(dst, '\\', 'r')
		case '\t':
			dst = append(dst, '\\', 't')
		default:
			dst = append(dst, '\\', 'u', '0', '0', digits[c>>4], digits[c&15])
		}
	}
	return append(append(dst, s[from:]...), '"')
}
