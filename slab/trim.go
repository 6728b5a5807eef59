package slab

import (
	"github.com/typedmem/typedmem/flags"
	"github.com/typedmem/typedmem/internal/num"
	"github.com/typedmem/typedmem/internal/slots"
	"github.com/typedmem/typedmem/internal/sys"
)

// trimBytes and trimSlots are how much Trim looks at in one step, at the most. Between steps others
// make and free objects.
const (
	trimBytes = 16 << 20
	trimSlots = 1 << 17
)

// trim releases the memory of free slots, in steps.
func (c *core) trim() (bytes int, err error) {
	var t trimmer
	for lo := 0; ; {
		n, hi, err := c.trimStep(&t, lo)
		if bytes += n; err != nil || hi == lo {
			return bytes, err
		}
		lo = hi
	}
}

// trimmer is what the steps of a Trim share: a bit for each slot of a step.
type trimmer struct {
	free, cold bitmap
}

type bitmap []uint64

func (b bitmap) set(i int)      { b[i/64] |= 1 << (i % 64) }
func (b bitmap) has(i int) bool { return b[i/64]>>(i%64)&1 != 0 }

// trimStep is one step, which begins at slot lo. It returns where the step ends. While mu is held
// no slot leaves the lists.
func (c *core) trimStep(t *trimmer, lo int) (bytes, hi int, err error) {
	p := &c.pool
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := c.usable(); err != nil {
		return 0, lo, err
	}
	if c.checks != nil && c.checks.debug || c.m.Shared() && !c.m.FileBacked() { // shared memory stays what it is while it is mapped
		return 0, lo, nil
	}
	if lo == 0 {
		c.gather()
	}
	used := int(p.used.Load())
	slots := max(min(trimBytes/int(c.size), trimSlots)>>c.blockShift, 1) << c.blockShift
	if hi = min(lo+slots, used); hi <= lo {
		return 0, lo, nil
	}
	if t.free == nil {
		t.free, t.cold = make(bitmap, (slots+63)/64), make(bitmap, (slots+63)/64)
	}
	clear(t.free)
	clear(t.cold)
	warm := c.markFree(t, lo, hi)
	if !warm {
		return 0, hi, nil
	}
	for i := lo; i < hi; {
		end := i
		for end < hi && t.free.has(end-lo) {
			end++
		}
		if end > i {
			first, last, err := c.drop(i*int(c.size), end*int(c.size))
			if err != nil {
				return bytes, hi, err
			}
			if bytes += last - first; last > first {
				for k := i; k < end; k++ {
					if k*int(c.size) < last && (k+1)*int(c.size) > first {
						t.cold.set(k - lo)
					}
				}
			}
		}
		i = end + 1
	}
	for i := lo; i < hi; i += c.blockSlots() {
		c.sortBlock(t, i, lo)
	}
	return bytes, hi, nil
}

// markFree sets the bit of each free slot from lo to hi, and reports whether any may have memory.
func (c *core) markFree(t *trimmer, lo, hi int) (warm bool) {
	p := &c.pool
	for i := max(lo, p.bump); i < hi; i++ { // never used, but growth may have brought them in
		t.free.set(i - lo)
		warm = true
	}
	for i := lo; i < hi; i += c.blockSlots() {
		b := c.blockAt(i >> c.blockShift)
		if b == nil {
			continue
		}
		at := &b.lists[freeSlots]
		warm = warm || at.count > b.cold
		if int(at.count) == c.blockSlots() {
			for k := range at.count {
				t.free.set(i - lo + int(k))
			}
			continue
		}
		for slot, left := at.head, at.count; left > 0; left-- {
			t.free.set(int(slot-1) - lo)
			slot = uint32(slots.Load(slots.WordAt(c.words, uintptr(slot-1))))
		}
	}
	return warm
}

// sortBlock sorts the free slots of a block: those with memory come first.
func (c *core) sortBlock(t *trimmer, i, lo int) {
	b, n := c.blockAt(i>>c.blockShift), i>>c.blockShift
	if b == nil || b.lists[freeSlots].count == 0 {
		return
	}
	at := &b.lists[freeSlots]
	var cold uint32
	for k := range c.blockSlots() {
		if i+k < int(c.pool.bump) && i+k-lo < 64*len(t.cold) && t.cold.has(i+k-lo) {
			cold++
		}
	}
	if cold > 0 && cold < at.count {
		var sorted list
		for _, want := range []bool{true, false} { // pushed in front: the last ones come first
			for k := c.blockSlots() - 1; k >= 0; k-- {
				slot := i + k
				if slot >= int(c.pool.bump) || !t.free.has(slot-lo) || t.cold.has(slot-lo) != want {
					continue
				}
				w := slots.WordAt(c.words, uintptr(slot))
				slots.Publish(w, uint64(slots.Generation(slots.Load(w)))<<32|uint64(sorted.head))
				if sorted.head = uint32(slot) + 1; sorted.count == 0 {
					sorted.tail = sorted.head
				}
				sorted.count++
			}
		}
		*at = sorted
	}
	b.cold = cold
	c.requeue(&c.pool.free, b, n)
}

// drop releases the whole pages within the bytes [lo, hi) of the slots, which need not begin at a
// page, and returns which bytes those are.
func (c *core) drop(lo, hi int) (first, last int, err error) {
	m := c.first() // the one that begins at the slots, were it cut or not
	base, page := uintptr(c.slots), uintptr(m.PageSize())
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
