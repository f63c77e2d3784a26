package cloudtrail

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"
)

const (
	// MaxRecord is the longest text that is read as one record. CloudTrail's
	// own limit is 256 KB (1 MB in event data stores).
	MaxRecord = 16 << 20
	// MaxRaw is how much of an over-long text a RecordError keeps.
	MaxRaw = 64 << 10

	windowSize = 256 << 10
)

// RecordError says that a part of an object cannot be a row. Reading goes on
// behind it.
type RecordError struct {
	Index  int64  // place among the object's records, good and bad
	Offset int64  // of Raw in the uncompressed object
	Size   int64  // bytes concerned; more than len(Raw) where that is cut
	Raw    []byte // valid until the decoder's next call; not always UTF-8
	Err    error
}

func (e *RecordError) Error() string {
	return fmt.Sprintf("record %d at byte %d: %v", e.Index, e.Offset, e.Err)
}

func (e *RecordError) Unwrap() error { return e.Err }

// Reasons for which a RecordError stands, for errors.Is.
var (
	ErrTruncated = errors.New("object ends early")
	ErrTooLong   = fmt.Errorf("longer than %d MiB", MaxRecord>>20)
	ErrStray     = errors.New("text between records")
	ErrNotRecord = errNotRecord
	ErrNoTime    = errNoTime
	ErrNotList   = errors.New("Records is not a list")
)

// Content says what an object turned out to be.
type Content struct {
	Records  int64 // decoded
	Rejected int64 // RecordErrors
	// Envelopes counts recognised containers, so an object without records that
	// has one is an empty log file and not a foreign one.
	Envelopes int64
	Digests   int64
	Foreign   int64 // 1 for an object that does not begin as JSON does; nothing of it is read
	// Relevant says that something in it is CloudTrail's. What has been
	// rejected in an object that has nothing of the kind is no loss.
	Relevant bool
	Bytes    int64 // uncompressed, as far as it was read
}

// Decoder reads the records of one object after another, in whatever container
// they come. Not safe for concurrent use.
type Decoder struct {
	src source
	p   *parser
	rec Record

	// The window is p.text[start:p.end]; offset is the stream position of
	// p.text[0].
	start  int
	offset int64
	eof    bool

	stack   []byte // open containers: '{', '[' or openRows
	rows    rowTable
	large   large
	queue   []embedded
	inner   *parser // for texts that are not in the window
	content Content
	index   int64
	closing bool  // the end of the object has been reported on
	zone    int64 // up to here lies a broken value whose records are still to be read
	spent   int64 // bytes searched for places to go on
	skipped []byte
}

// large is an object that is too long to be a record, at the bottom of the
// stack: a container, if it turns out to have a list.
type large struct {
	open, list bool
	at         int64
	raw        []byte
}

// embedded is a record found inside another value.
type embedded struct {
	text []byte // padded
	end  int
	err  error
	at   int64
}

// NewDecoder returns a decoder; Reset gives it something to read.
func NewDecoder() *Decoder {
	return &Decoder{p: newParser(), inner: newParser()}
}

// Reset starts on a new object, whatever became of the last. gzip is undone
// where the first bytes say so, several members and layers included.
func (d *Decoder) Reset(r io.Reader) {
	if len(d.p.text) == 0 {
		d.p.text = make([]byte, windowSize+padding)
	}
	if len(d.p.text) > 8*windowSize {
		d.p.text = make([]byte, windowSize+padding)
	}
	d.src.reset(r)
	d.start, d.p.end, d.offset, d.eof = 0, 0, 0, false
	clear(d.p.text[:padding])
	d.stack, d.queue = d.stack[:0], d.queue[:0]
	d.large, d.rows = large{}, rowTable{}
	d.content = Content{}
	d.index = 0
	d.closing = false
	d.zone, d.spent = 0, 0
}

// Records decodes one object: see Decoder.Next for what it yields.
func Records(r io.Reader) iter.Seq2[*Record, error] {
	return func(yield func(*Record, error) bool) {
		d := NewDecoder()
		d.Reset(r)
		for {
			rec, err := d.Next()
			if err == io.EOF || !yield(rec, err) {
				return
			}
			var bad *RecordError
			if err != nil && !errors.As(err, &bad) {
				return
			}
		}
	}
}

// Content says what has been read since Reset.
func (d *Decoder) Content() Content {
	c := d.content
	c.Bytes = d.offset + int64(d.p.end)
	return c
}

// Next returns the next record, valid until the next call. A *RecordError
// reports what cannot be a row, and Next may be called again; io.EOF ends the
// object; any other error is the reader's own and final.
func (d *Decoder) Next() (*Record, error) {
	for {
		if len(d.queue) > 0 {
			q := d.queue[0]
			d.queue = d.queue[1:]
			return d.embedded(q)
		}
		if d.rows.csv {
			if rec, err, ok := d.csvRow(); ok {
				return rec, err
			}
			continue
		}
		if d.zone > 0 {
			d.salvage()
		}
		c, ok := d.peek()
		if !ok {
			return nil, d.finish()
		}
		if n := len(d.stack); n > 0 && d.stack[n-1] == '{' {
			if err := d.envelope(c); err != nil {
				return nil, err
			}
			continue
		}
		switch c {
		case ',':
			d.start++
		case '[':
			if len(d.stack) >= maxDepth {
				return nil, d.stray()
			}
			if n := len(d.stack); n > 0 && d.stack[n-1] == openRows {
				if err, ok := d.row(); ok {
					if err != nil {
						return nil, err
					}
					continue
				}
			}
			d.open('[')
			d.start++
		case ']':
			if len(d.stack) == 0 {
				return nil, d.stray()
			}
			d.stack = d.stack[:len(d.stack)-1]
			d.start++
		case '{':
			if rec, err, ok := d.candidate(); ok {
				return rec, err
			}
		default:
			if len(d.stack) > 0 {
				if err := d.element(); err != nil {
					return nil, err
				}
				continue
			}
			if d.byteOrderMark() || d.timestampPrefix() {
				continue
			}
			if d.index == 0 && d.content.Envelopes == 0 {
				if err, ok := d.openText(); ok {
					if err != nil {
						return nil, err
					}
					continue
				}
				d.content.Foreign = 1
				return nil, io.EOF
			}
			return nil, d.stray()
		}
	}
}

func (d *Decoder) open(kind byte) {
	d.stack = append(d.stack, kind)
	d.content.Envelopes++
}

// peek is the next byte that is not white space.
func (d *Decoder) peek() (byte, bool) {
	for {
		d.start = d.p.space(d.start)
		if d.start < d.p.end {
			return d.p.text[d.start], true
		}
		if !d.more() {
			return 0, false
		}
	}
}

// byteOrderMark passes over one: before the text, or between texts that have
// been joined.
func (d *Decoder) byteOrderMark() bool {
	const mark = "\xef\xbb\xbf"
	for d.p.end-d.start < len(mark) && d.more() {
	}
	if !bytes.HasPrefix(d.p.text[d.start:d.p.end], []byte(mark)) {
		return false
	}
	d.start += len(mark)
	return true
}

// more reads on behind the window, keeping everything from d.start, and makes
// the window larger where that fills it. It is false at the end of the input.
func (d *Decoder) more() bool {
	if d.eof {
		return false
	}
	p := d.p
	if d.start > 0 {
		copy(p.text, p.text[d.start:p.end])
		d.offset += int64(d.start)
		p.end -= d.start
		d.start = 0
	}
	if p.end+padding == len(p.text) {
		grown := make([]byte, 2*(len(p.text)-padding)+padding)
		copy(grown, p.text[:p.end])
		p.text = grown
	}
	n, err := d.src.Read(p.text[p.end : len(p.text)-padding])
	p.end += n
	clear(p.text[p.end : p.end+padding])
	if err != nil {
		d.eof = true
	}
	return n > 0 || !d.eof
}

// refill reads until the window has twice as much as before, so that reading
// what is in it once more costs no more than reading on.
func (d *Decoder) refill() bool {
	want := min(max(2*(d.p.end-d.start), windowSize/2), MaxRecord)
	ok := d.more()
	for d.p.end-d.start < want && d.more() {
	}
	return ok
}

// finish reports what the end of the object means, then io.EOF.
func (d *Decoder) finish() error {
	if err := d.src.fault(); err != nil {
		return err
	}
	if d.closing {
		return io.EOF
	}
	d.closing = true
	err := d.src.err
	switch {
	case err != nil:
		d.content.Relevant = true
	case len(d.stack) > 0:
		err = ErrTruncated
	default:
		return io.EOF
	}
	if d.large.open && !d.large.list {
		return d.rejectLarge(err)
	}
	return d.reject(d.p.end, d.p.end, err)
}

// reject reports window bytes from..to.
func (d *Decoder) reject(from, to int, err error) error {
	return d.rejectText(d.offset+int64(from), int64(to-from), d.p.text[from:to], err)
}

func (d *Decoder) rejectText(at, size int64, raw []byte, err error) error {
	e := &RecordError{Index: d.index, Offset: at, Size: size, Raw: raw, Err: err}
	d.index++
	d.content.Rejected++
	if !errors.Is(err, ErrNotRecord) && (d.inList() || hasMark(raw)) {
		d.content.Relevant = true
	}
	return e
}

// inList says whether what is being read is in a container that names its list.
func (d *Decoder) inList() bool {
	return bytes.IndexByte(d.stack, '{') >= 0 && (!d.large.open || d.large.list)
}

// hasMark says whether a text has something in it that only records have.
func hasMark(text []byte) bool {
	for _, mark := range [...]string{"eventVersion", "eventTime", "eventSource", "eventName", "userIdentity"} {
		if bytes.Contains(text, []byte(mark)) {
			return true
		}
	}
	return false
}

// candidate handles the object at d.start. ok says that there is a result.
func (d *Decoder) candidate() (rec *Record, err error, ok bool) {
	p := d.p
	if len(d.stack) == 0 && d.zone == 0 && d.opensList() {
		d.open('{')
		d.start++
		return nil, nil, false
	}
	for {
		end := p.record(d.start, &d.rec)
		if end > 0 {
			return d.complete(end)
		}
		if p.err != errShort {
			return d.broken(p.err)
		}
		if p.end-d.start >= MaxRecord {
			if len(d.stack) == 0 {
				// Perhaps a container whose list comes late.
				d.large = large{open: true, at: d.offset + int64(d.start), raw: bytes.Clone(p.text[d.start : d.start+MaxRaw])}
				d.stack = append(d.stack, '{')
				d.start++
				return nil, nil, false
			}
			return nil, d.tooLong(), true
		}
		if !d.refill() {
			if err := d.src.fault(); err != nil {
				return nil, err, true
			}
			return d.broken(ErrTruncated)
		}
	}
}

// complete handles a whole object that ends at end.
func (d *Decoder) complete(end int) (rec *Record, err error, ok bool) {
	p := d.p
	from, raw := d.start, p.text[d.start:end]
	switch err := p.finish(); err {
	case nil:
		d.start = end
		return d.decoded(raw), nil, true
	case errNotRecord:
		if d.zone == 0 && d.survey().list {
			d.open('{')
			d.start++
			return nil, nil, false
		}
		d.start = end
		switch d.unwrap(raw, d.offset+int64(from), 0) {
		case wrapped:
			d.content.Envelopes++
		case digest:
			d.content.Digests++
			d.content.Relevant = true
		default:
			return nil, d.reject(from, end, errNotRecord), true
		}
		return nil, nil, false
	default:
		d.start = end
		return nil, d.reject(from, end, err), true
	}
}

// decoded counts the record in d.rec, whose text is raw.
func (d *Decoder) decoded(raw []byte) *Record {
	d.rec.Raw = raw
	d.rec.Index = d.index
	d.index++
	d.content.Records++
	d.content.Relevant = true
	return &d.rec
}

// element handles a member of a list that is neither object nor list: nil for a
// text with records in it.
func (d *Decoder) element() error {
	p := d.p
	for {
		end, _ := p.value(d.start, 0)
		next := end
		if end > 0 {
			next = p.space(end)
		}
		if (end < 0 && p.err == errShort || next >= p.end) && p.end-d.start < MaxRecord && !d.eof {
			d.refill()
			continue
		}
		if err := d.src.fault(); err != nil && next >= p.end {
			return err
		}
		if end < 0 || next < p.end && p.text[next] != ',' && p.text[next] != ']' {
			return d.stray()
		}
		from := d.start
		d.start = end
		if c := p.text[from]; c == '"' && d.enqueueText(p.text[from:end], d.offset+int64(from)) {
			return nil
		}
		return d.reject(from, end, errNotRecord)
	}
}

// lists are the members under which containers hold their records.
var lists = append([]string{"Records", "Events", "logEvents", "events", "test_events"}, rowLists...)

// opensList says whether the object at d.start begins with a list of records,
// so that it can be read without holding the whole of it.
func (d *Decoder) opensList() bool {
	for d.p.end-d.start < 64 && d.more() {
	}
	i := d.p.space(d.start + 1)
	for _, name := range lists {
		if bytes.HasPrefix(d.p.text[i:d.p.end], []byte(`"`+name+`"`)) {
			return true
		}
	}
	return false
}

// envelope handles the next token inside a container that is an object.
func (d *Decoder) envelope(c byte) error {
	switch c {
	case ',':
		d.start++
		return nil
	case '}':
		d.start++
		d.stack = d.stack[:len(d.stack)-1]
		if d.large.open && len(d.stack) == 0 {
			l := d.large
			d.large = large{}
			if !l.list {
				return d.rejectText(l.at, d.offset+int64(d.start)-l.at, l.raw, ErrTooLong)
			}
		}
		return nil
	case '{', '[':
		// A closing bracket too many, or a name too few: what comes is read as
		// if the container had ended.
		d.stack = d.stack[:len(d.stack)-1]
		return nil
	case '"':
	default:
		return d.stray()
	}
	p := d.p
	for {
		compact := true
		p.err = nil
		end := p.key(d.start, &compact)
		if end > 0 {
			end = p.space(end)
			if end >= p.end {
				end, p.err = -1, errShort
			}
		}
		if end < 0 {
			if p.err == errShort && p.end-d.start < MaxRecord && d.refill() {
				continue
			}
			if err := d.src.fault(); err != nil {
				return err
			}
			return d.stray()
		}
		name, _, _ := bytes.Cut(p.text[d.start+1:end], []byte{'"'})
		named := isList(string(name))
		d.start = end
		switch {
		case named && p.text[end] == '[':
			d.large.list = d.large.open
			if slices.Contains(rowLists, string(name)) {
				d.open(openRows)
				d.rows.lake = string(name) == rowLists[0]
			} else {
				d.open('[')
			}
			d.start++
			return nil
		case string(name) == lists[0] && p.text[end] != 'n':
			return d.rejectSkipped(ErrNotList)
		}
		if _, whole := d.skip(); !whole {
			return nil // finish will say that the object ends early
		}
		return nil
	}
}

// skip passes over one value of any length, of which it checks the brackets and
// quotes only. It returns the value's size; the first MaxRaw bytes of it are in
// d.skipped.
func (d *Decoder) skip() (size int64, whole bool) {
	var depth int
	var inString, escaped, started bool
	return d.pass(func(c byte) verge {
		first := !started
		started = true
		switch {
		case escaped:
			escaped = false
		case inString:
			if c == '\\' {
				escaped = true
			} else if c == '"' {
				inString = false
				if depth == 0 {
					return behind
				}
			}
		case c == '"':
			inString = true
		case c == '{' || c == '[':
			depth++
		case c == '}' || c == ']':
			if depth == 0 {
				return before // the end of what holds a scalar
			}
			if depth--; depth == 0 {
				return behind
			}
		case depth == 0 && !first && (c == ',' || c == ' ' || c == '\n' || c == '\r' || c == '\t'):
			return before
		}
		return inside
	})
}

// verge says where a byte stands towards the end of what is passed over.
type verge int

const (
	inside verge = iota
	before       // the byte is not part of it any more
	behind       // the byte is the last of it
)

// pass moves on until f sees the end, and keeps the first MaxRaw bytes.
func (d *Decoder) pass(f func(c byte) verge) (size int64, whole bool) {
	d.skipped = d.skipped[:0]
	for {
		text := d.p.text[d.start:d.p.end]
		for i, c := range text {
			v := f(c)
			if v == inside {
				continue
			}
			if v == behind {
				i++
			}
			d.keep(text[:i])
			d.start += i
			return size + int64(i), true
		}
		d.keep(text)
		size += int64(len(text))
		d.start = d.p.end
		if !d.more() {
			return size, false
		}
	}
}

func (d *Decoder) keep(b []byte) {
	if n := MaxRaw - len(d.skipped); n > 0 {
		d.skipped = append(d.skipped, b[:min(n, len(b))]...)
	}
}

func (d *Decoder) tooLong() error { return d.rejectSkipped(ErrTooLong) }

// rejectSkipped passes over the value at d.start and rejects it.
func (d *Decoder) rejectSkipped(err error) error {
	at := d.offset + int64(d.start)
	size, whole := d.skip()
	if !whole {
		if err := d.src.fault(); err != nil {
			return err
		}
		err = d.endsWith(ErrTruncated)
	}
	return d.rejectText(at, size, d.skipped, err)
}

func (d *Decoder) rejectLarge(err error) error {
	l := d.large
	d.large = large{}
	return d.rejectText(l.at, d.offset+int64(d.p.end)-l.at, l.raw, err)
}
