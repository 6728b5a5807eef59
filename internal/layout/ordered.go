package layout

import (
	"reflect"
	"strings"
)

// ordered returns the kind of a number of package endian: its byte order and the kind of number, as
// in "be.float32". It is "" for any other type.
func ordered(t reflect.Type) string {
	if t.PkgPath() != "github.com/typedmem/typedmem/endian" || t.Kind() != reflect.Struct {
		return ""
	}
	get, ok := t.MethodByName("Get")
	if !ok {
		return ""
	}
	return strings.ToLower(t.Name()[:2]) + "." + get.Type.Out(0).Kind().String()
}
