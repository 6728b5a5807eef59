package slab

import (
	"unsafe"

	"github.com/typedmem/typedmem/internal/shell"
	"github.com/typedmem/typedmem/internal/slots"
)

// Update calls f with the address of the object. It is exclusive: a Store, another Update and a
// Free of the object wait until f returns, and a Load returns the value before or after it. Nothing
// is copied.
//
// A panic in f, or a [runtime.Goexit], releases the object; what f has changed by then stays. The
// address is for f only: memory that is used through it later is the next owner's.
//
//   - [ErrStale]: the handle is not valid. f is not called.
//   - [typedmem.ErrProtection]: the memory is not writable, or the slab file was opened for
//     reading.
//   - In a file on a full disk: an error that wraps the system's, if there is no space for the
//     change of a page. f is not called.
//   - f must not call Load, Store, Update or Free with the same handle, which would wait for ever,
//     nor wait for another goroutine that does. Other objects it may use: goroutines that hold one
//     object and update another do it in one order, as with locks.
//   - The fields of sync/atomic that T may have are used through their methods, since raw access
//     through [Slab.Ptr] is not kept out.
//   - In a slab file an Update is durable as a Store is: after [Slab.Sync]. Of one that the end of
//     the process cuts short the file has a part.
func (s *Slab[T]) Update(h Handle[T], f func(*T)) error {
	c := s.inner()
	if c.checks != nil && c.checks.guards.has(h.Bits, c) {
		p, release, err := c.checks.guards.borrow(opUpdate, h.Bits, c)
		if err != nil {
			return err
		}
		defer release()
		// SAFETY: the guard slot holds a live T, which nobody frees before release.
		f((*T)(p))
		return nil
	}
	w, word, err := c.hold(opUpdate, h.Bits)
	if err != nil {
		return err
	}
	defer func() {
		if slots.RaceEnabled {
			c.shadows.Write(h.Bits)
		}
		slots.Publish(w, slots.AfterStore(word))
	}()
	if c.mayLackSpace {
		if err := c.limits.Mapping().FindSpace(int(uintptr(slots.Index(h.Bits))*c.size), int(c.size)); err != nil {
			return shell.Fail("update", err)
		}
	}
	if slots.RaceEnabled {
		c.shadows.Write(h.Bits)
	}
	if !slots.Ordered {
		slots.Fence()
	}
	// SAFETY: hold found the slot writable, and while its word says busy nobody else uses it.
	f((*T)(unsafe.Add(s.slots, uintptr(slots.Index(h.Bits))*unsafe.Sizeof(*new(T)))))
	return nil
}
