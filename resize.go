package typedmem

import (
	"errors"
	"fmt"

	"github.com/typedmem/typedmem/internal/mem"
	"github.com/typedmem/typedmem/internal/sys"
)

// Resize sets the length to n bytes, in place: no address changes, views of what stays are valid,
// and readers go on meanwhile.
//
// Growing takes address space that WithCapacity set aside; past Cap it returns ErrCapacity. New
// anonymous memory is zero. A writable shared mapping of a file makes the file longer where it has
// to and sets disk space aside, so that a full disk is an error here and not a fault later; where
// the file system sets none aside zeros are written. Growth sets aside more than the length needs,
// a quarter of it and at most 64 MiB; Close takes that back. Any other file mapping, and any of a
// device, must lie within the file (ErrTruncated), whose bytes come into view. A page of a private
// mapping that was written before shows what was written. Where somebody has cut off the file under
// the mapping, growth is refused with ErrTruncated.
//
// Shrinking gives whole pages back at once. Views of what goes away notice at their next checked
// access, until the mapping is made longer again: then they show what is there now. The file keeps
// its length and contents. Anonymous memory must be writable (ErrProtection), since the rest of its
// last page is cleared. A pinned mapping is not made shorter, nor is one while another goroutine is
// in one of the calls that [Mapping.Close] lists (ErrBusy).
//
// While growing waits for the file system, only another growing call waits for it.
func (m *Mapping) Resize(n int) error {
	if err := m.enter("resize", needCommitted); err != nil {
		return err
	}
	defer m.mu.Unlock()
	var err error
	for done := false; err == nil && !done; {
		// Limits.Extend takes no lock, and makeRoom gives it up: a length that was changed
		// meanwhile is looked at again.
		err = m.checkLength(n)
		switch length := m.length(); {
		case err != nil:
		case n < length:
			err, done = m.shrink(n), true
		default:
			if err = m.makeRoom(n, false); err == nil {
				done = m.lengthen(length, n)
			}
		}
	}
	return m.fail("resize", err)
}

// canResize returns the error with which Resize would refuse a length of n bytes now, nil where it
// would go ahead. It changes nothing, and asks the system nothing: that may still fail the Resize
// itself.
func (m *Mapping) canResize(n int) error {
	if err := m.look("resize", needCommitted); err != nil {
		return err
	}
	defer m.mu.RUnlock()
	err := m.checkLength(n)
	if err == nil && n < m.length() {
		err = m.checkShrink(n)
	}
	return m.fail("resize", err)
}

// lengthen publishes a length of n bytes in place of one of from bytes; it returns false when that
// is no longer the length.
func (m *Mapping) lengthen(from, n int) bool {
	l, first := m.limits.Load(), m.addr.Load()
	if !mem.Allows(l.Readable()) {
		if m.hidden != from {
			return false
		}
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
		return fmt.Errorf("%d bytes with room for %d; ask for more when you open it, with WithCapacity or FileOptions.Capacity: %w", n, capacity, ErrCapacity)
	}
	return nil
}

// checkShrink says why the mapping cannot be cut to n bytes in the state that it is in.
func (m *Mapping) checkShrink(n int) error {
	if err := m.refuse(needUnpinned); err != nil {
		return err
	}
	var err error
	if stays, tail := m.afterShrink(n); tail > 0 {
		if err = m.refuse(needWritable); err == nil {
			err = m.span.untaken(stays-m.plan.unit, m.plan.unit, func() error { return nil })
		}
		if err != nil {
			return fmt.Errorf("the rest of the last page is to be cleared: %w", err)
		}
	}
	return nil
}

// afterShrink returns how many bytes from the first page on stay mapped for a length of n bytes,
// and how many of them, past the length, are to be cleared.
func (m *Mapping) afterShrink(n int) (stays, tail int) {
	stays = min(m.wholePages(n), m.span.mapped)
	if m.plan.HasFile {
		return stays, 0
	}
	return stays, stays - m.lead() - n
}

func (m *Mapping) shrink(n int) error {
	if err := m.checkShrink(n); err != nil {
		return err
	}
	s := m.span
	stays, tail := m.afterShrink(n)
	if tail > 0 && m.plan.PageSize != 0 {
		switch err := bringIn(s.base+uintptr(stays-m.plan.unit), m.plan.unit, m.plan.unit, true); {
		case errors.Is(err, sys.ErrNoPage): // nothing was written to it, and the system has no huge page for it now
			tail = 0
		case err != nil:
			return err
		}
	}
	m.limits.Load().SetRoom(m.addr.Load() + uintptr(n)) // nothing is appended until all is done
	length := m.lower(n)
	m.grown.least = max(m.grown.least, m.plan.Offset+int64(length))
	if freed := s.mapped - stays; freed > 0 {
		if err := s.hold(stays, freed); err != nil {
			m.publish(length)
			return err
		}
		s.mapped, s.ready = stays, min(s.ready, stays)
	}
	if m.plan.HasFile { // the blocks past the length may be given back next: they are set aside again before anything is written there
		s.ready, s.arrived = min(s.ready, m.lead()+n), min(s.arrived, m.lead()+n)
	}
	if tail > 0 { // a mapping that takes the page over at this moment keeps its contents
		_ = s.untaken(stays-m.plan.unit, m.plan.unit, func() error {
			clear(bytesAt(m.addr.Load()+uintptr(n), tail))
			return nil
		})
	}
	m.publish(n)
	return nil
}
