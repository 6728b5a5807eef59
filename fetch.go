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
	return m.onPages("fetch", ranges, func(work) error {
		ranges := ranges
		for len(ranges) > 0 && ranges[0].N > 0 {
			k, bytes := 0, 0
			for ; k < len(ranges) && (k == 0 || bytes+ranges[k].N <= fetchWindow); k++ {
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

// fetchPart hints ranges of pages and brings them in.
func (m *Mapping) fetchPart(ranges []mem.Range, all bool) error {
	if !all {
		switch asked, err := m.fetchMissing(ranges); {
		case err != nil:
			return err
		case asked:
			return nil
		}
	}
	_ = sys.Prefetch(ranges) // a hint says nothing about pages that do not come
	for _, r := range ranges {
		if r.N > 0 {
			if err := m.pagesCome(r.Addr, r.N, false); err != nil {
				return err
			}
		}
	}
	return nil
}

// fetchMissing is fetchPart for the pages that are not in memory. asked is false if the system does
// not tell which these are.
func (m *Mapping) fetchMissing(ranges []mem.Range) (asked bool, err error) {
	var hints [64]mem.Range
	used := 0
	err = m.missing(ranges, func(r mem.Range) error {
		if used == len(hints) {
			_ = sys.Prefetch(hints[:])
			used = 0
		}
		hints[used] = r
		used++
		return nil
	})
	if err != nil {
		return false, nil
	}
	var last mem.Range // of the ranges that have pages
	for _, r := range ranges {
		if r.N > 0 {
			last = r
		}
	}
	if used > 0 {
		_ = sys.Prefetch(hints[:used])
		err = m.missing(ranges, func(r mem.Range) error { return m.pagesCome(r.Addr, r.N, false) })
		if err != nil {
			return true, err
		}
	}
	if !m.plan.HasFile || last.N == 0 {
		return true, nil
	}
	// Pages past the end of a file that was cut off can seem to be in memory. If there are any, the
	// last page is one of them.
	return true, m.pagesCome(last.Addr+uintptr(last.N-m.plan.unit), m.plan.unit, false)
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
	return m.onPages("prefetch", ranges, func(work) error { return hinted(sys.Prefetch(ranges)) })
}

// hinted turns the refusal of a hint into success.
func hinted(err error) error {
	if sys.Refused(err) {
		return nil
	}
	return err
}

// residentPages is mem.Mapping's Resident.
func (m *Mapping) residentPages(addr uintptr, n int, pages []byte) error {
	one := [1]mem.Range{{Addr: addr, N: n}}
	return m.onPages("resident", one[:], func(work) error {
		return m.resident(one[0].Addr, one[0].N, pages)
	})
}

// resident asks the system about whole pages.
func (m *Mapping) resident(addr uintptr, n int, pages []byte) error {
	if m.plan.HasFile && !m.span.backing.told {
		return fmt.Errorf("the system does not tell which pages of this file are in memory; it may need permission to write the file: %w", errors.ErrUnsupported)
	}
	return sys.Resident(addr, n, pages)
}

// onPages widens ranges to whole pages, joins those that touch, and runs f without the lock.
func (m *Mapping) onPages(op string, ranges []mem.Range, f func(work) error) error {
	const needs = needCommitted | needReadable
	if err := m.look(op, needs); err != nil {
		return err
	}
	if err := m.wholeRanges(ranges); err != nil {
		defer m.mu.RUnlock()
		return m.fail(op, err)
	}
	n := 0
	if len(ranges) > 0 {
		n = ranges[0].N
	}
	return m.work(op, needs, work{n: n}, m.mu.RUnlock, f)
}

// wholeRanges widens ranges to pages and joins those that touch; the rest of ranges becomes empty.
// The caller holds the mapping's lock.
func (m *Mapping) wholeRanges(ranges []mem.Range) error {
	unit := m.plan.unit
	first, end := m.span.base, m.span.base+uintptr(m.wholePages(m.length()))
	used := 0
	for _, r := range ranges {
		if r.N == 0 {
			continue
		}
		from := num.Down(r.Addr, uintptr(unit))
		if r.N < 0 || r.Addr < first || r.Addr > end || uintptr(r.N) > end-r.Addr {
			return fmt.Errorf("%d bytes at %#x of a mapping of %d bytes: %w", r.N, r.Addr, m.length(), ErrBounds)
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
	return nil
}
