//go:build unix

package main

import (
	"os"

	"golang.org/x/sys/unix"
	"golang.org/x/term"
)

// keepTerminal returns what makes a terminal as it is now: programs that the
// shell had to end, such as a pager, leave it as they had it.
func keepTerminal(file *os.File) (restore func()) {
	fd := int(file.Fd())
	state, err := term.GetState(fd)
	if err != nil {
		return func() {}
	}
	return func() {
		// Others have it when this process is in the background.
		if group, err := unix.IoctlGetInt(fd, unix.TIOCGPGRP); err == nil && group == unix.Getpgrp() {
			_ = term.Restore(fd, state) // nobody is left to tell
		}
	}
}
