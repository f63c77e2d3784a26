package report

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"

	"github.com/trailql/trailql/report/pack"
)

// maxDocument is more than any scope or exceptions file that people write.
const maxDocument = 4 << 20

// document reads a YAML file strictly and collects what is wrong with it.
type document struct {
	name     string
	problems pack.Problems
}

func (d *document) fault(n *yaml.Node, format string, args ...any) {
	at := pack.Position{File: d.name}
	if n != nil {
		at.Line, at.Column = n.Line, n.Column
	}
	d.problems = append(d.problems, pack.Problem{Position: at, Message: fmt.Sprintf(format, args...)})
}

// err is what is wrong, as a [pack.Problems] that wraps ErrInvalid.
func (d *document) err() error {
	if len(d.problems) == 0 {
		return nil
	}
	slices.SortStableFunc(d.problems, func(a, b pack.Problem) int {
		return slices.Compare([]int{a.Line, a.Column}, []int{b.Line, b.Column})
	})
	return invalidFile{d.problems}
}

// invalidFile is an ErrInvalid that says no more than its problems.
type invalidFile struct{ pack.Problems }

func (e invalidFile) Unwrap() []error { return []error{e.Problems, ErrInvalid} }

var yamlLine = regexp.MustCompile(`line (\d+): `)

// root is the one value of the file; nil when there is none, or no YAML.
func (d *document) root(content []byte) *yaml.Node {
	switch {
	case len(content) > maxDocument:
		d.fault(nil, "the file is larger than %d MiB", maxDocument>>20)
		return nil
	case !utf8.Valid(content):
		d.fault(nil, "the file is not UTF-8 text")
		return nil
	}
	decoder := yaml.NewDecoder(strings.NewReader(string(content)))
	var root, second yaml.Node
	if err := decoder.Decode(&root); err != nil {
		text := strings.TrimPrefix(err.Error(), "yaml: ")
		at := &yaml.Node{}
		if m := yamlLine.FindStringSubmatch(text); m != nil {
			at.Line, _ = strconv.Atoi(m[1])
			text = strings.Replace(text, m[0], "", 1)
		}
		if text == "EOF" {
			text = "the file is empty"
		}
		d.fault(at, "%s", text)
		return nil
	}
	if decoder.Decode(&second) == nil {
		d.fault(&second, "a second document in the file")
	}
	if len(root.Content) != 1 {
		d.fault(nil, "the file is empty")
		return nil
	}
	return root.Content[0]
}

// mapping calls the function of each key, with its value.
func (d *document) mapping(n *yaml.Node, what string, keys map[string]func(*yaml.Node)) {
	if n.Kind != yaml.MappingNode {
		d.fault(n, "%s has to be a mapping", what)
		return
	}
	seen := map[string]bool{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key := n.Content[i]
		read, known := keys[key.Value]
		switch {
		case seen[key.Value]:
			d.fault(key, "key %q stands twice", key.Value)
		case !known:
			d.fault(key, "unknown key %q: want %s", key.Value, strings.Join(slices.Sorted(maps.Keys(keys)), ", "))
		default:
			read(n.Content[i+1])
		}
		seen[key.Value] = true
	}
}

// pairs calls do for each key, whatever it is.
func (d *document) pairs(n *yaml.Node, what string, do func(key, value *yaml.Node)) {
	if n.Kind != yaml.MappingNode {
		d.fault(n, "%s has to be a mapping", what)
		return
	}
	seen := map[string]bool{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if key := n.Content[i]; seen[key.Value] {
			d.fault(key, "key %q stands twice", key.Value)
		} else {
			do(key, n.Content[i+1])
		}
		seen[n.Content[i].Value] = true
	}
}

// list calls do for each item; a scalar is a list of one.
func (d *document) list(n *yaml.Node, what string, do func(*yaml.Node)) {
	switch n.Kind {
	case yaml.SequenceNode:
		for _, item := range n.Content {
			do(item)
		}
	case yaml.ScalarNode:
		do(n)
	default:
		d.fault(n, "%s has to be a list", what)
	}
}

// text is a scalar as it is written, so that an account keeps its leading zeros.
func (d *document) text(n *yaml.Node, what string) string {
	if n.Kind != yaml.ScalarNode || n.Tag == "!!null" {
		d.fault(n, "%s has to be a text", what)
		return ""
	}
	return n.Value
}

func (d *document) texts(n *yaml.Node, what string) []string {
	var list []string
	d.list(n, what, func(item *yaml.Node) { list = append(list, d.text(item, what)) })
	return list
}
