package layout

import (
	"reflect"
	"sync"
)

// description is what [Described] makes a Layout of.
type description struct {
	fields        string
	size, natural uintptr
}

var describedCache sync.Map // of description to *Layout

// Described returns the layout of a type that is not known, of which a file has a field list that
// [Parse] understands. Its Type is an array of so many bytes, and it has no Leaves: it is for
// copying files, not for values. Equal arguments give the same Layout.
func Described(fields string, size, natural uintptr) *Layout {
	key := description{fields, size, natural}
	if l, ok := describedCache.Load(key); ok {
		return l.(*Layout)
	}
	l := &Layout{Type: reflect.ArrayOf(int(size), reflect.TypeFor[byte]()), Size: size, Align: natural, Natural: natural, described: fields}
	first, _ := describedCache.LoadOrStore(key, l)
	return first.(*Layout)
}

// Alignment returns the greatest natural alignment of a number of the fields, as [Layout.Natural].
func Alignment(fields []Field) uintptr {
	natural := 1
	for _, f := range fields {
		switch {
		case f.Order != "": // at any byte
		case f.Scalar == reflect.Complex64 || f.Scalar == reflect.Complex128:
			natural = max(natural, f.Width/2)
		default:
			natural = max(natural, f.Width)
		}
	}
	return uintptr(natural)
}
