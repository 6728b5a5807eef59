package typedmem

import "github.com/typedmem/typedmem/flags"

// work is what a call without the lock is to be done on: whole pages, with the protection that they
// had when it began.
type work struct {
	addr       uintptr
	n          int
	protection flags.Protection
}

// work calls unlock and runs f, which may wait for the kernel, without the lock. Until f returns,
// the mapping stays open, in place and at least as long: calls that would change that return
// ErrBusy. The protection may change. When f fails because of that, the error says so.
func (m *Mapping) work(op string, needs need, w work, unlock func(), f func(work) error) error {
	m.users.Add(1)
	defer m.users.Add(-1)
	w.protection = m.plan.Protection
	unlock()
	if w.n == 0 {
		return nil
	}
	err := f(w)
	if err == nil {
		return nil
	}
	m.mu.RLock()
	defer m.mu.RUnlock()
	if now := m.refuse(needs); now != nil {
		err = now
	}
	return m.fail(op, err)
}

// onRange runs f on the pages that hold the bytes [lo, hi); an empty range needs none.
func (m *Mapping) onRange(op string, lo, hi int, needs need, f func(work) error) error {
	if err := m.lookRange(op, lo, hi, needs); err != nil {
		return err
	}
	addr, n := m.pages(lo, hi)
	return m.work(op, needs, work{addr: addr, n: n}, m.mu.RUnlock, f)
}
