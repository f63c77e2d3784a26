package repl

import (
	"context"
	"errors"
	"path"
	"strings"

	"github.com/trailql/trailql/engine/dialect"
)

const localEngine = "local"

// runEngine: .engine [NAME]
func runEngine(s *Session, ctx context.Context, a arguments) error {
	if a.text == "" {
		s.printf("%s\n", escape(s.engineName()))
		return nil
	}
	name, err := a.one()
	if err != nil {
		return err
	}
	if s.options.OpenEngine == nil {
		return errors.New("this shell has one engine")
	}
	opened, err := s.options.OpenEngine(ctx, name)
	if err != nil {
		return err
	}
	s.schema.restart() // it asks the engine from before
	if s.opened != nil {
		err = s.opened.Close()
	}
	s.opened = &opened
	s.options.Engine, s.options.EngineName, s.options.Warehouse, s.options.Reports = opened.Engine, opened.Name, opened.Warehouse, opened.Reports
	s.printf("%s answers\n", escape(s.engineName()))
	return err
}

// ownDialect is that of what commands ask: words that both engines have, in the
// dialect that takes least.
func (s *Session) ownDialect() string {
	if s.engineName() == localEngine {
		return dialect.DuckDB.String()
	}
	return dialect.Athena.String()
}

// inSchema is a condition on information_schema: a cluster has tables of others.
func (s *Session) inSchema() string {
	if s.engineName() == localEngine {
		return "true"
	}
	return "table_schema = '" + strings.ReplaceAll(path.Base(s.engineName()), "'", "''") + "'"
}

func (s *Session) engineName() string {
	if s.options.EngineName == "" {
		return localEngine
	}
	return s.options.EngineName
}
