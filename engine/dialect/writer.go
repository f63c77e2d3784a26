package dialect

import (
	"slices"
	"sort"
	"strings"
)

// span is a piece of a translation and where it comes from.
type span struct {
	offset int // in the translation
	source int // in the source
	copied bool
}

// sourceOffset converts an offset in a translation. Added text belongs to the
// place for which it stands.
func sourceOffset(spans []span, offset int) int {
	i := sort.Search(len(spans), func(i int) bool { return spans[i].offset > offset }) - 1
	if i < 0 {
		return 0
	}
	if s := spans[i]; s.copied {
		return s.source + offset - s.offset
	}
	return spans[i].source
}

// patch replaces a part of the source, or puts text around it.
type patch struct {
	extent
	before, after string
	zone          string          // that an instant is shown in, innermost; "" for none
	write         func(w *writer) // nil copies the part, with the patches in it
}

// patches of one statement.
type patches struct {
	source string
	byPart map[extent]*patch
	sorted []*patch
}

func newPatches(source string) *patches {
	return &patches{source: source, byPart: map[extent]*patch{}}
}

func (p *patches) at(e extent) *patch {
	n := p.byPart[e]
	if n == nil {
		n = &patch{extent: e}
		p.byPart[e] = n
	}
	return n
}

// replace writes a part anew; write may use w.source for pieces of the part
// that are smaller than it.
func (p *patches) replace(e extent, write func(w *writer)) { p.at(e).write = write }

func (p *patches) replaceText(e extent, text string) {
	p.replace(e, func(w *writer) { w.text(text, e.start) })
}

// wrap puts text around a part, outside of what was put there before.
func (p *patches) wrap(e extent, before, after string) {
	n := p.at(e)
	n.before, n.after = before+n.before, n.after+after
}

// writer builds a translation.
type writer struct {
	patches *patches
	out     strings.Builder
	spans   []span
	active  map[*patch]bool
}

func (p *patches) writer() *writer {
	p.sorted = make([]*patch, 0, len(p.byPart))
	for _, n := range p.byPart {
		p.sorted = append(p.sorted, n)
	}
	slices.SortFunc(p.sorted, func(a, b *patch) int { // the larger of two first
		if a.start != b.start {
			return a.start - b.start
		}
		return b.end - a.end
	})
	return &writer{patches: p, active: map[*patch]bool{}}
}

// text adds text that stands for the place at offset in the source.
func (w *writer) text(s string, offset int) {
	if s == "" {
		return
	}
	w.spans = append(w.spans, span{w.out.Len(), offset, false})
	w.out.WriteString(s)
}

func (w *writer) copy(start, end int) {
	if start >= end {
		return
	}
	w.spans = append(w.spans, span{w.out.Len(), start, true})
	w.out.WriteString(w.patches.source[start:end])
}

// source adds a part of the source with its patches.
func (w *writer) source(e extent) {
	list := w.patches.sorted
	at := e.start
	for i := sort.Search(len(list), func(i int) bool { return list[i].start >= e.start }); i < len(list) && list[i].start < e.end; i++ {
		p := list[i]
		if p.start < at || p.end > e.end || w.active[p] {
			continue
		}
		w.copy(at, p.start)
		w.apply(p)
		at = p.end
	}
	w.copy(at, e.end)
}

func (w *writer) apply(p *patch) {
	w.active[p] = true
	w.text(p.before, p.start)
	if p.zone != "" {
		w.text("(", p.start)
	}
	if p.write != nil {
		p.write(w)
	} else {
		w.source(p.extent)
	}
	if p.zone != "" {
		w.text(" AT TIME ZONE "+p.zone+")", max(p.start, p.end-1))
	}
	w.text(p.after, max(p.start, p.end-1))
	delete(w.active, p)
}
