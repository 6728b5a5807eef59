package region

import (
	"github.com/typedmem/typedmem"
	"github.com/typedmem/typedmem/internal/container"
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
		return bounds(op, lo, hi, n)
	}
	return f(r.core.mapping(), lo*r.core.size, hi*r.core.size)
}

// Sync makes data and length durable: when it returns, both survive a power failure. In a region
// file the data is written before the length, so that a system crash inside Sync leaves the length
// of the Sync before. Without a shared file it does nothing. If another program has made the region
// file shorter it returns [typedmem.ErrTruncated].
func (r *Region[T]) Sync() error {
	if r.core.closed() {
		return shell.Fail("sync", r.errClosed())
	}
	return shell.Fail("sync", r.core.sync())
}

// whole returns ErrTruncated if the file holds less than the given bytes of data.
func (c *core) whole(bytes int) error {
	if c.file == nil {
		return nil
	}
	return c.file.Whole(container.DataOffset + int64(bytes))
}

func (c *core) sync() error {
	bytes := c.length()
	if c.file == nil || !c.file.Writer() {
		return c.mapping().Flush(0, bytes)
	}
	return c.file.Sync(bytes/c.size, func() error {
		if err := c.mapping().Flush(0, bytes); err != nil {
			return err
		}
		return c.whole(bytes)
	})
}
