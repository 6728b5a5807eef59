package typedmem

import (
	"runtime"
	"sync"
	"weak"

	"github.com/typedmem/typedmem/internal/mem"
)

// markTaken records ranges that no longer belong to the span. The caller holds placing for writing.
func (s *span) markTaken(ranges []addrRange) {
	spans.Lock()
	defer spans.Unlock()
	for _, p := range ranges {
		s.take(p)
	}
}

// takeOver records in every span that the addresses [from, to) no longer belong to it. The caller
// holds placing for writing.
func takeOver(from, to uintptr) {
	spans.Lock()
	defer spans.Unlock()
	for s := range spans.limits {
		s.take(addrRange{from, to})
	}
}

// moveTail moves the bytes from the given offset on, with the ranges taken from them, to the new
// span right. The caller holds placing for writing.
func (s *span) moveTail(from int, right *span) {
	spans.Lock()
	defer spans.Unlock()
	taken := s.taken
	if _, there := spans.limits[s]; there {
		spans.reserved -= uint64(s.reserved - from)
	}
	s.reserved, s.taken = from, nil
	for _, t := range taken {
		s.take(t)
		right.take(t)
	}
}

// setReserved changes how many bytes belong to the span.
func (s *span) setReserved(n int) {
	spans.Lock()
	defer spans.Unlock()
	spans.reserved = spans.reserved - uint64(s.reserved) + uint64(n)
	s.reserved = n
}

type spanState uint8

// spans holds every span that is not released, to find the mapping of an address.
var spans = struct {
	sync.Mutex
	limits    map[*span]weak.Pointer[mem.Limits]
	held      int    // in state spanHeld
	bytes     uint64 // of addresses that these keep
	needed    uint64 // of these, what the last collection left since views need it
	collected int    // found by the collector and released

	waiting  int    // found by the collector and not released yet
	reserved uint64 // bytes of addresses of all spans
}{limits: map[*span]weak.Pointer[mem.Limits]{}}

// enter adds the span to spans.
func (s *span) enter(l weak.Pointer[mem.Limits]) {
	spans.Lock()
	defer spans.Unlock()
	if _, there := spans.limits[s]; !there {
		spans.reserved += uint64(s.reserved)
	}
	spans.limits[s] = l
}

// newLimits makes the Limits of a span. Once they are unreachable, the span is released.
func newLimits(s *span, owner *Mapping) *mem.Limits {
	l := mem.New(owner.addr.Load(), &s.lent)
	l.SetMapping((*plumbing)(owner))
	s.enter(weak.Make(l))
	runtime.AddCleanup(l, (*span).abandoned, s)
	return l
}

// forget removes the span from spans: its addresses are free or belong to another span.
func (s *span) forget() {
	spans.Lock()
	defer spans.Unlock()
	if s.state == spanHeld {
		spans.held--
		spans.bytes -= s.heldLen()
	}
	s.state = spanReleased
	if s.found {
		spans.waiting--
		spans.collected++
	}
	if _, there := spans.limits[s]; there {
		spans.reserved -= uint64(s.reserved)
	}
	delete(spans.limits, s)
}

// reservedBytes returns how many bytes of addresses all mappings have.
func reservedBytes() uint64 {
	spans.Lock()
	defer spans.Unlock()
	return spans.reserved
}

// mappingAt finds the mapping that has addr, its Limits, and the offset of addr from its first
// byte.
func mappingAt(addr uintptr) (m *Mapping, l *mem.Limits, offset int, ok bool) {
	spans.Lock()
	defer spans.Unlock()
	for s, w := range spans.limits {
		if addr < s.base || addr-s.base >= uintptr(s.reserved) {
			continue
		}
		if i := s.firstTaken(addr + 1); i < len(s.taken) && s.taken[i].from <= addr {
			continue
		}
		if l := w.Value(); l != nil {
			if p, ok := l.Mapping().(*plumbing); ok {
				m := (*Mapping)(p)
				return m, l, int(addr - m.addr.Load()), true
			}
		}
	}
	return nil, nil, 0, false
}
