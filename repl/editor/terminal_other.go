//go:build !linux && !darwin

package editor

import (
	"errors"
	"os"
	"time"
)

type terminal struct{}

func newTerminal(in, out *os.File) (*terminal, error) {
	return nil, errors.New("there is no line editor for this system yet: use --no-editor")
}

func (t *terminal) close() error                                  { return nil }
func (t *terminal) raw() (bool, error)                            { return false, nil }
func (t *terminal) rawAgain()                                     {}
func (t *terminal) restore()                                      {}
func (t *terminal) write([]byte, int) error                       { return nil }
func (t *terminal) size() (columns, rows int)                     { return 80, 24 }
func (t *terminal) tell(keyCode)                                  {}
func (t *terminal) read(time.Duration) ([]byte, []keyCode, error) { return nil, nil, nil }
func (t *terminal) watch() (done func())                          { return func() {} }
func (t *terminal) suspend()                                      {}
