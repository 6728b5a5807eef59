package region

import (
	"fmt"

	"github.com/typedmem/typedmem"
	"github.com/typedmem/typedmem/flags"
	"github.com/typedmem/typedmem/internal/layout"
	"github.com/typedmem/typedmem/internal/mem"
	"github.com/typedmem/typedmem/internal/printing"
	"github.com/typedmem/typedmem/internal/shell"
	"github.com/typedmem/typedmem/options"
)

// New makes a region of n zero elements in anonymous memory, with address space to grow into; the
// package comment says how much. For another capacity use MapMut.
//
// ErrType: T cannot live in mapped memory. ErrSize: n is negative or too large.
func New[T any](n int) (*Region[T], error) {
	c, err := newInMemory(n, shell.LayoutOf[T]())
	return show[T]("new", c, err)
}

// Map makes a read-only region of the memory that o describes: its size holds Len elements, what is
// left over at its end is not shown. Of a file it must lie within the file (ErrTruncated), at an
// offset that suits T (ErrOffset).
func Map[T any](o options.Options) (*Region[T], error) {
	c, err := mapRequest(request(o, flags.Read), shell.LayoutOf[T]())
	return show[T]("map", c, err)
}

// MapMut makes a read-write region of the memory that o describes; see Map. It grows within o's
// capacity, and a shared file with it.
func MapMut[T any](o options.Options) (*Region[T], error) {
	c, err := mapRequest(request(o, flags.Read|flags.Write), shell.LayoutOf[T]())
	return show[T]("map", c, err)
}

// From makes a region of a mapping, which belongs to the region from then on: nothing checks that,
// so do not make two regions of one mapping, which would not know of each other's length. On error
// the mapping is as it was and the caller's. Its address must suit T (ErrOffset), and T its memory
// (ErrType).
func From[T any](m *typedmem.Mapping) (*Region[T], error) {
	c, err := fromMapping(m, shell.LayoutOf[T]())
	return show[T]("from", c, err)
}

// Create makes a new self-describing file of n zero elements and opens it for writing. A file that
// exists is an error that wraps fs.ErrExist. The file appears under its name when it is whole and
// on the device, so others never see half of one; a crash of the system before the first Sync may
// take it as a whole. On error no file is left. Address space for growth is set aside as with New;
// CreateWith asks for more.
func Create[T any](path string, n int) (*Region[T], error) {
	return CreateWith[T](path, n, options.New(0))
}

// Open opens a self-describing file for reading, beside any number of other readers and one writer;
// Refresh follows the writer, however long the file becomes: the package comment says what a reader
// reserves. A file made for another T is an error that wraps ErrLayout and shows
// the difference field by field, one of a later version of the format ErrLayout too; a damaged one
// ErrCorrupt, one that was cut off ErrTruncated. The file is never changed.
func Open[T any](path string) (*Region[T], error) { return OpenWith[T](path, options.New(0)) }

// OpenMut opens a self-describing file for reading and writing, with the errors of Open. A file has
// one writer at a time: a second one is refused with ErrBusy and told which process it is. After a
// crash of a writer the length is the one that it published last, and what follows it is
// cleared; after a crash of the system it is that of the last Sync. Which of the two it was the
// boot ID tells, and clocks in a container that has a boot ID of its own: there a clock that was
// set forward by more than the system had run makes a crash of a writer look like one of the
// system, see FORMAT.md.
func OpenMut[T any](path string) (*Region[T], error) { return OpenMutWith[T](path, options.New(0)) }

// CreateWith is Create with flags, an address and a capacity in bytes from o, as in
// options.New(0).WithCapacity(1<<40); a size or anything else is refused with ErrOperation.
func CreateWith[T any](path string, n int, o options.Options) (*Region[T], error) {
	c, err := create(path, n, shell.LayoutOf[T](), o)
	return show[T]("create", c, printing.Named(path, err))
}

// OpenWith is Open with flags, an address and a capacity in bytes from o, as in
// options.New(0).WithCapacity(1<<40); a size or anything else is refused with ErrOperation.
func OpenWith[T any](path string, o options.Options) (*Region[T], error) {
	c, err := open(path, false, shell.LayoutOf[T](), o)
	return show[T]("open", c, printing.Named(path, err))
}

// OpenMutWith is OpenMut with flags, an address and a capacity in bytes from o, as in
// options.New(0).WithCapacity(1<<40); a size or anything else is refused with ErrOperation.
func OpenMutWith[T any](path string, o options.Options) (*Region[T], error) {
	c, err := open(path, true, shell.LayoutOf[T](), o)
	return show[T]("open", c, printing.Named(path, err))
}

// newInMemory makes a region of n elements in anonymous memory.
func newInMemory(n int, l *layout.Layout) (*core, error) {
	bytes, err := shell.Bytes(n, l)
	if err != nil {
		return nil, err
	}
	r := request(options.New(bytes), flags.Read|flags.Write)
	r.Elastic = true
	return mapRequest(r, l)
}

// fromMapping makes a region of a mapping that the caller has made.
func fromMapping(m *typedmem.Mapping, l *layout.Layout) (*core, error) {
	if m == nil {
		return nil, fmt.Errorf("no mapping was given: %w", typedmem.ErrOperation)
	}
	if mem.Of(m).Limits().Mapping() != mem.Of(m) {
		return nil, typedmem.ErrClosed
	}
	return newCore(m, l)
}

// request is what o asks for, with a protection.
func request(o options.Options, p flags.Protection) mem.Request {
	r := mem.RequestOf(o)
	r.Protection = p
	return r
}

// fileRequest takes flags and capacity out of o and refuses what a region file decides by itself.
func fileRequest(o options.Options) (mem.Request, error) {
	r := request(o, flags.None)
	if r.HasFile || r.Size != 0 || r.Unsafe != 0 || r.System != 0 || r.PageSize != 0 || r.Flags.Has(flags.HugePages) {
		return r, fmt.Errorf("a region file takes flags, an address and a capacity, nothing else: %w", typedmem.ErrOperation)
	}
	return r, nil
}
