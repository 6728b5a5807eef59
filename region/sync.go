package region

import (
	"errors"
	"fmt"

	"github.com/typedmem/typedmem"
	"github.com/typedmem/typedmem/internal/container"
	"github.com/typedmem/typedmem/internal/mem"
	"github.com/typedmem/typedmem/internal/shell"
)

// Flush writes changed elements to the file and returns when they are on the device. It does not
// write the length: see [Region.Sync]. Without a shared file it does nothing.
func (r *Region[T]) Flush() error { return r.FlushRange(0, r.Len()) }

// FlushRange is Flush for the elements [lo, hi).
func (r *Region[T]) FlushRange(lo, hi int) error {
	return r.onRange("flush", lo, hi, (*typedmem.Mapping).Flush)
}

// Prefault brings the elements [lo, hi) into memory. For elements that cannot be read from the file
// it returns an error, where an access would fault. See [typedmem.Mapping.Prefault].
func (r *Region[T]) Prefault(lo, hi int) error {
	return r.onRange("prefault", lo, hi, (*typedmem.Mapping).Prefault)
}

func (r *Region[T]) onRange(op string, lo, hi int, f func(m *typedmem.Mapping, lo, hi int) error) error {
	if r.core.closed() {
		return shell.Fail(op, r.errClosed())
	}
	if n := r.Len(); lo < 0 || hi < lo || hi > n {
		if r.core.closed() { // meanwhile
			return shell.Fail(op, r.errClosed())
		}
		return bounds(op, lo, hi, n)
	}
	return f(r.core.mapping(), lo*r.core.size, hi*r.core.size)
}

// Sync makes data and length durable: when it returns, both survive a power failure. In a region
// file the data is written before the length, so that a system crash inside Sync leaves the length
// of the Sync before. Without a shared file it does nothing. If another program has made the region
// file shorter it returns [typedmem.ErrTruncated]. If the path names another file now, or none, it
// makes the open file durable and returns [typedmem.ErrReplaced]: who opens the path does not find
// it.
//
// If the system could not write to the device, what was changed since the last Sync may be lost,
// and on Unix each later Sync returns that error: see [typedmem.Mapping.Flush]. The elements can
// still be read, and [Region.Snapshot] saves them elsewhere. Do that before the process ends: one
// that opens the file later, before the system restarts, is not told.
//
// Sync may be called while other goroutines append, read or call Sync. What was appended after it
// began is left to the next one. If it has to wait for another Sync, Append goes on meanwhile.
// While a [Region.Shutdown] waits, and no pin is left, Sync returns [typedmem.ErrClosed].
func (r *Region[T]) Sync() error {
	if r.core.closed() {
		return shell.Fail("sync", r.errClosed())
	}
	held := mem.Of(r.core.mapping())
	if err := held.Step(); err != nil { // else a Shutdown would wait for ever for one Sync after the other
		return shell.Fail("sync", err)
	}
	defer held.EndStep()
	err := r.core.sync()
	if err == nil {
		err = r.core.name.Check()
	}
	return shell.Fail("sync", err)
}

// errSyncing is why a region cannot be closed or made shorter now.
var errSyncing = fmt.Errorf("another goroutine is in a Sync or Close; try again when it has returned: %w", typedmem.ErrBusy)

// whole returns ErrTruncated if the file holds less than the given bytes of data.
func (c *core) whole(bytes int) error {
	if c.file == nil {
		return nil
	}
	return c.file.Whole(container.DataOffset + int64(bytes))
}

// sync makes data and length durable, in this order. Others may append meanwhile.
func (c *core) sync() error {
	c.syncing.Lock()
	defer c.syncing.Unlock()
	return c.syncLocked()
}

// syncLocked is sync for those that hold c.syncing.
func (c *core) syncLocked() error {
	bytes := c.length()
	if c.file == nil || c.reader || c.fixed == errCopy {
		return c.mapping().Flush(0, bytes)
	}
	if c.fixed != nil { // the header states this length already
		if err := c.mapping().Flush(0, bytes); err != nil {
			return err
		}
		return errors.Join(c.whole(bytes), c.file.SyncEntry())
	}
	return c.file.Sync(c.elements(bytes), func() error {
		if err := c.mapping().Flush(0, bytes); err != nil {
			return err
		}
		return c.whole(bytes)
	})
}
