package mem

import (
	"fmt"

	"github.com/typedmem/typedmem/flags"
)

// A limit is an address, or one of these reasons why nothing may be accessed. A refused access
// keeps the reason, so that its error stays true whatever happens to the mapping afterwards.
const (
	Closed       uintptr = iota // also what the zero Limits say
	Reserved                    // not committed
	readOnlyView                // see Limits.ReadOnly
	ReadOnlyFile                // see Request.ReadOnlyFile
	sealed                      // see Limits.Sealed
	Protected                   // plus the flags.Protection that forbids it
	lastReason   = Protected + uintptr(flags.Read|flags.Write|flags.Execute)
)

// Allows reports whether a limit is an address, and not a reason. No mapping begins in the first
// page of an address space.
func Allows(limit uintptr) bool { return limit > lastReason }

// Refusal returns why an access that compared its address with limit was refused. It looks only at
// limit, so the reason is that of the moment at which limit was loaded.
func Refusal(limit uintptr) error {
	if Allows(limit) {
		return errCutOff
	}
	return refusals[limit]
}

// errCutOff is why memory past a limit that is an address cannot be accessed.
var errCutOff = fmt.Errorf("the memory of this view was cut off (shrunk or split); take a new view: %w", ErrBounds)

var refusals = func() (r [lastReason + 1]error) {
	r[Closed] = fmt.Errorf("the mapping is closed: %w", ErrClosed)
	r[Reserved] = fmt.Errorf("the memory is reserved, not committed; call Commit of its Mapping: %w", ErrOperation)
	r[readOnlyView] = fmt.Errorf("the view is read-only: %w", ErrProtection)
	r[ReadOnlyFile] = fmt.Errorf("the file was opened for reading; use OpenMut: %w", ErrProtection)
	r[sealed] = fmt.Errorf("the type has sync/atomic fields, use Ptr: %w", ErrOperation)
	for p := flags.None; Protected+uintptr(p) <= lastReason; p++ {
		text := "the memory is not readable (protection %v); call MakeReadOnly or MakeMut of its Mapping: %w"
		if p.Has(flags.Read) {
			text = "the memory is not writable (protection %v); call MakeMut of its Mapping: %w"
		}
		r[Protected+uintptr(p)] = fmt.Errorf(text, p, ErrProtection)
	}
	return r
}()
