// Package mem holds the side of a mapping that only the packages of this module see: [Limits] say
// how far its memory may be accessed, a [Request] asks for one, and [Mapping] has the steps that
// views, regions and slabs are built from.
//
// Package typedmem implements them and fills in the variables declared here.
package mem

import (
	"context"
	"errors"
)

// Mapping has the methods of a *typedmem.Mapping that only this module calls. Offsets and lengths
// are in bytes.
type Mapping interface {
	// Public returns the *typedmem.Mapping.
	Public() any

	// SetUse says what shows the mapping's memory, for lists of mappings. Parts that are cut off
	// keep a Use without a Count.
	SetUse(*Use)

	// Hold is a Pin for the time of a call, without an allocation: LetGo ends it, once. A goroutine
	// that has a pin can Hold while a Shutdown waits.
	Hold() error
	LetGo()

	// Step is a Hold for a call that holds nothing again: while a Shutdown waits, it lets no other
	// one in. EndStep ends it, once.
	Step() error
	EndStep()

	// Limits returns what checked accesses to the mapping compare with. SplitTo gives the mapping
	// new ones.
	Limits() *Limits

	// State says in words what accesses checked with l may do, and what the memory is. After Close
	// it is "closed".
	State(l *Limits) string

	// CanResize returns the error with which Resize would refuse a length of n bytes now. It does
	// not ask the system, which may still refuse the Resize.
	CanResize(n int) error

	// MakeRoom provides memory for the first n bytes without changing the length, so that they can
	// be filled before [Limits.Extend] publishes them. It fails as a growing Resize does.
	MakeRoom(n int) error

	// MakeRoomToWrite is MakeRoom for bytes that are written next. Pages of a file are brought in
	// by system calls, for which the Go scheduler does not wait as it does for faults. A page that
	// cannot come is an error. [Limits.Room] is as far as pages have come.
	MakeRoomToWrite(n int) error

	// BringIn brings the pages of a file that hold the bytes [lo, hi) into memory for stores, as
	// MakeRoomToWrite does. It does nothing in anonymous memory.
	BringIn(lo, hi int) error

	// Larger maps n bytes of the same file from the same offset, with addresses to grow, when the
	// file has outgrown this mapping. The new mapping has the same flags and protection. If growth
	// of this one is locked, the lock moves to the new one. This one keeps its length, and Close
	// meanwhile returns ErrBusy. Larger returns ErrCapacity if it would leave the program less than
	// half of the address space, or of RLIMIT_AS.
	Larger(n int) (Mapping, error)

	// CloseAt closes the mapping if its length is n bytes, and reports whether it was another one.
	// A goroutine with a pin may have appended since the caller looked.
	CloseAt(n int) (changed bool, err error)

	// Shutdown refuses new pins, waits until there is none, and returns what close returns. It
	// calls close again, after a pause, while that returns ErrBusy. If ctx ends first, it returns
	// an error that wraps ctx.Err(), and pins are accepted again. The ranges of a reader, see
	// Larger, are pinned and shut down together.
	Shutdown(ctx context.Context, close func() error) error

	// MayLackSpace reports whether a store may fault on a full disk, though space was set aside:
	// the file is on a file system that does not write in place. Stores that must not fault use
	// Write.
	MayLackSpace() bool

	// Write copies b to the bytes from off on, which may lie past the length, up to [Limits.Room].
	// Where a store faults, it writes the file by a system call, which needs less space and says
	// why it fails. On error the bytes may hold anything. A fault of b itself is not caught.
	Write(off int, b []byte) error

	// WriteWord is Write for a word at a multiple of 8. On 64-bit systems others see the old or the
	// new word, and with the new one all that was written before.
	WriteWord(off int, word uint64) error

	// FindSpace makes the system find space for stores to the bytes [off, off+n), which the caller
	// has checked. It changes no byte. The space stays until the system writes the pages back.
	FindSpace(off, n int) error

	// Fetch brings the pages that hold the ranges into memory by system calls, so that the Go
	// scheduler does not wait. The ranges are in ascending order and do not overlap. First the
	// system is told of all of them, then they are brought in. If all is false, pages that are in
	// memory already are left out, as far as the system tells; where the program touches them
	// anyway, one page of many, all spares asking.
	//
	// Fetch uses ranges as scratch space: afterwards they are whole pages, those that touch are
	// joined, and the last ones may be empty. It does not allocate unless it fails. No lock is held
	// while it waits; Close meanwhile returns ErrBusy. Errors:
	//   - ErrTruncated: a page lies past the end of the file.
	//   - the system's error of reading the file, such as EIO.
	//   - ErrBounds: a range is not within the mapping.
	Fetch(ranges []Range, all bool) error

	// Prefetch tells the system that the ranges will be read soon, and does not wait for them. It
	// wants and changes ranges as Fetch does.
	Prefetch(ranges []Range) error

	// Resident sets pages[i] to 1 if page i, counted from the one that holds addr, is in memory,
	// and to 0 if it is not, for all pages that hold the bytes [addr, addr+n). They are pages of
	// os.Getpagesize bytes. If the system does not tell, the error wraps errors.ErrUnsupported. It
	// does not allocate.
	Resident(addr uintptr, n int, pages []byte) error
}

// Range is a range of addresses: N bytes from Addr on. It is the type of the same name of package
// sys, which this package does not import.
type Range = struct {
	Addr uintptr
	N    int
}

// Of returns a *typedmem.Mapping as a Mapping.
var Of func(mapping any) Mapping

// Make makes a mapping, see [Map].
var Make func(Request) (Mapping, error)

// Map makes a mapping. M is *typedmem.Mapping.
func Map[M any](r Request) (m M, err error) {
	made, err := Make(r)
	if err != nil {
		return m, err
	}
	return made.Public().(M), nil
}

// Public returns the mapping of l, nil if it has none. M is *typedmem.Mapping.
func Public[M any](l *Limits) (m M) {
	if inner := l.Mapping(); inner != nil {
		m = inner.Public().(M)
	}
	return m
}

// CloseAll closes mappings that belong together: all of them, or none if one is pinned or in use.
// It skips closed ones, but returns ErrClosed if the last one is closed.
var CloseAll func([]Mapping) error

// RequestOf returns what an options.Options asks for. Package options fills it in.
var RequestOf func(options any) Request

// The errors of package typedmem that an access can return.
var (
	ErrBounds     = errors.New("out of bounds")
	ErrClosed     = errors.New("closed")
	ErrOperation  = errors.New("operation not possible here")
	ErrProtection = errors.New("protection forbids it")
)
