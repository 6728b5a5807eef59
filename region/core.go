package region

import (
	"errors"
	"fmt"
	"math"
	"sync/atomic"
	"unsafe"

	"github.com/typedmem/typedmem"
	"github.com/typedmem/typedmem/flags"
	"github.com/typedmem/typedmem/internal/container"
	"github.com/typedmem/typedmem/internal/layout"
	"github.com/typedmem/typedmem/internal/mem"
	"github.com/typedmem/typedmem/internal/num"
	"github.com/typedmem/typedmem/internal/shell"
	"github.com/typedmem/typedmem/options"
)

// core is all of a region that does not depend on the element type. Lengths and offsets are in
// bytes where a name does not say elements.
type core struct {
	at     atomic.Pointer[place] // where the elements are
	first  place                 // what at points to at first: it takes no allocation of its own
	shown  *unsafe.Pointer       // the limits in the Region, which accesses go by
	size   int                   // of an element
	layout *layout.Layout
	file   *container.File // of a self-describing file, else nil
	last   int             // length in bytes that was published last
	top    int             // greatest length in bytes that readers of the file may know
	stale  int             // up to where in bytes the file may hold elements that were cut off and could not be cleared
	frail  bool            // m's: stores that must not fault go through its Write
	dirty  int             // up to where in bytes Append has begun to write: past the length only where it did not get to its end
	reader bool            // of a self-describing file
	follow follower        // of a reader
}

func (c *core) mapping() *typedmem.Mapping { return c.at.Load().m }

// inner is the mapping with what it does for this module alone.
func (c *core) inner() mem.Mapping { return mem.Of(c.mapping()) }

func (c *core) limits() *mem.Limits { return c.at.Load().limits }

// moveTo has the region show another mapping, or the same one with other limits.
func (c *core) moveTo(m *typedmem.Mapping) { c.at.Store(&place{m, mem.Of(m).Limits()}) }

// showLimits has accesses through the Region go by the limits that the core has now, beside
// accesses that are at work.
func (c *core) showLimits() {
	l := c.limits()
	if c.layout.Atomic {
		l = l.Sealed()
	}
	atomic.StorePointer(c.shown, unsafe.Pointer(l))
}

// newCore takes over m. On error m is as it was.
func newCore(m *typedmem.Mapping, l *layout.Layout) (*core, error) {
	if err := shell.CheckType(l, shell.MemoryOf(m.FileBacked(), m.Shared())); err != nil {
		return nil, err
	}
	if err := shell.CheckAddress(l, m); err != nil {
		return nil, err
	}
	c := &core{first: place{m, mem.Of(m).Limits()}, frail: mem.Of(m).Frail(), size: int(l.Size), layout: l}
	c.at.Store(&c.first)
	return c, nil
}

// mapRequest makes a mapping for a region and takes it over.
func mapRequest(r mem.Request, l *layout.Layout) (*core, error) {
	if err := shell.CheckType(l, shell.MemoryOf(r.HasFile, r.Flags.Has(flags.Shared))); err != nil {
		return nil, err
	}
	r.WithinFile = true
	if r.Size == 0 && r.Capacity == 0 {
		r.Capacity = 1 // an empty array works too; the capacity is rounded up to a page
	}
	m, err := mem.Map[*typedmem.Mapping](r)
	if err != nil {
		return nil, err
	}
	c, err := newCore(m, l)
	if err != nil {
		return nil, errors.Join(err, m.Close())
	}
	return c, nil
}

// spec describes a region file of the type.
func spec(l *layout.Layout) container.Spec {
	return container.Spec{Kind: container.KindRegion, Layout: l}
}

// newInMemory makes a region of n elements in anonymous memory.
func newInMemory(n int, l *layout.Layout) (*core, error) {
	bytes, err := shell.Bytes(n, l)
	if err != nil {
		return nil, err
	}
	r := request(options.New(bytes), flags.Read|flags.Write)
	r.Elastic = true
	return mapRequest(r, l)
}

// fromMapping makes a region of a mapping that the caller has made.
func fromMapping(m *typedmem.Mapping, l *layout.Layout) (*core, error) {
	if m == nil {
		return nil, fmt.Errorf("no mapping was given: %w", typedmem.ErrOperation)
	}
	if mem.Of(m).Limits().Mapping() != mem.Of(m) {
		return nil, typedmem.ErrClosed
	}
	return newCore(m, l)
}

// create makes a new file with n elements.
func create(path string, n int, l *layout.Layout, o options.Options) (*core, error) {
	if err := shell.CheckType(l, layout.SharedFile); err != nil {
		return nil, err
	}
	if l.Size > 1<<31-1 {
		return nil, fmt.Errorf("elements of %d bytes: %w", l.Size, typedmem.ErrSize)
	}
	bytes, err := shell.Bytes(n, l)
	if err != nil {
		return nil, err
	}
	ask, err := fileRequest(o)
	if err != nil {
		return nil, err
	}
	if ask.Capacity == 0 { // it goes by the size, and the file is mapped before it has one
		ask.Capacity, ask.Elastic = bytes, true
	}
	f, err := container.Create(path, spec(l))
	if err != nil {
		return nil, err
	}
	c, err := attach(f, 0, l, ask, true)
	if err != nil {
		return nil, errors.Join(err, f.Discard())
	}
	if err = c.resize(bytes); err == nil {
		err = f.Link(n)
	}
	if err != nil {
		return nil, errors.Join(err, c.mapping().Close(), f.Discard())
	}
	return c, nil
}

// open opens a file.
func open(path string, write bool, l *layout.Layout, o options.Options) (*core, error) {
	if err := shell.CheckType(l, layout.SharedFile); err != nil {
		return nil, err
	}
	ask, err := fileRequest(o)
	if err != nil {
		return nil, err
	}
	f, err := container.Open(path, spec(l), write)
	if err != nil {
		return nil, err
	}
	bytes := f.Length() * int(l.Size) // checked by Open
	c, err := attach(f, bytes, l, ask, write)
	if err == nil && write {
		if err = c.takeOver(bytes); err != nil {
			err = errors.Join(err, c.mapping().Close())
		}
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", path, err), f.Abandon())
	}
	return c, nil
}

// takeOver makes a file that was opened for writing this writer's. A length that a killed writer
// published and never synced is synced first: it must not hang on a live record that is being
// written anew, neither for readers nor for the next open.
func (c *core) takeOver(bytes int) error {
	if err := c.clearRest(bytes); err != nil {
		return err
	}
	if c.file.Unsynced(bytes / c.size) {
		if err := c.sync(); err != nil {
			return err
		}
	}
	return c.file.Begin(false) // however this writer ends, the next one clears what follows the synced length
}

// attach maps the data of an open file; ask holds the caller's flags and capacity.
func attach(f *container.File, bytes int, l *layout.Layout, ask mem.Request, write bool) (*core, error) {
	r := ask
	r.Size, r.File, r.HasFile, r.Offset = bytes, f.Handle(), true, container.DataOffset
	r.FileOwner = f
	r.LeaveFile = true // core.close cuts it, and knows how far readers look
	r.Flags |= flags.Shared
	r.Protection = flags.Read
	r.ReadOnlyFile = !write
	if write {
		r.Protection |= flags.Write
	}
	r.Elastic = r.Elastic || r.Capacity == 0
	r.Follows = !write && moves
	c, err := mapRequest(r, l)
	if err != nil {
		return nil, err
	}
	c.file, c.reader, c.last, c.top = f, !write, bytes, bytes
	return c, nil
}

// clearRest makes the file zero past the length: a writer that was killed may have left elements
// there that it never published.
func (c *core) clearRest(bytes int) error {
	info, err := c.file.Handle().Stat()
	if err != nil {
		return err
	}
	rest := info.Size() - container.DataOffset - int64(bytes)
	if rest <= 0 {
		return nil
	}
	// Only a restart of the system ends the readers too: they may know more elements than the last
	// writer kept.
	if c.file.Left() != container.LeftLost {
		c.top = int(min(int64(bytes)+rest, math.MaxInt))
	}
	return c.file.Zero(container.DataOffset+int64(bytes), rest)
}

// length returns the length in bytes, 0 after Close.
func (c *core) length() int {
	here := c.at.Load()
	if end := here.limits.Readable(); mem.Allows(end) {
		return int(end - here.limits.Base())
	}
	return here.m.Len()
}

// makeRoom puts memory behind more elements after the length, which stays.
func (c *core) makeRoom(more int) error {
	if err := c.limits().Err(true); err != nil {
		return err
	}
	if err := c.whole(c.length()); err != nil {
		return err
	}
	have := c.length() / c.size
	total, ok := num.Mul(have+more, c.size) // a negative sum is refused
	if !ok {
		return fmt.Errorf("%d elements of %d bytes more than %d: %w", more, c.size, have, typedmem.ErrSize)
	}
	return c.inner().MakeRoom(max(total, c.length()))
}

// resize sets the length; what is new is zero. On error nothing has changed, on the device neither.
func (c *core) resize(bytes int) error {
	if err := c.limits().Err(true); err != nil {
		return err
	}
	old := c.length()
	if err := c.whole(min(bytes, old)); err != nil {
		return err
	}
	if bytes > old {
		if err := c.clean(old); err != nil {
			return err
		}
	}
	switch {
	case c.file == nil:
		err := c.mapping().Resize(bytes)
		if err == nil && bytes < old { // all past the length has gone or is clear
			c.dirty = 0
		}
		return err
	case bytes < old:
		return c.shrinkFile(bytes, old)
	case bytes > old && c.stale > old:
		if err := c.zeroFile(old, c.stale); err != nil {
			return err
		}
		c.stale = 0
	}
	err := c.inner().MakeRoom(bytes)
	if err == nil {
		err = c.publish(bytes)
	}
	if err != nil {
		return err
	}
	if err := c.mapping().Resize(bytes); err != nil {
		return errors.Join(err, c.publish(old))
	}
	return nil
}

// clean makes zero what an Append that faulted has left past the length. Over a raw file that is
// the file's.
func (c *core) clean(length int) error {
	l := c.limits()
	if c.dirty <= length || c.file == nil && c.mapping().FileBacked() {
		return nil
	}
	err := typedmem.Guard(func() error {
		if n := min(c.dirty, int(l.Room()-l.Base())) - length; n > 0 {
			// SAFETY: up to Room memory follows the addresses, and the caller has seen that it
			// may be written.
			clear(unsafe.Slice((*byte)(unsafe.Add(unsafe.Pointer(nil), l.Base()+uintptr(length))), n))
		}
		return nil
	})
	if err == nil {
		c.dirty = 0
	}
	return err
}

// shrinkFile cuts a file region of old bytes. The shorter length is on the device before what it
// cuts off is cleared; a Resize that will be refused does not get that far, and one that fails
// later takes the length back.
func (c *core) shrinkFile(bytes, old int) error {
	if err := c.inner().CanResize(bytes); err != nil {
		return err
	}
	dirty := c.file.Unsynced(bytes / c.size)
	if dirty {
		if err := c.file.Sync(bytes/c.size, func() error { return c.mapping().Flush(0, bytes) }); err != nil {
			return err
		}
	}
	err := c.publish(bytes) // before the elements go: what readers see of the file is always there
	if err == nil {
		if err = c.mapping().Resize(bytes); err != nil {
			err = errors.Join(err, c.publish(old))
		}
	}
	if err != nil {
		if dirty {
			err = errors.Join(err, c.sync())
		}
		return err
	}
	rest := max(old, c.dirty)
	c.dirty = 0
	if c.zeroFile(bytes, rest) != nil { // the elements are gone all the same: cleared before anything is shown there again
		c.stale = max(c.stale, rest)
	}
	return nil
}

var errChanged = fmt.Errorf("the region was changed by another goroutine meanwhile: %w", typedmem.ErrBusy)

// extend publishes a greater length, that of elements up to the address stop in place of end: to
// other processes first, since only that can fail.
func (c *core) extend(l *mem.Limits, end, stop uintptr) error {
	err := errChanged
	if l.Readable() == end {
		if err = c.publish(int(stop - l.Base())); err == nil && !l.Extend(end, stop) {
			err = errors.Join(errChanged, c.publish(int(end-l.Base())))
		}
	}
	if err != nil {
		return shell.Fail("append", err)
	}
	return nil
}

// publish tells readers in other processes the length.
func (c *core) publish(bytes int) error {
	if err := c.file.Publish(bytes / c.size); err != nil {
		return err
	}
	c.last, c.top = bytes, max(c.top, bytes)
	return nil
}

// flush writes the bytes [lo, hi) to the file, if there is one.
func (c *core) flush(lo, hi int) error { return c.mapping().Flush(lo, hi) }

// prefault brings the bytes [lo, hi) into memory.
func (c *core) prefault(lo, hi int) error { return c.mapping().Prefault(lo, hi) }

// whole returns ErrTruncated where somebody has cut the file off before the end of its first bytes
// of data.
func (c *core) whole(bytes int) error {
	if c.file == nil {
		return nil
	}
	return c.file.Whole(container.DataOffset + int64(bytes))
}

// sync makes data and length durable, in this order.
func (c *core) sync() error {
	bytes := c.length()
	if c.file == nil || !c.file.Writer() {
		return c.flush(0, bytes)
	}
	return c.file.Sync(bytes/c.size, func() error {
		if err := c.flush(0, bytes); err != nil {
			return err
		}
		return c.whole(bytes)
	})
}

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
			return errors.Join(err, c.giveBack())
		}
	}
	c.top = max(c.top, c.length()) // which somebody may have changed through the mapping
	err := c.unmap()
	f := c.file
	if f == nil || err != nil && !errors.Is(err, typedmem.ErrClosed) {
		return err
	}
	if err != nil && f.Writer() { // somebody closed the mapping: the data can be flushed through the file only
		e := c.whole(c.last)
		if e == nil && f.Unsynced(c.last/c.size) {
			e = f.Sync(c.last/c.size, f.Handle().Sync)
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
		size = container.DataOffset + int64(c.top)
	}
	return errors.Join(err, f.Close(size))
}

// giveBack closes a file region whose length cannot be synced, as if its writer were killed.
func (c *core) giveBack() error {
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

// zeroFile clears the bytes [lo, hi) of the data in the file and gives their space back.
func (c *core) zeroFile(lo, hi int) error {
	if hi <= lo {
		return nil
	}
	return c.file.Zero(container.DataOffset+int64(lo), int64(hi-lo))
}
