package region

import (
	"errors"

	"github.com/typedmem/typedmem"
	"github.com/typedmem/typedmem/internal/container"
	"github.com/typedmem/typedmem/internal/mem"
	"github.com/typedmem/typedmem/internal/shell"
)

// Close releases the memory and ends every view of it. If the length of a region file has changed
// since the last Sync, Close syncs it first. Elements that Set has changed survive the end of the
// process. They survive a power failure only after a Sync.
//
//   - [typedmem.ErrClosed]: the region was closed before.
//   - [typedmem.ErrBusy]: it is pinned, or another goroutine is in a Flush, Sync, Prefault, Refresh
//     or a growing call. The region stays open.
//   - [typedmem.ErrTruncated], [typedmem.ErrLayout]: another program has made the file shorter, or
//     has written another file's contents over it. Everything is released.
//   - Any other error: the file could not be synced. The region stays open.
func (r *Region[T]) Close() error { return shell.Fail("close", r.core.close()) }

// close syncs a length that is not durable yet, then releases everything. If the sync or the
// unmapping fails, the region stays open.
func (c *core) close() error {
	if c == nil {
		return errZero
	}
	if c.reader {
		if err := c.follow.stop(); err != nil {
			return err
		}
		defer c.follow.Unlock()
	}
	if c.file != nil && c.file.Writer() && !c.closed() {
		err := c.whole(c.length())
		if err == nil && c.file.Unsynced(c.length()/c.size) {
			err = c.sync()
		}
		if err != nil && !container.Foreign(err) {
			return err
		} else if err != nil { // a second Close could not save the file either
			return errors.Join(err, c.abandon())
		}
	}
	c.greatest = max(c.greatest, c.length()) // the length may have been changed through the mapping
	err := c.unmap()
	f := c.file
	if f == nil || err != nil && !errors.Is(err, typedmem.ErrClosed) {
		return err
	}
	if err != nil && f.Writer() { // the mapping was closed before: sync through the file
		e := c.whole(c.published)
		if e == nil && f.Unsynced(c.published/c.size) {
			e = f.Sync(c.published/c.size, f.Handle().Sync)
		}
		if container.Foreign(e) {
			c.file = nil
			return errors.Join(err, e, f.Abandon())
		} else if e != nil {
			return errors.Join(err, e)
		}
	}
	c.file = nil
	size := int64(-1)
	if f.Writer() {
		size = container.DataOffset + int64(c.greatest)
	}
	return errors.Join(err, f.Close(size))
}

// abandon closes a region file whose length cannot be synced, as if its writer were killed.
func (c *core) abandon() error {
	if err := c.mapping().Close(); err != nil {
		return err
	}
	f := c.file
	c.file = nil
	return f.Abandon()
}

// closed reports whether the memory was released. c is nil in the zero Region, which is closed.
func (c *core) closed() bool {
	if c == nil {
		return true
	}
	here := c.at.Load()
	return mem.Of(here.m).Limits() != here.limits
}
