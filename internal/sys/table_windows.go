package sys

import (
	"fmt"
	"slices"
	"sync"

	"golang.org/x/sys/windows"
)

// The callers split and join ranges freely, but Windows releases an allocation only as a whole. The
// table records each allocation and the state of every part of it.
//
//	allocation   a part held             the last part held
//	memory       decommitted             decommitted
//	view         no access, memory kept  unmapped, a placeholder remains
//	placeholder  nothing to do           nothing to do
//
//	allocation   a part released              the last part released
//	memory       decommitted, addresses kept  freed
//	view         no access, addresses kept    unmapped
//	placeholder  cut off and freed            freed
//
// What is kept is released with the last part of its allocation.

type allocationKind uint8

const (
	memory      allocationKind = iota // VirtualAlloc: reserved addresses, committed in part
	view                              // MapViewOfFile3, MapViewOfFileEx
	placeholder                       // reserved addresses that a view or memory can replace
)

// allocation is what one system call allocated. It can only be freed as a whole.
type allocation struct {
	base, end uintptr
	kind      allocationKind
	large     bool // memory in large pages: it cannot be decommitted
	replaces  bool // a view that replaced a placeholder and can leave one

	// Of a view.
	private bool  // writes go to copies
	offset  int64 // of base in the file
	file    fileID
}

// part is a range of one allocation in one state. Released addresses have no part. A placeholder
// has exactly one part, which covers it.
type part struct {
	start, end uintptr
	of         *allocation
	mapped     bool // else reserved
}

type table struct {
	sync.Mutex
	parts []part // in ascending order, disjoint
}

var owned table

// add enters a new allocation in one state.
func (t *table) add(p *allocation, mapped bool) {
	t.Lock()
	defer t.Unlock()
	t.put(part{p.base, p.end, p, mapped})
}

func (t *table) put(s part) {
	i := t.after(s.start)
	t.parts = slices.Insert(t.parts, i, s)
}

// after returns the index of the first part that ends after addr.
func (t *table) after(addr uintptr) int {
	i, _ := slices.BinarySearchFunc(t.parts, addr, func(s part, addr uintptr) int {
		if s.end <= addr {
			return -1
		}
		return 1
	})
	return i
}

// cut makes sure that no part reaches across addr. A placeholder stays whole, since it has exactly
// one part.
func (t *table) cut(addr uintptr) {
	i := t.after(addr)
	if i == len(t.parts) || t.parts[i].start >= addr || t.parts[i].of.kind == placeholder {
		return
	}
	right := t.parts[i]
	right.start = addr
	t.parts[i].end = addr
	t.parts = slices.Insert(t.parts, i+1, right)
}

// within returns the parts that make up [addr, addr+n), clipped to it. A gap is an error.
func (t *table) within(addr uintptr, n int) ([]part, error) {
	end := addr + uintptr(n)
	if n <= 0 || end < addr {
		return nil, fmt.Errorf("%d bytes at %#x: %w", n, addr, windows.ERROR_INVALID_ADDRESS)
	}
	var list []part
	at := addr
	for _, s := range t.parts[t.after(addr):] {
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

// mapped is within for a range that must be mapped as a whole.
func (t *table) mapped(addr uintptr, n int) ([]part, error) {
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

// byAllocation groups the parts of a list by their allocation.
func byAllocation(list []part) [][]part {
	var groups [][]part
	for i, s := range list {
		if i > 0 && list[i-1].of == s.of {
			last := len(groups) - 1
			groups[last] = append(groups[last], s)
			continue
		}
		groups = append(groups, []part{s})
	}
	return groups
}

// window returns the indexes [i, j) of the parts of one allocation. No other allocation has
// addresses between them.
func (t *table) window(p *allocation) (i, j int) {
	i = t.after(p.base)
	for j = i; j < len(t.parts) && t.parts[j].start < p.end; j++ {
	}
	return i, j
}

// remove takes the addresses [start, end) out of the table.
func (t *table) remove(start, end uintptr) {
	t.cut(start)
	t.cut(end)
	i, j := t.after(start), t.after(end-1)
	if j < len(t.parts) && t.parts[j].start < end {
		j++
	}
	t.parts = slices.Delete(t.parts, i, j)
}

// set gives a range of an allocation one state, and joins it with neighbours of the same allocation
// and state.
func (t *table) set(s part) {
	t.remove(s.start, s.end)
	i := t.after(s.start)
	same := func(o part) bool { return o.of == s.of && o.mapped == s.mapped }
	if i < len(t.parts) && t.parts[i].start == s.end && same(t.parts[i]) {
		s.end = t.parts[i].end
		t.parts = slices.Delete(t.parts, i, i+1)
	}
	if i > 0 && t.parts[i-1].end == s.start && same(t.parts[i-1]) {
		i--
		s.start = t.parts[i].start
		t.parts = slices.Delete(t.parts, i, i+1)
	}
	t.parts = slices.Insert(t.parts, i, s)
}

// replace replaces an allocation by the parts of new ones, in ascending order.
func (t *table) replace(p *allocation, news ...part) {
	i, j := t.window(p)
	t.parts = slices.Replace(t.parts, i, j, news...)
}
