package typedmem

import (
	"fmt"

	"github.com/typedmem/typedmem/flags"
	"github.com/typedmem/typedmem/internal/sys"
)

// Advise tells the kernel how the bytes [lo, hi) will be used. f may hold any of [flags.Advice],
// which are passed on in the order of that list, DontNeed and Free last. Other flags return
// [ErrOperation], as does [flags.Free] for memory that is not private and anonymous. The range is
// widened to whole pages. For DontNeed and Free it is narrowed instead, so that no byte outside is
// dropped.
func (m *Mapping) Advise(lo, hi int, f flags.Map) error {
	if err := m.lookRange("advise", lo, hi, needCommitted); err != nil {
		return err
	}
	if bad := f &^ flags.Advice; bad != 0 {
		defer m.mu.RUnlock()
		return m.fail("advise", fmt.Errorf("%v cannot be given as advice; use any of %v: %w", bad, flags.Advice, ErrOperation))
	}
	if f.Has(flags.Free) && (m.plan.HasFile || m.Shared()) {
		defer m.mu.RUnlock()
		return m.fail("advise", fmt.Errorf("flags.Free is for private anonymous memory, since the contents of other memory belong to the file or to others too; DontNeed, Cold or PageOut let go of its pages: %w", ErrOperation))
	}
	if f.Has(flags.RandomAccess) {
		m.random.Store(true)
	}
	addr, n := m.pages(lo, hi)
	inside, most := m.pagesInside(lo, hi)
	return m.work("advise", needCommitted, work{addr: addr, n: n}, m.mu.RUnlock, func(w work) error {
		if f&leaving != 0 { // a Gather has to ask again what is in memory
			if seen := m.limits.Load().Seen().Load(); seen != nil {
				defer seen.Forget()
			}
		}
		if rest := f &^ dropping; rest != 0 {
			if err := m.advise(w.addr, w.n, rest); err != nil {
				return err
			}
		}
		if f&dropping == 0 || most == 0 {
			return nil
		}
		return m.advise(inside, most, f&dropping)
	})
}

// dropping is the advice after which contents may be gone, leaving that after which pages may have
// left the memory.
const (
	dropping = flags.DontNeed | flags.Free
	leaving  = dropping | flags.PageOut
)

func (m *Mapping) advise(addr uintptr, n int, f flags.Map) error {
	err := m.span.untakenAt(addr, n, func(addr uintptr, n int) error { return sys.Advise(addr, n, f) })
	if f.Has(flags.DontNeed) && sys.CannotDrop(err) {
		return fmt.Errorf("pages that are locked, or of a device, cannot be dropped; call Unlock first: %w: %w", ErrOperation, err)
	}
	return err
}
