package slab

import (
	"errors"
	"fmt"
	"math/rand/v2"

	"github.com/typedmem/typedmem"
	"github.com/typedmem/typedmem/flags"
	"github.com/typedmem/typedmem/internal/layout"
	"github.com/typedmem/typedmem/internal/mem"
	"github.com/typedmem/typedmem/internal/num"
	"github.com/typedmem/typedmem/internal/shell"
	"github.com/typedmem/typedmem/internal/sys"
)

// memory is the kind of a slab that is no slab file. The other kinds change what they do
// differently.
type memory struct{ c *core }

func (m memory) Grow(from, to int) error {
	c, size := m.c, int(m.c.pool.Size)
	if c.m.Len() < from*size { // objects out there would come back as zeros
		return fmt.Errorf("the mapping was made shorter than its %d slots in use: %w", from, typedmem.ErrBounds)
	}
	if c.m.Len() < to*size {
		if err := c.m.Resize(to * size); err != nil {
			return err
		}
	}
	if i, limit := uintptr(to-1), c.pool.Limits.Writable(); c.pool.End(i) > limit {
		return c.pool.Refusal(i, limit)
	}
	return nil
}

func (m memory) Arrive(from, to int) error {
	c, size := m.c, int(m.c.pool.Size)
	if c.first() != c.m || c.m.Len() < to*size { // cut off: Allocate refuses these slots, and says why
		return nil
	}
	return mem.Of(c.m).BringIn(from*size, to*size)
}

func (memory) Record(_, _ uint32) error { return nil }
func (memory) After(_, g uint32) uint32 { return g + 1 }
func (memory) Flush() error             { return nil }
func (memory) Released(uint64)          {}
func (memory) follow()                  {}
func (memory) prepare(uint64) error     { return nil }
func (memory) cancel(uint64)            {}
func (memory) syncLength() error        { return nil }
func (m memory) close(bool) error       { return m.c.meta.Close() }

func (m memory) mappings() []*typedmem.Mapping { return []*typedmem.Mapping{m.c.m, m.c.meta} }

func (m memory) stats() Stats { return Stats(m.c.pool.Counts()) }

func (m memory) trim() (bytes int, err error) {
	c := m.c
	// Shared memory without a file stays what it is while it is mapped.
	if err := c.pool.Usable(); err != nil || c.m.Shared() && !c.m.FileBacked() {
		return 0, err
	}
	return c.pool.Trim(c.releasePages)
}

// releasePages releases the whole pages within the bytes [lo, hi) of the slots, and returns which
// bytes those are.
func (c *core) releasePages(lo, hi int) (first, last int, err error) {
	m := c.first() // the one that begins at the slots, were it cut or not
	base, page := uintptr(c.pool.Slots), uintptr(m.PageSize())
	from := num.Down(base+uintptr(lo)+page-1, page)
	to := num.Down(base+uintptr(hi), page)
	if from >= to {
		return 0, 0, nil
	}
	first, last = int(from-base), int(to-base)
	switch err := m.Advise(first, last, flags.DontNeed); {
	case sys.Refused(err): // they are locked, or huge ones of an old kernel, or a sandbox forbids the call
		return 0, 0, nil
	case err != nil:
		return 0, 0, err
	}
	return first, last, nil
}

func newInMemory(capacity int, l *layout.Layout, cfg Config) (*core, error) {
	r := mem.RequestOf(cfg.Options)
	r.Protection = flags.Read | flags.Write
	if err := shell.CheckType(l, shell.MemoryOf(r.HasFile, r.Flags.Has(flags.Shared))); err != nil {
		return nil, err
	}
	if cfg.GuardEvery < 0 {
		return nil, fmt.Errorf("a guard slot for one of %d objects: %w", cfg.GuardEvery, typedmem.ErrSize)
	}
	c, err := newCore(capacity, l, rand.Uint64())
	if err != nil {
		return nil, err
	}
	if c.checked = cfg.GuardEvery > 0; c.checked {
		err = c.guards.make(&c.pool, uint64(cfg.GuardEvery))
	}
	if cfg.Debug {
		c.watch()
	}
	if err == nil {
		err = c.memoryForWords()
	}
	if err == nil {
		err = c.memoryForSlots(r, cfg.Debug)
	}
	if err != nil {
		return nil, errors.Join(err, c.closeMappings())
	}
	return c, nil
}

// memoryForWords makes the words that the process itself works with.
func (c *core) memoryForWords() error {
	r := mem.Request{Size: int(c.pool.Cap) * 8, Flags: flags.NoReserve, Protection: flags.Read | flags.Write}
	// Words are read in no order, and in huge pages a lookup misses the processor's table of
	// addresses less often. Slots get none: Trim releases their memory, which the kernel would
	// bring back to make a huge page.
	if r.Size >= 8<<20 {
		r.Flags |= flags.TransparentHugePages
	}
	m, err := mem.Map[*typedmem.Mapping](r)
	if err != nil {
		return fmt.Errorf("the words of %d slots: %w", c.pool.Cap, err)
	}
	c.attachWords(m)
	return nil
}

// memoryForSlots maps the slots of a slab that is no slab file.
func (c *core) memoryForSlots(r mem.Request, debug bool) error {
	bytes := int(c.pool.Cap * c.pool.Size)
	if debug && !r.HasFile && r.Address == 0 {
		return c.attach(c.between(r, bytes))
	}
	r.Capacity = max(r.Capacity, r.Size, bytes)
	r.WithinFile = true
	return c.attach(mem.Map[*typedmem.Mapping](r))
}
