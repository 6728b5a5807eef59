package region

import (
	"iter"
	"math"
	"sync/atomic"
	"unsafe"

	"github.com/typedmem/typedmem"
	"github.com/typedmem/typedmem/internal/mem"
	"github.com/typedmem/typedmem/internal/shell"
)

// Region owns mapped memory as an array of T that can grow in place: Append and Resize move no
// address. Make one with a constructor, release it with Close. Indexes, lengths and capacities are
// in elements.
//
// The zero value is a closed Region. Do not copy a Region.
//
// Reads, one goroutine that appends, and any number that call Sync, Flush, Refresh or Pin may run
// at the same time; so may Close and Shutdown if the others hold pins. The package comment has the
// whole list, under Concurrency.
type Region[T any] struct {
	_ shell.NoCopy
	// SAFETY: an element is touched only after its address has been compared with limits, which a
	// mapping lowers before it takes memory away. limits knows where the elements begin too, so
	// that an access takes both from the same mapping. The address of an index below reach does not
	// overflow.
	reach  int            // how many indexes have an address; 0 in the zero Region
	limits unsafe.Pointer // *mem.Limits, sealed for types that allow raw access only; see now
	core   *core
}

// now returns the current limits, nil for the zero Region. The accessors do not call it: they load
// the limits by a function of sync/atomic, because the compiler marks an inlined method by a no-op
// if its line has no other instruction. They call Readable where they compare, for the same reason.
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

// attach makes r use the addresses and limits of its core.
func (r *Region[T]) attach() {
	r.reach = reachOf[T](r.core.limits())
	r.core.accessLimits = &r.limits
	r.core.showLimits()
}

// reachOf returns for how many indexes the end of the element does not overflow, whether there is
// memory or not. Accesses compare the index with it, so that base + index*size cannot wrap around.
func reachOf[T any](l *mem.Limits) int {
	size := unsafe.Sizeof(*new(T))
	return int(min((math.MaxUint-l.Base())/size, math.MaxInt/size))
}

// count returns how many whole elements lie before the address end.
func count[T any](l *mem.Limits, end uintptr) int {
	return int((end - l.Base()) / unsafe.Sizeof(*new(T)))
}

// address returns the address of element i, whether it exists or not.
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
	if m := mem.Public[*typedmem.Mapping](l); m != nil { // memory that cannot be read still has a length
		return m.Len() / int(unsafe.Sizeof(*new(T)))
	}
	return 0
}

// Len returns the number of elements, 0 after Close.
func (r *Region[T]) Len() int { return lengthOf[T](r.now()) }

// Cap returns how many elements the reserved addresses can hold, 0 after Close: Append and Resize
// grow up to there. In a file opened for reading, Refresh moves to a larger range past Cap.
func (r *Region[T]) Cap() int {
	if r.core == nil {
		return 0
	}
	return r.core.mapping().Cap() / int(unsafe.Sizeof(*new(T)))
}

// View returns a view of all current elements; after Close it is empty.
func (r *Region[T]) View() View[T] {
	l := r.now()
	if l == nil {
		return View[T]{}
	}
	n := lengthOf[T](l)
	return View[T]{unsafe.Add(unsafe.Pointer(nil), l.Base()), n, address[T](l, n), l}
}

// Width returns the number of elements in a row: that of the region file, and 1 for other regions.
// For rows of another region see [RowsOf].
func (r *Region[T]) Width() int {
	if r.core == nil {
		return 1
	}
	return max(r.core.width, 1)
}

// Rows returns a view of all current rows; after Close it is empty.
func (r *Region[T]) Rows() Rows[T] {
	v, width := r.View(), r.Width()
	return Rows[T]{v.first, v.n / width, width, v.limits}
}

// Ptr returns the address of element i: raw memory; see [View.Ptr].
func (r *Region[T]) Ptr(i int) *T { return r.mustView("ptr").Ptr(i) }

// Slice returns the elements as a Go slice: raw memory; see [View.Slice].
func (r *Region[T]) Slice() []T { return r.mustView("slice").Slice() }

// mustView is View for calls that panic after Close, when there is no length to compare an index
// with.
func (r *Region[T]) mustView(op string) View[T] {
	if r.core.closed() {
		panic(shell.Fail(op, r.errClosed()))
	}
	return r.View()
}

// Sub returns a view of the elements [lo, hi), or [typedmem.ErrBounds]; after Close
// [typedmem.ErrClosed].
func (r *Region[T]) Sub(lo, hi int) (View[T], error) {
	if r.core.closed() {
		return View[T]{}, shell.Fail("sub", r.errClosed())
	}
	v, err := r.View().Sub(lo, hi)
	if err != nil && r.core.closed() { // meanwhile
		err = shell.Fail("sub", r.errClosed())
	}
	return v, err
}

// All yields the index and value of each element that exists when the loop begins; see [View.All].
// After Close it panics with [typedmem.ErrClosed].
func (r *Region[T]) All() iter.Seq2[int, T] {
	return func(yield func(int, T) bool) { r.mustView("all").All()(yield) }
}

// Values yields the value of each element that exists when the loop begins; see [View.Values].
// After Close it panics with [typedmem.ErrClosed].
func (r *Region[T]) Values() iter.Seq[T] {
	return func(yield func(T) bool) { r.mustView("values").Values()(yield) }
}

// Mapping returns the mapping that the region owns, for protection, locking, advice and flushing;
// nil for the zero Region. In a region file it is the data without the header. Use the region's own
// methods to split, merge, resize or close it, since they update the length in elements. After
// Refresh has moved a reader to a larger range, Mapping returns that range's mapping. One that was
// returned before stays valid until the region is closed.
func (r *Region[T]) Mapping() *typedmem.Mapping {
	if r.core == nil {
		return nil
	}
	return r.core.mapping()
}

// Pin holds the region open until unpin is called, even if Refresh moves it to another range of
// addresses; see [typedmem.Mapping.Pin]. While a [Region.Shutdown] waits it returns
// [typedmem.ErrClosed].
func (r *Region[T]) Pin() (unpin func(), err error) {
	if r.core == nil {
		return nil, shell.Fail("pin", errZero)
	}
	return r.core.mapping().Pin()
}
