package region

import (
	"errors"
	"fmt"
	"runtime"
	"strconv"
	"sync"

	"github.com/typedmem/typedmem"
	"github.com/typedmem/typedmem/internal/mem"
	"github.com/typedmem/typedmem/internal/shell"
)

// moves tells that readers reserve little and move on to a larger range when the file has outgrown
// theirs. In a 32-bit address space they do not: an access could not take the addresses and how
// many indexes have one (see reach) from the same range.
const moves = strconv.IntSize == 64

// place is a mapping and its own limits. It never changes, so that who loads it has both of the
// same moment.
type place struct {
	m      *typedmem.Mapping
	limits *mem.Limits
}

// former is a mapping from which a reader has moved on. Views of it live on.
type former struct {
	m     *typedmem.Mapping
	shown int // bytes that it had
}

// follower is what a region needs that follows a file.
type follower struct {
	sync.Mutex          // held by Refresh, and by Close
	old        []former // in order
}

// stop locks f for Close. A Refresh that finds nothing new returns soon, and is waited for; one
// that waits for the file system is not.
func (f *follower) stop() error {
	for range 1000 {
		if f.TryLock() {
			return nil
		}
		runtime.Gosched()
	}
	return fmt.Errorf("another goroutine is in a Refresh; try again when it has returned: %w", typedmem.ErrBusy)
}

// Refresh follows the writer of a region file that was opened read-only: it takes over the length
// that the writer, in this or another process, has published, and returns it. The elements up to
// there are complete. For other regions it returns Len. Goroutines may call it at once. A file over
// which another file's contents were copied is ErrLayout.
//
// A reader whose file has become longer than Cap moves on to a larger range of addresses:
//   - Views, slices and pointers from before stay valid, and show the same elements. New ones lie
//     in the larger range, and an element has another address there.
//   - The larger range has the protection and the flags that the one before had, and is locked in
//     its place where that was locked as a whole. What LockRange locked stays locked where it is;
//     advice that was given to [Region.Mapping] is to be given anew.
//   - A pin holds all ranges, whenever it was made.
//
// Where there are no addresses for that, Refresh returns an error, and the region goes on as it is;
// ErrCapacity where they would be lacking to the rest of the program, and always in a 32-bit
// program. A shorter length is ErrBusy while the region is pinned, or a call of another goroutine
// is at work on it, as at [Region.Close].
func (r *Region[T]) Refresh() (int, error) {
	if r.core.closed() {
		return 0, shell.Fail("refresh", r.errClosed())
	}
	bytes, err := r.core.refresh()
	if err != nil {
		return 0, shell.Fail("refresh", err)
	}
	return bytes / r.core.size, nil
}

// refresh takes over the length that the writer of the file has published.
func (c *core) refresh() (int, error) {
	if !c.reader {
		return c.length(), nil
	}
	c.follow.Lock()
	defer c.follow.Unlock()
	here := c.at.Load()
	if err := here.limits.Err(false); err != nil { // after Close too, which has the lock
		return 0, err
	}
	n, err := c.file.Refresh()
	if err != nil {
		return 0, err
	}
	bytes, length := n*c.size, c.length() // checked by Refresh
	if len(c.follow.old) > 0 {
		if err := c.showBefore(bytes, length); err != nil {
			return 0, err
		}
	}
	if bytes == length {
		return bytes, nil
	}
	if !moves || bytes <= here.m.Cap() {
		return bytes, here.m.Resize(bytes)
	}
	larger, err := mem.Of(here.m).Larger(bytes)
	if err != nil {
		return 0, err
	}
	c.follow.old = append(c.follow.old, former{here.m, length})
	c.moveTo(larger.Public().(*typedmem.Mapping))
	c.showLimits()
	return bytes, nil
}

// showBefore has the mappings from which the region moved on show as much of so many bytes as they
// had: views of them notice that elements go, and that others come. On a way to a shorter length
// that one of the region's mappings would refuse nothing changes.
func (c *core) showBefore(bytes, length int) error {
	if bytes < length {
		for _, f := range c.follow.old {
			if err := mem.Of(f.m).CanResize(min(bytes, f.shown)); err != nil && !errors.Is(err, typedmem.ErrClosed) {
				return err
			}
		}
		if err := c.inner().CanResize(bytes); err != nil {
			return err
		}
	}
	for _, f := range c.follow.old {
		n := min(bytes, f.shown)
		if f.m.Len() == n {
			continue
		}
		if err := f.m.Resize(n); err != nil && !errors.Is(err, typedmem.ErrClosed) {
			return err
		}
	}
	return nil
}

// unmap gives all memory back, or none where some of it is in use.
func (c *core) unmap() error {
	m := c.mapping()
	if len(c.follow.old) == 0 {
		return m.Close()
	}
	var all []mem.Mapping
	for _, f := range c.follow.old {
		all = append(all, mem.Of(f.m))
	}
	err := mem.CloseAll(append(all, mem.Of(m)))
	if err == nil || errors.Is(err, typedmem.ErrClosed) {
		c.follow.old = nil
	}
	return err
}
