package typedmem

import (
	"errors"

	"github.com/typedmem/typedmem/flags"
	"github.com/typedmem/typedmem/internal/mem"
	"github.com/typedmem/typedmem/internal/num"
	"github.com/typedmem/typedmem/internal/sys"
)

// A store to a page of a file that is not in memory faults, and the Go scheduler does not see that
// its thread waits. So the pages that growth adds come by system calls before anything is written
// to them.

// room returns how many bytes from the first page a mapping of a length in bytes can grow to
// without asking. In a file that is as far as pages have come.
func (m *Mapping) room(length int) int {
	if !m.plan.HasFile {
		return m.span.ready
	}
	return min(m.span.ready, max(m.span.arrived, m.lead()+length))
}

// arrive lets the mapping grow to n bytes, for which it is ready. If they are to be written, it
// brings in the pages of a file that they lie in, and some that follow. The caller holds m.growing
// and m.mu, which is given up meanwhile.
func (m *Mapping) arrive(n int, written bool) (err error) {
	s, unit := m.span, m.plan.unit
	switch {
	case !m.plan.HasFile || m.lead()+n <= s.arrived:
	case !written || !m.plan.Protection.Has(flags.Write):
		s.arrived = m.lead() + n
	default:
		from := num.Down(max(s.arrived, m.lead()+m.length()), unit)
		need := min(m.wholePages(n), s.mapped)
		to := min(max(need, from+max(mem.ArrivalStep(from), unit)), s.filled(unit))
		err = m.unlocked(func() error {
			come, err := m.pagesForStores(s.base+uintptr(from), need-from, to-from)
			to = from + come
			return err
		})
		s.arrived = max(s.arrived, to)
	}
	m.limits.Load().SetRoom(s.base + uintptr(m.room(m.length())))
	return err
}

// pagesForStores brings in pages of a file for stores, most bytes at addr, in steps: other changes
// of the address space wait for each. It returns how many bytes may be stored to. If a page cannot
// come, that is an error only among the first need bytes. Where the system has no call, pages come
// when they are touched.
func (m *Mapping) pagesForStores(addr uintptr, need, most int) (n int, err error) {
	step := max(mem.MostPresent, m.plan.unit)
	for n < most {
		part := min(step, most-n)
		switch err := sys.Prefault(addr+uintptr(n), part, true); {
		case err == nil:
			n += part
		case !errors.Is(err, sys.ErrNoPage):
			return most, nil
		case n >= need:
			return n, nil
		default:
			come, err := m.eachPageForStores(addr+uintptr(n), min(part, need-n))
			if n += come; err != nil {
				return n, err
			}
		}
	}
	return n, nil
}

// eachPageForStores is pagesForStores page by page, after that has failed: it finds the page.
func (m *Mapping) eachPageForStores(addr uintptr, need int) (n int, err error) {
	for unit := m.plan.unit; n < need; n += unit {
		page := addr + uintptr(n)
		if err := sys.Prefault(page, unit, true); errors.Is(err, sys.ErrNoPage) {
			return n, sys.SpaceError(m.plan.File.Name(), m.lostPage(page))
		}
	}
	return n, nil
}

// bringInForStores is mem.Mapping.BringIn.
func (m *Mapping) bringInForStores(lo, hi int) error {
	if !m.plan.HasFile {
		return nil
	}
	return m.onRange("bring in", lo, hi, needCommitted|needWritable, func(w work) error {
		_, err := m.pagesForStores(w.addr, w.n, w.n)
		return err
	})
}
