package trino

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/trailql/trailql/engine"
	"github.com/trailql/trailql/engine/dialect"
)

// Cluster is the engine.Engine of this package.
type Cluster struct {
	client *client
	views  map[string]string

	mu       sync.Mutex
	known    *relations // nil before the first query
	prepared map[string]prepared
}

// prepared is a statement that PREPARE has named.
type prepared struct {
	sql     string
	dialect dialect.Dialect
}

// Open reads the options. It asks the server nothing: the first query does.
func Open(_ context.Context, o Options) (*Cluster, error) {
	c, err := newClient(o)
	if err != nil {
		return nil, fmt.Errorf("open Trino: %w", err)
	}
	return &Cluster{client: c, views: o.Views, prepared: map[string]prepared{}}, nil
}

// Name is the address, without secrets.
func (c *Cluster) Name() string { return c.client.address.name() }

// Close implements engine.Engine.
func (c *Cluster) Close() error {
	c.client.close()
	return nil
}

// Query implements engine.Engine.
func (c *Cluster) Query(ctx context.Context, q engine.Query) (*engine.Result, error) {
	r := &running{client: c.client, query: q, started: time.Now()}
	r.ctx, r.stop = withTimeout(ctx, q.Limits.Timeout)
	err := c.start(r)
	if err != nil {
		err = r.classify(err)
		r.close()
		return nil, err
	}
	return engine.NewResult(r.schema(), r.batches(), r.stats, func() error {
		r.close()
		return nil
	}), nil
}

func (c *Cluster) start(r *running) error {
	s, err := c.Translate(r.ctx, r.query)
	if err != nil {
		return err
	}
	r.statement = s
	switch s.Kind {
	case dialect.Prepare:
		d, err := dialectNamed(r.query.Dialect)
		if err != nil {
			return err
		}
		c.mu.Lock()
		defer c.mu.Unlock()
		c.prepared[s.Name] = prepared{s.Source, d}
		return nil
	case dialect.Deallocate:
		c.mu.Lock()
		defer c.mu.Unlock()
		if _, ok := c.prepared[s.Name]; !ok {
			return notPrepared(s.Name)
		}
		delete(c.prepared, s.Name)
		return nil
	case dialect.Execute:
		if r.statement, err = c.execute(r.ctx, s, r.query.Window); err != nil {
			return err
		}
	case dialect.CreateView, dialect.DropView:
		defer c.forget()
	}
	sql, shift, err := c.text(r.ctx, r.statement)
	if err != nil {
		return err
	}
	r.shift = shift
	return r.start(sql)
}

// Translate says what would run, without running it. The error is that of Query.
func (c *Cluster) Translate(ctx context.Context, q engine.Query) (*dialect.Statement, error) {
	d, err := dialectNamed(q.Dialect)
	if err != nil {
		return nil, err
	}
	literals := make([]string, len(q.Params))
	for i, p := range q.Params {
		if literals[i], err = literal(p); err != nil {
			return nil, &engine.SQLError{Message: fmt.Sprintf("parameter %d: %s", i+1, err)}
		}
	}
	s, err := c.translate(ctx, q.SQL, d, q.Window, literals)
	if err != nil {
		return nil, err
	}
	if s.Kind != dialect.Prepare && s.Parameters != len(q.Params) {
		return nil, &engine.SQLError{Message: fmt.Sprintf("the statement has %d parameters, got %d values (give one --param for each ?)", s.Parameters, len(q.Params))}
	}
	return s, nil
}

func (c *Cluster) translate(ctx context.Context, sql string, d dialect.Dialect, w engine.Window, literals []string) (*dialect.Statement, error) {
	known, err := c.relations(ctx)
	if err != nil {
		return nil, err
	}
	s, err := dialect.Translate(sql, dialect.Options{
		Dialect: d, Target: dialect.ForTrino, Relations: known.within(w), Database: c.client.address.schema, Databases: known.schemas, Literals: literals,
	})
	var wrong *dialect.Error
	if errors.As(err, &wrong) {
		e := &engine.SQLError{Line: wrong.Line, Column: wrong.Column, Message: wrong.Message, Hint: wrong.Hint}
		if wrong.NotAllowed {
			e.Kind = engine.ErrNotAllowed
		}
		return nil, e
	}
	return s, err
}

// execute is the prepared statement with its arguments.
func (c *Cluster) execute(ctx context.Context, s *dialect.Statement, w engine.Window) (*dialect.Statement, error) {
	c.mu.Lock()
	p, ok := c.prepared[s.Name]
	c.mu.Unlock()
	if !ok {
		return nil, notPrepared(s.Name)
	}
	literals := make([]string, len(s.Arguments))
	for i, v := range s.Arguments {
		var err error
		if literals[i], err = literal(v); err != nil {
			return nil, err
		}
	}
	made, err := c.translate(ctx, p.sql, p.dialect, w, literals)
	if err != nil {
		return nil, err
	}
	if made.Parameters != len(s.Arguments) {
		return nil, &engine.SQLError{Message: fmt.Sprintf("the prepared statement has %d parameters, got %d values", made.Parameters, len(s.Arguments))}
	}
	return made, nil
}

func notPrepared(name string) error {
	return &engine.SQLError{Message: fmt.Sprintf("prepared statement %q does not exist", name), Hint: "PREPARE lasts as long as the engine is open"}
}

func dialectNamed(name string) (dialect.Dialect, error) {
	for _, d := range []dialect.Dialect{dialect.Athena, dialect.Lake} {
		if name == d.String() || name == "" {
			return d, nil
		}
	}
	return 0, fmt.Errorf("%w on Trino: dialect %q", engine.ErrUnsupported, name)
}

func withTimeout(ctx context.Context, timeout time.Duration) (context.Context, context.CancelFunc) {
	if timeout <= 0 {
		return context.WithCancel(ctx)
	}
	return context.WithTimeoutCause(ctx, timeout, fmt.Errorf("%w: %s", engine.ErrTimeout, timeout))
}
