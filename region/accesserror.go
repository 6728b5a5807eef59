package region

import (
	"fmt"

	"github.com/typedmem/typedmem"
	"github.com/typedmem/typedmem/internal/mem"
	"github.com/typedmem/typedmem/internal/shell"
)

// refusal is why a checked access to a View or a Strided was refused. The accessors build it where
// they stand, with nothing but stores of what they saw, so that they stay within what the compiler
// inlines; the words are found when somebody asks, and never change.
type refusal struct {
	index, length int
	limit         uintptr // that the access compared with, if the index is within the length
}

func (r *refusal) Unwrap() error {
	if uint(r.index) >= uint(r.length) {
		return outOfRange(r.index, r.length)
	}
	return mem.Refusal(r.limit)
}

func (r *refusal) Error() string { return r.Unwrap().Error() }

// regionRefusal is refusal for a Region.
type regionRefusal[T any] struct {
	r      *Region[T]
	limits *mem.Limits // that the access loaded, nil where the index was refused without them
	index  int
	limit  uintptr
}

func (r *regionRefusal[T]) Unwrap() error {
	switch {
	case r.r.core == nil:
		return errZero
	case r.limits == nil:
		return fmt.Errorf("index %d is negative, or no memory is as large: %w", r.index, typedmem.ErrBounds)
	case !mem.Allows(r.limit):
		return mem.Refusal(r.limit)
	}
	return outOfRange(r.index, count[T](r.limits, r.limit))
}

func (r *regionRefusal[T]) Error() string { return r.Unwrap().Error() }

func outOfRange(index, length int) error {
	return fmt.Errorf("index %d out of range with length %d: %w", index, length, typedmem.ErrBounds)
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

// bounds is the error for a range that does not fit.
func bounds(op string, lo, hi, n int) error {
	return shell.Fail(op, fmt.Errorf("elements [%d,%d) of %d: %w", lo, hi, n, typedmem.ErrBounds))
}
