package typedmem

import (
	"errors"
	"fmt"

	"github.com/typedmem/typedmem/internal/mem"
	"github.com/typedmem/typedmem/internal/printing"
)

// Sentinel errors. Every error of this module wraps one of them, one of package slab, blob or
// inspect, the system's error, or errors.ErrUnsupported for what a platform cannot do. Text that is
// no handle is strconv.ErrSyntax.
var (
	// ErrSize: a size, length or capacity that is negative, overflows, or exceeds the address
	// space.
	ErrSize = errors.New("size out of range")
	// ErrOffset: an address, file offset or cut that does not fall where pages or T require it.
	ErrOffset = errors.New("offset not usable")
	// ErrOperation: what was asked cannot be done to this memory, of this type or with these
	// options, whatever its protection; the text says what can.
	ErrOperation = mem.ErrOperation
	// ErrNotAdjacent: Merge of a mapping that does not begin where the first one ends.
	ErrNotAdjacent = errors.New("mappings are not adjacent")
	// ErrAttributeMismatch: Merge of mappings with another protection, page size, or other flags.
	ErrAttributeMismatch = errors.New("mappings differ in their attributes")
	// ErrBackingMismatch: Merge of mappings that do not show one file at consecutive offsets.
	ErrBackingMismatch = errors.New("mappings differ in what backs them")
	// ErrUnsafeFlag: memory that is writable and executable at once, without flags.JIT.
	ErrUnsafeFlag = errors.New("an unsafe flag is needed")
	// ErrClosed: returned by every method of a closed, merged or zero value.
	ErrClosed = mem.ErrClosed
	// ErrBusy: the memory is pinned or another goroutine's call is at work on it, the file has
	// another writer, or another goroutine changed the length meanwhile.
	ErrBusy = errors.New("busy")
	// ErrProtection: an access or an operation that the protection forbids, or that a read-only
	// view does.
	ErrProtection = mem.ErrProtection
	// ErrBounds: an index, range or step that is out of range, a Cast that does not fit, or a view
	// of memory that was cut off.
	ErrBounds = mem.ErrBounds
	// ErrType: a type that cannot live in the memory, or that bytes cannot be cast to; a Field that
	// T does not have.
	ErrType = errors.New("type cannot live in this memory")
	// ErrLayout: the file was made for another type, for a slab in place of a region, on a machine
	// of the other byte order, or in a later version of the format.
	ErrLayout = errors.New("layout of the file differs from the type")
	// ErrCorrupt: a file that is none of this module or is damaged; in debug mode an object that
	// was written after its Free.
	ErrCorrupt = errors.New("file is damaged")
	// ErrTruncated: a file that ends before what it should hold, found before an access or, by
	// Guard and Prefault, at one. A full disk is the system's error. Salvage, of package region and
	// of package slab, saves what is left of a file.
	ErrTruncated = errors.New("file is too short")
	// ErrReplaced: the path of an open region or slab file names another file now, or none; then
	// the error wraps fs.ErrNotExist too. What is open stays valid and is what it was.
	ErrReplaced = errors.New("path no longer names the open file")
	// ErrCapacity: growth past Cap.
	ErrCapacity = errors.New("past the capacity")
)

// Error says which operation failed, on which memory, and why.
type Error struct {
	Op   string  // the operation, as in "flush"
	Addr uintptr // first byte of the memory it was about, 0 where there is none
	Len  int     // bytes of that memory
	Err  error   // a sentinel of this package or the system's error, wrapped with what was asked and what to do
}

// Error renders the operation, the memory and the reason, each once. Where Err is an Error too, the
// text has the outer operation, which the program called, and the inner reason.
func (e *Error) Error() string {
	if e == nil {
		return "<nil>"
	}
	return "typedmem: " + e.Op + e.place() + ": " + reason(e.Err)
}

// place names the memory that the error is about, "" where there is none any more.
func (e *Error) place() string {
	if e.Addr != 0 && !errors.Is(e.Err, ErrClosed) {
		return fmt.Sprintf(" (%d bytes at %#x)", e.Len, e.Addr)
	}
	if inner := (*Error)(nil); errors.As(e.Err, &inner) {
		return inner.place()
	}
	return ""
}

// reason is the text of what an [Error] wraps, without the operation and place of an inner Error.
func reason(err error) string {
	switch err := err.(type) {
	case *Error:
		return reason(err.Err)
	case *printing.NamedError:
		return err.File + ": " + reason(err.Err)
	case interface{ Unwrap() []error }: // errors.Join of what failed and of a clean-up that did not
		if all := err.Unwrap(); len(all) == 1 {
			return reason(all[0])
		}
	}
	return fmt.Sprint(err)
}

// Unwrap returns Err.
func (e *Error) Unwrap() error { return e.Err }
