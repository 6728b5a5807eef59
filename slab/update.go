package slab

import (
	"unsafe"

	"github.com/typedmem/typedmem/internal/order"
	"github.com/typedmem/typedmem/internal/shell"
	"github.com/typedmem/typedmem/internal/slots"
)

// Update calls f with the address of the object. It is exclusive: a Store, another Update and a
// Free of the object wait until f returns, and so does a Load after a few attempts. Nothing is
// copied.
//
// A panic in f, or a [runtime.Goexit], releases the object; what f has changed by then stays. Do
// not keep the address: later the slot may hold another object.
//
//   - For a handle that is not valid, memory that is not writable and a full disk Update returns
//     the errors of [Slab.Store] and does not call f.
//   - f must not call Load, Store, Update or Free with the same handle, which would wait for ever,
//     nor wait for another goroutine that does. It may use other objects. Goroutines that update
//     one object inside the Update of another must take them in one order, as with locks.
//   - Use fields of sync/atomic through their methods, since Update does not keep out access
//     through [Slab.Ptr].
//   - In a slab file an Update is durable as a Store is: after [Slab.Sync]. If the process ends
//     inside it, the file has a part of the change.
func (s *Slab[T]) Update(h Handle[T], f func(*T)) error {
	c := s.inner()
	if c.guards.has(h.Bits) {
		c.letPass(h.Bits)
		// SAFETY: while f runs the guard slot holds a live T.
		return c.guards.use(opUpdate, h.Bits, func(p unsafe.Pointer) { f((*T)(p)) })
	}
	w, word, err := c.hold(opUpdate, h.Bits)
	if err != nil {
		return err
	}
	defer func() {
		s.shadows.Write(h.Bits)
		order.Publish(w, slots.AfterStore(word))
	}()
	if c.mayLackSpace {
		if err := c.pool.Limits.Mapping().FindSpace(int(uintptr(slots.Index(h.Bits))*c.pool.Size), int(c.pool.Size)); err != nil {
			return shell.Fail("update", err)
		}
	}
	s.shadows.Write(h.Bits)
	order.Fence()
	// SAFETY: hold found the slot writable, and while its word says busy nobody else uses it.
	f((*T)(unsafe.Add(s.slots, uintptr(slots.Index(h.Bits))*unsafe.Sizeof(*new(T)))))
	return nil
}
