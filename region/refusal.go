package region

import (
	"fmt"
	"unsafe"

	"github.com/typedmem/typedmem"
)

// readRefusal is why a checked access to a View was refused. The accessors build it where they stand, with nothing but stores, so that they stay within
// what the compiler inlines; the reason is worked out when somebody asks, which is right after.
type readRefusal[T any] struct {
	v     View[T]
	index int
}

func (r *readRefusal[T]) Error() string { return r.v.refuse(r.index, false).Error() }
func (r *readRefusal[T]) Unwrap() error { return r.v.refuse(r.index, false) }

// writeRefusal is readRefusal for a write.
type writeRefusal[T any] struct {
	v     View[T]
	index int
}

func (r *writeRefusal[T]) Error() string { return r.v.refuse(r.index, true).Error() }
func (r *writeRefusal[T]) Unwrap() error { return r.v.refuse(r.index, true) }

// refuse says why element i cannot be accessed.
func (v View[T]) refuse(i int, write bool) error {
	if v.limits == nil {
		return fmt.Errorf("index %d out of range with length 0: %w", i, typedmem.ErrBounds)
	}
	size := unsafe.Sizeof(*new(T))
	return refuse(v.limits, v.limits.Readable(), uintptr(v.first), size, size, i, v.n, write)
}

// regionRefusal is readRefusal and writeRefusal for a Region.
type regionRefusal[T any] struct {
	r     *Region[T]
	index int
	write bool
}

func (r *regionRefusal[T]) reason() error {
	if r.r.limits == nil {
		return errZero
	}
	base, size := uintptr(unsafe.Pointer(unsafe.SliceData(r.r.all))), unsafe.Sizeof(*new(T))
	seen := r.r.limits.Readable()
	return refuse(r.r.limits, seen, base, size, size, r.index, int((seen-base)/size), r.write)
}

func (r *regionRefusal[T]) Error() string { return r.reason().Error() }
func (r *regionRefusal[T]) Unwrap() error { return r.reason() }

// refuse works the reason out: elements of size bytes lie stride bytes apart from base on.
func refuse(limits *typedmem.Limits, seen, base, stride, size uintptr, index, length int, write bool) error {
	if seen == 0 {
		return limits.Refusal(0, base, write)
	}
	if index < 0 || index >= length {
		return fmt.Errorf("index %d out of range with length %d: %w", index, length, typedmem.ErrBounds)
	}
	return limits.Refusal(seen, base+uintptr(index)*stride+size, write)
}

// errZero is why the zero Region can do nothing.
var errZero = fmt.Errorf("the region was made by no constructor: %w", typedmem.ErrClosed)

// errClosed is why a region that is closed can do nothing.
func (r *Region[T]) errClosed() error {
	if r.core == nil {
		return errZero
	}
	return typedmem.ErrClosed
}

// chunkRefusal is the error for chunks of so many elements.
type chunkRefusal int

func (n chunkRefusal) Error() string {
	return fmt.Sprintf("chunks of %d elements, the least is 1: %v", int(n), typedmem.ErrBounds)
}
func (n chunkRefusal) Unwrap() error { return typedmem.ErrBounds }

// fail builds the error of any other operation of this package.
func fail(op string, err error) error { return &typedmem.Error{Op: op, Err: err} }

// bounds is the error for a range that does not fit.
func bounds(op string, lo, hi, n int) error {
	return fail(op, fmt.Errorf("elements [%d,%d) of %d: %w", lo, hi, n, typedmem.ErrBounds))
}
