package slab

import (
	"errors"
	"fmt"

	"github.com/typedmem/typedmem"
	"github.com/typedmem/typedmem/internal/shell"
	"github.com/typedmem/typedmem/internal/slots"
)

// Errors of this package. They come wrapped in a *typedmem.Error that names the operation.
var (
	// ErrStale: the handle names no live object of this slab. It was freed, belongs to another
	// slab, or was made up.
	ErrStale = errors.New("stale handle")
	// ErrFull: every slot holds an object, is retired, or is parked in a [Cache]; close caches that
	// are idle. The error says how many slots are where.
	ErrFull = errors.New("the slab is full")
)

// operation is a method that takes a handle. Its errors for handles that are not valid are made
// once, so a lookup does not allocate; they do not name the handle.
type operation struct {
	name        string
	write       bool // it changes the object
	zero, stale error
}

var (
	opLoad   = newOperation("load", false)
	opStore  = newOperation("store", true)
	opUpdate = newOperation("update", true)
	opPtr    = newOperation("ptr", false)
	opFree   = newOperation("free", true)
)

func newOperation(name string, write bool) *operation {
	return &operation{
		name: name, write: write,
		zero:  shell.Fail(name, fmt.Errorf("the zero handle names no object: %w", ErrStale)),
		stale: shell.Fail(name, fmt.Errorf("the object was freed, or the handle is of another slab or made up: %w", ErrStale)),
	}
}

func (op *operation) invalid(h uint64) error {
	if h == 0 {
		return op.zero
	}
	return op.stale
}

// allocError returns the error of an allocation; if the slab is full it says how it is used.
func (c *core) allocError(err error) error {
	if err == slots.ErrFull {
		n := c.stats()
		err = fmt.Errorf("%d slots: %d hold objects, %d are parked in caches, %d wait for a flush, %d are retired; "+
			"free objects, close caches that are not in use, or make a slab of more slots: %w",
			c.pool.Cap, n.Live, n.Cached, n.Waiting, n.Retired, ErrFull)
	}
	return shell.Fail("alloc", err)
}

// MisuseError says that memory of an object was written after the object was freed.
type MisuseError struct {
	Handle uint64 // of the object, as [Handle.Uint64] returns it
	Offset int    // of the first byte that was written, from the start of the object
	Alloc  string // stack of its allocation
	Free   string // stack of its Free
}

// Error names the object, the byte and both stacks.
func (e *MisuseError) Error() string {
	if e == nil {
		return "<nil>"
	}
	return fmt.Sprintf("slot %d, object %#x: byte %d was written after the object was freed\nallocated:\n%sfreed:\n%s",
		slots.Index(e.Handle), e.Handle, e.Offset, e.Alloc, e.Free)
}

// Unwrap returns [typedmem.ErrCorrupt].
func (e *MisuseError) Unwrap() error { return typedmem.ErrCorrupt }
