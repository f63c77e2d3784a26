package repl

import (
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/trailql/trailql/engine"
	"github.com/trailql/trailql/engine/output"
	"github.com/trailql/trailql/engine/quantity"
)

// lastResult is the table that holds the rows of the last statement.
const lastResult = "_"

// results are the files behind the table _.
type results struct {
	dir     string // "" for none
	path    string // of the last result; "" for none
	missing string // why there is none
}

// tables are what statements can read.
func (r *results) tables() map[string]string {
	if r.path == "" {
		return nil
	}
	return map[string]string{lastResult: r.path}
}

// keeper writes one result. A nil keeper keeps nothing.
type keeper struct {
	file    *os.File
	w       output.Writer
	limit   int64
	written int64
	err     error
}

var errTooLarge = errors.New("too large")

// start begins to keep a result of up to limit bytes, as a file.
func (r *results) start(schema *arrow.Schema, limit int64) *keeper {
	if r.dir == "" || limit == 0 {
		return nil
	}
	k := &keeper{limit: limit}
	k.file, k.err = os.CreateTemp(r.dir, "result-*.parquet") // mode 0600
	if k.err == nil {
		k.w, k.err = output.New(k, schema, output.Options{Format: output.Parquet, TypeKey: engine.TypeKey})
	}
	return k
}

// Write is for the writer of the file.
func (k *keeper) Write(p []byte) (int, error) {
	if k.written += int64(len(p)); k.written > k.limit {
		return 0, errTooLarge
	}
	return k.file.Write(p)
}

// write takes a batch. An error is kept for take: the rows are shown anyway.
func (k *keeper) write(batch arrow.RecordBatch) {
	if k == nil || k.err != nil {
		return
	}
	k.err = k.w.Write(batch)
}

// drop forgets what take has not taken.
func (k *keeper) drop() {
	if k == nil || k.file == nil {
		return
	}
	k.file.Close()
	os.Remove(k.file.Name())
	k.file = nil
}

// take makes a complete result table _, and returns why it cannot. Then there
// is no such table: the one before would be taken for it.
func (r *results) take(k *keeper) (problem string) {
	if k == nil {
		return ""
	}
	if k.err == nil {
		_, k.err = k.w.Close()
	}
	if k.err == nil {
		k.err = k.file.Close()
	}
	before := r.path
	r.path, r.missing = "", ""
	if before != "" {
		os.Remove(before)
	}
	switch {
	case k.err == nil:
		r.path = k.file.Name()
		k.file = nil
	case errors.Is(k.err, errTooLarge):
		r.missing = fmt.Sprintf("the last result is larger than %s (.set keep), so there is no table _", quantity.Bytes(k.limit))
	default:
		r.missing = fmt.Sprintf("there is no table _: keep the last result: %s", k.err)
	}
	return r.missing
}

func (r *results) close() error {
	if r.path == "" {
		return nil
	}
	err := os.Remove(r.path)
	r.path = ""
	return err
}

var _ io.Writer = (*keeper)(nil)
