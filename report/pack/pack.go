package pack

import (
	"slices"
)

// Pack is a framework's controls, each with the rules that show it.
type Pack struct {
	ID          Text   `yaml:"id"`
	Title       string `yaml:"title"`
	Description string `yaml:"description"`
	// Versions of the framework, oldest first; the last one is the default.
	Versions []Text `yaml:"versions"`
	// Scope is a rule: only events that it takes, too, count for the controls.
	Scope  Text             `yaml:"scope"`
	Params map[string]Value `yaml:"params"`
	// Inputs are parameters that a run of the pack is about; one of them at least
	// has to be given.
	Inputs   []Text    `yaml:"inputs"`
	Notes    []string  `yaml:"notes"`
	Controls []Control `yaml:"controls"`
}

// Control is one requirement. Its Title is ours.
type Control struct {
	// ID is the framework's; empty where Editions say it.
	ID       Text      `yaml:"id"`
	Title    string    `yaml:"title"`
	Kind     Kind      `yaml:"kind"`
	Severity Severity  `yaml:"severity"`
	Rules    []Text    `yaml:"rules"`
	Editions []Edition `yaml:"editions"`
	// Pattern is the filter pattern that the framework prints.
	Pattern string `yaml:"pattern"`
	Level   string `yaml:"level"`
	Note    string `yaml:"note"`
	// Related are ids of other frameworks, by their names.
	Related map[string][]string `yaml:"related"`
	// Groups are columns to count the events by.
	Groups []Text `yaml:"groups"`
}

// Edition is what a control is in versions From to To, both included. What it
// leaves out is as in the control.
type Edition struct {
	From    Text   `yaml:"from"`
	To      Text   `yaml:"to"`
	ID      Text   `yaml:"id"`
	Rules   []Text `yaml:"rules"`
	Pattern string `yaml:"pattern"`
	Level   string `yaml:"level"`
	Note    string `yaml:"note"`
}

// DefaultVersion is the newest version of the framework; "" if it has none.
func (p *Pack) DefaultVersion() string {
	if len(p.Versions) == 0 {
		return ""
	}
	return p.Versions[len(p.Versions)-1].Value
}

// HasVersion reports whether the pack knows that version; "" stands for the
// default.
func (p *Pack) HasVersion(version string) bool {
	return version == "" || p.versionIndex(version) >= 0
}

func (p *Pack) versionIndex(version string) int {
	return slices.IndexFunc(p.Versions, func(v Text) bool { return v.Value == version })
}

// At are the controls of one version of the framework, "" for the default, with
// their ids of it. It is nil for a version that the pack does not know.
func (p *Pack) At(version string) []Control {
	if version == "" {
		version = p.DefaultVersion()
	} else if !p.HasVersion(version) {
		return nil
	}
	var controls []Control
	for _, c := range p.Controls {
		applies := len(c.Editions) == 0
		for _, e := range c.Editions {
			if !p.inEdition(e, version) {
				continue
			}
			applies = true
			c = c.of(e)
		}
		c.Editions = nil
		if applies {
			controls = append(controls, c)
		}
	}
	return controls
}

func (p *Pack) inEdition(e Edition, version string) bool {
	at := p.versionIndex(version)
	from, to := 0, len(p.Versions)-1
	if e.From.Value != "" {
		from = p.versionIndex(e.From.Value)
	}
	if e.To.Value != "" {
		to = p.versionIndex(e.To.Value)
	}
	return from <= at && at <= to
}

// of is the control with what an edition says.
func (c Control) of(e Edition) Control {
	if e.ID.Value != "" {
		c.ID = e.ID
	}
	if len(e.Rules) > 0 {
		c.Rules = e.Rules
	}
	if e.Pattern != "" {
		c.Pattern = e.Pattern
	}
	if e.Level != "" {
		c.Level = e.Level
	}
	if e.Note != "" {
		c.Note = e.Note
	}
	return c
}
