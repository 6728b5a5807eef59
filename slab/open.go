package slab

import (
	"cmp"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"unsafe"

	"github.com/typedmem/typedmem"
	"github.com/typedmem/typedmem/flags"
	"github.com/typedmem/typedmem/internal/container"
	"github.com/typedmem/typedmem/internal/layout"
	"github.com/typedmem/typedmem/internal/mem"
	"github.com/typedmem/typedmem/internal/printing"
	"github.com/typedmem/typedmem/internal/shell"
	"github.com/typedmem/typedmem/internal/slots"
	"github.com/typedmem/typedmem/internal/sys"
)

func spec(l *layout.Layout, capacity int, salt uint64) container.Spec {
	return container.Spec{Kind: container.KindSlab, Layout: l, Capacity: capacity, Salt: salt}
}

// create makes a slab file and opens it for writing. On error no file is left.
func create(path string, l *layout.Layout, o FileOptions) (*core, error) {
	if err := o.check(l); err != nil {
		return nil, err
	}
	c, err := newCore(o.Capacity, l, rand.Uint64())
	if err != nil {
		return nil, err
	}
	f, err := container.Create(path, spec(l, o.Capacity, c.pool.Salt), cmp.Or(o.Perm, shell.NewFile))
	if err != nil {
		return nil, err
	}
	if err = f.Handle().Truncate(container.WordsEnd(uint64(o.Capacity))); err == nil {
		_, err = c.attachFile(f, 0, 0, o.Flags)
	}
	if err == nil {
		err = c.memoryForWords()
	}
	if o.Debug {
		c.watch()
	}
	if err == nil {
		err = f.Link(0)
	}
	if err != nil {
		return nil, errors.Join(err, c.closeMappings(), f.Discard())
	}
	return c, nil
}

func open(path string, l *layout.Layout, o FileOptions) (*core, error) {
	if err := o.check(l); err != nil {
		return nil, err
	}
	f, err := container.Open(path, spec(l, o.Capacity, 0), o.Write)
	if err != nil {
		return nil, err
	}
	c, err := openCore(f, l, o.Flags)
	if err == nil && o.Debug {
		c.watch()
	}
	if err != nil {
		if c != nil {
			err = errors.Join(err, c.closeMappings())
		}
		return nil, errors.Join(printing.Named(path, err), f.Abandon())
	}
	return c, nil
}

// openCore checks the whole file before it changes anything.
func openCore(f *container.File, l *layout.Layout, how flags.Map) (*core, error) {
	used := f.Length()
	there, size, err := f.Slots()
	if err != nil {
		return nil, err
	}
	c, err := newCore(int(f.Capacity()), l, f.Salt())
	if err != nil {
		return nil, err
	}
	file, err := c.attachFile(f, used, there, how)
	if err != nil {
		return c, err
	}
	if f.Writer() && !c.mayLackSpace {
		if err := c.fillHoles(f.Handle(), used, there); err != nil {
			return c, err
		}
	}
	// The file may be cut off by others at any moment: its pages are read under Guard.
	if err := typedmem.Guard(func() error { return file.checkWords(used, there, size) }); err != nil {
		return c, err
	}
	if there < used {
		used = there
		f.Shorten(used)
	}
	c.pool.SetUsed(used)
	if !f.Writer() {
		return c, nil
	}
	if err := c.memoryForWords(); err != nil {
		return c, err
	}
	if err := typedmem.Guard(func() error { return file.restore(used, f.Left().MayMiss()) }); err != nil {
		return c, err
	}
	if f.Left() != container.LeftClosed {
		if err := file.m.Flush(0, file.m.Len()); err != nil {
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

// fillHoles allocates space for holes in the file where slots in use and their words are. A copy
// has holes where pages were zero. If no space can be allocated ahead, stores go through write.
func (c *core) fillHoles(f *os.File, used, there int) error {
	slots := container.WordsEnd(uint64(c.pool.Cap))
	for _, part := range [][2]int64{{container.DataOffset, container.DataOffset + int64(used)*8}, {slots, slots + int64(there)*int64(c.pool.Size)}} {
		at := sys.Hole(f, part[0], part[1])
		if at == part[1] {
			continue
		}
		if err := sys.Allocate(f, at, part[1]-at); sys.Refused(err) {
			c.mayLackSpace = true
		} else if err != nil {
			return sys.SpaceError(f.Name(), err)
		}
	}
	return nil
}

// attachFile maps the words of the used slots of a file, and of these slots the first there, which
// the file is long enough for. how applies to the slots.
func (c *core) attachFile(f *container.File, used, there int, how flags.Map) (*file, error) {
	r := mem.Request{
		Size: used * 8, Capacity: int(c.pool.Cap) * 8, File: f.Handle(), FileOwner: f, HasFile: true, Offset: container.DataOffset, Flags: flags.Shared, Protection: flags.Read,
		LeaveFile: true, WithinFile: true,
	}
	if f.Writer() {
		r.Protection |= flags.Write
	} else {
		r.Size, r.Capacity, r.ReadOnlyFile = r.Capacity, 0, true
	}
	m, err := mem.Map[*typedmem.Mapping](r)
	if err != nil {
		return nil, err
	}
	c.name = f.Name()
	// SAFETY: the address of a mapping that the file keeps, off the Go heap.
	words := file{memory: memory{c}, f: f, m: m, words: unsafe.Add(unsafe.Pointer(nil), m.Addr())}
	made := &words
	if f.Writer() {
		w := &writer{words}
		c.kind, c.pool.Durable, made = w, true, &w.file
	} else {
		r := &reader{file: words}
		c.kind, made = r, &r.file
		c.attachWords(m)
	}
	r.Size, r.Capacity, r.Offset = there*int(c.pool.Size), int(c.pool.Cap*c.pool.Size), container.WordsEnd(uint64(c.pool.Cap))
	r.Flags |= how
	return made, c.attach(mem.Map[*typedmem.Mapping](r))
}

// checkWords checks every word of the file. If the file is too short for some slots, either a crash
// of the system has lost its growth, and those slots were never used, or the file was cut off.
func (f *file) checkWords(used, there int, size int64) error {
	for i := range uint32(used) {
		word := slots.Load(slots.WordAt(f.words, uintptr(i)))
		inherited, ok := slots.CheckFileWord(f.c.pool.Salt, i, word)
		f.inherits = f.inherits || inherited
		switch {
		case !ok:
			return fmt.Errorf("the word of slot %d is %016x: %w", i, word, typedmem.ErrCorrupt)
		case int(i) >= there && word != 0:
			return container.CutOff(size, f.c.slotsEnd(used))
		}
	}
	return nil
}

// restore makes the words in memory and the free list from the words of the file. lost: the last
// writer's changes may be lost. Then handles that it returned for slots that are free now must not
// become handles of new objects. Each slot has at most one, since a freed slot waits for a flush.
func (f *file) restore(used int, lost bool) error {
	p := &f.c.pool
	for i := used - 1; i >= 0; i-- {
		g := slots.Generation(slots.Load(slots.WordAt(f.words, uintptr(i))))
		if g == 0 {
			g = slots.FirstGeneration(p.Salt, uint32(i))
		}
		if lost && g&1 == 0 {
			g = min(g, slots.Retired-2) + 2
			if err := f.Record(uint32(i), g); err != nil {
				return err
			}
		}
		p.Restore(uint32(i), g)
	}
	return nil
}
