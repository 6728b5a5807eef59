package typedmem

import (
	"fmt"

	"github.com/typedmem/typedmem/internal/sys"
)

// Lock keeps the whole mapping in memory, and what growth adds to it from now on: a growth that
// cannot lock its memory fails. What is mapped ahead of the length is locked too. Unlock ends that;
// see LockRange for the rest.
func (m *Mapping) Lock() error {
	if err := m.enter("lock", needCommitted|needReadable); err != nil {
		return err
	}
	before := m.locked
	m.locked = true
	err := m.work("lock", needCommitted|needReadable, work{addr: m.span.base, n: m.span.filled(m.plan.unit)}, m.mu.Unlock, m.lock)
	if err != nil {
		m.mu.Lock()
		defer m.mu.Unlock()
		m.locked = before
	}
	return err
}

// Unlock undoes Lock, and flags.Locked for what growth adds; see UnlockRange.
func (m *Mapping) Unlock() error {
	if err := m.enter("unlock", needCommitted); err != nil {
		return err
	}
	m.locked = false
	return m.work("unlock", needCommitted, work{addr: m.span.base, n: m.span.mapped}, m.mu.Unlock, m.unlock)
}

// LockRange keeps the pages that hold the bytes [lo, hi) in memory. A reserved range is refused
// with ErrOperation, memory that cannot be read with ErrProtection, and a page past the end of the
// file with ErrTruncated.
//   - Unix: mlock(2), limited by RLIMIT_MEMLOCK. Windows: VirtualLock, limited by the working set.
func (m *Mapping) LockRange(lo, hi int) error {
	return m.onRange("lock", lo, hi, needCommitted|needReadable, m.lock)
}

func (m *Mapping) lock(w work) error {
	addr, n := w.addr, w.n
	if m.plan.HasFile || m.plan.PageSize != 0 { // a page that cannot come would fail mlock and leave the pages before it locked
		if err := m.pagesCome(addr, n, false); err != nil {
			return err
		}
	}
	if err := m.span.untakenAt(addr, n, sys.Lock); err != nil {
		return fmt.Errorf("%d bytes (how much may be locked is limited, see ulimit -l): %w", n, err)
	}
	return nil
}

func (m *Mapping) unlock(w work) error { return m.span.untakenAt(w.addr, w.n, sys.Unlock) }

// UnlockRange undoes LockRange. Locks do not nest: one unlock undoes any number of locks of a page.
func (m *Mapping) UnlockRange(lo, hi int) error {
	return m.onRange("unlock", lo, hi, needCommitted, m.unlock)
}
