package repl

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// runWatch: .watch
func runWatch(s *Session, ctx context.Context, a arguments) error {
	word, sql := a.cutWord()
	if word == "" {
		return a.misused()
	}
	pause, err := parsePause(word)
	if err != nil {
		return err
	}
	st, err := s.statementOf(sql)
	if err != nil {
		return err
	}
	for {
		s.tty.say(fmt.Sprintf("every %s, %s (Ctrl-C ends it)\n", pause, s.options.Now().In(s.zone).Format("2006-01-02 15:04:05 MST")))
		_, err := s.run(ctx, st)
		if ctx.Err() != nil {
			break
		}
		if err != nil {
			return err
		}
		select {
		case <-ctx.Done():
		case <-s.after(pause):
			continue
		}
		break
	}
	if context.Cause(ctx) == errInterrupted {
		return nil // that is how it ends
	}
	return context.Cause(ctx)
}

func parsePause(word string) (time.Duration, error) {
	pause, err := time.ParseDuration(word)
	if n, errNumber := strconv.ParseFloat(word, 64); errNumber == nil {
		pause, err = time.Duration(n*float64(time.Second)), nil
	}
	if err != nil || pause < 100*time.Millisecond || pause > 24*time.Hour {
		return 0, fmt.Errorf("%q is no pause: use seconds, or 500ms, 5m", strings.TrimSpace(word))
	}
	return pause, nil
}
