//go:build !unix

package main

import "os"

// keepTerminal returns what makes a terminal as it is now.
func keepTerminal(*os.File) (restore func()) { return func() {} }
