//go:build linux || darwin

package editor

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
	"golang.org/x/term"
)

// terminal is the user's terminal: raw while a statement is typed, else as it
// was found. Only raw, restore and write may be called at any time from anywhere.
type terminal struct {
	in, out *os.File

	mu    sync.Mutex
	found *term.State // how it was before raw, nil while it is so
	below int         // rows of the editor below the cursor

	// The waiting for keys ends when a byte comes through this pipe: what
	// happened, as a keyCode.
	wake, woken *os.File
	buffer      []byte

	suspended atomic.Bool
	resumed   chan struct{} // SIGCONT while suspended
}

// newTerminal also checks that the process has a terminal of its own, which
// go-prompt takes for granted.
func newTerminal(in, out *os.File) (*terminal, error) {
	tty, err := os.OpenFile("/dev/tty", os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	tty.Close()
	for _, f := range []*os.File{in, out} {
		if !term.IsTerminal(int(f.Fd())) {
			return nil, fmt.Errorf("%s is not a terminal", f.Name())
		}
	}
	woken, wake, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	return &terminal{
		in: in, out: out, wake: wake, woken: woken, buffer: make([]byte, 64<<10),
		resumed: make(chan struct{}, 1),
	}, nil
}

func (t *terminal) close() error {
	t.restore()
	return errors.Join(t.wake.Close(), t.woken.Close())
}

const (
	pasteModeOn  = "\x1b[?2004h"
	pasteModeOff = "\x1b[?2004l"
	showCursor   = "\x1b[?25h"
	plainText    = "\x1b[0m"
)

// raw hands keys over one by one. pending is true when some were typed before.
func (t *terminal) raw() (pending bool, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.found == nil {
		found, err := term.MakeRaw(int(t.in.Fd()))
		if err != nil {
			return false, fmt.Errorf("set the terminal up: %w", err)
		}
		t.found = found
		t.below = 0
		if _, err := t.out.WriteString(pasteModeOn); err != nil {
			return false, err
		}
	}
	pending, _, err = t.wait(0)
	return pending, err
}

// rawAgain is for a terminal whose state others may have changed.
func (t *terminal) rawAgain() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.found != nil {
		_, _ = term.MakeRaw(int(t.in.Fd())) // it was raw before
		_, _ = t.out.WriteString(pasteModeOn)
	}
}

// restore makes the terminal as it was found, with the cursor below what the
// editor drew.
func (t *terminal) restore() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.found == nil {
		return
	}
	text := pasteModeOff + showCursor
	if t.below >= 0 {
		text += plainText
		if t.below > 0 {
			text += fmt.Sprintf("\x1b[%dB", t.below)
		}
		text += "\r\n"
	}
	// A terminal that is gone needs neither.
	_, _ = t.out.WriteString(text)
	_ = term.Restore(int(t.in.Fd()), t.found)
	t.found = nil
}

// write draws, and is told how many rows it leaves below the cursor, -1 when
// the cursor stands at the start of a new line. Nothing is written while the
// terminal is not raw.
func (t *terminal) write(b []byte, below int) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.found == nil {
		return nil
	}
	t.below = below
	_, err := t.out.Write(b)
	return err
}

func (t *terminal) size() (columns, rows int) {
	columns, rows, err := term.GetSize(int(t.out.Fd()))
	if err != nil || columns <= 0 || rows <= 0 {
		return 80, 24
	}
	return columns, rows
}

// tell ends a waiting for keys with something that happened.
func (t *terminal) tell(c keyCode) { _, _ = t.wake.Write([]byte{byte(c)}) }

// read waits for keys or for something to happen. Both are empty after timeout,
// which is without end when negative.
func (t *terminal) read(timeout time.Duration) (typed []byte, happened []keyCode, err error) {
	in, woken, err := t.wait(timeout)
	if err != nil {
		return nil, nil, err
	}
	if woken {
		codes := make([]byte, 64)
		n, err := t.woken.Read(codes)
		if err != nil {
			return nil, nil, err
		}
		for _, c := range codes[:n] {
			happened = append(happened, keyCode(c))
		}
	}
	if in {
		n, err := unix.Read(int(t.in.Fd()), t.buffer)
		switch {
		case errors.Is(err, unix.EINTR), errors.Is(err, unix.EAGAIN):
		case err != nil:
			return nil, happened, err
		case n == 0:
			return nil, happened, io.EOF
		default:
			typed = t.buffer[:n]
		}
	}
	return typed, happened, nil
}

// watch tells what signals say, until done is called.
func (t *terminal) watch() (done func()) {
	for { // what happened between two statements is over
		if _, woken, err := t.wait(0); err != nil || !woken {
			break
		}
		_, _ = t.woken.Read(t.buffer)
	}
	signals := make(chan os.Signal, 8)
	signal.Notify(signals, syscall.SIGWINCH, syscall.SIGCONT)
	ended := make(chan struct{})
	gone := make(chan struct{})
	go func() {
		defer close(gone)
		for {
			select {
			case s := <-signals:
				switch {
				case s == syscall.SIGWINCH:
					t.tell(keyResize)
				case !t.suspended.Load():
					t.tell(keyResume)
				default:
					select {
					case t.resumed <- struct{}{}:
					default:
					}
				}
			case <-ended:
				return
			}
		}
	}()
	return func() {
		signal.Stop(signals)
		close(ended)
		<-gone
	}
}

// suspend stops the process, as Ctrl-Z does elsewhere, and returns when it is
// told to go on. Where nobody would tell it so, it goes on by itself. The
// terminal is as it was found.
//
// This is the default action of SIGTSTP, which the kernel does not take where
// no shell could continue the process. A Go program that has ever asked to be
// notified of SIGTSTP ignores it from then on, so nobody may.
func (t *terminal) suspend() {
	t.suspended.Store(true)
	defer t.suspended.Store(false)
	select {
	case <-t.resumed:
	default:
	}
	began := time.Now()
	if err := syscall.Kill(0, syscall.SIGTSTP); err != nil {
		return
	}
	// The signal stops the process a moment after it was sent, or never.
	const moment = 200 * time.Millisecond
	select {
	case <-t.resumed:
	case <-time.After(moment):
		if time.Since(began) > 2*moment { // it was stopped
			select {
			case <-t.resumed:
			case <-time.After(moment):
			}
		}
	}
}
