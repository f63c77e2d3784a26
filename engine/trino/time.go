package trino

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
)

const microsecondsOfDay = 24 * 60 * 60 * 1_000_000

// readTime reads 2024-01-05 or 2024-01-05 13:07:09.123456 in a zone, in
// microseconds since 1970. What is finer is cut off.
func readTime(text string, zone *time.Location) (int64, error) {
	day, clock, _ := strings.Cut(text, " ")
	sign := strings.HasPrefix(day, "-")
	parts := strings.Split(strings.TrimPrefix(strings.TrimPrefix(day, "-"), "+"), "-")
	if len(parts) != 3 {
		return 0, fmt.Errorf("%q is no date", text)
	}
	var n [3]int
	for i, p := range parts {
		var err error
		if n[i], err = strconv.Atoi(p); err != nil {
			return 0, fmt.Errorf("%q is no date", text)
		}
	}
	if sign {
		n[0] = -n[0]
	}
	us, err := int64(0), error(nil)
	if clock != "" {
		us, err = readClock(clock)
	}
	if zone == time.UTC {
		return time.Date(n[0], time.Month(n[1]), n[2], 0, 0, 0, 0, time.UTC).UnixMicro() + us, err
	}
	return time.Date(n[0], time.Month(n[1]), n[2], 0, 0, 0, int(us)*1000, zone).UnixMicro(), err
}

// readClock reads 13:07:09.123456 in microseconds.
func readClock(text string) (int64, error) {
	clock, fraction, _ := strings.Cut(text, ".")
	parts := strings.Split(clock, ":")
	us := int64(0)
	for _, p := range parts {
		n, err := strconv.Atoi(p)
		if err != nil {
			return 0, fmt.Errorf("%q is no time", text)
		}
		us = us*60 + int64(n)
	}
	for i := len(parts); i < 3; i++ {
		us *= 60
	}
	us *= 1_000_000
	if fraction != "" {
		n, err := strconv.Atoi((fraction + "000000")[:6])
		if err != nil {
			return 0, fmt.Errorf("%q is no time", text)
		}
		us += int64(n)
	}
	return us, nil
}

// instant reads a time with a zone at its end: UTC, Asia/Tokyo, +09:00.
func (s *scanner) instant(text string) (int64, error) {
	at := strings.LastIndexByte(text, ' ')
	if at < 0 {
		return 0, fmt.Errorf("%q has no time zone", text)
	}
	name := text[at+1:]
	if name == "UTC" {
		return readTime(text[:at], time.UTC)
	}
	zone := s.zones[name]
	if zone == nil {
		var err error
		if zone, err = zoneNamed(name); err != nil {
			return 0, err
		}
		if s.zones == nil {
			s.zones = map[string]*time.Location{}
		}
		s.zones[name] = zone
	}
	return readTime(text[:at], zone)
}

func zoneNamed(name string) (*time.Location, error) {
	if name[0] != '+' && name[0] != '-' {
		return time.LoadLocation(name)
	}
	t, err := time.Parse("-07:00", name)
	if err != nil {
		return nil, err
	}
	_, offset := t.Zone()
	return time.FixedZone(name, offset), nil
}

// readInterval reads 3 04:05:06.789 (days) or 1-2 (years and months), perhaps
// behind a minus.
func readInterval(text string) (arrow.MonthDayNanoInterval, error) {
	wrong := fmt.Errorf("%q is no interval", text)
	rest, negative := strings.CutPrefix(text, "-")
	sign := int64(1)
	if negative {
		sign = -1
	}
	if days, clock, ok := strings.Cut(rest, " "); ok {
		n, err := strconv.ParseInt(days, 10, 32)
		us, errClock := readClock(clock)
		if err != nil || errClock != nil {
			return arrow.MonthDayNanoInterval{}, wrong
		}
		return arrow.MonthDayNanoInterval{Days: int32(sign * n), Nanoseconds: sign * us * 1000}, nil
	}
	years, months, _ := strings.Cut(rest, "-")
	y, err := strconv.ParseInt(years, 10, 32)
	m, errMonths := strconv.ParseInt(months, 10, 32)
	if err != nil || errMonths != nil {
		return arrow.MonthDayNanoInterval{}, wrong
	}
	return arrow.MonthDayNanoInterval{Months: int32(sign * (y*12 + m))}, nil
}
