package main

import (
	"io"
	"os"
	"strings"

	"github.com/spf13/pflag"
	"golang.org/x/term"

	"github.com/trailql/trailql/repl"
)

// displayFlags are the flags about what a terminal shows.
type displayFlags struct {
	color string
	ascii bool
}

func (f *displayFlags) add(flags *pflag.FlagSet) {
	flags.StringVar(&f.color, "color", "auto", "`WHEN` to use colours: auto (on a terminal, unless $NO_COLOR is set), always or never")
	flags.BoolVar(&f.ascii, "ascii", false, "draw with ASCII, as is done where the locale says that there is nothing else")
}

func (f *displayFlags) check() error {
	return checkChoice("color", f.color, []string{"auto", "always", "never"})
}

// colors decides by flag, then by what the environment asks for.
func (f *displayFlags) colors(w io.Writer) bool {
	switch {
	case f.color == "always":
		return true
	case f.color == "never", os.Getenv("NO_COLOR") != "":
		return false
	case asked("FORCE_COLOR"), asked("CLICOLOR_FORCE"):
		return true
	}
	return terminalOf(w) != nil && !dumbTerminal()
}

func asked(variable string) bool {
	v := os.Getenv(variable)
	return v != "" && v != "0"
}

// onlyASCII decides by flag, then by the locale. None at all is not one that
// cannot do more: most containers have none.
func (f *displayFlags) onlyASCII() bool {
	if f.ascii {
		return true
	}
	locale := strings.ToLower(firstSet("utf-8", "LC_ALL", "LC_CTYPE", "LANG"))
	return !strings.Contains(locale, "utf-8") && !strings.Contains(locale, "utf8")
}

// screen is what w can show.
func (f *displayFlags) screen(w io.Writer) repl.Screen {
	s := repl.Screen{Color: f.colors(w), ASCII: f.ascii}
	if terminal := terminalOf(w); terminal != nil {
		s.ASCII = f.onlyASCII()
		s.Size = func() (columns, rows int) {
			if _, rows, err := term.GetSize(int(terminal.Fd())); err == nil && rows > 0 {
				return widthOf(terminal), rows
			}
			return widthOf(terminal), 24
		}
	}
	return s
}
