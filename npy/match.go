package npy

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/typedmem/typedmem"
	"github.com/typedmem/typedmem/internal/layout"
	"github.com/typedmem/typedmem/internal/num"
)

// check returns how many elements of a type the array of a header has. The error says why the type
// does not show it.
func (h Header) check(l *layout.Layout, want dtype) (n int, err error) {
	found, err := parseDescr(h.Descr)
	if err != nil {
		return 0, fmt.Errorf("its dtype: %w: %w", err, typedmem.ErrCorrupt)
	}
	long := 0 // dimensions of more than one item
	for _, d := range h.Shape {
		if d != 1 {
			long++
		}
	}
	switch {
	case found.holdsObjects():
		return 0, fmt.Errorf("its array is of Python objects (%s), which are pickles; save an array of numbers, or of a dtype with fields: %w", found.String(), typedmem.ErrLayout)
	case h.FortranOrder && long > 1:
		return 0, fmt.Errorf("its array is in Fortran order; save numpy.ascontiguousarray(array): %w", typedmem.ErrLayout)
	}
	shape := h.Shape
	different := differences("", found, want)
	if last := len(shape) - len(want.dims); different != "" && len(found.dims) == 0 && len(want.dims) > 0 && last >= 0 {
		item := want
		item.dims = nil
		if slices.Equal(shape[last:], want.dims) && differences("", found, item) == "" {
			different, shape = "", shape[:last]
		}
	}
	if different != "" {
		return 0, fmt.Errorf("it has an array of shape %s and dtype %s, %v was asked for: %w%s",
			literal(shapeOf(h.Shape)), found.String(), l.Type, typedmem.ErrLayout, different)
	}
	n, ok := product(shape)
	bytes, fits := num.Mul(n, int(l.Size))
	if !ok || !fits || h.Offset > 1<<62-int64(bytes) {
		return 0, fmt.Errorf("an array of shape %s of %d bytes each does not fit this address space: %w", literal(shapeOf(h.Shape)), l.Size, typedmem.ErrSize)
	}
	if n > 0 && h.Offset%int64(l.Natural) != 0 {
		return 0, fmt.Errorf("its data begins at byte %d, and %v needs a multiple of %d; write the types of package endian, or save the array anew: %w",
			h.Offset, l.Type, l.Natural, typedmem.ErrOffset)
	}
	return n, nil
}

// differences returns a line for each field at path that a file has otherwise than a type wants it,
// "" where they agree.
func differences(path string, found, want dtype) string {
	if sameItem(found, want) || raw(found, want) {
		return ""
	}
	if found.kind == 0 && want.kind == 0 && slices.Equal(found.dims, want.dims) {
		return fieldDifferences(path, found, want)
	}
	return fmt.Sprintf("\n\t%s: the file has %s, the type has %s", cmp.Or(path, "an element"), found.String(), want.String())
}

// sameItem reports whether two scalars, or arrays of them, are the same numbers.
func sameItem(found, want dtype) bool {
	if found.kind == 0 || want.kind == 0 || !slices.Equal(found.dims, want.dims) || found.size != want.size || found.order != want.order {
		return false
	}
	switch found.kind {
	case want.kind:
		return want.kind != 'V'
	case 'b', 'u':
		return want.size == 1 && (want.kind == 'b' || want.kind == 'u')
	case 'm', 'M':
		return want.kind == 'i'
	}
	return false
}

// raw reports whether want is an array of bytes that shows an item of any kind, or an array of
// numbers that shows a string of characters.
func raw(found, want dtype) bool {
	last := len(want.dims) - 1
	if last < 0 || want.kind != 'u' && want.kind != 'i' || !slices.Equal(found.dims, want.dims[:last]) || found.size != want.size*want.dims[last] {
		return false
	}
	if want.size == 1 {
		return want.kind == 'u' && found.size > 0
	}
	return found.kind == 'U' && want.size == 4 && found.order == want.order
}

func fieldDifferences(path string, found, want dtype) string {
	var b strings.Builder
	in := func(name string) string { return strings.TrimPrefix(path+"."+name, ".") }
	used := map[int]bool{}
	for _, w := range want.fields {
		if w.name == "" {
			continue
		}
		i := find(found.fields, w.name)
		if i < 0 {
			fmt.Fprintf(&b, "\n\t%s: the file has no such field, the type has %s at byte %d", in(w.name), w.String(), w.offset)
			continue
		}
		used[i] = true
		f := found.fields[i]
		switch d := differences(in(f.name), f.dtype, w.dtype); {
		case f.offset != w.offset:
			fmt.Fprintf(&b, "\n\t%s: the file has %s at byte %d, the type has %s at byte %d", in(f.name), f.String(), f.offset, w.String(), w.offset)
		case d != "":
			b.WriteString(d)
		}
	}
	for i, f := range found.fields {
		if f.name != "" && !used[i] && f.total() > 0 && !blank(want.fields, f) {
			fmt.Fprintf(&b, "\n\t%s: the file has %s at byte %d, the type has no such field; write _ [%d]byte to pass over it", in(f.name), f.String(), f.offset, f.total())
		}
	}
	if b.Len() == 0 && found.size != want.size {
		fmt.Fprintf(&b, "\n\t%s: the file has %d bytes, the type has %d", cmp.Or(path, "an element"), found.size, want.size)
	}
	return b.String()
}

// find returns the index of the field with that name, or of the only one that differs in case; -1
// for none.
func find(fields []field, name string) int {
	alike := -1
	for i, f := range fields {
		switch {
		case f.name == name:
			return i
		case f.name == "" || !strings.EqualFold(f.name, name):
		case alike >= 0:
			alike = -2 // several
		case alike == -1:
			alike = i
		}
	}
	return max(alike, -1)
}

// blank reports whether all bytes of f are in blank fields of a type.
func blank(fields []field, f field) bool {
	at, end := f.offset, f.offset+f.total()
	for _, w := range fields { // in order
		if w.name == "" && w.offset <= at && at < w.offset+w.size {
			at = w.offset + w.size
		}
	}
	return at >= end
}
