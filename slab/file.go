package slab

import (
	"sync"
	"unsafe"

	"github.com/typedmem/typedmem"
	"github.com/typedmem/typedmem/internal/container"
	"github.com/typedmem/typedmem/internal/mem"
	"github.com/typedmem/typedmem/internal/slots"
)

// file is the slab file of a core: the container's header block, then a word for each slot, then
// the slots.
//
// The words in the file are what counts: they say which objects live, and nothing else of the file
// has to agree with them, so a process may be killed between any two instructions. A writer works
// on words of its own in memory and notes each change in the file. A slot that was freed is used
// again only when its word is on the device: before that, a power failure could bring the object
// back with its successor's bytes.
type file struct {
	c      *container.File
	m      *typedmem.Mapping // the words in the file
	words  unsafe.Pointer    // the same
	writer bool

	mu     sync.Mutex // of a reader: it follows the writer
	closed bool
}

// leastWaiting is how many freed slots a file's words are flushed for at once, unless the slab is
// full before, or they are so large that they take leastWaitingBytes. More wait where more are in
// use, up to mostWaitingBytes. In one magazine wait waitsBytes at the most.
const (
	leastWaiting      = 4096
	leastWaitingBytes = 4 << 20
	mostWaitingBytes  = 64 << 20
	waitsBytes        = 256 << 10
)

// wordsEnd returns where in the file the words end and the slots begin: where every system can map
// them.
func wordsEnd(capacity uint64) int64 {
	return container.DataOffset + int64((capacity*8+container.DataOffset-1)/container.DataOffset*container.DataOffset)
}

// record writes the generation of a slot into the file: odd, its object lives; even, it is gone.
func (f *file) record(c *core, i, g uint32) error {
	word := slots.FileWord(c.salt, i, g)
	if c.mayLackSpace {
		return mem.Of(f.m).WriteWord(int(i)*8, word)
	}
	slots.Publish(slots.WordAt(f.words, uintptr(i)), word)
	return nil
}

// extend makes the file ready for used slots. Before one of them is used the device knows that it
// may be, and before that the size of the file, which comes with the flush of a word.
func (f *file) extend(used int) error {
	if err := f.m.Resize(used * 8); err != nil {
		return err
	}
	if err := f.m.Flush(used*8-8, used*8); err != nil {
		return err
	}
	if err := f.c.Publish(used); err != nil {
		return err
	}
	return f.c.Sync(used, func() error { return nil })
}

// flushWaiting makes slots that were freed usable again, by a flush of the words, unless others
// have done so. The caller holds mu, which is released meanwhile.
func (c *core) flushWaiting() error {
	p := &c.pool
	return p.unlocked(&p.flushLock, func() error {
		p.mu.Lock()
		done := p.closed.Load() || p.free.count > 0 || p.waits.count == 0
		p.mu.Unlock()
		if done {
			return nil
		}
		return c.flushWords()
	})
}

// flushWords flushes the words, after which slots are free that waited before. Those that come to
// wait meanwhile are left to the next flush, since this one may have passed their words. The caller
// holds flushLock.
func (c *core) flushWords() error {
	p := &c.pool
	p.mu.Lock()
	c.moveAll(&p.flushing, &p.waits)
	p.mu.Unlock()
	err := c.file.m.Flush(0, c.file.m.Len())
	p.mu.Lock()
	defer p.mu.Unlock()
	if err != nil {
		c.moveAll(&p.waits, &p.flushing)
		return err
	}
	p.waiting.Add(-int64(p.flushing.count))
	c.moveAll(&p.free, &p.flushing)
	return nil
}

// follow lets a reader see slots that the writer has come to use.
func (f *file) follow(c *core, i uintptr) {
	if f.writer || i < uintptr(c.pool.used.Load()) {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		return
	}
	used, err := f.c.Refresh()
	if err != nil || used <= int(c.pool.used.Load()) || uintptr(used) > c.n {
		return
	}
	if c.m.Resize(used*int(c.size)) == nil {
		c.pool.used.Store(uint64(used))
	}
}

// flush writes slots and words to the device.
func (c *core) flush() error {
	if err := c.flushSlots(); err != nil || c.file == nil || !c.file.writer {
		return err
	}
	c.pool.flushLock.Lock()
	defer c.pool.flushLock.Unlock()
	return c.flushAllWords()
}

// flushSlots writes the slots to their file.
func (c *core) flushSlots() error {
	if left := c.first(); left != c.m { // SplitTo cut the mapping: c.m has what follows the cut
		if err := left.Flush(0, left.Len()); err != nil {
			return err
		}
	}
	if err := c.m.Flush(0, c.m.Len()); err != nil {
		return err
	}
	if c.pool.closed.Load() {
		return typedmem.ErrClosed
	}
	return nil
}

// flushAllWords flushes the words, after which all slots are free that wait now. The caller holds
// flushLock.
func (c *core) flushAllWords() error {
	c.pool.mu.Lock()
	closed := c.pool.closed.Load()
	if !closed {
		c.gather()
	}
	c.pool.mu.Unlock()
	if closed {
		return typedmem.ErrClosed
	}
	return c.flushWords()
}

// sync makes durable what flush writes, the length of the file and its name.
func (c *core) sync() error {
	if err := c.flush(); err != nil || c.file == nil || !c.file.writer {
		return err
	}
	c.pool.growing.Lock()
	defer c.pool.growing.Unlock()
	if c.pool.closed.Load() {
		return typedmem.ErrClosed
	}
	return c.syncLength()
}

// syncLength makes the length of the file durable. The caller holds growing.
func (c *core) syncLength() error {
	used := int(c.pool.used.Load())
	return c.file.c.Sync(used, func() error { return c.file.c.Whole(c.slotsEnd(used)) })
}

// slotsEnd is where used slots end in the file, in bytes.
func (c *core) slotsEnd(used int) int64 { return wordsEnd(uint64(c.n)) + int64(used)*int64(c.size) }
