package region

import (
	"fmt"
	"reflect"
	"strings"
	"unsafe"

	"github.com/typedmem/typedmem"
	"github.com/typedmem/typedmem/internal/layout"
	"github.com/typedmem/typedmem/internal/mem"
	"github.com/typedmem/typedmem/internal/shell"
)

// Cast shows the same memory as elements of type U. The bytes are shown as they lie in memory, in
// the machine's byte order. If T has a bool the result is read-only, since not every byte is a
// bool.
//
//   - [typedmem.ErrBounds]: the bytes of the view are not a whole number of U, or its address is
//     not aligned for U. An empty view always fits.
//   - [typedmem.ErrType]: U cannot live in the memory, or has a bool.
func Cast[U, T any](v View[T]) (View[U], error) {
	to, from := shell.LayoutOf[U](), shell.LayoutOf[T]()
	if err := checkCast(to, from, v.limits); err != nil {
		return View[U]{}, shell.Fail("cast", err)
	}
	if to.Size == 0 {
		return View[U]{}, shell.Fail("cast", fmt.Errorf("%v takes no bytes: %w", to.Type, typedmem.ErrType))
	}
	bytes := v.n * int(from.Size)
	if bytes%int(to.Size) != 0 {
		return View[U]{}, shell.Fail("cast", fmt.Errorf("%d bytes (%d %v) are no whole number of %v of %d bytes: %w",
			bytes, v.n, from.Type, to.Type, to.Size, typedmem.ErrBounds))
	}
	if bytes > 0 && uintptr(v.first)%to.Align != 0 {
		return View[U]{}, shell.Fail("cast", fmt.Errorf("%v begins at multiples of %d, the view at %#x: %w", to.Type, to.Align, uintptr(v.first), typedmem.ErrBounds))
	}
	l := v.limits
	if l != nil && to.Type != from.Type {
		if l = l.Shut(); from.Bool {
			l = l.ReadOnly()
		}
		if to.Atomic {
			l = l.Sealed()
		}
	}
	// SAFETY: the same bytes under the same or stricter limits; alignment and length were checked,
	// and U takes any bytes.
	return View[U]{v.first, bytes / int(to.Size), v.end, l}, nil
}

func checkCast(to, from *layout.Layout, l *mem.Limits) error {
	if to.Type == from.Type {
		return nil
	}
	memory := layout.Anonymous
	if l != nil {
		if m := mem.Public[*typedmem.Mapping](l); m != nil {
			memory = shell.MemoryOf(m.FileBacked(), m.Shared())
		}
	}
	if err := shell.CheckType(to, memory); err != nil {
		return err
	}
	if to.Bool {
		return fmt.Errorf("%w: %v as %v: a bool is 0 or 1, and other bytes may be there: write region.Bool8 in place of bool",
			typedmem.ErrType, from.Type, to.Type)
	}
	return nil
}

// Field shows one field of every element as a column: the field of type F that lies offset bytes
// into T ([unsafe.Offsetof]). It may be nested, an element of an array, or a whole nested struct or
// array. A field without sync/atomic types is usable, whatever lies beside it in T. When T has no
// such field it is [typedmem.ErrType], and the error lists the fields of T.
func Field[F, T any](v View[T], offset uintptr) (Strided[F], error) {
	want, in := reflect.TypeFor[F](), reflect.TypeFor[T]()
	if !hasField(in, want, offset) {
		return Strided[F]{}, shell.Fail("field", noField{fmt.Errorf("%v has no field of type %v at byte %d; it has %s",
			in, want, offset, strings.TrimSuffix(shell.LayoutOf[T]().GoFields(), "\n"))})
	}
	return column[F](v, offset), nil
}

// column returns the field at offset, which T has.
func column[F, T any](v View[T], offset uintptr) Strided[F] {
	stride := unsafe.Sizeof(*new(T))
	if v.n == 0 {
		return Strided[F]{nil, 0, stride, v.limits}
	}
	l := v.limits
	switch {
	case shell.LayoutOf[F]().Atomic:
		l = l.Sealed()
	case shell.LayoutOf[T]().Atomic:
		l = l.Unsealed()
	}
	// SAFETY: the field lies inside every element of v, so each address is below v's end and
	// aligned as Go aligns the field.
	return Strided[F]{unsafe.Add(v.first, offset), v.n, stride, l}
}

// hasField reports whether t holds a value of type want exactly at offset, at any depth, blank
// fields aside.
func hasField(t, want reflect.Type, offset uintptr) bool {
	if t.PkgPath() == "sync/atomic" {
		return false
	}
	switch t.Kind() {
	case reflect.Struct:
		for i := range t.NumField() {
			f := t.Field(i)
			if f.Name == "_" || offset < f.Offset || offset-f.Offset >= f.Type.Size() {
				continue
			}
			if offset == f.Offset && f.Type == want {
				return true
			}
			return hasField(f.Type, want, offset-f.Offset)
		}
	case reflect.Array:
		if e := t.Elem(); e.Size() > 0 && offset < t.Size() {
			return offset%e.Size() == 0 && e == want || hasField(e, want, offset%e.Size())
		}
	}
	return false
}
