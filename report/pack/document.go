package pack

import (
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"

	"github.com/trailql/trailql/engine/dialect"
)

// maxDocument is more than any pack that people write.
const maxDocument = 1 << 20

// Position is a place in a file; line and column from 1, 0 when not known.
type Position struct {
	File         string
	Line, Column int
}

func (p Position) String() string {
	switch {
	case p.Line == 0:
		return p.File
	case p.Column == 0:
		return fmt.Sprintf("%s:%d", p.File, p.Line)
	}
	return fmt.Sprintf("%s:%d:%d", p.File, p.Line, p.Column)
}

// Problem is something wrong in a file. Message may quote the file: escape it
// before a terminal sees it.
type Problem struct {
	Position
	Message string
}

func (p Problem) String() string { return p.Position.String() + ": " + p.Message }

// Problems is the error of files that are not valid, in order of their places.
type Problems []Problem

func (p Problems) Error() string {
	lines := make([]string, len(p))
	for i, one := range p {
		lines[i] = one.String()
	}
	return strings.Join(lines, "\n")
}

func (p *Problems) add(at Position, format string, args ...any) {
	*p = append(*p, Problem{at, fmt.Sprintf(format, args...)})
}

func (p Problems) err() error {
	if len(p) == 0 {
		return nil
	}
	slices.SortStableFunc(p, func(a, b Problem) int {
		if a.File != b.File {
			return strings.Compare(a.File, b.File)
		}
		if a.Line != b.Line {
			return a.Line - b.Line
		}
		return a.Column - b.Column
	})
	return p
}

// Text is a scalar and where it stands.
type Text struct {
	Value string
	At    Position

	literal bool // a block that begins with |
	indent  int  // of its lines
	quoted  bool
}

func (t Text) String() string { return t.Value }

// place is the position of a byte of Value in the file: exact for a literal block
// and for a scalar on one line without escapes.
func (t Text) place(offset int) Position {
	line, column := dialect.Position(t.Value, offset)
	p := t.At
	switch {
	case t.literal:
		p.Line += line
		p.Column = t.indent + column
	case line == 1:
		p.Column += column - 1
		if t.quoted {
			p.Column++
		}
	}
	return p
}

// document is what a file may hold.
type document struct {
	Attack  *attack           `yaml:"attack"`
	Columns map[string]Text   `yaml:"columns"`
	Params  map[string]*Param `yaml:"params"`
	Rules   []*Rule           `yaml:"rules"`
	Pack    *Pack             `yaml:"pack"`

	name string
}

// attack says how ids of MITRE ATT&CK changed.
type attack struct {
	Version int               `yaml:"version"`
	Renamed map[string]string `yaml:"renamed"` // ids before that version to those of it
}

var yamlLine = regexp.MustCompile(`line (\d+): `)

// readDocument decodes one file. What it can decode it returns with the problems.
func readDocument(name string, content []byte) (*document, Problems) {
	var problems Problems
	at := Position{File: name}
	switch {
	case len(content) > maxDocument:
		problems.add(at, "the file is larger than 1 MiB")
		return nil, problems
	case !utf8.Valid(content):
		problems.add(at, "the file is not UTF-8 text")
		return nil, problems
	}
	d := yaml.NewDecoder(strings.NewReader(string(content)))
	var root yaml.Node
	if err := d.Decode(&root); err != nil {
		text := strings.TrimPrefix(err.Error(), "yaml: ")
		if m := yamlLine.FindStringSubmatch(text); m != nil {
			at.Line, _ = strconv.Atoi(m[1])
			text = strings.Replace(text, m[0], "", 1)
		}
		problems.add(at, "%s", text)
		return nil, problems
	}
	var second yaml.Node
	if err := d.Decode(&second); err == nil {
		at.Line = second.Line
		problems.add(at, "a second document in the file")
	}
	r := &reader{name: name, lines: strings.Split(string(content), "\n")}
	doc := &document{name: name}
	if len(root.Content) == 1 {
		r.value(root.Content[0], reflect.ValueOf(doc).Elem(), "the file")
	}
	return doc, append(problems, r.problems...)
}

// reader fills Go values from YAML nodes, strictly.
type reader struct {
	name     string
	lines    []string
	problems Problems
}

func (r *reader) at(n *yaml.Node) Position { return Position{r.name, n.Line, n.Column} }

func (r *reader) text(n *yaml.Node) Text {
	t := Text{Value: n.Value, At: r.at(n), literal: n.Style&yaml.LiteralStyle != 0,
		quoted: n.Style&(yaml.SingleQuotedStyle|yaml.DoubleQuotedStyle) != 0}
	if t.literal {
		for _, line := range r.lines[min(n.Line, len(r.lines)):] {
			if trimmed := strings.TrimLeft(line, " "); strings.TrimSpace(trimmed) != "" {
				t.indent = len(line) - len(trimmed)
				break
			}
		}
	}
	return t
}

// scalars are types that are read from a scalar's text.
func scalar(text string, t reflect.Type) (any, bool, error) {
	switch t {
	case reflect.TypeFor[Severity]():
		v, err := ParseSeverity(text)
		return v, true, err
	case reflect.TypeFor[Kind]():
		v, err := parseKind(text)
		return v, true, err
	case reflect.TypeFor[ParamType]():
		v, err := parseParamType(text)
		return v, true, err
	case reflect.TypeFor[Duration]():
		v, err := parseDuration(text)
		return v, true, err
	}
	return nil, false, nil
}

// value decodes a node; what says whose value it is.
func (r *reader) value(n *yaml.Node, v reflect.Value, what string) {
	if n.Kind == yaml.AliasNode || n.Anchor != "" {
		r.problems.add(r.at(n), "anchors and aliases are not supported")
		return
	}
	if n.Kind == yaml.ScalarNode {
		if parsed, ok, err := scalar(n.Value, v.Type()); ok {
			if err != nil {
				r.problems.add(r.at(n), "%v", err)
				return
			}
			v.Set(reflect.ValueOf(parsed))
			return
		}
	}
	switch v.Type() {
	case reflect.TypeFor[Text]():
		if r.want(n, yaml.ScalarNode, what, "a text") {
			v.Set(reflect.ValueOf(r.text(n)))
		}
		return
	case reflect.TypeFor[Amount]():
		r.amount(n, v, what)
		return
	case reflect.TypeFor[Value]():
		var decoded any
		if err := n.Decode(&decoded); err != nil {
			r.problems.add(r.at(n), "%s: %v", what, err)
			return
		}
		v.Set(reflect.ValueOf(Value{decoded, r.at(n)}))
		return
	}
	switch v.Kind() {
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		r.value(n, v.Elem(), what)
	case reflect.Struct:
		r.structure(n, v, what)
	case reflect.Map:
		r.mapping(n, v, what)
	case reflect.Slice:
		r.sequence(n, v, what)
	default:
		if !r.want(n, yaml.ScalarNode, what, "a "+v.Kind().String()) {
			return
		}
		if v.Kind() == reflect.String {
			v.SetString(n.Value)
			return
		}
		if err := n.Decode(v.Addr().Interface()); err != nil {
			r.problems.add(r.at(n), "%s has to be a %s, and is %q", what, v.Kind(), n.Value)
		}
	}
}

func (r *reader) want(n *yaml.Node, kind yaml.Kind, what, noun string) bool {
	if n.Kind != kind {
		r.problems.add(r.at(n), "%s has to be %s", what, noun)
	}
	return n.Kind == kind
}

func (r *reader) amount(n *yaml.Node, v reflect.Value, what string) {
	if !r.want(n, yaml.ScalarNode, what, "a number or a $parameter") {
		return
	}
	a := Amount{}
	if name, ok := strings.CutPrefix(n.Value, "$"); ok {
		a.Param = r.text(n)
		a.Param.Value = name
	} else {
		var err error
		if a.Number, err = strconv.ParseInt(n.Value, 10, 64); err != nil || a.Number < 1 {
			r.problems.add(r.at(n), "%s has to be a number from 1 or a $parameter", what)
			return
		}
	}
	v.Set(reflect.ValueOf(a))
}

func (r *reader) structure(n *yaml.Node, v reflect.Value, what string) {
	if !r.want(n, yaml.MappingNode, what, "a mapping") {
		return
	}
	fields := map[string]int{}
	var known []string
	for i := range v.NumField() {
		if key := v.Type().Field(i).Tag.Get("yaml"); key != "" {
			fields[key] = i
			known = append(known, key)
		}
	}
	r.members(n, func(key, value *yaml.Node) {
		i, ok := fields[key.Value]
		if !ok {
			r.problems.add(r.at(key), "unknown key %q: want %s", key.Value, strings.Join(known, ", "))
			return
		}
		r.value(value, v.Field(i), key.Value)
	})
}

func (r *reader) mapping(n *yaml.Node, v reflect.Value, what string) {
	if !r.want(n, yaml.MappingNode, what, "a mapping") {
		return
	}
	v.Set(reflect.MakeMap(v.Type()))
	r.members(n, func(key, value *yaml.Node) {
		e := reflect.New(v.Type().Elem()).Elem()
		r.value(value, e, key.Value)
		v.SetMapIndex(reflect.ValueOf(key.Value), e)
	})
}

// members calls do for each key that is a text and stands once.
func (r *reader) members(n *yaml.Node, do func(key, value *yaml.Node)) {
	seen := map[string]bool{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key := n.Content[i]
		switch {
		case key.Kind != yaml.ScalarNode || key.Anchor != "":
			r.problems.add(r.at(key), "a key has to be a text")
		case seen[key.Value]:
			r.problems.add(r.at(key), "key %q stands twice", key.Value)
		default:
			seen[key.Value] = true
			do(key, n.Content[i+1])
		}
	}
}

// sequence reads a list; a scalar is a list of one.
func (r *reader) sequence(n *yaml.Node, v reflect.Value, what string) {
	items := n.Content
	if n.Kind == yaml.ScalarNode {
		items = []*yaml.Node{n}
	} else if !r.want(n, yaml.SequenceNode, what, "a list") {
		return
	}
	for _, item := range items {
		e := reflect.New(v.Type().Elem()).Elem()
		r.value(item, e, what)
		v.Set(reflect.Append(v, e))
	}
}
