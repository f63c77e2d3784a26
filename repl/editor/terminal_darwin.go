package editor

import (
	"errors"
	"time"

	"golang.org/x/sys/unix"
)

// wait reports whether there is something to read from the terminal, and from
// the pipe. poll does not work on every terminal of macOS, select does.
func (t *terminal) wait(timeout time.Duration) (in, woken bool, err error) {
	for {
		var until *unix.Timeval
		if timeout >= 0 {
			tv := unix.NsecToTimeval(timeout.Nanoseconds())
			until = &tv
		}
		var set unix.FdSet
		set.Set(int(t.in.Fd()))
		set.Set(int(t.woken.Fd()))
		_, err := unix.Select(int(max(t.in.Fd(), t.woken.Fd()))+1, &set, nil, nil, until)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			return false, false, err
		}
		return set.IsSet(int(t.in.Fd())), set.IsSet(int(t.woken.Fd())), nil
	}
}
