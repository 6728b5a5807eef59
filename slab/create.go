package slab

import (
	"github.com/typedmem/typedmem/internal/shell"
	"github.com/typedmem/typedmem/options"
)

// Config is what With takes. Its zero value makes the slab that New makes.
type Config struct {
	// Options are the flags, address, page size and file that the objects are mapped with. Their
	// size is how many bytes to commit first; a capacity can only add reserved addresses. The file,
	// which may be any file, gets the bytes of the objects and nothing else, so handles are not
	// valid in the next process. For slab files see [OpenFile].
	Options options.Options

	// Debug finds mistakes; the package comment says how, and what it costs.
	Debug bool

	// GuardEvery n puts one of n objects into a page of its own, 0 none; see the package comment.
	GuardEvery int
}

// New makes a slab for up to capacity objects in anonymous memory.
//
//   - [typedmem.ErrType]: T cannot be in mapped memory.
//   - [typedmem.ErrSize]: the capacity is below 1, or above 4,294,901,760 or what the address space
//     holds.
func New[T any](capacity int) (*Slab[T], error) {
	c, err := newInMemory(capacity, shell.LayoutOf[T](), Config{})
	return newSlab[T]("new", c, err)
}

// Map is New in memory that o describes, readable and writable (region.Map is read-only); see
// Config.Options.
func Map[T any](capacity int, o options.Options) (*Slab[T], error) {
	c, err := newInMemory(capacity, shell.LayoutOf[T](), Config{Options: o})
	return newSlab[T]("map", c, err)
}

// With is New with a Config.
func With[T any](capacity int, c Config) (*Slab[T], error) {
	made, err := newInMemory(capacity, shell.LayoutOf[T](), c)
	return newSlab[T]("new", made, err)
}
