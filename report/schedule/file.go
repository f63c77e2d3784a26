package schedule

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/gofrs/flock"
	"go.yaml.in/yaml/v3"

	"github.com/trailql/trailql/report/delivery"
	"github.com/trailql/trailql/report/pack"
)

var (
	// ErrExist is wrapped by Add's error when the name is taken.
	ErrExist = errors.New("exists already")
	// ErrNotExist is wrapped by the error about a schedule that is not there.
	ErrNotExist = errors.New("does not exist")
)

// maxFile is more than any file of schedules that people write.
const maxFile = 1 << 20

// fileHeader begins a new file.
const fileHeader = "# Reports that trailql makes: see trailql schedule --help.\n"

// contents is what the file holds.
type contents struct {
	Schedules []Schedule `yaml:"schedules"`
}

// Load reads the schedules of a YAML file, or of a JSON file, which is YAML, too.
// A file that does not exist has none. What is at fault is in the error, a
// pack.Problems; other errors are of the file system.
func Load(name string) ([]*Schedule, error) {
	data, err := os.ReadFile(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read schedules: %w", err)
	}
	schedules, _, problems := parse(name, data)
	if len(problems) > 0 {
		return nil, problems
	}
	return schedules, nil
}

// parse reads a file; list is its node with the schedules, nil if there is none.
func parse(name string, data []byte) (schedules []*Schedule, document *yaml.Node, problems pack.Problems) {
	add := func(n *yaml.Node, message string) {
		at := pack.Position{File: name}
		if n != nil {
			at.Line, at.Column = n.Line, n.Column
		}
		problems = append(problems, pack.Problem{Position: at, Message: message})
	}
	switch {
	case len(data) > maxFile:
		add(nil, "the file is larger than 1 MiB")
		return nil, nil, problems
	case !utf8.Valid(data):
		add(nil, "the file is not UTF-8 text")
		return nil, nil, problems
	}
	document = &yaml.Node{}
	decoder := yaml.NewDecoder(bytes.NewReader(data))
	if err := decoder.Decode(document); err != nil {
		if len(bytes.TrimSpace(data)) == 0 || document.IsZero() && isBlank(data) {
			return nil, &yaml.Node{}, nil
		}
		return nil, nil, append(problems, decodeProblems(name, err)...)
	}
	if err := decoder.Decode(&yaml.Node{}); err == nil {
		add(nil, "a second document in the file")
	}
	root := document.Content[0]
	strict(root, reflect.TypeFor[contents](), "the file", add)
	if len(problems) > 0 {
		return nil, document, problems
	}
	list := entry(root, "schedules")
	if list == nil {
		return nil, document, nil
	}
	seen := map[string]bool{}
	for _, node := range list.Content {
		s := &Schedule{}
		if err := node.Decode(s); err != nil {
			problems = append(problems, decodeProblems(name, err)...)
			continue
		}
		for _, f := range s.check(filepath.Dir(name)) {
			at := entry(node, f.key)
			if at == nil {
				at = node
			}
			add(at, f.message)
		}
		if seen[s.Name] {
			add(entry(node, "name"), fmt.Sprintf("schedule %q is there twice", shorten(s.Name)))
		}
		seen[s.Name] = true
		schedules = append(schedules, s)
	}
	return schedules, document, problems
}

// isBlank: nothing but comments.
func isBlank(data []byte) bool {
	for line := range bytes.Lines(data) {
		if line = bytes.TrimSpace(line); len(line) > 0 && line[0] != '#' {
			return false
		}
	}
	return true
}

var yamlLine = regexp.MustCompile(`^(?:yaml: )?line (\d+): `)

func decodeProblems(name string, err error) pack.Problems {
	texts := []string{err.Error()}
	if several, ok := errors.AsType[*yaml.TypeError](err); ok {
		texts = several.Errors
	}
	var problems pack.Problems
	for _, text := range texts {
		at := pack.Position{File: name}
		if m := yamlLine.FindStringSubmatch(text); m != nil {
			at.Line, _ = strconv.Atoi(m[1])
			text = text[len(m[0]):]
		}
		text = strings.ReplaceAll(strings.TrimPrefix(text, "yaml: "), "!!", "")
		problems = append(problems, pack.Problem{Position: at, Message: text})
	}
	return problems
}

// strict finds what decoding would let pass: keys that nobody knows or that are
// there twice, and what makes a file hard to read for people.
func strict(n *yaml.Node, t reflect.Type, where string, add func(*yaml.Node, string)) {
	if n.Kind == yaml.AliasNode || n.Anchor != "" {
		add(n, "anchors and aliases are not for this file")
		return
	}
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch {
	case n.Kind == yaml.SequenceNode && t.Kind() == reflect.Slice:
		for _, one := range n.Content {
			strict(one, t.Elem(), where, add)
		}
	case n.Kind == yaml.MappingNode && t.Kind() == reflect.Struct && t != reflect.TypeFor[time.Time]():
		fields := map[string]reflect.Type{}
		for field := range t.Fields() {
			if tag, _, _ := strings.Cut(field.Tag.Get("yaml"), ","); tag != "" {
				fields[tag] = field.Type
			}
		}
		seen := map[string]bool{}
		for i := 0; i+1 < len(n.Content); i += 2 {
			key, value := n.Content[i], n.Content[i+1]
			of, known := fields[key.Value]
			switch {
			case !known:
				add(key, fmt.Sprintf("unknown key %q in %s", shorten(key.Value), where))
				continue
			case seen[key.Value]:
				add(key, fmt.Sprintf("key %q is there twice in %s", key.Value, where))
			}
			seen[key.Value] = true
			strict(value, of, key.Value, add)
		}
	case t.Kind() == reflect.Struct && t != reflect.TypeFor[time.Time]():
		add(n, fmt.Sprintf("%s: want keys with values", where))
	case t.Kind() == reflect.Slice && !(n.Kind == yaml.ScalarNode && n.Tag == "!!null"):
		add(n, fmt.Sprintf("%s: want a list", where))
	case n.Kind != yaml.ScalarNode:
		add(n, fmt.Sprintf("%s: want one value", where))
	}
}

// entry is the value of a key; nil if there is none.
func entry(n *yaml.Node, key string) *yaml.Node {
	if n == nil || n.Kind != yaml.MappingNode || key == "" {
		return nil
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == key {
			return n.Content[i+1]
		}
	}
	return nil
}

// Add adds a schedule to a file, which is made if there is none. Comments in the
// file stay. The error wraps ErrExist if the name is taken.
func Add(ctx context.Context, name string, s Schedule) error {
	return edit(ctx, name, func(schedules []*Schedule, list *yaml.Node) error {
		if index(schedules, s.Name) >= 0 {
			return fmt.Errorf("add schedule %q: %w", s.Name, ErrExist)
		}
		node := &yaml.Node{}
		if err := node.Encode(s); err != nil {
			return fmt.Errorf("add schedule %q: %w", s.Name, err)
		}
		list.Content = append(list.Content, node)
		return nil
	})
}

// Remove removes a schedule from a file. The error wraps ErrNotExist if there is
// none of the name.
func Remove(ctx context.Context, name, schedule string) error {
	return edit(ctx, name, func(schedules []*Schedule, list *yaml.Node) error {
		i := index(schedules, schedule)
		if i < 0 {
			return fmt.Errorf("remove schedule %q: %w", shorten(schedule), ErrNotExist)
		}
		list.Content = slices.Delete(list.Content, i, i+1)
		return nil
	})
}

func index(schedules []*Schedule, name string) int {
	return slices.IndexFunc(schedules, func(s *Schedule) bool { return s.Name == name })
}

// edit changes the list in a file, one process at a time. What the file would
// then hold is read again before it is written.
func edit(ctx context.Context, name string, change func([]*Schedule, *yaml.Node) error) (err error) {
	if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
		return fmt.Errorf("write schedules: %w", err)
	}
	unlock, err := lockFile(ctx, name+".lock")
	if err != nil {
		return fmt.Errorf("write schedules: %w", err)
	}
	defer func() { err = errors.Join(err, unlock()) }()

	data, err := os.ReadFile(name)
	if errors.Is(err, fs.ErrNotExist) {
		data, err = []byte(fileHeader), nil
	}
	if err != nil {
		return fmt.Errorf("write schedules: %w", err)
	}
	schedules, document, problems := parse(name, data)
	if len(problems) > 0 {
		return problems
	}
	list := listIn(document)
	if err := change(schedules, list); err != nil {
		return err
	}
	var out bytes.Buffer
	if isBlank(data) {
		out.Write(data)
	}
	encoder := yaml.NewEncoder(&out)
	encoder.SetIndent(2)
	if err := errors.Join(encoder.Encode(document), encoder.Close()); err != nil {
		return fmt.Errorf("write schedules: %w", err)
	}
	if _, _, problems := parse(name, out.Bytes()); len(problems) > 0 {
		return problems
	}
	if err := replaceFile(name, out.Bytes(), 0o600); err != nil {
		return fmt.Errorf("write schedules: %w", err)
	}
	return nil
}

// listIn finds the list of schedules, and makes what is missing of it.
func listIn(document *yaml.Node) *yaml.Node {
	if len(document.Content) == 0 {
		document.Kind = yaml.DocumentNode
		document.Content = []*yaml.Node{{Kind: yaml.MappingNode, Tag: "!!map"}}
	}
	root := document.Content[0]
	if root.Kind != yaml.MappingNode {
		*root = yaml.Node{Kind: yaml.MappingNode, Tag: "!!map"}
	}
	list := entry(root, "schedules")
	if list == nil {
		list = &yaml.Node{}
		root.Content = append(root.Content, &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: "schedules"}, list)
	}
	if list.Kind != yaml.SequenceNode {
		*list = yaml.Node{Kind: yaml.SequenceNode, Tag: "!!seq"}
	}
	if len(list.Content) == 0 {
		list.Style = 0
	}
	return list
}

// lockFile waits for the lock on a file, which is never removed: a lock on a
// removed file would not exclude one on its successor.
func lockFile(ctx context.Context, name string) (unlock func() error, err error) {
	l := flock.New(name, flock.SetPermissions(0o600))
	if _, err := l.TryLockContext(ctx, 20*time.Millisecond); err != nil {
		return nil, errors.Join(fmt.Errorf("lock %s: %w", name, err), l.Close())
	}
	return l.Close, nil
}

// replaceFile writes a file whole and durably, or not at all. A file that is
// there keeps its permissions, and a link stays one.
func replaceFile(name string, data []byte, mode fs.FileMode) error {
	if target, err := filepath.EvalSymlinks(name); err == nil {
		name = target
	}
	if info, err := os.Stat(name); err == nil {
		mode = info.Mode().Perm()
	}
	file, err := os.CreateTemp(filepath.Dir(name), "."+filepath.Base(name)+".*.tmp")
	if err != nil {
		return err
	}
	_, err = file.Write(data)
	err = errors.Join(err, file.Chmod(mode))
	if err == nil {
		err = file.Sync()
	}
	if err = errors.Join(err, file.Close()); err == nil {
		err = os.Rename(file.Name(), name)
	}
	if err != nil {
		return errors.Join(err, os.Remove(file.Name()))
	}
	return syncFolder(filepath.Dir(name))
}

// syncFolder makes a rename in a folder survive a loss of power.
func syncFolder(name string) error {
	dir, err := os.Open(name)
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}

// ParseTarget reads where to deliver: a folder, or the YAML of a target in one
// line, such as {slack: {url_env: SLACK_URL}}. dir is what relative
// paths begin at.
func ParseTarget(text, dir string) (delivery.Target, error) {
	t := delivery.Target{Folder: text}
	if strings.HasPrefix(text, "{") {
		var document yaml.Node
		if err := yaml.Unmarshal([]byte(text), &document); err != nil {
			return t, fmt.Errorf("target: %w", err)
		}
		var problems []error
		strict(document.Content[0], reflect.TypeFor[delivery.Target](), "the target", func(_ *yaml.Node, message string) {
			problems = append(problems, errors.New(message))
		})
		if err := errors.Join(problems...); err != nil {
			return t, fmt.Errorf("target: %w", err)
		}
		t = delivery.Target{}
		if err := document.Decode(&t); err != nil {
			return t, fmt.Errorf("target: %w", err)
		}
	}
	t = absoluteTarget(dir, t)
	if err := t.Validate(); err != nil {
		return t, fmt.Errorf("target: %w", err)
	}
	return t, nil
}
