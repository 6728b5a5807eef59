package slab

import (
	"github.com/typedmem/typedmem/internal/shell"
	"github.com/typedmem/typedmem/options"
)

// Config is what With takes. Its zero value makes the slab that New makes.
type Config struct {
	// Options says how the memory of the objects is mapped: flags, address, page size and file. Its
	// size is the number of bytes to commit first. Its capacity may be larger than the slab needs.
	// A file in Options may be any file: it gets the bytes of the objects and nothing else, and
	// handles end with the process. For slab files see [OpenFile].
	Options options.Options

	// Debug finds mistakes: see the package comment for what it does and costs. It commits the
	// whole capacity, unless Options has a file or an address.
	Debug bool

	// GuardEvery n puts one of n objects into a page of its own; 0 means none. See the package
	// comment.
	GuardEvery int
}

// New makes a slab for up to capacity objects in anonymous memory. Address space is reserved for
// all of them; memory is committed as they are allocated.
//
//   - [typedmem.ErrType]: T cannot be in mapped memory.
//   - [typedmem.ErrSize]: the capacity is below 1, or above 4,294,901,760 or what the address space
//     holds.
func New[T any](capacity int) (*Slab[T], error) {
	c, err := newInMemory(capacity, shell.LayoutOf[T](), Config{})
	return newSlab[T]("new", c, err)
}

// Map is New, readable and writable, in memory that o describes; see Config.Options.
func Map[T any](capacity int, o options.Options) (*Slab[T], error) {
	c, err := newInMemory(capacity, shell.LayoutOf[T](), Config{Options: o})
	return newSlab[T]("map", c, err)
}

// With is New with a Config.
func With[T any](capacity int, c Config) (*Slab[T], error) {
	made, err := newInMemory(capacity, shell.LayoutOf[T](), c)
	return newSlab[T]("new", made, err)
}
