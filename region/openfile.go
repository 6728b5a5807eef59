package region

import (
	"errors"
	"fmt"
	"io/fs"

	"github.com/typedmem/typedmem"
	"github.com/typedmem/typedmem/flags"
	"github.com/typedmem/typedmem/internal/container"
	"github.com/typedmem/typedmem/internal/layout"
	"github.com/typedmem/typedmem/internal/mem"
	"github.com/typedmem/typedmem/internal/printing"
	"github.com/typedmem/typedmem/internal/shell"
)

// FileOptions says how [OpenFile] opens a region file. The zero value opens it for reading. The
// package comment has a table of all combinations.
type FileOptions struct {
	// Write opens the file for reading and writing, without Shared as its only writer.
	Write bool

	// Create, with Write, makes the file if there is none.
	Create bool

	// Shared, with Write, opens the file as one of any number of writers, in this process and
	// in others. Append and Resize return typedmem.ErrOperation. The package comment has the
	// rules.
	Shared bool

	// CopyOnWrite opens the file for reading and shows a private copy of it that can be written
	// to. No change reaches the file or anybody else. Write, if set too, changes nothing. The
	// package comment has the rules.
	CopyOnWrite bool

	// Len is the length of a new file in elements. A file that exists keeps its length.
	Len int

	// Width is the number of elements in a row of a new file; 0 and 1 mean 1. Len, Append and
	// Resize take whole rows then, still counted in elements; see [Region.Rows]. In a file that
	// exists, 0 means any width.
	Width int

	// Capacity is how many elements the reserved addresses can hold at least; 0 lets the
	// library choose, as the package comment says.
	Capacity int

	// Perm has the permission bits of a new file, before the umask; 0 means 0o666. On Windows a
	// file without 0o200 gets the read-only attribute.
	Perm fs.FileMode

	// Flags says how the file is mapped. Every mode refuses flags.HugePages, since the file
	// decides which pages it has.
	Flags flags.Map
}

// OpenFile opens a self-describing file as o says, and with Create makes it if there is none. Of
// several processes that call it at the same time one makes the file, and the others open that
// file. A file has one writer at a time, unless all of them set Shared: for another one it returns
// [typedmem.ErrBusy], which says who has the file, by the process ID where one writer has it.
//
//   - The errors of [Open], and with Create those of [Create] except [fs.ErrExist].
//   - [typedmem.ErrLayout]: the file has another width, or more elements than Capacity.
//   - [typedmem.ErrSize]: a new file with Shared needs a Len.
//   - [typedmem.ErrOperation]: the options contradict each other, or the path names no regular
//     file.
//   - [fs.ErrNotExist]: there is no file, and Create is not set; or the path is a symbolic link to
//     nothing, in whose place no file is made.
//
// A failed call changes nothing, and its error names the path.
func OpenFile[T any](path string, o FileOptions) (*Region[T], error) {
	c, err := openFile(path, shell.LayoutOf[T](), o)
	return show[T]("open", c, printing.Named(path, err))
}

// Create makes a new self-describing file of n zero elements and opens it for writing. If the file
// exists it returns an error that wraps [fs.ErrExist]; [OpenFile] opens it then. The file appears
// under its name when it is complete and on the device, so others never see a part of it. A system
// crash before the first Sync may remove it as a whole. On error no file is left.
func Create[T any](path string, n int) (*Region[T], error) {
	c, err := create(path, shell.LayoutOf[T](), FileOptions{Write: true, Create: true, Len: n})
	return show[T]("create", c, printing.Named(path, err))
}

// Open opens a self-describing file for reading. Any number of readers and one writer may have it
// open. [Region.Refresh] follows the writer. Open never changes the file. It is [OpenFile] with
// zero options.
//
//   - [typedmem.ErrLayout]: the file was made for another T, and the error shows the difference
//     field by field; or it has a later version of the format.
//   - [typedmem.ErrCorrupt]: it is damaged.
//   - [typedmem.ErrTruncated]: it was cut off.
func Open[T any](path string) (*Region[T], error) { return OpenFile[T](path, FileOptions{}) }

// OpenMut opens a self-describing file for reading and writing: [OpenFile] with Write.
//
// After a crash of a writer the length is the one that it published last, and what follows is
// cleared. After a system crash the length is that of the last Sync. The boot ID tells the two
// apart. A container with a boot ID of its own goes by clocks instead; if a clock was set forward
// there by more than the system had run, a crash of a writer looks like a system crash. See
// FORMAT.md.
func OpenMut[T any](path string) (*Region[T], error) {
	return OpenFile[T](path, FileOptions{Write: true})
}

func openFile(path string, l *layout.Layout, o FileOptions) (*core, error) {
	opens := func() (*core, error) { return open(path, l, o) }
	if !o.Create {
		return opens()
	}
	return container.OpenOrCreate(path, opens, func() (*core, error) {
		c, err := create(path, l, o)
		if err != nil || !o.Shared {
			return c, err
		}
		if err := c.close(); err != nil {
			return nil, errors.Join(err, c.abandon())
		}
		return opens()
	})
}

// check refuses options that contradict each other, whether the file exists or not. It returns how
// to map a file, and the bytes of a new one.
func (o FileOptions) check(l *layout.Layout) (r mem.Request, bytes int, err error) {
	if err := shell.CheckType(l, layout.SharedFile); err != nil {
		return r, 0, err
	}
	if err := shell.CheckFile(o.Write, o.Create, o.Perm, o.Flags); err != nil {
		return r, 0, err
	}
	switch {
	case o.CopyOnWrite && o.Shared:
		return r, 0, fmt.Errorf("the option CopyOnWrite keeps changes in this process, Shared passes them on; set one of them: %w", typedmem.ErrOperation)
	case o.Shared && !o.Write:
		return r, 0, fmt.Errorf("the option Shared is for several writers; set Write too, or open the file for reading without Shared: %w", typedmem.ErrOperation)
	case o.CopyOnWrite && o.Create:
		return r, 0, fmt.Errorf("the option CopyOnWrite never writes the file, Create makes one; create it first: %w", typedmem.ErrOperation)
	case o.CopyOnWrite && o.Flags.Has(flags.Shared):
		return r, 0, fmt.Errorf("the option CopyOnWrite keeps changes in this process, flags.Shared passes them on; set one of them: %w", typedmem.ErrOperation)
	case o.Width < 0:
		return r, 0, fmt.Errorf("rows of %d elements: %w", o.Width, typedmem.ErrSize)
	}
	if bytes, err = shell.Bytes(o.Len, l); err != nil {
		return r, 0, err
	}
	if _, err = shell.Bytes(o.Width, l); err != nil {
		return r, 0, fmt.Errorf("a row: %w", err)
	}
	if o.Width > 1 && o.Len%o.Width != 0 {
		return r, 0, fmt.Errorf("a Len of %d elements is no whole number of rows of %d, but %s is: %w", o.Len, o.Width, wholeNear(o.Len, o.Width), typedmem.ErrSize)
	}
	if r.Capacity, err = shell.Bytes(o.Capacity, l); err != nil {
		return r, 0, fmt.Errorf("the capacity: %w", err)
	}
	r.Flags = o.Flags
	return r, bytes, nil
}
