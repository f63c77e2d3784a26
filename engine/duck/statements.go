//go:build cgo && duckdb_arrow

package duck

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/trailql/trailql/catalog"
	"github.com/trailql/trailql/engine"
	"github.com/trailql/trailql/engine/dialect"
)

// run does what the statement asks for.
func (l *local) run(r *running, known *relations) error {
	s, q := r.statement, r.query
	switch s.Kind {
	case dialect.Query:
		return r.start(l, known, "", q.Params)
	case dialect.Explain:
		return r.start(l, known, "EXPLAIN ", q.Params)
	case dialect.ExplainAnalyze:
		return r.start(l, known, "EXPLAIN ANALYZE ", q.Params)
	case dialect.Execute:
		return l.execute(r, known)
	case dialect.Unload:
		return l.unloadResult(r, known)
	}
	if len(q.Params) > 0 {
		return &refusal{offset: -1, message: "this statement takes no parameters"}
	}
	a, err := l.answerTo(r.ctx, s, known, q)
	if err != nil {
		return err
	}
	r.answer = a
	return nil
}

// answerTo runs the statements that are about definitions.
func (l *local) answerTo(ctx context.Context, s *dialect.Statement, known *relations, q engine.Query) (*answer, error) {
	switch s.Kind {
	case dialect.ShowTables:
		return showNames("tab_name", known.inOrder(), s, func(r *relation) bool { return true }), nil
	case dialect.ShowViews:
		return showNames("views", known.inOrder(), s, (*relation).isView), nil
	case dialect.ShowDatabases:
		a := newAnswer("database_name")
		if likeMatches(s.Pattern, databaseName) {
			a.add(databaseName)
		}
		return a, nil
	case dialect.ShowColumns:
		columns, err := l.describe(ctx, known, s.Name)
		a := newAnswer("field")
		for _, c := range columns {
			a.add(c.name)
		}
		return a, err
	case dialect.Describe:
		return l.describeAnswer(ctx, s, known)
	case dialect.ShowPartitions:
		return showPartitions(ctx, s.Name, known)
	case dialect.ShowCreateTable:
		return l.showCreateTable(ctx, s.Name, known)
	case dialect.ShowCreateView:
		rel := known.byName[s.Name]
		if rel == nil || !rel.isView() {
			return nil, known.notA("view", s.Name)
		}
		a := newAnswer("Create View")
		a.add("CREATE VIEW " + quoteName(rel.name) + " AS\n" + rel.definition())
		return a, nil
	case dialect.CreateView:
		return l.createView(ctx, s, known, q)
	case dialect.DropView, dialect.DropTable:
		return l.drop(ctx, s, known)
	case dialect.CreateTable:
		return l.register(ctx, s, known, q)
	case dialect.Prepare:
		if _, err := l.resultColumns(ctx, known, s); err != nil {
			return nil, err
		}
		d, err := dialectNamed(q.Dialect)
		if err != nil {
			return nil, err
		}
		l.mu.Lock()
		defer l.mu.Unlock()
		l.prepared[s.Name] = prepared{s.Source, d}
		return newAnswer(), nil
	case dialect.Deallocate:
		l.mu.Lock()
		defer l.mu.Unlock()
		if _, ok := l.prepared[s.Name]; !ok {
			return nil, &refusal{offset: -1, message: fmt.Sprintf("prepared statement %q does not exist", s.Name)}
		}
		delete(l.prepared, s.Name)
		return newAnswer(), nil
	case dialect.NotNeeded:
		a := newAnswer("result")
		a.add(s.Note)
		return a, nil
	}
	return nil, &refusal{kind: engine.ErrUnsupported, offset: -1, message: "this kind of statement"}
}

func (l *local) execute(r *running, known *relations) error {
	l.mu.Lock()
	p, ok := l.prepared[r.statement.Name]
	l.mu.Unlock()
	if !ok {
		return &refusal{offset: -1, message: fmt.Sprintf("prepared statement %q does not exist", r.statement.Name), hint: "PREPARE lasts as long as the engine is open"}
	}
	s, err := dialect.Translate(p.sql, dialect.Options{Dialect: p.dialect, Relations: known})
	if err != nil {
		return err
	}
	if s.Kind != dialect.Query {
		return &refusal{kind: engine.ErrNotAllowed, offset: -1, message: "EXECUTE of what is not a query"}
	}
	arguments := r.statement.Arguments
	if s.Parameters != len(arguments) {
		return &refusal{offset: -1, message: fmt.Sprintf("the prepared statement has %d parameters, got %d values", s.Parameters, len(arguments))}
	}
	r.statement = s
	return r.start(l, known, "", arguments)
}

func showNames(column string, all []*relation, s *dialect.Statement, wanted func(*relation) bool) *answer {
	a := newAnswer(column)
	for _, rel := range all {
		if wanted(rel) && likeMatches(s.Pattern, rel.name) {
			a.add(rel.name)
		}
	}
	return a
}

// likeMatches knows the patterns of SHOW: SQL's % and _, Hive's * and |.
func likeMatches(pattern, name string) bool {
	if pattern == "" {
		return true
	}
	for p := range strings.SplitSeq(strings.ToLower(pattern), "|") {
		if globMatches(strings.NewReplacer("%", "*", "_", "?").Replace(p), name) || globMatches(p, name) {
			return true
		}
	}
	return false
}

// globMatches: * stands for any text, ? for one byte.
func globMatches(pattern, s string) bool {
	p, i, star, mark := 0, 0, -1, 0
	for i < len(s) {
		switch {
		case p < len(pattern) && pattern[p] == '*':
			star, mark = p, i
			p++
		case p < len(pattern) && (pattern[p] == '?' || pattern[p] == s[i]):
			p++
			i++
		case star >= 0:
			mark++
			p, i = star+1, mark
		default:
			return false
		}
	}
	return strings.Trim(pattern[p:], "*") == ""
}

func (r *relations) notA(kind, name string) *refusal {
	return &refusal{offset: -1, message: fmt.Sprintf("%s %q does not exist", kind, name), hint: didYouMean(name, slices.Values(r.Names()))}
}

func (l *local) describeAnswer(ctx context.Context, s *dialect.Statement, known *relations) (*answer, error) {
	a := newAnswer("col_name", "data_type", "comment")
	if s.SQL != "" {
		columns, err := l.resultColumns(ctx, known, s)
		for _, c := range columns {
			a.add(c.Name, strings.ToLower(c.Type), "")
		}
		return a, err
	}
	columns, err := l.describe(ctx, known, s.Name)
	for _, c := range columns {
		a.add(c.name, c.kind, c.comment)
	}
	return a, err
}

// showPartitions lists them as Hive names them, by the columns of a registered
// table where it is one.
func showPartitions(ctx context.Context, name string, known *relations) (*answer, error) {
	rel := known.byName[name]
	if rel == nil {
		return nil, known.notA("table", name)
	}
	if rel.shape != nil {
		rel = known.byName[rel.shape.of]
	}
	if rel.registered != nil {
		rel = known.byName[dialect.DefaultTable]
	}
	if rel == nil || rel.table == nil || len(rel.table.Spec()) == 0 {
		return nil, &refusal{offset: -1, message: fmt.Sprintf("%q is not partitioned", name)}
	}
	partitions, err := partitionsOf(ctx, rel.table)
	a := newAnswer("partition")
	for _, p := range partitions {
		var parts []string
		for i, column := range rel.table.Spec() {
			parts = append(parts, column+"="+p.values[i])
		}
		a.add(strings.Join(parts, "/"))
	}
	return a, err
}

func (l *local) showCreateTable(ctx context.Context, name string, known *relations) (*answer, error) {
	rel := known.byName[name]
	if rel == nil || rel.table == nil && rel.registered == nil {
		return nil, known.notA("table", name)
	}
	a := newAnswer("createtab_stmt")
	if rel.registered != nil {
		a.add(rel.view.SQL)
		return a, nil
	}
	columns, err := l.describe(ctx, known, name)
	if err != nil {
		return nil, err
	}
	var fields, partition []string
	for _, c := range columns {
		line := "  `" + c.name + "` " + c.kind
		switch {
		case slices.Contains(rel.table.Spec(), c.name):
			partition = append(partition, line)
		case !c.virtual:
			fields = append(fields, line)
		}
	}
	ddl := "CREATE EXTERNAL TABLE `" + name + "` (\n" + strings.Join(fields, ",\n") + ")\n"
	if len(partition) > 0 {
		ddl += "PARTITIONED BY (\n" + strings.Join(partition, ",\n") + ")\n"
	}
	location := l.root + "/" + databaseName + "/" + name
	if l.cache == nil {
		location = "file://" + location
	}
	a.add(ddl + "STORED AS PARQUET\nLOCATION '" + location + "/data'\nTBLPROPERTIES ('table_type'='ICEBERG', 'metadata_location'='" + rel.table.MetadataLocation() + "')")
	return a, nil
}

// createView stores a query. It must run, and must not need itself.
func (l *local) createView(ctx context.Context, s *dialect.Statement, known *relations, q engine.Query) (*answer, error) {
	if s.Parameters > 0 {
		return nil, &refusal{offset: -1, message: "a view cannot have parameters"}
	}
	if s.Name == lastResult {
		return nil, takenByResult("view")
	}
	if rel := known.byName[s.Name]; rel != nil && (rel.view == nil || rel.registered != nil) {
		return nil, &refusal{offset: -1, message: fmt.Sprintf("%q is a table or a built-in view", s.Name), hint: "use another name"}
	}
	if !viewName(s.Name) {
		return nil, &refusal{offset: -1, message: fmt.Sprintf("a view cannot be named %q", s.Name), hint: "use letters, digits and _"}
	}
	d, err := dialectNamed(q.Dialect)
	if err != nil {
		return nil, err
	}
	columns, err := l.resultColumns(ctx, known, s, s.Name)
	if err != nil {
		return nil, err
	}
	seen := map[string]bool{}
	for _, c := range columns {
		if name := strings.ToLower(c.Name); seen[name] {
			return nil, &refusal{offset: -1, message: fmt.Sprintf("column %q is there twice", c.Name), hint: "name the columns with AS"}
		} else {
			seen[name] = true
		}
	}
	v := catalog.View{Name: s.Name, Dialect: d.String(), SQL: s.Source, Columns: columns, Partitioned: known.partitioned(s)}
	err = l.catalog.PutView(ctx, v, s.Replace, func(base *catalog.Snapshot) error {
		then, err := knownRelations(base, l.given)
		if err != nil {
			return err
		}
		if rel := then.byName[v.Name]; rel != nil && (rel.view == nil || rel.registered != nil) {
			return catalog.ErrExist
		}
		then.add(&v)
		_, err = l.columnTypes(ctx, then, then.byName[v.Name])
		return err
	})
	if errors.Is(err, catalog.ErrExist) {
		if s.IfExists {
			return newAnswer(), nil
		}
		return nil, &refusal{offset: -1, message: fmt.Sprintf("%q exists already", s.Name), hint: "write CREATE OR REPLACE VIEW"}
	}
	return newAnswer(), err
}

// lastResult is what the shell calls the rows of the last statement.
const lastResult = "_"

func takenByResult(kind string) *refusal {
	return &refusal{offset: -1, message: fmt.Sprintf("a %s cannot be named %q", kind, lastResult), hint: "the shell's last result has this name"}
}

// viewName: DuckDB takes some names for files, and people could not write others.
func viewName(name string) bool {
	return name != "" && len(name) <= 255 && !strings.HasPrefix(name, "@") && !looksLikeFile(name) && !strings.ContainsAny(name, "$\"'`\n") && !strings.HasPrefix(name, informationSchema)
}

func (l *local) drop(ctx context.Context, s *dialect.Statement, known *relations) (*answer, error) {
	rel := known.byName[s.Name]
	if rel != nil && rel.hides != nil { // by a result, which cannot be dropped
		rel = rel.hides
	}
	kind := "view"
	if s.Kind == dialect.DropTable {
		kind = "table"
	}
	switch {
	case rel == nil && s.IfExists:
		return newAnswer(), nil
	case rel == nil:
		return nil, known.notA(kind, s.Name)
	case rel.view == nil:
		return nil, &refusal{kind: engine.ErrNotAllowed, offset: -1, message: fmt.Sprintf("DROP of %q, which is no view of yours", s.Name)}
	case (rel.registered != nil) != (s.Kind == dialect.DropTable):
		return nil, &refusal{offset: -1, message: fmt.Sprintf("%q is not a %s", s.Name, kind)}
	}
	err := l.catalog.DropView(ctx, s.Name)
	if errors.Is(err, catalog.ErrNotExist) {
		if s.IfExists {
			return newAnswer(), nil
		}
		return nil, known.notA(kind, s.Name)
	}
	return newAnswer(), err
}

// register gives cloudtrail_logs the name and the partition columns that a
// pasted CREATE EXTERNAL TABLE says.
func (l *local) register(ctx context.Context, s *dialect.Statement, known *relations, q engine.Query) (*answer, error) {
	a := newAnswer("result")
	note := fmt.Sprintf("%s reads %s", s.Table.Name, dialect.DefaultTable)
	if len(s.Table.Unknown) > 0 {
		note += "; these columns are not in CloudTrail records: " + strings.Join(s.Table.Unknown, ", ")
	}
	rel := known.byName[s.Table.Name]
	switch {
	case s.Table.Name == lastResult:
		return nil, takenByResult("table")
	case known.byName[dialect.DefaultTable] == nil:
		return nil, &refusal{offset: -1, message: "the warehouse has no " + dialect.DefaultTable, hint: "run trailql convert first"}
	case rel != nil && rel.view == nil: // the documented name of the table itself
		for _, p := range s.Table.Partition {
			if !slices.ContainsFunc(rel.virtual, func(v dialect.Virtual) bool { return v.Name == p.Name && v.SQL == p.SQL }) &&
				!slices.ContainsFunc(rel.columns, func(c dialect.Column) bool { return c.Name == p.Name }) {
				return nil, &refusal{offset: -1, message: fmt.Sprintf("%s is built in, and has no partition column %q of this form", rel.name, p.Name), hint: "give the table another name"}
			}
		}
		a.add(rel.name + " is built in and has these columns: nothing to do")
		return a, nil
	case rel != nil && rel.registered == nil:
		return nil, &refusal{offset: -1, message: fmt.Sprintf("%q is a view", s.Table.Name), hint: "drop it, or use another name"}
	case rel != nil && s.Table.IfExists && rel.view.SQL != q.SQL:
		a.add(rel.name + " exists already")
		return a, nil
	case rel != nil && rel.view.SQL != q.SQL:
		return nil, &refusal{offset: -1, message: fmt.Sprintf("table %q exists already", rel.name), hint: "DROP TABLE " + rel.name + " first"}
	case rel == nil && !viewName(s.Table.Name):
		return nil, &refusal{offset: -1, message: fmt.Sprintf("a table cannot be named %q", s.Table.Name), hint: "use letters, digits and _"}
	case rel == nil:
		if err := l.catalog.PutView(ctx, catalog.View{Name: s.Table.Name, Dialect: registeredTable, SQL: q.SQL}, false, nil); err != nil {
			if errors.Is(err, catalog.ErrExist) {
				return nil, &refusal{offset: -1, message: fmt.Sprintf("table %q exists already", s.Table.Name)}
			}
			return nil, err
		}
	}
	a.add(note)
	return a, nil
}
