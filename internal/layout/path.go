package layout

import (
	"fmt"
	"reflect"
	"strconv"
	"strings"
)

// Find returns the type of the field of t with the path, and where it begins: "Price", "Bid.Price",
// "Levels[3].Qty", "[3]" in an array. Names of promoted fields count, as in Go. The error says
// which part of the path names nothing, and what there is in its place.
func Find(t reflect.Type, path string) (field reflect.Type, offset uintptr, err error) {
	field = t
	for rest := path; rest != "" || path == ""; {
		var off uintptr
		part := rest
		if rest != "" && rest[0] == '[' {
			part, rest = cut(rest, "]", 1)
			field, off, err = element(field, part)
		} else {
			if len(rest) < len(path) && rest[0] == '.' {
				rest = rest[1:]
			} else if len(rest) < len(path) {
				return nil, 0, fmt.Errorf("path %q: write a dot before %q", path, rest)
			}
			part, rest = cut(rest, ".[", 0)
			field, off, err = named(field, part)
		}
		if err != nil {
			if part != path {
				err = fmt.Errorf("path %q: %w", path, err)
			}
			return nil, 0, err
		}
		offset += off
	}
	return field, offset, nil
}

// cut cuts s after keep more bytes than come before the first of the bytes of at, if there is one.
func cut(s, at string, keep int) (before, after string) {
	if i := strings.IndexAny(s, at); i >= 0 {
		return s[:i+keep], s[i+keep:]
	}
	return s, ""
}

// whole reports whether what is inside a type is nobody's business but its package's.
func whole(t reflect.Type) bool { return t.PkgPath() == "sync/atomic" || ordered(t) != "" }

// element returns the type and the place of an element of an array, given "[3]".
func element(t reflect.Type, part string) (reflect.Type, uintptr, error) {
	digits, ok := strings.CutSuffix(part[1:], "]")
	if !ok || digits == "" || strings.Trim(digits, "0123456789") != "" || digits[0] == '0' && digits != "0" {
		return nil, 0, fmt.Errorf("%q is no index: write it as [3]", part)
	}
	if t.Kind() != reflect.Array {
		return nil, 0, fmt.Errorf("there is no %s of %v, which is no array; %s", part, t, Has(t))
	}
	i, err := strconv.Atoi(digits)
	if err != nil || i >= t.Len() {
		return nil, 0, fmt.Errorf("there is no %s of %v; %s", part, t, Has(t))
	}
	return t.Elem(), uintptr(i) * t.Elem().Size(), nil
}

// named returns the type and the place of a field of a struct.
func named(t reflect.Type, name string) (reflect.Type, uintptr, error) {
	if f, offset, ok := visible(t, name); ok {
		return f, offset, nil
	}
	return nil, 0, fmt.Errorf("%v has no field %q; %s", t, name, Has(t))
}

func visible(t reflect.Type, name string) (_ reflect.Type, offset uintptr, ok bool) {
	if t.Kind() != reflect.Struct || name == "_" || whole(t) {
		return nil, 0, false
	}
	f, ok := t.FieldByName(name)
	if !ok {
		return nil, 0, false
	}
	for _, i := range f.Index {
		if t.Kind() != reflect.Struct || whole(t) { // embedded, and so are its fields
			return nil, 0, false
		}
		offset += t.Field(i).Offset
		t = t.Field(i).Type
	}
	return t, offset, true
}

// Has says which fields or elements a value of the type has.
func Has(t reflect.Type) string {
	var names []string
	switch {
	case t.Kind() == reflect.Array && t.Len() > 0:
		return fmt.Sprintf("it has [0] to [%d], each %v", t.Len()-1, t.Elem())
	case t.Kind() == reflect.Struct && !whole(t):
		for _, f := range reflect.VisibleFields(t) {
			if typ, _, ok := visible(t, f.Name); ok && typ == f.Type {
				names = append(names, fmt.Sprintf("%s %v", f.Name, typ))
			}
		}
	}
	if len(names) == 0 {
		return "it has none"
	}
	return "it has " + strings.Join(names, ", ")
}
