package slab

import (
	"fmt"
	"io/fs"

	"github.com/typedmem/typedmem"
	"github.com/typedmem/typedmem/flags"
	"github.com/typedmem/typedmem/internal/container"
	"github.com/typedmem/typedmem/internal/layout"
	"github.com/typedmem/typedmem/internal/printing"
	"github.com/typedmem/typedmem/internal/shell"
)

// FileOptions says how [OpenFile] opens a slab file. The zero value opens it for reading. The
// package comment has a table of all combinations.
type FileOptions struct {
	// Write opens the file for reading and writing, as its only writer.
	Write bool

	// Create, with Write, makes the file if there is none.
	Create bool

	// Capacity is the greatest number of objects; a new file needs one. A file that exists has
	// the capacity that it was made with: 0 takes any.
	Capacity int

	// Perm has the permission bits of a new file, before the umask; 0 means 0o666. On Windows a
	// file without 0o200 gets the read-only attribute.
	Perm fs.FileMode

	// Flags says how the objects are mapped. flags.HugePages is refused, since the file decides
	// which pages it has.
	Flags flags.Map

	// Debug, with Write, finds mistakes: see the package comment for what it does and costs.
	// For objects that are in the file already it knows only where they are freed.
	Debug bool
}

// OpenFile opens a slab file as o says, and with Create makes it if there is none. Of several
// processes that call it at the same time one makes the file, and the others open that file. A file
// has one writer at a time: for a second one it returns [typedmem.ErrBusy] with the process ID of
// the first.
//
//   - The errors of [Open], and with Create those of [Create] except [fs.ErrExist].
//   - [typedmem.ErrLayout]: the file has another capacity.
//   - [typedmem.ErrOperation]: the options contradict each other, or the path names no regular
//     file.
//   - [fs.ErrNotExist]: there is no file, and Create is not set; or the path is a symbolic link to
//     nothing, in whose place no file is made.
//
// A failed call changes nothing, and its error names the path.
func OpenFile[T any](path string, o FileOptions) (*Slab[T], error) {
	c, err := openFile(path, shell.LayoutOf[T](), o)
	return newSlab[T]("open", c, printing.Named(path, err))
}

// Create makes a new slab file for up to capacity objects and opens it for writing. If the file
// exists it returns an error that wraps [fs.ErrExist]; [OpenFile] opens it then. The file appears
// under its name when it is complete and on the device, so others never see a part of it. A system
// crash before the first Sync may remove it as a whole. On error no file is left. The file grows as
// objects are allocated.
func Create[T any](path string, capacity int) (*Slab[T], error) {
	c, err := create(path, shell.LayoutOf[T](), FileOptions{Write: true, Create: true, Capacity: capacity})
	return newSlab[T]("create", c, printing.Named(path, err))
}

// Open opens a slab file for reading, beside any number of other readers and one writer, whose
// changes it sees. A Load of an object that the writer is storing to may mix old and new bytes; see
// the package documentation. Open never changes the file. It is [OpenFile] with zero options.
//
//   - [typedmem.ErrLayout]: the file was made for another T. The error shows the difference field
//     by field.
//   - [typedmem.ErrCorrupt]: the file is damaged.
//   - [typedmem.ErrTruncated]: the file was cut off.
func Open[T any](path string) (*Slab[T], error) { return OpenFile[T](path, FileOptions{}) }

// OpenMut opens a slab file for reading and writing: [OpenFile] with Write. After the end of a
// writer's process every object that it allocated and did not free is there, and slots in its
// caches are free. After a system crash see [Slab.Sync]. OpenMut reads 8 bytes for each slot in
// use.
func OpenMut[T any](path string) (*Slab[T], error) {
	return OpenFile[T](path, FileOptions{Write: true})
}

func openFile(path string, l *layout.Layout, o FileOptions) (*core, error) {
	opens := func() (*core, error) { return open(path, l, o) }
	if !o.Create {
		return opens()
	}
	return container.OpenOrCreate(path, opens, func() (*core, error) { return create(path, l, o) })
}

// check refuses options that contradict each other, whether the file exists or not.
func (o FileOptions) check(l *layout.Layout) error {
	if err := shell.CheckType(l, layout.SharedFile); err != nil {
		return err
	}
	if err := shell.CheckFile(o.Write, o.Create, o.Perm, o.Flags); err != nil {
		return err
	}
	switch {
	case o.Debug && !o.Write:
		return fmt.Errorf("the option Debug watches a writer; set Write too: %w", typedmem.ErrOperation)
	case o.Capacity < 0:
		return fmt.Errorf("a capacity of %d objects: %w", o.Capacity, typedmem.ErrSize)
	}
	return nil
}
