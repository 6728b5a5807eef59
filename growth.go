package typedmem

import (
	"os"

	"github.com/typedmem/typedmem/flags"
	"github.com/typedmem/typedmem/internal/mem"
)

// soonAhead bounds the steps of writable anonymous memory that is larger than it. They are smaller,
// a thirty-second of what is there, and brought in at once: one call in place of a fault for every
// page, with pages that are still in the cache when they are written.
const soonAhead = 1 << 20

// ahead returns how many bytes after the length to map, and whether to bring them in.
func (m *Mapping) ahead() (n int, bringIn bool) {
	mapped := m.span.mapped
	if m.plan.HasFile || mapped < soonAhead || !m.plan.Protection.Has(flags.Read|flags.Write) || m.plan.PageSize != 0 {
		return mem.GrowthStep(mapped), false
	}
	return min(max(mapped/32, mem.LeastGrowth), soonAhead), true
}

// grown is what growth ahead of the length did to the end of a file, in bytes from its start.
type grown struct {
	made  int64 // where growth put the end, 0 where it left it alone
	least int64 // up to where Close leaves the file: the end that somebody else gave it, or the greatest length of the mapping
}

// to notes that a file of the given size is made longer.
func (g *grown) to(end, size int64) {
	if end <= size {
		return
	}
	if size != g.made {
		g.least = max(g.least, size)
	}
	g.made = end
}

// cut shortens the file to end, or to g.least where that is more, unless somebody else has changed
// its size.
func (g *grown) cut(f *os.File, end int64) {
	if end = max(end, g.least); g.made > end {
		_ = cutBack(f, g.made, end) // not every system shortens a file that another view shows
	}
}
