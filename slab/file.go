package slab

import (
	"errors"
	"unsafe"

	"github.com/typedmem/typedmem"
	"github.com/typedmem/typedmem/internal/container"
	"github.com/typedmem/typedmem/internal/mem"
	"github.com/typedmem/typedmem/internal/order"
	"github.com/typedmem/typedmem/internal/slots"
)

// file is a slab file: the container's header block, then a word for each slot, then the slots. Its
// words alone say which objects live. A writer works on words of its own in memory and records each
// change in the file; ARCHITECTURE.md says why a kill or a power failure does no harm.
type file struct {
	memory
	f     *container.File
	m     *typedmem.Mapping // the words in the file
	words unsafe.Pointer    // the same

	inherits bool // the file was a snapshot when it was opened, and some of its words are inherited
}

// writer is the kind of a slab file that is open for writing.
type writer struct{ file }

// slotsEnd is where used slots end in the file, in bytes.
func (c *core) slotsEnd(used int) int64 {
	return container.WordsEnd(uint64(c.pool.Cap)) + int64(used)*int64(c.pool.Size)
}

func (f *file) Record(i, g uint32) error {
	word := slots.FileWord(f.c.pool.Salt, i, g)
	if f.c.mayLackSpace {
		return mem.Of(f.m).WriteWord(int(i)*8, word)
	}
	order.Publish(slots.WordAt(f.words, uintptr(i)), word)
	return nil
}

func (f *file) After(i, g uint32) uint32 {
	if f.inherits && slots.Load(slots.WordAt(f.words, uintptr(i))) == slots.InheritedWord(f.c.pool.Salt, i, g) {
		return slots.Continue(f.c.pool.Salt, i, g)
	}
	return g + 1
}

func (w *writer) Flush() error { return w.m.Flush(0, w.m.Len()) }

// Grow makes the file longer. Before a slot is used the device knows that it may be, and before
// that the size of the file, which comes with the flush of a word.
func (w *writer) Grow(from, to int) error {
	if err := w.f.Whole(w.c.slotsEnd(from)); err != nil {
		return err
	}
	if err := w.memory.Grow(from, to); err != nil {
		return err
	}
	if err := w.m.Resize(to * 8); err != nil {
		return err
	}
	if err := w.m.Flush(to*8-8, to*8); err != nil {
		return err
	}
	w.f.BringIn()
	if err := w.f.Publish(to); err != nil {
		return err
	}
	return w.f.Sync(to, func() error { return nil })
}

// Arrive brings in the words of slots too.
func (w *writer) Arrive(from, to int) error {
	if err := w.memory.Arrive(from, to); err != nil {
		return err
	}
	return mem.Of(w.m).BringIn(from*8, to*8)
}

func (w *writer) syncLength() error {
	used := w.c.pool.Used()
	return w.f.Sync(used, func() error { return w.f.Whole(w.c.slotsEnd(used)) })
}

func (w *writer) mappings() []*typedmem.Mapping { return append(w.memory.mappings(), w.m) }

func (w *writer) close(cut bool) error {
	var flushed error
	if !cut {
		flushed = w.Flush()
	}
	err := errors.Join(flushed, w.c.meta.Close(), w.m.Close())
	if cut || flushed != nil { // the file must not say that it was closed
		return errors.Join(err, w.f.Abandon())
	}
	return errors.Join(err, w.f.Close(w.c.slotsEnd(w.c.pool.Used())))
}

// held calls f, a sync or flush, so that no Close comes between two of its steps. A Shutdown waits
// for it, and without a pin there is no other one meanwhile: one after the other would keep the
// Shutdown waiting for ever.
func (c *core) held(f func(*core) error) error {
	if c.m == nil {
		return typedmem.ErrClosed
	}
	m := mem.Of(c.m)
	if err := m.Step(); err != nil {
		return err
	}
	defer m.EndStep()
	c.syncing.RLock()
	defer c.syncing.RUnlock()
	return f(c)
}

// flush writes slots and words to the device. The caller holds syncing.
func (c *core) flush() error {
	if err := c.flushSlots(); err != nil || !c.pool.Durable {
		return err
	}
	c.pool.Flushing.Lock()
	defer c.pool.Flushing.Unlock()
	return c.pool.Flush()
}

func (c *core) flushSlots() error {
	if c.pool.Closed() {
		return typedmem.ErrClosed
	}
	if left := c.first(); left != c.m { // SplitTo cut the mapping: c.m has what follows the cut
		if err := left.Flush(0, left.Len()); err != nil {
			return err
		}
	}
	return c.m.Flush(0, c.m.Len())
}

// sync makes durable what flush writes, the length of the file and its name. The caller holds
// syncing.
func (c *core) sync() error {
	if err := c.flush(); err != nil || !c.pool.Durable {
		return err
	}
	c.pool.Growing.Lock()
	defer c.pool.Growing.Unlock()
	if c.pool.Closed() {
		return typedmem.ErrClosed
	}
	return c.kind.syncLength()
}
