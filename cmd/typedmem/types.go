package main

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"reflect"
	"strconv"
	"strings"
	"unicode"

	"github.com/typedmem/typedmem/region"
)

// field is a field of a file that is made: a scalar, or an array of scalars.
type field struct {
	path string // names joined by dots; "value" alone for elements that are one scalar
	kind string // "float64", "[3]uint8", "bool"

	scalar reflect.Type // of a number
	count  int          // numbers of an array, 0 for a scalar
	offset int          // in an element
}

// size returns the bytes of a number of the field.
func (f *field) size() int { return int(f.scalar.Size()) }

// bytes returns the bytes of the whole field.
func (f *field) bytes() int { return f.size() * max(f.count, 1) }

var scalars = map[string]reflect.Type{
	"bool": reflect.TypeFor[region.Bool8](), "int8": reflect.TypeFor[int8](), "int16": reflect.TypeFor[int16](), "int32": reflect.TypeFor[int32](),
	"int64": reflect.TypeFor[int64](), "uint8": reflect.TypeFor[uint8](), "uint16": reflect.TypeFor[uint16](), "uint32": reflect.TypeFor[uint32](),
	"uint64": reflect.TypeFor[uint64](), "float32": reflect.TypeFor[float32](), "float64": reflect.TypeFor[float64](),
	"complex64": reflect.TypeFor[complex64](), "complex128": reflect.TypeFor[complex128](),
}

// newField reads a kind, such as "float64" or "[3]uint8".
func newField(path, kind string) (field, error) {
	f := field{path: path, kind: kind}
	scalar := kind
	if rest, ok := strings.CutPrefix(kind, "["); ok {
		n, after, _ := strings.Cut(rest, "]")
		count, err := strconv.Atoi(n)
		if err != nil || count < 1 || count > 1<<20 {
			return f, fmt.Errorf("%q is no kind of field: write an array as [3]float64", kind)
		}
		f.count, scalar = count, after
	}
	known := false
	if f.scalar, known = scalars[scalar]; !known {
		return f, fmt.Errorf("%q is no kind of field: write bool, int8 to int64, uint8 to uint64, float32, float64, complex64, complex128, or an array as [3]float64", kind)
	}
	return f, nil
}

// elementOf returns the type of elements with these fields, and sets where each of them lies. The
// type has its padding as blank fields, so that it may be in a file on every platform.
func elementOf(fields []field) (reflect.Type, error) {
	if len(fields) == 0 {
		return nil, errors.New("no field is left")
	}
	if len(fields) == 1 && fields[0].path == "value" {
		return whole(&fields[0]), nil
	}
	parts := make([]part, len(fields))
	for i := range fields {
		parts[i] = part{&fields[i], strings.Split(fields[i].path, ".")}
	}
	t, _, err := structOf(parts, 0)
	return t, err
}

func whole(f *field) reflect.Type {
	if f.count > 0 {
		return reflect.ArrayOf(f.count, f.scalar)
	}
	return f.scalar
}

// part is a field with what is left of its path.
type part struct {
	*field
	path []string
}

// structOf returns a struct that begins at byte at of an element, and its natural alignment.
func structOf(parts []part, at int) (t reflect.Type, natural int, err error) {
	var all []reflect.StructField
	seen := map[string]bool{}
	off, natural := 0, 1
	pad := func(to int) {
		if rest := (to - off%to) % to; rest > 0 {
			all = append(all, reflect.StructField{Name: "_", PkgPath: "main", Type: reflect.ArrayOf(rest, scalars["uint8"])})
			off += rest
		}
	}
	for len(parts) > 0 {
		name := identifier(parts[0].path[0])
		n := 1
		for n < len(parts) && len(parts[0].path) > 1 && len(parts[n].path) > 1 && identifier(parts[n].path[0]) == name {
			n++
		}
		if seen[name] {
			return nil, 0, fmt.Errorf("two fields have the name %s", parts[0].field.path)
		}
		seen[name] = true
		align := alignment(parts[:n])
		pad(align)
		natural = max(natural, align)
		var inner reflect.Type
		if len(parts[0].path) == 1 {
			parts[0].offset = at + off
			inner = whole(parts[0].field)
		} else {
			for i := range n {
				parts[i].path = parts[i].path[1:]
			}
			if inner, _, err = structOf(parts[:n], at+off); err != nil {
				return nil, 0, err
			}
		}
		one := reflect.StructField{Name: name, Type: inner}
		if !unicode.IsUpper([]rune(name)[0]) {
			one.PkgPath = "main"
		}
		all = append(all, one)
		off += int(inner.Size())
		parts = parts[n:]
	}
	pad(natural)
	return reflect.StructOf(all), natural, nil
}

// alignment returns the greatest natural alignment of a number.
func alignment(parts []part) int {
	natural := 1
	for _, p := range parts {
		size := p.size()
		if k := p.scalar.Kind(); k == reflect.Complex64 || k == reflect.Complex128 {
			size /= 2
		}
		natural = max(natural, size)
	}
	return natural
}

// identifier makes the name of a field of what other programs call a column.
func identifier(name string) string {
	name, _, _ = strings.Cut(name, "[") // of "Levels[8:24]"
	name = strings.Map(func(r rune) rune {
		if r == '_' || unicode.IsLetter(r) || unicode.IsDigit(r) {
			return r
		}
		return '_'
	}, name)
	if name == "" || !unicode.IsLetter([]rune(name)[0]) {
		name = "X" + name
	}
	return name
}

// put stores the text of the field in an element, in the byte order of this machine.
func (f *field) put(element []byte, text string) error {
	at := element[f.offset : f.offset+f.bytes()]
	if f.count == 0 {
		return putNumber(at, f.scalar, text)
	}
	inside, ok := strings.CutPrefix(strings.TrimSpace(text), "[")
	inside, closed := strings.CutSuffix(inside, "]")
	words := strings.Fields(inside)
	if !ok || !closed || len(words) != f.count {
		return fmt.Errorf("%q is no array of %d", text, f.count)
	}
	for i, word := range words {
		if err := putNumber(at[i*f.size():], f.scalar, word); err != nil {
			return err
		}
	}
	return nil
}

func putNumber(at []byte, t reflect.Type, text string) error {
	size := int(t.Size())
	var bits uint64
	var err error
	switch k := t.Kind(); {
	case t == scalars["bool"]:
		var x bool
		if x, err = strconv.ParseBool(text); x {
			bits = 1
		}
	case k >= reflect.Int8 && k <= reflect.Int64:
		var x int64
		x, err = strconv.ParseInt(text, 10, size*8)
		bits = uint64(x)
	case k >= reflect.Uint8 && k <= reflect.Uint64:
		bits, err = strconv.ParseUint(text, 10, size*8)
	case k == reflect.Float32 || k == reflect.Float64:
		var x float64
		x, err = strconv.ParseFloat(text, size*8)
		bits = floatBits(x, size)
	default:
		var x complex128
		x, err = strconv.ParseComplex(text, size*8)
		putBits(at, floatBits(real(x), size/2), size/2)
		at, bits, size = at[size/2:], floatBits(imag(x), size/2), size/2
	}
	if err != nil {
		if bad := (*strconv.NumError)(nil); errors.As(err, &bad) {
			err = bad.Err
		}
		return fmt.Errorf("%q is no %v: %w", text, strings.TrimPrefix(t.String(), "region."), err)
	}
	putBits(at, bits, size)
	return nil
}

func floatBits(x float64, size int) uint64 {
	if size == 4 {
		return uint64(math.Float32bits(float32(x)))
	}
	return math.Float64bits(x)
}

func putBits(at []byte, bits uint64, size int) {
	switch size {
	case 1:
		at[0] = byte(bits)
	case 2:
		binary.NativeEndian.PutUint16(at, uint16(bits))
	case 4:
		binary.NativeEndian.PutUint32(at, uint32(bits))
	default:
		binary.NativeEndian.PutUint64(at, bits)
	}
}
