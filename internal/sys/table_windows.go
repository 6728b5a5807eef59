package sys

import (
	"fmt"
	"slices"
	"sync"

	"golang.org/x/sys/windows"
)

// The callers split and join ranges as they like; Windows gives memory back only in the pieces in
// which it handed it out. The table knows these pieces and what has become of each part of them.
//
//	piece        a part held             the last part held
//	memory       decommitted             decommitted
//	view         no access, memory kept  unmapped, a placeholder remains
//	placeholder  nothing to do           nothing to do
//
//	piece        a part released              the last part released
//	memory       decommitted, addresses kept  freed
//	view         no access, addresses kept    unmapped
//	placeholder  cut off and freed            freed
//
// Parts that are kept go when the last part of their piece goes.

type pieceKind uint8

const (
	memory      pieceKind = iota // VirtualAlloc: reserved addresses, committed in part
	view                         // MapViewOfFile3, MapViewOfFileEx
	placeholder                  // reserved addresses that a view or memory can replace
)

// piece is one allocation of the system: it can only be freed as a whole.
type piece struct {
	base, end uintptr
	kind      pieceKind
	large     bool // memory in large pages: it cannot be decommitted
	replaces  bool // a view that took the place of a placeholder and can leave one

	// Of a view.
	private bool  // writes go to copies
	offset  int64 // of base in the file
	file    fileID
}

// span is a part of a piece in one state. A released part has no span. A placeholder has exactly
// one, which covers it.
type span struct {
	start, end uintptr
	of         *piece
	mapped     bool // else reserved
}

type table struct {
	sync.Mutex
	spans []span // in ascending order, disjoint
}

var owned table

// add enters a new piece, all in one state.
func (t *table) add(p *piece, mapped bool) {
	t.Lock()
	defer t.Unlock()
	t.put(span{p.base, p.end, p, mapped})
}

func (t *table) put(s span) {
	i := t.after(s.start)
	t.spans = slices.Insert(t.spans, i, s)
}

// after returns the index of the first span that ends after addr.
func (t *table) after(addr uintptr) int {
	i, _ := slices.BinarySearchFunc(t.spans, addr, func(s span, addr uintptr) int {
		if s.end <= addr {
			return -1
		}
		return 1
	})
	return i
}

// cut makes sure that no span reaches across addr. A placeholder is left whole: its one span stands
// for it.
func (t *table) cut(addr uintptr) {
	i := t.after(addr)
	if i == len(t.spans) || t.spans[i].start >= addr || t.spans[i].of.kind == placeholder {
		return
	}
	right := t.spans[i]
	right.start = addr
	t.spans[i].end = addr
	t.spans = slices.Insert(t.spans, i+1, right)
}

// within returns the spans that make up [addr, addr+n), clipped to it, and an error when there is
// any gap.
func (t *table) within(addr uintptr, n int) ([]span, error) {
	end := addr + uintptr(n)
	if n <= 0 || end < addr {
		return nil, fmt.Errorf("%d bytes at %#x: %w", n, addr, windows.ERROR_INVALID_ADDRESS)
	}
	var list []span
	at := addr
	for _, s := range t.spans[t.after(addr):] {
		if s.start > at || at >= end {
			break
		}
		s.start, s.end = max(s.start, addr), min(s.end, end)
		list = append(list, s)
		at = s.end
	}
	if at < end {
		return nil, fmt.Errorf("nothing is reserved or mapped at %#x: %w", at, windows.ERROR_INVALID_ADDRESS)
	}
	return list, nil
}

// mapped is within for a range that has memory behind all of it.
func (t *table) mapped(addr uintptr, n int) ([]span, error) {
	t.Lock()
	defer t.Unlock()
	list, err := t.within(addr, n)
	for _, s := range list {
		if !s.mapped {
			return nil, fmt.Errorf("nothing is mapped at %#x: %w", s.start, windows.ERROR_INVALID_ADDRESS)
		}
	}
	return list, err
}

// pieces returns the spans of a list by piece.
func pieces(list []span) [][]span {
	var groups [][]span
	for i, s := range list {
		if i > 0 && list[i-1].of == s.of {
			last := len(groups) - 1
			groups[last] = append(groups[last], s)
			continue
		}
		groups = append(groups, []span{s})
	}
	return groups
}

// window returns the indexes [i, j) of the spans of one piece: no other piece can have addresses in
// between.
func (t *table) window(p *piece) (i, j int) {
	i = t.after(p.base)
	for j = i; j < len(t.spans) && t.spans[j].start < p.end; j++ {
	}
	return i, j
}

// remove takes the addresses [start, end) out of the table.
func (t *table) remove(start, end uintptr) {
	t.cut(start)
	t.cut(end)
	i, j := t.after(start), t.after(end-1)
	if j < len(t.spans) && t.spans[j].start < end {
		j++
	}
	t.spans = slices.Delete(t.spans, i, j)
}

// set gives the part [start, end) of a piece one state, and joins it with neighbours that are of
// the same piece in the same state.
func (t *table) set(s span) {
	t.remove(s.start, s.end)
	i := t.after(s.start)
	same := func(o span) bool { return o.of == s.of && o.mapped == s.mapped }
	if i < len(t.spans) && t.spans[i].start == s.end && same(t.spans[i]) {
		s.end = t.spans[i].end
		t.spans = slices.Delete(t.spans, i, i+1)
	}
	if i > 0 && t.spans[i-1].end == s.start && same(t.spans[i-1]) {
		i--
		s.start = t.spans[i].start
		t.spans = slices.Delete(t.spans, i, i+1)
	}
	t.spans = slices.Insert(t.spans, i, s)
}

// replace puts new pieces, each in the state of its span and in ascending order, in the place of an
// old one.
func (t *table) replace(p *piece, news ...span) {
	i, j := t.window(p)
	t.spans = slices.Replace(t.spans, i, j, news...)
}
