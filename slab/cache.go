package slab

import (
	"runtime"
	"sync/atomic"
	"unsafe"

	"github.com/typedmem/typedmem"
	"github.com/typedmem/typedmem/internal/order"
	"github.com/typedmem/typedmem/internal/shell"
	"github.com/typedmem/typedmem/internal/slots"
)

// Cache holds free slots of a shared slab for one goroutine. Its Alloc and Free mostly touch
// nothing that other goroutines use; it exchanges slots with the slab dozens at a time. It frees
// any object of the slab, and any goroutine may free what it allocated.
//
// Slots in a Cache are parked: only its goroutine can allocate them. All caches together hold at
// most an eighth of the capacity. When an Alloc finds only parked slots, each cache gives its slots
// back at its next Free. This goes on until many slots are free again. A cache whose goroutine
// frees nothing keeps its slots, so Alloc may return [ErrFull] while an eighth of the slots are
// parked. Close a Cache when its goroutine is done. The garbage collector closes one that nothing
// refers to. After a crash its slots are free.
//
// A Cache is for one goroutine at a time. The zero value is a closed Cache: every method returns
// [typedmem.ErrClosed]. Do not copy a Cache.
type Cache[T any] struct {
	_ shell.NoCopy
	s *Slab[T]
	k *slots.Magazine // nil once closed
}

// The compiler passes the bodies of the small methods that Alloc and Free call on to other packages
// only if this package compiles a call of them itself. Without these two, every Cache elsewhere
// would call what should be inlined.
var _, _ = (*Cache[byte]).Alloc, (*Cache[byte]).Free

// Cache returns a new Cache on s.
func (s *Slab[T]) Cache() *Cache[T] {
	core := s.inner()
	c := &Cache[T]{s: s, k: core.pool.NewCache()}
	// Each method keeps c alive until it is done with the magazine.
	runtime.AddCleanup(c, func(k *slots.Magazine) { core.pool.CloseCache(k) }, c.k)
	return c
}

// Alloc is [Slab.Alloc].
func (c *Cache[T]) Alloc() (Handle[T], error) {
	k := c.k
	if h, ok := k.Peek(); ok {
		s := c.s
		// SAFETY: as in Insert.
		p := unsafe.Add(s.slots, uintptr(uint32(h))*unsafe.Sizeof(*new(T)))
		if uintptr(p)+(unsafe.Sizeof(*new(T))-1) < s.limits.Writable() && !s.special {
			order.Fence()
			// SAFETY: as in Insert.
			*(*T)(p) = *new(T)
			s.shadows.Write(h)
			order.Publish(slots.WordAt(s.words, uintptr(uint32(h))), h&^(slots.OneGeneration-1))
			k.Take()
			runtime.KeepAlive(c)
			return Handle[T]{h}, nil
		}
	}
	return c.insert(nil)
}

// Insert is [Slab.Insert].
func (c *Cache[T]) Insert(x T) (Handle[T], error) {
	k := c.k
	if h, ok := k.Peek(); ok {
		s := c.s
		// SAFETY: handles of a magazine are of slots below n. The address is compared with the
		// limits before it is used.
		p := unsafe.Add(s.slots, uintptr(uint32(h))*unsafe.Sizeof(x))
		if uintptr(p)+(unsafe.Sizeof(x)-1) < s.limits.Writable() && !s.special {
			order.Fence()
			// SAFETY: p is the address of a free slot, aligned for T, that this cache alone uses.
			*(*T)(p) = x
			s.shadows.Write(h)
			order.Publish(slots.WordAt(s.words, uintptr(uint32(h))), h&^(slots.OneGeneration-1))
			k.Take()
			runtime.KeepAlive(c)
			return Handle[T]{h}, nil
		}
	}
	return c.insert(&x)
}

// insert is Insert in every case; of zero bytes if x is nil, see [Slab.put].
func (c *Cache[T]) insert(x *T) (Handle[T], error) {
	if c.k == nil {
		return Handle[T]{}, shell.Fail("alloc", typedmem.ErrClosed)
	}
	u, err := c.s.inner().pool.AllocateFrom(c.k)
	runtime.KeepAlive(c)
	if err != nil {
		return Handle[T]{}, c.s.inner().allocError(err)
	}
	return c.s.put(u, x)
}

// Free is [Slab.Free].
func (c *Cache[T]) Free(h Handle[T]) error {
	s, k := c.s, c.k
	if k == nil {
		return shell.Fail("free", typedmem.ErrClosed)
	}
	i := uintptr(uint32(h.Bits))
	if last := uintptr(s.slots) + i*unsafe.Sizeof(*new(T)) + (unsafe.Sizeof(*new(T)) - 1); i < s.n && last < s.limits.Writable() && !s.special {
		w := slots.WordAt(s.words, i)
		word := atomic.LoadUint64(w)
		s.shadows.Freeing(h.Bits, word)
		if slots.Generation(word) == slots.Generation(h.Bits) && word&slots.LiveBits == slots.OneGeneration && slots.Generation(h.Bits) < slots.LastLive && k.HasRoom() &&
			atomic.CompareAndSwapUint64(w, word, (h.Bits>>32+1)<<32) {
			k.Put(h.Bits)
			runtime.KeepAlive(c)
			return nil
		}
	}
	err := s.inner().free(h.Bits, k)
	runtime.KeepAlive(c)
	return err
}

// Close returns every slot of the cache to the slab. All later calls, Close too, return
// [typedmem.ErrClosed]. If the slab is closed the first Close has nothing to do and returns nil.
func (c *Cache[T]) Close() error {
	if c.k == nil {
		return shell.Fail("close", typedmem.ErrClosed)
	}
	c.s.inner().pool.CloseCache(c.k)
	c.k = nil
	return nil
}
