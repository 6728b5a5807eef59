package typedmem

import (
	"errors"
	"io"
	"os"
	"sync"
	"sync/atomic"

	"github.com/typedmem/typedmem/internal/sys"
)

// backing is the file behind one or more mappings, kept beyond the caller's own handle where later
// steps need it: to commit, to grow, and on Windows to flush. The parts of a split mapping share
// it.
type backing struct {
	info os.FileInfo  // identifies the file
	name string       // as it was opened
	file *os.File     // nil where no later step needs it
	told bool         // the system tells which pages are in memory
	done func() error // gives file up
	refs atomic.Int32
}

// newBacking keeps the handle if needsHandle is set: it shares it with the owner, and without one
// duplicates it.
func newBacking(f *os.File, owner interface{ Share() func() error }, needsHandle bool) (*backing, error) {
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	b := &backing{info: info, name: f.Name(), told: sys.TellsResident(f)}
	b.refs.Store(1)
	switch {
	case needsHandle && owner != nil:
		b.file, b.done = f, owner.Share()
	case needsHandle:
		if b.file, err = sys.Duplicate(f); err != nil {
			return nil, err
		}
		b.done = b.file.Close
	}
	return b, nil
}

func (b *backing) share() *backing {
	if b != nil {
		b.refs.Add(1)
	}
	return b
}

// release gives up one share; the last one closes the handle. A handle that was only mapped from
// has nothing to lose in Close.
func (b *backing) release() {
	if b != nil && b.refs.Add(-1) == 0 && b.file != nil {
		_ = b.done()
	}
}

func (b *backing) handle() *os.File {
	if b == nil {
		return nil
	}
	return b.file
}

// size returns how long the file is now, where that can be told: without a handle its name has to
// be that of the same file still.
func (b *backing) size() (size int64, ok bool) {
	if b == nil {
		return 0, false
	}
	if b.file != nil {
		size, _, err := sys.FileSize(b.file)
		return size, err == nil
	}
	info, err := os.Stat(b.name)
	if err != nil || !info.Mode().IsRegular() || !os.SameFile(info, b.info) {
		return 0, false
	}
	return info.Size(), true
}

// readable returns a handle of the file for reading, where it can be had: without a handle its name
// has to be that of the same file still.
func (b *backing) readable() (f *os.File, done func(), ok bool) {
	if b.file != nil {
		return b.file, func() {}, true
	}
	opened, err := sys.OpenFile(b.name, false)
	if err != nil {
		return nil, nil, false
	}
	if info, err := opened.Stat(); err != nil || !os.SameFile(info, b.info) {
		_ = opened.Close()
		return nil, nil, false
	}
	return opened, func() { _ = opened.Close() }, true
}

// read reads the bytes [off, off+n) of the file, as far as it can, so that its pages are in memory.
// Who then accesses them finds out what is missing.
func (b *backing) read(off int64, n int) {
	f, done, ok := b.readable()
	if !ok {
		return
	}
	defer done()
	buffer := readBuffers.Get().(*[64 << 10]byte)
	defer readBuffers.Put(buffer)
	for n > 0 {
		got, err := f.ReadAt(buffer[:min(n, len(buffer))], off)
		if err != nil {
			return
		}
		off, n = off+int64(got), n-got
	}
}

var readBuffers = sync.Pool{New: func() any { return new([64 << 10]byte) }}

// readError returns why the bytes [off, off+n) of the file cannot be read: ErrTruncated if it ends
// before them. It is nil where that cannot be told, or they can be read now.
func (b *backing) readError(off int64, n int) error {
	f, done, ok := b.readable()
	if !ok {
		return nil
	}
	defer done()
	switch got, err := f.ReadAt(make([]byte, n), off); {
	case got > 0 || err == nil:
		return nil // a page in which the file ends is there
	case errors.Is(err, io.EOF):
		return ErrTruncated
	default:
		return err
	}
}

// sameFile reports whether both stand for the same file, or both for none.
func sameFile(a, b *backing) bool {
	if a == nil || b == nil {
		return a == b
	}
	return a == b || os.SameFile(a.info, b.info)
}
