package slab

import (
	"bytes"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"unsafe"

	"github.com/typedmem/typedmem"
	"github.com/typedmem/typedmem/internal/mem"
	"github.com/typedmem/typedmem/internal/num"
	"github.com/typedmem/typedmem/internal/slots"
)

// lives is what debug mode records about objects.
type lives struct {
	mu   sync.Mutex
	last map[uint32]life // by index; of a slot that holds no object the last one
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
		f, more = frames.Next()
		if !slices.ContainsFunc(inside[:], func(p string) bool { return strings.HasPrefix(f.Function, p) }) {
			fmt.Fprintf(&b, "\t%s\n\t\t%s:%d\n", f.Function, f.File, f.Line)
		}
	}
	return b.String()
}

// inside begins the names of the methods whose calls a stack leaves out.
var inside = [...]string{module + "slab.(*", module + "internal/slots.(*"}

const module = "github.com/typedmem/typedmem/"

// freed is what every byte of a freed slot holds in debug mode. In a file a freed slot keeps its
// bytes: after a power failure its object may be back.
const freed = 0xdb

// debugMode is the kind of a slab in debug mode: it records every allocation and Free.
type debugMode struct {
	kind
	c *core
}

// watch turns debug mode on.
func (c *core) watch() {
	c.kind, c.checked, c.lives.last = &debugMode{c.kind, c}, true, map[uint32]life{}
}

// between maps bytes, or the size in r if that is more, between two reserved pages. All of it is
// committed at once.
func (c *core) between(r mem.Request, bytes int) (_ *typedmem.Mapping, err error) {
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
	c.fences = append(c.fences, m)
	if c.m, err = m.SplitOff(page); err != nil { // closeMappings closes it from here on
		return nil, err
	}
	after, err := c.m.SplitOff(whole)
	if err != nil {
		return nil, err
	}
	c.fences = append(c.fences, after)
	return c.m, c.m.Commit()
}

// bytes returns the memory of the slot of a handle, which this goroutine alone uses, and which was
// found writable.
func (d *debugMode) bytes(h uint64) []byte {
	// SAFETY: the slot has so many bytes.
	return unsafe.Slice((*byte)(d.c.pool.Slot(uintptr(slots.Index(h)))), d.c.pool.Size)
}

// prepare checks whether the slot was written since its last object was freed.
func (d *debugMode) prepare(h uint64) error {
	l, i := &d.c.lives, slots.Index(h)
	l.mu.Lock()
	defer l.mu.Unlock()
	if old, used := l.last[i]; used {
		if at := old.written(d.bytes(h)); at >= 0 {
			delete(l.last, i)
			d.c.pool.Retire(h)
			return &MisuseError{old.handle, at, old.alloc.String(), old.free.String()}
		}
	}
	l.last[i] = life{handle: h, alloc: here()}
	return nil
}

func (d *debugMode) cancel(h uint64) {
	l := &d.c.lives
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.last, slots.Index(h))
}

func (d *debugMode) Released(h uint64) {
	l, slot := &d.c.lives, d.bytes(h)
	l.mu.Lock()
	defer l.mu.Unlock()
	last := l.last[slots.Index(h)]
	delete(l.last, slots.Index(h)) // a fault leaves a slot of which nothing is known
	last.handle, last.free = h, here()
	switch {
	case d.c.pool.Durable:
		last.left = bytes.Clone(slot)
	case d.c.mayLackSpace:
		if d.c.write(uintptr(slots.Index(h)), bytes.Repeat([]byte{freed}, len(slot))) != nil {
			return
		}
	default:
		for i := range slot {
			slot[i] = freed
		}
	}
	l.last[slots.Index(h)] = last
}

// trim releases nothing: free slots have to hold what Released left in them.
func (d *debugMode) trim() (bytes int, err error) { return 0, d.c.pool.Usable() }

// written returns the first byte of a free slot that is not as Released left it, or -1.
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
	if c.pool.Closed() {
		return ""
	}
	size := c.pool.Size
	l, p, ok := c.guards.at(addr, size)
	if !ok {
		l, p, ok = c.at(addr)
	}
	switch {
	case !ok:
		return ""
	case addr < p:
		return fmt.Sprintf("%d bytes before object %#x, %v", p-addr, l.handle, &l)
	case addr-p >= size:
		return fmt.Sprintf("byte %d, after object %#x of %d bytes, %v", addr-p, l.handle, size, &l)
	}
	return fmt.Sprintf("byte %d of object %#x, %v", addr-p, l.handle, &l)
}

// at finds the last object of the slot at an address, and where it is; for the pages around the
// slots that is the first one or the last.
func (c *core) at(addr uintptr) (l life, p uintptr, ok bool) {
	base, size := uintptr(c.pool.Slots), c.pool.Size
	lo, hi := base, base+c.pool.Cap*size
	for _, m := range c.fences {
		lo, hi = min(lo, m.Addr()), max(hi, m.Addr()+uintptr(m.Len()))
	}
	if addr < lo || addr >= hi {
		return life{}, 0, false
	}
	i := min((max(addr, base)-base)/size, c.pool.Cap-1)
	c.lives.mu.Lock()
	defer c.lives.mu.Unlock()
	l, ok = c.lives.last[uint32(i)]
	return l, base + i*size, ok
}
