package slab

// Handle names one object of a slab for as long as it lives: 8 bytes that can be compared, used as a map key, stored in other objects and in
// files. The zero Handle is never valid. Whatever bits a Handle has, using it is safe: it names a live object or gives ErrStale.
//
// T is the type of the object; Handle[T] itself may be part of any type that a slab or region holds.
type Handle[T any] struct {
	// bits 0..31: the slot's index; bits 32..63: the slot's generation, odd
	u uint64
}

// HandleFrom returns the handle that Uint64 gave the number u of. For any other number it returns a handle that is not valid, unless the number is by
// chance that of a live object.
func HandleFrom[T any](u uint64) Handle[T] { return Handle[T]{u} }

// Uint64 returns the handle as a number, for HandleFrom to turn back. It is 0 for the zero Handle only.
func (h Handle[T]) Uint64() uint64 { return h.u }
