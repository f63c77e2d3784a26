package repl

import (
	"context"
	"fmt"
	"strings"
)

// Keys is help on the keys of the editor.
const Keys = `RUNNING

  Enter               run a statement that ends in ; or \G, or a command;
                      else start a new line
  Alt-Enter           start a new line
  Ctrl-C              drop the text; while a statement runs: stop it
  Ctrl-D              leave, on an empty line
  Ctrl-Z              stop the shell; fg goes on
  Ctrl-X Ctrl-E       write the text in $VISUAL or $EDITOR
  Ctrl-L              clear the screen

COMPLETION

  Tab, Shift-Tab      the next proposal, the one before
  Up, Down            the same while proposals are open; Enter takes the one
                      that is chosen, Esc takes the text back

HISTORY

  Up, Down            lines of the text, at its edges the statements before
                      and after; also Ctrl-P, Ctrl-N
  PgUp, PgDn          the statements before and after; also Alt-P, Alt-N
  Ctrl-R, Ctrl-S      search for older, newer; Enter takes what is found and
                      does not run it, Esc gives up
  Alt-.               the last word of the statement before

MOVING

  Left, Right         also Ctrl-B, Ctrl-F
  Ctrl-Left, -Right   words; also Alt-B, Alt-F
  Home, End           of the line; also Ctrl-A, Ctrl-E
  Ctrl-Home, -End     of the text; also Alt-<, Alt->

CHANGING

  Backspace, Delete   Ctrl-D deletes, too, where there is something
  Ctrl-W              cut to the space before
  Alt-Backspace       cut the word before; Alt-D the one behind
  Ctrl-U, Ctrl-K      cut to the start, to the end of the line
  Ctrl-Y              put back what was cut
  Ctrl-_              undo

A paste is text: it never runs by itself, whatever it holds.
`

func helpCandidates(*Session, string) []string {
	names := []string{"keys"}
	for _, c := range commands() {
		names = append(names, c.name)
	}
	return names
}

// runHelp: .help
func runHelp(s *Session, ctx context.Context, a arguments) error {
	if strings.EqualFold(a.text, "keys") {
		return s.lines(ctx, Keys)
	}
	pattern := strings.ToLower(strings.TrimPrefix(strings.Join(a.words, " "), "."))
	text := helpText(pattern, s.columns())
	if text == "" {
		return fmt.Errorf("no command is about %q: .help lists all", pattern)
	}
	if pattern == "" {
		text += "\n\nSQL ends in ; or \\G (upright). Commands may be shortened: .t is ambiguous, .tab is not.\n" +
			".help keys tells the keys, trailql help sql the SQL."
	}
	return s.lines(ctx, text)
}

// helpText lists the commands that contain the pattern, group by group.
func helpText(pattern string, columns int) string {
	indent := min(38, columns/2)
	var b strings.Builder
	for _, group := range commandGroups() {
		titled := false
		for _, c := range commands() {
			about := strings.ToLower(c.name + " " + c.arguments + " " + c.help + " " + strings.Join(c.aliases, " ") + " " + c.group)
			if c.group != group || !strings.Contains(about, pattern) {
				continue
			}
			if !titled {
				if b.Len() > 0 {
					b.WriteByte('\n')
				}
				b.WriteString(group + "\n")
				titled = true
			}
			left := "  " + strings.TrimSpace("."+c.name+" "+c.arguments)
			help := c.help
			if len(c.aliases) > 0 {
				help += " (" + strings.Join(c.aliases, " ") + ")"
			}
			lines := wrap(help, max(20, columns-indent-1))
			if cellWidth(left) >= indent {
				b.WriteString(left + "\n")
				left = ""
			}
			for _, line := range lines {
				b.WriteString(padRight(left, indent) + line + "\n")
				left = ""
			}
		}
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// wrap breaks a text between words.
func wrap(text string, width int) []string {
	var lines []string
	line := ""
	for _, word := range strings.Fields(text) {
		if line != "" && cellWidth(line)+1+cellWidth(word) > width {
			lines = append(lines, line)
			line = ""
		}
		if line != "" {
			line += " "
		}
		line += word
	}
	return append(lines, line)
}
