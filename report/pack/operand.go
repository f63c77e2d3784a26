package pack

import (
	"regexp"
	"strings"

	"github.com/trailql/trailql/engine/dialect"
)

var memberName = regexp.MustCompile(`^[A-Za-z0-9_]+$`)

// nullable writes an operand that may be NULL so that it is not, unless what
// follows can deal with it.
func (p *pass) nullable(i, next int, sql string) {
	if p.mayBeNull(next) {
		p.emit(i, sql)
		return
	}
	p.emit(i, "coalesce("+sql+", '')")
}

// mayBeNull reports whether an operand before next may: it is the whole argument of
// coalesce or of a JSON function, or IS follows.
func (p *pass) mayBeNull(next int) bool { return p.is(next, "IS") || p.raw && next >= p.end }

// path writes rp(a.b) and its like.
func (p *pass) path(i, end int, name string, args [][2]int) error {
	if len(args) != 1 {
		return p.fail(i, "%s takes a path", name)
	}
	path, ok := jsonPath(p.word(args[0][0], args[0][1]))
	if !ok {
		return p.fail(args[0][0], "the path has to be names with points between, as in a.b[0].c")
	}
	column, isText := jsonColumns[name]
	if !isText {
		column = jsonColumns[strings.TrimSuffix(name, "t")]
	}
	if p.flat != nil && !p.mayBeNull(p.next(end)) {
		if shared, ok := p.flat.path(column, path, isText); ok {
			p.emit(i, shared)
			return nil
		}
	}
	column = p.rawColumn(column)
	sql := "json_extract_scalar(" + column + ", " + path + ")"
	if !isText {
		sql = "json_format(json_extract(" + column + ", " + path + "))"
	}
	p.nullable(i, p.next(end), sql)
	return nil
}

var pathStep = regexp.MustCompile(`^([A-Za-z0-9_:-]+)((?:\[\d+\])*)$`)

// jsonPath is a path as an SQL text.
func jsonPath(path string) (string, bool) {
	var b strings.Builder
	b.WriteString("'$")
	for step := range strings.SplitSeq(path, ".") {
		m := pathStep.FindStringSubmatch(step)
		if m == nil {
			return "", false
		}
		if strings.ContainsAny(m[1], "-:") {
			b.WriteString(`["` + m[1] + `"]`)
		} else {
			b.WriteString("." + m[1])
		}
		b.WriteString(m[2])
	}
	return b.String() + "'", true
}

var eventWord = regexp.MustCompile(`^[A-Za-z0-9_.-]+\*?$`)

// oneOf writes ev and src.
func (p *pass) oneOf(i int, name string, args [][2]int) error {
	if len(args) == 0 {
		return p.fail(i, "%s takes names", name)
	}
	column, suffix := "eventname", ""
	if name == "src" {
		column, suffix = "eventsource", ".amazonaws.com"
	}
	words := make([]string, len(args))
	for k, a := range args {
		words[k] = p.word(a[0], a[1])
		if !eventWord.MatchString(words[k]) {
			return p.fail(a[0], "%q is no name", words[k])
		}
		if suffix != "" && strings.Contains(words[k], ".") {
			return p.fail(a[0], "write the service without .amazonaws.com")
		}
		words[k] += suffix
	}
	p.emit(i, "("+namesCondition(p.textColumn(column), words)+")")
	return nil
}

// namesCondition takes names, which have no quotes in them; a* is a prefix.
func namesCondition(operand string, names []string) string {
	var exact, terms []string
	for _, n := range names {
		if prefix, ok := strings.CutSuffix(n, "*"); ok {
			terms = append(terms, "starts_with("+operand+", '"+prefix+"')")
		} else {
			exact = append(exact, "'"+n+"'")
		}
	}
	switch len(exact) {
	case 0:
	case 1:
		terms = append(terms, operand+" = "+exact[0])
	default:
		terms = append(terms, containsText(exact, operand))
	}
	return strings.Join(terms, " OR ")
}

// listed writes listed(x, $list): false for an empty list.
func (p *pass) listed(i int, args [][2]int) error {
	if len(args) != 2 || p.tokens[p.next(args[1][0]-1)].Kind != dialect.Parameter {
		return p.fail(i, "write listed(x, $list)")
	}
	operand, err := p.argument(args[0], false)
	if err != nil {
		return err
	}
	at := p.next(args[1][0] - 1)
	name := strings.TrimPrefix(p.tokens[at].Text, "$")
	v, known := p.values[name]
	list, isList := v.([]string)
	if !known || !isList {
		return p.fail(at, "there is no list %q", name)
	}
	p.paramNames[name] = true
	p.insertList(i, operand, list)
	return nil
}

func (p *pass) insertList(i int, operand argument, list []string) {
	if len(list) == 0 {
		p.emit(i, "false")
		return
	}
	p.emit(i, "(")
	for k, entry := range list {
		if k > 0 {
			p.emit(i, " OR ")
		}
		p.glob(i, operand.expansion, entry)
	}
	p.emit(i, ")")
}

// glob compares with a text in which * stands for any characters: by what engines
// do fast where that is possible, for LIKE with ESCAPE is slow.
func (p *pass) glob(i int, operand expansion, glob string) {
	middle := strings.Trim(glob, "*")
	switch {
	case strings.Contains(middle, "*") || glob != middle && glob != middle+"*" && glob != "*"+middle+"*":
		p.insert(i, operand)
		p.emit(i, " LIKE ")
		p.emitParam(i, globPattern(glob))
		p.emit(i, ` ESCAPE '\'`)
	case glob == middle:
		p.insert(i, operand)
		p.emit(i, " = ")
		p.emitParam(i, glob)
	case glob == middle+"*":
		p.emit(i, "starts_with(")
		p.insert(i, operand)
		p.emit(i, ", ")
		p.emitParam(i, middle)
		p.emit(i, ")")
	default:
		p.emit(i, "strpos(")
		p.insert(i, operand)
		p.emit(i, ", ")
		p.emitParam(i, middle)
		p.emit(i, ") > 0")
	}
}

// globPattern is a LIKE pattern, with \ as its escape, for a text with *.
func globPattern(glob string) string {
	return strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`, `*`, `%`).Replace(glob)
}

var notAccount = regexp.MustCompile(`[^0-9*]`)

// OwnAccounts is the list of accounts that foreign_account leaves out.
const OwnAccounts = "own_accounts"

// foreignAccount writes foreign_account(text).
func (p *pass) foreignAccount(i int, args [][2]int) error {
	if len(args) != 1 {
		return p.fail(i, "foreign_account takes a text")
	}
	operand, err := p.argument(args[0], false)
	if err != nil {
		return err
	}
	// Own accounts go, and what is left has others or not. A lambda over all account
	// ids would be evaluated for every event, whatever stands before it.
	p.paramNames[OwnAccounts] = true
	list, _ := p.values[OwnAccounts].([]string)
	p.emit(i, "regexp_like(")
	for range list {
		p.emit(i, "regexp_replace(")
	}
	p.emit(i, "replace(")
	p.insert(i, operand.expansion)
	p.emit(i, ", coalesce("+p.rawColumn("recipientaccountid")+", "+p.rawColumn("useridentity.accountid")+", '-'), '-')")
	for _, account := range list {
		p.emit(i, `, '\b`+strings.ReplaceAll(notAccount.ReplaceAllString(account, ""), "*", "[0-9]*")+`\b', '-')`)
	}
	p.emit(i, `, '\b[0-9]{12}\b')`)
	return nil
}

// column writes a name. Columns and members that are text or lists are never NULL.
func (p *pass) column(i, hi int) (after int, err error) {
	parts := []string{p.tokens[i].Text}
	after = i + 1
	for after+1 < hi && p.tokens[after].Kind == dialect.Operator && p.tokens[after].Text == "." && p.tokens[after+1].Kind == dialect.Word {
		parts = append(parts, p.tokens[after+1].Text)
		after += 2
	}
	sql := strings.Join(parts, ".")
	next := after
	if next < len(p.tokens) && (p.tokens[next].Kind == dialect.Space || p.tokens[next].Kind == dialect.Comment) {
		next = p.next(next - 1)
	}
	isColumn, kind := p.find(parts)
	if kind != dialect.Text && kind != dialect.JSONText {
		if isColumn {
			sql = p.rawColumn(sql)
		}
		if isColumn && kind == dialect.List && !p.mayBeNull(next) {
			sql = "coalesce(" + sql + ", ARRAY[])"
		}
		p.emit(i, sql)
		return after, nil
	}
	if p.flat != nil {
		if p.mayBeNull(next) {
			p.emit(i, p.rawColumn(sql))
		} else {
			p.emit(i, p.textColumn(sql))
		}
		return after, nil
	}
	p.nullable(i, next, sql)
	return after, nil
}

// rawColumn is what to write for a column that may be NULL.
func (p *pass) rawColumn(sql string) string {
	if p.flat == nil {
		return sql
	}
	return p.flat.column(sql)
}

// textColumn is what to write for a column of text that must not be NULL.
func (p *pass) textColumn(sql string) string {
	if p.flat == nil {
		return "coalesce(" + sql + ", '')"
	}
	return p.flat.never(sql)
}

// find reports whether a dotted name is a column or a member of one, and its type.
func (p *pass) find(parts []string) (isColumn bool, kind dialect.TypeKind) {
	fields := p.columns
	for k, part := range parts {
		found := false
		for _, f := range fields {
			if !strings.EqualFold(f.Name, part) {
				continue
			}
			if k == len(parts)-1 {
				return true, f.Type.Kind
			}
			fields, found = f.Type.Fields, true
			break
		}
		if !found {
			return false, dialect.Unknown
		}
	}
	return false, dialect.Unknown
}

// in writes an operand, which stands at the end of what is written, and the list of
// texts behind it so that engines compare it where the condition needs it: DuckDB
// makes a join of IN, over all rows and whatever stands before it.
func (p *pass) in(i, start, after int) (int, error) {
	at := p.next(after - 1)
	not := p.is(at, "NOT")
	if not {
		at = p.next(at)
	}
	open := p.next(at)
	if at >= p.end || !p.is(at, "IN") || !p.is(open, "(") {
		return after, nil
	}
	end, err := p.closing(open)
	if err != nil {
		return 0, err
	}
	var list []string
	for k := open + 1; k < end; k++ {
		switch t := p.tokens[k]; {
		case t.Kind == dialect.String:
			list = append(list, t.Text)
		case t.Kind != dialect.Space && t.Kind != dialect.Comment && !p.is(k, ","):
			return after, nil
		}
	}
	operand := string(p.out[start:])
	p.out = p.out[:start]
	if not {
		p.emit(i, "NOT ")
	}
	p.emit(i, containsText(list, operand))
	return end + 1, nil
}

func containsText(list []string, operand string) string {
	return "contains(ARRAY[" + strings.Join(list, ", ") + "], " + operand + ")"
}
