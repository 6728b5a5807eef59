// Package mem holds what the packages of this module share about a mapping and users do not see:
// [Limits] say how far its memory may be accessed, a [Request] asks for one, and [Mapping] has the
// steps that views, regions and slabs are made of.
//
// Package typedmem implements them and fills in the variables declared here.
package mem

import "errors"

// Mapping is a *typedmem.Mapping with what it does for this module alone. Offsets and lengths are
// in bytes.
type Mapping interface {
	// Public returns the *typedmem.Mapping.
	Public() any

	// Limits returns what checked accesses to the mapping compare with. SplitTo gives the mapping
	// new ones.
	Limits() *Limits

	// State says in words what accesses that go by l may do, and what the memory is. It is
	// "closed" once the mapping is.
	State(l *Limits) string

	// CanResize returns the error with which Resize would refuse a length of n bytes now, nil
	// where it would go ahead. It changes nothing, and asks the system nothing: that may still
	// fail the Resize itself.
	CanResize(n int) error

	// MakeRoom provides memory for the first n bytes without changing the length, so that they can
	// be filled before [Limits.Extend] publishes them. It fails as a growing Resize does.
	MakeRoom(n int) error

	// Larger makes another mapping of the file that this one shows, for a file that has outgrown
	// it: n bytes from the same offset on, with addresses for more. It is as this one is now:
	// flags, protection, and locked in its place where this one locks what growth adds. This one
	// stays as long as it is, and Close beside the call is ErrBusy. Where it would leave the
	// program less than half of the address space, or of what RLIMIT_AS allows, it is ErrCapacity.
	Larger(n int) (Mapping, error)

	// MayLackSpace reports whether a store may fault on a full disk, though space was set aside:
	// the file is on a file system that does not write in place. Stores that must not fault use
	// Write.
	MayLackSpace() bool

	// Write copies b to the bytes from off on, which may follow the length, up to [Limits.Room].
	// Where a page cannot be made writable the file is written by a call, which needs less and
	// says why it fails: on error the bytes may hold anything. A fault of b itself goes on.
	Write(off int, b []byte) error

	// WriteWord is Write of a word at a multiple of 8. On 64-bit systems others see the word before
	// or the one after, and what was written before it.
	WriteWord(off int, word uint64) error

	// FindSpace has the system find space for stores to the bytes [off, off+n), which the caller
	// has found in the mapping. It changes none, and holds until the system writes the pages back.
	FindSpace(off, n int) error
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

// Public returns the mapping whose limits these are, nil of none. M is *typedmem.Mapping.
func Public[M any](l *Limits) (m M) {
	if inner := l.Mapping(); inner != nil {
		m = inner.Public().(M)
	}
	return m
}

// CloseAll closes mappings that belong together, all of them or, where one is pinned or at work,
// none. What is closed already is passed over; where the last one is, the error is ErrClosed.
var CloseAll func([]Mapping) error

// RequestOf returns what an options.Options asks for. Package options fills it in.
var RequestOf func(options any) Request

// The errors of package typedmem that an access can meet.
var (
	ErrBounds     = errors.New("out of bounds")
	ErrClosed     = errors.New("closed")
	ErrOperation  = errors.New("operation not possible in this state")
	ErrProtection = errors.New("protection forbids it")
)
