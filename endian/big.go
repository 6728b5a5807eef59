package endian

import (
	"encoding/binary"
	"fmt"
	"unsafe"
)

// BE16 is a big-endian number of 2 bytes: int16 or uint16, or a type made from one.
type BE16[T Number16] struct{ b [2]byte }

// BE16Of returns x as a BE16.
func BE16Of[T Number16](x T) (e BE16[T]) {
	e.Set(x)
	return e
}

// Get returns the number.
func (e BE16[T]) Get() T {
	u := binary.BigEndian.Uint16(e.b[:])
	return *(*T)(unsafe.Pointer(&u)) // SAFETY: T has 16 bits, as u has
}

// Set sets the number to x.
func (e *BE16[T]) Set(x T) {
	u := *(*uint16)(unsafe.Pointer(&x)) // SAFETY: T has 16 bits, as u has
	binary.BigEndian.PutUint16(e.b[:], u)
}

// Format implements [fmt.Formatter]: it prints the number.
func (e BE16[T]) Format(f fmt.State, verb rune) { format(f, verb, e.Get()) }

// MarshalJSON implements [encoding/json.Marshaler]: the number.
func (e BE16[T]) MarshalJSON() ([]byte, error) { return marshal(e.Get()) }

// UnmarshalJSON implements [encoding/json.Unmarshaler]. A number that T cannot hold is an error and
// leaves e as it was.
func (e *BE16[T]) UnmarshalJSON(text []byte) error { return unmarshal(text, e.Set) }

// BE32 is a big-endian number of 4 bytes: int32, uint32 or float32, or a type made from one.
type BE32[T Number32] struct{ b [4]byte }

// BE32Of returns x as a BE32.
func BE32Of[T Number32](x T) (e BE32[T]) {
	e.Set(x)
	return e
}

// Get returns the number.
func (e BE32[T]) Get() T {
	u := binary.BigEndian.Uint32(e.b[:])
	return *(*T)(unsafe.Pointer(&u)) // SAFETY: T has 32 bits, as u has
}

// Set sets the number to x.
func (e *BE32[T]) Set(x T) {
	u := *(*uint32)(unsafe.Pointer(&x)) // SAFETY: T has 32 bits, as u has
	binary.BigEndian.PutUint32(e.b[:], u)
}

// Format implements [fmt.Formatter]: it prints the number.
func (e BE32[T]) Format(f fmt.State, verb rune) { format(f, verb, e.Get()) }

// MarshalJSON implements [encoding/json.Marshaler]: the number.
func (e BE32[T]) MarshalJSON() ([]byte, error) { return marshal(e.Get()) }

// UnmarshalJSON implements [encoding/json.Unmarshaler]. A number that T cannot hold is an error and
// leaves e as it was.
func (e *BE32[T]) UnmarshalJSON(text []byte) error { return unmarshal(text, e.Set) }

// BE64 is a big-endian number of 8 bytes: int64, uint64 or float64, or a type made from one.
type BE64[T Number64] struct{ b [8]byte }

// BE64Of returns x as a BE64.
func BE64Of[T Number64](x T) (e BE64[T]) {
	e.Set(x)
	return e
}

// Get returns the number.
func (e BE64[T]) Get() T {
	u := binary.BigEndian.Uint64(e.b[:])
	return *(*T)(unsafe.Pointer(&u)) // SAFETY: T has 64 bits, as u has
}

// Set sets the number to x.
func (e *BE64[T]) Set(x T) {
	u := *(*uint64)(unsafe.Pointer(&x)) // SAFETY: T has 64 bits, as u has
	binary.BigEndian.PutUint64(e.b[:], u)
}

// Format implements [fmt.Formatter]: it prints the number.
func (e BE64[T]) Format(f fmt.State, verb rune) { format(f, verb, e.Get()) }

// MarshalJSON implements [encoding/json.Marshaler]: the number.
func (e BE64[T]) MarshalJSON() ([]byte, error) { return marshal(e.Get()) }

// UnmarshalJSON implements [encoding/json.Unmarshaler]. A number that T cannot hold is an error and
// leaves e as it was.
func (e *BE64[T]) UnmarshalJSON(text []byte) error { return unmarshal(text, e.Set) }
