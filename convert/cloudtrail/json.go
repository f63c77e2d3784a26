package cloudtrail

import "bytes"

// AppendJSON appends the record as compact JSON: equal as JSON to the text that
// it was decoded from, number literals included. Members stand in schema order.
func (r *Record) AppendJSON(dst []byte) []byte {
	w := jsonWriter{rec: r}
	return w.object(dst, layout.objects[0], r.Text(LeafUnmodeled))
}

// jsonWriter merges columns and unmodeled text.
type jsonWriter struct{ rec *Record }

// object appends the members of o: what the columns hold, except where
// unmodeled (an object, or nil) has the same key and so replaces it.
func (w jsonWriter) object(dst []byte, o *object, unmodeled []byte) []byte {
	rec := w.rec
	dst = append(dst, '{')
	var over map[string][]byte
	if len(unmodeled) > 2 {
		over = map[string][]byte{}
		eachMember(unmodeled[1:len(unmodeled)-1], func(k, v []byte) bool {
			over[string(k)] = v
			return true
		})
	}
	for k := range o.members {
		m := &o.members[k]
		quotedKey := m.quoted[:len(m.quoted)-1]
		replacement, replaced := over[quotedKey]
		if replaced && !(m.kind == Struct && rec.Structs>>m.object.group&1 == 1) {
			dst = append(append(append(dst, m.quoted...), replacement...), ',')
			continue
		}
		switch m.kind {
		case Struct:
			if rec.Structs>>m.object.group&1 == 0 {
				continue
			}
			dst = w.object(append(dst, m.quoted...), m.object, replacement)
		case Resources:
			if !rec.HasResources {
				continue
			}
			dst = appendResources(append(dst, m.quoted...), rec.Resources)
		case Map:
			if !rec.HasFederationAttributes {
				continue
			}
			dst = append(append(dst, m.quoted...), '{')
			for _, a := range rec.FederationAttributes {
				dst = append(AppendString(dst, a.Key), ':')
				dst = append(AppendString(dst, a.Value), ',')
			}
			dst = closeWith(dst, '}')
		case Text:
			if !rec.Has(m.leaf) {
				continue
			}
			dst = AppendString(append(dst, m.quoted...), rec.Value[m.leaf])
		default:
			if !rec.Has(m.leaf) {
				continue
			}
			dst = append(append(dst, m.quoted...), rec.Value[m.leaf]...)
		}
		dst = append(dst, ',')
	}
	if over != nil {
		eachMember(unmodeled[1:len(unmodeled)-1], func(k, v []byte) bool {
			if !o.models(k) {
				dst = append(append(append(append(dst, k...), ':'), v...), ',')
			}
			return true
		})
	}
	return closeWith(dst, '}')
}

func (o *object) models(quotedKey []byte) bool {
	_, ok := o.lookup[string(quotedKey[1:len(quotedKey)-1])]
	return ok
}

func appendResources(dst []byte, list []Resource) []byte {
	dst = append(dst, '[')
	for _, r := range list {
		dst = append(dst, '{')
		for _, m := range [...]struct {
			key   string
			value []byte
		}{{`"ARN":`, r.ARN}, {`"accountId":`, r.AccountID}, {`"type":`, r.Type}} {
			if m.value != nil {
				dst = append(AppendString(append(dst, m.key...), m.value), ',')
			}
		}
		dst = append(closeWith(dst, '}'), ',')
	}
	return closeWith(dst, ']')
}

// closeWith ends a list of things that each have a comma behind them.
func closeWith(dst []byte, c byte) []byte {
	if dst[len(dst)-1] == ',' {
		dst[len(dst)-1] = c
		return dst
	}
	return append(dst, c)
}

// Equal says whether two records are equal as JSON: key order and white space
// aside, strings compared by their characters and numbers by their literals.
func Equal(a, b *Record) bool {
	if a.Present == b.Present && a.Structs == b.Structs {
		same := true
		for l := range Leaf(NumLeaves) {
			if l != LeafSourceObject && a.Has(l) && !bytes.Equal(a.Value[l], b.Value[l]) {
				same = false
				break
			}
		}
		if same && equalResources(a, b) && equalAttributes(a, b) {
			return true
		}
	}
	return EqualJSON(a.AppendJSON(nil), b.AppendJSON(nil))
}

func equalResources(a, b *Record) bool {
	if a.HasResources != b.HasResources || len(a.Resources) != len(b.Resources) {
		return false
	}
	for i, x := range a.Resources {
		y := b.Resources[i]
		if !sameText(x.ARN, y.ARN) || !sameText(x.AccountID, y.AccountID) || !sameText(x.Type, y.Type) {
			return false
		}
	}
	return true
}

func equalAttributes(a, b *Record) bool {
	if a.HasFederationAttributes != b.HasFederationAttributes || len(a.FederationAttributes) != len(b.FederationAttributes) {
		return false
	}
	for i, x := range a.FederationAttributes {
		y := b.FederationAttributes[i]
		if !bytes.Equal(x.Key, y.Key) || !bytes.Equal(x.Value, y.Value) {
			return false
		}
	}
	return true
}

// sameText tells null from empty.
func sameText(a, b []byte) bool { return (a == nil) == (b == nil) && bytes.Equal(a, b) }

// EqualJSON compares two valid JSON texts as values: members in any order,
// strings by their characters, numbers by their literals.
func EqualJSON(a, b []byte) bool {
	return bytes.Equal(Canonical(a), Canonical(b))
}

// Canonical rewrites valid JSON so that equal values have equal texts: members
// sorted by key, strings escaped in one way, no white space, number literals as
// they are. Members with the same key stay in their order.
func Canonical(text []byte) []byte {
	s := scanner{text: append(append(make([]byte, 0, len(text)+padding), text...), make([]byte, padding)...), end: len(text)}
	out, _ := s.canonical(make([]byte, 0, len(text)), s.space(0))
	return out
}

// Member is the value of a member of a JSON object, or of a member of that: the
// characters of a string, else compact JSON; empty if it is not there.
func Member(object []byte, names ...string) string {
	value := object
	for _, name := range names {
		compact := appendCompact(nil, value)
		value = nil
		if len(compact) < 2 || compact[0] != '{' {
			return ""
		}
		eachMember(compact[1:len(compact)-1], func(k, v []byte) bool {
			if string(k) == `"`+name+`"` {
				value = v
			}
			return value == nil
		})
	}
	if len(value) > 1 && value[0] == '"' {
		return string(appendUnescaped(nil, value[1:len(value)-1]))
	}
	return string(value)
}
