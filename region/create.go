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
// [typedmem.ErrType]: T cannot live in mapped memory. [typedmem.ErrSize]: n is negative or too
// large.
func New[T any](n int) (*Region[T], error) {
	c, err := newInMemory(n, shell.LayoutOf[T]())
	return show[T]("new", c, err)
}

// Map makes a read-only region in memory that o describes. Len is the number of whole elements that
// fit its size. In a file, a range past the end is [typedmem.ErrTruncated], and an offset that does
// not suit the alignment of T is [typedmem.ErrOffset].
func Map[T any](o options.Options) (*Region[T], error) {
	c, err := mapRequest(request(o, flags.Read), shell.LayoutOf[T]())
	return show[T]("map", c, err)
}

// MapMut makes a read-write region in memory that o describes; see [Map]. It grows up to the
// capacity of o, and a shared file grows with it. Without a capacity it cannot grow.
func MapMut[T any](o options.Options) (*Region[T], error) {
	c, err := mapRequest(request(o, flags.Read|flags.Write), shell.LayoutOf[T]())
	return show[T]("map", c, err)
}

// From makes a region of a mapping, which the region owns from then on. Do not make a second region
// of the same mapping; From does not detect it. On error the mapping is unchanged and stays the
// caller's: [typedmem.ErrType] if T cannot live in its memory, [typedmem.ErrOffset] if its address
// does not suit T.
func From[T any](m *typedmem.Mapping) (*Region[T], error) {
	c, err := fromMapping(m, shell.LayoutOf[T]())
	return show[T]("from", c, err)
}

// Create makes a new self-describing file of n zero elements and opens it for writing. If the file
// exists it returns an error that wraps [fs.ErrExist]. The contents are on the device before the
// name appears, so others never see a part of a file. The name itself is durable after the first
// Sync: a system crash before that may remove the file. On error no file is left. Address space is
// reserved as with [New]; use [CreateWith] for another capacity.
func Create[T any](path string, n int) (*Region[T], error) {
	return CreateWith[T](path, n, options.New(0))
}

// Open opens a self-describing file for reading. Any number of readers and one writer may have it
// open. [Region.Refresh] follows the writer. Open never changes the file.
//
//   - [typedmem.ErrLayout]: the file was made for another T, and the error shows the difference
//     field by field; or it has a later version of the format.
//   - [typedmem.ErrCorrupt]: it is damaged.
//   - [typedmem.ErrTruncated]: it was cut off.
func Open[T any](path string) (*Region[T], error) { return OpenWith[T](path, options.New(0)) }

// OpenMut opens a self-describing file for reading and writing, with the errors of [Open]. A file
// has one writer at a time: for a second one it returns [typedmem.ErrBusy] with the process ID of
// the first.
//
// After a crash of a writer the length is the one that it published last, and what follows is
// cleared. After a system crash the length is that of the last Sync. The boot ID, a number that the
// system makes at each start, tells the two apart. In a container with a boot ID of its own
// (systemd-nspawn, LXC) the library compares clocks; if a clock was changed, it may mistake one
// crash for the other. See FORMAT.md.
func OpenMut[T any](path string) (*Region[T], error) { return OpenMutWith[T](path, options.New(0)) }

// CreateWith is [Create] with flags, an address and a capacity in bytes from o, as in
// options.New(0).WithCapacity(1<<40). A size or any other option is [typedmem.ErrOperation].
func CreateWith[T any](path string, n int, o options.Options) (*Region[T], error) {
	c, err := create(path, n, shell.LayoutOf[T](), o)
	return show[T]("create", c, printing.Named(path, err))
}

// OpenWith is [Open] with flags, an address and a capacity in bytes from o, as in
// options.New(0).WithCapacity(1<<40). A size or any other option is [typedmem.ErrOperation].
func OpenWith[T any](path string, o options.Options) (*Region[T], error) {
	c, err := open(path, false, shell.LayoutOf[T](), o)
	return show[T]("open", c, printing.Named(path, err))
}

// OpenMutWith is [OpenMut] with flags, an address and a capacity in bytes from o, as in
// options.New(0).WithCapacity(1<<40). A size or any other option is [typedmem.ErrOperation].
func OpenMutWith[T any](path string, o options.Options) (*Region[T], error) {
	c, err := open(path, true, shell.LayoutOf[T](), o)
	return show[T]("open", c, printing.Named(path, err))
}

func newInMemory(n int, l *layout.Layout) (*core, error) {
	bytes, err := shell.Bytes(n, l)
	if err != nil {
		return nil, err
	}
	r := request(options.New(bytes), flags.Read|flags.Write)
	r.Elastic = true
	return mapRequest(r, l)
}

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

// fileRequest returns what o asks for. It refuses what a region file decides by itself.
func fileRequest(o options.Options) (mem.Request, error) {
	r := request(o, flags.None)
	if r.HasFile || r.Size != 0 || r.Unsafe != 0 || r.System != 0 || r.PageSize != 0 || r.Flags.Has(flags.HugePages) {
		return r, fmt.Errorf("a region file takes flags, an address and a capacity from Options, nothing else: %w", typedmem.ErrOperation)
	}
	return r, nil
}
