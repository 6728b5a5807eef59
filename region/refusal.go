package region

import (
	"fmt"
	"unsafe"

	"github.com/typedmem/typedmem"
)

// refusal is why a checked access was refused. The accessors build it where they stand, with nothing but stores, so that they stay within what the
// compiler inlines; the reason is worked out when somebody asks, which is right after.
type refusal[T any] struct {
	s      []T // of a view its elements, of a region those of its whole capacity
	limits *typedmem.Limits
	index  int
	access access
}

// access is what was tried.
type access uint8

const (
	readView access = iota
	writeView
	readRegion
	writeRegion
)

func (r *refusal[T]) reason() error {
	if r.limits == nil {
		return fmt.Errorf("index %d out of range with length 0: %w", r.index, typedmem.ErrBounds)
	}
	base, size := uintptr(unsafe.Pointer(unsafe.SliceData(r.s))), unsafe.Sizeof(*new(T))
	write := r.access == writeView || r.access == writeRegion
	seen := r.limits.Readable()
	length := len(r.s)
	if r.access >= readRegion {
		length = int((seen - base) / size)
	}
	return refuse(r.limits, seen, base, size, size, r.index, length, write)
}

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

func (r *refusal[T]) Error() string { return r.reason().Error() }
func (r *refusal[T]) Unwrap() error { return r.reason() }

// fail builds the error of any other operation of this package.
func fail(op string, err error) error { return &typedmem.Error{Op: op, Err: err} }

// bounds is the error for a range that does not fit.
func bounds(op string, lo, hi, n int) error {
	return fail(op, fmt.Errorf("elements [%d,%d) of %d: %w", lo, hi, n, typedmem.ErrBounds))
}
