package slab

import (
	"errors"
	"syscall"

	"github.com/typedmem/typedmem/flags"
	"github.com/typedmem/typedmem/internal/num"
)

// trim gives back whole pages of free slots. While mu is held no slot leaves the free list.
func (c *core) trim() (bytes int, err error) {
	p := &c.pool
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := c.usable(); err != nil {
		return 0, err
	}
	if c.care != nil && c.care.debug || c.m.Shared() && !c.m.FileBacked() { // shared memory stays what it is while it is mapped
		return 0, nil
	}
	c.gather()
	used := int(p.used.Load())
	free := make([]bool, used)
	for i := p.bump; i < used; i++ {
		free[i] = true
	}
	for i, left := p.free.head, p.free.count; left > 0; left-- {
		free[i-1] = true
		i = uint32(loadWord(wordAt(c.words, uintptr(i-1))))
	}
	for lo := 0; lo < used; {
		hi := lo
		for hi < used && free[hi] {
			hi++
		}
		if hi > lo {
			n, err := c.drop(lo*int(c.size), hi*int(c.size))
			bytes += n
			if err != nil {
				return bytes, err
			}
		}
		lo = hi + 1
	}
	return bytes, nil
}

// drop gives back the whole pages inside the bytes [lo, hi) of the slots, the first of which need not begin at a page.
func (c *core) drop(lo, hi int) (int, error) {
	m := c.limits.Mapping() // the one that begins at the slots, were it cut or not
	base, page := uintptr(c.slots), uintptr(m.PageSize())
	first := num.Down(base+uintptr(lo)+page-1, page)
	last := num.Down(base+uintptr(hi), page)
	if first >= last {
		return 0, nil
	}
	switch err := m.Advise(int(first-base), int(last-base), flags.DontNeed); {
	case errors.Is(err, syscall.EINVAL): // they are locked, or huge ones of an old kernel
		return 0, nil
	case err != nil:
		return 0, err
	}
	return int(last - first), nil
}
