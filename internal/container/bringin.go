package container

import "github.com/typedmem/typedmem/internal/mem"

// BringIn brings the pages of the header block that [File.Publish] and [File.Sync] store to into
// memory, by system calls. Some file systems (FUSE) drop the pages of a file that is made longer,
// and a store would then stop its thread. What cannot come now is the error of Publish or Sync.
func (c *File) BringIn() {
	if !c.writer || c.block == nil {
		return
	}
	for _, at := range []int{0, copySpace, liveOffset} {
		_ = mem.Of(c.block).BringIn(at, at+liveSize)
	}
}
