package slab

import (
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
	slots  []guardSlot
	queue  []int // free ones, the one that was freed first in front
	fences []*typedmem.Mapping
}

type guardSlot struct {
	life
	m    *typedmem.Mapping
	p    unsafe.Pointer // of the object
	word uint32         // its generation
	busy bool           // an Update is at work
	slot uint64         // the handle that was allocated for it
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
	m, err := mem.Map[*typedmem.Mapping](mem.Request{Size: total + page, Reserve: true, Protection: flags.Read | flags.Write})
	if err != nil {
		return err
	}
	g.fences = append(g.fences, m)
	rest, err := m.SplitOff(page)
	for i := 0; err == nil && i < guardSlots; i++ {
		s := guardSlot{m: rest, word: slots.FirstGeneration(p.Salt, uint32(p.Cap)+uint32(i))}
		g.slots = append(g.slots, s)
		var fence *typedmem.Mapping
		if fence, err = s.m.SplitOff(bytes); err != nil {
			break
		}
		g.fences = append(g.fences, fence)
		if i+1 < guardSlots {
			if rest, err = fence.SplitOff(page); err != nil {
				break
			}
		}
		if err = s.m.Commit(); err == nil {
			err = s.m.MakeNone()
		}
		// SAFETY: inside the mapping, off the Go heap: as near to its end as the alignment allows.
		g.slots[i].p = unsafe.Add(unsafe.Pointer(nil), s.m.Addr()+uintptr(bytes)-p.Size)
		g.queue = append(g.queue, i)
	}
	return err
}

// has reports whether a handle has the index of a guard slot.
func (g *guards) has(h uint64) bool {
	i := uintptr(slots.Index(h))
	return len(g.slots) > 0 && i >= g.pool.Cap && i-g.pool.Cap < uintptr(len(g.slots))
}

// slot returns the guard slot of a handle.
func (g *guards) slot(h uint64) *guardSlot { return &g.slots[g.number(h)] }

// number returns which guard slot a handle is of.
func (g *guards) number(h uint64) int { return int(uintptr(slots.Index(h)) - g.pool.Cap) }

// take takes a free guard slot for one of so many objects; the slot of h was allocated for it. The
// handle is not valid before publish: until the object is written nobody may read the memory, which
// holds the bytes of its last object, or free it.
func (g *guards) take(h uint64) (handle uint64, p unsafe.Pointer, ok bool) {
	if g.every == 0 || g.made.Add(1)%g.every != 0 {
		return 0, nil, false
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.queue) == 0 {
		return 0, nil, false
	}
	i := g.queue[0]
	s := &g.slots[i]
	if s.word >= slots.LastLive || s.m.MakeMut() != nil {
		return 0, nil, false
	}
	g.queue = g.queue[1:]
	handle = uint64(s.word+1)<<32 | uint64(uint32(g.pool.Cap)+uint32(i))
	s.slot, s.life = h, life{handle: handle, alloc: here()}
	return handle, s.p, true
}

// cancel returns a guard slot that was taken and holds no object.
func (g *guards) cancel(handle uint64) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.slot(handle).life = life{}
	g.queue = append(g.queue, g.number(handle))
}

// publish makes the handle that take returned valid.
func (g *guards) publish(handle uint64) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.slot(handle).word = slots.Generation(handle)
}

// find finds the object of a handle, and leaves mu locked unless it returns an error. It waits for
// an Update, but in Ptr.
func (g *guards) find(op *operation, h uint64) (*guardSlot, error) {
	for spin := 0; ; spin++ {
		if err := g.pool.Limits.Err(op.write); err != nil {
			return nil, shell.Fail(op.name, err)
		}
		g.mu.Lock()
		s := g.slot(h)
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

// borrow finds the object for an Update, which runs code of the user: until release is called it is
// marked busy, and no lock is held.
func (g *guards) borrow(h uint64) (p unsafe.Pointer, release func(), err error) {
	s, err := g.find(opUpdate, h)
	if err != nil {
		return nil, nil, err
	}
	defer g.mu.Unlock()
	s.busy = true
	return s.p, func() {
		g.mu.Lock()
		defer g.mu.Unlock()
		s.busy = false
	}, nil
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

// free ends the object of a handle.
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
	g.queue = append(g.queue, g.number(h))
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

// at finds the object whose guard slot is at an address, and its address. For the pages between
// guard slots that is the nearest object.
func (g *guards) at(addr, size uintptr) (l life, p uintptr, ok bool) {
	page := uintptr(options.AllocationGranularity())
	g.mu.Lock()
	defer g.mu.Unlock()
	near := ^uintptr(0)
	for i := range g.slots {
		s := &g.slots[i]
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
