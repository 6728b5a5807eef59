package region

import (
	"errors"

	"github.com/typedmem/typedmem"
	"github.com/typedmem/typedmem/internal/container"
	"github.com/typedmem/typedmem/internal/mem"
	"github.com/typedmem/typedmem/internal/shell"
)

// Close releases the memory and ends every view of it. If the length of a region file has changed
// since the last Sync, Close does a [Region.Sync] first, which makes the elements durable too. If
// it has not, Close does none: elements that Set has changed survive the end of the process, but
// not a power failure. Close does not look whether the path still names the file, as Sync does.
//
//   - [typedmem.ErrClosed]: the region was closed before.
//   - [typedmem.ErrBusy]: it is pinned, or another goroutine is in a Flush, Sync, Prefault,
//     Refresh, Close or a growing call. The region stays open.
//   - [typedmem.ErrTruncated], [typedmem.ErrLayout]: another program has made the file shorter, or
//     has written another file's contents over it. Everything is released.
//   - Any other error: the file could not be synced. The region stays open, for a [Region.Snapshot]
//     to another place, say. If it was the system that could not write, no Sync can succeed any
//     more: the next Close releases everything and returns the error again. The file keeps the
//     length of the last Sync, as after a power failure.
func (r *Region[T]) Close() error { return shell.Fail("close", r.core.close()) }

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
	if !c.syncing.TryLock() {
		return errSyncing
	}
	defer c.syncing.Unlock()
	f := c.file
	writes := f != nil && f.Writer()
	var unwritten error // a Sync has failed for good, and the caller has been told
	if writes {
		unwritten = f.Unwritten()
	}
	length, lost, err := c.syncAndUnmap(writes && unwritten == nil)
	if lost != nil && !container.Foreign(lost) {
		return lost
	}
	if f == nil || err != nil && !errors.Is(err, typedmem.ErrClosed) {
		return errors.Join(lost, err)
	}
	c.greatest = max(c.greatest, int64(length))                  // the length may have been changed through the mapping
	if err != nil && writes && lost == nil && unwritten == nil { // the mapping was closed before: sync through the file
		if lost = c.whole(c.published); lost == nil && f.Unsynced(c.elements(c.published)) {
			lost = f.Sync(c.elements(c.published), f.Flush)
		}
		if lost != nil && !container.Foreign(lost) {
			return errors.Join(err, lost)
		}
	}
	c.file = nil
	if lost != nil { // leave the file as a killed writer would
		return errors.Join(err, lost, f.Abandon())
	}
	if unwritten != nil {
		return errors.Join(err, unwritten, f.Close(-1))
	}
	return errors.Join(err, f.Close(container.DataOffset+c.greatest))
}

// syncAndUnmap syncs a length that is not durable yet, in bytes, and releases the memory. It begins
// again if a goroutine that had a pin has appended meanwhile. lost is why the file was not saved:
// then the memory was released only if a second Close could not save the file either.
func (c *core) syncAndUnmap(writes bool) (length int, lost, err error) {
	for {
		length = c.length()
		if !writes || c.closed() {
			return length, nil, c.unmap()
		}
		if lost = c.whole(length); lost == nil && c.file.Unsynced(c.elements(length)) {
			lost = c.syncLocked()
		}
		if container.Foreign(lost) {
			return length, lost, c.unmap()
		} else if lost != nil {
			return length, lost, nil
		}
		if changed, err := c.inner().CloseAt(length); !changed {
			return length, nil, err
		}
	}
}

// closed reports whether the memory was released. c is nil in the zero Region, which is closed.
func (c *core) closed() bool {
	if c == nil {
		return true
	}
	here := c.at.Load()
	return mem.Of(here.m).Limits() != here.limits
}
