package main

import (
	"time"
)

// lateness of events, in seconds before the stamp of their file.
const (
	earliest = 605
	latest   = 5
)

// appendEvents appends the records of a CloudTrail object, separated by commas,
// and returns how many there are: fewer than planned for a twin, which leaves
// data events out.
func (m *maker) appendEvents(dst []byte, x object) ([]byte, span64, int, error) {
	d := newDice(m.world.seed, x.stream<<8)
	c := &m.call
	*c = call{dice: d, world: m.world, account: x.account, folder: x.region, memory: c.memory}
	team := &crew{make([][]*session, len(m.world.cast))}
	told, err := m.storyOf(x)
	if err != nil {
		return dst, span64{}, 0, err
	}
	every := 0
	if len(told.steps) > 0 {
		every = x.records / len(told.steps)
	}
	// In two files of five, events lie in order of time; in the others nearly so.
	jitter := 0
	if d.chance(0.6) {
		jitter = 45
	}
	var running *session
	var times span64
	written := 0
	for i := range x.records {
		late := earliest - 60 - (earliest-120-latest)*i/max(1, x.records) + d.IntN(60)
		if jitter > 0 {
			late += d.between(-jitter, jitter)
		}
		c.time = x.made.Add(-time.Duration(min(max(late, latest), earliest)) * time.Second)
		c.outcome = byChance
		if n := len(told.steps); every > 0 && i%every == 0 && i/every < n {
			s := told.steps[i/every]
			c.session, c.action, c.outcome = s.session, s.action, s.outcome
		} else {
			if running == nil || d.chance(0.1) {
				running = m.someone(d, x, team)
			}
			c.session = running
			c.action = c.nextAction(x)
		}
		if c.region = m.world.regions[x.region]; c.action.global {
			c.region = globalRegion
		}
		if d.chance(0.0004) {
			c.time = c.time.Add(-time.Duration(d.between(1, 40)) * time.Hour) // delivery was held up
		}
		before := len(dst)
		if written > 0 {
			dst = append(dst, ',')
		}
		dst = c.appendRecord(dst)
		if x.twin && c.action.effect.data() {
			dst = dst[:before]
			continue
		}
		written++
		times.add(c.time)
	}
	return dst, times, written, nil
}

// nextAction picks what the session does: often the same as just before. Calls
// of global services are rare outside the region that records them.
func (c *call) nextAction(x object) *action {
	s := c.session
	if len(s.recent) > 0 && c.chance(0.7) {
		return s.recent[c.rank(len(s.recent))]
	}
	of := s.actor.actions
	a := of.actions[of.draw.draw(c.dice)]
	for range 8 {
		if !a.global || c.world.regions[x.region] == globalRegion || c.chance(0.05) {
			break
		}
		a = of.actions[of.draw.draw(c.dice)]
	}
	if s.recent = append(s.recent, a); len(s.recent) > 3 {
		s.recent = s.recent[1:]
	}
	return a
}

// crew is who is at work while an object is written.
type crew struct {
	sessions [][]*session // by part of the cast, the busiest first
}

// someone draws the session of the next calls.
func (m *maker) someone(d *dice, x object, team *crew) *session {
	w := m.world
	for {
		part := w.byShare.draw(d)
		kind, share := w.cast[part].kind, w.cast[part].share
		at := d.rank(1 + int(share*float64(min(x.records, 2000))/16))
		if at < len(team.sessions[part]) {
			return team.sessions[part][at]
		}
		there := m.there(x, kind)
		if len(there) == 0 {
			continue
		}
		s := newSession(w, x.account, favourite(d, there), d.IntN(2), x.made)
		team.sessions[part] = append(team.sessions[part], s)
		return s
	}
}

// there lists the actors of a kind who work in the object's account and region.
func (m *maker) there(x object, k kinds) []*actor {
	at := station{x.account.index, x.region, k}
	if _, known := m.stations[at]; !known {
		m.stations[at] = x.account.at(k, x.region)
	}
	return m.stations[at]
}

func (m *maker) storyOf(x object) (story, error) {
	if !x.story {
		return story{}, nil
	}
	return newStory(m.world, x)
}
