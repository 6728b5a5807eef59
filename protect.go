package typedmem

import (
	"errors"

	"github.com/typedmem/typedmem/flags"
	"github.com/typedmem/typedmem/internal/mem"
	"github.com/typedmem/typedmem/internal/sys"
)

// Commit maps memory into a reserved range, with its protection and the flags it was built with.
// On a committed mapping it does nothing.
//   - Unix: anonymous memory keeps MAP_NORESERVE, so that a lack of memory shows when pages are
//     touched.
//   - Windows: MEM_COMMIT.
func (m *Mapping) Commit() error {
	if err := m.enter("commit", 0); err != nil {
		return err
	}
	defer m.mu.Unlock()
	if m.committed {
		return nil
	}
	err := m.withoutLock(func() error {
		n := m.wholePages(m.hidden)
		return m.unlocked(func() error {
			return m.mapIn(0, n, func() {
				m.span.mapped, m.span.reached = n, n
				m.span.ready = m.plan.sure(n, m.lead()+m.hidden)
				m.committed = true
				m.publish(m.hidden)
			})
		})
	})
	return m.fail("commit", err)
}

// MakeNone forbids every access. At the limit of memory areas, where the system refuses to cut one
// in two, only checked access is forbidden (see the package comment). Like all of Make*, it takes
// effect for the views that exist, never commits a reserved range (which gets the protection when
// it is committed), and leaves the mapping as it was when the system refuses.
func (m *Mapping) MakeNone() error { return m.protect("make none", flags.None, false) }

// MakeReadOnly allows reading only.
func (m *Mapping) MakeReadOnly() error { return m.protect("make read-only", flags.Read, false) }

// MakeMut allows reading and writing. A shared mapping of a file that was opened read-only is
// refused with the system's error.
func (m *Mapping) MakeMut() error { return m.protect("make mutable", flags.Read|flags.Write, false) }

// MakeExec allows reading and executing, and makes code that was written to the mapping visible to
// instruction fetches; see FlushInstructionCache for where that cannot be done.
func (m *Mapping) MakeExec() error {
	return m.protect("make executable", flags.Read|flags.Execute, true)
}

// MakeExecNoFlush is MakeExec without the flush of the instruction cache.
func (m *Mapping) MakeExecNoFlush() error {
	return m.protect("make executable", flags.Read|flags.Execute, false)
}

// MakeExecMut allows reading, writing and executing at once. It is refused with ErrUnsafeFlag
// unless the mapping was built with flags.JIT.
func (m *Mapping) MakeExecMut() error {
	return m.protect("make executable and mutable", flags.Read|flags.Write|flags.Execute, false)
}

func (m *Mapping) protect(op string, p flags.Protection, flushCode bool) error {
	if err := m.enter(op, 0); err != nil {
		return err
	}
	if flushCode && m.committed {
		return m.protectCode(op, p)
	}
	defer m.mu.Unlock()
	return m.protectLocked(op, p)
}

// protectCode is protect that also shows written code to instruction fetches, for which the pages
// have to be there: that is done without the lock that the caller holds. When it fails the pages
// get back the protection that they had, unless another one was set meanwhile.
func (m *Mapping) protectCode(op string, p flags.Protection) error {
	before := m.plan.Protection
	err := m.protectLocked(op, p)
	if err != nil {
		m.mu.Unlock()
		return err
	}
	w := work{addr: m.span.base, n: m.span.filled(m.plan.unit)}
	err = m.work(op, 0, w, m.mu.Unlock, m.flushInstructionCache)
	if err != nil {
		m.mu.Lock()
		defer m.mu.Unlock()
		if m.open && m.plan.Protection == p {
			err = errors.Join(err, m.protectLocked(op, before))
		}
	}
	return err
}

// protectLocked is protect for a caller that holds m.mu.
func (m *Mapping) protectLocked(op string, p flags.Protection) error {
	if err := checkProtection(p, m.plan.Unsafe); err != nil {
		return m.fail(op, err)
	}
	if !m.committed {
		m.plan.Protection = p
		return nil
	}
	// Views lose what goes away before the system takes it, and gain what comes only once it is
	// there.
	switch common := m.plan.Protection & p; {
	case !common.Has(flags.Read):
		m.withdraw(mem.Protected + uintptr(p))
	case !common.Has(flags.Write):
		m.limits.Load().ForbidWrites(m.unwritable(p))
	}
	err := m.setProtection(p)
	if p == flags.None && sys.OutOfAddresses(err) {
		err = nil // taking away never fails for lack of areas: views are refused, raw access is not
	}
	if err == nil {
		m.plan.Protection = p
	}
	m.allow()
	return m.fail(op, err)
}

// setProtection changes the pages. When that fails what they had is put back: the system may have
// changed some of them.
func (m *Mapping) setProtection(p flags.Protection) error {
	s := m.span
	if s.mapped == 0 {
		return nil
	}
	if areaBudget.tight() {
		return areaBudget.refusal()
	}
	return s.untaken(0, s.mapped, func() error {
		err := sys.Protect(s.base, s.mapped, p)
		if err != nil {
			return errors.Join(err, sys.Protect(s.base, s.mapped, m.plan.Protection))
		}
		return nil
	})
}
