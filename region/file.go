package region

import (
	"cmp"
	"errors"
	"fmt"

	"github.com/typedmem/typedmem"
	"github.com/typedmem/typedmem/flags"
	"github.com/typedmem/typedmem/internal/container"
	"github.com/typedmem/typedmem/internal/layout"
	"github.com/typedmem/typedmem/internal/mem"
	"github.com/typedmem/typedmem/internal/printing"
	"github.com/typedmem/typedmem/internal/shell"
)

// spec describes a region file of a type, with rows of width elements; 0 means any width.
func spec(l *layout.Layout, width int) container.Spec {
	return container.Spec{Kind: container.KindRegion, Layout: l, Width: width}
}

// create makes a new file.
func create(path string, l *layout.Layout, o FileOptions) (*core, error) {
	ask, bytes, err := o.check(l)
	if err != nil {
		return nil, err
	}
	if l.Size > 1<<31-1 {
		return nil, fmt.Errorf("elements of %d bytes: %w", l.Size, typedmem.ErrSize)
	}
	switch {
	case o.Len == 0 && o.Shared:
		return nil, fmt.Errorf("a new file for several writers keeps its length; set Len: %w", typedmem.ErrSize)
	case ask.Capacity == 0: // it goes by the size, and the file is mapped before it has one
		ask.Capacity, ask.Elastic = bytes, true
	case ask.Capacity < bytes:
		return nil, fmt.Errorf("%d elements with a capacity of %d; it must be at least the length: %w", o.Len, o.Capacity, typedmem.ErrSize)
	}
	s := spec(l, o.Width)
	s.Shared = o.Shared
	f, err := container.Create(path, s, cmp.Or(o.Perm, shell.NewFile))
	if err != nil {
		return nil, err
	}
	c, err := attach(f, 0, l, ask, FileOptions{Write: true})
	if err != nil {
		return nil, errors.Join(err, f.Discard())
	}
	if err = c.resize(bytes); err == nil {
		err = f.Link(o.Len)
	}
	if err != nil {
		return nil, errors.Join(err, c.mapping().Close(), f.Discard())
	}
	return c, nil
}

// open opens a file.
func open(path string, l *layout.Layout, o FileOptions) (*core, error) {
	ask, _, err := o.check(l)
	if err != nil {
		return nil, err
	}
	f, err := openContainer(path, l, o)
	if err != nil {
		return nil, err
	}
	return openAt(path, f, l, o, ask)
}

// openAt is openAs for the file of this path. If it fails it closes the file.
func openAt(path string, f *container.File, l *layout.Layout, o FileOptions, ask mem.Request) (*core, error) {
	c, err := openAs(f, l, o, ask)
	if errors.Is(err, typedmem.ErrTruncated) {
		err = fmt.Errorf("%w; region.Salvage saves what is left", err)
	}
	if err != nil {
		return nil, errors.Join(printing.Named(path, err), f.Abandon())
	}
	return c, nil
}

func openAs(f *container.File, l *layout.Layout, o FileOptions, ask mem.Request) (*core, error) {
	bytes := f.Length() * int(l.Size) // checked by Open
	if ask.Capacity > 0 && ask.Capacity < bytes {
		return nil, fmt.Errorf("it has %d elements, a capacity of %d was asked for; ask for more, or for 0: %w", f.Length(), o.Capacity, typedmem.ErrLayout)
	}
	c, err := attach(f, bytes, l, ask, o)
	if err != nil || !f.Writer() {
		return c, err
	}
	if err := c.takeOver(bytes); err != nil {
		return nil, errors.Join(err, c.mapping().Close())
	}
	return c, nil
}

// takeOver makes this process the writer of a file. A length that a killed writer published without
// syncing is synced first: while the new live record is being written only the header copies hold
// the length, for readers and for the next open.
func (c *core) takeOver(bytes int) error {
	if err := c.clearRest(bytes); err != nil {
		return err
	}
	if c.file.Unsynced(c.elements(bytes)) {
		if err := c.sync(); err != nil {
			return err
		}
	}
	return c.file.Begin(false) // no flush: the next writer clears what follows the synced length in any case
}

// attach maps the data of an open file, with the flags and the capacity of ask.
func attach(f *container.File, bytes int, l *layout.Layout, ask mem.Request, o FileOptions) (*core, error) {
	write, fixed := o.Write || o.CopyOnWrite, o.fixedLength()
	r := ask
	r.Size, r.File, r.HasFile, r.Offset = bytes, f.Handle(), true, container.DataOffset
	r.FileOwner = f
	r.LeaveFile = true // core.close cuts it, since it knows how far readers look
	if !o.CopyOnWrite {
		r.Flags |= flags.Shared
	}
	r.Protection = flags.Read
	r.ReadOnlyFile = !write
	if write {
		r.Protection |= flags.Write
	}
	r.Elastic = r.Elastic || r.Capacity == 0
	if fixed != nil {
		r.Capacity, r.Elastic = 0, false
	}
	r.Follows = !write && moves
	c, err := mapRequest(r, l)
	if err != nil {
		return nil, err
	}
	c.file, c.name, c.width, c.reader, c.published, c.greatest, c.fixed = f, f.Name(), f.Width(), !write, bytes, int64(bytes), fixed
	c.mayLackSpace = c.mayLackSpace || fixed != nil // so that Append looks at fixed off its fast path
	return c, nil
}

// clearRest zeros what follows the length: a killed writer may have left elements there that it
// never published.
func (c *core) clearRest(bytes int) error {
	info, err := c.file.Handle().Stat()
	if err != nil {
		return err
	}
	rest := info.Size() - container.DataOffset - int64(bytes)
	if rest <= 0 {
		return nil
	}
	// Readers may know a greater length than the one that the last writer left, unless the system
	// was restarted, which ends them too.
	if c.file.Left() != container.LeftLost {
		c.greatest = int64(bytes) + rest
	}
	return c.file.Zero(container.DataOffset+int64(bytes), rest)
}

// publishBytes is publish where the number of elements is not known.
func (c *core) publishBytes(bytes int) error { return c.publish(bytes, c.elements(bytes)) }

// publish makes the length, n elements in so many bytes, visible to readers in other processes.
func (c *core) publish(bytes, n int) error {
	if err := c.file.Publish(n); err != nil {
		return err
	}
	c.published, c.greatest = bytes, max(c.greatest, int64(bytes))
	return nil
}

// zeroFile zeros the bytes [lo, hi) of the data in the file and releases their space.
func (c *core) zeroFile(lo, hi int) error {
	return c.file.Zero(container.DataOffset+int64(lo), int64(hi-lo))
}
