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

// moves says whether readers reserve little, and move to a larger range when the file has outgrown
// it. In a 32-bit address space they do not: there Region.reach depends on the base address, and an
// access could not load both at once.
const moves = strconv.IntSize == 64

// place is a mapping and its limits. It never changes, so that both belong together.
type place struct {
	m      *typedmem.Mapping
	limits *mem.Limits
}

// former is a mapping that a reader has left for a larger one. Views of it stay valid.
type former struct {
	m     *typedmem.Mapping
	shown int // its length in bytes
}

// follower is the state of a region that follows the writer of its file.
type follower struct {
	sync.Mutex          // held by Refresh and Close
	old        []former // oldest first
}

// stop locks f for Close. It waits for a Refresh that finds nothing new, which returns soon, but
// not for one that waits for the file system.
func (f *follower) stop() error {
	for range 1000 {
		if f.TryLock() {
			return nil
		}
		runtime.Gosched()
	}
	return fmt.Errorf("another goroutine is in a Refresh; try again when it has returned: %w", typedmem.ErrBusy)
}

// Refresh sets the length of a region that was opened for reading to the length that the file's
// writer has published, and returns it. The writer may be in this or another process. The elements
// up to there are complete. For other regions it returns Len. Several goroutines may call it at
// once. If another file's contents were copied over the file it returns [typedmem.ErrLayout].
//
// A reader whose file has become longer than Cap moves to a larger range of addresses:
//   - Views, slices and pointers from before stay valid, and show the same elements. New ones lie
//     in the larger range, and an element has another address there.
//   - The larger range has the protection and the flags of the old one. If the old range was locked
//     as a whole, the new one is locked instead. What LockRange locked stays locked where it is.
//     Advice to [Region.Mapping] has to be given again.
//   - A pin holds all ranges, whenever it was made.
//
// If there are not enough addresses Refresh returns an error, and the region stays as it is. In a
// 32-bit program a file longer than Cap is always [typedmem.ErrCapacity]. In a 64-bit one it is
// ErrCapacity where a larger range would leave too few addresses for the rest of the program. If
// the writer has shrunk the file, Refresh returns [typedmem.ErrBusy] while the region is pinned, or
// while another goroutine is in a Flush, Sync or Prefault.
//
// If the path of a region file names another file now, or none, Refresh updates the length all the
// same, and returns it with [typedmem.ErrReplaced]. Views stay valid, and the region shows the file
// that it opened, until Close. Open the path again for the new file. To know that, each Refresh
// looks the path up, which takes one or two microseconds.
//
//   - A relative path is meant as it was when the file was opened.
//   - A path that cannot be looked up, as in a directory that may not be searched any more, is no
//     replacement.
//   - NFS: what another machine did to the path shows after some seconds.
//   - After chroot(2) paths are looked up below the new root, and may name nothing there.
func (r *Region[T]) Refresh() (int, error) {
	if r.core.closed() {
		return 0, shell.Fail("refresh", r.errClosed())
	}
	replaced := r.core.name.Check() // before the length: that is then all that was published under the name
	bytes, err := r.core.refresh()
	if err != nil {
		return 0, shell.Fail("refresh", err)
	}
	return bytes / r.core.size, shell.Fail("refresh", replaced)
}

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
	shorter, err := c.file.Shorter() // after the length; see noteShorter
	if err != nil {
		return 0, err
	}
	c.shorter.Store(shorter)
	bytes, length := n*c.size, c.length() // checked by Refresh
	if err := c.resizeFormer(bytes, length); err != nil {
		return 0, err
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

// resizeFormer sets the lengths of the former mappings for a new length in bytes, each at most to
// the length that it had: their views notice that elements go or come. If one of the region's
// mappings would refuse a shorter length, nothing changes.
func (c *core) resizeFormer(bytes, length int) error {
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

// unmap releases all mappings, or none if one is in use.
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
