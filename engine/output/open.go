package output

import (
	"context"
	"os"
	"time"
)

// OpenFile is os.OpenFile, but waits for the other end of a named pipe only as
// long as ctx lives. The file can be used beyond that.
func OpenFile(ctx context.Context, name string, flag int, perm os.FileMode) (*os.File, error) {
	if info, err := os.Stat(name); err != nil || info.Mode().IsRegular() {
		return os.OpenFile(name, flag, perm)
	}
	type opened struct {
		file *os.File
		err  error
	}
	done := make(chan opened)
	go func() {
		file, err := os.OpenFile(name, flag, perm)
		select {
		case done <- opened{file, err}:
		case <-ctx.Done():
			if err == nil {
				file.Close() // nobody waits for it any more
			}
		}
	}()
	select {
	case o := <-done:
		return o.file, o.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// StopWith ends what waits for the other end of a pipe when ctx ends. Files that
// never wait are left alone. Call free when the file is no longer used under
// ctx.
func StopWith(ctx context.Context, file *os.File) (free func() bool) {
	return context.AfterFunc(ctx, func() {
		_ = file.SetDeadline(time.Unix(1, 0)) // an error: not a pipe
	})
}
