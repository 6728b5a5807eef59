package typedmem

import (
	"errors"
	"fmt"
	"strings"
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

// Error renders the operation, the memory and the reason, each once: where Err is an Error too, the operation is the outer one, which the program called.
func (e *Error) Error() string {
	place, reason := e.parts()
	return "typedmem: " + e.Op + place + ": " + reason
}

func (e *Error) parts() (place, reason string) {
	reason = fmt.Sprint(e.Err)
	var inner *Error
	if errors.As(e.Err, &inner) {
		var why string
		place, why = inner.parts()
		reason = strings.Replace(reason, inner.Error(), why, 1)
	}
	if e.Addr != 0 && !errors.Is(e.Err, ErrClosed) { // nothing is there any more
		place = fmt.Sprintf(" (%d bytes at %#x)", e.Len, e.Addr)
	}
	return place, reason
}

// Unwrap returns Err.
func (e *Error) Unwrap() error { return e.Err }
