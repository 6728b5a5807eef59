package slab

import (
	"github.com/typedmem/typedmem/flags"
	"github.com/typedmem/typedmem/internal/num"
)

// trim gives back whole pages of free slots. While mu is held no slot leaves the free list.
func (c *core) trim() (bytes int, err error) {
	p := &c.pool
	p.mu.Lock()
	defer p.mu.Unlock()
	if seen := c.limits.Readable(); p.closed || seen == 0 || c.limits.Writable() == 0 {
		return 0, c.limits.Refusal(seen, seen, true)
	}
	if c.care != nil && c.care.debug {
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

// drop gives back the whole pages inside the bytes [lo, hi) of the slots.
func (c *core) drop(lo, hi int) (int, error) {
	page := c.m.PageSize()
	first, ok := num.Up(lo, page)
	last := num.Down(hi, page)
	if !ok || first >= last {
		return 0, nil
	}
	if err := c.m.Advise(first, last, flags.DontNeed); err != nil {
		return 0, err
	}
	return last - first, nil
}
