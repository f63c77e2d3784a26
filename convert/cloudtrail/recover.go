package cloudtrail

import (
	"bytes"
	"math/bits"
)

// searchFactor bounds the search for places to go on: it may read so many times
// what has been read of the object, so that a hostile one costs no more than a
// few readings.
const searchFactor = 16

// stride is how far to go on without a search when that has become too costly.
const stride = 4 << 10

// broken handles the object at d.start, which is no JSON or ends early. ok says
// that there is a result.
func (d *Decoder) broken(cause error) (rec *Record, err error, ok bool) {
	s := d.survey()
	if s.list && !s.record() && d.zone == 0 {
		// A container with something broken in it: its list may be read.
		d.open('{')
		d.start++
		return nil, nil, false
	}
	return nil, d.recover(cause, s), true
}

// recover rejects the broken object at d.start and finds where to go on: behind
// it where its brackets balance and what follows makes sense, else at the next
// object that is a whole record.
func (d *Decoder) recover(cause error, s survey) error {
	to := s.size
	within := true // to is where the object ends
	if s.size == 0 || !d.follows(s.size) {
		if within = cause == ErrTruncated; within {
			to = d.p.end - d.start
		} else {
			to = d.nextRecord(1, -1, s.marks == 0)
		}
	}
	if err := d.src.fault(); err != nil {
		return err
	}
	from := d.start
	if from+to == d.p.end && d.eof {
		cause = d.endsWith(cause)
	}
	if within && !s.record() {
		// A broken container may hold whole records. One that is a record
		// itself may not: the objects in it are what a caller of some API wrote.
		d.zone = d.offset + int64(from+to)
		d.start++
	} else {
		d.start += to
	}
	return d.reject(from, from+to, cause)
}

// salvage moves on to the next record in a broken container, or to its end.
func (d *Decoder) salvage() {
	limit := max(int(d.zone-d.offset-int64(d.start)), 0)
	at := d.nextRecord(0, limit, true)
	if d.start += at; at == limit {
		d.zone = 0
	}
}

// endsWith says why the text ends, of which the last that is rejected reaches
// the end for the given reason. What is open stays open for no other.
func (d *Decoder) endsWith(cause error) error {
	d.closing = true
	if d.src.err == nil {
		return cause
	}
	d.content.Relevant = true
	return d.src.err
}

// stray rejects text that is no value, up to the next thing that could be one.
func (d *Decoder) stray() error {
	at := d.offset + int64(d.start)
	cause := ErrStray
	inList := false
	if n := len(d.stack); n > 0 {
		if c := d.p.text[d.start]; c != ']' && c != '}' {
			cause = ErrTruncated // if it is so to the end
		}
		if inList = d.stack[n-1] != '{'; !inList {
			// The container itself is broken: its records may go on.
			d.stack = d.stack[:n-1]
		}
	}
	first := true
	size, whole := d.pass(func(c byte) verge {
		if !first && (c == '{' || c == '\n' || inList && (c == ',' || c == ']')) {
			return before
		}
		first = false
		return inside
	})
	if err := d.src.fault(); err != nil {
		return err
	}
	switch {
	case whole:
		cause = ErrStray
	case cause == ErrTruncated || d.src.err != nil:
		cause = d.endsWith(cause)
	}
	return d.rejectText(at, size, d.skipped, cause)
}

// survey is what can be said of an object without understanding it.
type survey struct {
	size  int    // up to the bracket that closes it, 0 if none does
	marks uint64 // members that it has of those by which records are known
	list  bool   // it has a list of records
}

// minMarks is how many of recordMarks a record has.
const minMarks = 3

// record says whether the object is, or was meant to be, a record.
func (s survey) record() bool { return bits.OnesCount64(s.marks) >= minMarks }

// survey looks at brackets and quotes of the object at d.start, up to its list
// of records or its end.
func (d *Decoder) survey() (s survey) {
	limit := MaxRecord
	if d.exhausted() {
		limit = stride
	}
	var open []byte
	var inString, named bool
	var from int // of the last string
	names := layout.objects[0].lookup
	list := 0 // 1: behind the name of a list, 2: behind its colon
	for i := 0; ; i++ {
		for i >= limit || d.start+i >= d.p.end {
			if i >= limit || !d.more() {
				d.spent += int64(i)
				return s
			}
		}
		c := d.p.text[d.start+i]
		if inString {
			switch c {
			case '\\':
				i++
			case '\n':
				inString = false // no string has one: the quote was wrong
			case '"':
				inString = false
				if len(open) != 1 || !named {
					continue
				}
				named = false
				name := d.p.text[d.start+from : d.start+i]
				if isList(string(name)) {
					list = 1
				} else if k, ok := names[string(name)]; ok {
					s.marks |= 1 << k & recordMarks
				}
			}
			continue
		}
		switch c {
		case ' ', '\t', '\r', '\n':
			continue
		case '"':
			inString, from = true, i+1
		case '{', '[':
			if list == 2 && c == '[' && len(open) == 1 {
				s.list = true
				return s
			}
			open = append(open, c)
			named = c == '{'
		case '}', ']':
			if open[len(open)-1] != c-2 { // '{' is '}'-2 and '[' is ']'-2
				return s
			}
			if open = open[:len(open)-1]; len(open) == 0 {
				s.size = i + 1
				return s
			}
		case ',':
			named = true
		case ':':
			if list == 1 {
				list = 2
				continue
			}
		}
		list = 0
	}
}

// follows says whether what comes behind the object of the given size at
// d.start could follow an object.
func (d *Decoder) follows(size int) bool {
	for {
		from := d.start + size
		next := d.p.space(from)
		if next < d.p.end {
			c := d.p.text[next]
			return c == ',' || c == ']' || c == '}' || bytes.IndexByte(d.p.text[from:next], '\n') >= 0
		}
		if next-d.start >= 2*MaxRecord || !d.more() {
			return true
		}
	}
}

// exhausted says that searching has cost enough.
func (d *Decoder) exhausted() bool {
	return d.spent > searchFactor*(d.offset+int64(d.start)+windowSize)
}

// nextRecord finds the first object from there on, and before limit, that is a
// record or holds some. Places are relative to d.start; no limit is -1. Objects
// that are the value of a member count only if members says so. If there is
// none it returns the limit, or the end of the window.
func (d *Decoder) nextRecord(from, limit int, members bool) int {
	p := d.p
	for at := from; limit < 0 || at < limit; at++ {
		if d.exhausted() {
			break
		}
		k := bytes.IndexByte(p.text[d.start+at:p.end], '{')
		if k < 0 && limit < 0 {
			at = p.end - d.start
			if at >= MaxRecord || !d.refill() {
				return at
			}
			at--
			continue
		}
		if k < 0 || limit >= 0 && at+k >= limit {
			break
		}
		at += k
		if (members || !d.isMember(at)) && d.isRecordAt(at) {
			return at
		}
	}
	if limit >= 0 {
		return limit
	}
	for p.end-d.start < windowSize && d.more() {
	}
	end := min(p.end-d.start, windowSize)
	if near := min(from+stride, end); near < end {
		if k := bytes.IndexByte(p.text[d.start+near:d.start+end], '\n'); k >= 0 {
			return near + k
		}
	}
	return end
}

// isMember says whether what begins there is the value of a member.
func (d *Decoder) isMember(at int) bool {
	before := bytes.TrimRight(d.p.text[d.start:d.start+at], " \t\r\n")
	return len(before) > 0 && before[len(before)-1] == ':'
}

// isRecordAt says whether the object there, relative to d.start, is a record or
// holds some. It is true for what is too long to tell.
func (d *Decoder) isRecordAt(at int) bool {
	p := d.p
	for size := 256; ; size *= 16 {
		i := d.start + at
		cut := min(i+size, p.end)
		end := p.recordWithin(i, cut, &d.rec)
		d.spent += int64(cut - i)
		if end > 0 {
			return p.finish() != errNotRecord || d.isEnvelope(p.text[i:end])
		}
		if p.err != errShort {
			return false
		}
		if cut == p.end {
			if p.end-d.start >= MaxRecord {
				return true
			}
			if !d.refill() {
				return false
			}
		}
	}
}

// recordWithin is record for a text that ends at cut.
func (p *parser) recordWithin(i, cut int, rec *Record) (end int) {
	var behind [padding]byte
	copy(behind[:], p.text[cut:])
	clear(p.text[cut : cut+padding])
	p.end, cut = cut, p.end
	end = p.record(i, rec)
	p.end, cut = cut, p.end
	copy(p.text[cut:], behind[:])
	return end
}
