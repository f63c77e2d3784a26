// Package complete knows what may stand at a place in a statement, and what its
// parts are. At proposes, Highlight colours; both are pure functions of the text
// and of what the session knows of the tables.
//
// cursor.go finds what is being written at the cursor, query.go reads the
// statement around it as far as it is there, propose.go says what may follow.
// column.go, value.go and command.go do so for columns and their members, for
// values in quotes and for dot commands; rank.go orders what was found.
package complete

import (
	"strings"
	"unicode/utf8"

	"github.com/trailql/trailql/engine/dialect"
)

// Known is what completion draws from. It does not change once it is in use:
// a newer one replaces it. Safe for concurrent use.
type Known struct {
	Dialect   dialect.Dialect
	Relations []dialect.Relation // with the types of their columns
	Commands  []Command          // dot commands
	// Values are those of a column, the most frequent first; nil when they are
	// not known (yet). The column is a path in lower case: useridentity.type.
	// It is called for each key, so it must not block.
	Values func(relation, column string) []string
}

// Command is a dot command as completion sees it.
type Command struct {
	Name      string // .tables
	Arguments string // as help shows them; with the word SQL where it takes a statement
	Help      string // one line; may be empty
	// Candidates are what the last of the arguments typed so far may become,
	// matching or not; nil when that is open.
	Candidates func(typed string) []string
}

// Completion is what may replace the bytes [Start, End) of a text. The cursor
// is not outside them.
type Completion struct {
	Start, End int
	Items      []Item // the best first, at most 100
}

// Item is one proposal.
type Item struct {
	Text   string // to insert
	Detail string // what it is: a type, a signature; may be empty
}

// At proposes what may stand at the cursor, an offset in bytes. Somebody asked,
// or only types: then a first letter is not enough to propose.
func At(k *Known, text string, cursor int, asked bool) Completion {
	cursor = min(max(cursor, 0), len(text))
	for cursor > 0 && cursor < len(text) && !utf8.RuneStart(text[cursor]) {
		cursor--
	}
	if start := commandStart(text); start >= 0 && cursor >= start {
		return k.atCommand(text, start, cursor, asked)
	}
	return k.atStatement(text, cursor, asked)
}

func (k *Known) atStatement(text string, cursor int, asked bool) Completion {
	at, ok := findCursor(text, cursor)
	if !ok {
		return Completion{Start: cursor, End: cursor}
	}
	// A dot asks for what is behind it.
	if !asked && utf8.RuneCountInString(at.typed) < 2 && (len(at.path) == 0 || at.quote == '\'') {
		return Completion{Start: at.start, End: at.end}
	}
	l := newRanking(at.typed)
	if at.quote == '\'' {
		k.proposeValues(&l, at, readQuery(at))
	} else {
		k.propose(&l, at, asked)
	}
	c := Completion{Start: at.start, End: at.end, Items: l.items()}
	if !asked && len(c.Items) == 1 && c.Items[0].Text == text[c.Start:c.End] {
		c.Items = nil // it is written already
	}
	return c
}

// relation finds what a name in FROM means.
func (k *Known) relation(name string) *dialect.Relation {
	for i := range k.Relations {
		if strings.EqualFold(k.Relations[i].Name, name) {
			return &k.Relations[i]
		}
	}
	return nil
}

// meant is the relation that a statement reads by this path, with the rules of
// the dialects for names that nobody has defined.
func (k *Known) meant(path []string) *dialect.Relation {
	if r := k.relation(strings.Join(path, ".")); r != nil {
		return r
	}
	name := path[len(path)-1]
	if r := k.relation(name); r != nil {
		return r
	}
	switch {
	case k.Dialect == dialect.Lake:
		return k.relation(dialect.LakeTable)
	case k.Dialect == dialect.Athena && containsFold(name, "trail"):
		return k.relation(dialect.DefaultTable)
	}
	return nil
}

// standard is what a SELECT without FROM reads.
func (k *Known) standard() *dialect.Relation {
	if k.Dialect == dialect.Lake {
		return k.relation(dialect.LakeTable)
	}
	return k.relation(dialect.DefaultTable)
}
