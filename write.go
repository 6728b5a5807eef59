package typedmem

import (
	"fmt"
	"runtime"

	"github.com/typedmem/typedmem/flags"
	"github.com/typedmem/typedmem/internal/num"
	"github.com/typedmem/typedmem/internal/sys"
)

// Frail reports whether a store to the mapping may find its disk full, though space was set aside:
// it shows a file on a file system that does not write in place. Stores that must not fault go
// through Write.
func (m *Mapping) Frail() bool { return m.frail }

// frail works that out for a new mapping. The file of one that cannot be written yet is not asked:
// it may be made writable later.
func (p *plan) frail() bool {
	return p.HasFile && p.Flags.Has(flags.Shared) && (!p.Protection.Has(flags.Write) || !sys.Solid(p.File))
}

// Write copies b to the bytes from off on, which may follow the length, up to Limits.Room.
// Where a page cannot be made writable the file is written by a call, which needs less and says why
// it fails: on error the bytes may hold anything. A fault of b itself goes on.
func (m *Mapping) Write(off int, b []byte) error {
	to := bytesAt(m.addr.Load()+uintptr(off), len(b))
	if touching(func() { copy(to, b) }) == nil {
		return nil
	}
	if err := m.look("write", needWritable); err != nil {
		return err
	}
	m.users.Add(1) // it stays open and where it is, without the lock
	m.mu.RUnlock()
	err := m.writeFile(off, b)
	m.users.Add(-1)
	if sys.BadAddress(err) {
		copy(to, b)
		return nil
	}
	return err
}

func (m *Mapping) writeFile(off int, b []byte) error {
	f := m.plan.File
	if f == nil || runtime.GOOS == "openbsd" { // where a mapping does not show what a call writes
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

// lostPage says why a page of the mapped file did not come when it was accessed, nil where that
// cannot be told: one that can be read could not be written; one that cannot follows the end of
// the file. The caller keeps the mapping open and where it is.
func (m *Mapping) lostPage(page uintptr) error {
	if bringIn(page, m.plan.unit, m.plan.unit, false) == nil {
		if !m.Shared() {
			return nil
		}
		return fmt.Errorf("the page cannot be written: its disk is full or fails; free some space and try again: %w", sys.ErrNoSpace)
	}
	if f := m.plan.File; f != nil {
		at := m.plan.Offset + int64(page) - int64(m.addr.Load())
		if size, _, err := sys.FileSize(f); err == nil && at < size {
			return fmt.Errorf("%s cannot be read at byte %d: %w", f.Name(), at, sys.ErrNoPage)
		}
	}
	return fmt.Errorf("the file was truncated, or cannot be read: %w", ErrTruncated)
}
