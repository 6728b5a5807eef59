package region

import (
	"cmp"
	"slices"
	"sync"

	"github.com/typedmem/typedmem/internal/mem"
	"github.com/typedmem/typedmem/internal/num"
	"github.com/typedmem/typedmem/internal/resident"
)

// cold finds pages that are not in memory, and brings them in together. It is scratch space, used
// again by other calls.
type cold struct {
	ranges []mem.Range
	answer [resident.MostPages]byte
}

var colds = sync.Pool{New: func() any { return new(cold) }}

// bring brings the pages of elements into memory that are not known to be there. The indexes were
// checked. With all it asks nobody: every page is brought in.
func (e *extent) bring(p *resident.Pages, now resident.Period, indexes []int, all bool) error {
	m := e.limits.Mapping()
	if m == nil {
		return mem.Refusal(mem.Closed)
	}
	c := colds.Get().(*cold)
	defer colds.Put(c)
	c.ranges = c.ranges[:0]
	page := uintptr(1) << resident.Shift
	for _, i := range indexes {
		at := e.first + uintptr(i)*e.stride
		end := at + e.size
		for at = num.Down(at, page); at < end; at += page {
			if all || c.missing(e.limits, m, p, now, at) {
				c.ranges = append(c.ranges, mem.Range{Addr: at, N: int(page)})
			}
		}
	}
	if len(c.ranges) == 0 {
		return nil
	}
	slices.SortFunc(c.ranges, func(a, b mem.Range) int { return cmp.Compare(a.Addr, b.Addr) })
	joined := c.ranges[:1]
	for _, r := range c.ranges[1:] {
		last := &joined[len(joined)-1]
		if gap := r.Addr - last.Addr; gap > uintptr(last.N) {
			joined = append(joined, r)
		} else {
			last.N = max(last.N, int(gap)+r.N)
		}
	}
	if err := m.Fetch(joined, true); err != nil {
		return err
	}
	if !all {
		for _, r := range joined {
			if r.N > 0 {
				p.Add(now, p.Page(r.Addr), min(p.Page(r.Addr+uintptr(r.N)), p.Page(p.End())))
			}
		}
	}
	return nil
}

// missing reports whether the page at an address is not in memory, as far as the system tells. It
// asks about the pages around it too, once in a Period.
func (c *cold) missing(l *mem.Limits, m mem.Mapping, p *resident.Pages, now resident.Period, addr uintptr) bool {
	page := p.Page(addr)
	if !p.Asked(now, page) {
		lo, hi := p.Around(page)
		from, end := p.Base()+lo<<resident.Shift, p.Base()+hi<<resident.Shift
		if limit := l.Own().Readable(); limit > addr { // the mapping ends there
			end = min(end, num.Down(limit+(1<<resident.Shift-1), 1<<resident.Shift))
		}
		answer := c.answer[:(end-from)>>resident.Shift]
		if m.Resident(from, int(end-from), answer) != nil {
			clear(answer) // the system does not tell: then once in a Period they are brought in
		}
		p.Set(now, lo, answer)
	}
	return p.Lacks(now, page) != 0
}
