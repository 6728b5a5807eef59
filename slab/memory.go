package slab

import (
	"errors"
	"fmt"

	"github.com/typedmem/typedmem"
	"github.com/typedmem/typedmem/flags"
	"github.com/typedmem/typedmem/internal/layout"
	"github.com/typedmem/typedmem/internal/mem"
	"github.com/typedmem/typedmem/internal/shell"
)

// memory is the kind of a slab that is no slab file. The other kinds change what they do
// differently.
type memory struct{ c *core }

// Grow makes the mapping of the slots longer.
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

func (memory) Record(_, _ uint32) error { return nil }
func (memory) Flush() error             { return nil }
func (memory) Released(uint64)          {}
func (memory) follow()                  {}
func (memory) prepare(uint64) error     { return nil }
func (memory) cancel(uint64)            {}
func (memory) syncLength() error        { return nil }
func (m memory) close(bool) error       { return m.c.meta.Close() }

func (m memory) mappings() []*typedmem.Mapping { return []*typedmem.Mapping{m.c.m, m.c.meta} }

func (m memory) stats() Stats {
	n := m.c.pool.Counts()
	return Stats{
		Live: n.Live, Free: n.Free, Cached: n.Cached, Waiting: n.Waiting, Retired: n.Retired,
		Allocs: n.Allocs, Frees: n.Frees,
	}
}

func newInMemory(capacity int, l *layout.Layout, cfg Config) (_ *core, err error) {
	r := mem.RequestOf(cfg.Options)
	r.Protection = flags.Read | flags.Write
	if err := shell.CheckType(l, shell.MemoryOf(r.HasFile, r.Flags.Has(flags.Shared))); err != nil {
		return nil, err
	}
	if cfg.GuardEvery < 0 {
		return nil, fmt.Errorf("a guard slot for one of %d objects: %w", cfg.GuardEvery, typedmem.ErrSize)
	}
	c, err := newCore(capacity, l, newSalt())
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, c.closeMappings())
		}
	}()
	if cfg.GuardEvery > 0 {
		c.checked = true
		if err = c.guards.make(&c.pool, uint64(cfg.GuardEvery)); err != nil {
			return nil, err
		}
	}
	if cfg.Debug {
		c.watch()
	}
	if err = c.memoryForWords(); err != nil {
		return nil, err
	}
	m, err := c.memoryForSlots(r, cfg.Debug)
	if err != nil {
		return nil, err
	}
	if err = c.attach(m); err != nil {
		return nil, errors.Join(err, m.Close())
	}
	return c, nil
}

// memoryForWords makes the words that the process itself works with.
func (c *core) memoryForWords() error {
	bytes := int(c.pool.Cap) * 8
	m, err := mem.Map[*typedmem.Mapping](mem.Request{Size: bytes, Flags: flags.NoReserve | huge(bytes), Protection: flags.Read | flags.Write})
	if err != nil {
		return fmt.Errorf("the words of %d slots: %w", c.pool.Cap, err)
	}
	c.attachWords(m)
	return nil
}

// memoryForSlots maps the slots of a slab that is no slab file.
func (c *core) memoryForSlots(r mem.Request, debug bool) (*typedmem.Mapping, error) {
	bytes := int(c.pool.Cap * c.pool.Size)
	if debug && !r.HasFile && r.Address == 0 {
		return c.between(r, bytes)
	}
	r.Capacity = max(r.Capacity, r.Size, bytes)
	r.WithinFile = true
	return mem.Map[*typedmem.Mapping](r)
}

// huge asks for huge pages where there are many bytes of words. Words are read in no order, and in
// huge pages a lookup misses the processor's table of addresses less often. It does not do so for
// slots: Trim releases their memory, which the kernel would bring back to make a huge page.
func huge(bytes int) flags.Map {
	if bytes < 8<<20 {
		return 0
	}
	return flags.TransparentHugePages
}
