package editor

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// key is one thing that the user did.
type key struct {
	code keyCode
	text string // of keyText, keyPaste and keyRefused
}

type keyCode uint8

const (
	keyText    keyCode = iota // typed
	keyPaste                  // pasted: nothing in it is a command
	keyRefused                // a paste that is too long; text says so
	keyEnter
	keyLine    // an Enter from before the editor listened: the line after it is as typed
	keyNewline // a new line whatever stands there
	keyUp
	keyDown
	keyLeft
	keyRight
	keyLineStart
	keyLineEnd
	keyWordLeft
	keyWordRight
	keyTextStart
	keyTextEnd
	keyOlder // in history
	keyNewer
	keyBackspace
	keyDelete
	keyCutBack // to the space before
	keyCutWordLeft
	keyCutWordRight
	keyCutLineLeft
	keyCutLineRight
	keyYank
	keyLastWord // of the statement before
	keyUndo
	keyTab
	keyBackTab
	keySearchOlder
	keySearchNewer
	keyEscape
	keyAbort // Ctrl-G
	keyInterrupt
	keyEnd // Ctrl-D
	keySuspend
	keyClear
	keyEdit
	// What happened to the terminal.
	keyResize
	keyResume
	keyCancel
	keyHangup
)

// maxPaste is how many bytes of a paste are taken.
const maxPaste = 1 << 20

// escapeWait is how long an escape sequence may take to arrive; an ESC alone is
// the key.
const escapeWait = 25 * time.Millisecond

var (
	pasteStart = []byte("\x1b[200~")
	pasteEnd   = []byte("\x1b[201~")
)

// keyReader makes keys of what a terminal sends. Sequences that mean nothing
// here are dropped.
type keyReader struct {
	rest    []byte // not yet a key
	ahead   bool   // rest was typed before the editor listened
	pasting bool   // inside of a bracketed paste
	// flood: several lines arrived at once, which nobody types. They are
	// pasted, by a terminal that does not say so.
	flood  bool
	paste  []byte
	lost   int  // bytes of the paste beyond maxPaste
	prefix bool // Ctrl-X was pressed
	keys   []key
}

// next is the next key, if there is one.
func (r *keyReader) next() (key, bool) {
	for len(r.keys) > 0 {
		k := r.keys[0]
		r.keys = r.keys[1:]
		return k, true
	}
	return key{}, false
}

// unsure reports whether what comes within escapeWait decides what the last
// bytes were; flush has to be called when nothing comes.
func (r *keyReader) unsure() bool {
	return r.flood || !r.pasting && len(r.rest) > 0 && r.rest[0] == 0x1b
}

// feed takes what one read brought. ahead: it was typed before the editor
// listened.
func (r *keyReader) feed(b []byte, ahead bool) {
	r.ahead = ahead
	switch {
	case r.pasting && len(b) == 1 && b[0] == 0x03:
		r.pasting, r.paste, r.lost, r.rest = false, nil, 0, nil // its end is lost
		return
	case r.flood && bytes.IndexByte(b, 0x1b) < 0:
		r.collect(b)
		return
	case r.flood:
		r.endPaste()
	case !r.pasting && !ahead && len(r.rest) == 0 && severalLines(b):
		r.flood = true
		r.collect(b)
		return
	}
	r.rest = append(r.rest, b...) // b is the caller's
	r.split()
}

// flush tells that nothing came within escapeWait.
func (r *keyReader) flush() {
	if r.flood {
		r.endPaste()
		return
	}
	if !r.unsure() {
		return
	}
	if len(bytes.Trim(r.rest, "\x1b")) == 0 {
		r.add(keyEscape)
	}
	r.rest = r.rest[:0]
}

// severalLines is true of two line ends with a text behind the first; a single
// one may be what a slow connection made of typing.
func severalLines(b []byte) bool {
	if bytes.IndexByte(b, 0x1b) >= 0 {
		return false
	}
	ends := 0
	for i, c := range b {
		if c == '\r' || c == '\n' && (i == 0 || b[i-1] != '\r') {
			ends++
		}
	}
	return ends > 1 && len(bytes.Trim(b[bytes.IndexAny(b, "\r\n"):], "\r\n")) > 0
}

func (r *keyReader) add(c keyCode) { r.keys = append(r.keys, key{code: c}) }

func (r *keyReader) collect(b []byte) {
	room := maxPaste - len(r.paste)
	if len(b) > room {
		r.lost += len(b) - room
		b = b[:room]
	}
	r.paste = append(r.paste, b...)
}

func (r *keyReader) endPaste() {
	if r.lost > 0 {
		r.keys = append(r.keys, key{keyRefused, fmt.Sprintf("paste of %.1f MiB refused, 1 MiB is the limit: put it in a file for .read",
			float64(len(r.paste)+r.lost)/(1<<20))})
	} else if text := pasteText(r.paste); text != "" {
		r.keys = append(r.keys, key{keyPaste, text})
	}
	r.pasting, r.flood, r.paste, r.lost = false, false, nil, 0
}

// pasteText is a paste as text: lines end in a line feed, there are no control
// characters.
func pasteText(b []byte) string {
	text := strings.ToValidUTF8(string(b), string(utf8.RuneError))
	text = strings.NewReplacer("\r\n", "\n", "\r", "\n", "\t", "    ").Replace(text)
	return strings.Map(func(c rune) rune {
		if isControl(c) && c != '\n' {
			return -1
		}
		return c
	}, text)
}

func isControl(c rune) bool { return c < 0x20 || c >= 0x7f && c < 0xa0 }

// split makes keys of rest, as far as it goes.
func (r *keyReader) split() {
	for len(r.rest) > 0 {
		if r.pasting {
			if !r.splitPaste() {
				return
			}
			continue
		}
		var n int
		switch c := r.rest[0]; {
		case bytes.HasPrefix(r.rest, pasteStart):
			r.pasting, n = true, len(pasteStart)
		case c == 0x1b:
			var k key
			var known bool
			if k, known, n = escape(r.rest); known {
				r.keys = append(r.keys, k)
			}
			r.prefix = r.prefix && n == 0
		case isControl(rune(c)) && c < 0x80:
			r.control(c)
			n = 1
			if c == '\r' && bytes.HasPrefix(r.rest, []byte("\r\n")) {
				n = 2
			}
		default:
			n = r.typed()
			r.prefix = false
		}
		if n == 0 {
			return // more has to come
		}
		r.rest = r.rest[n:]
	}
}

// splitPaste collects the paste; it is false when more has to come.
func (r *keyReader) splitPaste() bool {
	n := bytes.Index(r.rest, pasteEnd)
	if n >= 0 {
		r.collect(r.rest[:n])
		r.endPaste()
		r.rest = r.rest[n+len(pasteEnd):]
		return true
	}
	keep := 0 // the beginning of the end may be there already
	for i := min(len(pasteEnd)-1, len(r.rest)); i > 0; i-- {
		if bytes.HasSuffix(r.rest, pasteEnd[:i]) {
			keep = i
			break
		}
	}
	n = len(r.rest) - keep
	r.collect(r.rest[:n])
	r.rest = r.rest[n:]
	return false
}

// typed takes the text at the start of rest, and tells its length; 0 when its
// only character is not complete.
func (r *keyReader) typed() int {
	n := 0
	var text []byte
	for n < len(r.rest) {
		c, size := utf8.DecodeRune(r.rest[n:])
		if c < 0x20 || c == 0x7f || c == utf8.RuneError && size == 1 && !utf8.FullRune(r.rest[n:]) {
			break
		}
		if !isControl(c) && (c != utf8.RuneError || size > 1) {
			text = append(text, r.rest[n:n+size]...)
		}
		n += size
	}
	if len(text) == 0 {
		return n
	}
	if last := len(r.keys) - 1; last >= 0 && r.keys[last].code == keyText {
		r.keys[last].text += string(text)
	} else {
		r.keys = append(r.keys, key{keyText, string(text)})
	}
	return n
}

// controls are the keys of the bytes below 0x20, and of 0x7f.
var controls = map[byte]keyCode{
	0x01: keyLineStart, 0x02: keyLeft, 0x03: keyInterrupt, 0x04: keyEnd, 0x05: keyLineEnd, 0x06: keyRight,
	0x07: keyAbort, 0x08: keyBackspace, 0x09: keyTab, 0x0a: keyEnter, 0x0b: keyCutLineRight, 0x0c: keyClear,
	0x0d: keyEnter, 0x0e: keyDown, 0x10: keyUp, 0x12: keySearchOlder, 0x13: keySearchNewer, 0x15: keyCutLineLeft,
	0x17: keyCutBack, 0x19: keyYank, 0x1a: keySuspend, 0x1f: keyUndo, 0x7f: keyBackspace,
}

func (r *keyReader) control(c byte) {
	prefix := r.prefix
	r.prefix = c == 0x18
	code, known := controls[c]
	switch {
	case prefix && c == 0x05:
		r.add(keyEdit)
	case r.ahead && code == keyEnter:
		r.add(keyLine)
	case r.ahead && code == keyTab: // of a paste, more likely than for a proposal
		r.keys = append(r.keys, key{keyText, "    "})
	case known:
		r.add(code)
	}
}

// metas are the keys of a character after ESC, which is how terminals send Alt.
var metas = map[byte]keyCode{
	'\r': keyNewline, '\n': keyNewline, 'b': keyWordLeft, 'B': keyWordLeft, 'f': keyWordRight, 'F': keyWordRight,
	'd': keyCutWordRight, 'D': keyCutWordRight, 0x7f: keyCutWordLeft, 0x08: keyCutWordLeft,
	'<': keyTextStart, '>': keyTextEnd, 'p': keyOlder, 'P': keyOlder, 'n': keyNewer, 'N': keyNewer,
	'.': keyLastWord, '_': keyLastWord,
}

// maxSequence is how long an escape sequence may be.
const maxSequence = 256

// escape reads the sequence at the start of b, whose length is n: 0 when it is
// not complete.
func escape(b []byte) (k key, known bool, n int) {
	if len(b) == 1 {
		return k, false, 0
	}
	switch c := b[1]; c {
	case '[':
		return controlSequence(b)
	case 'O':
		if len(b) == 2 {
			return k, false, 0
		}
		switch b[2] {
		case 'c':
			return key{code: keyWordRight}, true, 3
		case 'd':
			return key{code: keyWordLeft}, true, 3
		case 'M':
			return key{code: keyEnter}, true, 3
		}
		code, known := cursorKey(b[2], false)
		return key{code: code}, known, 3
	case ']', 'P', '_', '^', 'X': // a text for the terminal's program, ended by BEL or ESC \
		if code, known := metas[c]; known && len(b) == 2 {
			return key{code: code}, true, 2
		}
		for i := 2; i < len(b); i++ {
			switch {
			case b[i] == 0x07:
				return k, false, i + 1
			case b[i] == '\\' && b[i-1] == 0x1b && i > 2:
				return k, false, i + 1
			case i > maxSequence:
				return k, false, i
			}
		}
		return k, false, 0
	case 0x1b:
		if len(b) == 2 {
			return k, false, 0
		}
		if b[2] == '[' || b[2] == 'O' { // some send Alt and an arrow so
			k, known, n = escape(b[1:])
			if n == 0 {
				return k, false, 0
			}
			switch k.code {
			case keyLeft:
				k.code = keyWordLeft
			case keyRight:
				k.code = keyWordRight
			}
			return k, known, n + 1
		}
		return key{code: keyEscape}, true, 1
	default:
		if code, known := metas[c]; known {
			return key{code: code}, true, 2
		}
		if !utf8.FullRune(b[1:]) {
			return k, false, 0
		}
		_, size := utf8.DecodeRune(b[1:])
		return k, false, 1 + size
	}
}

// cursorKey is the key of a sequence's last byte; word is true with Ctrl or Alt.
func cursorKey(last byte, word bool) (keyCode, bool) {
	switch last {
	case 'A':
		return keyUp, true
	case 'B':
		return keyDown, true
	case 'C':
		if word {
			return keyWordRight, true
		}
		return keyRight, true
	case 'D':
		if word {
			return keyWordLeft, true
		}
		return keyLeft, true
	case 'H':
		if word {
			return keyTextStart, true
		}
		return keyLineStart, true
	case 'F':
		if word {
			return keyTextEnd, true
		}
		return keyLineEnd, true
	}
	return 0, false
}

// controlSequence reads what begins with ESC [.
func controlSequence(b []byte) (k key, known bool, n int) {
	if len(b) == 2 {
		return k, false, 0
	}
	if b[2] == '[' { // a function key of the Linux console
		if len(b) == 3 {
			return k, false, 0
		}
		return k, false, 4
	}
	end := 2
	for end < len(b) && b[end] >= 0x20 && b[end] < 0x40 {
		if end++; end > maxSequence {
			return k, false, end
		}
	}
	if end == len(b) {
		return k, false, 0
	}
	last := b[end]
	if last < 0x40 || last > 0x7e {
		return k, false, end // broken off
	}
	n = end + 1
	if last == 'M' && end == 2 { // a mouse that somebody left on
		if len(b) < n+3 {
			return k, false, 0
		}
		return k, false, n + 3
	}
	number, modifier := parameters(string(b[2:end]))
	word := modifier > 2 // Alt is 3, Ctrl 5; Shift alone is 2
	code, known := cursorKey(last, word)
	switch last {
	case 'Z':
		code, known = keyBackTab, true
	case 'u': // as modern terminals send keys with modifiers, when asked to
		code, known = keyNewline, number == 13
	case '~':
		known = true
		switch number {
		case 1, 7:
			code = keyLineStart
		case 4, 8:
			code = keyLineEnd
		case 3:
			if code = keyDelete; word {
				code = keyCutWordRight
			}
		case 5:
			code = keyOlder
		case 6:
			code = keyNewer
		case 27:
			code, known = keyNewline, bytes.HasSuffix(b[:end], []byte(";13"))
		default:
			known = false
		}
	}
	return key{code: code}, known, n
}

// parameters are the first two numbers of a sequence.
func parameters(s string) (first, second int) {
	a, b, _ := strings.Cut(s, ";")
	first, _ = strconv.Atoi(a) // 0 where there is none
	second, _ = strconv.Atoi(b)
	return first, second
}
