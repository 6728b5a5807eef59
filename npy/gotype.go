package npy

import (
	"encoding/binary"
	"fmt"
	"reflect"

	"github.com/typedmem/typedmem"
	"github.com/typedmem/typedmem/internal/layout"
	"github.com/typedmem/typedmem/internal/shell"
	"github.com/typedmem/typedmem/region"
)

// native is the byte order of this machine.
var native = func() byte {
	if binary.NativeEndian.Uint16([]byte{1, 0}) == 1 {
		return '<'
	}
	return '>'
}()

// kinds has NumPy's name for the kinds of numbers.
var kinds = map[reflect.Kind]byte{
	reflect.Int8: 'i', reflect.Int16: 'i', reflect.Int32: 'i', reflect.Int64: 'i',
	reflect.Uint8: 'u', reflect.Uint16: 'u', reflect.Uint32: 'u', reflect.Uint64: 'u', reflect.Bool: 'u',
	reflect.Float32: 'f', reflect.Float64: 'f', reflect.Complex64: 'c', reflect.Complex128: 'c',
}

// typeOf checks that T may live in a file, and returns its layout and its dtype.
func typeOf[T any]() (*layout.Layout, dtype, error) {
	l := shell.LayoutOf[T]()
	if err := shell.CheckType(l, layout.SharedFile); err != nil {
		return nil, dtype{}, err
	}
	if l.Size > mostSize {
		return nil, dtype{}, fmt.Errorf("elements of %d bytes: %w", l.Size, typedmem.ErrSize)
	}
	return l, dtypeOf(l.Type), nil
}

// dtypeOf returns the dtype of a type that may live in a file.
func dtypeOf(t reflect.Type) (d dtype) {
	l := layout.Of(t)
	switch {
	case t.Kind() == reflect.Array:
		d = dtypeOf(t.Elem())
		d.dims = append([]int{t.Len()}, d.dims...)
		return d
	case len(l.Leaves) != 1 || l.Leaves[0].Path != "": // a struct
		for i := range t.NumField() {
			f := t.Field(i)
			if f.Type.Size() > 0 {
				d.add(fieldOf(f))
			}
		}
		d.size = int(t.Size())
		return d
	case t == reflect.TypeFor[region.Bool8]():
		return dtype{kind: 'b', order: '|', size: 1}
	}
	fields, _ := layout.Parse(l.Fields(), int(l.Size)) // of a scalar: it never fails
	return scalarOf(&fields[0], native)
}

// scalarOf returns the dtype of a scalar in data of a byte order, or of an array of scalars.
func scalarOf(f *layout.Field, native byte) dtype {
	d := dtype{kind: kinds[f.Scalar], order: native, size: f.Width}
	switch {
	case f.Order == "little":
		d.order = '<'
	case f.Order == "big":
		d.order = '>'
	case d.size == 1:
		d.order = '|'
	}
	if f.Array {
		d.dims = []int{f.Count}
	}
	return d
}

func fieldOf(f reflect.StructField) field {
	if f.Name == "_" {
		return field{offset: int(f.Offset), dtype: dtype{kind: 'V', order: '|', size: int(f.Type.Size())}}
	}
	name := f.Name
	if tag := f.Tag.Get("npy"); tag != "" {
		name = tag
	}
	return field{name: name, offset: int(f.Offset), dtype: dtypeOf(f.Type)}
}
