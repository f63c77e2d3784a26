package pack

import (
	"embed"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"
)

//go:embed packs/*.yaml
var builtIn embed.FS

// BuiltIn are the files that come with the program, for Load.
func BuiltIn() fs.FS {
	sub, err := fs.Sub(builtIn, "packs")
	if err != nil {
		return builtIn // cannot be: the folder is embedded
	}
	return sub
}

// Library is rules and packs that know each other. The caller must not change it.
type Library struct {
	Rules   []*Rule // in the order of the files
	Packs   []*Pack
	Columns map[string]Text // SQL, by name
	Params  map[string]*Param

	rules  map[string]*Rule
	packs  map[string]*Pack
	attack attack
}

// Load reads every .yaml and .yml file at the top of the file systems, in order of
// name, into one library. What is at fault is in the error, a [Problems]; other
// errors are of the file systems.
func Load(systems ...fs.FS) (*Library, error) {
	l := &Library{Columns: map[string]Text{}, Params: map[string]*Param{}, rules: map[string]*Rule{}, packs: map[string]*Pack{}}
	var problems Problems
	for _, fsys := range systems {
		entries, err := fs.ReadDir(fsys, ".")
		if err != nil {
			return nil, fmt.Errorf("list packs: %w", err)
		}
		for _, e := range entries {
			if ext := path.Ext(e.Name()); e.IsDir() || ext != ".yaml" && ext != ".yml" {
				continue
			}
			content, err := fs.ReadFile(fsys, e.Name())
			if err != nil {
				return nil, fmt.Errorf("read pack: %w", err)
			}
			doc, faults := readDocument(e.Name(), content)
			problems = append(problems, faults...)
			if doc != nil {
				l.add(doc, &problems)
			}
		}
	}
	l.check(&problems)
	return l, problems.err()
}

// Rule finds a rule by its id; nil when there is none.
func (l *Library) Rule(id string) *Rule { return l.rules[id] }

// Pack finds a pack by its id; nil when there is none.
func (l *Library) Pack(id string) *Pack { return l.packs[id] }

// AttackIDs are the MITRE ATT&CK ids of a rule before and from AttackVersion.
func (l *Library) AttackIDs(r *Rule) (before, from []string) {
	for _, id := range r.Attack {
		before = append(before, id.Value)
		if renamed, ok := l.attack.Renamed[id.Value]; ok {
			from = append(from, renamed)
		} else {
			from = append(from, id.Value)
		}
	}
	return before, from
}

// AttackVersion is the version of MITRE ATT&CK from which ids are the new ones.
func (l *Library) AttackVersion() int { return l.attack.Version }

// add puts a document's content into the library. A name that is taken is a
// problem: a rule cannot be replaced by another one of its name unseen.
func (l *Library) add(doc *document, problems *Problems) {
	if doc.Attack != nil {
		l.attack.Version = max(l.attack.Version, doc.Attack.Version)
		if l.attack.Renamed == nil {
			l.attack.Renamed = map[string]string{}
		}
		maps.Copy(l.attack.Renamed, doc.Attack.Renamed)
	}
	for _, name := range slices.Sorted(maps.Keys(doc.Columns)) {
		if before, ok := l.Columns[name]; ok {
			problems.add(doc.Columns[name].At, "column %q is defined at %s already", name, before.At)
			continue
		}
		l.Columns[name] = doc.Columns[name]
	}
	for _, name := range slices.Sorted(maps.Keys(doc.Params)) {
		if before, ok := l.Params[name]; ok {
			problems.add(doc.Params[name].Default.At, "parameter %q is defined at %s already", name, before.Default.At)
			continue
		}
		l.Params[name] = doc.Params[name]
	}
	for _, r := range doc.Rules {
		if before := l.rules[r.ID.Value]; before != nil && r.ID.Value != "" {
			problems.add(r.ID.At, "rule %q is defined at %s already", r.ID.Value, before.ID.At)
			continue
		}
		if r.ID.Value == "" {
			at := Position{File: doc.name}
			if r.ID.At.Line > 0 {
				at = r.ID.At
			}
			problems.add(at, "a rule has no id (its title is %q)", r.Title)
			continue
		}
		r.usePattern(problems)
		l.rules[r.ID.Value] = r
		l.Rules = append(l.Rules, r)
	}
	if p := doc.Pack; p != nil {
		switch before := l.packs[p.ID.Value]; {
		case p.ID.Value == "":
			problems.add(Position{File: doc.name}, "the pack has no id")
		case before != nil:
			problems.add(p.ID.At, "pack %q is defined at %s already", p.ID.Value, before.ID.At)
		default:
			l.packs[p.ID.Value] = p
			l.Packs = append(l.Packs, p)
		}
	}
}

// Values are all parameters with their values: defaults, then each of the overrides.
func (l *Library) Values(overrides ...map[string]any) (map[string]any, error) {
	values := map[string]any{}
	for name, p := range l.Params {
		v, err := p.Type.Convert(p.Default.Value)
		if err != nil {
			return nil, fmt.Errorf("default of parameter %s: %w", name, err)
		}
		values[name] = v
	}
	for _, o := range overrides {
		for _, name := range slices.Sorted(maps.Keys(o)) {
			p := l.Params[name]
			if p == nil {
				return nil, fmt.Errorf("set parameter %s: there is none of that name", name)
			}
			v, err := p.Type.Convert(o[name])
			if err != nil {
				return nil, fmt.Errorf("set parameter %s: %w", name, err)
			}
			values[name] = v
		}
	}
	return values, nil
}

// empty reports whether a parameter's value says nothing.
func empty(v any) bool {
	switch v := v.(type) {
	case string:
		return strings.TrimSpace(v) == ""
	case []string:
		return len(v) == 0
	case []int64:
		return len(v) == 0
	}
	return false
}
