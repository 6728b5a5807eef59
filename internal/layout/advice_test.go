package layout

import (
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// none is a field without a size.
type none struct{}

// TestAdviceLeadsToATypeThatFits does what each refusal says, as a user would, until the type fits.
func TestAdviceLeadsToATypeThatFits(t *testing.T) {
	for _, x := range []any{
		struct {
			A uint64
			Z [0]uint64
		}{},
		struct {
			A uint64
			B uint8
			Z [0]uint64
		}{},
		struct {
			A uint8
			Z none
		}{},
		struct {
			A uint8
			B uint32
			Y [0]uint16
			Z none
		}{},
		struct {
			A uint8
			Z [0]uint64
			B uint8
		}{},
		struct {
			A uint8
			B uint64
			C uint16
			D complex128
			E uint8
		}{},
		struct {
			A  uint32
			In struct {
				A uint64
				B uint8
				Z [0]byte
			}
			B uint16
			Z [0]byte
		}{},
		struct {
			A bool
			B int
			C uint
			D uintptr
			E [3]bool
			F [2]int
			Z none
		}{},
		struct {
			A uint32
			B uint64
		}{},
		struct {
			B uint64
			A uint32
		}{},
	} {
		typ := reflect.TypeOf(x)
		for tries := 0; ; tries++ {
			err := Of(typ).Check(SharedFile)
			if err == nil {
				break
			}
			advised := follow(t, typ, strings.TrimPrefix(err.Error(), typ.String()))
			if advised == nil || tries == 20 {
				t.Errorf("%T: after %d steps: %v", x, tries, err)
				break
			}
			typ = advised
		}
	}
}

var (
	padding  = regexp.MustCompile(`^ has \d+ bytes of padding after (\S+), .*: write _ \[(\d+)\]byte there$`)
	before   = regexp.MustCompile(`^ has \S+ at (\S+) at byte \d+, .*: write _ \[(\d+)\]byte before it$`)
	atEnd    = regexp.MustCompile(`: fill it up with _ \[(\d+)\]byte$`)
	first    = regexp.MustCompile(`, since the last field (\S+) has no size, .*: make \w+ the first field$`)
	inPlace  = regexp.MustCompile(` at (\S+), which .*: write (\S+)(?: or \S+)?$`)
	replaced = map[string]reflect.Type{"region.Bool8": reflect.TypeFor[uint8](), "int64": reflect.TypeFor[int64](), "uint64": reflect.TypeFor[uint64]()}
)

// follow changes a struct as the refusal says; nil where it says nothing that can be done.
func follow(t *testing.T, typ reflect.Type, says string) reflect.Type {
	t.Logf("%v%s", typ, says)
	blank := func(n string) reflect.StructField {
		size, err := strconv.Atoi(n)
		if err != nil {
			t.Fatal(err)
		}
		return reflect.StructField{Name: "_", PkgPath: "layout", Type: reflect.ArrayOf(size, reflect.TypeFor[byte]())}
	}
	if m := first.FindStringSubmatch(says); m != nil {
		return edit(typ, m[1], func(f []reflect.StructField, i int) []reflect.StructField { return insert(f[:i:i], 0, f[i]) })
	}
	if m := padding.FindStringSubmatch(says); m != nil {
		return edit(typ, m[1], func(f []reflect.StructField, i int) []reflect.StructField { return insert(f, i+1, blank(m[2])) })
	}
	if m := before.FindStringSubmatch(says); m != nil {
		return edit(typ, m[1], func(f []reflect.StructField, i int) []reflect.StructField { return insert(f, i, blank(m[2])) })
	}
	if m := atEnd.FindStringSubmatch(says); m != nil {
		return reflect.StructOf(append(reflect.VisibleFields(typ), blank(m[1])))
	}
	if m := inPlace.FindStringSubmatch(says); m != nil && replaced[m[2]] != nil {
		return edit(typ, m[1], func(f []reflect.StructField, i int) []reflect.StructField {
			by := replaced[m[2]]
			if f[i].Type.Kind() == reflect.Array {
				by = reflect.ArrayOf(f[i].Type.Len(), by)
			}
			f[i].Type = by
			return f
		})
	}
	return nil
}

// edit returns the struct with the fields changed among which the one with the path is.
func edit(typ reflect.Type, path string, change func(f []reflect.StructField, i int) []reflect.StructField) reflect.Type {
	name, rest, nested := strings.Cut(path, ".")
	var f []reflect.StructField
	at := -1
	for i := range typ.NumField() {
		if f = append(f, typ.Field(i)); f[i].Name == name { // the last blank one, where several have the name
			at = i
		}
	}
	if nested {
		f[at].Type = edit(f[at].Type, rest, change)
	} else {
		f = change(f, at)
	}
	return reflect.StructOf(f)
}

func insert(f []reflect.StructField, i int, x reflect.StructField) []reflect.StructField {
	return append(f[:i:i], append([]reflect.StructField{x}, f[i:]...)...)
}
