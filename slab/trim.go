package slab

import (
	"github.com/typedmem/typedmem/flags"
	"github.com/typedmem/typedmem/internal/num"
	"github.com/typedmem/typedmem/internal/sys"
)

// trim releases the memory of free slots.
func (m memory) trim() (bytes int, err error) {
	c := m.c
	if err := c.pool.Usable(); err != nil {
		return 0, err
	}
	if c.m.Shared() && !c.m.FileBacked() { // shared memory stays what it is while it is mapped
		return 0, nil
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
