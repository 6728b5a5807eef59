package region

import (
	"fmt"
	"iter"
	"math"
	"sync/atomic"
	"unsafe"

	"github.com/typedmem/typedmem"
	"github.com/typedmem/typedmem/internal/mem"
	"github.com/typedmem/typedmem/internal/race"
	"github.com/typedmem/typedmem/internal/shell"
)

// Region owns mapped memory as an array of T that can grow in place: no address ever moves. Make
// one with New, Map, MapMut, From, Create, Open or OpenMut; give it back with Close. Indexes,
// lengths and capacities are in elements.
//
// A Region must not be copied. The zero Region is closed: every method returns ErrClosed, or as
// after Close. See the package comment for what may run at the same time.
type Region[T any] struct {
	_ shell.NoCopy
	// SAFETY: an element is touched only after its address has been compared with limits, which a
	// mapping lowers before it takes memory away. limits knows where the elements begin too, so
	// that an access takes both from the same mapping. The address of an index below most does not
	// overflow; see reach.
	most   int            // 0 in the zero Region
	limits unsafe.Pointer // *mem.Limits, sealed for types that allow raw access only; see now
	core   *core
}

// now returns the limits that hold now, nil of the zero Region. The accessors load them themselves,
// by a function of sync/atomic: a method would leave a no-op wherever they are inlined. So would a
// call of Readable on a line that leaves no instruction of its own: they make it where they
// compare.
func (r *Region[T]) now() *mem.Limits { return (*mem.Limits)(atomic.LoadPointer(&r.limits)) }

// show makes the typed shell of a core.
func show[T any](op string, c *core, err error) (*Region[T], error) {
	if err != nil {
		return nil, shell.Fail(op, err)
	}
	r := &Region[T]{core: c}
	r.attach()
	return r, nil
}

// attach takes over the addresses and limits that the core has now.
func (r *Region[T]) attach() {
	r.most = reach[T](r.core.limits())
	r.core.shown = &r.limits
	r.core.showLimits()
}

// reach returns how many elements from the first one on have addresses that do not overflow, be
// there memory or not.
func reach[T any](l *mem.Limits) int {
	size := unsafe.Sizeof(*new(T))
	return int(min((math.MaxUint-l.Base())/size, math.MaxInt/size))
}

// count returns how many whole elements lie before the address end.
func count[T any](l *mem.Limits, end uintptr) int {
	return int((end - l.Base()) / unsafe.Sizeof(*new(T)))
}

// address returns where element i begins, or would.
func address[T any](l *mem.Limits, i int) uintptr {
	return l.Base() + uintptr(i)*unsafe.Sizeof(*new(T))
}

// lengthOf returns the number of elements, 0 after Close.
func lengthOf[T any](l *mem.Limits) int {
	if l == nil {
		return 0
	}
	if end := l.Raw(); mem.Allows(end) {
		return count[T](l, end)
	}
	if m := mem.Public[*typedmem.Mapping](l); m != nil { // elements that cannot be read now are elements
		return m.Len() / int(unsafe.Sizeof(*new(T)))
	}
	return 0
}

// Len returns the number of elements, 0 after Close.
func (r *Region[T]) Len() int { return lengthOf[T](r.now()) }

// Cap returns how many elements Append and Resize have addresses for, 0 after Close. Of a file that
// was opened for reading it is how many Refresh can show without moving on to a larger range.
func (r *Region[T]) Cap() int {
	if r.core == nil {
		return 0
	}
	return r.core.mapping().Cap() / int(unsafe.Sizeof(*new(T)))
}

// At returns element i. Where Load would return an error it panics with it.
func (r *Region[T]) At(i int) (x T) {
	var l *mem.Limits
	var end, p uintptr
	if uint(i) < uint(r.most) {
		l = (*mem.Limits)(atomic.LoadPointer(&r.limits))
		if end, p = l.Readable(), l.Base()+uintptr(i)*unsafe.Sizeof(x); p+(unsafe.Sizeof(x)-1) < end {
			if race.Enabled {
				l.Race().Read(unsafe.Add(unsafe.Pointer(nil), p), unsafe.Sizeof(x))
			}
			return *(*T)(unsafe.Add(unsafe.Pointer(nil), p))
		}
	}
	panic(&typedmem.Error{Op: "at", Err: &regionRefusal[T]{r, l, i, end}})
}

// Set sets element i to x. Where Store would return an error it panics with it.
func (r *Region[T]) Set(i int, x T) {
	var l *mem.Limits
	var end, p uintptr
	if uint(i) < uint(r.most) {
		l = (*mem.Limits)(atomic.LoadPointer(&r.limits))
		if end, p = l.Writable(), l.Base()+uintptr(i)*unsafe.Sizeof(x); p+(unsafe.Sizeof(x)-1) < end {
			if race.Enabled {
				l.Race().Write(unsafe.Add(unsafe.Pointer(nil), p), unsafe.Sizeof(x))
			}
			*(*T)(unsafe.Add(unsafe.Pointer(nil), p)) = x
			return
		}
	}
	panic(&typedmem.Error{Op: "set", Err: &regionRefusal[T]{r, l, i, end}})
}

// Load returns element i. It is not atomic: where others write the element meanwhile, see Ptr and
// sync/atomic. An index out of range is ErrBounds, a closed region ErrClosed, memory that is not
// readable ErrProtection, a type with atomic fields ErrOperation.
func (r *Region[T]) Load(i int) (x T, err error) {
	var l *mem.Limits
	var end, p uintptr
	if uint(i) < uint(r.most) {
		l = (*mem.Limits)(atomic.LoadPointer(&r.limits))
		if end, p = l.Readable(), l.Base()+uintptr(i)*unsafe.Sizeof(x); p+(unsafe.Sizeof(x)-1) < end {
			if race.Enabled {
				l.Race().Read(unsafe.Add(unsafe.Pointer(nil), p), unsafe.Sizeof(x))
			}
			return *(*T)(unsafe.Add(unsafe.Pointer(nil), p)), nil
		}
	}
	return x, &typedmem.Error{Op: "load", Err: &regionRefusal[T]{r, l, i, end}}
}

// Store sets element i to x, which is not atomic: see Load. Errors are those of Load; where nothing
// may be written it is ErrProtection, whatever the index.
func (r *Region[T]) Store(i int, x T) (err error) {
	var l *mem.Limits
	var end, p uintptr
	if uint(i) < uint(r.most) {
		l = (*mem.Limits)(atomic.LoadPointer(&r.limits))
		if end, p = l.Writable(), l.Base()+uintptr(i)*unsafe.Sizeof(x); p+(unsafe.Sizeof(x)-1) < end {
			if race.Enabled {
				l.Race().Write(unsafe.Add(unsafe.Pointer(nil), p), unsafe.Sizeof(x))
			}
			*(*T)(unsafe.Add(unsafe.Pointer(nil), p)) = x
			return
		}
	}
	return &typedmem.Error{Op: "store", Err: &regionRefusal[T]{r, l, i, end}}
}

// View returns a view of all elements that there are now; it is empty after Close.
func (r *Region[T]) View() View[T] {
	l := r.now()
	if l == nil {
		return View[T]{}
	}
	n := lengthOf[T](l)
	return View[T]{unsafe.Add(unsafe.Pointer(nil), l.Base()), n, address[T](l, n), l}
}

// Ptr returns the address of element i: raw memory; see View.Ptr.
func (r *Region[T]) Ptr(i int) *T {
	r.mustBeOpen("ptr")
	return r.View().Ptr(i)
}

// Slice returns the elements as a Go slice: raw memory; see View.Slice.
func (r *Region[T]) Slice() []T {
	r.mustBeOpen("slice")
	return r.View().Slice()
}

// mustBeOpen panics after Close, when there is nothing that an index could be compared with.
func (r *Region[T]) mustBeOpen(op string) {
	if r.core.closed() {
		panic(shell.Fail(op, r.errClosed()))
	}
}

// Sub returns a view of the elements [lo, hi), or ErrBounds; after Close ErrClosed.
func (r *Region[T]) Sub(lo, hi int) (View[T], error) {
	if r.core.closed() {
		return View[T]{}, shell.Fail("sub", r.errClosed())
	}
	return r.View().Sub(lo, hi)
}

// All yields index and value of the elements that there are when it begins; see View.All. After
// Close it panics with ErrClosed.
func (r *Region[T]) All() iter.Seq2[int, T] {
	return func(yield func(int, T) bool) {
		r.mustBeOpen("all")
		r.View().All()(yield)
	}
}

// Values yields the value of the elements that there are when it begins; see View.Values. After
// Close it panics with ErrClosed.
func (r *Region[T]) Values() iter.Seq[T] {
	return func(yield func(T) bool) {
		r.mustBeOpen("values")
		r.View().Values()(yield)
	}
}

// Append adds elements at the end. No address moves, views stay valid, and readers in other
// goroutines see the new length only with the elements in place. xs may be a part of the region
// itself.
//
// Past Cap it is ErrCapacity. In a file a full disk is an error here, which wraps the system's
// error and names the file, and nothing has been appended then: space is set aside before the
// elements are written, and on file systems that do not write in place (btrfs, XFS, ext2, ext3, all
// that is not known) a store that finds no space is caught. See the package comment for Set. A
// region that is not writable is ErrProtection, a closed one ErrClosed, a type with atomic fields
// ErrOperation. A file that another program has made shorter meanwhile faults here, as at any
// access: see typedmem.Guard.
func (r *Region[T]) Append(xs ...T) error {
	if l := r.now(); l != nil {
		if end := l.Writable(); mem.Allows(end) {
			first := count[T](l, end)
			at := address[T](l, first)
			if stop := at + uintptr(len(xs))*unsafe.Sizeof(*new(T)); at <= stop && stop <= l.Room() { // it overflows where addresses are short
				return r.put(l, end, stop, first, xs)
			}
		}
	}
	return r.appendSlow(xs)
}

// put writes xs into memory that is there, past the length, and publishes it.
func (r *Region[T]) put(l *mem.Limits, end, stop uintptr, first int, xs []T) error {
	// SAFETY: up to stop, which lies within Room, memory is behind the addresses.
	to := unsafe.Slice((*T)(unsafe.Add(unsafe.Pointer(nil), address[T](l, first))), len(xs))
	if race.Enabled && len(xs) > 0 {
		l.Race().Write(unsafe.Pointer(&to[0]), uintptr(len(xs))*unsafe.Sizeof(xs[0]))
	}
	if r.core.frail && len(xs) > 0 {
		r.soil(l, stop)
		// SAFETY: the bytes of xs, which is kept; its elements have no pointers.
		b := unsafe.Slice((*byte)(unsafe.Pointer(&xs[0])), uintptr(len(xs))*unsafe.Sizeof(xs[0]))
		if err := r.core.inner().Write(first*r.core.size, b); err != nil {
			return shell.Fail("append", err)
		}
	} else if len(xs) == 1 { // the usual case is not worth a call of memmove
		if unsafe.Sizeof(xs[0]) > unsafe.Alignof(xs[0]) { // several stores, between which reading xs may fault
			r.soil(l, stop)
		}
		to[0] = xs[0]
	} else {
		r.soil(l, stop)
		copy(to, xs)
	}
	if len(xs) == 0 { // the end may follow the last whole element, and stays
		return nil
	}
	if r.core.file == nil {
		if !l.Extend(end, stop) {
			return shell.Fail("append", errChanged)
		}
		return nil
	}
	return r.core.extend(l, end, stop)
}

// soil notes that memory is about to be written up to the address stop; see core.clean.
func (r *Region[T]) soil(l *mem.Limits, stop uintptr) {
	if n := int(stop - l.Base()); n > r.core.dirty {
		r.core.dirty = n
	}
}

func (r *Region[T]) appendSlow(xs []T) error {
	if r.core == nil {
		return shell.Fail("append", errZero)
	}
	if r.core.layout.Atomic && !r.core.closed() {
		return shell.Fail("append", fmt.Errorf("%v has sync/atomic fields, use Resize and Ptr: %w", r.core.layout.Type, typedmem.ErrOperation))
	}
	if err := r.core.makeRoom(len(xs)); err != nil {
		return shell.Fail("append", err)
	}
	l := r.now()
	end := l.Readable()
	if !mem.Allows(end) {
		return shell.Fail("append", mem.Refusal(end))
	}
	first := count[T](l, end)
	return r.put(l, end, address[T](l, first+len(xs)), first, xs)
}

// Resize sets the length to n elements in place. New elements are zero. What is cut off goes back
// to the system at once, and views of it are refused as long as the region is no longer than that:
// once it has grown over them again, they show the new elements. Over a raw file (Map, MapMut) the
// file's own bytes come into view instead of zeros, and shrinking leaves them.
//
// Errors are those of Append, and ErrSize for a negative n, ErrBusy for shrinking a pinned region
// or beside a call of another goroutine as at [Region.Close]; elements with atomic fields are fine.
// On error nothing has changed.
func (r *Region[T]) Resize(n int) error {
	if r.core.closed() {
		return shell.Fail("resize", r.errClosed())
	}
	bytes, err := shell.Bytes(n, r.core.layout)
	if err == nil {
		err = r.core.resize(bytes)
	}
	return shell.Fail("resize", err)
}

// Flush writes what changed to the file and returns when it is on the device. The length is not
// part of that: see Sync. In memory that is no shared file there is nothing to write.
func (r *Region[T]) Flush() error { return r.FlushRange(0, r.Len()) }

// FlushRange is Flush for the elements [lo, hi).
func (r *Region[T]) FlushRange(lo, hi int) error { return r.onRange("flush", lo, hi, r.core.flush) }

// Prefault brings the elements [lo, hi) into memory; elements that cannot be read from the file are
// an error instead of a fault later. See Mapping.Prefault.
func (r *Region[T]) Prefault(lo, hi int) error { return r.onRange("prefault", lo, hi, r.core.prefault) }

func (r *Region[T]) onRange(op string, lo, hi int, f func(lo, hi int) error) error {
	if r.core.closed() {
		return shell.Fail(op, r.errClosed())
	}
	if n := r.Len(); lo < 0 || hi < lo || hi > n {
		return bounds(op, lo, hi, n)
	}
	return f(lo*r.core.size, hi*r.core.size)
}

// Sync makes data and length durable: when it returns, both are on the disk and survive a power
// loss. On a file made with Create the data is written before the length, so that a crash in the
// middle leaves the length of the Sync before. Without a shared file it does nothing. A region file
// that another program made shorter is ErrTruncated.
func (r *Region[T]) Sync() error {
	if r.core.closed() {
		return shell.Fail("sync", r.errClosed())
	}
	return shell.Fail("sync", r.core.sync())
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

// Mapping returns the mapping that the region owns, for protection, locking, advice and flushing.
// Of a region file it is the data without the header. To split, merge, resize or close it use the
// region's own methods, which keep count of its elements. Of a reader that Refresh has moved on to
// a larger range it is the mapping of that range; a mapping that it returned before shows what it
// showed, until the region is closed. The zero Region has none: nil.
func (r *Region[T]) Mapping() *typedmem.Mapping {
	if r.core == nil {
		return nil
	}
	return r.core.mapping()
}

// Pin holds the region open until unpin is called, whatever range of addresses a reader has by
// then; see Mapping.Pin.
func (r *Region[T]) Pin() (unpin func(), err error) {
	if r.core == nil {
		return nil, shell.Fail("pin", errZero)
	}
	return r.core.mapping().Pin()
}

// Close gives the memory back and ends every view of it. A region file's length is made durable
// first if it has changed since the last Sync, with the data before it; should that fail, the
// region stays open. Of a file that another program made shorter everything is given back all the
// same, and Close returns ErrTruncated. A second Close is ErrClosed. That of a pinned region, or
// while another goroutine is in a Flush, Sync, Prefault, Refresh or a growing call, is ErrBusy: the
// region stays open.
func (r *Region[T]) Close() error { return shell.Fail("close", r.core.close()) }

// SplitOff cuts the region before element i: r keeps [0, i), the result owns [i, Len) and the spare
// capacity. The cut must fall between pages (ErrOffset). A region file has one length and cannot be
// cut (ErrOperation): use Sub. See Mapping.SplitOff.
func (r *Region[T]) SplitOff(i int) (*Region[T], error) {
	return r.split("split off", i, (*typedmem.Mapping).SplitOff)
}

// SplitTo cuts the region before element i: the result owns [0, i), r keeps the rest. See SplitOff
// and Mapping.SplitTo.
func (r *Region[T]) SplitTo(i int) (*Region[T], error) {
	return r.split("split to", i, (*typedmem.Mapping).SplitTo)
}

func (r *Region[T]) split(op string, i int, cut func(*typedmem.Mapping, int) (*typedmem.Mapping, error)) (*Region[T], error) {
	if r.core.closed() {
		return nil, shell.Fail(op, r.errClosed())
	}
	at, err := shell.Bytes(i, r.core.layout)
	if err != nil {
		return nil, shell.Fail(op, fmt.Errorf("cut at element %d: %w", i, typedmem.ErrOffset))
	}
	if r.core.file != nil {
		return nil, shell.Fail(op, fmt.Errorf("a region file has one length; take views with Sub: %w", typedmem.ErrOperation))
	}
	own := r.core.mapping()
	first, dirty := own.Addr(), r.core.dirty
	m, err := cut(own, at)
	if err != nil {
		return nil, shell.Fail(op, err)
	}
	r.core.moveTo(own)
	r.attach()
	r.core.dirty = dirty - int(own.Addr()-first)
	other := &core{frail: r.core.frail, size: r.core.size, layout: r.core.layout, dirty: dirty - int(m.Addr()-first)}
	other.moveTo(m)
	return show[T](op, other, nil)
}

// Merge joins next, which must begin where r ends, to the end of r. On success next is spent. See
// Mapping.Merge for the conditions.
func (r *Region[T]) Merge(next *Region[T]) error {
	switch {
	case r.core.closed():
		return shell.Fail("merge", r.errClosed())
	case next != nil && next.core.closed():
		return shell.Fail("merge", next.errClosed())
	case next == nil || next == r:
		return shell.Fail("merge", fmt.Errorf("a region is merged with another one: %w", typedmem.ErrNotAdjacent))
	case r.core.file != nil || next.core.file != nil:
		return shell.Fail("merge", fmt.Errorf("a region file has one length: %w", typedmem.ErrOperation))
	case r.core.mapping().Len()%r.core.size != 0:
		return shell.Fail("merge", fmt.Errorf("%d bytes are no whole number of elements of %d, so that those of the other region would be cut apart: %w",
			r.core.mapping().Len(), r.core.size, typedmem.ErrNotAdjacent))
	}
	own := r.core.mapping()
	length := own.Len()
	if err := own.Merge(next.core.mapping()); err != nil {
		return shell.Fail("merge", err)
	}
	r.core.moveTo(own)
	r.attach()
	r.core.dirty = length + next.core.dirty
	return nil
}
