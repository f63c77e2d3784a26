package editor

import (
	"errors"
	"time"

	"golang.org/x/sys/unix"
)

// wait reports whether there is something to read from the terminal, and from
// the pipe.
func (t *terminal) wait(timeout time.Duration) (in, woken bool, err error) {
	milliseconds := -1
	if timeout >= 0 {
		milliseconds = int(timeout / time.Millisecond)
	}
	for {
		fds := []unix.PollFd{{Fd: int32(t.in.Fd()), Events: unix.POLLIN}, {Fd: int32(t.woken.Fd()), Events: unix.POLLIN}}
		_, err := unix.Poll(fds, milliseconds)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		return fds[0].Revents != 0, fds[1].Revents != 0, err
	}
}
