package slots

// trimBytes and trimSlots bound what Trim looks at in one step. Between steps others allocate and
// free objects.
const (
	trimBytes = 16 << 20
	trimSlots = 1 << 17
)

// Trim releases the memory of free slots, in steps. release releases the whole pages within the
// bytes [lo, hi) of the slots, which need not begin at a page, and returns which bytes those are.
func (p *Pool) Trim(release func(lo, hi int) (first, last int, err error)) (bytes int, err error) {
	t := trimmer{release: release}
	for lo := 0; ; {
		n, hi, err := p.trimStep(&t, lo)
		if bytes += n; err != nil || hi == lo {
			return bytes, err
		}
		lo = hi
	}
}

// trimmer is what the steps of a Trim share: a bit for each slot of a step.
type trimmer struct {
	free, cold bitmap
	release    func(lo, hi int) (first, last int, err error)
}

type bitmap []uint64

func (b bitmap) set(i int)      { b[i/64] |= 1 << (i % 64) }
func (b bitmap) has(i int) bool { return b[i/64]>>(i%64)&1 != 0 }

// trimStep is one step, which begins at slot lo. It returns where the step ends. While mu is held
// no slot leaves the lists.
func (p *Pool) trimStep(t *trimmer, lo int) (bytes, hi int, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := p.Usable(); err != nil {
		return 0, lo, err
	}
	if lo == 0 {
		p.gather()
		p.arrived.Store(uint64(min(p.here(), p.bump))) // the others are released too
	}
	used := p.Used()
	size := int(p.Size)
	slots := max(min(trimBytes/size, trimSlots)>>p.blockShift, 1) << p.blockShift
	if hi = min(lo+slots, used); hi <= lo {
		return 0, lo, nil
	}
	if t.free == nil {
		t.free, t.cold = make(bitmap, (slots+63)/64), make(bitmap, (slots+63)/64)
	}
	clear(t.free)
	clear(t.cold)
	if !p.markFree(t, lo, hi) {
		return 0, hi, nil
	}
	for i := lo; i < hi; {
		end := i
		for end < hi && t.free.has(end-lo) {
			end++
		}
		if end > i {
			first, last, err := t.release(i*size, end*size)
			if err != nil {
				return bytes, hi, err
			}
			bytes += last - first
			for k := first / size; k*size < last; k++ { // those with a byte in there
				t.cold.set(k - lo)
			}
		}
		i = end + 1
	}
	for i := lo; i < hi; i += p.blockSlots() {
		p.sortBlock(t, i, lo)
	}
	return bytes, hi, nil
}

// markFree sets the bit of each free slot from lo to hi, and reports whether any may have memory.
func (p *Pool) markFree(t *trimmer, lo, hi int) (warm bool) {
	for i := max(lo, p.bump); i < hi; i++ { // never used, but growth may have given them memory
		t.free.set(i - lo)
		warm = true
	}
	for i := lo; i < hi; i += p.blockSlots() {
		b := p.blockAt(i >> p.blockShift)
		if b == nil {
			continue
		}
		at := &b.lists[freeSlots]
		warm = warm || at.count > b.cold
		if int(at.count) == p.blockSlots() {
			for k := range at.count {
				t.free.set(i - lo + int(k))
			}
			continue
		}
		for slot, left := at.head, at.count; left > 0; left-- {
			t.free.set(int(slot-1) - lo)
			slot = uint32(Load(p.Word(uintptr(slot - 1))))
		}
	}
	return warm
}

// sortBlock sorts the free slots of a block: those with memory come first.
func (p *Pool) sortBlock(t *trimmer, i, lo int) {
	b := p.blockAt(i >> p.blockShift)
	if b == nil || b.lists[freeSlots].count == 0 {
		return
	}
	at := &b.lists[freeSlots]
	var cold uint32
	for k := range p.blockSlots() {
		if i+k < p.bump && t.cold.has(i+k-lo) {
			cold++
		}
	}
	if cold > 0 && cold < at.count {
		var sorted list
		for _, want := range []bool{true, false} { // pushed in front: the last ones come first
			for k := p.blockSlots() - 1; k >= 0; k-- {
				if slot := i + k; slot < p.bump && t.free.has(slot-lo) && t.cold.has(slot-lo) == want {
					p.prepend(&sorted, uint32(slot), Generation(Load(p.Word(uintptr(slot)))))
				}
			}
		}
		*at = sorted
	}
	b.cold = cold
	p.free.requeue(b)
}
