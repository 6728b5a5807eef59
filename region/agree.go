package region

import (
	"cmp"
	"fmt"
	"reflect"
	"strings"

	"github.com/typedmem/typedmem"
)

// move copies n bytes of an old element to a new one.
type move struct{ to, from, n uintptr }

// agree returns what to copy from an old element to a new one: the fields that agree by name. It
// refuses fields of one name and different kinds, and types that have no field in common.
func agree(to, from reflect.Type) (moves []move, err error) {
	if moves, err = addMoves(nil, to, from, 0, 0, ""); err != nil {
		return nil, err
	}
	if len(moves) == 0 {
		return nil, fmt.Errorf("%v has no field of %v; pass a function that converts: %w", to, from, typedmem.ErrType)
	}
	return moves, nil
}

func addMoves(moves []move, to, from reflect.Type, toOff, fromOff uintptr, path string) ([]move, error) {
	toKind, fromKind := scalar(to), scalar(from)
	switch {
	case toKind != reflect.Invalid && toKind == fromKind:
		return append(moves, move{toOff, fromOff, to.Size()}), nil
	case toKind != reflect.Invalid || fromKind != reflect.Invalid || to.Kind() != from.Kind():
		return nil, fmt.Errorf("%s is of type %v in the file, and of type %v now; pass a function that converts: %w",
			cmp.Or(strings.TrimPrefix(path, "."), "an element"), from, to, typedmem.ErrType)
	case to.Kind() == reflect.Array:
		return addArray(moves, to, from, toOff, fromOff, path)
	}
	for i := range to.NumField() {
		f := to.Field(i)
		for j := range from.NumField() {
			g := from.Field(j)
			if f.Name != g.Name || f.Name == "_" || f.Type.Size() == 0 || g.Type.Size() == 0 {
				continue
			}
			var err error
			if moves, err = addMoves(moves, f.Type, g.Type, toOff+f.Offset, fromOff+g.Offset, path+"."+f.Name); err != nil {
				return nil, err
			}
		}
	}
	return moves, nil
}

// addArray copies the elements that both arrays have.
func addArray(moves []move, to, from reflect.Type, toOff, fromOff uintptr, path string) ([]move, error) {
	n := uintptr(min(to.Len(), from.Len()))
	if kind := scalar(to.Elem()); kind != reflect.Invalid && kind == scalar(from.Elem()) && n > 0 {
		return append(moves, move{toOff, fromOff, n * to.Elem().Size()}), nil
	}
	for i := range n {
		var err error
		if moves, err = addMoves(moves, to.Elem(), from.Elem(), toOff+i*to.Elem().Size(), fromOff+i*from.Elem().Size(), path); err != nil {
			return nil, err
		}
	}
	return moves, nil
}

// scalar returns the kind of a number, also of one of sync/atomic, and Invalid for other types.
func scalar(t reflect.Type) reflect.Kind {
	if t.PkgPath() == "sync/atomic" {
		return map[string]reflect.Kind{
			"Int32": reflect.Int32, "Int64": reflect.Int64, "Uint32": reflect.Uint32, "Uint64": reflect.Uint64, "Bool": reflect.Bool,
		}[t.Name()]
	}
	if k := t.Kind(); k != reflect.Struct && k != reflect.Array {
		return k
	}
	return reflect.Invalid
}
