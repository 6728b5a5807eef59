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

// memoryForWords makes the words that the process itself works with.
func (c *core) memoryForWords() error {
	m, err := mem.Map[*typedmem.Mapping](mem.Request{Size: int(c.n) * 8, Flags: flags.NoReserve | huge(int(c.n)*8), Protection: flags.Read | flags.Write})
	if err != nil {
		return fmt.Errorf("the words of %d slots: %w", c.n, err)
	}
	c.attachWords(m)
	return nil
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
	if cfg.Debug || cfg.GuardEvery > 0 {
		c.special = true
		if c.checks, err = newChecks(c, cfg); err != nil {
			return nil, err
		}
		defer func() {
			if err != nil {
				err = errors.Join(err, c.checks.close())
			}
		}()
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

// memoryForSlots maps the slots of a slab that is no slab file.
func (c *core) memoryForSlots(r mem.Request, debug bool) (*typedmem.Mapping, error) {
	if debug && !r.HasFile && r.Address == 0 {
		return c.checks.between(r, int(c.n*c.size))
	}
	r.Capacity = max(r.Capacity, r.Size, int(c.n*c.size))
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
