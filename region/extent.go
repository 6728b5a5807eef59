package region

import (
	"github.com/typedmem/typedmem"
	"github.com/typedmem/typedmem/internal/mem"
	"github.com/typedmem/typedmem/internal/resident"
)

// extent says where elements lie, without their type: element i has the size bytes from first +
// i*stride on. Sizes are in bytes.
type extent struct {
	first        uintptr
	n            int
	stride, size uintptr
	limits       *mem.Limits // nil only where n is 0
	width        int         // of the elements if these are rows, else 0
}

// below returns how many of the elements end at an address or before it.
func (e *extent) below(end uintptr) int {
	switch {
	case e.n == 0 || end < e.first+e.size:
		return 0
	case e.first+uintptr(e.n-1)*e.stride+e.size <= end:
		return e.n
	}
	return int((end-e.first-e.size)/e.stride) + 1
}

// refuse returns why element i cannot be read, given the limit that it was compared with.
func (e *extent) refuse(i int, limit uintptr) error {
	if e.width > 0 {
		return &rowRefusal{i, 0, e.n, e.width, limit}
	}
	return &refusal{i, e.n, limit}
}

// check returns why one of the elements cannot be read, nil if all can. limit is the one to compare
// with, and allowed what below says of it.
func (e *extent) check(indexes []int, allowed int, limit uintptr) error {
	for _, i := range indexes {
		if uint(i) >= uint(allowed) {
			return e.refuse(i, limit)
		}
	}
	return nil
}

// straddle reports whether an element may lie in more than one page. Where the elements begin in
// their pages is the same modulo g.
func (e *extent) straddle() bool {
	page := uintptr(1) << resident.Shift
	g := min(e.stride&-e.stride, page)
	return e.first%g+e.size > g
}

// seen returns what is remembered about the pages of the elements up to the address end.
func (e *extent) seen(end uintptr) *resident.Pages {
	at := e.limits.Seen()
	p := at.Load()
	if p == resident.Everything || p != nil && end <= p.End() {
		return p
	}
	made := resident.Everything
	if m := mem.Public[*typedmem.Mapping](e.limits); m != nil && m.FileBacked() {
		base := e.limits.Base()
		room := end - base
		if limit := e.limits.Own().Readable(); limit > end {
			room = limit - base
		}
		if p != nil { // the mapping has grown, and may go on
			room = max(room, 2*(p.End()-p.Base()))
		}
		made = resident.New(base, base+room)
	}
	at.Store(made)
	return made
}

// lacks checks the elements as check does, and returns 0 if the pages of all of them are known to
// be in memory.
func (e *extent) lacks(p *resident.Pages, now resident.Period, indexes []int, allowed int, limit uintptr) (lacks uint64, err error) {
	first := e.first - p.Base()
	shift := resident.Shift
	if !e.straddle() {
		for _, i := range indexes {
			if uint(i) >= uint(allowed) {
				return 0, e.refuse(i, limit)
			}
			lacks |= p.Lacks(now, (first+uintptr(i)*e.stride)>>shift)
		}
		return lacks, nil
	}
	for _, i := range indexes {
		if uint(i) >= uint(allowed) {
			return 0, e.refuse(i, limit)
		}
		at := first + uintptr(i)*e.stride
		last := (at + e.size - 1) >> shift
		for page := at >> shift; page < last; page++ {
			lacks |= p.Lacks(now, page)
		}
		lacks |= p.Lacks(now, last)
	}
	return lacks, nil
}
