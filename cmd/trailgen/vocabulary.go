package main

import (
	"strconv"
	"time"
)

// vocabulary holds the words that templates may use.
type vocabulary map[string]*word

// consoleTime is how requests and responses of many services print a time.
const consoleTime = "Jan 2, 2006, 3:04:05 PM"

// newVocabulary makes the words: one for each pool of resources, and those below.
func newVocabulary() vocabulary {
	v := vocabulary{}
	slots := 0
	settled := func(name string, write func(*call, []byte) []byte) {
		v[name] = &word{slots, write}
		slots++
	}
	fresh := func(name string, write func(*call, []byte) []byte) { v[name] = &word{-1, write} }
	text := func(name string, get func(*call) string) {
		fresh(name, func(c *call, dst []byte) []byte { return append(dst, get(c)...) })
	}
	drawn := func(name string, n int, set string) {
		settled(name, func(c *call, dst []byte) []byte { return c.some(dst, n, set) })
	}
	number := func(name string, lo, hi int) {
		settled(name, func(c *call, dst []byte) []byte { return strconv.AppendInt(dst, int64(c.between(lo, hi)), 10) })
	}
	clock := func(name, layout string, shift time.Duration) {
		fresh(name, func(c *call, dst []byte) []byte { return c.time.Add(shift).AppendFormat(dst, layout) })
	}

	for _, p := range pools() {
		settled(p.name, func(c *call, dst []byte) []byte {
			return append(dst, c.habitual(c.account.belongs[c.folder][p.name])...)
		})
	}
	text("account", func(c *call) string { return c.account.id })
	text("region", func(c *call) string { return c.region })
	text("service", func(c *call) string { return c.action.service })
	text("action", func(c *call) string { return c.action.permission() })
	text("caller", func(c *call) string { return c.session.arn })
	text("self", func(c *call) string { return c.session.actor.name })
	text("ownsession", func(c *call) string { return c.session.name })
	text("email", func(c *call) string { return c.session.actor.name + "@example.com" })
	text("subject", func(c *call) string { return c.session.actor.name })
	settled("user", func(c *call, dst []byte) []byte {
		return append(dst, favourite(c.dice, c.account.actors[consoleUser]).name...)
	})
	settled("userid", func(c *call, dst []byte) []byte { return c.some(append(dst, "AIDA"...), 17, base32Set) })
	settled("roleid", func(c *call, dst []byte) []byte { return c.some(append(dst, "AROA"...), 17, base32Set) })
	settled("newkey", func(c *call, dst []byte) []byte { return c.keyID(dst, "ASIA") })
	settled("newuserkey", func(c *call, dst []byte) []byte { return c.keyID(dst, "AKIA") })
	settled("oldkey", func(c *call, dst []byte) []byte {
		return append(dst, favourite(c.dice, c.account.actors[cliUser]).key...)
	})
	settled("rolesession", func(c *call, dst []byte) []byte {
		if c.chance(0.5) {
			return c.time.AppendFormat(append(dst, "session-"...), "20060102150405")
		}
		return append(dst, favourite(c.dice, c.account.actors[ssoUser]).name...)
	})
	settled("awspolicy", func(c *call, dst []byte) []byte {
		return append(dst, favourite(c.dice, []string{"ReadOnlyAccess", "AmazonS3ReadOnlyAccess", "PowerUserAccess", "AdministratorAccess"})...)
	})

	fresh("uuid", func(c *call, dst []byte) []byte { return c.uuid(dst) })
	for _, n := range []int{12, 16, 17, 32, 40, 64} {
		fresh("hex"+strconv.Itoa(n), func(c *call, dst []byte) []byte { return c.hex(dst, n) })
	}
	fresh("sha256", func(c *call, dst []byte) []byte { return c.base64(dst, 44, 1) })
	fresh("encoded", func(c *call, dst []byte) []byte { return c.some(dst, c.between(500, 760), urlSet) })
	fresh("token", func(c *call, dst []byte) []byte { return c.base64(dst, 4*c.between(10, 40), 2) })
	fresh("s3request", func(c *call, dst []byte) []byte { return c.some(dst, 16, upperSet) })
	fresh("dynamorequest", func(c *call, dst []byte) []byte {
		return append(c.some(dst, 26, upperSet), "VV4KQNSO5AEMVJF66Q9ASUAAJG"...)
	})
	fresh("amzid2", func(c *call, dst []byte) []byte { return c.base64(dst, 76, 1) })
	drawn("resourceid", 13, upperSet)
	drawn("itemkey", 20, upperSet)
	settled("uploadid", func(c *call, dst []byte) []byte { return c.some(dst, 128, alnumSet+"._") })
	settled("mac", func(c *call, dst []byte) []byte {
		dst = append(dst, "02"...)
		for range 5 {
			dst = c.hex(append(dst, ':'), 2)
		}
		return dst
	})
	settled("dashedaddress", func(c *call, dst []byte) []byte {
		from := len(dst)
		dst = appendPrivate(dst, c.dice)
		for i := from; i < len(dst); i++ {
			if dst[i] == '.' {
				dst[i] = '-'
			}
		}
		return dst
	})
	settled("s3cipher", func(c *call, dst []byte) []byte { return append(dst, c.session.cipher...) })

	number("small", 1, 120)
	number("part", 1, 600)
	settled("answersize", func(c *call, dst []byte) []byte { return c.bytes(dst, 100, 900) })
	settled("objectbytes", func(c *call, dst []byte) []byte {
		return strconv.AppendInt(dst, int64(c.between(20_000, 40_000_000)), 10)
	})
	settled("zero", func(c *call, dst []byte) []byte { return c.bytes(dst, 0, 0) })
	settled("objectsize", func(c *call, dst []byte) []byte { return c.bytes(dst, 1, 1<<c.between(6, 24)) })
	settled("port", func(c *call, dst []byte) []byte {
		return append(dst, favourite(c.dice, []string{"443", "8080", "5432", "22", "80", "3389", "6379"})...)
	})
	settled("cidr", func(c *call, dst []byte) []byte {
		switch c.IntN(4) {
		case 0:
			return append(dst, "0.0.0.0/0"...)
		case 1:
			return append(dst, "10.0.0.0/8"...)
		}
		return append(appendPrivate(dst, c.dice), "/32"...)
	})
	settled("instancetype", func(c *call, dst []byte) []byte {
		return append(dst, favourite(c.dice, []string{"t3.medium", "m6i.large", "c7g.xlarge", "r6i.2xlarge", "t4g.small", "g5.xlarge"})...)
	})

	clock("time", time.RFC3339, 0)
	clock("day", time.DateOnly, 0)
	clock("longtime", consoleTime, 0)
	clock("expiry", consoleTime, time.Hour)
	fresh("epoch", func(c *call, dst []byte) []byte { return strconv.AppendInt(dst, c.time.Unix(), 10) })
	settled("millis", func(c *call, dst []byte) []byte {
		return strconv.AppendInt(dst, c.time.UnixMilli()+int64(c.IntN(1000)), 10)
	})
	settled("logstream", func(c *call, dst []byte) []byte {
		return c.hex(append(c.time.AppendFormat(dst, "2006/01/02"), "/[$LATEST]"...), 32)
	})
	settled("prefix", func(c *call, dst []byte) []byte { return c.objectPrefix(dst) })
	settled("key", func(c *call, dst []byte) []byte { return c.objectKey(dst) })
	settled("trailkey", func(c *call, dst []byte) []byte {
		return appendObjectKey(dst, c.world.org, c.account.id, categoryEvents, c.region, c.time.Truncate(5*time.Minute), c.some(nil, 16, alnumSet))
	})
	settled("flowkey", func(c *call, dst []byte) []byte {
		dst = append(append(append(append(dst, "AWSLogs/"...), c.account.id...), "/vpcflowlogs/"...), c.region...)
		dst = c.time.AppendFormat(dst, "/2006/01/02/")
		dst = append(append(append(append(dst, c.account.id...), "_vpcflowlogs_"...), c.region...), "_fl-"...)
		dst = c.hex(dst, 17)
		return append(c.hex(c.time.AppendFormat(dst, "_20060102T1504Z_"), 8), ".log.gz"...)
	})
	return v
}

// habitual picks one of the resources that the caller uses. Software works on
// a few of its own, people and scanners on many.
func (c *call) habitual(all []string) string {
	x, n := c.session.actor, len(all)
	if x.kind&(workload|outsider) != 0 {
		n = min(n, 3)
	}
	return all[(x.habit+c.rank(n))%len(all)]
}

// bytes appends a count of bytes between lo and hi. Older records print it
// with a fraction, as 1234.0.
func (c *call) bytes(dst []byte, lo, hi int) []byte {
	dst = strconv.AppendInt(dst, int64(c.between(lo, hi)), 10)
	if c.minor <= 8 && c.action.effect.data() {
		dst = append(dst, ".0"...)
	}
	return dst
}

// keyID appends an access key id of the account.
func (c *call) keyID(dst []byte, prefix string) []byte {
	return c.some(append(append(dst, prefix...), c.account.code...), 8, base32Set)
}

func (c *call) objectPrefix(dst []byte) []byte {
	return append(append(append(append(dst, one(c.dice, teams)...), '/'), favourite(c.dice, purposes)...), '/')
}

// objectKey appends an object's key. Two keys of three name one of a few
// thousand objects that are used again and again, the others are new.
func (c *call) objectKey(dst []byte) []byte {
	d := c.dice
	if c.chance(0.67) {
		d = newDice(c.world.seed, 9_000_000+uint64(c.rank(4000)))
	}
	switch d.IntN(4) {
	case 0: // a data lake
		dst = append(append(append(dst, "lake/"...), one(d, teams)...), "/dt="...)
		dst = c.time.AppendFormat(dst, time.DateOnly)
		dst = append(strconv.AppendInt(append(dst, "/part-"...), int64(10000+d.IntN(400)), 10), '-')
		return append(d.uuid(dst), "-c000.snappy.parquet"...)
	case 1: // uploads
		dst = append(append(append(dst, one(d, teams)...), '/'), one(d, purposes)...)
		dst = append(d.hex(append(dst, '/'), 2), '/')
		return append(d.hex(dst, 32), ".jpg"...)
	case 2: // logs by the hour
		dst = append(append(append(dst, "logs/"...), one(d, teams)...), '/')
		dst = c.time.AppendFormat(dst, "2006/01/02/15/")
		return append(d.some(dst, 8, alnumSet), ".log.gz"...)
	default: // documents with blanks and the like in their names
		dst = append(append(append(dst, one(d, teams)...), '/'), one(d, purposes)...)
		dst = strconv.AppendInt(append(dst, "/Quarterly report "...), int64(d.between(1, 4000)), 10)
		return append(dst, " (final).pdf"...)
	}
}
