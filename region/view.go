package region

import (
	"iter"
	"unsafe"

	"github.com/typedmem/typedmem"
	"github.com/typedmem/typedmem/internal/mem"
	"github.com/typedmem/typedmem/internal/num"
	"github.com/typedmem/typedmem/internal/race"
	"github.com/typedmem/typedmem/internal/shell"
)

// View is a checked window on the elements of a region: a value of four words, cheap to copy. An
// access to memory that was taken away is refused. Making views from views allocates nothing.
//
// The zero value is an empty View. Any number of goroutines may use a View; the package comment
// says what holds for writing.
type View[T any] struct {
	// SAFETY: the n elements from first on lie in the address range of limits, which stays reserved
	// as long as limits is reachable. No element is touched before end, the address after the last
	// one, or the element's own has been compared with limits. Four words are what the compiler
	// keeps in registers: a fifth makes At several times slower.
	first  unsafe.Pointer
	n      int
	end    uintptr
	limits *mem.Limits
}

// viewOf makes a view of s, which lies in the address range of l.
func viewOf[T any](s []T, l *mem.Limits) View[T] {
	first := unsafe.Pointer(unsafe.SliceData(s))
	return View[T]{first, len(s), uintptr(first) + uintptr(len(s))*unsafe.Sizeof(*new(T)), l}
}

// elements returns the elements as a slice, for code that checks for itself.
func (v View[T]) elements() []T {
	// SAFETY: first and n describe them; what the caller may touch, limits says.
	return unsafe.Slice((*T)(v.first), v.n)
}

// Len returns the number of elements.
func (v View[T]) Len() int { return v.n }

// At returns element i. Where Load would return an error it panics with it.
func (v View[T]) At(i int) (x T) {
	var end uintptr
	if uint(i) < uint(v.n) {
		if end = v.limits.Readable(); v.end <= end || uintptr(v.first)+uintptr(i)*unsafe.Sizeof(x)+(unsafe.Sizeof(x)-1) < end {
			if race.Enabled {
				v.limits.Race().Read(unsafe.Add(v.first, uintptr(i)*unsafe.Sizeof(x)), unsafe.Sizeof(x))
			}
			return *(*T)(unsafe.Add(v.first, uintptr(i)*unsafe.Sizeof(x)))
		}
	}
	panic(&typedmem.Error{Op: "at", Err: &refusal{i, v.n, end}})
}

// Set sets element i to x. Where Store would return an error it panics with it.
func (v View[T]) Set(i int, x T) {
	var end uintptr
	if uint(i) < uint(v.n) {
		if end = v.limits.Writable(); v.end <= end || uintptr(v.first)+uintptr(i)*unsafe.Sizeof(x)+(unsafe.Sizeof(x)-1) < end {
			if race.Enabled {
				v.limits.Race().Write(unsafe.Add(v.first, uintptr(i)*unsafe.Sizeof(x)), unsafe.Sizeof(x))
			}
			*(*T)(unsafe.Add(v.first, uintptr(i)*unsafe.Sizeof(x))) = x
			return
		}
	}
	panic(&typedmem.Error{Op: "set", Err: &refusal{i, v.n, end}})
}

// Load returns element i. It is not atomic: for elements that other goroutines write use [View.Ptr]
// and sync/atomic. The error says what was true at this access, and keeps saying it; a later Load
// may succeed.
//
//   - [typedmem.ErrBounds]: the index is out of range, or the memory was cut off.
//   - [typedmem.ErrClosed]: the mapping is closed.
//   - [typedmem.ErrProtection]: the memory is not readable.
//   - [typedmem.ErrOperation]: the memory is not committed, or T has sync/atomic fields.
func (v View[T]) Load(i int) (x T, err error) {
	var end uintptr
	if uint(i) < uint(v.n) {
		if end = v.limits.Readable(); v.end <= end || uintptr(v.first)+uintptr(i)*unsafe.Sizeof(x)+(unsafe.Sizeof(x)-1) < end {
			if race.Enabled {
				v.limits.Race().Read(unsafe.Add(v.first, uintptr(i)*unsafe.Sizeof(x)), unsafe.Sizeof(x))
			}
			return *(*T)(unsafe.Add(v.first, uintptr(i)*unsafe.Sizeof(x))), nil
		}
	}
	return x, &typedmem.Error{Op: "load", Err: &refusal{i, v.n, end}}
}

// Store sets element i to x. It is not atomic, and returns the errors of [View.Load]. If the memory
// or the view is not writable it returns [typedmem.ErrProtection], even for elements that were cut
// off.
func (v View[T]) Store(i int, x T) error {
	var end uintptr
	if uint(i) < uint(v.n) {
		if end = v.limits.Writable(); v.end <= end || uintptr(v.first)+uintptr(i)*unsafe.Sizeof(x)+(unsafe.Sizeof(x)-1) < end {
			if race.Enabled {
				v.limits.Race().Write(unsafe.Add(v.first, uintptr(i)*unsafe.Sizeof(x)), unsafe.Sizeof(x))
			}
			*(*T)(unsafe.Add(v.first, uintptr(i)*unsafe.Sizeof(x))) = x
			return nil
		}
	}
	return &typedmem.Error{Op: "store", Err: &refusal{i, v.n, end}}
}

// Slice returns the elements as a Go slice: raw memory, as fast as any slice. It is valid until
// Close, a shrinking Resize, a split or a change of protection; using it later is a bug that the
// package comment describes. Slice panics with an *typedmem.Error if the memory is not readable.
// Writing needs a writable mapping.
func (v View[T]) Slice() []T {
	lend("slice", v.limits, v.end)
	return v.elements()
}

// Ptr returns the address of element i: raw memory, as with Slice. It panics with an
// *typedmem.Error for an index out of range and where the memory is not readable.
func (v View[T]) Ptr(i int) *T {
	if uint(i) >= uint(v.n) {
		panic(shell.Fail("ptr", outOfRange(i, v.n)))
	}
	p := (*T)(unsafe.Add(v.first, uintptr(i)*unsafe.Sizeof(*new(T))))
	lend("ptr", v.limits, uintptr(unsafe.Pointer(p))+unsafe.Sizeof(*p))
	return p
}

// lend notes that raw memory up to the address end leaves the package's checks; it panics where
// that cannot be read.
func lend(op string, l *mem.Limits, end uintptr) {
	if l == nil { // the zero View
		return
	}
	if limit := l.Raw(); end > limit {
		panic(shell.Fail(op, mem.Refusal(limit)))
	}
	l.Lend()
}

// Sub returns the elements [lo, hi) of v, or [typedmem.ErrBounds].
func (v View[T]) Sub(lo, hi int) (View[T], error) {
	if !num.Range(lo, hi, v.n) {
		return View[T]{}, bounds("sub", lo, hi, v.n)
	}
	return viewOf(v.elements()[lo:hi], v.limits), nil
}

// SplitAt returns the elements before i and those from i on, or [typedmem.ErrBounds].
func (v View[T]) SplitAt(i int) (View[T], View[T], error) {
	if !num.Range(0, i, v.n) {
		return View[T]{}, View[T]{}, bounds("split at", i, v.n, v.n)
	}
	return viewOf(v.elements()[:i], v.limits), viewOf(v.elements()[i:], v.limits), nil
}

// Chunks yields v in views of n elements, the last of which may be shorter. An n below 1 panics
// with [typedmem.ErrBounds].
func (v View[T]) Chunks(n int) iter.Seq[View[T]] {
	if n < 1 {
		panic(&typedmem.Error{Op: "chunks", Err: chunkRefusal(n)})
	}
	return func(yield func(View[T]) bool) {
		for rest := v.elements(); len(rest) > 0; {
			k := min(n, len(rest))
			if !yield(viewOf(rest[:k], v.limits)) {
				return
			}
			rest = rest[k:]
		}
	}
}

// Every returns the elements lo, lo+step, lo+2*step and so on below hi. A range that does not fit,
// or a step below 1, is [typedmem.ErrBounds].
func (v View[T]) Every(lo, hi, step int) (Strided[T], error) {
	return Strided[T]{v.first, v.n, unsafe.Sizeof(*new(T)), v.limits}.Every(lo, hi, step)
}

// All yields index and value of every element. It checks each as At does: a mapping that is closed
// meanwhile ends it with At's panic.
func (v View[T]) All() iter.Seq2[int, T] {
	return func(yield func(int, T) bool) {
		for next := 0; next < v.n; {
			i := next
			if next++; !yield(i, v.At(i)) { // next++ shares the line of the inlined At, which the compiler would else mark by a no-op
				return
			}
		}
	}
}

// Values yields the value of every element, checked as All is.
func (v View[T]) Values() iter.Seq[T] {
	return func(yield func(T) bool) {
		for next := 0; next < v.n; {
			i := next
			if next++; !yield(v.At(i)) { // see All
				return
			}
		}
	}
}

// CopyTo copies min(Len, len(dst)) elements to dst and returns that number. It panics, before it
// copies any, where At of one of them would.
func (v View[T]) CopyTo(dst []T) int { return copy(dst, v.checked("copy to", len(dst), false)) }

// CopyFrom copies min(Len, len(src)) elements from src and returns that number; src may be a part
// of the same memory. It panics, before it copies any, where Set of one of them would.
func (v View[T]) CopyFrom(src []T) int { return copy(v.checked("copy from", len(src), true), src) }

// Fill sets every element to x. It panics where Set of one of them would, before it has set any.
func (v View[T]) Fill(x T) {
	s := v.checked("fill", v.n, true)
	for i := range s {
		s[i] = x
	}
}

// checked returns the first n elements, or all of a shorter view. It panics unless all of them can
// be read, or written.
func (v View[T]) checked(op string, n int, write bool) []T {
	s := v.elements()[:min(n, v.n)]
	if len(s) == 0 {
		return nil
	}
	allowed, report := v.limits.Readable(), (*race.Shadow).Read
	if write {
		allowed, report = v.limits.Writable(), (*race.Shadow).Write
	}
	size := uintptr(len(s)) * unsafe.Sizeof(s[0])
	if uintptr(v.first)+size > allowed {
		panic(shell.Fail(op, mem.Refusal(allowed)))
	}
	if race.Enabled {
		report(v.limits.Race(), v.first, size)
	}
	return s
}

// ReadOnly returns the same elements in a view that refuses every checked write with
// [typedmem.ErrProtection], and so do all views made from it. Slice and Ptr are raw memory here
// too: they refuse nothing, and writing through them writes the elements.
func (v View[T]) ReadOnly() View[T] {
	if v.limits == nil {
		return v
	}
	return View[T]{v.first, v.n, v.end, v.limits.ReadOnly()}
}

// Bytes returns the memory of the elements, padding included, byte by byte. If T has a bool the
// result is read-only, since not every byte is a bool.
func (v View[T]) Bytes() View[byte] {
	if v.limits == nil {
		return View[byte]{}
	}
	l := v.limits.Shut()
	if shell.LayoutOf[T]().Bool {
		l = l.ReadOnly()
	}
	n := v.n * int(unsafe.Sizeof(*new(T)))
	// SAFETY: the same memory and the same limits; every byte pattern is a byte.
	return View[byte]{v.first, n, v.end, l}
}
