package layout

import (
	"fmt"
	"reflect"
	"strconv"
	"strings"
)

// Field is a line of a field list, understood: one scalar or one array of scalars at a fixed place
// in every element, or in each of the structs of an array.
type Field struct {
	Path   string // as in the list; "." for an element that is one scalar
	Kind   string // as in the list: "[4]le.float64"
	Offset int    // bytes, of the first one
	Size   int    // bytes, of one array of scalars

	Scalar reflect.Kind // of each number; reflect.Bool for atomic.Bool, whatever its size
	Width  int          // bytes of each number
	Order  string       // "little" or "big" for a number of package endian, "" for that of the file
	Array  bool         // it is an array of scalars
	Count  int          // numbers in the array, 1 for a scalar
	Dims   []Dim        // the arrays of structs that it is in, from outside to inside
}

// Dim is an array of structs in the path of a [Field].
type Dim struct{ Len, Stride int }

// scalars has the bytes of each kind of number.
var scalars = map[string]struct {
	kind  reflect.Kind
	bytes int
}{
	"bool": {reflect.Bool, 1}, "int8": {reflect.Int8, 1}, "int16": {reflect.Int16, 2}, "int32": {reflect.Int32, 4}, "int64": {reflect.Int64, 8},
	"uint8": {reflect.Uint8, 1}, "uint16": {reflect.Uint16, 2}, "uint32": {reflect.Uint32, 4}, "uint64": {reflect.Uint64, 8},
	"float32": {reflect.Float32, 4}, "float64": {reflect.Float64, 8}, "complex64": {reflect.Complex64, 8}, "complex128": {reflect.Complex128, 16},
	"atomic.Int32": {reflect.Int32, 4}, "atomic.Int64": {reflect.Int64, 8}, "atomic.Uint32": {reflect.Uint32, 4}, "atomic.Uint64": {reflect.Uint64, 8},
	"atomic.Bool": {reflect.Bool, 4},
}

// Parse reads a text of [Layout.Fields] for elements of size bytes. Whatever the text is, it
// returns an error, or fields that lie inside an element.
func Parse(text string, size int) ([]Field, error) {
	_, lines, ok := strings.Cut(text, "\n")
	if !ok || !strings.HasPrefix(text, "# ") {
		return nil, fmt.Errorf("the field list begins with no line for the type")
	}
	var fields []Field
	for line := range strings.Lines(lines) {
		f, err := parseField(strings.TrimSuffix(line, "\n"), size)
		if err != nil {
			return nil, fmt.Errorf("the line %q of the field list: %w", strings.TrimSuffix(line, "\n"), err)
		}
		fields = append(fields, f)
	}
	if len(fields) == 0 {
		return nil, fmt.Errorf("the field list has no field")
	}
	return fields, nil
}

func parseField(line string, size int) (f Field, err error) {
	parts := strings.Split(line, " ")
	if len(parts) != 4 || parts[0] == "" {
		return f, fmt.Errorf("it is no path, kind, offset and size")
	}
	f.Path, f.Kind = parts[0], parts[1]
	if f.Offset, err = number(parts[2]); err != nil {
		return f, err
	}
	if f.Size, err = number(parts[3]); err != nil {
		return f, err
	}
	if err := f.parseKind(); err != nil {
		return f, err
	}
	end := f.Size
	if f.Dims, err = dims(f.Path); err != nil {
		return f, err
	}
	for i := len(f.Dims) - 1; i >= 0; i-- {
		d := f.Dims[i]
		if d.Stride < end || d.Len > size/d.Stride {
			return f, fmt.Errorf("%d structs that lie %d bytes apart, in an element of %d bytes", d.Len, d.Stride, size)
		}
		end += (d.Len - 1) * d.Stride
	}
	if f.Offset > size || end > size-f.Offset {
		return f, fmt.Errorf("it ends after the element, which has %d bytes", size)
	}
	return f, nil
}

// parseKind understands Kind, and compares it with Size.
func (f *Field) parseKind() (err error) {
	kind := f.Kind
	f.Count = 1
	if rest, ok := strings.CutPrefix(kind, "["); ok {
		n, scalar, ok := strings.Cut(rest, "]")
		if f.Count, err = number(n); err != nil || !ok || f.Count == 0 {
			return fmt.Errorf("%q is no kind of field", kind)
		}
		f.Array, kind = true, scalar
	}
	name := kind
	if rest, ok := strings.CutPrefix(kind, "le."); ok {
		f.Order, name = "little", rest
	} else if rest, ok := strings.CutPrefix(kind, "be."); ok {
		f.Order, name = "big", rest
	}
	s, ok := scalars[name]
	if !ok || f.Order != "" && (s.kind == reflect.Bool || strings.HasPrefix(name, "atomic.")) {
		return fmt.Errorf("%q is no kind of field that this library knows", f.Kind)
	}
	f.Scalar, f.Width = s.kind, s.bytes
	if f.Size/f.Width != f.Count || f.Size%f.Width != 0 {
		return fmt.Errorf("%s has %d times %d bytes", f.Kind, f.Count, f.Width)
	}
	return nil
}

// dims returns the arrays of structs in a path: each "[8:24]".
func dims(path string) (all []Dim, err error) {
	for rest := path; ; {
		_, after, ok := strings.Cut(rest, "[")
		if !ok {
			return all, nil
		}
		inside, tail, ok := strings.Cut(after, "]")
		n, stride, two := strings.Cut(inside, ":")
		var d Dim
		if d.Len, err = number(n); err == nil {
			d.Stride, err = number(stride)
		}
		if err != nil || !ok || !two || d.Len == 0 || d.Stride == 0 {
			return nil, fmt.Errorf("%q is no path", path)
		}
		all, rest = append(all, d), tail
	}
}

// number reads digits, as Fields writes them.
func number(s string) (int, error) {
	n, err := strconv.Atoi(s)
	if err != nil || strconv.Itoa(n) != s || n < 0 {
		return 0, fmt.Errorf("%q is no number", s)
	}
	return n, nil
}
