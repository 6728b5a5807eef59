package typedmem

import "os"

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
