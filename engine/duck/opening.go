//go:build cgo && duckdb_arrow

package duck

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/apache/arrow-go/v18/arrow/array"

	"github.com/trailql/trailql/catalog"
	"github.com/trailql/trailql/engine"
	"github.com/trailql/trailql/engine/dialect"
)

// maxViewDepth bounds views of views.
const maxViewDepth = 32

// opening makes on one connection the views that a statement needs, and no
// others. It reads the statement and the stored views that it names first, so
// that each table is planned once for all places that read it.
type opening struct {
	ctx        context.Context
	local      *local
	connection *connection
	relations  *relations
	params     []any
	window     engine.Window
	schemaOnly bool // no rows are wanted: tables have no files

	uses    map[string]*use // by the name of the view that stands for the table
	views   []openedView    // in the order in which they can be made
	opened  map[string]bool // names of views
	whole   map[string]bool // stored views of which all rows may be wanted
	macros  []string
	within  []string // stored views that are being read
	travels int
	scans   map[string]scan

	installed int  // of macros
	begun     bool // a transaction, in which the time stands still
}

// openedView is a view to be made.
type openedView struct {
	name  string
	table *catalog.Table // the view is this table's, or
	sql   string         // is this query, or
	list  *listing       // has these rows
}

func newOpening(ctx context.Context, l *local, c *connection, r *relations) *opening {
	return &opening{ctx: ctx, local: l, connection: c, relations: r, uses: map[string]*use{}, opened: map[string]bool{}, whole: map[string]bool{}, scans: map[string]scan{}}
}

// read inspects a statement and returns its SQL with the names of the views.
// Of what it passes on as it is, only what outer takes is wanted.
func (o *opening) read(s *dialect.Statement, outer place) (string, error) {
	if err := o.ctx.Err(); err != nil {
		return "", err
	}
	for _, m := range s.Macros {
		if !slices.Contains(o.macros, m) {
			o.macros = append(o.macros, m)
		}
	}
	tree, err := o.connection.syntaxTree(o.ctx, s.SQL)
	if err != nil {
		return "", err
	}
	params := o.params
	if len(o.within) > 0 {
		params = nil // they are the statement's, not those of a view's text
	}
	found, err := inspect(tree, o.relations.find, o.relations.Names, s.Macros, params)
	if err != nil {
		return "", err
	}
	sql := s.SQL
	for _, p := range found.places {
		if p.through && o.relations.likeLogs(p.relation) {
			p = p.within(outer)
		}
		name, err := o.place(p)
		if err != nil {
			return "", err
		}
		if name != p.relation {
			if sql, err = rename(sql, p, name); err != nil {
				return "", err
			}
		}
	}
	return sql, nil
}

// place notes what a place needs and returns the name of its view.
func (o *opening) place(p place) (string, error) {
	rel := o.relations.find(p.relation)
	if p.travel != nil {
		return o.past(p, rel)
	}
	name := rel.name
	if strings.Contains(name, ".") {
		name = "@" + strings.TrimPrefix(name, informationSchema+".")
	}
	return name, o.open(name, rel, p)
}

func (o *opening) open(name string, rel *relation, p place) error {
	switch {
	case rel.table != nil:
		u := o.uses[name]
		if u == nil {
			u = &use{table: rel.table}
			o.uses[name] = u
			o.views = append(o.views, openedView{name: name, table: rel.table})
		}
		u.places = append(u.places, p)
		return nil
	case rel.shape != nil:
		base := o.relations.find(rel.shape.of)
		if err := o.open(base.name, base, p); err != nil {
			return err
		}
		o.openOnce(openedView{name: name, sql: rel.shape.over(base.name)})
		return nil
	case rel.list != nil:
		o.openOnce(openedView{name: name, list: rel.list})
		return nil
	case rel.view != nil:
		return o.stored(name, rel.view, p)
	case rel.result != nil:
		if len(o.within) > 0 {
			return &refusal{offset: -1, message: fmt.Sprintf("a view cannot read %q, which is an earlier result of this session", name)}
		}
		if _, err := rel.result.columns(); err != nil {
			return err
		}
		o.openOnce(openedView{name: name, sql: rel.result.sql()})
		return nil
	}
	return fmt.Errorf("relation %q has no rows", name)
}

// within is the place as a query around its own reads it.
func (p place) within(outer place) place {
	p.condition = and(p.condition, outer.condition)
	p.needles = slices.Concat(p.needles, outer.needles)
	p.window = eventWindow{slices.Concat(p.window.from, outer.window.from), slices.Concat(p.window.to, outer.window.to)}
	return p
}

func (o *opening) openOnce(v openedView) {
	if !o.opened[v.name] {
		o.opened[v.name] = true
		o.views = append(o.views, v)
	}
}

// stored reads a stored view for a place that reads it. For a second place it is
// read once more, and then whole.
func (o *opening) stored(name string, v *catalog.View, p place) error {
	if slices.Contains(o.within, name) {
		return &refusal{offset: -1, message: fmt.Sprintf("view %q refers to itself", name)}
	}
	if o.whole[name] {
		return nil
	}
	if o.opened[name] {
		p = place{}
	}
	o.whole[name] = p.condition == nil && len(p.needles) == 0 && len(p.window.from)+len(p.window.to) == 0
	if len(o.within) >= maxViewDepth {
		return &refusal{offset: -1, message: fmt.Sprintf("views are nested deeper than %d", maxViewDepth)}
	}
	d, err := dialectNamed(v.Dialect)
	if err != nil {
		return err
	}
	o.within = append(o.within, name)
	defer func() { o.within = o.within[:len(o.within)-1] }()
	s, err := dialect.Translate(v.SQL, dialect.Options{Dialect: d, Relations: o.relations})
	var sql string
	if err == nil {
		sql, err = o.read(s, p)
	}
	if err != nil {
		return inView(name, err)
	}
	o.openOnce(openedView{name: name, sql: sql})
	return nil
}

// inView says in which view a mistake is. Places in its text are none in the
// statement.
func inView(name string, err error) error {
	var refused *refusal
	var wrong *dialect.Error
	switch {
	case errors.As(err, &refused):
		return &refusal{kind: refused.kind, offset: -1, message: fmt.Sprintf("view %q: %s", name, refused.message), hint: refused.hint}
	case errors.As(err, &wrong):
		return &refusal{offset: -1, message: fmt.Sprintf("view %q: %s", name, wrong.Message), hint: wrong.Hint}
	}
	return err
}

// past opens an older snapshot of a table, or a built-in view of one.
func (o *opening) past(p place, rel *relation) (string, error) {
	table := rel.table
	if rel.shape != nil {
		table = o.relations.find(rel.shape.of).table
	}
	if table == nil {
		return "", &refusal{offset: p.offset, message: fmt.Sprintf("%q has no snapshots: only tables have", rel.name)}
	}
	at, err := o.travelTo(p.travel, table)
	if err != nil {
		if errors.Is(err, catalog.ErrNotExist) {
			return "", &refusal{offset: p.offset, message: err.Error(), hint: fmt.Sprintf(`see "%s$snapshots"`, table.Name())}
		}
		return "", err
	}
	o.travels++
	name := "@" + strconv.Itoa(o.travels)
	then := *rel
	then.table = at
	if rel.shape == nil {
		return name, o.open(name, &then, p)
	}
	base := name + "t"
	then.shape = nil
	if err := o.open(base, &then, p); err != nil {
		return "", err
	}
	o.openOnce(openedView{name: name, sql: rel.shape.over(base)})
	return name, nil
}

func (o *opening) travelTo(t *travel, table *catalog.Table) (*catalog.Table, error) {
	bounds := []object{t.expression}
	if t.unit == "timestamp" {
		bounds = instants(bounds)
	}
	rows, err := o.evaluate(o.ctx, "", selectNode(bounds, "", nil), "")
	if err != nil {
		return nil, err
	}
	if len(rows) != 1 || rows[0][0] == nil {
		return nil, &refusal{offset: -1, message: "the snapshot to read is NULL"}
	}
	if t.unit == "timestamp" {
		return table.AsOf(time.UnixMicro(*rows[0][0]))
	}
	return table.Version(*rows[0][0])
}

// rename puts the name of a view in the place of a relation's. The text keeps
// its length, so that DuckDB's errors still point at the right place.
func rename(sql string, p place, view string) (string, error) {
	tokens, err := dialect.Tokens(sql[p.offset:])
	if err != nil {
		return "", err
	}
	var significant []dialect.Token
	for _, t := range tokens {
		if strings.TrimSpace(t.Text) != "" && !strings.HasPrefix(t.Text, "--") && !strings.HasPrefix(t.Text, "/*") {
			significant = append(significant, t)
		}
	}
	at := func(i int, text string) bool {
		return i < len(significant) && strings.EqualFold(significant[i].Text, text)
	}
	i := 1
	for at(i, ".") {
		i += 2
	}
	last := i - 1
	if p.travel != nil && p.alias != "" { // stands before AT
		if at(i, "AS") {
			i++
		}
		i++
	}
	if p.travel != nil && at(i, "AT") && at(i+1, "(") {
		depth := 0
		for last = i + 1; last < len(significant); last++ {
			if significant[last].Text == "(" {
				depth++
			} else if significant[last].Text == ")" {
				if depth--; depth == 0 {
					break
				}
			}
		}
	}
	if last >= len(significant) {
		return "", fmt.Errorf("read the name of table %s", p.relation)
	}
	end := p.offset + significant[last].Offset + len(significant[last].Text)
	text := quoteName(view)
	switch {
	case p.alias == "":
		text += " " + quoteName(p.relation[strings.LastIndex(p.relation, ".")+1:])
	case p.travel != nil:
		text += " " + quoteName(p.alias)
	}
	pad := end - p.offset - len(text)
	if pad < 0 {
		return "", fmt.Errorf("rename table %s", p.relation)
	}
	return sql[:p.offset] + text + strings.Repeat(" ", pad) + sql[end:], nil
}

// prepareTables plans the tables. It must run before create, which sees what it
// left out.
func (o *opening) prepareTables() error {
	for name, u := range o.uses {
		if o.schemaOnly {
			continue
		}
		s, err := u.plan(o.ctx, o, o.window)
		if err != nil {
			return err
		}
		o.scans[name] = s
	}
	return nil
}

// create makes the views.
func (o *opening) create() error {
	for _, v := range o.views {
		if err := o.ctx.Err(); err != nil {
			return err
		}
		var err error
		switch {
		case v.table != nil:
			shown := view{root: o.local.data, schema: v.table.Schema(), partition: v.table.Spec(), window: o.window}
			err = o.connection.exec("CREATE TEMP VIEW " + quoteName(v.name) + " AS " + shown.sql(o.scans[v.name].files))
		case v.list != nil:
			err = o.createList(v)
		default:
			err = o.connection.exec("CREATE TEMP VIEW " + quoteName(v.name) + " AS " + v.sql)
		}
		if err != nil {
			if f, ok := errors.AsType[*failure](err); ok {
				f.Position = "" // it is in a statement of ours
			}
			return fmt.Errorf("open table %s: %w", v.name, err)
		}
	}
	return nil
}

// createList stores the rows of a listing for this connection.
func (o *opening) createList(v openedView) error {
	var names, kinds []string
	for _, c := range v.list.columns {
		names = append(names, c.name)
		kinds = append(kinds, quoteName(c.name)+" "+c.kind)
	}
	if err := o.connection.exec("CREATE TEMP TABLE " + quoteName(v.name) + " (" + strings.Join(kinds, ", ") + ")"); err != nil || o.schemaOnly {
		return err
	}
	rows, err := v.list.rows(o.ctx, o.local, o.relations)
	if err != nil {
		return err
	}
	records := make([]map[string]any, 0, len(rows))
	for _, row := range rows {
		record := map[string]any{}
		for i, value := range row {
			record[names[i]] = value
		}
		records = append(records, record)
	}
	data, err := json.Marshal(records)
	if err != nil {
		return err
	}
	var fields []string
	for _, c := range v.list.columns {
		fields = append(fields, strconv.Quote(c.name)+":"+strconv.Quote(c.kind))
	}
	s, err := o.connection.prepare("INSERT INTO " + quoteName(v.name) + " SELECT unnest(from_json(CAST(? AS JSON), " + quoteText("[{"+strings.Join(fields, ",")+"}]") + "), max_depth := 2)")
	if err != nil {
		return err
	}
	defer s.close()
	if err := s.bind([]any{string(data)}); err != nil {
		return err
	}
	done, err := s.run(o.ctx)
	if err != nil {
		return err
	}
	defer done.close()
	_, err = done.next()
	return err
}

// begin makes the statement and what is evaluated for it see the same now().
func (o *opening) begin() error {
	if !o.begun {
		if err := o.connection.exec("BEGIN TRANSACTION"); err != nil {
			return err
		}
		o.begun = true
	}
	for ; o.installed < len(o.macros); o.installed++ {
		sql := dialect.MacroSQL(o.macros[o.installed])
		if sql == "" {
			continue // a function of udf.go
		}
		if err := o.connection.exec(sql); err != nil {
			return fmt.Errorf("define function %s: %w", o.macros[o.installed], err)
		}
	}
	return nil
}

// undo begins again after an error, which ends a transaction.
func (o *opening) undo() error {
	o.begun, o.installed = false, 0
	if err := o.connection.exec("ROLLBACK"); err != nil {
		return err
	}
	return o.begin()
}

// evaluate implements evaluator.
func (o *opening) evaluate(ctx context.Context, prefix string, statement object, partitions string) ([][]*int64, error) {
	if err := o.begin(); err != nil {
		return nil, err
	}
	rows, err := o.evaluated(ctx, prefix, statement, partitions)
	if err != nil && ctx.Err() == nil {
		return nil, errors.Join(err, o.undo())
	}
	return rows, err
}

func (o *opening) evaluated(ctx context.Context, prefix string, statement object, partitions string) ([][]*int64, error) {
	var params []any
	statement, _ = renumbered(statement, func(name string) string {
		if n, err := strconv.Atoi(name); err == nil && n >= 1 && n <= len(o.params) {
			params = append(params, o.params[n-1])
		}
		return strconv.Itoa(len(params))
	}).(object)
	tree, err := statementJSON(statement)
	if err != nil {
		return nil, err
	}
	sql, err := o.connection.deserialize(ctx, tree)
	if err != nil {
		return nil, err
	}
	if prefix != "" {
		params = append(params, partitions)
		prefix = strings.ReplaceAll(prefix, partitionsParameter, "$"+strconv.Itoa(len(params)))
	}
	s, err := o.connection.prepare(prefix + sql)
	if err != nil {
		return nil, err
	}
	defer s.close()
	if err := s.bindNumbered(params); err != nil {
		return nil, err
	}
	result, err := s.run(ctx)
	if err != nil {
		return nil, err
	}
	defer result.close()
	var rows [][]*int64
	for {
		batch, err := result.next()
		if err != nil {
			return nil, err
		}
		if batch == nil {
			return rows, nil
		}
		for i := range int(batch.NumRows()) {
			row := make([]*int64, batch.NumCols())
			for j, column := range batch.Columns() {
				if column.IsNull(i) {
					continue
				}
				n, err := strconv.ParseInt(column.ValueStr(i), 10, 64)
				if err != nil {
					batch.Release()
					return nil, err
				}
				row[j] = &n
			}
			rows = append(rows, row)
		}
		batch.Release()
	}
}

// renumbered copies a tree, with other identifiers for its parameters.
func renumbered(v any, number func(string) string) any {
	switch v := v.(type) {
	case []any:
		copied := make([]any, len(v))
		for i, e := range v {
			copied[i] = renumbered(e, number)
		}
		return copied
	case object:
		copied := make(object, len(v))
		for _, k := range slices.Sorted(maps.Keys(v)) {
			copied[k] = renumbered(v[k], number)
		}
		if text(v, "class") == "PARAMETER" {
			copied["identifier"] = number(text(v, "identifier"))
		}
		return copied
	}
	return v
}

// syntaxTree asks DuckDB how it reads the text, without running it.
func (c *connection) syntaxTree(ctx context.Context, sql string) (string, error) {
	return c.textOf(ctx, "SELECT json_serialize_sql(CAST(? AS VARCHAR))", sql)
}

// deserialize is the text of a syntax tree.
func (c *connection) deserialize(ctx context.Context, tree string) (string, error) {
	return c.textOf(ctx, "SELECT json_deserialize_sql(CAST(? AS JSON))", tree)
}

// textOf runs a query of ours that has one text and one parameter.
func (c *connection) textOf(ctx context.Context, sql, param string) (string, error) {
	s, err := c.prepare(sql)
	if err != nil {
		return "", err
	}
	defer s.close()
	if err := s.bind([]any{param}); err != nil {
		return "", err
	}
	rows, err := s.run(ctx)
	if err != nil {
		return "", err
	}
	defer rows.close()
	batch, err := rows.next()
	if err != nil {
		return "", err
	}
	defer batch.Release()
	column, ok := batch.Column(0).(array.StringLike)
	if !ok || column.Len() != 1 || column.IsNull(0) {
		return "", fmt.Errorf("read syntax tree: got %s", batch.Column(0).DataType())
	}
	return string([]byte(column.Value(0))), nil // the batch's memory is DuckDB's
}

// columnTypes are the columns of a relation, in DuckDB's words.
func (l *local) columnTypes(ctx context.Context, r *relations, rel *relation) ([]catalog.ViewColumn, error) {
	s := &dialect.Statement{SQL: "SELECT * FROM " + quoteName(rel.name)}
	return l.resultColumns(ctx, r, s)
}

// resultColumns are the columns of a query's result, which may be that of stored
// views. Nothing is read.
func (l *local) resultColumns(ctx context.Context, r *relations, s *dialect.Statement, views ...string) ([]catalog.ViewColumn, error) {
	c, err := l.db.connect()
	if err != nil {
		return nil, err
	}
	defer c.close()
	o := newOpening(ctx, l, c, r)
	o.schemaOnly, o.within = true, views
	sql, err := o.read(s, place{})
	if err != nil {
		return nil, err
	}
	if err := errors.Join(o.begin(), o.create()); err != nil {
		return nil, err
	}
	return c.describe(ctx, sql)
}

// describe are the columns of a query, which is not run.
func (c *connection) describe(ctx context.Context, sql string) ([]catalog.ViewColumn, error) {
	prepared, err := c.prepare("DESCRIBE " + sql)
	if err != nil {
		if f, ok := errors.AsType[*failure](err); ok {
			f.Position = f.shifted(len("DESCRIBE "))
		}
		return nil, err
	}
	defer prepared.close()
	if err := prepared.bindNull(); err != nil {
		return nil, err
	}
	rows, err := prepared.run(ctx)
	if err != nil {
		return nil, err
	}
	defer rows.close()
	var columns []catalog.ViewColumn
	for {
		batch, err := rows.next()
		if err != nil || batch == nil {
			return columns, err
		}
		for i := range int(batch.NumRows()) {
			columns = append(columns, catalog.ViewColumn{Name: strings.Clone(batch.Column(0).ValueStr(i)), Type: strings.Clone(batch.Column(1).ValueStr(i))})
		}
		batch.Release()
	}
}

// dialectNamed reads the name of a dialect; "" is the default.
func dialectNamed(name string) (dialect.Dialect, error) {
	for _, d := range []dialect.Dialect{dialect.Athena, dialect.Lake, dialect.DuckDB} {
		if name == d.String() || name == "" {
			return d, nil
		}
	}
	return 0, fmt.Errorf("%w: dialect %q", engine.ErrUnsupported, name)
}
