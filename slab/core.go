package slab

import (
	"fmt"
	"math"
	"math/rand/v2"
	"sync/atomic"
	"unsafe"

	"github.com/typedmem/typedmem"
	"github.com/typedmem/typedmem/internal/layout"
	"github.com/typedmem/typedmem/internal/mem"
	"github.com/typedmem/typedmem/internal/num"
	"github.com/typedmem/typedmem/internal/shell"
	"github.com/typedmem/typedmem/internal/slots"
)

// mostSlots is the greatest capacity: an index+1 fits 32 bits, with room for guard slots behind.
const mostSlots = 1<<32 - 1<<16

// core is all of a slab that does not depend on the type of the objects. Sizes are in bytes, counts
// in slots.
type core struct {
	n      uintptr        // the capacity
	size   uintptr        // of an object
	slots  unsafe.Pointer // of the first slot
	words  unsafe.Pointer // of the first slot's word
	limits *mem.Limits
	layout *layout.Layout
	salt   uint64

	m    *typedmem.Mapping // the slots
	meta *typedmem.Mapping // the words

	file   *file   // of a slab file, else nil
	checks *checks // debug mode and guard slots, else nil
	// special: some of the steps around an allocation are not those of a plain slab in memory.
	special      bool
	mayLackSpace bool // m's, and that of file's words: stores that must not fault go through write

	shadows slots.Shadows

	// waited is the handle of an object whose turn somebody waits for, see inTurn, or 0. waiters is
	// how many there are, for all objects: the last one to leave sets waited to 0.
	waited  atomic.Uint64
	waiters atomic.Int64

	pool       pool
	blocks     []atomic.Pointer[[blockChunk]block]
	blockShift uint
	live       uint64 // objects that were there when the slab was opened

	// Of a file: how many freed slots may wait in one magazine, and how many in the pool at the
	// least and the most before the words are flushed for them. Large objects wait in small
	// numbers.
	mostWaits, leastWaiting, mostWaiting int
}

// newCore makes the part of a slab that is the same for all kinds. attach follows.
func newCore(capacity int, l *layout.Layout, salt uint64) (*core, error) {
	if capacity < 1 || uint64(capacity) > mostSlots {
		return nil, fmt.Errorf("a capacity of %d objects, 1 to %d are possible: %w", capacity, uint64(mostSlots), typedmem.ErrSize)
	}
	if l.Size > math.MaxInt32 {
		return nil, fmt.Errorf("objects of %d bytes: %w", l.Size, typedmem.ErrSize)
	}
	if _, ok := num.Mul(capacity, int(l.Size)+8); !ok {
		return nil, fmt.Errorf("%d objects of %d bytes: %w", capacity, l.Size, typedmem.ErrSize)
	}
	c := &core{n: uintptr(capacity), size: l.Size, layout: l, salt: salt, shadows: slots.NewShadows(capacity)}
	size := int(l.Size)
	c.blockShift = blockShift(l.Size)
	c.blocks = make([]atomic.Pointer[[blockChunk]block], capacity>>c.blockShift/blockChunk+1)
	c.pool.waits.kind, c.pool.flushing.kind = waitingSlots, flushingSlots
	c.mostWaits = max(min(magazineSize, waitsBytes/size), 1)
	c.leastWaiting = max(min(leastWaiting, leastWaitingBytes/size), 1)
	c.mostWaiting = max(c.leastWaiting, mostWaitingBytes/size)
	c.pool.spread.Store(uint32(slots.Mix(1)) | 1)
	c.pool.shards = make([]shard, shardCount(capacity))
	for i := range c.pool.shards {
		c.pool.shards[i].place = uint32(i)
		c.pool.shards[i].limit = magazineSize
	}
	return c, nil
}

func newSalt() uint64 { return rand.Uint64() }

// attach shows the slots in m.
func (c *core) attach(m *typedmem.Mapping) error {
	if err := shell.CheckAddress(c.layout, m); err != nil {
		return err
	}
	c.m, c.limits, c.mayLackSpace = m, mem.Of(m).Limits(), mem.Of(m).MayLackSpace()
	c.special = c.special || c.mayLackSpace
	// SAFETY: the address of a mapping, off the Go heap; c.limits keeps the address range from
	// being given to others.
	c.slots = unsafe.Add(unsafe.Pointer(nil), m.Addr())
	return nil
}

// attachWords shows the words in m.
func (c *core) attachWords(m *typedmem.Mapping) {
	c.meta = m
	// SAFETY: as in attach; m is kept as long as c is, and closed after the slots only.
	c.words = unsafe.Add(unsafe.Pointer(nil), m.Addr())
}

// slot returns the address of slot i.
func (c *core) slot(i uintptr) unsafe.Pointer {
	// SAFETY: the callers have compared i with n, and compare the address with the limits before
	// they touch it.
	return unsafe.Add(c.slots, i*c.size)
}

// write copies x to slot i, where storing to it may fault because a disk is full. On error the slot
// may hold anything.
func (c *core) write(i uintptr, x []byte) error {
	return mem.Write(c.limits.Mapping(), int(i*c.size), x)
}

// first returns the mapping that the first slot is in. After Mapping.SplitTo that is not m, which
// has the rest.
func (c *core) first() *typedmem.Mapping { return mem.Public[*typedmem.Mapping](c.limits) }

// end returns the address after slot i.
func (c *core) end(i uintptr) uintptr { return uintptr(c.slot(i)) + c.size }

// reachable reports whether slot i can be read now, writable also whether it can be written.
func (c *core) reachable(i uintptr) bool { return c.end(i) <= c.limits.Readable() }

func (c *core) writable(i uintptr) bool {
	return c.end(i) <= c.limits.Writable()
}

// refusal returns why slot i, which has memory, is beyond a limit: ErrClosed, ErrProtection, or
// ErrBounds of a mapping that was cut.
func (c *core) refusal(i, limit uintptr) error {
	if mem.Allows(limit) {
		return fmt.Errorf("slot %d was cut off: the mapping was shrunk or split: %w", i, typedmem.ErrBounds)
	}
	return mem.Refusal(limit)
}

// unmapped reports whether the mapping of the first slot was closed.
func (c *core) unmapped() bool { return c.limits.Mapping().Limits() != c.limits }

// usable returns why no object can be allocated at all, or nil.
func (c *core) usable() error {
	if c.pool.closed.Load() {
		return typedmem.ErrClosed
	}
	return c.limits.Err(true)
}

// lent tells the race detector of raw access. Objects with atomic fields are left out: they can be
// shared through their addresses, in ways that the detector does not see.
func (c *core) lent(h uint64) {
	if !c.layout.Atomic {
		c.shadows.Lent(h)
	}
}
