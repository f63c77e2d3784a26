package dialect

import "strings"

// tableName reads the names of event data stores and the placeholders of
// published queries, which no SQL has for names: a bare UUID, eds-id, $EDS_ID,
// <EDS ID>, {{store}}, {table}, [table]. It reports whether there was one.
func (p *parser) tableName(s *source) bool {
	t := p.peek(0)
	if t.Kind == Word && p.peekIs(1, ".") && (p.peek(2).Kind == Parameter || p.peekIs(2, "<") || p.peekIs(2, "{")) {
		p.i += 2 // default.$EDS_ID
		ok := p.tableName(s)
		s.nameAt.start = t.Offset
		return ok
	}
	end := -1
	switch {
	case t.is("<"), t.is("{"), t.is("["):
		end = p.placeholderEnd()
	case t.Kind == Parameter && t.Text != "?", t.is("$") && (p.peekIs(1, "{") || p.peekIs(1, "<")):
		end = p.adjacentEnd()
	case t.Kind == Word || t.Kind == Number:
		if n := p.adjacentEnd(); n > p.i+1 && p.hyphened(n) {
			end = n
		} else if t.Kind == Number && n > p.i {
			end = n
		}
	}
	if end < 0 {
		return false
	}
	p.i = end
	for p.peekIs(0, ".") { // {database}.cloudtrail_logs
		p.i++
		if end = p.placeholderEnd(); end > 0 && !p.memberAt(0) {
			p.i = end
		} else if p.memberAt(0) {
			n := p.takeName()
			s.nameAt = p.since(t.Offset)
			s.name = []part{n}
			return true
		}
	}
	s.nameAt = p.since(t.Offset)
	s.name = []part{{s.nameAt, p.sql[s.nameAt.start:s.nameAt.end], false}}
	return true
}

// placeholderEnd is the index behind the bracket that closes the one at the
// parser's place, on the same line; -1 when there is none.
func (p *parser) placeholderEnd() int {
	open := p.peek(0).Text
	closing := map[string]string{"<": ">", "{": "}", "[": "]"}[open]
	if closing == "" {
		return -1
	}
	depth := 0
	for n := p.i; n < len(p.tokens) && n < p.i+24; n++ {
		switch t := p.tokens[n]; {
		case t.is(open):
			depth++
		case t.is(closing):
			if depth--; depth == 0 {
				return n + 1
			}
		case t.is(closing + "="), t.is(";"), t.is("("):
			return -1
		}
	}
	return -1
}

// adjacentEnd is the index behind the tokens that follow without a blank and
// can be parts of such a name.
func (p *parser) adjacentEnd() int {
	n := p.i
	for n < len(p.tokens) {
		t := p.tokens[n]
		if n > p.i && t.Offset != p.tokens[n-1].end() {
			break
		}
		part := t.Kind == Word || t.Kind == Number || t.Kind == Parameter && t.Text != "?" || t.is("-") || t.is("$") || t.is("{") || t.is("}") || t.is("<") || t.is(">")
		if !part {
			break
		}
		n++
	}
	return n
}

// hyphened reports whether a hyphen or a bracket stands in the tokens up to n.
func (p *parser) hyphened(n int) bool {
	for _, t := range p.tokens[p.i:n] {
		if t.Kind == Operator {
			return true
		}
	}
	return false
}

// Security Lake calls its tables amazon_security_lake_table_REGION_SOURCE_VERSION;
// a warehouse has one for all.
const (
	securityLakeTables = "amazon_security_lake_table_"
	securityLake       = "security_lake"
)

// tableNamed finds the relation for the parts of a name, by the rules of the
// dialect. For names with a suffix, as "t$partitions", suffix is that.
func (a *analysis) tableNamed(parts []part) (r *Relation, suffix string) {
	name := strings.ToLower(parts[len(parts)-1].text)
	if base, s, ok := strings.Cut(name, "$"); ok && base != "" && metadataTables[s] {
		name, suffix = base, "$"+s
	}
	if r := a.relations.Relation(name); r != nil {
		return r, suffix
	}
	if strings.HasPrefix(name, securityLakeTables) {
		return a.relations.Relation(securityLake), suffix
	}
	if a.dialect == Lake && !strings.ContainsAny(name, `/\:*?.`) || isPlaceholder(name) || a.dialect == Athena && len(parts) <= 3 && containsTrail(name, parts) {
		return a.relations.Relation(a.table), suffix
	}
	return nil, ""
}

// containsTrail: Athena's tables over CloudTrail are called after it, or are in
// a database that is.
func containsTrail(name string, parts []part) bool {
	if strings.ContainsAny(name, `/\:*?.`) {
		return false // rather a file
	}
	if strings.Contains(name, "trail") {
		return true
	}
	return len(parts) == 2 && strings.Contains(strings.ToLower(parts[0].text), "trail")
}

// isPlaceholder: published queries leave the table for the reader to fill in.
func isPlaceholder(name string) bool {
	if strings.ContainsAny(name, "$<>{}[]") || strings.HasPrefix(name, "__") && strings.HasSuffix(name, "__") {
		return true
	}
	if strings.ContainsAny(name, `/\:*`) {
		return false // rather a file
	}
	for _, word := range []string{"event_data_store", "event-data-store", "eds_id", "eds-id", "table_name", "tablename", "your_table"} {
		if strings.Contains(name, word) {
			return true
		}
	}
	return isUUID(name)
}

func isUUID(s string) bool {
	if len(s) != 36 {
		return false
	}
	for i := range len(s) {
		if i == 8 || i == 13 || i == 18 || i == 23 {
			if s[i] != '-' {
				return false
			}
		} else if !isHex(s[i]) {
			return false
		}
	}
	return true
}

var metadataTables = map[string]bool{"partitions": true, "files": true, "snapshots": true, "history": true, "manifests": true, "properties": true, "refs": true}
