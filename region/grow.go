package region

import (
	"errors"
	"fmt"
	"unsafe"

	"github.com/typedmem/typedmem"
	"github.com/typedmem/typedmem/internal/mem"
	"github.com/typedmem/typedmem/internal/num"
	"github.com/typedmem/typedmem/internal/race"
	"github.com/typedmem/typedmem/internal/shell"
)

// Append adds elements at the end. No address moves, views stay valid, and readers in other
// goroutines see the new length only with the elements in place. xs may be a part of the region
// itself.
//
// Past Cap it is ErrCapacity. In a file a full disk is an error here, which wraps the system's
// error and names the file, and nothing has been appended then: space is set aside before the
// elements are written, and on file systems that do not write in place (btrfs, XFS, ext2, ext3, all
// that is not known) a store that finds no space is caught. See the package comment for Set. A
// region that is not writable is ErrProtection, a closed one ErrClosed, a type with atomic fields
// ErrOperation. A file that another program has made shorter meanwhile faults here, as at any
// access: see typedmem.Guard.
func (r *Region[T]) Append(xs ...T) error {
	if l := r.now(); l != nil {
		if end := l.Writable(); mem.Allows(end) {
			first := count[T](l, end)
			at := address[T](l, first)
			if stop := at + uintptr(len(xs))*unsafe.Sizeof(*new(T)); at <= stop && stop <= l.Room() { // it overflows where addresses are short
				return r.put(l, end, stop, first, xs)
			}
		}
	}
	return r.appendSlow(xs)
}

// put writes xs into memory that is there, behind the length, and publishes it.
func (r *Region[T]) put(l *mem.Limits, end, stop uintptr, first int, xs []T) error {
	// SAFETY: up to stop, which lies within Room, memory is behind the addresses.
	to := unsafe.Slice((*T)(unsafe.Add(unsafe.Pointer(nil), address[T](l, first))), len(xs))
	if race.Enabled && len(xs) > 0 {
		l.Race().Write(unsafe.Pointer(&to[0]), uintptr(len(xs))*unsafe.Sizeof(xs[0]))
	}
	if r.core.frail && len(xs) > 0 {
		r.noteWritten(l, stop)
		// SAFETY: the bytes of xs, which is kept; its elements have no pointers.
		b := unsafe.Slice((*byte)(unsafe.Pointer(&xs[0])), uintptr(len(xs))*unsafe.Sizeof(xs[0]))
		if err := r.core.inner().Write(first*r.core.size, b); err != nil {
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
	if len(xs) == 0 { // the end may follow the last whole element, and stays
		return nil
	}
	if r.core.file == nil {
		if !l.Extend(end, stop) {
			return shell.Fail("append", errChanged)
		}
		return nil
	}
	return r.core.extend(l, end, stop)
}

// noteWritten notes that memory is about to be written up to the address stop; see core.clearWritten.
func (r *Region[T]) noteWritten(l *mem.Limits, stop uintptr) {
	if n := int(stop - l.Base()); n > r.core.written {
		r.core.written = n
	}
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

// Resize sets the length to n elements in place. New elements are zero. What is cut off goes back
// to the system at once, and views of it are refused as long as the region is no longer than that:
// once it has grown over them again, they show the new elements. Over a raw file (Map, MapMut) the
// file's own bytes come into view instead of zeros, and shrinking leaves them.
//
// Errors are those of Append, and ErrSize for a negative n, ErrBusy for shrinking a pinned region
// or beside a call of another goroutine as at [Region.Close]; elements with atomic fields are fine.
// On error nothing has changed.
func (r *Region[T]) Resize(n int) error {
	if r.core.closed() {
		return shell.Fail("resize", r.errClosed())
	}
	bytes, err := shell.Bytes(n, r.core.layout)
	if err == nil {
		err = r.core.resize(bytes)
	}
	return shell.Fail("resize", err)
}

// makeRoom puts memory behind more elements after the length, which stays.
func (c *core) makeRoom(more int) error {
	if err := c.limits().Err(true); err != nil {
		return err
	}
	if err := c.whole(c.length()); err != nil {
		return err
	}
	have := c.length() / c.size
	total, ok := num.Mul(have+more, c.size) // a negative sum is refused
	if !ok {
		return fmt.Errorf("%d elements of %d bytes more than %d: %w", more, c.size, have, typedmem.ErrSize)
	}
	return c.inner().MakeRoom(max(total, c.length()))
}

// extend publishes a greater length, that of elements up to the address stop in place of end: to
// other processes first, since only that can fail.
func (c *core) extend(l *mem.Limits, end, stop uintptr) error {
	err := errChanged
	if l.Readable() == end {
		if err = c.publish(int(stop - l.Base())); err == nil && !l.Extend(end, stop) {
			err = errors.Join(errChanged, c.publish(int(end-l.Base())))
		}
	}
	if err != nil {
		return shell.Fail("append", err)
	}
	return nil
}

var errChanged = fmt.Errorf("the region was changed by another goroutine meanwhile: %w", typedmem.ErrBusy)

// resize sets the length; what is new is zero. On error nothing has changed, on the device neither.
func (c *core) resize(bytes int) error {
	if err := c.limits().Err(true); err != nil {
		return err
	}
	old := c.length()
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
		if err == nil && bytes < old { // all behind the length has gone or is clear
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
	err := c.inner().MakeRoom(bytes)
	if err == nil {
		err = c.publish(bytes)
	}
	if err != nil {
		return err
	}
	if err := c.mapping().Resize(bytes); err != nil {
		return errors.Join(err, c.publish(old))
	}
	return nil
}

// clearWritten makes zero what an Append that faulted has left behind the length. Over a raw file that is
// the file's.
func (c *core) clearWritten(length int) error {
	l := c.limits()
	if c.written <= length || c.file == nil && c.mapping().FileBacked() {
		return nil
	}
	err := typedmem.Guard(func() error {
		if n := min(c.written, int(l.Room()-l.Base())) - length; n > 0 {
			// SAFETY: up to Room memory follows the addresses, and the caller has seen that it
			// may be written.
			clear(unsafe.Slice((*byte)(unsafe.Add(unsafe.Pointer(nil), l.Base()+uintptr(length))), n))
		}
		return nil
	})
	if err == nil {
		c.written = 0
	}
	return err
}

// shrinkFile cuts a file region of old bytes. The shorter length is on the device before what it
// cuts off is cleared; a Resize that will be refused does not get that far, and one that fails
// later takes the length back.
func (c *core) shrinkFile(bytes, old int) error {
	if err := c.inner().CanResize(bytes); err != nil {
		return err
	}
	unsynced := c.file.Unsynced(bytes / c.size)
	if unsynced {
		if err := c.file.Sync(bytes/c.size, func() error { return c.mapping().Flush(0, bytes) }); err != nil {
			return err
		}
	}
	err := c.publish(bytes) // before the elements go: what readers see of the file is always there
	if err == nil {
		if err = c.mapping().Resize(bytes); err != nil {
			err = errors.Join(err, c.publish(old))
		}
	}
	if err != nil {
		if unsynced {
			err = errors.Join(err, c.sync())
		}
		return err
	}
	rest := max(old, c.written)
	c.written = 0
	if c.zeroFile(bytes, rest) != nil { // the elements are gone all the same: cleared before anything is shown there again
		c.uncleared = max(c.uncleared, rest)
	}
	return nil
}
