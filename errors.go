package typedmem

import (
	"errors"
	"fmt"
)

// Sentinel errors. Every error of this module wraps one of them, the system's error, or errors.ErrUnsupported for what a
// platform cannot do.
var (
	ErrSize              = errors.New("size out of range")
	ErrOffset            = errors.New("offset not usable")
	ErrOperation         = errors.New("operation not possible in this state")
	ErrNotAdjacent       = errors.New("mappings are not adjacent")
	ErrAttributeMismatch = errors.New("mappings differ in their attributes")
	ErrBackingMismatch   = errors.New("mappings differ in what backs them")
	ErrUnsafeFlag        = errors.New("an unsafe flag is needed")
	ErrClosed            = errors.New("closed")
	ErrBusy              = errors.New("busy")
	ErrProtection        = errors.New("protection forbids it")
	ErrBounds            = errors.New("out of bounds")
	ErrType              = errors.New("type cannot live in this memory")
	ErrLayout            = errors.New("layout of the file differs from the type")
	ErrCorrupt           = errors.New("file is damaged")
	ErrTruncated         = errors.New("file is too short")
	ErrCapacity          = errors.New("past the capacity")
)

// Error says which operation failed, on which memory, and why.
type Error struct {
	Op   string  // the operation, as in "flush"
	Addr uintptr // first byte of the memory it was about, 0 where there is none
	Len  int     // bytes of that memory
	Err  error   // a sentinel of this package or the system's error, wrapped with what was asked and what to do
}

// Error renders the operation, the memory and the reason.
func (e *Error) Error() string {
	if e.Addr == 0 {
		return fmt.Sprintf("typedmem: %s: %v", e.Op, e.Err)
	}
	return fmt.Sprintf("typedmem: %s (%d bytes at %#x): %v", e.Op, e.Len, e.Addr, e.Err)
}

// Unwrap returns Err.
func (e *Error) Unwrap() error { return e.Err }
