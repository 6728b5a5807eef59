package container

import (
	"fmt"

	"github.com/typedmem/typedmem"
	"github.com/typedmem/typedmem/internal/mem"
	"github.com/typedmem/typedmem/internal/printing"
	"github.com/typedmem/typedmem/internal/sys"
)

// Publish makes the length n visible to readers in other processes, and to the next Open if this
// process crashes. The elements must be written before. On a full disk it may return an error; then
// the old length stays.
func (c *File) Publish(n int) error {
	if !c.mayLackSpace {
		c.live.publish(uint64(n))
		return nil
	}
	err := mem.Of(c.block).WriteWord(liveOffset+liveWordAt, littleEndian(packLength(uint64(n))))
	return sys.SpaceError(c.path, err)
}

// Sync makes the data and the length n durable, in this order: flushData returns when the first n
// elements are on the device; then one header copy is written and flushed while the other copy
// still holds the old length; then the other copy is written. A crash between any two writes leaves
// a valid copy whose elements are all there. On error the old length stays the durable one; a
// header that was cut off is an error.
func (c *File) Sync(n int, flushData func() error) error {
	if err := flushData(); err != nil {
		return printing.Named(c.path, err)
	}
	err := c.writing(func() error { return c.sync(n) })
	if err != nil { // a copy may be half-written
		c.damaged = true
	}
	return printing.Named(c.path, err)
}

func (c *File) sync(n int) error {
	if !c.holds(c.bytes()) {
		return fmt.Errorf("%s: another file's contents were written over it: %w", c.path, typedmem.ErrLayout)
	}
	if err := c.syncDirectory(); err != nil {
		return err
	}
	if !c.copiesFlushed { // the last writer may not have flushed them
		if err := c.block.Flush(0, liveOffset); err != nil {
			return err
		}
		c.copiesFlushed = true
	}
	if uint64(n) == c.synced && c.durableCopy >= 0 && !c.damaged && !c.unflushed {
		return nil
	}
	// The copy that is known to be on the device is not touched until the other one is there too.
	first := 0
	if c.durableCopy == 0 {
		first = 1
	}
	c.writeCopy(first, uint64(n))
	if err := c.flushCopy(first); err != nil {
		// This copy is the newer one and would count, so it must state the durable length again.
		c.writeCopy(first, c.synced)
		c.unflushed = c.flushCopy(first) != nil
		return err
	}
	c.durableCopy, c.synced, c.damaged, c.unflushed = first, uint64(n), false, false
	c.writeCopy(1-first, uint64(n))
	return nil
}

// writeCopy writes header copy i with the length n.
func (c *File) writeCopy(i int, n uint64) {
	c.header.sequence++
	h := *c.header
	h.length = n
	h.encode(c.bytes()[i*copySpace : (i+1)*copySpace])
}

func (c *File) flushCopy(i int) error { return c.block.Flush(i*copySpace, (i+1)*copySpace) }

// Unsynced reports whether n is not known to be the durable length.
func (c *File) Unsynced(n int) bool { return c.writer && (uint64(n) != c.synced || c.unflushed) }
