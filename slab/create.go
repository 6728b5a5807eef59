package slab

import (
	"fmt"

	"github.com/typedmem/typedmem"
	"github.com/typedmem/typedmem/internal/printing"
	"github.com/typedmem/typedmem/internal/shell"
	"github.com/typedmem/typedmem/options"
)

// Config is what With, CreateWith and OpenMutWith take. Its zero value makes the slab that New
// makes.
type Config struct {
	// Options are the flags, address, page size and file that the objects are mapped with. Their
	// size is how many bytes to commit first; a capacity can only add reserved addresses. The file,
	// which may be any file, gets the bytes of the objects and nothing else, so handles are not
	// valid in the next process. Slab files (Create, OpenMut) take no Options: ErrOperation.
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

// Create makes a new slab file for up to capacity objects and opens it for writing. If the file
// exists the error wraps [io/fs.ErrExist]; on error no file is left. The contents are on the device
// before the name appears, so others never see a part of a file. The name itself is durable after
// the first Sync: a system crash before that may remove the file. The file grows as objects are
// allocated.
func Create[T any](path string, capacity int) (*Slab[T], error) {
	return CreateWith[T](path, capacity, Config{})
}

// CreateWith is Create with a Config, of which slab files take Debug only; for anything else it
// returns [typedmem.ErrOperation].
func CreateWith[T any](path string, capacity int, c Config) (*Slab[T], error) {
	made, err := create(path, capacity, shell.LayoutOf[T](), c)
	return newSlab[T]("create", made, printing.Named(path, err))
}

// Open opens a slab file for reading, beside any number of other readers and one writer, whose
// changes it sees. A Load of an object that the writer is storing to may mix old and new bytes; see
// the package documentation. Open never changes the file.
//
//   - [typedmem.ErrLayout]: the file was made for another T. The error shows the difference field
//     by field.
//   - [typedmem.ErrCorrupt]: the file is damaged.
//   - [typedmem.ErrTruncated]: the file was cut off.
func Open[T any](path string) (*Slab[T], error) {
	c, err := open(path, false, shell.LayoutOf[T](), Config{})
	return newSlab[T]("open", c, printing.Named(path, err))
}

// OpenMut opens a slab file for reading and writing, with the errors of [Open]. A file has one
// writer at a time: for a second one OpenMut returns [typedmem.ErrBusy]. After the end of a
// writer's process every object that it allocated and did not free is there, and slots in its
// caches are free. After a crash of the system see [Slab.Sync]. OpenMut reads 8 bytes for each slot
// in use.
func OpenMut[T any](path string) (*Slab[T], error) { return OpenMutWith[T](path, Config{}) }

// OpenMutWith is OpenMut with a Config, of which slab files take Debug only; for anything else it
// returns [typedmem.ErrOperation]. For objects that are in the file already, debug mode knows only
// where they are freed.
func OpenMutWith[T any](path string, c Config) (*Slab[T], error) {
	opened, err := open(path, true, shell.LayoutOf[T](), c)
	return newSlab[T]("open", opened, printing.Named(path, err))
}

// checkFile refuses what a slab file cannot have.
func (cfg Config) checkFile() error {
	if cfg.Options != (options.Options{}) {
		return fmt.Errorf("a slab file decides by itself how it is mapped, Options must be zero: %w", typedmem.ErrOperation)
	}
	if cfg.GuardEvery != 0 {
		return fmt.Errorf("objects of a slab file lie in the file, GuardEvery cannot move one of %d to a page of its own: %w", cfg.GuardEvery, typedmem.ErrOperation)
	}
	return nil
}
