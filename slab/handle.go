package slab

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"strconv"

	"github.com/typedmem/typedmem/internal/printing"
	"github.com/typedmem/typedmem/internal/shell"
)

// Handle names one object of a slab for as long as it lives: 8 bytes that can be compared, used as
// a map key, stored in other objects and in files. The zero Handle is never valid. Whatever bits a
// Handle has, using it is safe: it names a live object or gives [ErrStale].
//
// T is the type of the object; Handle[T] itself may be part of any type that a slab or region
// holds.
//
// A Handle survives encoding, also as part of a struct or as a key of a map:
//   - Text, as encoding/json, encoding/xml, flag and fmt use it, is 16 lower-case hexadecimal
//     digits, those of [Handle.Uint64]. The form is stable.
//   - Binary, as encoding/gob uses it, is those 8 bytes, big-endian. The form is stable.
//   - encoding/binary reads and writes it as the uint64 that it is.
//
// It is valid in the slab that issued it, and in that slab's file when it is opened again or
// copied. In any other slab it is stale; see the package comment.
type Handle[T any] struct {
	// Bits is the number that [Handle.Uint64] returns: the index of the slot in bits 0 to 31, its
	// generation in bits 32 to 63, which is odd. It is exported for encoding/binary, which can set
	// no other fields.
	Bits uint64
}

// HandleFrom returns the handle that Uint64 gave the number u of. For any other number it returns a
// handle that is not valid, unless the number is by chance that of a live object.
func HandleFrom[T any](u uint64) Handle[T] { return Handle[T]{u} }

// Uint64 returns the handle as a number, for [HandleFrom] to turn back. It is 0 for the zero Handle
// only.
func (h Handle[T]) Uint64() uint64 { return h.Bits }

// IsZero reports whether h is the zero Handle, which names no object. encoding/json leaves such a
// field out where its tag says omitzero.
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

// MarshalText returns the text of the handle, as [Handle.String] does. It never fails.
func (h Handle[T]) MarshalText() ([]byte, error) { return h.appendText(nil), nil }

// UnmarshalText sets h to the handle of a text that [Handle.MarshalText] made. Any other text is
// [strconv.ErrSyntax], and h stays as it was.
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

// UnmarshalBinary sets h to the handle of bytes that [Handle.MarshalBinary] made. Any other number
// of bytes is [strconv.ErrSyntax], and h stays as it was.
func (h *Handle[T]) UnmarshalBinary(b []byte) error {
	if len(b) != 8 {
		return shell.Fail("read a handle", fmt.Errorf("%d bytes are no handle, which has 8: %w",
			len(b), strconv.ErrSyntax))
	}
	h.Bits = binary.BigEndian.Uint64(b)
	return nil
}
