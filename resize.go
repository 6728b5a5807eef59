package typedmem

import (
	"errors"
	"fmt"
	"os"

	"github.com/typedmem/typedmem/flags"
	"github.com/typedmem/typedmem/internal/num"
	"github.com/typedmem/typedmem/internal/sys"
)

// Resize sets the length to n bytes, in place: no address changes, views of what stays are valid, and readers go on meanwhile.
//
// Growing takes address space that WithCapacity set aside; past Cap it returns ErrCapacity. New anonymous memory is zero. A
// writable shared mapping of a file makes the file longer where it has to and sets disk space aside, so that a full disk is an
// error here and not a fault later; it does so ahead of the length, by a quarter of it and at most 64 MiB, which Close takes
// back. Any other file mapping, and any of a device, must lie within the file (ErrTruncated), whose bytes come into view; of a
// page of a private mapping that was written before, what was written. Where somebody has cut off the file under the mapping,
// growth is refused with ErrTruncated.
//
// Shrinking gives whole pages back at once. Views of what goes away notice at their next checked access, until the mapping is made longer again: then they show
// what is there now. The file keeps its length and contents. Anonymous memory must be writable (ErrProtection), since the rest of its last page is cleared.
func (m *Mapping) Resize(n int) error {
	if err := m.enter("resize", needCommitted); err != nil {
		return err
	}
	defer m.mu.Unlock()
	err := m.checkLength(n)
	for done := false; err == nil && !done; {
		// Limits.Extend takes no lock: a length that it changed meanwhile is looked at again.
		switch length := m.length(); {
		case n < length:
			err, done = m.shrink(n), true
		default:
			if err = m.makeRoom(n); err == nil {
				done = m.lengthen(length, n)
			}
		}
	}
	if err != nil {
		return m.fail("resize", err)
	}
	return nil
}

// CanResize returns the error with which Resize would refuse a length of n bytes now, nil where it would go ahead. It changes nothing, and asks the system
// nothing: that may still fail the Resize itself.
func (m *Mapping) CanResize(n int) error {
	if err := m.look("resize", needCommitted); err != nil {
		return err
	}
	defer m.mu.RUnlock()
	err := m.checkLength(n)
	if err == nil && n < m.length() {
		err = m.checkShrink(n)
	}
	if err != nil {
		return m.fail("resize", err)
	}
	return nil
}

// lengthen publishes a length of n bytes in place of one of from bytes; it answers false when that is no longer the length.
func (m *Mapping) lengthen(from, n int) bool {
	l, first := m.limits.Load(), m.addr.Load()
	if l.Readable() == 0 {
		m.hidden = n
		return true
	}
	return l.Extend(first+uintptr(from), first+uintptr(n))
}

func (m *Mapping) checkLength(n int) error {
	switch capacity := m.capacity(); {
	case n < 0:
		return fmt.Errorf("%d bytes: %w", n, ErrSize)
	case n > capacity:
		return fmt.Errorf("%d bytes with room for %d; ask for more with WithCapacity: %w", n, capacity, ErrCapacity)
	}
	return nil
}

// MakeRoom puts memory behind the first n bytes without changing the length, so that they can be filled before Limits.Extend publishes them. It
// fails as a growing Resize does.
func (m *Mapping) MakeRoom(n int) error {
	if err := m.enter("make room", needCommitted); err != nil {
		return err
	}
	defer m.mu.Unlock()
	err := m.checkLength(n)
	if err == nil {
		err = m.makeRoom(n)
	}
	if err != nil {
		return m.fail("make room", err)
	}
	return nil
}

// makeRoom provides memory, and where a file is shown the file, for a length of n bytes.
func (m *Mapping) makeRoom(n int) error {
	s := m.span
	if m.plan.HasFile && n > m.length() {
		if err := m.checkWhole(); err != nil {
			return err
		}
	}
	if m.lead()+n <= s.ready {
		return nil
	}
	need := m.wholePages(n)
	ahead, soon := m.ahead()
	from := s.mapped
	wish, ok := num.Up(addOrMax(need, ahead), max(m.plan.unit, sys.Granularity()))
	if !ok || wish > s.reserved {
		wish = s.reserved
	}
	err := m.provide(n, max(wish, s.mapped))
	if err != nil && wish > need {
		err = m.provide(n, max(need, s.mapped))
	}
	if err != nil {
		return err
	}
	if n := s.mapped - from; soon && n > 0 && n <= 2*soonAhead {
		_ = sys.Prefault(s.base+uintptr(from), n, true) // pages that do not come now come when they are touched
	}
	m.limits.Load().room.Store(s.base + uintptr(s.ready))
	return nil
}

// checkWhole refuses to put more behind bytes that the file has lost: growth would show them as zeros. What was set aside ahead
// and is gone is set aside again.
func (m *Mapping) checkWhole() error {
	size, fixed, err := sys.FileSize(m.plan.File)
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

// provide sees to it that memory is behind the addresses up to total bytes from the first page, for a length of n bytes. On error
// the file has the length that it had.
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
	if fixed || !m.Shared() || !m.plan.Protection.Has(flags.Write) {
		if end := m.plan.Offset + int64(n); end > size {
			return fmt.Errorf("bytes [%d,%d) of %s, which has %d bytes: %w", m.plan.Offset, end, f.Name(), size, ErrTruncated)
		}
		if err := m.mapMore(total); err != nil {
			return err
		}
		s.ready = m.lead() + n
		return nil
	}
	first := m.plan.Offset - int64(m.lead()) // of the first page, in the file
	if err := sys.Allocate(f, first+int64(s.ready), int64(total-s.ready)); err != nil {
		return err
	}
	if err := m.mapMore(total); err != nil {
		return errors.Join(err, cutBack(f, first+int64(total), size))
	}
	s.ready = total
	m.grown.to(first+int64(total), size)
	return nil
}

// cutBack gives a file that was made longer, up to made, the size it had.
func cutBack(f *os.File, made, size int64) error {
	info, err := f.Stat()
	if err != nil || size >= made || info.Size() != made {
		return err
	}
	return f.Truncate(size)
}

// mapMore puts memory behind the addresses up to total bytes from the first page.
func (m *Mapping) mapMore(total int) error {
	s := m.span
	from := s.mapped
	if total <= from {
		return nil
	}
	if err := m.plan.lockable(); err != nil {
		return err
	}
	call := m.plan.call(s.base+uintptr(from), from, total-from)
	call.Replace = true
	if err := s.untaken(from, total-from, func() error { _, err := sys.Map(call); return err }); err != nil {
		return err
	}
	s.mapped, s.reached = total, max(s.reached, total)
	if !m.plan.HasFile {
		s.ready = total
	}
	return nil
}

// checkShrink says why the mapping cannot be cut to n bytes in the state that it is in.
func (m *Mapping) checkShrink(n int) error {
	if err := m.refuse(needUnpinned); err != nil {
		return err
	}
	var err error
	if keep, tail := m.keep(n); tail > 0 {
		if err = m.refuse(needWritable); err == nil {
			err = m.span.untaken(keep-m.plan.unit, m.plan.unit, func() error { return nil })
		}
		if err != nil {
			return fmt.Errorf("the rest of the last page is to be cleared: %w", err)
		}
	}
	return nil
}

// keep returns how many bytes from the first page on stay mapped for a length of n bytes, and how many of them, behind the length, are to be cleared.
func (m *Mapping) keep(n int) (keep, tail int) {
	keep = min(m.wholePages(n), m.span.mapped)
	if m.plan.HasFile {
		return keep, 0
	}
	return keep, keep - m.lead() - n
}

func (m *Mapping) shrink(n int) error {
	if err := m.checkShrink(n); err != nil {
		return err
	}
	s := m.span
	keep, tail := m.keep(n)
	if tail > 0 && m.plan.PageSize != 0 {
		switch err := bringIn(s.base+uintptr(keep-m.plan.unit), m.plan.unit, m.plan.unit, true); {
		case errors.Is(err, sys.ErrNoPage): // nothing was written to it, and the system has no huge page for it now
			tail = 0
		case err != nil:
			return err
		}
	}
	m.limits.Load().room.Store(m.addr.Load() + uintptr(n)) // nothing is appended until all is done
	length := m.lower(n)
	m.grown.keep = max(m.grown.keep, m.plan.Offset+int64(length))
	if give := s.mapped - keep; give > 0 {
		if err := s.hold(keep, give); err != nil {
			m.publish(length)
			return err
		}
		s.mapped, s.ready = keep, min(s.ready, keep)
	}
	if tail > 0 { // a mapping that takes the page over at this moment keeps its contents
		_ = s.untaken(keep-m.plan.unit, m.plan.unit, func() error {
			clear(bytesAt(m.addr.Load()+uintptr(n), tail))
			return nil
		})
	}
	m.publish(n)
	return nil
}
