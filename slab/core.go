package slab

import (
	"fmt"
	"math"
	"sync"
	"sync/atomic"

	"github.com/typedmem/typedmem"
	"github.com/typedmem/typedmem/internal/container"
	"github.com/typedmem/typedmem/internal/layout"
	"github.com/typedmem/typedmem/internal/mem"
	"github.com/typedmem/typedmem/internal/num"
	"github.com/typedmem/typedmem/internal/shell"
	"github.com/typedmem/typedmem/internal/slots"
)

// core is all of a slab that does not depend on the type of the objects. The pool has the slots;
// core finds the object of a handle, and has what debug mode and guard slots need. Without these
// lives, guards and fences are empty.
type core struct {
	pool   slots.Pool
	kind   kind
	layout *layout.Layout
	name   *container.Name // of a slab file, nil for other memory

	m    *typedmem.Mapping // the slots
	meta *typedmem.Mapping // the words

	mayLackSpace bool // m's, and that of a file's words: stores that must not fault use write
	checked      bool // debug mode, or guard slots
	lives        lives
	guards       guards
	fences       []*typedmem.Mapping // reserved pages before and after the slots

	// waited is the handle of an object whose turn somebody waits for, see inTurn, or 0; it is
	// everything while a Snapshot stops the writers. waiters is how many wait, for all objects: the
	// last one to leave sets waited to 0.
	waited  atomic.Uint64
	waiters atomic.Int64

	// closing lets one Close at a time in. Sync and Flush hold syncing for reading from start to
	// end, so that no Close comes between two of their steps: it tries to lock syncing, and returns
	// ErrBusy. The two are taken in this order, before the locks of the pool.
	closing sync.Mutex
	syncing sync.RWMutex
}

// kind is what a slab in memory, a slab file and a reader of one do differently. Debug mode wraps
// the kind of a slab.
type kind interface {
	slots.Backing
	follow()                       // lets a reader see slots that the writer has come to use
	prepare(h uint64) error        // the object of slot h is about to be written; an error retires it
	cancel(h uint64)               // the slot was allocated and holds no object
	trim() (bytes int, err error)  // releases the memory of free slots
	stats() Stats                  // of a slab that is open
	syncLength() error             // of the file, and its name; the caller holds pool.Growing
	mappings() []*typedmem.Mapping // of slots and words, as far as they were made
	close(cut bool) error          // what the slots need; cut: others have made the file shorter
}

// newCore makes the part of a slab that is the same for all kinds. attach follows.
func newCore(capacity int, l *layout.Layout, salt uint64) (*core, error) {
	if capacity < 1 || uint64(capacity) > container.MostSlots {
		return nil, fmt.Errorf("a capacity of %d objects, 1 to %d are possible: %w", capacity, uint64(container.MostSlots), typedmem.ErrSize)
	}
	if _, ok := num.Mul(capacity, int(l.Size)+8); !ok || l.Size > math.MaxInt32 {
		return nil, fmt.Errorf("%d objects of %d bytes: %w", capacity, l.Size, typedmem.ErrSize)
	}
	c := &core{layout: l}
	c.kind = memory{c}
	c.pool.Init(capacity, l.Size, salt)
	return c, nil
}

// attach shows the slots in m, if mapping it has succeeded.
func (c *core) attach(m *typedmem.Mapping, err error) error {
	if err != nil {
		return err
	}
	c.m, c.mayLackSpace = m, mem.Of(m).MayLackSpace()
	if err := shell.CheckAddress(c.layout, m); err != nil {
		return err
	}
	c.pool.Attach(mem.Of(m).Limits())
	return nil
}

func (c *core) attachWords(m *typedmem.Mapping) {
	c.meta = m
	c.pool.AttachWords(m.Addr())
}

// reads reports whether Open made the slab: another process writes the words.
func (c *core) reads() bool {
	_, reads := c.kind.(*reader)
	return reads
}

// follow lets a reader see slot i, if the writer has come to use it.
func (c *core) follow(i uintptr) {
	if i >= uintptr(c.pool.Used()) {
		c.kind.follow()
	}
}

// write copies x to slot i, where storing to it may fault because a disk is full. On error the slot
// may hold anything.
func (c *core) write(i uintptr, x []byte) error {
	return mem.Write(c.pool.Limits.Mapping(), int(i*c.pool.Size), x)
}

// first returns the mapping that the first slot is in. After Mapping.SplitTo that is not m, which
// has the rest.
func (c *core) first() *typedmem.Mapping { return mem.Public[*typedmem.Mapping](c.pool.Limits) }

// unmapped reports whether the mapping of the first slot was closed.
func (c *core) unmapped() bool { return c.pool.Limits.Mapping().Limits() != c.pool.Limits }

// free ends the object of a handle, in every case. own is the magazine of a cache or nil.
func (c *core) free(h uint64, own *slots.Magazine) error {
	if c.guards.has(h) {
		return c.guards.free(h)
	}
	for {
		w, word, err := c.access(opFree, h)
		if err != nil {
			return err
		}
		if done, err := c.pool.Release(own, w, word, h); done || err != nil {
			return shell.Fail("free", err)
		}
	}
}

// lent tells the race detector of raw access. Objects with atomic fields are left out: they can be
// shared through their addresses, in ways that the detector does not see.
func (c *core) lent(h uint64) {
	if slots.RaceEnabled && !c.layout.Atomic {
		c.pool.Shadows.Lent(h)
	}
}
