package typedmem

import (
	"fmt"

	"github.com/typedmem/typedmem/flags"
	"github.com/typedmem/typedmem/internal/num"
	"github.com/typedmem/typedmem/internal/sys"
)

// Resize sets the length to n bytes, in place: no address changes, views of what stays are valid, and readers go on meanwhile.
//
// Growing takes address space that WithCapacity set aside; past Cap it answers ErrCapacity. New anonymous memory is zero. A writable shared
// mapping of a file makes the file longer where it has to and sets disk space aside, so that a full disk is an error here and not a fault later; any
// other file mapping must lie within the file (ErrTruncated).
//
// Shrinking gives whole pages back at once. Views of what goes away notice at their next checked access. The file keeps its length and contents. Anonymous
// memory must be writable (ErrProtection), since the rest of its last page is cleared.
func (m *Mapping) Resize(n int) error {
	if err := m.enter("resize", needCommitted); err != nil {
		return err
	}
	defer m.mu.Unlock()
	var err error
	switch length := m.length(); {
	case n < 0:
		err = fmt.Errorf("%d bytes: %w", n, ErrSize)
	case n > m.capacity():
		err = fmt.Errorf("%d bytes with room for %d; ask for more with WithCapacity: %w", n, m.capacity(), ErrCapacity)
	case n < length:
		err = m.shrink(n)
	case n > length:
		if err = m.makeRoom(n); err == nil {
			m.publish(n)
		}
	}
	if err != nil {
		return m.fail("resize", err)
	}
	return nil
}

// MakeRoom puts memory behind the first n bytes without changing the length, so that they can be filled before Limits.Extend publishes them. It
// fails as a growing Resize does.
func (m *Mapping) MakeRoom(n int) error {
	return m.on("make room", needCommitted, func() error {
		if n < 0 {
			return fmt.Errorf("%d bytes: %w", n, ErrSize)
		}
		if n > m.capacity() {
			return fmt.Errorf("%d bytes with room for %d; ask for more with WithCapacity: %w", n, m.capacity(), ErrCapacity)
		}
		return m.makeRoom(n)
	})
}

// How far ahead of the length memory is mapped: a quarter of what is there, so that the number of system calls grows with the logarithm of the
// size, within these bounds in bytes.
const (
	leastAhead = 64 << 10
	mostAhead  = 64 << 20
)

func (m *Mapping) makeRoom(n int) error {
	s := m.span
	need := m.wholePages(n)
	if need > s.mapped {
		ahead := min(max(s.mapped/4, leastAhead), mostAhead)
		wish, ok := num.Up(addOrMax(need, ahead), max(m.plan.unit, sys.Granularity()))
		if !ok || wish > s.reserved {
			wish = s.reserved
		}
		err := m.mapMore(wish)
		if err != nil && wish > need {
			err = m.mapMore(need)
		}
		if err != nil {
			return err
		}
		m.limits.Load().room.Store(s.base + uintptr(s.mapped))
	}
	return nil
}

// mapMore puts memory behind the addresses up to total bytes from the first page.
func (m *Mapping) mapMore(total int) error {
	s := m.span
	from := s.mapped
	call := m.plan.call(s.base+uintptr(from), from, total-from)
	call.Replace, call.Reserved = true, s.reserved-from
	if m.plan.HasFile {
		if err := m.provideFile(call.Offset, call.Len); err != nil {
			return err
		}
	}
	if _, err := sys.Map(call); err != nil {
		return err
	}
	s.mapped = total
	return nil
}

// provideFile sees to it that the file has the bytes [off, off+n).
func (m *Mapping) provideFile(off int64, n int) error {
	f := m.plan.File
	if m.Shared() && m.plan.Protection.Has(flags.Write) {
		return sys.Allocate(f, off, int64(n))
	}
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if whole := num.Down(info.Size()+int64(m.plan.unit)-1, int64(m.plan.unit)); off+int64(n) > whole {
		return fmt.Errorf("bytes [%d,%d) of a file of %d bytes: %w", off, off+int64(n), info.Size(), ErrTruncated)
	}
	return nil
}

func (m *Mapping) shrink(n int) error {
	if err := m.refuse(needUnpinned); err != nil {
		return err
	}
	s := m.span
	keep := m.wholePages(n)
	first := m.addr.Load() + uintptr(n)
	clear := 0
	if !m.plan.HasFile {
		if err := m.refuse(needWritable); err != nil {
			return err
		}
		clear = int(s.base + uintptr(min(keep, s.mapped)) - first)
	}
	length := m.withdraw()
	if give := s.mapped - keep; give > 0 {
		if err := sys.Hold(s.base+uintptr(keep), give); err != nil {
			m.publish(length)
			return err
		}
		s.mapped = keep
	}
	for i, tail := 0, bytesAt(first, clear); i < len(tail); i++ {
		tail[i] = 0
	}
	m.publish(n)
	return nil
}
