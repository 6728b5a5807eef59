package slab

import (
	"errors"

	"github.com/typedmem/typedmem"
)

// Errors of this package. They come wrapped in a *typedmem.Error that names the operation.
var (
	// ErrStale: the handle names no live object of this slab. It was freed, belongs to another slab, or was made up.
	ErrStale = errors.New("stale handle: its object was freed, or is of another slab")
	// ErrFull: every slot holds an object, is retired, or is parked in some Cache.
	ErrFull = errors.New("the slab is full")
)

// The answers for handles that are not valid, made once: no operation allocates.
var (
	staleLoad  = fail("load", ErrStale)
	staleStore = fail("store", ErrStale)
	stalePtr   = fail("ptr", ErrStale)
	staleFree  = fail("free", ErrStale)
	full       = fail("alloc", ErrFull)
)

// fail builds the error of an operation of this package.
func fail(op string, err error) error { return &typedmem.Error{Op: op, Err: err} }
