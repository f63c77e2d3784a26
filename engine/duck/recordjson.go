package duck

import (
	"bytes"
	"encoding/json"
	"fmt"
)

// mergeRecord is a record of its columns and of what they cannot hold, both JSON
// objects: objects merge member by member, everything else replaces (see
// docs/table-format.md). Literals are kept as they are written, and so are nulls,
// which json_merge_patch would take for members to delete.
func mergeRecord(columns, unmodeled []byte) ([]byte, error) {
	members, err := objectMembers(columns)
	if err != nil {
		return nil, fmt.Errorf("record: %w", err)
	}
	over, err := objectMembers(unmodeled)
	if err != nil {
		return nil, fmt.Errorf("unmodeled: %w", err)
	}
	at := map[string]int{}
	for i, m := range members {
		at[m.name] = i
	}
	for _, m := range over {
		i, ok := at[m.name]
		if !ok {
			at[m.name] = len(members)
			members = append(members, m)
			continue
		}
		if isObject(members[i].value) && isObject(m.value) {
			if m.value, err = mergeRecord(members[i].value, m.value); err != nil {
				return nil, err
			}
		}
		members[i].value = m.value
	}
	out := []byte{'{'}
	for i, m := range members {
		if i > 0 {
			out = append(out, ',')
		}
		name, err := json.Marshal(m.name)
		if err != nil {
			return nil, err
		}
		out = append(append(append(out, name...), ':'), m.value...)
	}
	return append(out, '}'), nil
}

type jsonMember struct {
	name  string
	value json.RawMessage
}

func isObject(value []byte) bool { return len(value) > 0 && value[0] == '{' }

// objectMembers are those of a JSON object, in their order.
func objectMembers(object []byte) ([]jsonMember, error) {
	d := json.NewDecoder(bytes.NewReader(object))
	if start, err := d.Token(); err != nil {
		return nil, err
	} else if start != json.Delim('{') {
		return nil, fmt.Errorf("%.20q is no JSON object", object)
	}
	var members []jsonMember
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return nil, err
		}
		m := jsonMember{name: fmt.Sprint(name)}
		if err := d.Decode(&m.value); err != nil {
			return nil, err
		}
		members = append(members, m)
	}
	return members, nil
}
