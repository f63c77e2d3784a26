package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"github.com/trailql/trailql/engine"
	"github.com/trailql/trailql/engine/output"
)

// lookup is one search.
type lookup struct {
	engine     engine.Engine
	query      engine.Query // without its SQL
	attributes []attribute
	regions    []string
	category   string // eventCategory; "" all but Insight, or all
	most       int    // events, the newest; 0 is all
}

const newestFirst = " ORDER BY eventtimestamp DESC, eventid"

func (l *lookup) limit() string {
	if l.most == 0 {
		return ""
	}
	return fmt.Sprintf(" LIMIT %d", l.most)
}

// show writes the events in one of the formats of queries.
func (l *lookup) show(ctx context.Context, out *queryOutput) (int64, error) {
	c := l.where(logsSource)
	q := l.query
	q.Params = c.params
	q.SQL = `SELECT eventtime, coalesce(eventname, ` + logsSource.detail("eventName") + `) AS eventname, ` + username + ` AS username,
		coalesce(eventsource, ` + logsSource.detail("eventSource") + `) AS eventsource, awsregion, sourceipaddress, errorcode,
		array_join(transform(resources, r -> r.arn), ' ') AS resources, readonly, useridentity.accesskeyid AS accesskeyid, eventid
		FROM ` + logsSource.name + c.sql() + newestFirst + l.limit()
	result, err := l.engine.Query(ctx, q)
	if err != nil {
		return 0, errors.Join(err, out.reportStats(engine.Stats{}, err))
	}
	defer result.Close()
	summary, err := out.write(result)
	stats := result.Stats()
	if err != nil {
		return 0, errors.Join(err, out.reportStats(stats, err))
	}
	out.report(summary, stats)
	return summary.Rows, out.reportStats(stats, nil)
}

// answeredEvent is a member of Events in AWS's answer.
type answeredEvent struct {
	EventID     string             `json:"EventId"`
	EventName   string             `json:"EventName,omitempty"`
	ReadOnly    string             `json:"ReadOnly,omitempty"`
	AccessKeyID string             `json:"AccessKeyId,omitempty"`
	EventTime   string             `json:"EventTime"`
	EventSource string             `json:"EventSource,omitempty"`
	Username    string             `json:"Username,omitempty"`
	Resources   []answeredResource `json:"Resources"`
	Record      string             `json:"CloudTrailEvent"`
}

type answeredResource struct {
	Type string `json:"ResourceType,omitempty"`
	Name string `json:"ResourceName,omitempty"`
}

// answer writes the events as AWS answers.
func (l *lookup) answer(ctx context.Context, out *queryOutput) (rows int64, err error) {
	q := l.query
	if l.most > 0 {
		// Putting records together is dear: only of those that are wanted.
		span, err := l.span(ctx)
		if err != nil {
			return 0, err
		}
		if !span.IsZero() {
			q.Window = span
		}
	}
	s := lakeSource
	c := l.where(s)
	q.Params = c.params
	q.SQL = `SELECT eventid, coalesce(eventname, ` + s.detail("eventName") + `), CAST(readonly AS varchar), useridentity.accesskeyid,
		date_format(eventtime, '%Y-%m-%dT%H:%i:%s+00:00'), coalesce(eventsource, ` + s.detail("eventSource") + `), ` + username + `,
		json_format(CAST(transform(resources, r -> r."type") AS json)), json_format(CAST(transform(resources, r -> r.arn) AS json)), eventjson
		FROM ` + s.name + c.sql() + " ORDER BY eventtime DESC, eventid" + l.limit()
	result, err := l.engine.Query(ctx, q)
	if err != nil {
		return 0, errors.Join(err, out.reportStats(engine.Stats{}, err))
	}
	defer result.Close()
	w := answerWriter{w: out.writer, terminal: out.options.Terminal}
	w.text(`{` + "\n    " + `"Events": [`)
	for batch, err := range result.Batches() {
		if err != nil {
			return w.events, errors.Join(err, out.reportStats(result.Stats(), err))
		}
		if err := w.batch(batch); err != nil {
			return w.events, err
		}
	}
	if w.events > 0 {
		w.text("\n    ")
	}
	w.text("]\n}\n")
	return w.events, errors.Join(w.err, out.reportStats(result.Stats(), nil))
}

// span is the time of the events wanted; zero if there are none.
func (l *lookup) span(ctx context.Context) (w engine.Window, err error) {
	c := l.where(logsSource)
	q := l.query
	q.Params = c.params
	q.SQL = "SELECT min(eventtimestamp), max(eventtimestamp) FROM (SELECT eventtimestamp FROM " + logsSource.name + c.sql() + " ORDER BY eventtimestamp DESC" + l.limit() + ")"
	result, err := l.engine.Query(ctx, q)
	if err != nil {
		return w, err
	}
	defer result.Close()
	for batch, err := range result.Batches() {
		if err != nil {
			return w, err
		}
		if batch.NumRows() == 0 || batch.Column(0).IsNull(0) {
			continue
		}
		var times [2]time.Time
		for i := range times {
			column, ok := batch.Column(i).(*array.Timestamp)
			if !ok {
				return w, fmt.Errorf("read event times: %s", batch.Column(i).DataType())
			}
			times[i] = column.Value(0).ToTime(column.DataType().(*arrow.TimestampType).Unit).UTC()
		}
		w = engine.Window{From: times[0], To: times[1].Add(time.Microsecond)}
	}
	return w, nil
}

// answerWriter writes the events, laid out as the AWS CLI does.
type answerWriter struct {
	w        io.Writer
	terminal bool
	events   int64
	err      error
}

func (w *answerWriter) text(text string) {
	if w.err == nil {
		_, w.err = io.WriteString(w.w, text)
	}
}

func (w *answerWriter) batch(batch arrow.RecordBatch) error {
	for i := range int(batch.NumRows()) {
		value := func(column int) string {
			if c := batch.Column(column); !c.IsNull(i) {
				return c.ValueStr(i)
			}
			return ""
		}
		e := answeredEvent{
			EventID: value(0), EventName: value(1), ReadOnly: value(2), AccessKeyID: value(3), EventTime: value(4),
			EventSource: value(5), Username: value(6), Resources: []answeredResource{}, Record: value(9),
		}
		if value(7) != "" {
			var kinds, names []string
			if err := errors.Join(json.Unmarshal([]byte(value(7)), &kinds), json.Unmarshal([]byte(value(8)), &names)); err != nil {
				return fmt.Errorf("read resources: %w", err)
			}
			for k := range min(len(kinds), len(names)) {
				e.Resources = append(e.Resources, answeredResource{kinds[k], names[k]})
			}
		}
		var b bytes.Buffer
		encoder := json.NewEncoder(&b)
		encoder.SetEscapeHTML(false)
		encoder.SetIndent("        ", "    ")
		if err := encoder.Encode(e); err != nil {
			return err
		}
		text := b.Bytes()
		if w.terminal {
			text = output.SafeJSON(text)
		}
		if w.events > 0 {
			w.text(",")
		}
		w.text("\n        " + strings.TrimSpace(string(text)))
		w.events++
	}
	return w.err
}
