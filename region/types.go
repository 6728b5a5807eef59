package region

import (
	"fmt"
	"reflect"

	"github.com/typedmem/typedmem"
	"github.com/typedmem/typedmem/internal/layout"
)

// Bool8 is a truth value of one byte for memory that others may write: any byte that is not 0 is
// true. A Go bool would have to be 0 or 1.
type Bool8 uint8

// Get reports whether b is true.
func (b Bool8) Get() bool { return b != 0 }

// Set sets b to x, as 1 or 0.
func (b *Bool8) Set(x bool) {
	*b = 0
	if x {
		*b = 1
	}
}

func layoutOf[T any]() *layout.Layout { return layout.Of(reflect.TypeFor[T]()) }

// memoryOf says which rules for types hold in a mapping.
func memoryOf(file, shared bool) layout.Memory {
	switch {
	case file && shared:
		return layout.SharedFile
	case file:
		return layout.PrivateFile
	}
	return layout.Anonymous
}

// checkType refuses a type that cannot live in the memory.
func checkType(l *layout.Layout, m layout.Memory) error {
	if err := l.Check(m); err != nil {
		return fmt.Errorf("%w: %w", typedmem.ErrType, err)
	}
	return nil
}
