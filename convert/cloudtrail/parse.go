package cloudtrail

import (
	"bytes"
	"errors"
	"strconv"
	"time"
)

var (
	errNotRecord = errors.New("not a CloudTrail record")
	errNoTime    = errors.New("no eventTime")
	errBadTime   = errors.New("eventTime is not a time")
)

// parser turns the text of one JSON object into a Record.
type parser struct {
	scanner
	rec     *Record
	scratch []byte // unescaped and compacted values of this record
	// states has what is being collected of each kind of object.
	states []objectState
	// unmodeled texts of records whose only peculiarity is explicit nulls at
	// the top, by the set of these members.
	nulls     map[uint64][]byte
	quoted    []byte // a key
	out       []byte // the unmodeled text of this record, where it is peculiar
	fragments [NumFragments]fragments
	days      struct {
		text string
		unix int64
	}
}

type objectState struct {
	seen   uint64 // members that this record has
	nulls  uint64 // members that are explicit nulls
	extra  []byte // "key":value, for each member that no column holds
	next   []uint8
	nested bool // a child has something unmodeled
	extras int  // members in extra
	keys   map[string]bool
}

// peculiar says that the object has something that no column holds.
func (st *objectState) peculiar() bool {
	return st.nested || st.nulls != 0 || len(st.extra) > 0
}

func newParser() *parser {
	p := &parser{nulls: map[uint64][]byte{}, states: make([]objectState, len(layout.objects))}
	for i, o := range layout.objects {
		p.states[i].next = make([]uint8, len(o.members)+1)
	}
	return p
}

// recordMarks are members of which a record has at least three.
var recordMarks = func() (mask uint64) {
	root := layout.objects[0]
	for _, k := range []string{
		"eventVersion", "eventTime", "eventSource", "eventName", "eventID",
		"userIdentity", "awsRegion", "eventType", "sourceIPAddress", "recipientAccountId",
	} {
		mask |= 1 << root.lookup[k]
	}
	return mask
}()

// record parses the object at i into rec and returns the offset behind it, or
// -1 with err set as the scanner does. finish says whether it is a record.
func (p *parser) record(i int, rec *Record) (end int) {
	rec.reset()
	p.rec = rec
	p.scratch = p.scratch[:0]
	p.out = p.out[:0]
	p.err = nil
	for k := range p.states {
		s := &p.states[k]
		s.seen, s.nulls, s.nested = 0, 0, false
		if s.extras > 0 {
			s.extra = s.extra[:0]
			s.extras = 0
			clear(s.keys)
		}
	}
	return p.object(layout.objects[0], i, 1)
}

// finish completes the record whose object has been parsed: event time and
// what no column holds.
func (p *parser) finish() error {
	rec := p.rec
	seen := p.states[0].seen & recordMarks
	if seen&(seen-1) == 0 || popcountBelow3(seen) {
		return errNotRecord
	}
	if u := p.unmodeled(); u != nil {
		rec.set(LeafUnmodeled, u)
	}
	if string(rec.Text(LeafEventType)) == "AwsAggregatedEvent" {
		rec.Aggregated = true
		return nil
	}
	if !rec.Has(LeafEventTime) {
		return errNoTime
	}
	t, ok := p.time(rec.Value[LeafEventTime])
	if !ok {
		return errBadTime
	}
	rec.Time = t
	return nil
}

func popcountBelow3(x uint64) bool {
	x &= x - 1
	x &= x - 1
	return x == 0
}

// object parses the members of an object into their columns.
func (p *parser) object(o *object, i, depth int) int {
	text := p.text
	st := &p.states[o.id]
	if o.id != 0 {
		p.rec.Structs |= 1 << o.group
	}
	i = p.space(i + 1)
	if text[i] == '}' {
		return i + 1
	}
	previous := len(o.members)
	for {
		if text[i] != '"' {
			return p.fail(i, errSyntax)
		}
		// Members come in nearly the same order in every record: try the one
		// that followed the last time.
		k := int(st.next[previous])
		m := &o.members[k]
		if n := i + len(m.quoted); n <= len(text) && string(text[i:n]) == m.quoted {
			i += len(m.quoted)
		} else {
			j, plain := p.str(i + 1)
			if j < 0 {
				return -1
			}
			name := text[i+1 : j]
			if !plain {
				name = appendUnescaped(nil, name)
			}
			i = p.space(j + 1)
			if text[i] != ':' {
				return p.fail(i, errSyntax)
			}
			i++
			found, ok := o.lookup[string(name)]
			if !ok {
				if i = p.extra(st, name, p.space(i), depth); i < 0 {
					return -1
				}
				goto next
			}
			st.next[previous] = uint8(found)
			k = found
			m = &o.members[k]
		}
		if st.seen>>k&1 == 1 {
			return p.fail(i, errDuplicate)
		}
		st.seen |= 1 << k
		previous = k
		if text[i] <= ' ' {
			i = p.space(i)
		}
		if i = p.member(st, m, k, i, depth); i < 0 {
			return -1
		}
	next:
		if text[i] <= ' ' {
			i = p.space(i)
		}
		switch text[i] {
		case ',':
			i++
			if text[i] <= ' ' {
				i = p.space(i)
			}
		case '}':
			return i + 1
		default:
			return p.fail(i, errSyntax)
		}
	}
}

// member parses the value of a modelled member.
func (p *parser) member(st *objectState, m *member, k, i, depth int) int {
	text := p.text
	c := text[i]
	switch m.kind {
	case Text:
		if c == '"' {
			end, plain := p.str(i + 1)
			if end < 0 {
				return -1
			}
			v := text[i+1 : end]
			if !plain {
				v = p.unescape(v)
			}
			p.rec.set(m.leaf, v)
			return end + 1
		}
	case Flag:
		if c == 't' || c == 'f' {
			end := p.scalar(i)
			if end > 0 {
				p.rec.set(m.leaf, text[i:end])
			}
			return end
		}
	case JSON:
		if c == '{' || c == '[' {
			end, compact := p.value(i, depth)
			if end < 0 {
				return -1
			}
			v := text[i:end]
			if !compact {
				v = p.compact(v)
			}
			p.rec.set(m.leaf, v)
			return end
		}
	case Struct:
		if c == '{' && m.fragment >= 0 {
			return p.fragment(st, m, i, depth)
		}
		if c == '{' {
			end := p.object(m.object, i, depth+1)
			if end > 0 && p.states[m.object.id].peculiar() {
				st.nested = true
			}
			return end
		}
	case Resources:
		if c == '[' {
			return p.resources(st, m, i, depth)
		}
	case Map:
		if c == '{' {
			return p.attributes(st, m, i, depth)
		}
	}
	if c == 'n' {
		end := p.literal(i, "null")
		if end > 0 {
			st.nulls |= 1 << k
		}
		return end
	}
	// A value of another type than the column's: queries see its text, and the
	// value itself is kept beside.
	end, v := p.any(i, depth)
	if end < 0 {
		return -1
	}
	if m.kind <= JSON {
		if c == '"' {
			p.rec.set(m.leaf, p.unescape(v[1:len(v)-1]))
		} else {
			p.rec.set(m.leaf, v)
		}
	}
	st.addExtra([]byte(m.quoted[:len(m.quoted)-1]), v)
	return end
}

func (st *objectState) addExtra(quotedKey, value []byte) {
	st.extra = append(append(append(append(st.extra, quotedKey...), ':'), value...), ',')
	st.extras++
}

// any scans a value and returns it compact.
func (p *parser) any(i, depth int) (int, []byte) {
	end, compact := p.value(i, depth)
	if end < 0 {
		return -1, nil
	}
	v := p.text[i:end]
	if !compact {
		v = p.compact(v)
	}
	return end, v
}

// extra keeps a member that no column holds.
func (p *parser) extra(st *objectState, name []byte, i, depth int) int {
	end, v := p.any(i, depth)
	if end < 0 {
		return -1
	}
	// The key is written in one form, so that a repeated key is found.
	p.quoted = AppendString(p.quoted[:0], name)
	if st.holds(p.quoted) {
		return p.fail(i, errDuplicate)
	}
	st.addExtra(p.quoted, v)
	return end
}

// holds says whether an extra member with this key is there already.
func (st *objectState) holds(quoted []byte) bool {
	if st.extras < 8 {
		return len(st.extra) > 0 && hasMember(st.extra, quoted)
	}
	// A hostile record may have very many unknown members.
	if st.keys == nil {
		st.keys = map[string]bool{}
	}
	if len(st.keys) == 0 {
		eachMember(st.extra, func(k, _ []byte) bool {
			st.keys[string(k)] = true
			return true
		})
	}
	if st.keys[string(quoted)] {
		return true
	}
	st.keys[string(quoted)] = true
	return false
}

// hasMember says whether "key":value, pairs hold the key.
func hasMember(pairs, quoted []byte) bool {
	found := false
	eachMember(pairs, func(k, _ []byte) bool {
		found = bytes.Equal(k, quoted)
		return !found
	})
	return found
}

// eachMember calls f with each quoted key and value of the inside of a compact
// object, with or without a comma behind the last, until f returns false.
func eachMember(pairs []byte, f func(quotedKey, value []byte) bool) {
	s := scanner{text: append(append([]byte(nil), pairs...), make([]byte, padding)...), end: len(pairs)}
	for i := 0; i < s.end; {
		j, _ := s.str(i + 1)
		if j < 0 {
			return
		}
		v, _ := s.value(j+2, 0)
		if v < 0 {
			return
		}
		if !f(s.text[i:j+1], s.text[j+2:v]) {
			return
		}
		i = v + 1
	}
}

func (p *parser) unescape(v []byte) []byte {
	from := len(p.scratch)
	p.scratch = appendUnescaped(p.scratch, v)
	return p.scratch[from:len(p.scratch):len(p.scratch)]
}

func (p *parser) compact(v []byte) []byte {
	from := len(p.scratch)
	p.scratch = appendCompact(p.scratch, v)
	return p.scratch[from:len(p.scratch):len(p.scratch)]
}

// resources parses the list of objects {ARN, accountId, type}. Whatever differs
// from that shape is kept whole beside the columns.
func (p *parser) resources(st *objectState, m *member, i, depth int) int {
	text := p.text
	start := i
	end, compact := p.value(i, depth)
	if end < 0 {
		return -1
	}
	rec := p.rec
	rec.HasResources = true
	exact := true
	i = p.space(i + 1)
	for text[i] != ']' {
		var r Resource
		if text[i] == '{' {
			var ok bool
			i, ok = p.resource(&r, i)
			exact = exact && ok
		} else {
			exact = false
			j, _ := p.value(i, depth)
			if text[i] == '"' {
				r.ARN = p.unescape(text[i+1 : j-1])
			}
			i = j
		}
		rec.Resources = append(rec.Resources, r)
		i = p.space(i)
		if text[i] == ',' {
			i = p.space(i + 1)
		}
	}
	if !exact {
		v := text[start:end]
		if !compact {
			v = p.compact(v)
		}
		st.addExtra([]byte(m.quoted[:len(m.quoted)-1]), v)
	}
	return end
}

// resource parses one member of resources, which is known to be valid JSON.
// exact says that the columns hold all of it.
func (p *parser) resource(r *Resource, i int) (end int, exact bool) {
	text := p.text
	exact = true
	i = p.space(i + 1)
	for text[i] != '}' {
		j, plain := p.str(i + 1)
		name := text[i+1 : j]
		i = p.space(p.space(j+1) + 1)
		var to *[]byte
		switch {
		case !plain:
		case string(name) == "ARN":
			to = &r.ARN
		case string(name) == "accountId":
			to = &r.AccountID
		case string(name) == "type":
			to = &r.Type
		case string(name) == "arn":
			if r.ARN == nil {
				to = &r.ARN
			}
			exact = false
		}
		if to != nil && text[i] == '"' {
			if *to != nil {
				exact = false // a key twice
			}
			j, plain := p.str(i + 1)
			v := text[i+1 : j : j]
			if !plain {
				v = p.unescape(v)
			}
			*to = v
			i = j + 1
		} else {
			exact = false
			i, _ = p.value(i, 0)
		}
		i = p.space(i)
		if text[i] == ',' {
			i = p.space(i + 1)
		}
	}
	return i + 1, exact
}

// attributes parses a map of text to text; a map that holds anything else is
// kept beside the column.
func (p *parser) attributes(st *objectState, m *member, i, depth int) int {
	text := p.text
	start := i
	end, compact := p.value(i, depth)
	if end < 0 {
		return -1
	}
	rec := p.rec
	exact := true
	i = p.space(i + 1)
	for text[i] != '}' {
		j, plain := p.str(i + 1)
		a := Attribute{Key: text[i+1 : j : j]}
		if !plain {
			a.Key = p.unescape(a.Key)
		}
		for _, b := range rec.FederationAttributes {
			if bytes.Equal(a.Key, b.Key) {
				return p.fail(i, errDuplicate)
			}
		}
		i = p.space(p.space(j+1) + 1)
		if text[i] == '"' {
			j, plain := p.str(i + 1)
			a.Value = text[i+1 : j : j]
			if !plain {
				a.Value = p.unescape(a.Value)
			}
			rec.FederationAttributes = append(rec.FederationAttributes, a)
			i = j + 1
		} else {
			exact = false
			i, _ = p.value(i, 0)
		}
		i = p.space(i)
		if text[i] == ',' {
			i = p.space(i + 1)
		}
	}
	rec.HasFederationAttributes = true
	if !exact {
		v := text[start:end]
		if !compact {
			v = p.compact(v)
		}
		st.addExtra([]byte(m.quoted[:len(m.quoted)-1]), v)
	}
	return end
}

// unmodeled is the JSON object of what no column holds, nil for nothing.
func (p *parser) unmodeled() []byte {
	root := &p.states[0]
	if !root.nested && len(root.extra) == 0 {
		if root.nulls == 0 {
			return nil
		}
		text, ok := p.nulls[root.nulls]
		if !ok {
			text = p.appendUnmodeled(nil, layout.objects[0])
			if len(p.nulls) < 4096 {
				p.nulls[root.nulls] = text
			}
		}
		return text
	}
	p.out = p.appendUnmodeled(p.out, layout.objects[0])
	return p.out
}

func (p *parser) appendUnmodeled(dst []byte, o *object) []byte {
	st := &p.states[o.id]
	dst = append(dst, '{')
	for k := range o.members {
		m := &o.members[k]
		switch {
		case st.nulls>>k&1 == 1:
			dst = append(append(dst, m.quoted...), "null,"...)
		case m.object != nil && st.seen>>k&1 == 1:
			if p.states[m.object.id].peculiar() {
				dst = append(dst, m.quoted...)
				dst = p.appendUnmodeled(dst, m.object)
				dst = append(dst, ',')
			}
		}
	}
	dst = append(dst, st.extra...)
	dst[len(dst)-1] = '}'
	return dst
}

// time reads an event time. CloudTrail writes YYYY-MM-DDThh:mm:ssZ; fractions,
// offsets and a blank for the T are accepted, no zone means UTC.
func (p *parser) time(v []byte) (time.Time, bool) {
	if len(v) == 20 && v[4] == '-' && v[7] == '-' && v[10] == 'T' && v[13] == ':' && v[16] == ':' && v[19] == 'Z' {
		h, m, s := two(v[11:]), two(v[14:]), two(v[17:])
		if h < 24 && m < 60 && s < 60 {
			if string(v[:10]) != p.days.text {
				t, err := time.Parse(time.DateOnly, string(v[:10]))
				if err != nil || t.Year() < 1 {
					return time.Time{}, false
				}
				p.days.text, p.days.unix = string(v[:10]), t.Unix()
			}
			return time.Unix(p.days.unix+int64(h*3600+m*60+s), 0).UTC(), true
		}
		return time.Time{}, false
	}
	for _, form := range []string{
		"2006-01-02T15:04:05Z07:00", "2006-01-02 15:04:05Z07:00",
		"2006-01-02T15:04:05", "2006-01-02 15:04:05", "20060102T150405Z",
	} {
		if t, err := time.Parse(form, string(v)); err == nil {
			t = t.UTC()
			return t, t.Year() >= 1 && t.Year() <= 9999
		}
	}
	return time.Time{}, false
}

// two reads two digits; anything else is a large number.
func two(b []byte) int {
	x, y := int(b[0])-'0', int(b[1])-'0'
	if uint(x) > 9 || uint(y) > 9 {
		return 1000
	}
	return 10*x + y
}

// quote is for error messages: a short, escaped view of log content.
func quote(b []byte) string {
	if len(b) > 40 {
		return strconv.QuoteToASCII(string(b[:40])) + "…"
	}
	return strconv.QuoteToASCII(string(b))
}
