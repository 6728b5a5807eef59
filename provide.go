package typedmem

import (
	"errors"
	"fmt"
	"os"

	"github.com/typedmem/typedmem/flags"
	"github.com/typedmem/typedmem/internal/mem"
	"github.com/typedmem/typedmem/internal/num"
	"github.com/typedmem/typedmem/internal/sys"
)

// reserveRoom provides memory for the first n bytes without changing the length, so that they can
// be filled before Limits.Extend publishes them. It fails as a growing Resize does. written says
// that they are filled next; see arrive.
func (m *Mapping) reserveRoom(n int, written bool) error {
	if err := m.enter("make room", needCommitted); err != nil {
		return err
	}
	defer m.mu.Unlock()
	err := m.checkLength(n)
	if err == nil {
		err = m.makeRoom(n, written)
	}
	return m.fail("make room", err)
}

// makeRoom provides memory, and where a file is shown the file, for a length of n bytes; written as
// for reserveRoom. The caller holds m.mu, which it gives up while the system is at work; what the
// caller has seen before may have changed then.
func (m *Mapping) makeRoom(n int, written bool) error {
	if m.lead()+n <= m.span.ready && !(m.plan.HasFile && n > m.length()) { // a file has to be asked whether it still is as long
		return nil
	}
	return m.withoutLock(func() error {
		if err := m.checkLength(n); err != nil {
			return err
		}
		if m.plan.HasFile && n > m.length() {
			if err := m.checkWhole(); err != nil {
				return err
			}
		}
		if m.lead()+n > m.span.ready {
			if err := m.provideAhead(n); err != nil {
				return err
			}
		}
		return m.arrive(n, written)
	})
}

// withoutLock runs f, one at a time for each mapping, in place of the lock m.mu that the caller
// holds: f has the lock when it begins and when it returns, and gives it up where the system is at
// work, by [Mapping.unlocked]. Until then it may see another state than its caller, but a committed
// or a reserved mapping as before.
func (m *Mapping) withoutLock(f func() error) error {
	committed := m.committed
	m.mu.Unlock()
	m.growing.Lock()
	defer m.growing.Unlock()
	m.mu.Lock()
	if err := m.refuse(0); err != nil {
		return err
	}
	if m.committed != committed { // by a Commit that was waited for: there is nothing to do
		return nil
	}
	return f()
}

// unlocked runs f without the lock m.mu. Meanwhile the mapping stays open and where it is; see
// work.
func (m *Mapping) unlocked(f func() error) error {
	m.users.Add(1)
	m.mu.Unlock()
	err := f()
	m.mu.Lock()
	m.users.Add(-1)
	return err
}

// provideAhead provides what makeRoom promises, and more for the growth to come. The caller holds
// m.growing and m.mu, which is given up meanwhile.
func (m *Mapping) provideAhead(n int) error {
	s := m.span
	if filled := s.filled(m.plan.unit); m.locked && filled < s.mapped { // pages of a file that could not be locked when all others were
		if err := s.hold(filled, s.mapped-filled); err != nil {
			return err
		}
		s.mapped = filled
	}
	need := m.wholePages(n)
	ahead, soon := m.ahead()
	from := s.mapped
	wish, ok := num.Up(num.AddOrMax(need, ahead), max(m.plan.unit, sys.Granularity()))
	if !ok || wish > s.reserved {
		wish = s.reserved
	}
	return m.unlocked(func() error {
		err := m.provide(n, max(wish, from))
		if err != nil && wish > need {
			err = m.provide(n, max(need, from))
		}
		if n := s.mapped - from; err == nil && soon && n > 0 && n <= 2*mem.MostPresent {
			_ = sys.Prefault(s.base+uintptr(from), n, true) // pages that do not come now come when they are touched
		}
		return err
	})
}

// ahead returns how many bytes after the length to map, and whether to bring them in: those of
// writable anonymous memory.
func (m *Mapping) ahead() (n int, bringIn bool) {
	there := m.span.mapped
	if !m.plan.HasFile && m.plan.PageSize == 0 && m.plan.Protection.Has(flags.Read|flags.Write) {
		if n, ok := mem.GrowthPresent(there); ok {
			return n, true
		}
	}
	return mem.GrowthStep(there), false
}

// checkWhole refuses to grow a file that has lost bytes: growth would show them as zeros. What was
// set aside ahead and is gone is set aside again. The caller holds m.growing and m.mu, which is
// given up meanwhile.
func (m *Mapping) checkWhole() error {
	var size int64
	var fixed bool
	err := m.unlocked(func() (err error) {
		size, fixed, err = sys.FileSize(m.plan.File)
		return err
	})
	if err != nil {
		return err
	}
	length := m.length()
	if end := m.plan.Offset + int64(length); length > 0 && end > size {
		return fmt.Errorf("%s was cut off at byte %d, the mapping shows it up to byte %d: %w", m.plan.File.Name(), size, end, ErrTruncated)
	}
	if first := m.plan.Offset - int64(m.lead()); !fixed && first+int64(m.span.ready) > size {
		m.span.ready = m.lead() + length
	}
	return nil
}

// provide makes sure that the addresses up to total bytes from the first page have memory, for
// a length of n bytes. On error the file has the length that it had. The caller holds m.growing and
// not m.mu.
func (m *Mapping) provide(n, total int) error {
	s := m.span
	if !m.plan.HasFile {
		return m.mapMore(total)
	}
	f := m.plan.File
	size, fixed, err := sys.FileSize(f)
	if err != nil {
		return err
	}
	if fixed || !m.Shared() || !m.Protection().Has(flags.Write) {
		if end := m.plan.Offset + int64(n); end > size {
			return fmt.Errorf("bytes [%d,%d) of %s, which has %d bytes: %w", m.plan.Offset, end, f.Name(), size, ErrTruncated)
		}
		if err := m.mapMore(total); err != nil {
			return err
		}
		m.setReady(m.lead() + n)
		return nil
	}
	first := m.plan.Offset - int64(m.lead()) // of the first page, in the file
	err = sys.Allocate(f, first+int64(s.ready), int64(total-s.ready))
	unset := sys.Refused(err)
	if unset { // zeros are written: not far ahead
		total = max(min(total, m.wholePages(n)+mem.MostPresent), s.ready)
		err = sys.Extend(f, first+int64(s.ready), int64(total-s.ready))
	}
	if err != nil {
		return sys.SpaceError(f.Name(), err)
	}
	if err = m.mapMore(total); err == nil && m.mayLackSpace {
		err = m.takeSpace(n, int(min(size-first, int64(total))), unset)
	}
	if err != nil {
		return errors.Join(err, cutBack(f, first+int64(total), size))
	}
	m.setReady(total)
	m.grown.to(first+int64(total), size)
	return nil
}

// takeSpace has the file system find space, for a length of n bytes, for pages that were in the
// file before it was made longer, up to end in bytes from the first page: for that in which the
// length ends, and where no space was set aside for the holes as well.
func (m *Mapping) takeSpace(n, end int, holes bool) error {
	s, unit := m.span, m.plan.unit
	from := num.Down(m.lead()+m.Len(), unit)
	end, _ = num.Up(min(end, m.lead()+n), unit)
	if !holes {
		end = min(end, from+unit)
	}
	for ; from < end; from += mem.MostPresent {
		page := s.base + uintptr(from)
		err := sys.Prefault(page, min(mem.MostPresent, end-from), true)
		if errors.Is(err, sys.ErrNoPage) {
			return sys.SpaceError(m.plan.File.Name(), m.lostPage(page))
		}
	}
	return nil
}

// cutBack shortens a file that was made longer, up to made, to the size that it had.
func cutBack(f *os.File, made, size int64) error {
	info, err := f.Stat()
	if err != nil || size >= made || info.Size() != made {
		return err
	}
	return f.Truncate(size)
}

// setReady notes up to where the mapping can become longer without asking.
func (m *Mapping) setReady(n int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.span.ready = n
}

// mapMore maps memory at the addresses up to total bytes from the first page. The caller holds
// m.growing and not m.mu.
func (m *Mapping) mapMore(total int) error {
	s := m.span
	from := s.mapped
	if total <= from {
		return nil
	}
	return m.mapIn(from, total-from, func() {
		s.mapped, s.reached = total, max(s.reached, total)
		if !m.plan.HasFile {
			s.ready = total
		}
	})
}

// mapIn maps the reserved bytes [from, from+n) of the span and then, with m.mu held, calls done.
// The memory gets the protection that the mapping has at that moment, and is locked where the
// mapping is: either may change while the system is at work. The caller holds m.growing and not
// m.mu.
func (m *Mapping) mapIn(from, n int, done func()) error {
	call := m.callNow(from, n)
	if err := lockable(call.Flags, call.Prot); err != nil {
		return err
	}
	if from == 0 { // later growth moves the end of an area
		if err := areaBudget.admit(); err != nil {
			return err
		}
	}
	return m.span.untaken(from, n, func() error {
		if _, err := m.plan.mapPages(call); err != nil {
			return m.plan.explain(n, err)
		}
		for {
			m.mu.Lock()
			if m.plan.Protection == call.Prot && m.locked == call.Flags.Has(flags.Locked) {
				done()
				m.mu.Unlock()
				return nil
			}
			m.mu.Unlock()
			now := m.callNow(from, n)
			if err := adapt(call, now); err != nil {
				return errors.Join(err, sys.Hold(call.Addr, call.Len))
			}
			call = now
		}
	})
}

// callNow is what maps the bytes [from, from+n) of the span as the mapping is now.
func (m *Mapping) callNow(from, n int) sys.Request {
	m.mu.RLock()
	defer m.mu.RUnlock()
	call := m.plan.call(m.span.base+uintptr(from), from, n)
	call.Replace = true
	call.Flags &^= flags.Locked
	if m.locked {
		call.Flags |= flags.Locked
	}
	return call
}

// adapt changes memory that was mapped by one call to what another one of the same range would have
// made.
func adapt(was, now sys.Request) error {
	if was.Prot != now.Prot {
		if err := sys.Protect(now.Addr, now.Len, now.Prot); err != nil {
			return err
		}
	}
	switch before, after := was.Flags.Has(flags.Locked), now.Flags.Has(flags.Locked); {
	case after && !before:
		return sys.Lock(now.Addr, now.Len)
	case before && !after:
		return sys.Unlock(now.Addr, now.Len)
	}
	return nil
}
