package report

import (
	"container/heap"
	"crypto/sha256"
	"fmt"
	"slices"
	"strconv"
)

// SampleOptions ask for a random part of each control's events; Size 0 for none.
type SampleOptions struct {
	Size int
	Seed int64
}

// sampler keeps the events with the smallest hashes of seed and event id: a simple
// random sample without replacement that does not depend on the order, takes no more
// memory than it has events, and that an auditor can repeat with other tools.
type sampler struct {
	SampleOptions
	population int64
	kept       hashHeap
	has        map[string]bool
}

type hashed struct {
	hash [sha256.Size]byte
	id   string
}

// hashHeap has the greatest hash first.
type hashHeap []hashed

func (h hashHeap) Len() int           { return len(h) }
func (h hashHeap) Less(i, j int) bool { return string(h[i].hash[:]) > string(h[j].hash[:]) }
func (h hashHeap) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h *hashHeap) Push(x any)        { *h = append(*h, x.(hashed)) }
func (h *hashHeap) Pop() any {
	last := len(*h) - 1
	x := (*h)[last]
	*h = (*h)[:last]
	return x
}

// add takes each event once.
func (s *sampler) add(id string) {
	s.population++
	if s.Size <= 0 {
		return
	}
	one := hashed{sha256.Sum256([]byte(strconv.FormatInt(s.Seed, 10) + "\n" + id)), id}
	if len(s.kept) == s.Size && string(one.hash[:]) >= string(s.kept[0].hash[:]) || s.has[id] {
		return
	}
	if s.has == nil {
		s.has = map[string]bool{}
	}
	if len(s.kept) == s.Size {
		delete(s.has, heap.Pop(&s.kept).(hashed).id)
	}
	heap.Push(&s.kept, one)
	s.has[id] = true
}

func (s *sampler) sample() *Sample {
	if s.Size <= 0 {
		return nil
	}
	kept := slices.Clone(s.kept)
	slices.SortFunc(kept, func(a, b hashed) int { return slices.Compare(a.hash[:], b.hash[:]) })
	out := &Sample{Population: s.population, Seed: s.Seed, Method: fmt.Sprintf(
		"simple random sample without replacement: of all events the %d with the smallest SHA-256 of the seed in decimal digits, a line feed and the event id", s.Size)}
	for _, k := range kept {
		out.EventIDs = append(out.EventIDs, k.id)
	}
	return out
}
