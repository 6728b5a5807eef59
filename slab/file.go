package slab

import (
	"errors"
	"fmt"
	"math/bits"
	"sync"
	"unsafe"

	"github.com/typedmem/typedmem"
	"github.com/typedmem/typedmem/flags"
	"github.com/typedmem/typedmem/internal/container"
	"github.com/typedmem/typedmem/internal/layout"
	"github.com/typedmem/typedmem/internal/mem"
	"github.com/typedmem/typedmem/internal/shell"
	"github.com/typedmem/typedmem/internal/slots"
	"github.com/typedmem/typedmem/internal/sys"
)

// file is the slab file behind a core: the container's header block, then a word for each slot,
// then the slots.
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

func spec(l *layout.Layout, capacity int, salt uint64) container.Spec {
	return container.Spec{Kind: container.KindSlab, Layout: l, Capacity: capacity, Salt: salt}
}

// create makes a slab file and opens it for writing. On error no file is left.
func create(path string, capacity int, l *layout.Layout, cfg Config) (*core, error) {
	if err := errors.Join(shell.CheckType(l, layout.SharedFile), cfg.checkFile()); err != nil {
		return nil, err
	}
	c, err := newCore(capacity, l, newSalt())
	if err != nil {
		return nil, err
	}
	f, err := container.Create(path, spec(l, capacity, c.salt))
	if err != nil {
		return nil, err
	}
	if err = f.Handle().Truncate(wordsEnd(uint64(capacity))); err == nil {
		err = c.attachFile(f, 0, 0)
	}
	if err == nil {
		err = c.memoryForWords()
	}
	if err == nil && cfg.Debug {
		c.care, err = newCare(c, cfg)
	}
	if err == nil {
		err = f.Link(0)
	}
	if err != nil {
		if c.care != nil {
			err = errors.Join(err, c.care.close())
		}
		return nil, errors.Join(err, c.closeMappings(), f.Discard())
	}
	return c, nil
}

// open opens a slab file.
func open(path string, write bool, l *layout.Layout, cfg Config) (*core, error) {
	if err := errors.Join(shell.CheckType(l, layout.SharedFile), cfg.checkFile()); err != nil {
		return nil, err
	}
	f, err := container.Open(path, spec(l, 0, 0), write)
	if err != nil {
		return nil, err
	}
	c, err := openCore(f, l)
	if err == nil && cfg.Debug {
		c.care, err = newCare(c, cfg)
	}
	if err != nil {
		if c != nil {
			err = errors.Join(err, c.closeMappings())
		}
		return nil, errors.Join(fmt.Errorf("%s: %w", path, err), f.Abandon())
	}
	return c, nil
}

// openCore checks the file as a whole before anything of it is changed.
func openCore(f *container.File, l *layout.Layout) (*core, error) {
	capacity, used := f.Capacity(), f.Length()
	switch {
	case capacity == 0 || capacity > mostSlots:
		return nil, fmt.Errorf("a capacity of %d objects: %w", capacity, typedmem.ErrCorrupt)
	case uint64(used) > capacity:
		return nil, fmt.Errorf("%d slots in use with a capacity of %d: %w", used, capacity, typedmem.ErrCorrupt)
	case bits.UintSize == 32 && capacity > 1<<31-1:
		return nil, fmt.Errorf("a capacity of %d objects does not fit this address space: %w", capacity, typedmem.ErrSize)
	}
	info, err := f.Handle().Stat()
	if err != nil {
		return nil, err
	}
	room := info.Size() - wordsEnd(capacity)
	there := int(min(int64(used), max(room, 0)/int64(l.Size)))
	if room < 0 || there < used && !f.Left().MayMiss() {
		return nil, cutOff(info.Size(), wordsEnd(capacity)+int64(used)*int64(l.Size))
	}
	c, err := newCore(int(capacity), l, f.Salt())
	if err != nil {
		return nil, err
	}
	if err := c.attachFile(f, used, there); err != nil {
		return c, err
	}
	if f.Writer() && !c.frail {
		if err := c.fillHoles(used, there); err != nil {
			return c, err
		}
	}
	// The file may be cut off by others at any moment: its pages are read under Guard.
	if err := typedmem.Guard(func() error { return c.checkWords(used, there, info.Size()) }); err != nil {
		return c, err
	}
	if there < used {
		used = there
		f.Shorten(used)
	}
	c.pool.used.Store(uint64(used))
	c.pool.bump = used
	if !f.Writer() {
		c.attachWords(c.file.m)
		return c, nil
	}
	if err := c.memoryForWords(); err != nil {
		return c, err
	}
	if err := typedmem.Guard(func() error { return c.restore(used, f.Left().MayMiss()) }); err != nil {
		return c, err
	}
	if f.Left() != container.LeftClosed {
		if err := c.file.m.Flush(0, c.file.m.Len()); err != nil {
			return c, err
		}
		// A writer that was killed while it grew has published a length that the device may not
		// know.
		if err := f.Sync(used, func() error { return nil }); err != nil {
			return c, err
		}
	}
	return c, f.Begin(true)
}

func cutOff(size, end int64) error {
	return fmt.Errorf("%d bytes, its slots end at byte %d: %w", size, end, typedmem.ErrTruncated)
}

// fillHoles takes space for the holes of a file where slots in use and their words are. A copy has
// them where pages were zero, as those of slots that were set aside. Where no space can be set
// aside the stores are made that may find none.
func (c *core) fillHoles(used, there int) error {
	f, slots := c.file.c.Handle(), wordsEnd(uint64(c.n))
	for _, part := range [][2]int64{{container.DataOffset, container.DataOffset + int64(used)*8}, {slots, slots + int64(there)*int64(c.size)}} {
		at := sys.Hole(f, part[0], part[1])
		if at == part[1] {
			continue
		}
		if err := sys.Allocate(f, at, part[1]-at); sys.Refused(err) {
			c.frail = true
		} else if err != nil {
			return sys.SpaceError(f.Name(), err)
		}
	}
	return nil
}

// attachFile maps the words and the slots of a file: of those that its length counts, those that
// are there.
func (c *core) attachFile(f *container.File, used, there int) error {
	c.file = &file{c: f, writer: f.Writer()}
	c.special = true
	r := mem.Request{
		Size: used * 8, Capacity: int(c.n) * 8, File: f.Handle(), FileOwner: f, HasFile: true, Offset: container.DataOffset, Flags: flags.Shared, Protection: flags.Read,
		LeaveFile: true, WithinFile: true,
	}
	if f.Writer() {
		r.Protection |= flags.Write
	} else {
		r.Size, r.Capacity, r.ReadOnlyFile = r.Capacity, 0, true
	}
	m, err := mem.Map[*typedmem.Mapping](r)
	if err != nil {
		return err
	}
	c.file.m = m
	// SAFETY: the address of a mapping that c.file keeps, off the Go heap.
	c.file.words = unsafe.Add(unsafe.Pointer(nil), m.Addr())
	r.Size, r.Capacity, r.Offset = there*int(c.size), int(c.n*c.size), wordsEnd(uint64(c.n))
	if m, err = mem.Map[*typedmem.Mapping](r); err != nil {
		return err
	}
	if err = c.attach(m); err != nil {
		return errors.Join(err, m.Close())
	}
	return nil
}

// memoryForWords makes the words that the process itself works with.
func (c *core) memoryForWords() error {
	m, err := mem.Map[*typedmem.Mapping](mem.Request{Size: int(c.n) * 8, Flags: flags.NoReserve | huge(int(c.n)*8), Protection: flags.Read | flags.Write})
	if err != nil {
		return fmt.Errorf("the words of %d slots: %w", c.n, err)
	}
	c.attachWords(m)
	return nil
}

// checkWords looks at every word of the file. Where only some of the slots are there, the system
// went down and has lost that the file was made longer: the slots were not in use yet, or the file
// was cut off.
func (c *core) checkWords(used, there int, size int64) error {
	for i := range uint32(used) {
		switch word := slots.Load(slots.WordAt(c.file.words, uintptr(i))); {
		case !slots.ValidFileWord(c.salt, i, word):
			return fmt.Errorf("the word of slot %d is %016x: %w", i, word, typedmem.ErrCorrupt)
		case int(i) >= there && word != 0:
			return cutOff(size, c.slotsEnd(used))
		}
	}
	return nil
}

// restore makes the words in memory and the free list from the words of the file. lost says that
// the last writer's changes may be gone: handles that it gave out for slots that are free now must
// not become those of new objects. Of each slot that is one at the most, see leastWaiting.
func (c *core) restore(used int, lost bool) error {
	for i := used - 1; i >= 0; i-- {
		w := slots.WordAt(c.words, uintptr(i))
		g := slots.Generation(slots.Load(slots.WordAt(c.file.words, uintptr(i))))
		if g&1 != 0 {
			slots.Publish(w, uint64(g)<<32)
			c.live++
			continue
		}
		if g == 0 {
			g = slots.FirstGeneration(c.salt, uint32(i))
		}
		if lost {
			g = min(g, slots.Retired-2) + 2
			if err := c.file.note(c, uint32(i), g); err != nil {
				return err
			}
		}
		if g == slots.Retired {
			slots.Publish(w, slots.Retired<<32)
			c.pool.retired.Add(1)
			continue
		}
		c.push(&c.pool.free, uint64(g+1)<<32|uint64(i))
	}
	return nil
}

// note writes the generation of a slot into the file: odd, its object lives; even, it is gone.
func (f *file) note(c *core, i, g uint32) error {
	word := slots.FileWord(c.salt, i, g)
	if c.frail {
		return mem.Of(f.m).WriteWord(int(i)*8, word)
	}
	slots.Publish(slots.WordAt(f.words, uintptr(i)), word)
	return nil
}

// extend makes the file ready for used slots. That they may be in use is on the device before one
// is, and the file's size, which comes with the flush of a word, before that.
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

// settle makes slots that were freed usable again, by a flush of the words, unless others have. The
// caller holds mu, which is given up meanwhile.
func (c *core) settle() error {
	p := &c.pool
	return p.apart(&p.settling, func() error {
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
// holds settling.
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

// flush writes slots and words to the file.
func (c *core) flush() error {
	if err := c.flushSlots(); err != nil || c.file == nil || !c.file.writer {
		return err
	}
	c.pool.settling.Lock()
	defer c.pool.settling.Unlock()
	return c.flushAllWords()
}

// flushSlots writes the slots to the file.
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

// flushAllWords is flushWords that makes all slots free that wait now. The caller holds settling.
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

// lastSync is the sync of a Close, which holds settling and growing.
func (c *core) lastSync() error {
	for _, step := range []func() error{c.flushSlots, c.flushAllWords, c.syncLength} {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

// close gives everything back. What cannot be undone comes last. It does not wait for what others
// have asked of the kernel.
func (c *core) close() error {
	p := &c.pool
	p.closing.Lock()
	defer p.closing.Unlock()
	if p.closed.Load() {
		return typedmem.ErrClosed
	}
	if c.first() != c.m && !c.gone() {
		return fmt.Errorf("Mapping was split, and the part with the first slots is open; close it first: %w", typedmem.ErrBusy)
	}
	for _, one := range []*sync.Mutex{&p.settling, &p.growing} {
		if !one.TryLock() {
			return fmt.Errorf("a Sync or Flush is at work, or the slab is about to grow; close it again after that: %w", typedmem.ErrBusy)
		}
		defer one.Unlock()
	}
	var cut error // others have cut the file off, and no second Close could repair that
	if c.file != nil && c.file.writer {
		err := c.lastSync()
		if container.Foreign(err) {
			cut = err
		} else if err != nil && !errors.Is(err, typedmem.ErrClosed) { // a closed mapping has nothing to flush
			return err
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	err := c.m.Close()
	if err != nil && !errors.Is(err, typedmem.ErrClosed) {
		return err
	}
	p.shut()
	if c.care != nil {
		err = errors.Join(err, c.care.close())
	}
	if c.file == nil {
		return errors.Join(err, c.meta.Close())
	}
	if !c.file.writer {
		c.file.mu.Lock()
		defer c.file.mu.Unlock()
		c.file.closed = true
		return errors.Join(err, c.file.m.Close(), c.file.c.Close(-1))
	}
	flushed := c.file.m.Flush(0, c.file.m.Len())
	err = errors.Join(cut, err, flushed, c.meta.Close(), c.file.m.Close())
	if cut != nil || flushed != nil { // the file must not say that it was closed
		return errors.Join(err, c.file.c.Abandon())
	}
	return errors.Join(err, c.file.c.Close(c.slotsEnd(int(p.used.Load()))))
}

// closeMappings undoes what a constructor did before it failed.
func (c *core) closeMappings() error {
	var err error
	closing := map[*typedmem.Mapping]bool{nil: true}
	for _, m := range []*typedmem.Mapping{c.m, c.meta, c.fileWords()} {
		if !closing[m] {
			err = errors.Join(err, m.Close())
		}
		closing[m] = true
	}
	return err
}

func (c *core) fileWords() *typedmem.Mapping {
	if c.file == nil {
		return nil
	}
	return c.file.m
}
