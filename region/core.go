package region

import (
	"errors"
	"sync"
	"sync/atomic"
	"unsafe"

	"github.com/typedmem/typedmem"
	"github.com/typedmem/typedmem/flags"
	"github.com/typedmem/typedmem/internal/container"
	"github.com/typedmem/typedmem/internal/layout"
	"github.com/typedmem/typedmem/internal/mem"
	"github.com/typedmem/typedmem/internal/shell"
)

// core is the part of a region that does not depend on the element type. Lengths and offsets are in
// bytes unless a name says elements.
type core struct {
	at           atomic.Pointer[place] // where the elements are
	first        place                 // what at points to at first; part of core, to save an allocation
	accessLimits *unsafe.Pointer       // Region.limits, which accesses go by
	size         int                   // of an element
	width        int                   // elements in a row, 0 for 1
	layout       *layout.Layout
	mayLackSpace bool          // stores must go through Write of the mapping
	written      int           // the end of what Append began to write; past the length after a fault in Append
	reader       bool          // of a region file
	fixed        error         // why the length cannot change; nil if it can
	follow       follower      // of a reader
	shorter      atomic.Uint64 // how often the length became less; see noteShorter

	// syncing is held by a Sync. Close and a shorter Resize take it too, and return ErrBusy where a
	// Sync has it.
	syncing sync.Mutex

	// Of a region file:
	file      *container.File // nil for other memory
	name      *container.Name // nil for other memory; as long as the core
	published int             // the length that was published last
	greatest  int64           // the greatest length that a reader may know
	uncleared int             // the end of elements that were cut off and could not be cleared, 0 for none
}

func (c *core) mapping() *typedmem.Mapping { return c.at.Load().m }

// inner returns the mapping with the operations that only this module uses.
func (c *core) inner() mem.Mapping { return mem.Of(c.mapping()) }

func (c *core) limits() *mem.Limits { return c.at.Load().limits }

// moveTo makes the region show m, which may be the same mapping with other limits.
func (c *core) moveTo(m *typedmem.Mapping) { c.at.Store(&place{m, mem.Of(m).Limits()}) }

// showLimits makes accesses through the Region use the limits of the core. Other goroutines may be
// accessing the region meanwhile.
func (c *core) showLimits() {
	l := c.limits()
	if c.layout.Atomic {
		l = l.Sealed()
	}
	atomic.StorePointer(c.accessLimits, unsafe.Pointer(l))
}

// newCore makes a region of m. On error m stays as it was.
func newCore(m *typedmem.Mapping, l *layout.Layout) (*core, error) {
	if err := shell.CheckType(l, shell.MemoryOf(m.FileBacked(), m.Shared())); err != nil {
		return nil, err
	}
	if err := shell.CheckAddress(l, m); err != nil {
		return nil, err
	}
	c := &core{first: place{m, mem.Of(m).Limits()}, mayLackSpace: mem.Of(m).MayLackSpace(), size: int(l.Size), layout: l}
	c.at.Store(&c.first)
	mem.Of(m).SetUse(&mem.Use{Kind: "region", Type: l.Type.String()})
	return c, nil
}

// mapRequest makes a mapping, and a region of it.
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

// length returns the length in bytes, 0 after Close.
func (c *core) length() int {
	here := c.at.Load()
	if end := here.limits.Readable(); mem.Allows(end) {
		return int(end - here.limits.Base())
	}
	return here.m.Len()
}

// bytes returns the bytes [lo, hi) of a mapping that the caller has pinned, for a system call: the
// memory may be protected, or its file cut off, at any time.
func (c *core) bytes(m *typedmem.Mapping, lo, hi int) []byte {
	// SAFETY: the range lies within the mapping, which stays open and as long until it is unpinned.
	return unsafe.Slice((*byte)(unsafe.Add(unsafe.Pointer(nil), m.Addr()+uintptr(lo))), hi-lo)
}
