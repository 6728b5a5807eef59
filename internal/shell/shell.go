// Package shell is what the typed shells region and slab have in common: which type fits which
// memory, and how their errors look.
package shell

import (
	"fmt"
	"reflect"

	"github.com/typedmem/typedmem"
	"github.com/typedmem/typedmem/internal/layout"
	"github.com/typedmem/typedmem/internal/num"
)

// NoCopy makes go vet report copies of a struct that has it as a field.
type NoCopy struct{}

func (*NoCopy) Lock()   {}
func (*NoCopy) Unlock() {}

// Fail returns the error of an operation that failed with err, nil where err is nil.
func Fail(op string, err error) error {
	if err == nil {
		return nil
	}
	return &typedmem.Error{Op: op, Err: err}
}

// LayoutOf returns the layout of T.
func LayoutOf[T any]() *layout.Layout { return layout.Of(reflect.TypeFor[T]()) }

// MemoryOf returns the kind of memory that a mapping is.
func MemoryOf(file, shared bool) layout.Memory {
	switch {
	case file && shared:
		return layout.SharedFile
	case file:
		return layout.PrivateFile
	}
	return layout.Anonymous
}

// CheckType returns [typedmem.ErrType] for a type that cannot live in the memory.
func CheckType(l *layout.Layout, m layout.Memory) error {
	if err := l.Check(m); err != nil {
		return fmt.Errorf("%w: %w", typedmem.ErrType, err)
	}
	return nil
}

// CheckAddress returns [typedmem.ErrOffset] for a mapping that begins where no value of the type
// may. In a file the alignment is the same on every platform, so that the same offsets work.
func CheckAddress(l *layout.Layout, m *typedmem.Mapping) error {
	align := l.Align
	if m.FileBacked() {
		align = max(align, l.Natural)
	}
	if !num.Multiple(m.Addr(), align) {
		return fmt.Errorf("the mapping begins at %#x, %v needs a multiple of %d bytes; choose another file offset: %w",
			m.Addr(), l.Type, align, typedmem.ErrOffset)
	}
	return nil
}

// Bytes returns the bytes that n values of a type take, or [typedmem.ErrSize].
func Bytes(n int, l *layout.Layout) (int, error) {
	if bytes, ok := num.Mul(n, int(l.Size)); ok {
		return bytes, nil
	}
	return 0, fmt.Errorf("%d elements of %d bytes: %w", n, l.Size, typedmem.ErrSize)
}
