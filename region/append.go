package region

import (
	"cmp"
	"errors"
	"fmt"
	"unsafe"

	"github.com/typedmem/typedmem"
	"github.com/typedmem/typedmem/internal/mem"
	"github.com/typedmem/typedmem/internal/num"
	"github.com/typedmem/typedmem/internal/printing"
	"github.com/typedmem/typedmem/internal/race"
	"github.com/typedmem/typedmem/internal/shell"
)

// Append adds elements at the end. No address moves, views stay valid, and other goroutines see the
// new length only after the elements. xs may be a part of the region itself. On error nothing was
// appended.
//
//   - [typedmem.ErrCapacity]: past Cap.
//   - [typedmem.ErrBounds]: the region has rows, and xs is no whole number of them.
//   - [typedmem.ErrProtection]: the region is not writable.
//   - [typedmem.ErrClosed]: it is closed.
//   - [typedmem.ErrOperation]: T has sync/atomic fields; or the length is fixed, by
//     FileOptions.Shared or CopyOnWrite.
//   - The system's error, with the name of the file: the disk is full. Space is set aside before
//     the elements are written. On file systems where that may not be enough (btrfs, XFS, ext2,
//     ext3 and unknown ones) Append also catches a store that finds no space, and returns its
//     error.
//   - [typedmem.ErrTruncated], or an error that names the file: a page that Append has to write to
//     cannot be brought in. In a file Append brings pages in by system calls, so the Go scheduler
//     does not wait for them.
//
// If another program has made the file shorter, Append faults as any access does: see
// [typedmem.Guard].
func (r *Region[T]) Append(xs ...T) error {
	if l := r.now(); l != nil {
		if end := l.Writable(); mem.Allows(end) {
			first := count[T](l, end)
			at := address[T](l, first)
			if stop := at + uintptr(len(xs))*unsafe.Sizeof(*new(T)); at <= stop && stop <= l.Room() { // stop < at where the sum wrapped around, as in a 32-bit address space
				return r.put(l, end, stop, first, xs)
			}
		}
	}
	return r.appendSlow(xs)
}

// put writes xs to the memory after the last element, and publishes the new length.
func (r *Region[T]) put(l *mem.Limits, end, stop uintptr, first int, xs []T) error {
	if err := r.core.wholeRows(first, len(xs)); err != nil {
		return shell.Fail("append", cmp.Or(r.core.growable(), err))
	}
	// SAFETY: stop lies within Room, so up to there the addresses have memory.
	to := unsafe.Slice((*T)(unsafe.Add(unsafe.Pointer(nil), address[T](l, first))), len(xs))
	if race.Enabled && len(xs) > 0 {
		l.Race().Write(unsafe.Pointer(&to[0]), uintptr(len(xs))*unsafe.Sizeof(xs[0]))
	}
	if r.core.mayLackSpace && len(xs) > 0 {
		if r.core.fixed != nil {
			return shell.Fail("append", printing.Named(r.core.mapping().File(), r.core.fixed))
		}
		r.noteWritten(l, stop)
		// SAFETY: the bytes of xs, which stays alive; its elements have no pointers.
		b := unsafe.Slice((*byte)(unsafe.Pointer(&xs[0])), uintptr(len(xs))*unsafe.Sizeof(xs[0]))
		if err := mem.Write(r.core.inner(), first*r.core.size, b); err != nil {
			return shell.Fail("append", err)
		}
	} else if len(xs) == 1 { // the usual case is not worth a call of memmove
		if unsafe.Sizeof(xs[0]) > unsafe.Alignof(xs[0]) { // several stores, between which reading xs may fault
			r.noteWritten(l, stop)
		}
		to[0] = xs[0]
	} else {
		r.noteWritten(l, stop)
		copy(to, xs)
	}
	if len(xs) == 0 { // end stays: it may follow a part of an element
		return nil
	}
	if r.core.file != nil {
		return shell.Fail("append", r.core.extend(l, end, stop, first+len(xs)))
	}
	if !l.Extend(end, stop) {
		return shell.Fail("append", errChanged)
	}
	return nil
}

// noteWritten records that memory up to the address stop is about to be written, for
// [core.clearWritten].
func (r *Region[T]) noteWritten(l *mem.Limits, stop uintptr) {
	r.core.written = max(r.core.written, int(stop-l.Base()))
}

func (r *Region[T]) appendSlow(xs []T) error {
	if r.core == nil {
		return shell.Fail("append", errZero)
	}
	if r.core.layout.Atomic && !r.core.closed() {
		return shell.Fail("append", fmt.Errorf("%v has sync/atomic fields, use Resize and Ptr: %w", r.core.layout.Type, typedmem.ErrOperation))
	}
	if err := r.core.makeRoom(len(xs)); err != nil {
		return shell.Fail("append", err)
	}
	l := r.now()
	end := l.Readable()
	if !mem.Allows(end) {
		return shell.Fail("append", mem.Refusal(end))
	}
	first := count[T](l, end)
	return r.put(l, end, address[T](l, first+len(xs)), first, xs)
}

// Resize sets the length to n elements in place. New elements are zero. Memory that is cut off is
// released at once; views past the new length return [typedmem.ErrBounds] until the region grows
// again. In a raw file (Map, MapMut) new elements show the bytes of the file, and shrinking leaves
// the file as it is. T may have atomic fields.
//
// Resize returns the errors of [Region.Append], except the one for atomic fields,
// [typedmem.ErrSize] for a negative n, and [typedmem.ErrBusy] when it would shrink a pinned region,
// or while another goroutine is in one of the calls that [Region.Close] lists. On error nothing has
// changed.
func (r *Region[T]) Resize(n int) error {
	if r.core.closed() {
		return shell.Fail("resize", r.errClosed())
	}
	bytes, err := shell.Bytes(n, r.core.layout)
	if err == nil && n > r.Len() { // else Close and Resize keep each other out
		held := mem.Of(r.core.mapping())
		if err := held.Step(); err != nil {
			return shell.Fail("resize", cmp.Or(r.core.growable(), err))
		}
		defer held.EndStep()
	}
	if err == nil {
		err = r.core.resize(bytes)
	}
	return shell.Fail("resize", err)
}

// growable returns why the length cannot change, nil if it can.
func (c *core) growable() error {
	if err := c.limits().Err(true); err != nil {
		return err
	}
	return printing.Named(c.mapping().File(), c.fixed)
}

// makeRoom provides memory for more elements after the last one. The length stays.
func (c *core) makeRoom(more int) error {
	if err := c.growable(); err != nil {
		return err
	}
	if err := c.whole(c.length()); err != nil {
		return err
	}
	have := c.length() / c.size
	if err := c.wholeRows(have, more); err != nil {
		return err
	}
	total, ok := num.Mul(have+more, c.size) // a negative sum is refused
	if !ok {
		return fmt.Errorf("%d elements of %d bytes more than %d: %w", more, c.size, have, typedmem.ErrSize)
	}
	err := c.inner().MakeRoomToWrite(max(total, c.length()))
	if err == nil && c.file != nil {
		c.file.BringIn()
	}
	return err
}

// extend publishes a greater length: the elements, n in whole rows, now end at the address stop
// instead of end. It tells other processes first, since only that can fail.
func (c *core) extend(l *mem.Limits, end, stop uintptr, n int) error {
	if l.Readable() != end {
		return errChanged
	}
	err := c.publish(int(stop-l.Base()), n)
	if err == nil && !l.Extend(end, stop) {
		err = errors.Join(errChanged, c.publishBytes(int(end-l.Base())))
	}
	return err
}

var errChanged = fmt.Errorf("another goroutine changed the region at the same time; append from one goroutine at a time: %w", typedmem.ErrBusy)

// resize sets the length. New bytes are zero. On error nothing has changed, in memory or on the
// device.
func (c *core) resize(bytes int) error {
	if err := c.growable(); err != nil {
		return err
	}
	old := c.length()
	if bytes < old {
		if !c.syncing.TryLock() {
			return errSyncing
		}
		defer c.syncing.Unlock()
	}
	if err := c.wholeRows(0, bytes/c.size); err != nil {
		return err
	}
	if err := c.whole(min(bytes, old)); err != nil {
		return err
	}
	if bytes > old {
		if err := c.clearWritten(old); err != nil {
			return err
		}
	}
	switch {
	case c.file == nil:
		err := c.mapping().Resize(bytes)
		if err == nil && bytes < old { // Resize has released or cleared what follows
			c.shorter.Add(1) // nobody sees a greater length before it
			c.written = 0
		}
		return err
	case bytes < old:
		return c.shrinkFile(bytes, old)
	case bytes > old && c.uncleared > old:
		if err := c.zeroFile(old, c.uncleared); err != nil {
			return err
		}
		c.uncleared = 0
	}
	if err := c.inner().MakeRoom(bytes); err != nil {
		return err
	}
	return c.setLength(bytes, old)
}

// setLength publishes the length, then gives it to the mapping: what readers see of the file is
// always there. On error the old length stays.
func (c *core) setLength(bytes, old int) error {
	err := c.publishBytes(bytes)
	if err == nil {
		if err = c.mapping().Resize(bytes); err != nil {
			err = errors.Join(err, c.publishBytes(old))
		}
	}
	return err
}

// clearWritten clears what an Append that faulted has left after the length. In a raw file the
// bytes after the length are the file's, and stay.
func (c *core) clearWritten(length int) error {
	l := c.limits()
	if c.written <= length || c.file == nil && c.mapping().FileBacked() {
		return nil
	}
	err := typedmem.Guard(func() error {
		if n := min(c.written, int(l.Room()-l.Base())) - length; n > 0 {
			// SAFETY: up to Room the addresses have memory, and the caller has checked that it is
			// writable.
			clear(unsafe.Slice((*byte)(unsafe.Add(unsafe.Pointer(nil), l.Base()+uintptr(length))), n))
		}
		return nil
	})
	if err == nil {
		c.written = 0
	}
	return err
}

// shrinkFile shortens a region file of old bytes. The shorter length is on the device before the
// elements are cleared. If Resize would be refused nothing is written; if a later step fails the
// old length is synced again.
func (c *core) shrinkFile(bytes, old int) error {
	if err := c.inner().CanResize(bytes); err != nil {
		return err
	}
	unsynced := c.file.Unsynced(c.elements(bytes))
	if unsynced {
		if err := c.file.Sync(c.elements(bytes), func() error { return c.mapping().Flush(0, bytes) }); err != nil {
			return err
		}
	}
	err := c.noteShorter()
	if err == nil {
		if err = c.setLength(bytes, old); err != nil {
			err = errors.Join(err, c.noteShorter())
		}
	}
	if err != nil {
		if unsynced {
			err = errors.Join(err, c.syncLocked())
		}
		return err
	}
	rest := max(old, c.written)
	c.written = 0
	if c.zeroFile(bytes, rest) != nil { // the shrink holds all the same; resize clears them before it grows over them
		c.uncleared = max(c.uncleared, rest)
	}
	return errors.Join(c.noteShorter(), c.file.NoteCleared()) // they never lack space: publish has just written to that page
}
