package region

import (
	"errors"

	"github.com/typedmem/typedmem"
	"github.com/typedmem/typedmem/internal/container"
	"github.com/typedmem/typedmem/internal/mem"
	"github.com/typedmem/typedmem/internal/shell"
)

// Close gives the memory back and ends every view of it. A region file's length is made durable
// first if it has changed since the last Sync, with the data before it; should that fail, the
// region stays open. Of a file that another program made shorter everything is given back all the
// same, and Close returns ErrTruncated. A second Close is ErrClosed. That of a pinned region, or
// while another goroutine is in a Flush, Sync, Prefault, Refresh or a growing call, is ErrBusy: the
// region stays open.
func (r *Region[T]) Close() error { return shell.Fail("close", r.core.close()) }

// close gives everything back. A length that is not on the device yet is made durable first, the
// data before it; should that or the unmapping fail, the region stays open.
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
		} else if err != nil { // others have cut the file off or written over it, and no second Close could repair that
			return errors.Join(err, c.abandon())
		}
	}
	c.greatest = max(c.greatest, c.length()) // which somebody may have changed through the mapping
	err := c.unmap()
	f := c.file
	if f == nil || err != nil && !errors.Is(err, typedmem.ErrClosed) {
		return err
	}
	if err != nil && f.Writer() { // somebody closed the mapping: the data can be flushed through the file only
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

// abandon closes a file region whose length cannot be synced, as if its writer were killed.
func (c *core) abandon() error {
	if err := c.mapping().Close(); err != nil {
		return err
	}
	f := c.file
	c.file = nil
	return f.Abandon()
}

// closed tells that the memory is gone, or that there never was any: c is nil in the zero Region.
func (c *core) closed() bool {
	if c == nil {
		return true
	}
	here := c.at.Load()
	return mem.Of(here.m).Limits() != here.limits
}
