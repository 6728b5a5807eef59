package npy

import (
	"fmt"
	"slices"

	"github.com/typedmem/typedmem"
	"github.com/typedmem/typedmem/internal/shell"
)

// Field is a field of an array's items; see [Header.Fields].
type Field struct {
	// Path has its name, after the names of the structs that it is in. It is empty where an item
	// is no struct.
	Path []string

	// Offset is where it begins, in bytes from the beginning of an item.
	Offset int

	// Descr is the dtype of one value, such as "<f8". An array of structs is one field, whose Descr
	// is a list.
	Descr string

	// Shape has the length of each dimension. It is empty for a single value.
	Shape []int
}

// Fields returns the fields of an item in order, those of nested structs in their place and padding
// left out, and the number of bytes of an item. An item that is no struct has one field.
//
//   - [typedmem.ErrCorrupt]: Descr is no dtype.
func (h Header) Fields() (fields []Field, size int, err error) {
	d, err := parseDescr(h.Descr)
	if err != nil {
		return nil, 0, shell.Fail("fields", fmt.Errorf("%w: %w", err, typedmem.ErrCorrupt))
	}
	return d.leaves(nil, nil, 0), d.total(), nil
}

// leaves adds to the fields those of d, which is at that path and offset.
func (d *dtype) leaves(to []Field, path []string, offset int) []Field {
	if d.kind != 0 || len(d.dims) > 0 {
		one := *d
		one.dims = nil
		return append(to, Field{slices.Clone(path), offset, one.String(), d.dims})
	}
	for i := range d.fields {
		if f := &d.fields[i]; f.name != "" {
			to = f.leaves(to, append(path, f.name), offset+f.offset)
		}
	}
	return to
}
