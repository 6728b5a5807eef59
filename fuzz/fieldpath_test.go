package fuzz

import (
	"bytes"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/typedmem/typedmem"
	"github.com/typedmem/typedmem/internal/testkit"
	"github.com/typedmem/typedmem/region"
)

// Embedded is promoted into pathed, but for ID, which pathed hides.
type Embedded struct {
	ID  uint32
	Sub inner
	Own uint32
}

type pathed struct {
	ID uint64
	Embedded
	Each [2]outer
	Grid [2][3]uint16
	_    uint32
}

// FuzzFieldPath asks for any path as each of several types, and compares with a list of all paths
// that there are.
func FuzzFieldPath(f *testing.F) {
	for _, path := range []string{
		"ID", "Embedded.ID", "Sub", "Sub.B[2]", "Embedded.Sub.A", "Own", "Each", "Each[1]", "Each[0].In.B", "Each[1].Each[1].B[0]", "Grid[1][2]", "Grid",
		"Each[2]", "Each[1", "Each[01]", "Grid[1].[2]", "_", "", ".", "Each[1]ID", "Each.ID", "id", "[0]", "[1].A", "[2].B[1]",
	} {
		f.Add(path)
	}
	f.Fuzz(func(t *testing.T, path string) {
		pathIn[pathed](t, path)
		pathIn[[3]inner](t, path)
	})
}

func pathIn[T comparable](t *testing.T, path string) {
	all := map[string]place{}
	places(reflect.TypeFor[T](), "", 0, all)
	r := testkit.Must(region.New[T](2))(t)
	defer r.Close()
	raw := r.View().Bytes()
	for i := range raw.Len() {
		raw.Set(i, byte(i)*31)
	}
	found := false
	for _, asked := range []func() (reflect.Type, []byte, error){
		asks[uint16](r.View(), path), asks[uint32](r.View(), path), asks[uint64](r.View(), path), asks[complex64](r.View(), path),
		asks[[2]uint16](r.View(), path), asks[[3]uint16](r.View(), path), asks[[2][3]uint16](r.View(), path), asks[inner](r.View(), path),
		asks[[2]inner](r.View(), path), asks[outer](r.View(), path), asks[[2]outer](r.View(), path), asks[Embedded](r.View(), path),
	} {
		typ, got, err := asked()
		want, there := all[path]
		expect(t, fmt.Sprintf("%q as %v", path, typ), err, when(!there || want.typ != typ, typedmem.ErrType))
		if err != nil {
			continue
		}
		found = true
		first := raw.Len()/2 + int(want.offset)
		if !bytes.Equal(got, raw.Slice()[first:first+int(typ.Size())]) {
			t.Fatalf("%q is % x, want the bytes from %d on", path, got, first)
		}
	}
	if _, there := all[path]; there != found {
		t.Fatalf("%q is there: %v; found: %v", path, there, found)
	}
}

// asks returns the bytes of the field in the second element.
func asks[F, T comparable](v region.View[T], path string) func() (reflect.Type, []byte, error) {
	return func() (reflect.Type, []byte, error) {
		col, err := region.FieldByName[F](v, path)
		if err != nil {
			return reflect.TypeFor[F](), nil, err
		}
		x := col.At(1)
		return reflect.TypeFor[F](), bytes.Clone(bytesOf(&x)), nil
	}
}

type place struct {
	typ    reflect.Type
	offset uintptr
}

// places lists the paths of t. Those that are there already are hidden.
func places(t reflect.Type, path string, at uintptr, all map[string]place) {
	switch t.Kind() {
	case reflect.Array:
		for i := range t.Len() {
			name, off := fmt.Sprintf("%s[%d]", path, i), at+uintptr(i)*t.Elem().Size()
			all[name] = place{t.Elem(), off}
			places(t.Elem(), name, off, all)
		}
	case reflect.Struct:
		for pass := range 2 { // promoted names after those of the struct itself
			for i := range t.NumField() {
				f := t.Field(i)
				name := strings.TrimPrefix(path+"."+f.Name, ".")
				switch {
				case f.Name == "_":
				case pass == 0:
					all[name] = place{f.Type, at + f.Offset}
					places(f.Type, name, at+f.Offset, all)
				case f.Anonymous:
					promoted := map[string]place{}
					places(f.Type, path, at+f.Offset, promoted)
					for name, p := range promoted {
						if _, hidden := all[name]; !hidden {
							all[name] = p
						}
					}
				}
			}
		}
	}
}
