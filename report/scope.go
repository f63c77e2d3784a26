package report

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/trailql/trailql/report/pack"
)

var (
	accountForm = regexp.MustCompile(`^[0-9]{12}$`)
	regionForm  = regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)+$`)
)

// ScopeFile is what a scope file says.
type ScopeFile struct {
	Scope
	// NotApplicable are controls, as ID or PACK/ID, with the reason.
	NotApplicable map[string]string
}

// has reports whether an account and region lie within the scope.
func (s Scope) has(account, region string) bool {
	return (len(s.Accounts) == 0 || slices.Contains(s.Accounts, account)) && (len(s.Regions) == 0 || slices.Contains(s.Regions, region))
}

// ParseScope reads a scope file:
//
//	accounts: ["111122223333"]   # none: all that the archive has
//	regions: [us-east-1]
//	parameters:                  # of the packs; trailql report show lists them
//	  regulated: ["arn:aws:s3:::cards*"]
//	not_applicable:              # controls, and why
//	  pci-dss-4/8.6.1: there are no accounts of applications
//
// An error of its content wraps ErrInvalid and is a [pack.Problems].
func ParseScope(name string, content []byte, l *pack.Library) (ScopeFile, error) {
	hash := sha256.Sum256(content)
	s := ScopeFile{
		Scope:         Scope{Declared: map[string][]string{}, File: filepath.Base(name), SHA256: hex.EncodeToString(hash[:])},
		NotApplicable: map[string]string{},
	}
	d := &document{name: name}
	root := d.root(content)
	if root == nil {
		return s, d.err()
	}
	d.mapping(root, "the file", map[string]func(*yaml.Node){
		"accounts": func(n *yaml.Node) {
			d.list(n, "accounts", func(item *yaml.Node) {
				s.Accounts = d.scopeEntry(s.Accounts, item, "account", accountForm, "12 digits")
			})
		},
		"regions": func(n *yaml.Node) {
			d.list(n, "regions", func(item *yaml.Node) {
				s.Regions = d.scopeEntry(s.Regions, item, "region", regionForm, "a name such as us-east-1")
			})
		},
		"parameters": func(n *yaml.Node) {
			d.pairs(n, "parameters", func(key, value *yaml.Node) {
				param := l.Params[key.Value]
				if param == nil {
					d.fault(key, "there is no parameter %q: want %v", key.Value, slices.Sorted(maps.Keys(l.Params)))
					return
				}
				before := len(d.problems)
				texts := d.texts(value, key.Value)
				if len(d.problems) > before {
					return
				}
				if _, err := paramValue(param.Type, texts); err != nil {
					d.fault(value, "parameter %s: %v", key.Value, err)
				}
				s.Declared[key.Value] = texts
			})
		},
		"not_applicable": func(n *yaml.Node) {
			d.pairs(n, "not_applicable", func(key, value *yaml.Node) {
				if !hasControl(l, key.Value) {
					d.fault(key, "there is no control %q", key.Value)
				}
				if s.NotApplicable[key.Value] = d.text(value, key.Value); strings.TrimSpace(value.Value) == "" {
					d.fault(value, "control %s: say why it is not applicable", key.Value)
				}
			})
		},
	})
	slices.Sort(s.Accounts)
	slices.Sort(s.Regions)
	return s, d.err()
}

func (d *document) scopeEntry(list []string, n *yaml.Node, what string, form *regexp.Regexp, want string) []string {
	text := d.text(n, what)
	switch {
	case !form.MatchString(text):
		d.fault(n, "%q is no %s: want %s", text, what, want)
	case slices.Contains(list, text):
		d.fault(n, "%s %s stands twice", what, text)
	}
	return append(list, text)
}

// check looks at a scope that may not be of a file.
func (s Scope) check() error {
	for _, a := range s.Accounts {
		if !accountForm.MatchString(a) {
			return fmt.Errorf("account %q: %w: want 12 digits", a, ErrInvalid)
		}
	}
	for _, r := range s.Regions {
		if !regionForm.MatchString(r) {
			return fmt.Errorf("region %q: %w: want a name such as us-east-1", r, ErrInvalid)
		}
	}
	return nil
}

// paramValue makes texts a value of a parameter's type.
func paramValue(t pack.ParamType, texts []string) (any, error) {
	number := func(text string) (int64, error) {
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return 0, fmt.Errorf("%q is no whole number", text)
		}
		return n, nil
	}
	switch t {
	case pack.List:
		return texts, nil
	case pack.Integers:
		numbers := make([]int64, 0, len(texts))
		for _, text := range texts {
			n, err := number(text)
			if err != nil {
				return nil, err
			}
			numbers = append(numbers, n)
		}
		return numbers, nil
	}
	if len(texts) != 1 {
		return nil, fmt.Errorf("want one value, not %d", len(texts))
	}
	if t == pack.Integer {
		return number(texts[0])
	}
	return texts[0], nil
}
