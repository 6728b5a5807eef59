package typedmem

import (
	"os"

	"github.com/typedmem/typedmem/flags"
)

// How far ahead of the length memory is mapped: a quarter of what is there, so that the number of
// system calls grows with the logarithm of the size, within these bounds in bytes. Writable
// anonymous memory that has grown past soonAhead bytes is mapped in smaller steps, a thirty-second
// of what is there and at most soonAhead, and brought in at once: one call in place of a fault for
// every page, with pages that are still in the cache when they are written.
const (
	leastAhead = 64 << 10
	mostAhead  = 64 << 20
	soonAhead  = 1 << 20
)

// ahead returns how many bytes after the length to map, and whether to bring them in.
func (m *Mapping) ahead() (n int, bringIn bool) {
	mapped := m.span.mapped
	if m.plan.HasFile || mapped < soonAhead || !m.plan.Protection.Has(flags.Read|flags.Write) || m.plan.PageSize != 0 {
		return min(max(mapped/4, leastAhead), mostAhead), false
	}
	return min(max(mapped/32, leastAhead), soonAhead), true
}

// grown is what growth ahead of the length did to the end of a file, in bytes from its start.
type grown struct {
	made int64 // where growth put the end, 0 where it left it alone
	keep int64 // up to where Close leaves the file: the end that somebody else gave it, or the greatest length of the mapping
}

// to notes that a file of the given size is made longer.
func (g *grown) to(end, size int64) {
	if end <= size {
		return
	}
	if size != g.made {
		g.keep = max(g.keep, size)
	}
	g.made = end
}

// cut takes from the file what growth put behind end and behind all that is to be kept, unless
// somebody else has changed its size.
func (g *grown) cut(f *os.File, end int64) {
	if end = max(end, g.keep); g.made > end {
		_ = cutBack(f, g.made, end) // not every system shortens a file that another view shows
	}
}
