package typedmem

import (
	"fmt"

	"github.com/typedmem/typedmem/internal/sys"
)

// Lock keeps the whole mapping in memory, with what is mapped ahead of its length. From then on
// growth locks what it adds, or fails. Unlock ends that; see [Mapping.LockRange] for limits and
// errors.
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

// Unlock undoes [Mapping.Lock] and flags.Locked, for later growth too; see [Mapping.UnlockRange].
func (m *Mapping) Unlock() error {
	if err := m.enter("unlock", needCommitted); err != nil {
		return err
	}
	m.locked = false
	return m.work("unlock", needCommitted, work{addr: m.span.base, n: m.span.mapped}, m.mu.Unlock, m.unlock)
}

// LockRange keeps the pages that hold the bytes [lo, hi) in memory. It returns ErrOperation for a
// reserved range, ErrProtection for memory that cannot be read and ErrTruncated for a page past the
// end of the file.
//   - Unix: mlock(2), limited by RLIMIT_MEMLOCK. Windows: VirtualLock, limited by the working set.
func (m *Mapping) LockRange(lo, hi int) error {
	return m.onRange("lock", lo, hi, needCommitted|needReadable, m.lock)
}

func (m *Mapping) lock(w work) error {
	addr, n := w.addr, w.n
	// mlock would fail at a missing page and leave those before it locked.
	if m.plan.HasFile || m.plan.PageSize != 0 {
		if err := m.pagesCome(addr, n, false); err != nil {
			return err
		}
	}
	if err := m.span.untakenAt(addr, n, sys.Lock); err != nil {
		return fmt.Errorf("%d bytes (see ulimit -l for the limit): %w", n, err)
	}
	return nil
}

func (m *Mapping) unlock(w work) error { return m.span.untakenAt(w.addr, w.n, sys.Unlock) }

// UnlockRange undoes [Mapping.LockRange]. Locks do not nest: one unlock undoes all locks of a page.
func (m *Mapping) UnlockRange(lo, hi int) error {
	return m.onRange("unlock", lo, hi, needCommitted, m.unlock)
}
