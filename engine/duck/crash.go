package duck

import (
	"fmt"
	"runtime/debug"
)

// crash is a panic of a goroutine, to be had by the one that asked: a program
// can then put its terminal in order.
type crash struct {
	cause any
	stack []byte
}

// caught runs f and returns its panic, or nil.
func caught(f func()) (c *crash) {
	defer func() {
		if cause := recover(); cause != nil {
			c = &crash{cause, debug.Stack()}
		}
	}()
	f()
	return nil
}

// again panics as the other goroutine did; nil does nothing.
func (c *crash) again() {
	if c != nil {
		panic(fmt.Sprintf("%v\n\nin a goroutine of the query:\n%s", c.cause, c.stack))
	}
}
