package slab

import (
	"sync/atomic"
	"unsafe"

	"github.com/typedmem/typedmem"
	"github.com/typedmem/typedmem/internal/faults"
	"github.com/typedmem/typedmem/internal/layout"
	"github.com/typedmem/typedmem/internal/mem"
	"github.com/typedmem/typedmem/internal/order"
	"github.com/typedmem/typedmem/internal/shell"
	"github.com/typedmem/typedmem/internal/slots"
)

// Slab holds up to [Slab.Cap] objects of type T in mapped memory, off the Go heap. Objects are
// allocated and freed one by one, and named by handles.
//
// All methods are safe for concurrent use; the package documentation says what that means for the
// objects themselves, and for Close.
//
// The zero value is a closed Slab: every method that returns an error returns [typedmem.ErrClosed].
// Do not copy a Slab.
type Slab[T any] struct {
	_ shell.NoCopy
	// What the accessors need, copied from core so that they reach it in one step.
	words   unsafe.Pointer
	slots   unsafe.Pointer
	limits  *mem.Limits
	plain   *mem.Limits // the same for Load and Store; sealed for a T with atomic fields
	n       uintptr
	shadows *slots.Shadows // does nothing outside builds with the race detector
	special bool           // the steps around an allocation are not those of a plain slab in memory

	core *core
}

// newSlab makes the typed shell of a core.
func newSlab[T any](op string, c *core, err error) (*Slab[T], error) {
	if err != nil {
		return nil, shell.Fail(op, err)
	}
	faults.Look()
	p := &c.pool
	p.Backing, p.SlowGrow = c.kind, c.m.FileBacked()
	s := &Slab[T]{words: p.Words, slots: p.Slots, limits: p.Limits, plain: p.Limits, n: p.Cap, shadows: &p.Shadows, core: c}
	s.special = p.Durable || c.mayLackSpace || c.checked
	if c.layout.Atomic {
		s.plain = p.Limits.Sealed()
	}
	c.tellUse()
	return s, nil
}

// tellUse says what the mappings are for.
func (c *core) tellUse() {
	name := c.layout.Type.String()
	mem.Of(c.m).SetUse(&mem.Use{Kind: "slab", Type: name, Count: func() (objects, slots int) {
		return c.stats().Live, int(c.pool.Cap)
	}})
	for _, m := range c.kind.mappings() {
		if m != c.m {
			mem.Of(m).SetUse(&mem.Use{Kind: "words of a slab", Type: name})
		}
	}
}

// none is the core of the zero Slab: closed, without a slot.
var none = &core{layout: new(layout.Layout)}

func init() {
	none.kind = memory{none}
	none.pool.Init(0, 1, 0)
	none.pool.Attach(new(mem.Limits))
	_ = none.pool.Close(func() error { return nil })
}

func (s *Slab[T]) inner() *core {
	if s.core == nil {
		return none
	}
	return s.core
}

// Alloc allocates an object of zero bytes and returns its handle.
//
//   - [ErrFull]: no slot is free; see [Cache] for slots that are parked.
//   - *[MisuseError]: debug mode found that a free slot was written to.
//   - [typedmem.ErrProtection], [typedmem.ErrClosed]: the mapping is not writable, or closed.
//   - [typedmem.ErrTruncated]: others have made the file shorter, and more slots are needed.
//     A slot past its end faults instead, which typedmem.Guard turns into such an error.
//   - An error that wraps the system's: there is no memory for more slots, or the disk is full.
func (s *Slab[T]) Alloc() (Handle[T], error) {
	u, err := s.inner().pool.Allocate()
	if err != nil {
		return Handle[T]{}, s.inner().allocError(err)
	}
	switch {
	case s.special:
		return s.put(u, nil)
	case faults.Caught():
		return s.putPlain(u, nil), nil
	}
	order.Fence()
	// SAFETY: as in Insert.
	*(*T)(unsafe.Add(s.slots, uintptr(uint32(u))*unsafe.Sizeof(*new(T)))) = *new(T)
	s.shadows.Write(u)
	order.Publish(slots.WordAt(s.words, uintptr(uint32(u))), u&^(slots.OneGeneration-1))
	return Handle[T]{u}, nil
}

// Insert allocates an object with the value x, with the errors of [Slab.Alloc].
func (s *Slab[T]) Insert(x T) (Handle[T], error) {
	u, err := s.inner().pool.Allocate()
	if err != nil {
		return Handle[T]{}, s.inner().allocError(err)
	}
	switch {
	case s.special:
		return s.put(u, &x)
	case faults.Caught():
		return s.putPlain(u, &x), nil
	}
	order.Fence()
	// SAFETY: Allocate found the slot writable and gave it to nobody else.
	*(*T)(unsafe.Add(s.slots, uintptr(uint32(u))*unsafe.Sizeof(x))) = x
	s.shadows.Write(u)
	order.Publish(slots.WordAt(s.words, uintptr(uint32(u))), u&^(slots.OneGeneration-1))
	return Handle[T]{u}, nil
}

// put makes the object of a slot that was allocated: x, or zero bytes if x is nil, since a zero T
// of Alloc's own would be in memory and copied from there. If a step faults, because a file was cut
// off or memory was protected, put returns the slot.
func (s *Slab[T]) put(u uint64, x *T) (Handle[T], error) {
	if x == nil {
		var zero T
		x = &zero
	}
	c, done := s.core, false
	defer func() {
		if !done {
			c.kind.cancel(u)
			c.pool.Cancel(u)
		}
	}()
	if g := c.guards.take(u); g != nil {
		defer func() { c.guards.finish(g, done) }()
		// SAFETY: the memory of a guard slot that nobody else has.
		*(*T)(g.p) = *x
		done = true
		return Handle[T]{g.handle}, nil
	}
	if s.special {
		if err := c.kind.prepare(u); err != nil {
			done = true // the slot is retired
			return Handle[T]{}, shell.Fail("alloc", err)
		}
	}
	order.Fence()
	if c.mayLackSpace {
		if err := s.copyTo(u, *x); err != nil {
			return Handle[T]{}, shell.Fail("alloc", err)
		}
	} else {
		// SAFETY: a free slot that was found writable and given to nobody else.
		*(*T)(c.pool.Slot(uintptr(slots.Index(u)))) = *x
	}
	s.shadows.Write(u)
	if err := c.pool.Complete(u); err != nil {
		return Handle[T]{}, shell.Fail("alloc", err)
	}
	done = true
	return Handle[T]{u}, nil
}

// putPlain is put for a plain slab in memory. Alloc and Insert call it only where a fault can be
// caught, see package faults: any other fault ends the process, and the defer costs an allocation
// up to a fifth of its time.
func (s *Slab[T]) putPlain(u uint64, x *T) Handle[T] {
	done := false
	defer func() {
		if !done {
			s.core.pool.Cancel(u)
		}
	}()
	order.Fence()
	// SAFETY: as in Insert.
	p := (*T)(unsafe.Add(s.slots, uintptr(uint32(u))*unsafe.Sizeof(*x)))
	if x == nil {
		*p = *new(T)
	} else {
		*p = *x
	}
	s.shadows.Write(u)
	order.Publish(slots.WordAt(s.words, uintptr(uint32(u))), u&^(slots.OneGeneration-1))
	done = true
	return Handle[T]{u}
}

// copyTo copies x to the slot of a handle by [core.write]. x is a copy since it may escape.
func (s *Slab[T]) copyTo(h uint64, x T) error {
	// SAFETY: the bytes of x, which is kept; a T has no pointers.
	return s.core.write(uintptr(slots.Index(h)), unsafe.Slice((*byte)(unsafe.Pointer(&x)), unsafe.Sizeof(x)))
}

// Free ends the object, and its handle is stale from then on. In memory the slot may be reused at
// once, in a file after its word was flushed. A system crash before the next Sync may bring the
// object back; see [Slab.Sync].
//
//   - [ErrStale]: the handle is not valid. A second Free of the same handle returns it too.
//   - An error that wraps the system's: in a file on a full disk. The object lives on.
func (s *Slab[T]) Free(h Handle[T]) error {
	c := s.inner()
	if !s.special && c.pool.Free(h.Bits) {
		return nil
	}
	return c.free(h.Bits, nil)
}

// Load returns the object's value. A Load that races with a Free returns the object's own value or
// [ErrStale]. One that races with a Store or Update returns the value before or after it. The Load
// copies again, at most three times, if a Store came between; then it waits for the Stores and
// Updates at work, and new ones wait for it.
//
//   - ErrStale: the handle is not valid.
//   - [typedmem.ErrOperation]: T has sync/atomic fields; use [Slab.Ptr] or [Slab.Update].
//   - [typedmem.ErrClosed], [typedmem.ErrProtection], [typedmem.ErrBounds]: the slab or its Mapping
//     was closed, is not readable, or was cut before the object.
//
// In a slab that [Open] returned, a Load never waits: one that races with a Store of the writer may
// mix both values, unless T is one number no larger than a machine word.
func (s *Slab[T]) Load(h Handle[T]) (x T, err error) {
	if i := uintptr(uint32(h.Bits)); i < s.n {
		// SAFETY: i is below n; the address is compared with the limits before it is used.
		p := unsafe.Add(s.slots, i*unsafe.Sizeof(x))
		if uintptr(p)+(unsafe.Sizeof(x)-1) < s.plain.Readable() {
			w := slots.WordAt(s.words, i)
			if word := atomic.LoadUint64(w); word>>32 == h.Bits>>32 && word&slots.LiveBits == slots.OneGeneration {
				// SAFETY: p is readable and aligned for T. The copy may be of changing bytes: it
				// counts only if the word is still the same.
				x = *(*T)(p)
				order.Fence()
				if atomic.LoadUint64(w) == word {
					s.shadows.Read(h.Bits)
					return x, nil
				}
			}
		}
	}
	return s.load(h)
}

// load is Load for the cases that are rare.
func (s *Slab[T]) load(h Handle[T]) (x T, err error) {
	c := s.inner()
	if c.layout.Atomic {
		return x, shell.Fail("load", s.plain.Err(false))
	}
	if c.guards.has(h.Bits) {
		// SAFETY: while f runs the guard slot holds a live T.
		err = c.guards.use(opLoad, h.Bits, func(p unsafe.Pointer) { x = *(*T)(p) })
		return x, err
	}
	for tries := 0; tries < patience || c.reads(); tries++ {
		w, word, err := c.access(opLoad, h.Bits)
		if err != nil {
			return x, err
		}
		// SAFETY: access found the slot readable; see Load for the copy.
		y := *(*T)(c.pool.Slot(uintptr(slots.Index(h.Bits))))
		order.Fence()
		if atomic.LoadUint64(w) == word {
			s.shadows.Read(h.Bits)
			return y, nil
		}
	}
	w, word, err := c.inTurn(opLoad, h.Bits, true)
	if err != nil {
		return x, err
	}
	defer order.Publish(w, word) // what it was, so other Loads need not copy again
	// SAFETY: inTurn found the slot readable, and while its word says busy nobody writes or frees
	// it.
	x = *(*T)(c.pool.Slot(uintptr(slots.Index(h.Bits))))
	s.shadows.Read(h.Bits)
	return x, nil
}

// Store sets the object to x. A Store that races with a Free ends before it or returns [ErrStale];
// it never writes to the next object of the slot. A Store takes its turn after the calls that were
// waiting for the object before it.
//
// It returns the errors of [Slab.Load], [typedmem.ErrProtection] if the memory is not writable, and
// in a file on a full disk an error that wraps the system's. On error the object is as it was.
func (s *Slab[T]) Store(h Handle[T], x T) error {
	c := s.inner()
	if c.layout.Atomic {
		return shell.Fail("store", s.plain.Err(true))
	}
	if c.guards.has(h.Bits) {
		c.letPass(h.Bits)
		// SAFETY: while f runs the guard slot holds a live T.
		return c.guards.use(opStore, h.Bits, func(p unsafe.Pointer) { *(*T)(p) = x })
	}
	w, word, err := c.hold(opStore, h.Bits)
	if err != nil {
		return err
	}
	s.shadows.Write(h.Bits)
	if s.special && c.mayLackSpace {
		return s.writeWhole(w, word, h, &x)
	}
	s.write(w, word, h, &x)
	return nil
}

// writeWhole is write where a disk may be full: the object is x, or what it was.
func (s *Slab[T]) writeWhole(w *uint64, word uint64, h Handle[T], x *T) error {
	defer order.Publish(w, slots.AfterStore(word)) // on error too: a Load may have seen a part of x
	order.Fence()
	// SAFETY: as in write.
	old := *(*T)(unsafe.Add(s.slots, uintptr(slots.Index(h.Bits))*unsafe.Sizeof(*x)))
	if err := s.copyTo(h.Bits, *x); err != nil {
		_ = s.copyTo(h.Bits, old) // it gets as far as the other one did
		return shell.Fail("store", err)
	}
	return nil
}

// write copies x into a slot whose word says Busy, and clears Busy after a fault in the copy too,
// which typedmem.Guard turns into an error.
func (s *Slab[T]) write(w *uint64, word uint64, h Handle[T], x *T) {
	defer order.Publish(w, slots.AfterStore(word))
	order.Fence()
	// SAFETY: hold found the slot writable, and while its word says busy nobody frees it.
	*(*T)(unsafe.Add(s.slots, uintptr(slots.Index(h.Bits))*unsafe.Sizeof(*x))) = *x
}

// Ptr returns the object's address: raw memory, valid while the object lives and the slab is open.
// It returns [ErrStale] if the handle is not valid, and [typedmem.ErrProtection] if the memory is
// not readable.
func (s *Slab[T]) Ptr(h Handle[T]) (*T, error) {
	if i := uintptr(uint32(h.Bits)); i < s.n {
		// SAFETY: i is below n; the address is compared with the limits before it is handed out.
		p := unsafe.Add(s.slots, i*unsafe.Sizeof(*new(T)))
		if uintptr(p)+(unsafe.Sizeof(*new(T))-1) < s.limits.Readable() {
			if word := atomic.LoadUint64(slots.WordAt(s.words, i)); word>>32 == h.Bits>>32 && word&slots.OneGeneration != 0 {
				s.limits.Lend()
				s.core.lent(h.Bits)
				return (*T)(p), nil
			}
		}
	}
	return s.ptr(h)
}

func (s *Slab[T]) ptr(h Handle[T]) (*T, error) {
	c := s.inner()
	if c.guards.has(h.Bits) {
		p, err := c.guards.lend(h.Bits, true)
		return (*T)(p), err
	}
	if _, _, err := c.access(opPtr, h.Bits); err != nil {
		return nil, err
	}
	c.pool.Limits.Lend()
	c.lent(h.Bits)
	// SAFETY: access found the slot readable and its object alive.
	return (*T)(c.pool.Slot(uintptr(slots.Index(h.Bits)))), nil
}

// Has reports whether the handle is valid. It returns false for every handle if the memory is
// closed or not readable.
func (s *Slab[T]) Has(h Handle[T]) bool {
	c := s.inner()
	if c.guards.has(h.Bits) {
		_, err := c.guards.lend(h.Bits, false)
		return err == nil
	}
	i := uintptr(uint32(h.Bits))
	if c.follow(i); i >= s.n || !c.pool.Readable(i) {
		return false
	}
	word := slots.Load(slots.WordAt(s.words, i))
	s.shadows.Seen(h.Bits)
	return slots.Generation(word) == slots.Generation(h.Bits) && slots.IsLive(word)
}

// Len returns the number of objects, 0 after Close. Slots that are parked in caches do not count.
// It adds up a few counters without a lock: objects that others allocate or free meanwhile may
// count or not. A slab that [Open] returned counts the words of all slots in use.
func (s *Slab[T]) Len() int { return s.inner().stats().Live }

// Cap returns the number of objects that the slab can hold.
func (s *Slab[T]) Cap() int { return int(s.n) }

// Stats returns how the slab is used now. It costs what [Slab.Len] costs.
func (s *Slab[T]) Stats() Stats { return s.inner().stats() }

// Trim gives back to the system the whole pages that hold no object, and returns how many bytes
// that was. They get memory again when slots there are used. It returns [typedmem.ErrClosed] or
// [typedmem.ErrProtection] if the mapping is closed or not writable.
//
//   - The pages of a file leave memory and stay on disk.
//   - In debug mode, and in anonymous memory with flags.Shared, nothing is released.
//   - Linux: locked memory (flags.Locked, Mapping.Lock) is neither released nor counted, nor are
//     huge pages before Linux 5.18. In a sandbox that forbids madvise(2) nothing is released.
//   - macOS, BSD: the system takes the pages when it needs them.
//   - Windows: it keeps the pages; bytes is what other systems would take.
func (s *Slab[T]) Trim() (bytes int, err error) {
	bytes, err = s.inner().kind.trim()
	return bytes, shell.Fail("trim", err)
}

// Flush writes the objects of a slab file and the words of its slots to the device, but not the
// length of a file that has grown: use [Slab.Sync] to make changes durable. A slab in memory has
// nothing to write. While a [Slab.Shutdown] waits, and no pin is left, Flush returns
// [typedmem.ErrClosed].
func (s *Slab[T]) Flush() error {
	return shell.Fail("flush", s.inner().held((*core).flush))
}

// Sync makes durable what was done before the call. After a power failure every object that lived
// then, and was not stored to or freed since, has its value, and a handle that was stale then is
// stale. What was done since may be lost: an object that was inserted or stored to may have any
// mixture of old and new bytes, and one that was freed may be back. Sync returns
// [typedmem.ErrTruncated] if others have made the file shorter. If the path of the file names
// another file now, or none, Sync makes the open file durable and returns
// [typedmem.ErrReplaced]. In a slab that [Open] made, that is all that Sync does. While a
// [Slab.Shutdown] waits, and no pin is left, Sync returns [typedmem.ErrClosed].
func (s *Slab[T]) Sync() error {
	c := s.inner()
	err := c.held((*core).sync)
	if err == nil {
		err = c.name.Check()
	}
	return shell.Fail("sync", err)
}

// Mapping returns the mapping that holds the objects; that of the zero Slab is nil. To protect, pin
// or close the mapping affects the slab. If it is made shorter or split, the slots cut off return
// [typedmem.ErrBounds]. What is written through it is not checked. The words of the slots, which
// say which handles are valid, are elsewhere.
func (s *Slab[T]) Mapping() *typedmem.Mapping { return s.inner().m }

// Close releases everything. A slab file is synced first. If that fails, except with ErrTruncated,
// the slab stays open, for a [Slab.Snapshot] to another place, say; so it does with ErrBusy. If it
// was the system that could not write to the device, no Sync can succeed any more: the next Close
// releases everything and returns the error again.
//
//   - [typedmem.ErrBusy]: the mapping is pinned, another goroutine is inside Sync or Flush, or the
//     slab grows. Close does not wait for them: call it again. After Mapping().SplitTo Close
//     returns it too, until the part with the first slots is closed.
//   - [typedmem.ErrClosed]: the slab was closed before. If only its Mapping was, Close releases the
//     rest.
//   - [typedmem.ErrTruncated]: others have made the file shorter. The slab is closed all the same.
func (s *Slab[T]) Close() error { return shell.Fail("close", s.inner().close()) }
