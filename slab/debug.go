package slab

import (
	"bytes"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"unsafe"

	"github.com/typedmem/typedmem"
	"github.com/typedmem/typedmem/internal/mem"
	"github.com/typedmem/typedmem/internal/num"
	"github.com/typedmem/typedmem/internal/shell"
	"github.com/typedmem/typedmem/internal/slots"
)

// checks is the state of debug mode and of guard slots.
type checks struct {
	debug  bool
	every  uint64
	made   atomic.Uint64 // allocations so far, for every
	guards guards
	fences []*typedmem.Mapping // reserved pages before and after the slots

	mu    sync.Mutex
	lives map[uint32]life // by index; of a slot that holds no object the last one
}

// life is what debug mode records about an object.
type life struct {
	handle      uint64
	alloc, free stack  // alloc is empty for an object that was there when its file was opened
	left        []byte // of a slab file: what the object left in its slot
}

// String tells where the object was made and freed.
func (l *life) String() string {
	text := fmt.Sprintf("allocated:\n%v", l.alloc)
	if l.alloc[0] == 0 {
		text = "there when the file was opened\n"
	}
	if l.free[0] != 0 {
		text += fmt.Sprintf("freed:\n%v", l.free)
	}
	return text
}

// stack is where a call came from.
type stack [24]uintptr

func here() (s stack) {
	runtime.Callers(3, s[:])
	return s
}

// String renders the calls outside this package, one a line.
func (s stack) String() string {
	var b strings.Builder
	n := slices.Index(s[:], 0)
	if n < 0 {
		n = len(s)
	}
	for frames, more := runtime.CallersFrames(s[:n]), n > 0; more; {
		var f runtime.Frame
		if f, more = frames.Next(); !strings.HasPrefix(f.Function, inside) {
			fmt.Fprintf(&b, "\t%s\n\t\t%s:%d\n", f.Function, f.File, f.Line)
		}
	}
	return b.String()
}

// inside begins the names of the methods whose calls a stack leaves out.
const inside = "github.com/typedmem/typedmem/slab.(*"

// freed is what every byte of a freed slot holds in debug mode. In a file a freed slot keeps its
// bytes: after a power failure its object may be back.
const freed = 0xdb

func newChecks(c *core, cfg Config) (*checks, error) {
	d := &checks{debug: cfg.Debug, every: uint64(cfg.GuardEvery), lives: map[uint32]life{}}
	if d.every == 0 {
		return d, nil
	}
	return d, d.guards.make(c)
}

// between maps bytes, or the size in r if that is more, between two reserved pages. All of it is
// committed at once.
func (d *checks) between(r mem.Request, bytes int) (_ *typedmem.Mapping, err error) {
	if r.Size < 0 {
		return nil, fmt.Errorf("%d bytes to commit at once: %w", r.Size, typedmem.ErrSize)
	}
	bytes = max(bytes, r.Size)
	r.Reserve, r.Capacity, r.Size = true, 0, 1 // to learn the size of a page
	probe, err := mem.Map[*typedmem.Mapping](r)
	if err != nil {
		return nil, err
	}
	page := max(probe.PageSize(), 64<<10)
	if err := probe.Close(); err != nil {
		return nil, err
	}
	whole, ok := num.Up(bytes, page)
	if !ok {
		return nil, typedmem.ErrSize
	}
	r.Size = whole + 2*page
	m, err := mem.Map[*typedmem.Mapping](r)
	if err != nil {
		return nil, err
	}
	d.fences = append(d.fences, m)
	if m, err = m.SplitOff(page); err != nil {
		return nil, err
	}
	behind, err := m.SplitOff(whole)
	if err == nil {
		d.fences = append(d.fences, behind)
		err = m.Commit()
	}
	if err != nil {
		return nil, errors.Join(err, m.Close())
	}
	return m, nil
}

func (d *checks) close() error {
	var err error
	for _, m := range append(d.fences, d.guards.fences...) {
		err = errors.Join(err, m.Close())
	}
	return errors.Join(err, d.guards.close())
}

// prepare is called for a slot that was popped, before its object is written. It checks whether the
// slot was written since its last object was freed, and may choose a guard slot for the new one.
func (d *checks) prepare(c *core, h uint64, p unsafe.Pointer) (uint64, unsafe.Pointer, error) {
	if d.every > 0 && d.made.Add(1)%d.every == 0 {
		if g, at, ok := d.guards.take(c, h); ok {
			return g, at, nil
		}
	}
	if !d.debug {
		return h, p, nil
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if old, used := d.lives[slots.Index(h)]; used {
		// SAFETY: the slot was popped by this goroutine, and found writable.
		if at := old.written(unsafe.Slice((*byte)(p), c.size)); at >= 0 {
			delete(d.lives, slots.Index(h))
			c.pool.cancelled.Add(1)
			slots.Publish(slots.WordAt(c.words, uintptr(slots.Index(h))), slots.Retired<<32)
			c.pool.retired.Add(1)
			return 0, nil, shell.Fail("alloc", &MisuseError{old.handle, at, old.alloc.String(), old.free.String()})
		}
	}
	d.lives[slots.Index(h)] = life{handle: h, alloc: here()}
	return h, p, nil
}

// forget is called for a slot that was popped and holds no object.
func (d *checks) forget(h uint64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.lives, slots.Index(h))
}

// ended is called for a slot whose object just ended, before anyone can allocate the slot.
func (d *checks) ended(c *core, h uint64) {
	if !d.debug {
		return
	}
	// SAFETY: nobody else uses the slot, and it was found writable.
	slot := unsafe.Slice((*byte)(c.slot(uintptr(slots.Index(h)))), c.size)
	d.mu.Lock()
	defer d.mu.Unlock()
	l := d.lives[slots.Index(h)]
	delete(d.lives, slots.Index(h)) // a fault leaves a slot of which nothing is known
	l.handle, l.free = h, here()
	switch {
	case c.file != nil:
		l.left = bytes.Clone(slot)
	case c.mayLackSpace:
		if c.write(uintptr(slots.Index(h)), bytes.Repeat([]byte{freed}, len(slot))) != nil {
			return
		}
	default:
		for i := range slot {
			slot[i] = freed
		}
	}
	d.lives[slots.Index(h)] = l
}

// written returns the first byte of a free slot that is not as ended left it, or -1.
func (l *life) written(slot []byte) int {
	for i, b := range slot {
		if l.left == nil && b != freed || l.left != nil && b != l.left[i] {
			return i
		}
	}
	return -1
}

// Explain describes the memory at an address, for instance that of a fault which [typedmem.Guard]
// caught: which object is there, or was there last, and the stacks of its allocation and Free. For
// the pages without access around objects it describes the nearest object. It needs debug mode or
// guard slots, and returns "" where nothing is known, and after Close.
func (s *Slab[T]) Explain(addr uintptr) string {
	c := s.inner()
	if c.checks == nil || c.closed() {
		return ""
	}
	l, p, ok := c.checks.guards.at(addr, c.size)
	if !ok {
		l, p, ok = c.checks.at(c, addr)
	}
	switch {
	case !ok:
		return ""
	case addr < p:
		return fmt.Sprintf("%d bytes before object %#x, %v", p-addr, l.handle, &l)
	case addr-p >= c.size:
		return fmt.Sprintf("byte %d, behind object %#x of %d bytes, %v", addr-p, l.handle, c.size, &l)
	}
	return fmt.Sprintf("byte %d of object %#x, %v", addr-p, l.handle, &l)
}

// at finds the last object of the slot at an address, and where it is; for the pages around the
// slots that is the first one or the last.
func (d *checks) at(c *core, addr uintptr) (l life, p uintptr, ok bool) {
	base := uintptr(c.slots)
	lo, hi := base, base+c.n*c.size
	for _, m := range d.fences {
		lo, hi = min(lo, m.Addr()), max(hi, m.Addr()+uintptr(m.Len()))
	}
	if addr < lo || addr >= hi {
		return life{}, 0, false
	}
	i := min((max(addr, base)-base)/c.size, c.n-1)
	d.mu.Lock()
	defer d.mu.Unlock()
	l, ok = d.lives[uint32(i)]
	return l, base + i*c.size, ok
}

func (c *core) closed() bool {
	c.pool.mu.Lock()
	defer c.pool.mu.Unlock()
	return c.pool.closed.Load()
}
