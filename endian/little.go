package endian

import (
	"encoding/binary"
	"fmt"
	"unsafe"
)

// LE16 is a little-endian number of 2 bytes: int16 or uint16, or a type made from one.
type LE16[T Number16] struct{ b [2]byte }

// LE16Of returns x as an LE16.
func LE16Of[T Number16](x T) (e LE16[T]) {
	e.Set(x)
	return e
}

// Get returns the number.
func (e LE16[T]) Get() T {
	u := binary.LittleEndian.Uint16(e.b[:])
	return *(*T)(unsafe.Pointer(&u)) // SAFETY: T has 16 bits, as u has
}

// Set sets the number to x.
func (e *LE16[T]) Set(x T) {
	u := *(*uint16)(unsafe.Pointer(&x)) // SAFETY: T has 16 bits, as u has
	binary.LittleEndian.PutUint16(e.b[:], u)
}

// Format implements [fmt.Formatter]: it prints the number.
func (e LE16[T]) Format(f fmt.State, verb rune) { format(f, verb, e.Get()) }

// MarshalJSON implements [encoding/json.Marshaler]: the number.
func (e LE16[T]) MarshalJSON() ([]byte, error) { return marshal(e.Get()) }

// UnmarshalJSON implements [encoding/json.Unmarshaler]. A number that T cannot hold is an error and
// leaves e as it was.
func (e *LE16[T]) UnmarshalJSON(text []byte) error { return unmarshal(text, e.Set) }

// LE32 is a little-endian number of 4 bytes: int32, uint32 or float32, or a type made from one.
type LE32[T Number32] struct{ b [4]byte }

// LE32Of returns x as an LE32.
func LE32Of[T Number32](x T) (e LE32[T]) {
	e.Set(x)
	return e
}

// Get returns the number.
func (e LE32[T]) Get() T {
	u := binary.LittleEndian.Uint32(e.b[:])
	return *(*T)(unsafe.Pointer(&u)) // SAFETY: T has 32 bits, as u has
}

// Set sets the number to x.
func (e *LE32[T]) Set(x T) {
	u := *(*uint32)(unsafe.Pointer(&x)) // SAFETY: T has 32 bits, as u has
	binary.LittleEndian.PutUint32(e.b[:], u)
}

// Format implements [fmt.Formatter]: it prints the number.
func (e LE32[T]) Format(f fmt.State, verb rune) { format(f, verb, e.Get()) }

// MarshalJSON implements [encoding/json.Marshaler]: the number.
func (e LE32[T]) MarshalJSON() ([]byte, error) { return marshal(e.Get()) }

// UnmarshalJSON implements [encoding/json.Unmarshaler]. A number that T cannot hold is an error and
// leaves e as it was.
func (e *LE32[T]) UnmarshalJSON(text []byte) error { return unmarshal(text, e.Set) }

// LE64 is a little-endian number of 8 bytes: int64, uint64 or float64, or a type made from one.
type LE64[T Number64] struct{ b [8]byte }

// LE64Of returns x as an LE64.
func LE64Of[T Number64](x T) (e LE64[T]) {
	e.Set(x)
	return e
}

// Get returns the number.
func (e LE64[T]) Get() T {
	u := binary.LittleEndian.Uint64(e.b[:])
	return *(*T)(unsafe.Pointer(&u)) // SAFETY: T has 64 bits, as u has
}

// Set sets the number to x.
func (e *LE64[T]) Set(x T) {
	u := *(*uint64)(unsafe.Pointer(&x)) // SAFETY: T has 64 bits, as u has
	binary.LittleEndian.PutUint64(e.b[:], u)
}

// Format implements [fmt.Formatter]: it prints the number.
func (e LE64[T]) Format(f fmt.State, verb rune) { format(f, verb, e.Get()) }

// MarshalJSON implements [encoding/json.Marshaler]: the number.
func (e LE64[T]) MarshalJSON() ([]byte, error) { return marshal(e.Get()) }

// UnmarshalJSON implements [encoding/json.Unmarshaler]. A number that T cannot hold is an error and
// leaves e as it was.
func (e *LE64[T]) UnmarshalJSON(text []byte) error { return unmarshal(text, e.Set) }
