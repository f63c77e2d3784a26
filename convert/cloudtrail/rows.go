package cloudtrail

import (
	"bytes"
	"errors"
	"strings"
)

// Results of queries hold records as one column of their rows: CloudTrail Lake's
// eventjson, in CSV or in lists of cells, and the @message of CloudWatch Logs
// Insights. Rows of other columns are no records: Lake writes maps as {a=b}, and
// leaves out what is null.

// rowLists are those of the lists whose members are rows, each a list of cells.
var rowLists = []string{"QueryResultRows", "results"}

// openRows stands for a row list on the decoder's stack.
const openRows = '('

// recordColumn is the column with the whole record, in lower case.
const recordColumn = "eventjson"

var (
	errNoRecordCell   = errors.New("row without a whole record: select eventjson")
	errNoRecordColumn = errors.New("CSV without a column eventjson: its columns do not hold whole records")
	errCommandOutput  = errors.New("output of the AWS CLI that is not JSON: save it with --output json")
)

// rowTable is the state of reading rows.
type rowTable struct {
	lake   bool // the row list is CloudTrail Lake's
	csv    bool // the object is CSV
	column int  // of the records in it
}

// row queues the records of the row at d.start, which is a list of cells. It is
// not ok if the row is broken: then its cells are read one by one.
func (d *Decoder) row() (err error, ok bool) {
	p := d.p
	for {
		p.err = nil
		end, _ := p.value(d.start, 0)
		if end < 0 {
			if p.err == errShort && p.end-d.start < MaxRecord && d.refill() {
				continue
			}
			return d.src.fault(), d.src.fault() != nil
		}
		from := d.start
		d.start = end
		d.content.Envelopes++
		compact := appendCompact(make([]byte, 0, end-from), p.text[from:end])
		if d.enqueueRow(compact, d.offset+int64(from), 0) {
			return nil, true
		}
		if d.rows.lake {
			return d.reject(from, end, errNoRecordCell), true
		}
		return d.reject(from, end, errNotRecord), true
	}
}

// enqueueRow queues the record of a row, a compact list of cells: {"eventjson":
// text}, or {"field":"@message","value":text}.
func (d *Decoder) enqueueRow(row []byte, at int64, wraps int) bool {
	if len(row) < 2 || row[0] != '[' {
		return false
	}
	queued := false
	eachElement(row[1:len(row)-1], func(cell []byte) {
		if cell[0] != '{' {
			return
		}
		var field, value []byte
		eachMember(cell[1:len(cell)-1], func(k, v []byte) bool {
			switch {
			case v[0] != '"':
			case strings.EqualFold(string(k), `"`+recordColumn+`"`):
				field, value = []byte(`"@message"`), v
				return false
			case string(k) == `"field"`:
				field = v
			case string(k) == `"value"`:
				value = v
			}
			return true
		})
		if string(field) == `"@message"` && value != nil {
			queued = d.enqueue(bytes.TrimSpace(appendUnescaped(nil, value[1:len(value)-1])), at, wraps) || queued
		}
	})
	return queued
}

// enqueueText queues the records in a JSON string.
func (d *Decoder) enqueueText(text []byte, at int64) bool {
	return d.enqueue(bytes.TrimSpace(appendUnescaped(nil, text[1:len(text)-1])), at, 0)
}

// openText recognises an object that does not begin as JSON does. ok says that
// it is one that people take for a source of records; err may be nil then.
func (d *Decoder) openText() (err error, ok bool) {
	for d.p.end-d.start < 16 && d.more() {
	}
	head := d.p.text[d.start:d.p.end]
	if bytes.HasPrefix(head, []byte("EVENTS\t")) || bytes.HasPrefix(head, []byte("Events:\n")) || bytes.HasPrefix(head, []byte("Events:\r\n")) {
		return d.rejectRest(errCommandOutput), true
	}
	size, whole := d.csvSize(windowSize)
	if err := d.src.fault(); err != nil {
		return err, true
	}
	if !whole {
		return nil, false
	}
	column, marks := -1, 0
	for i, name := range csvFields(d.p.text[d.start : d.start+size]) {
		switch strings.ToLower(strings.ReplaceAll(string(name), " ", "")) {
		case recordColumn:
			column = i
		case "eventname", "eventtime", "eventsource", "eventversion", "useridentity", "awsregion", "eventid":
			marks++
		}
	}
	switch {
	case column >= 0:
		d.start += size
		d.rows.csv, d.rows.column = true, column
		d.content.Envelopes++
		d.content.Relevant = true
		return nil, true
	case marks >= minMarks:
		return d.rejectRest(errNoRecordColumn), true
	}
	return nil, false
}

// rejectRest rejects all of the object from d.start on.
func (d *Decoder) rejectRest(cause error) error {
	at := d.offset + int64(d.start)
	size, _ := d.pass(func(byte) verge { return inside })
	if err := d.src.fault(); err != nil {
		return err
	}
	if d.src.err != nil {
		cause = d.endsWith(cause)
	}
	d.content.Envelopes++
	d.content.Relevant = true
	return d.rejectText(at, size, d.skipped, cause)
}

// csvRow reads the next row. ok says that there is a result.
func (d *Decoder) csvRow() (rec *Record, err error, ok bool) {
	for d.start == d.p.end {
		if !d.more() {
			return nil, d.finish(), true
		}
	}
	size, whole := d.csvSize(MaxRecord)
	if err := d.src.fault(); err != nil {
		return nil, err, true
	}
	from, at := d.start, d.offset+int64(d.start)
	if !whole {
		if d.p.end-d.start < MaxRecord {
			d.start = d.p.end
			return nil, d.reject(from, d.p.end, d.endsWith(ErrTruncated)), true
		}
		quoted := false
		size, whole := d.pass(func(c byte) verge {
			if c == '"' {
				quoted = !quoted
			}
			if c == '\n' && !quoted {
				return behind
			}
			return inside
		})
		if err := d.src.fault(); err != nil {
			return nil, err, true
		}
		cause := ErrTooLong
		if !whole {
			cause = d.endsWith(ErrTooLong)
		}
		return nil, d.rejectText(at, size, d.skipped, cause), true
	}
	row := d.p.text[from : from+size]
	d.start += size
	if len(bytes.TrimSpace(row)) == 0 {
		return nil, nil, false
	}
	fields := csvFields(row)
	if len(fields) <= d.rows.column || len(fields[d.rows.column]) == 0 {
		return nil, d.reject(from, from+size, errNoRecordCell), true
	}
	if !d.enqueue(bytes.TrimSpace(fields[d.rows.column]), at, 0) {
		return nil, d.reject(from, from+size, errNotRecord), true
	}
	return nil, nil, false
}

// csvSize is the size of the row at d.start with its line end. It is not whole
// if it is longer than limit or ends inside a quoted value.
func (d *Decoder) csvSize(limit int) (size int, whole bool) {
	quoted := false
	for i := 0; ; i++ {
		for d.start+i >= d.p.end {
			if i >= limit || !d.refill() {
				return i, !quoted && i < limit && d.eof && d.src.err == nil
			}
		}
		switch d.p.text[d.start+i] {
		case '"':
			quoted = !quoted
		case '\n':
			if !quoted {
				return i + 1, i < limit
			}
		}
	}
}

// csvFields are the values of a row, without their quotes.
func csvFields(row []byte) [][]byte {
	row = bytes.TrimRight(row, "\r\n")
	var fields [][]byte
	for {
		var value []byte
		rest := row
		if len(row) > 0 && row[0] == '"' {
			for rest = row[1:]; ; {
				k := bytes.IndexByte(rest, '"')
				if k < 0 {
					value, rest = append(value, rest...), nil
					break
				}
				value, rest = append(value, rest[:k]...), rest[k+1:]
				if len(rest) == 0 || rest[0] != '"' {
					break
				}
				value, rest = append(value, '"'), rest[1:]
			}
		}
		k := bytes.IndexByte(rest, ',')
		if k < 0 {
			return append(fields, append(value, rest...))
		}
		fields = append(fields, append(value, rest[:k]...))
		row = rest[k+1:]
	}
}
