package typedmem

import (
	"encoding/binary"
	"fmt"
	"sync/atomic"
	"unsafe"

	"github.com/typedmem/typedmem/flags"
	"github.com/typedmem/typedmem/internal/num"
	"github.com/typedmem/typedmem/internal/race"
	"github.com/typedmem/typedmem/internal/sys"
)

// mayLackSpace is mem.Mapping.MayLackSpace for a new mapping. It is true for any shared file that
// is not writable yet, since the mapping may become writable later.
func (p *plan) mayLackSpace() bool {
	return p.HasFile && p.Flags.Has(flags.Shared) && (!p.Protection.Has(flags.Write) || !sys.Solid(p.File))
}

// write is mem.Mapping.Write.
func (m *Mapping) write(off int, b []byte) error {
	to := bytesAt(m.addr.Load()+uintptr(off), len(b))
	if touching(func() { copy(to, b) }) == nil {
		return nil
	}
	err := m.withoutPages(func() error { return m.writeFile(off, b) })
	if sys.BadAddress(err) {
		copy(to, b)
		return nil
	}
	return err
}

// writeWord is mem.Mapping.WriteWord.
func (m *Mapping) writeWord(off int, word uint64) error {
	// SAFETY: the caller has found off in the mapping, and a multiple of 8 from its page-aligned
	// base; touching catches the fault of a page that is not there.
	to := (*uint64)(unsafe.Pointer(unsafe.SliceData(bytesAt(m.addr.Load()+uintptr(off), 8))))
	store := func() { atomic.StoreUint64(to, word) }
	if race.Enabled { // the detector's own code would fault, which nothing catches
		new(atomic.Uint64).Add(1) // a barrier
		store = func() { *to = word }
	}
	if touching(store) == nil {
		return nil
	}
	return m.withoutPages(func() error {
		return m.writeFile(off, binary.NativeEndian.AppendUint64(nil, word))
	})
}

// findSpace is mem.Mapping.FindSpace.
func (m *Mapping) findSpace(off, n int) error {
	from := m.addr.Load() + uintptr(off)
	page := from
	var err error
	if race.Enabled { // the detector's own code would fault, which nothing catches
		page = num.Down(from, uintptr(m.plan.unit))
		err = bringIn(page, int(from-page)+n, m.plan.unit, true)
	} else {
		err = touching(func() { m.storeEachPage(&page, from+uintptr(n)) })
	}
	if err == nil {
		return nil
	}
	return m.withoutPages(func() error {
		err := m.lostPage(num.Down(page, uintptr(m.plan.unit)))
		if f := m.plan.File; f != nil {
			err = sys.SpaceError(f.Name(), err)
		}
		return err
	})
}

// storeEachPage stores to each page from *page to end and changes nothing. After a fault *page is
// in the page that failed.
func (m *Mapping) storeEachPage(page *uintptr, end uintptr) {
	for unit := uintptr(m.plan.unit); *page < end; *page = num.Down(*page, unit) + unit {
		// SAFETY: the aligned word lies in the same page as the byte at page. An atomic addition of
		// 0 loses no other store.
		atomic.AddUint32((*uint32)(unsafe.Pointer(unsafe.SliceData(bytesAt(num.Down(*page, 4), 4)))), 0)
	}
}

// withoutPages calls f after a store that faulted. f runs without the lock; meanwhile the mapping
// can be neither closed nor moved.
func (m *Mapping) withoutPages(f func() error) error {
	if err := m.look("write", needWritable); err != nil {
		return err
	}
	m.users.Add(1)
	m.mu.RUnlock()
	defer m.users.Add(-1)
	return f()
}

func (m *Mapping) writeFile(off int, b []byte) error {
	f := m.plan.File
	if f == nil || !sys.WritesShowInMappings {
		return m.lostPage(num.Down(m.addr.Load()+uintptr(off), uintptr(m.plan.unit)))
	}
	size, _, err := sys.FileSize(f)
	if end := m.plan.Offset + int64(off+len(b)); err == nil && end > size {
		return fmt.Errorf("%s was cut off at byte %d: %w", f.Name(), size, ErrTruncated)
	}
	if err == nil {
		_, err = f.WriteAt(b, m.plan.Offset+int64(off))
	}
	return sys.SpaceError(f.Name(), err)
}

// lostPage returns why an access to a page of the mapped file faulted, nil if it cannot tell. A
// page that can be read could not be written; any other lies past the end of the file, or reading
// it fails. It takes no lock.
func (m *Mapping) lostPage(page uintptr) error {
	if bringIn(page, m.plan.unit, m.plan.unit, false) == nil {
		if !m.Shared() {
			return nil
		}
		return fmt.Errorf("the page cannot be written: its disk is full or fails; free some space and try again: %w", sys.ErrNoSpace)
	}
	file, at := m.shows.Load(), m.start+int64(page)
	if size, ok := file.size(); ok && at < size {
		return fmt.Errorf("%s cannot be read at byte %d: %w", file.name, at, sys.ErrNoPage)
	}
	return fmt.Errorf("the file was truncated, or cannot be read: %w", ErrTruncated)
}

// bytesAt returns n bytes of memory that the caller owns and knows to be accessible.
func bytesAt(addr uintptr, n int) []byte {
	// SAFETY: the callers pass mapped ranges of a Mapping whose lock they hold; the memory is off
	// the Go heap.
	return unsafe.Slice((*byte)(unsafe.Add(unsafe.Pointer(nil), addr)), n)
}
