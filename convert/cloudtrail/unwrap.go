package cloudtrail

import (
	"bytes"
	"slices"
)

// verdict says what an object is that is no record itself.
type verdict int

const (
	foreign verdict = iota
	wrapped         // a container of records, perhaps empty
	digest
)

// maxWraps is how many containers may stand around a record.
const maxWraps = 6

// Where containers keep what they carry: lists are in decoder.go.
var (
	// holders have a record, or another container, as their value: EventBridge
	// (detail), test fixtures (event, data), Cloud Logging (jsonPayload),
	// Elastic (aws.cloudtrail).
	holders = map[string]bool{`"detail"`: true, `"event"`: true, `"data"`: true, `"jsonPayload"`: true, `"aws"`: true, `"cloudtrail"`: true}
	// texts have it as a JSON text in a string: LookupEvents, CloudWatch Logs,
	// Splunk, SNS, CloudTrail Lake.
	texts = map[string]bool{`"CloudTrailEvent"`: true, `"message"`: true, `"@message"`: true, `"_raw"`: true, `"Message"`: true, `"eventJson"`: true, `"eventjson"`: true}
)

// unwrap queues the records inside an object.
func (d *Decoder) unwrap(raw []byte, at int64, wraps int) verdict {
	compact := appendCompact(make([]byte, 0, len(raw)), raw)
	result := foreign
	digestMarks := 0
	eachMember(compact[1:len(compact)-1], func(k, v []byte) bool {
		key := string(k)
		switch {
		case v[0] == '[' && isList(key[1:len(key)-1]):
			result = wrapped
			eachElement(v[1:len(v)-1], func(e []byte) {
				if !d.enqueue(e, at, wraps) && !d.enqueueRow(e, at, wraps) {
					d.queue = append(d.queue, embedded{text: pad(e), end: len(e), err: errNotRecord, at: at})
				}
			})
		case v[0] == '{' && holders[key]:
			if d.enqueue(v, at, wraps) {
				result = wrapped
			}
		case v[0] == '"' && texts[key]:
			inside := bytes.TrimSpace(appendUnescaped(nil, v[1:len(v)-1]))
			if d.enqueue(inside, at, wraps) || bytes.HasPrefix(inside, []byte(controlMessage)) {
				result = wrapped
			}
		case key == `"digestStartTime"` || key == `"digestS3Object"`:
			digestMarks++
		}
		return true
	})
	if digestMarks == 2 && result == foreign {
		return digest
	}
	return result
}

// controlMessage begins what CloudWatch Logs sends to see whether a subscriber
// is there.
const controlMessage = "CWL CONTROL MESSAGE"

func isList(name string) bool { return slices.Contains(lists, name) }

// isEnvelope says whether an object holds records, without queueing them.
func (d *Decoder) isEnvelope(raw []byte) bool {
	n := len(d.queue)
	v := d.unwrap(raw, 0, 0)
	d.queue = d.queue[:n]
	return v == wrapped
}

// enqueue queues the record, broken record or records of a value. It is false
// where there are none.
func (d *Decoder) enqueue(v []byte, at int64, wraps int) bool {
	if len(v) == 0 || v[0] != '{' {
		return false
	}
	q := embedded{text: pad(v), end: len(v), at: at}
	p := d.inner
	p.text, p.end = q.text, q.end
	if end := p.record(0, &Record{}); end != len(v) {
		if !hasMark(v) {
			return false
		}
		q.err = p.err
		switch {
		case end > 0:
			q.err = errSyntax // more than one value
		case q.err == errShort:
			q.err = ErrTruncated
		}
		d.queue = append(d.queue, q)
		return true
	}
	if err := p.finish(); err == errNotRecord {
		return wraps < maxWraps && d.unwrap(v, at, wraps+1) == wrapped
	}
	d.queue = append(d.queue, q)
	return true
}

// embedded turns a queued text into a result.
func (d *Decoder) embedded(q embedded) (*Record, error) {
	p := d.inner
	p.text, p.end = q.text, q.end
	err := q.err
	if err == nil {
		if p.record(0, &d.rec) < 0 {
			err = p.err
		} else {
			err = p.finish()
		}
	}
	if err != nil {
		return nil, d.rejectText(q.at, int64(q.end), q.text[:q.end], err)
	}
	return d.decoded(q.text[:q.end]), nil
}

// eachElement calls f with each element of the inside of a compact array.
func eachElement(elements []byte, f func([]byte)) {
	s := scanner{text: pad(elements), end: len(elements)}
	for i := 0; i < s.end; {
		v, _ := s.value(i, 0)
		if v < 0 {
			return
		}
		f(s.text[i:v])
		i = v + 1
	}
}

func pad(b []byte) []byte {
	return append(append(make([]byte, 0, len(b)+padding), b...), make([]byte, padding)...)
}

// timestampPrefix passes over the time that CloudWatch Logs exports write before
// each line's JSON.
func (d *Decoder) timestampPrefix() bool {
	if len(d.stack) > 0 {
		return false
	}
	for d.p.end-d.start < 64 && d.more() {
	}
	line := d.p.text[d.start:min(d.p.end, d.start+40)]
	k := bytes.Index(line, []byte(" {"))
	if k < 0 {
		return false
	}
	if _, ok := d.p.time(line[:k]); !ok {
		return false
	}
	d.start += k + 1
	return true
}
