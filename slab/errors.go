package slab

import (
	"errors"
	"fmt"

	"github.com/typedmem/typedmem/internal/shell"
)

// Errors of this package. They come wrapped in a *typedmem.Error that names the operation.
var (
	// ErrStale: the handle names no live object of this slab. It was freed, belongs to another
	// slab, or was made up.
	ErrStale = errors.New("stale handle")
	// ErrFull: every slot holds an object, is retired, or is parked in a Cache whose goroutine
	// did not free anything meanwhile. Such caches hold an eighth of the capacity at the most, all
	// together; close those that are idle. The error says how many slots are where.
	ErrFull = errors.New("the slab is full")
)

// The answers for handles that are not valid, made once: looking up a handle does not allocate,
// which is why they do not name it.
var (
	staleLoad   = newStale("load")
	staleStore  = newStale("store")
	staleUpdate = newStale("update")
	stalePtr    = newStale("ptr")
	staleFree   = newStale("free")
	full        = shell.Fail("alloc", ErrFull) // replaced by withNumbers
)

// fullError is ErrFull with what was known when no slot was found.
type fullError struct {
	capacity int
	Stats
}

func (e *fullError) Error() string {
	return fmt.Sprintf("%d slots: %d hold objects, %d are parked in caches, %d wait for a flush, %d are retired; "+
		"free objects, close caches that are not in use, or make the slab larger: %v",
		e.capacity, e.Live, e.Cached, e.Waiting, e.Retired, ErrFull)
}

func (e *fullError) Unwrap() error { return ErrFull }

// withNumbers is err for the caller, with how the slab is used now where it is full.
func (c *core) withNumbers(err error) error {
	if err != full {
		return err
	}
	return shell.Fail("alloc", &fullError{int(c.n), c.stats()})
}

// stale is what one operation answers for handles that are not valid.
type stale struct{ zero, other error }

func newStale(op string) *stale {
	return &stale{
		zero:  shell.Fail(op, fmt.Errorf("the zero handle names no object: %w", ErrStale)),
		other: shell.Fail(op, fmt.Errorf("the object was freed, or the handle is of another slab or made up: %w", ErrStale)),
	}
}

func (s *stale) of(h uint64) error {
	if h == 0 {
		return s.zero
	}
	return s.other
}
