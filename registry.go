package typedmem

import (
	"runtime"
	"sync"
	"weak"

	"github.com/typedmem/typedmem/internal/mem"
)

// markTaken notes ranges that no longer belong to the span, under the lock of those who look for
// addresses; the caller holds placing for writing.
func (s *span) markTaken(ranges []addrRange) {
	spans.Lock()
	defer spans.Unlock()
	for _, p := range ranges {
		s.take(p)
	}
}

// takeOver notes for every other span that the addresses [from, to) belong to it no more; the
// caller holds placing for writing.
func takeOver(from, to uintptr) {
	spans.Lock()
	defer spans.Unlock()
	for s := range spans.limits {
		s.take(addrRange{from, to})
	}
}

// moveTail gives the bytes from the given offset on, and the list of what was taken of them, to the
// new span right. The caller holds placing for writing.
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

// setReserved changes what belongs to the span, under the lock of those who look for addresses.
func (s *span) setReserved(n int) {
	spans.Lock()
	defer spans.Unlock()
	spans.reserved = spans.reserved - uint64(s.reserved) + uint64(n)
	s.reserved = n
}

type spanState uint8

// spans are all spans that are not released, for finding the mapping behind an address.
var spans = struct {
	sync.Mutex
	limits    map[*span]weak.Pointer[mem.Limits]
	held      int    // spans in state spanHeld
	bytes     uint64 // of the addresses that these keep
	needed    uint64 // of these, what a collection has left: views need it
	collected int    // how many the collector has found and given back

	waiting  int    // how many it has found and are still to be given back
	reserved uint64 // bytes of addresses that all of them have
}{limits: map[*span]weak.Pointer[mem.Limits]{}}

// enter puts a span into the books.
func (s *span) enter(l weak.Pointer[mem.Limits]) {
	spans.Lock()
	defer spans.Unlock()
	if _, there := spans.limits[s]; !there {
		spans.reserved += uint64(s.reserved)
	}
	spans.limits[s] = l
}

// newLimits makes the Limits of a span and ties the span's end to them.
func newLimits(s *span, owner *Mapping) *mem.Limits {
	l := mem.New(owner.addr.Load(), &s.lent)
	l.SetMapping((*plumbing)(owner))
	s.enter(weak.Make(l))
	runtime.AddCleanup(l, (*span).abandoned, s)
	return l
}

// forget takes the span out of the books: its addresses are free or belong to another span.
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

// mappingAt finds the mapping whose addresses include addr, its Limits, and how far in that is from
// the mapping's first byte.
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
