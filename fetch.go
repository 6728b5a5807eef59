package typedmem

import (
	"errors"
	"fmt"

	"github.com/typedmem/typedmem/internal/mem"
	"github.com/typedmem/typedmem/internal/num"
	"github.com/typedmem/typedmem/internal/sys"
)

// fetchWindow is how many bytes are hinted before they are brought in: more could push one another
// out of a small memory.
const fetchWindow = 32 << 20

// fetch is mem.Mapping's Fetch. A range that another mapping with flags.Fixed has taken over is
// brought in as well, which changes nothing there.
func (m *Mapping) fetch(ranges []mem.Range, all bool) error {
	return m.onPages("fetch", ranges, func(ranges []mem.Range) error {
		for len(ranges) > 0 {
			k, bytes := 1, ranges[0].N
			for ; k < len(ranges) && bytes+ranges[k].N <= fetchWindow; k++ {
				bytes += ranges[k].N
			}
			if err := m.fetchPart(ranges[:k], all); err != nil {
				return err
			}
			ranges = ranges[k:]
		}
		return nil
	})
}

// fetchPart hints ranges of pages and brings them in: pages that are in memory too, where that is
// cheaper than to ask about each range.
func (m *Mapping) fetchPart(ranges []mem.Range, all bool) error {
	if !all && (len(ranges) == 1 || !sys.PrefaultsMany()) {
		switch err := m.fetchMissing(ranges); {
		case err == errUntold || sys.Refused(err):
		default:
			return err
		}
	}
	if err := hinted(sys.Prefetch(ranges)); err != nil {
		return err
	}
	for len(ranges) > 0 {
		done, err := sys.PrefaultAll(ranges)
		ranges = ranges[done:]
		if err == nil {
			return nil
		}
		if !sys.Refused(err) && !errors.Is(err, sys.ErrNoPage) {
			return err
		}
		// Once more for this one range, which says why.
		if err := m.pagesCome(ranges[0].Addr, ranges[0].N, false); err != nil {
			return err
		}
		ranges = ranges[1:]
	}
	return nil
}

// fetchMissing is fetchPart for the pages that are not in memory.
func (m *Mapping) fetchMissing(ranges []mem.Range) error {
	var hints [64]mem.Range
	used, warm := 0, true
	err := m.missing(ranges, func(r mem.Range) error {
		warm = false
		hints[used] = r
		if used++; used < len(hints) {
			return nil
		}
		used = 0
		return hinted(sys.Prefetch(hints[:]))
	})
	if err == nil {
		err = hinted(sys.Prefetch(hints[:used]))
	}
	if err == nil && !warm { // what has come meanwhile is left out
		err = m.missing(ranges, func(r mem.Range) error { return m.pagesCome(r.Addr, r.N, false) })
	}
	if err != nil || !m.plan.HasFile {
		return err
	}
	// Pages past the end of a file that was cut off can seem to be in memory. If there are any, the
	// last page is one of them.
	last := ranges[len(ranges)-1]
	return m.pagesCome(last.Addr+uintptr(last.N-m.plan.unit), m.plan.unit, false)
}

// missing calls f for each run of pages that are not in memory, until f fails.
func (m *Mapping) missing(ranges []mem.Range, f func(mem.Range) error) error {
	var pages [1024]byte
	size := sys.PageSize()
	for _, r := range ranges {
		for ; r.N > 0; r.Addr, r.N = r.Addr+uintptr(min(r.N, len(pages)*size)), r.N-min(r.N, len(pages)*size) {
			part := min(r.N, len(pages)*size)
			if err := m.resident(r.Addr, part, pages[:]); err != nil {
				return err
			}
			for from, n := 0, part/size; from < n; from++ {
				to := from
				for to < n && pages[to] == 0 {
					to++
				}
				if to > from {
					if err := f(mem.Range{Addr: r.Addr + uintptr(from*size), N: (to - from) * size}); err != nil {
						return err
					}
					from = to
				}
			}
		}
	}
	return nil
}

// prefetch is mem.Mapping's Prefetch.
func (m *Mapping) prefetch(ranges []mem.Range) error {
	return m.onPages("prefetch", ranges, func(ranges []mem.Range) error { return hinted(sys.Prefetch(ranges)) })
}

// hinted turns the refusal of a hint into success.
func hinted(err error) error {
	if sys.Refused(err) {
		return nil
	}
	return err
}

// residentPages is mem.Mapping's Resident. The system's own error is returned as it is: a caller
// who asks often does without an answer, and an error made for each question would be an
// allocation.
func (m *Mapping) residentPages(addr uintptr, n int, pages []byte) error {
	const op, needs = "resident", needCommitted | needReadable
	if err := m.look(op, needs); err != nil {
		return err
	}
	one := [1]mem.Range{{Addr: addr, N: n}}
	if _, err := m.wholeRanges(one[:]); err != nil {
		defer m.mu.RUnlock()
		return m.fail(op, err)
	}
	w := work{addr: one[0].Addr, n: one[0].N}
	var untold error
	err := m.work(op, needs, w, m.mu.RUnlock, func(w work) error {
		untold = m.resident(w.addr, w.n, pages)
		return nil
	})
	if err == nil {
		err = untold
	}
	return err
}

// resident asks the system about whole pages.
func (m *Mapping) resident(addr uintptr, n int, pages []byte) error {
	if m.plan.HasFile && !m.shows.Load().told {
		return errUntold
	}
	return sys.Resident(addr, n, pages)
}

var errUntold = fmt.Errorf("the system tells which pages are in memory only to those who own the file or may write it: %w", errors.ErrUnsupported)

// onPages widens ranges to whole pages, joins those that touch, and runs f on what that makes,
// without the lock.
func (m *Mapping) onPages(op string, ranges []mem.Range, f func([]mem.Range) error) error {
	const needs = needCommitted | needReadable
	if err := m.look(op, needs); err != nil {
		return err
	}
	used, err := m.wholeRanges(ranges)
	if err != nil {
		defer m.mu.RUnlock()
		return m.fail(op, err)
	}
	return m.work(op, needs, work{n: used}, m.mu.RUnlock, func(work) error { return f(ranges[:used]) })
}

// wholeRanges widens ranges to pages and joins those that touch; the rest of ranges becomes empty.
// used is how many are not. The caller holds the mapping's lock.
func (m *Mapping) wholeRanges(ranges []mem.Range) (used int, err error) {
	unit := m.plan.unit
	first, end := m.span.base, m.span.base+uintptr(m.wholePages(m.length()))
	for _, r := range ranges {
		if r.N == 0 {
			continue
		}
		from := num.Down(r.Addr, uintptr(unit))
		if r.N < 0 || r.Addr < first || r.Addr > end || uintptr(r.N) > end-r.Addr {
			return 0, fmt.Errorf("%d bytes at %#x of a mapping of %d bytes: %w", r.N, r.Addr, m.length(), ErrBounds)
		}
		to := num.Down(r.Addr+uintptr(r.N)+uintptr(unit)-1, uintptr(unit))
		if used > 0 {
			last := &ranges[used-1]
			if lastEnd := last.Addr + uintptr(last.N); from <= lastEnd {
				last.N = int(max(to, lastEnd) - last.Addr)
				continue
			}
		}
		ranges[used] = mem.Range{Addr: from, N: int(to - from)}
		used++
	}
	clear(ranges[used:])
	return used, nil
}
