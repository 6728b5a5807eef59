package npy

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/typedmem/typedmem"
	"github.com/typedmem/typedmem/inspect"
	"github.com/typedmem/typedmem/internal/layout"
	"github.com/typedmem/typedmem/internal/shell"
)

// HeaderOf returns the header for the elements of a region or slab file, as package inspect
// describes them, without their Go type: for [AppendHeader], after which the bytes of the elements
// follow as they are in the file. The shape is that of all Info.Len elements, in rows where the
// region has rows, followed by the dimensions of an element that is an array.
//
// [typedmem.ErrLayout]: it is a blob file, or its fields are none that a dtype has.
func HeaderOf(info inspect.Info) (Header, error) {
	h, err := headerOf(info)
	return h, shell.Fail("header of", err)
}

func headerOf(info inspect.Info) (h Header, err error) {
	if info.Kind == "blob" {
		return h, fmt.Errorf("blobs are of different lengths, and have no dtype: %w", typedmem.ErrLayout)
	}
	text := "# \n"
	for _, f := range info.Fields {
		text += fmt.Sprintf("%s %s %d %d\n", f.Path, f.Kind, f.Offset, f.Size)
	}
	fields, err := layout.Parse(text, info.ElementSize)
	if err != nil {
		return h, fmt.Errorf("%w: %w", err, typedmem.ErrLayout)
	}
	b := builder{native: '<'}
	if info.ByteOrder == "big" {
		b.native = '>'
	}
	var leaves []leaf
	for i := range fields {
		leaves = append(leaves, leaf{&fields[i], strings.TrimPrefix(fields[i].Path, ".")})
	}
	d, err := b.item(leaves, 0, info.ElementSize)
	if err != nil {
		return h, fmt.Errorf("%w: %w", err, typedmem.ErrLayout)
	}
	h.Shape = []int{info.Len}
	if info.Width > 1 {
		h.Shape = []int{info.Len / info.Width, info.Width}
	}
	h.Shape = append(h.Shape, d.dims...)
	d.dims = nil
	h.Descr = d.String()
	return h, nil
}

// builder makes a dtype of the lines of a field list, which has no structs but paths through them.
type builder struct{ native byte }

// leaf is a line of the list, with what is left of its path.
type leaf struct {
	*layout.Field
	path string
}

// item returns the dtype of what lies from byte at to end of an element. All paths of the leaves
// begin with its dimensions.
func (b builder) item(leaves []leaf, at, end int) (d dtype, err error) {
	var dims []int
	for strings.HasPrefix(leaves[0].path, "[") {
		array, _, _ := strings.Cut(leaves[0].path, "]")
		n, stride, _ := strings.Cut(array[1:], ":")
		length, err1 := strconv.Atoi(n)
		size, err2 := strconv.Atoi(stride)
		if err1 != nil || err2 != nil {
			return d, fmt.Errorf("%q is no path", leaves[0].Path)
		}
		for i := range leaves {
			rest, ok := strings.CutPrefix(leaves[i].path, array+"]")
			if !ok {
				return d, fmt.Errorf("%q and %q are no fields of one struct", leaves[0].Path, leaves[i].Path)
			}
			leaves[i].path = rest
		}
		dims, end = append(dims, length), at+size
	}
	for i := range leaves {
		leaves[i].path = strings.TrimPrefix(leaves[i].path, ".")
	}
	if leaves[0].path == "" {
		d = scalarOf(leaves[0].Field, b.native)
	} else if d, err = b.structure(leaves, at, end); err != nil {
		return d, err
	}
	d.dims = append(dims, d.dims...)
	return d, nil
}

// structure returns the dtype of a struct: leaves with the same name are parts of one field.
func (b builder) structure(leaves []leaf, at, end int) (d dtype, err error) {
	d.size = end - at
	for len(leaves) > 0 {
		name := nameOf(leaves[0])
		n := 1
		for n < len(leaves) && nameOf(leaves[n]) == name && leaves[n].path != name {
			n++
		}
		from, to := leaves[0].Offset, end
		if n < len(leaves) {
			to = leaves[n].Offset
		}
		if from-at != sizeOf(d.fields) || to < from || to > end {
			return d, fmt.Errorf("bytes of no field before %q", leaves[0].Path)
		}
		f := field{offset: from - at}
		if name == "_" {
			f.dtype = dtype{kind: 'V', order: '|', size: to - from}
		} else {
			f.name = name
			part := slices.Clone(leaves[:n])
			for i := range part {
				part[i].path = part[i].path[len(name):]
			}
			if f.dtype, err = b.item(part, from, to); err != nil {
				return d, err
			}
			if f.total() != to-from {
				return d, fmt.Errorf("%q takes %d bytes of %d", leaves[0].Path, f.total(), to-from)
			}
		}
		d.add(f)
		leaves = leaves[n:]
	}
	return d, nil
}

// nameOf returns the name that the path of a leaf begins with.
func nameOf(f leaf) string {
	if i := strings.IndexAny(f.path, ".["); i >= 0 {
		return f.path[:i]
	}
	return f.path
}

// sizeOf returns the bytes of fields that follow one another.
func sizeOf(fields []field) int {
	if len(fields) == 0 {
		return 0
	}
	last := fields[len(fields)-1]
	return last.offset + last.total()
}
