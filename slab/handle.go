package slab

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"strconv"

	"github.com/typedmem/typedmem/internal/printing"
	"github.com/typedmem/typedmem/internal/shell"
)

// Handle names one object, of type T, for as long as the object lives. It is 8 bytes that can be
// compared, used as a map key, and stored in files and in the objects of any slab or region. Every
// value is safe to use: it names a live object or returns [ErrStale]. The zero Handle is never
// valid. The package comment says in which slabs a Handle is valid.
//
// A Handle can be encoded, also as part of a struct or as the key of a map. All forms are stable:
//   - encoding/json, encoding/xml, flag and fmt use its text: [Handle.Uint64] as 16 lower-case
//     hexadecimal digits.
//   - encoding/gob uses the 8 bytes of that number, big-endian.
//   - encoding/binary reads and writes it as a uint64.
type Handle[T any] struct {
	// Bits is the number that [Handle.Uint64] returns. Bits 0 to 31 are the index of the slot, bits
	// 32 to 63 its generation. It is exported since encoding/binary cannot set unexported fields.
	Bits uint64
}

// HandleFrom returns the handle whose [Handle.Uint64] is u. A number that was made up gives a stale
// handle, unless it happens to be that of a live object.
func HandleFrom[T any](u uint64) Handle[T] { return Handle[T]{u} }

// Uint64 returns the handle as a number, 0 for the zero Handle only. [HandleFrom] is its inverse.
func (h Handle[T]) Uint64() uint64 { return h.Bits }

// IsZero reports whether h is the zero Handle. encoding/json omits such a field if its tag has
// omitzero.
func (h Handle[T]) IsZero() bool { return h.Bits == 0 }

// String returns the text of the handle: 16 hexadecimal digits.
func (h Handle[T]) String() string { return string(h.appendText(nil)) }

func (h Handle[T]) appendText(b []byte) []byte {
	return hex.AppendEncode(b, binary.BigEndian.AppendUint64(nil, h.Bits))
}

// Format prints the text of the handle under %v, %s and %q, its number under %d, %x, %X, %o, %O and
// %b, and a Go expression under %#v.
func (h Handle[T]) Format(f fmt.State, verb rune) {
	switch {
	case verb == 'v' && f.Flag('#'):
		fmt.Fprintf(f, "slab.HandleFrom[%T](%#x)", *new(T), h.Bits)
	case verb == 'v' || verb == 's' || verb == 'q':
		printing.Text(f, verb, h.String())
	default:
		fmt.Fprintf(f, fmt.FormatString(f, verb), h.Bits)
	}
}

// MarshalText returns what [Handle.String] returns. It never fails.
func (h Handle[T]) MarshalText() ([]byte, error) { return h.appendText(nil), nil }

// UnmarshalText sets h to the handle that text stands for; see [Handle.MarshalText]. For any other
// text it returns [strconv.ErrSyntax] and leaves h unchanged.
func (h *Handle[T]) UnmarshalText(text []byte) error {
	var b [8]byte
	if len(text) == hex.EncodedLen(len(b)) {
		if _, err := hex.Decode(b[:], text); err == nil {
			h.Bits = binary.BigEndian.Uint64(b[:])
			return nil
		}
	}
	return shell.Fail("read a handle", fmt.Errorf("%.32q is no handle, which has 16 hexadecimal digits: %w", text, strconv.ErrSyntax))
}

// MarshalBinary returns the 8 bytes of the handle's number, big-endian. It never fails.
func (h Handle[T]) MarshalBinary() ([]byte, error) {
	return binary.BigEndian.AppendUint64(nil, h.Bits), nil
}

// UnmarshalBinary sets h to the handle whose bytes, from [Handle.MarshalBinary], these are. For any
// other number of bytes it returns [strconv.ErrSyntax] and leaves h unchanged.
func (h *Handle[T]) UnmarshalBinary(b []byte) error {
	if len(b) != 8 {
		return shell.Fail("read a handle", fmt.Errorf("%d bytes are no handle, which has 8: %w",
			len(b), strconv.ErrSyntax))
	}
	h.Bits = binary.BigEndian.Uint64(b)
	return nil
}
