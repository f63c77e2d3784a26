//go:build cgo && duckdb_arrow

package duck

import (
	"errors"
	"fmt"
	"sync"

	bindings "github.com/duckdb/duckdb-go-bindings"
)

// database is one DuckDB instance in memory.
type database struct{ handle bindings.Database }

func openDatabase() (*database, error) {
	var config bindings.Config
	if bindings.CreateConfig(&config) == bindings.StateError {
		return nil, errors.New("create DuckDB configuration")
	}
	defer bindings.DestroyConfig(&config)
	db, message := &database{}, ""
	if bindings.OpenExt(":memory:", &db.handle, config, &message) == bindings.StateError {
		return nil, fmt.Errorf("open DuckDB: %s", message)
	}
	return db, nil
}

func (db *database) close() { bindings.Close(&db.handle) }

func (db *database) connect() (*connection, error) {
	c := &connection{}
	if bindings.Connect(db.handle, &c.handle) == bindings.StateError {
		return nil, errors.New("connect to DuckDB")
	}
	return c, nil
}

// connection runs one statement at a time. Only interrupt may be called from
// another goroutine.
type connection struct {
	mu     sync.Mutex // guards handle against interrupt after close
	closed bool
	handle bindings.Connection
}

func (c *connection) close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed = true
	bindings.Disconnect(&c.handle)
}

// interrupt makes the running statement fail. A statement that starts later
// is not affected.
func (c *connection) interrupt() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.closed {
		bindings.Interrupt(c.handle)
	}
}

// exec runs a statement of ours that has no rows.
func (c *connection) exec(sql string) error {
	var result bindings.Result
	defer bindings.DestroyResult(&result)
	if bindings.Query(c.handle, sql, &result) == bindings.StateError {
		return readFailure(bindings.ResultError(&result))
	}
	return nil
}

// prepare accepts exactly one statement and never runs anything.
func (c *connection) prepare(sql string) (*statement, error) {
	var extracted bindings.ExtractedStatements
	count := bindings.ExtractStatements(c.handle, sql, &extracted)
	defer bindings.DestroyExtracted(&extracted)
	switch {
	case count == 0:
		return nil, readFailure(bindings.ExtractStatementsError(extracted))
	case count > 1:
		return nil, errManyStatements
	}
	s := &statement{connection: c}
	if bindings.PrepareExtractedStatement(c.handle, extracted, 0, &s.handle) == bindings.StateError {
		err := readFailure(bindings.PrepareError(s.handle))
		s.close()
		return nil, err
	}
	return s, nil
}

var errManyStatements = errors.New("more than one statement")
