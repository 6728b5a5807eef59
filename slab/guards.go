package slab

import (
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"unsafe"

	"github.com/typedmem/typedmem"
	"github.com/typedmem/typedmem/flags"
	"github.com/typedmem/typedmem/internal/mem"
	"github.com/typedmem/typedmem/internal/num"
	"github.com/typedmem/typedmem/internal/shell"
	"github.com/typedmem/typedmem/internal/slots"
	"github.com/typedmem/typedmem/options"
)

// guards are pages that hold one object each, at their end, before a page without access. A page
// whose object was freed allows no access either, until all other guard slots were used. Their
// indexes follow those of the slots. An object there also has a slot, which stays empty, so that
// capacity and counts are what they are without guard slots.
type guards struct {
	pool  *slots.Pool
	every uint64 // one of so many objects comes here; 0 without guard slots
	made  atomic.Uint64

	mu     sync.Mutex
	slots  []*guardSlot
	queue  []*guardSlot // free ones, the one that was freed first in front
	mapped []*typedmem.Mapping
}

type guardSlot struct {
	life
	m     *typedmem.Mapping
	p     unsafe.Pointer // of the object
	index uint32
	word  uint32 // its generation
	busy  bool   // a call uses the object: Load, Store or Update
	turns uint32 // how many such calls have ended
	slot  uint64 // the handle that was allocated for it
}

const guardSlots = 16

// make reserves the pages: one before the first guard slot and one after each.
func (g *guards) make(p *slots.Pool, every uint64) error {
	g.pool, g.every = p, every
	page := options.AllocationGranularity()
	bytes, ok := num.Up(int(p.Size), page)
	total, ok2 := num.Mul(bytes+page, guardSlots)
	if !ok || !ok2 {
		return typedmem.ErrSize
	}
	rest, err := mem.Map[*typedmem.Mapping](mem.Request{Size: total + page, Reserve: true, Protection: flags.Read | flags.Write})
	if err != nil {
		return err
	}
	g.mapped = append(g.mapped, rest)
	for i := uint32(p.Cap); i < uint32(p.Cap)+guardSlots; i++ {
		m, err := rest.SplitOff(page)
		if err != nil {
			return err
		}
		g.mapped = append(g.mapped, m)
		if rest, err = m.SplitOff(bytes); err != nil {
			return err
		}
		g.mapped = append(g.mapped, rest)
		if err := errors.Join(m.Commit(), m.MakeNone()); err != nil {
			return err
		}
		// SAFETY: inside the mapping, off the Go heap: as near to its end as the alignment allows.
		object := unsafe.Add(unsafe.Pointer(nil), m.Addr()+uintptr(bytes)-p.Size)
		g.slots = append(g.slots, &guardSlot{m: m, p: object, index: i, word: slots.FirstGeneration(p.Salt, i)})
	}
	g.queue = slices.Clone(g.slots)
	return nil
}

// has reports whether a handle is that of a guard slot.
func (g *guards) has(h uint64) bool {
	i := uintptr(slots.Index(h))
	return len(g.slots) > 0 && i >= g.pool.Cap && i-g.pool.Cap < uintptr(len(g.slots))
}

// take takes a free guard slot for one of so many objects, or returns nil; the slot of h was
// allocated for it. The handle is not valid before finish: until the object is written nobody may
// read the memory, which holds the bytes of its last object, or free it.
func (g *guards) take(h uint64) *guardSlot {
	if g.every == 0 || g.made.Add(1)%g.every != 0 {
		return nil
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.queue) == 0 {
		return nil
	}
	s := g.queue[0]
	if s.word >= slots.LastLive || s.m.MakeMut() != nil {
		return nil
	}
	g.queue = g.queue[1:]
	s.slot, s.life = h, life{handle: uint64(s.word+1)<<32 | uint64(s.index), alloc: here()}
	return s
}

// finish makes the handle of a slot that take returned valid, or returns the slot if it holds no
// object.
func (g *guards) finish(s *guardSlot, object bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if object {
		s.word = slots.Generation(s.handle)
		return
	}
	s.life = life{}
	g.queue = append(g.queue, s)
}

// find finds the object of a handle, and leaves mu locked unless it returns an error. It waits
// while another call uses the object, except in Ptr.
func (g *guards) find(op *operation, h uint64) (*guardSlot, error) {
	for spin := 0; ; spin++ {
		if err := g.pool.Limits.Err(op.write); err != nil {
			return nil, shell.Fail(op.name, err)
		}
		g.mu.Lock()
		s := g.slots[uintptr(slots.Index(h))-g.pool.Cap]
		if s.word&1 == 0 || s.word != slots.Generation(h) {
			g.mu.Unlock()
			return nil, op.invalid(h)
		}
		if !s.busy || op == opPtr {
			return s, nil
		}
		g.mu.Unlock()
		slots.Pause(spin)
	}
}

// use calls f with the object of a handle. f may run code of the user: the object is marked busy
// meanwhile, and no lock is held.
func (g *guards) use(op *operation, h uint64, f func(unsafe.Pointer)) error {
	s, err := g.find(op, h)
	if err != nil {
		return err
	}
	s.busy = true
	g.mu.Unlock()
	defer func() {
		g.mu.Lock()
		defer g.mu.Unlock()
		s.busy = false
		s.turns++
	}()
	f(s.p)
	return nil
}

// lend finds the object of a handle for raw access. forGood: the address may outlive the last use
// of the slab.
func (g *guards) lend(h uint64, forGood bool) (unsafe.Pointer, error) {
	s, err := g.find(opPtr, h)
	if err != nil {
		return nil, err
	}
	defer g.mu.Unlock()
	if forGood { // the slot is a mapping of its own, which the collector would close with the slab
		mem.Of(s.m).Limits().Lend()
	}
	return s.p, nil
}

func (g *guards) free(h uint64) error {
	s, err := g.find(opFree, h)
	if err != nil {
		return err
	}
	if err := s.m.MakeNone(); err != nil {
		g.mu.Unlock()
		return shell.Fail("free", err)
	}
	s.word++
	s.free = here()
	g.queue = append(g.queue, s)
	slot := s.slot
	g.mu.Unlock()
	g.pool.FreeUnused(slot)
	return nil
}

// each calls f for every object in a guard slot.
func (g *guards) each(f func(life)) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, s := range g.slots {
		if s.word&1 != 0 {
			f(s.life)
		}
	}
}

// look calls f for every guard slot that has held an object, with a word as slots have it. object
// is the memory of one that lives and that nobody uses. f waits for nobody.
func (g *guards) look(f func(k int, word uint64, object []byte)) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for k, s := range g.slots {
		word := uint64(s.word)<<32 | uint64(s.turns<<1)
		switch {
		case s.word == slots.FirstGeneration(g.pool.Salt, s.index):
		case s.word&1 == 0:
			f(k, uint64(s.word)<<32, nil)
		case s.busy:
			f(k, word|slots.Busy, nil)
		default:
			// SAFETY: the guard slot holds a live object of so many bytes, which can be read while
			// mu is held.
			f(k, word, unsafe.Slice((*byte)(s.p), g.pool.Size))
		}
	}
}

// at finds the object whose guard slot is at an address, and its address. For the pages between
// guard slots that is the nearest object.
func (g *guards) at(addr, size uintptr) (l life, p uintptr, ok bool) {
	page := uintptr(options.AllocationGranularity())
	g.mu.Lock()
	defer g.mu.Unlock()
	near := ^uintptr(0)
	for _, s := range g.slots {
		if s.handle == 0 || addr < s.m.Addr()-page || addr >= s.m.Addr()+uintptr(s.m.Len())+page {
			continue
		}
		away, at := uintptr(0), uintptr(s.p)
		if addr < at {
			away = at - addr
		} else if addr-at >= size {
			away = addr - at - size + 1
		}
		if away < near {
			near, l, p, ok = away, s.life, at, true
		}
	}
	return l, p, ok
}
