package repl

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/trailql/trailql/engine"
)

// ParseWindow reads the bounds of a span of time, [from, to): a date
// (2026-10-31, 2026-10), a time (2026-10-31T14:00:00Z, 2026-10-31 14:00), a
// distance from now (-7d, 2h, 1w2d, "2 hours ago"), now, today or yesterday. An
// empty bound is open. Dates and times without an offset are those of zone; days
// and longer units are those of its calendar.
func ParseWindow(now time.Time, zone *time.Location, from, to string) (engine.Window, error) {
	var w engine.Window
	var err error
	if w.From, err = parseMoment(now, zone, from); err != nil {
		return engine.Window{}, err
	}
	if w.To, err = parseMoment(now, zone, to); err != nil {
		return engine.Window{}, err
	}
	if !w.From.IsZero() && !w.To.IsZero() && !w.From.Before(w.To) {
		return engine.Window{}, fmt.Errorf("%s is not before %s", strings.TrimSpace(from), strings.TrimSpace(to))
	}
	return w, nil
}

func parseMoment(now time.Time, zone *time.Location, text string) (time.Time, error) {
	text = strings.ToLower(strings.TrimSpace(text))
	now = now.In(zone).Truncate(time.Second)
	midnight := time.Date(now.Year(), now.Month(), now.Day(), 0, 0, 0, 0, zone)
	switch text {
	case "":
		return time.Time{}, nil
	case "now":
		return now.UTC(), nil
	case "today":
		return midnight.UTC(), nil
	case "yesterday":
		return midnight.AddDate(0, 0, -1).UTC(), nil
	}
	if t, err := time.Parse(time.RFC3339, strings.ToUpper(text)); err == nil {
		return t.UTC(), nil
	}
	for _, layout := range []string{
		"2006-01-02", "2006-01", "2006-01-02t15:04", "2006-01-02 15:04", "2006-01-02t15:04:05", "2006-01-02 15:04:05",
		"2006-01-02 15:04:05z07:00", "2006-01-02 15:04z07:00", "2006-01-02t15:04z07:00",
	} {
		if t, err := time.ParseInLocation(layout, text, zone); err == nil {
			return t.UTC(), nil
		}
		if t, err := time.ParseInLocation(strings.ToUpper(layout), strings.ToUpper(text), zone); err == nil {
			return t.UTC(), nil
		}
	}
	if t, ok := ago(now, text); ok {
		return t.UTC(), nil
	}
	return time.Time{}, fmt.Errorf("%q is no time: use -7d, 2h, \"2 hours ago\", 2026-10-31, 2026-10-31T14:00:00Z, now, today or yesterday", text)
}

// ago reads a distance: -7d, 1d12h, 2 hours ago.
func ago(now time.Time, text string) (time.Time, bool) {
	text = strings.TrimPrefix(text, "-")
	text = strings.TrimSpace(strings.TrimSuffix(text, "ago"))
	if article, rest, ok := strings.Cut(text, " "); ok && (article == "a" || article == "an" || article == "one") {
		text = "1" + rest
	}
	if text == "" {
		return time.Time{}, false
	}
	for text = strings.ReplaceAll(text, " ", ""); text != ""; {
		digits := strings.IndexFunc(text, func(r rune) bool { return r < '0' || r > '9' })
		if digits <= 0 {
			return time.Time{}, false
		}
		n, err := strconv.Atoi(text[:digits])
		if err != nil || n > 1_000_000 {
			return time.Time{}, false
		}
		text = text[digits:]
		letters := strings.IndexFunc(text, func(r rune) bool { return r < 'a' || r > 'z' })
		if letters < 0 {
			letters = len(text)
		}
		switch text[:letters] {
		case "s", "sec", "secs", "second", "seconds":
			now = now.Add(-time.Duration(n) * time.Second)
		case "m", "min", "mins", "minute", "minutes":
			now = now.Add(-time.Duration(n) * time.Minute)
		case "h", "hour", "hours":
			now = now.Add(-time.Duration(n) * time.Hour)
		case "d", "day", "days":
			now = now.AddDate(0, 0, -n)
		case "w", "week", "weeks":
			now = now.AddDate(0, 0, -7*n)
		case "mo", "month", "months":
			now = now.AddDate(0, -n, 0)
		case "y", "year", "years":
			now = now.AddDate(-n, 0, 0)
		default:
			return time.Time{}, false
		}
		text = text[letters:]
	}
	return now, now.Year() > 0
}

func windowCandidates(*Session, string) []string {
	return []string{"-1h", "-24h", "-7d", "-30d", "today", "yesterday", "off"}
}

// runWindow: .window
func runWindow(s *Session, _ context.Context, a arguments) error {
	words := a.words
	// 2 hours ago, without quotes
	if len(words) == 3 && strings.EqualFold(words[2], "ago") {
		words = []string{strings.Join(words, " ")}
	}
	switch {
	case len(words) == 0:
	case len(words) == 1 && strings.EqualFold(words[0], "off"):
		s.window, s.windowAsked = engine.Window{}, [2]string{}
	case len(words) <= 2:
		to := ""
		if len(words) == 2 {
			to = words[1]
		}
		if strings.EqualFold(to, "now") {
			to = "" // what arrives later is within
		}
		w, err := ParseWindow(s.options.Now(), s.zone, words[0], to)
		if err != nil {
			return err
		}
		if w.IsZero() {
			return errors.New("a window needs a bound, or off")
		}
		s.window, s.windowAsked = w, [2]string{asked(words[0], w.From, s.zone), asked(to, w.To, s.zone)}
	default:
		return fmt.Errorf("times with spaces need quotes: %s", a.usage)
	}
	if s.window.IsZero() {
		s.printf("window: off, all events are seen\n")
		return nil
	}
	s.printf("window: %s (%s); applies to every table of events\n", s.windowText(s.window), s.zone.String())
	return nil
}

// asked is what a bound says on any day: its time, unless that moves with the
// clock.
func asked(text string, at time.Time, zone *time.Location) string {
	if at.IsZero() {
		return ""
	}
	if then, err := parseMoment(at.AddDate(0, 0, -400), zone, text); err == nil && then.Equal(at) {
		return at.Format(time.RFC3339)
	}
	text = strings.TrimSuffix(strings.TrimPrefix(strings.ToLower(strings.Join(strings.Fields(text), "")), "-"), "ago")
	return text + " in " + zone.String()
}

// windowText is a window in the session's time zone.
func (s *Session) windowText(w engine.Window) string {
	text := func(t time.Time, open string) string {
		if t.IsZero() {
			return open
		}
		layout := "2006-01-02T15:04Z07:00"
		if t.Second() != 0 {
			layout = "2006-01-02T15:04:05Z07:00"
		}
		return t.In(s.zone).Format(layout)
	}
	return text(w.From, "the first") + " " + s.ellipsis() + " " + text(w.To, "now")
}
