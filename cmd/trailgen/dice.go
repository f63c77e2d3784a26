package main

import (
	"math"
	"math/rand/v2"
)

const (
	lowerHex  = "0123456789abcdef"
	base32Set = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
	upperSet  = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	alnumSet  = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	base64Set = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
	urlSet    = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
)

// dice is a seeded source of choices. The same seed and stream give the same
// choices on every machine. It is not safe for concurrent use.
type dice struct {
	*rand.Rand
}

func newDice(seed, stream uint64) *dice {
	return &dice{rand.New(rand.NewPCG(seed, stream))}
}

// chance is true with probability p.
func (d *dice) chance(p float64) bool { return d.Float64() < p }

// rank draws from 0 … n-1 by Zipf's law with exponent 1: rank i is about
// 1/(i+1) as likely as rank 0.
func (d *dice) rank(n int) int {
	if n < 2 {
		return 0
	}
	// The inverse of the log-uniform distribution over [1, n+1).
	return min(int(math.Exp(d.Float64()*math.Log(float64(n+1))))-1, n-1)
}

// between draws from lo … hi, both included.
func (d *dice) between(lo, hi int) int { return lo + d.IntN(hi-lo+1) }

// some appends n characters of set.
func (d *dice) some(dst []byte, n int, set string) []byte {
	for range n {
		dst = append(dst, set[d.IntN(len(set))])
	}
	return dst
}

// hex appends n lower-case hexadecimal digits.
func (d *dice) hex(dst []byte, n int) []byte {
	for n > 0 {
		bits := d.Uint64()
		for range min(n, 16) {
			dst = append(dst, lowerHex[bits&15])
			bits >>= 4
		}
		n -= 16
	}
	return dst
}

// uuid appends a random UUID (version 4).
func (d *dice) uuid(dst []byte) []byte {
	hi, lo := d.Uint64(), d.Uint64()
	for i := range 32 {
		switch i {
		case 8, 12, 16, 20:
			dst = append(dst, '-')
		}
		digit := hi & 15
		switch i {
		case 12:
			digit = 4
		case 16:
			digit = digit&3 | 8
		}
		dst = append(dst, lowerHex[digit])
		if hi >>= 4; i == 15 {
			hi = lo
		}
	}
	return dst
}

// base64 appends n characters of the standard base64 alphabet, the last
// padding of them being "=" signs.
func (d *dice) base64(dst []byte, n, padding int) []byte {
	dst = d.some(dst, n-padding, base64Set)
	for range padding {
		dst = append(dst, '=')
	}
	return dst
}

// one picks a member of choices, all equally likely.
func one[T any](d *dice, choices []T) T { return choices[d.IntN(len(choices))] }

// favourite picks a member of choices, the earlier the likelier (Zipf's law).
func favourite[T any](d *dice, choices []T) T { return choices[d.rank(len(choices))] }

// weighted draws indices in proportion to fixed weights.
type weighted struct{ sums []float64 }

func newWeighted(weights []float64) weighted {
	sums, sum := make([]float64, len(weights)), 0.0
	for i, w := range weights {
		sum += w
		sums[i] = sum
	}
	return weighted{sums}
}

func (w weighted) draw(d *dice) int {
	at := d.Float64() * w.sums[len(w.sums)-1]
	lo, hi := 0, len(w.sums)-1
	for lo < hi {
		if mid := (lo + hi) / 2; w.sums[mid] <= at {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	return lo
}
