package typedmem

import (
	"cmp"
	"errors"
	"fmt"
	"iter"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/typedmem/typedmem/internal/num"
	"github.com/typedmem/typedmem/internal/sys"
)

// span is the range of addresses that one Limits stands for, with all that is needed to release it.
// It never points to the Limits or the Mapping, so that the collector can find those unreachable.
// The mapping's lock guards it.
type span struct {
	base     uintptr // multiple of the granularity or the page size
	ready    int     // bytes from base that growth needs no system call for; at most mapped
	arrived  int     // of a file: bytes from base whose pages were brought in for growth; see arrive
	mapped   int     // bytes from base that have memory
	reached  int     // the highest mapped so far: what a view may have seen
	reserved int     // bytes from base that belong to the span; at least reached
	// What no longer belongs to the span, in ascending order: mostly what a mapping with
	// flags.Fixed took over. Writing needs placing and the lock of spans, reading one of them.
	taken   []addrRange
	state   spanState
	private bool // private anonymous memory, which sys.Drop gives back
	backing *backing
	found   bool        // by the collector, without views left; guarded by the lock of spans
	lent    atomic.Bool // raw memory was handed out
}

// addrRange is a range of addresses [from, to).
type addrRange struct{ from, to uintptr }

// placing is locked while a mapping with flags.Fixed takes addresses over, and for reading while
// addresses are given back.
var placing sync.RWMutex

// own yields the parts of the bytes [from, from+n) that still belong to the span. The caller holds
// placing.
func (s *span) own(from, n int) iter.Seq2[uintptr, int] {
	return func(yield func(uintptr, int) bool) {
		at, end := s.base+uintptr(from), s.base+uintptr(from)+uintptr(n)
		for _, t := range s.taken[s.firstTaken(at):] {
			if t.from >= end {
				break
			}
			if t.from > at && !yield(at, int(t.from-at)) {
				return
			}
			at = t.to
		}
		if at < end {
			yield(at, int(end-at))
		}
	}
}

// firstTaken returns the index of the first taken range that ends at addr or later.
func (s *span) firstTaken(addr uintptr) int {
	i, _ := slices.BinarySearchFunc(s.taken, addr, func(t addrRange, addr uintptr) int { return cmp.Compare(t.to, addr) })
	return i
}

// hold releases the memory of the bytes [from, from+n) and keeps the addresses. On error nothing
// has changed. After the first part is released there is no way back: what the system refuses from
// then on is released with the addresses.
//
// Near the system's limit of areas, private memory is dropped and stays mapped; see areaBudget.
func (s *span) hold(from, n int) error {
	begun := false
	var freed []addrRange
	err := s.each(from, n, func(addr uintptr, n int) error {
		if s.private && areaBudget.tight() && sys.Drop(addr, n) == nil {
			begun = true
			return nil
		}
		err := sys.Hold(addr, n)
		if errors.Is(err, sys.ErrFreed) {
			freed = append(freed, addrRange{addr, addr + uintptr(n)})
			err = nil
		}
		if begun {
			return nil
		}
		begun = err == nil
		return err
	})
	s.markFreed(freed)
	return err
}

// markFreed records ranges that are free: a retry must not touch them, since others may have them
// by now.
func (s *span) markFreed(freed []addrRange) {
	if len(freed) > 0 {
		placing.Lock()
		defer placing.Unlock()
		s.markTaken(freed)
	}
}

// release releases the addresses of the bytes [from, from+n). On error, begun says whether some of
// them are released.
func (s *span) release(from, n int) (begun bool, err error) {
	var freed []addrRange
	err = s.each(from, n, func(addr uintptr, n int) error {
		err := sys.Release(addr, n)
		if err == nil {
			freed = append(freed, addrRange{addr, addr + uintptr(n)})
		}
		return err
	})
	if err != nil {
		s.markFreed(freed)
	}
	return len(freed) > 0, err
}

// take records that the span has lost what it had of p. The caller holds placing for writing and
// the lock of spans.
func (s *span) take(p addrRange) {
	p.from, p.to = max(p.from, s.base), min(p.to, s.base+uintptr(s.reserved))
	if p.from >= p.to {
		return
	}
	first := s.firstTaken(p.from)
	next := first
	for ; next < len(s.taken) && s.taken[next].from <= p.to; next++ { // they touch or overlap
		p.from, p.to = min(p.from, s.taken[next].from), max(p.to, s.taken[next].to)
	}
	s.taken = slices.Replace(s.taken, first, next, p)
}

func (s *span) each(from, n int, do func(addr uintptr, n int) error) error {
	placing.RLock()
	defer placing.RUnlock()
	for addr, n := range s.own(from, n) {
		if err := do(addr, n); err != nil {
			return err
		}
	}
	return nil
}

// untaken calls do, which changes the bytes [from, from+n). It refuses if some of them no longer
// belong to the span, since do would change them too. do runs without a lock; a mapping that wants
// to take these bytes over waits.
func (s *span) untaken(from, n int, do func() error) error {
	leave, err := s.enterWork(from, n)
	if err != nil {
		return err
	}
	defer leave()
	return do()
}

func (s *span) enterWork(from, n int) (leave func(), err error) {
	placing.RLock()
	defer placing.RUnlock()
	rest := n
	for _, n := range s.own(from, n) {
		rest -= n
	}
	if rest > 0 {
		return nil, fmt.Errorf("%d of these bytes no longer belong to the mapping: another one with flags.Fixed took them over, or the system had no room to keep them reserved: %w", rest, ErrOperation)
	}
	return beginWork(addrRange{s.base + uintptr(from), s.base + uintptr(from) + uintptr(n)}), nil
}

// untakenAt is untaken for the n bytes at an address.
func (s *span) untakenAt(addr uintptr, n int, do func(addr uintptr, n int) error) error {
	return s.untaken(int(addr-s.base), n, func() error { return do(addr, n) })
}

// filled returns how many bytes from base are in pages that the mapping can reach without a system
// call. Pages of a file after these may lie past its end. The caller holds the mapping's lock.
func (s *span) filled(unit int) int {
	return min(num.Down(s.ready+unit-1, unit), s.mapped)
}

// close gives the memory back, and the addresses that no view ever reached. On error nothing has
// changed.
func (s *span) close() error {
	if s.reached == 0 {
		begun, err := s.release(0, s.reserved)
		if err != nil && !begun {
			return err
		}
		s.backing.release()
		if err == nil {
			s.forget()
		} else { // the collector releases the rest
			s.markHeld()
		}
		return nil
	}
	if s.mapped > 0 {
		if err := s.hold(0, s.mapped); err != nil {
			return err
		}
	}
	s.backing.release()
	// If the system cannot do it, the spare addresses are released with the others, once no view is
	// left.
	if spare := s.reserved - s.reached; spare > 0 && sys.FreesAtOnce(s.base+uintptr(s.reached), spare) {
		if _, err := s.release(s.reached, spare); err == nil {
			s.setReserved(s.reached)
		}
	}
	s.markHeld()
	return nil
}

const (
	spanOpen     spanState = iota // the mapping is in use
	spanHeld                      // the mapping is closed, the addresses are kept
	spanReleased                  // the addresses are released, or belong to another span
)
