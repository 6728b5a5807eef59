package inspect

import (
	"encoding/binary"
	"fmt"
	"math"
	"reflect"
	"strconv"
	"strings"

	"github.com/typedmem/typedmem"
	"github.com/typedmem/typedmem/internal/layout"
)

// Column is one field of every element, or one number of an array in it. It is a value and safe for
// concurrent use. The zero Column has no values.
type Column struct {
	Path string // as it was asked for
	Kind string // Go's name of the values: "float64", "[3]float64", "[8][3]float64", "blob.Ref", "string"

	scalar reflect.Kind
	order  binary.ByteOrder
	offset int
	width  int          // bytes of a number
	slice  bool         // the value is a slice
	dims   []layout.Dim // that the value goes over, the array of scalars included
}

// Column returns the column of a field: by its path in Info.Fields, or with indexes as Go has them.
// Of a field that the file lists as "Levels[8:24].Price", "Levels[3].Price" is one number, and
// "Levels[8:24].Price" all eight. Of an array "Grid[2:24]" of kind "[3]float64", "Grid[1][2]" is
// one number, "Grid[1]" are three and "Grid" all six.
//
// [typedmem.ErrType]: there is no such field, or it is a struct; the error says what there is.
func (f *File) Column(path string) (Column, error) {
	c, err := f.column(path)
	return c, f.failed("column", err)
}

func (f *File) column(path string) (Column, error) {
	f.mu.RLock()
	defer f.mu.RUnlock()
	if f.c == nil {
		return Column{}, typedmem.ErrClosed
	}
	for _, c := range f.columns {
		if c.Path == path {
			return c, nil
		}
	}
	for _, c := range f.columns {
		if part, ok := c.part(path); ok {
			return part, nil
		}
	}
	return Column{}, noField{fmt.Errorf("it has no field %q; it has %s", path, f.names())}
}

// names lists the fields of the file.
func (f *File) names() string {
	const most = 50
	var names []string
	for _, c := range f.columns {
		if len(names) == most {
			names = append(names, fmt.Sprintf("and %d more", len(f.columns)-most))
			break
		}
		if c.Path != "_" && !strings.HasSuffix(c.Path, "._") {
			names = append(names, c.Path+" "+c.Kind)
		}
	}
	return strings.Join(names, ", ")
}

// noField is an ErrType without its text, as in package region.
type noField struct{ error }

func (e noField) Is(target error) bool { return target == typedmem.ErrType }

func byteOrder(name string) binary.ByteOrder {
	if name == "big" {
		return binary.BigEndian
	}
	return binary.LittleEndian
}

// columnOf returns the column of a field of a file whose data has that byte order.
func columnOf(f *layout.Field, order string) Column {
	if f.Order != "" {
		order = f.Order
	}
	c := Column{Path: f.Path, scalar: f.Scalar, order: byteOrder(order), offset: f.Offset, width: f.Width, dims: f.Dims}
	if f.Array {
		c.dims = append(c.dims[:len(c.dims):len(c.dims)], layout.Dim{Len: f.Count, Stride: f.Width})
	}
	return c.named()
}

// named sets what follows from the other fields.
func (c Column) named() Column {
	c.slice, c.Kind = len(c.dims) > 0, ""
	for _, d := range c.dims {
		c.Kind += fmt.Sprintf("[%d]", d.Len)
	}
	c.Kind += c.scalar.String()
	return c
}

// part returns the part of a column that a path with indexes names.
func (c Column) part(path string) (Column, bool) {
	listed, asked := strings.TrimPrefix(c.Path, "."), path
	var dims []layout.Dim
	for _, d := range c.dims {
		in := strings.IndexByte(listed, '[') // where the list has the array, at the end for one of scalars
		if in < 0 {
			in = len(listed)
		}
		if !strings.HasPrefix(asked, listed[:in]) {
			return c, false
		}
		asked = asked[in:]
		listed = listed[in:]
		whole, after, _ := strings.Cut(listed, "]")
		if whole != "" {
			whole += "]"
		}
		listed = after
		if rest, ok := strings.CutPrefix(asked, whole); asked == "" || ok && whole != "" {
			dims, asked = append(dims, d), rest
			continue
		}
		digits, rest, ok := strings.Cut(strings.TrimPrefix(asked, "["), "]")
		i, err := strconv.Atoi(digits)
		if !ok || asked[0] != '[' || err != nil || strconv.Itoa(i) != digits || uint(i) >= uint(d.Len) {
			return c, false
		}
		c.offset += i * d.Stride
		asked = rest
	}
	if asked != listed {
		return c, false
	}
	c.Path, c.dims = path, dims
	return c.named(), true
}

// Value returns the value of the column in an element, as [File.Value] does. It is nil for an
// element of another file that is too short.
func (c Column) Value(e Element) any {
	switch {
	case c.Kind == "blob.Ref":
		return e.Handle
	case c.Kind == "string":
		return string(e.Bytes)
	case !c.fits(e.Bytes):
		return nil
	case !c.slice:
		return c.number(e.Bytes[c.offset:])
	}
	switch c.scalar {
	case reflect.Bool:
		return all[bool](c, e.Bytes)
	case reflect.Int8:
		return all[int8](c, e.Bytes)
	case reflect.Int16:
		return all[int16](c, e.Bytes)
	case reflect.Int32:
		return all[int32](c, e.Bytes)
	case reflect.Int64:
		return all[int64](c, e.Bytes)
	case reflect.Uint8:
		return all[uint8](c, e.Bytes)
	case reflect.Uint16:
		return all[uint16](c, e.Bytes)
	case reflect.Uint32:
		return all[uint32](c, e.Bytes)
	case reflect.Uint64:
		return all[uint64](c, e.Bytes)
	case reflect.Float32:
		return all[float32](c, e.Bytes)
	case reflect.Float64:
		return all[float64](c, e.Bytes)
	case reflect.Complex64:
		return all[complex64](c, e.Bytes)
	}
	return all[complex128](c, e.Bytes)
}

// fits reports whether all numbers of the column lie in b.
func (c Column) fits(b []byte) bool {
	end := c.offset + c.width
	for _, d := range c.dims {
		end += (d.Len - 1) * d.Stride
	}
	return c.width > 0 && end <= len(b)
}

func all[T any](c Column, b []byte) []T {
	n := 1
	for _, d := range c.dims {
		n *= d.Len
	}
	xs := make([]T, 0, n)
	c.each(c.offset, c.dims, func(at int) {
		x, _ := c.number(b[at:]).(T)
		xs = append(xs, x)
	})
	return xs
}

// each calls f with the place of each number.
func (c Column) each(at int, dims []layout.Dim, f func(at int)) {
	if len(dims) == 0 {
		f(at)
		return
	}
	for i := range dims[0].Len {
		c.each(at+i*dims[0].Stride, dims[1:], f)
	}
}

// number returns the number that b begins with.
func (c Column) number(b []byte) any {
	switch c.scalar {
	case reflect.Bool:
		for _, x := range b[:c.width] {
			if x != 0 {
				return true
			}
		}
		return false
	case reflect.Int8:
		return int8(b[0])
	case reflect.Int16:
		return int16(c.order.Uint16(b))
	case reflect.Int32:
		return int32(c.order.Uint32(b))
	case reflect.Int64:
		return int64(c.order.Uint64(b))
	case reflect.Uint8:
		return b[0]
	case reflect.Uint16:
		return c.order.Uint16(b)
	case reflect.Uint32:
		return c.order.Uint32(b)
	case reflect.Uint64:
		return c.order.Uint64(b)
	case reflect.Float32:
		return math.Float32frombits(c.order.Uint32(b))
	case reflect.Float64:
		return math.Float64frombits(c.order.Uint64(b))
	case reflect.Complex64:
		return complex(math.Float32frombits(c.order.Uint32(b)), math.Float32frombits(c.order.Uint32(b[4:])))
	}
	return complex(math.Float64frombits(c.order.Uint64(b)), math.Float64frombits(c.order.Uint64(b[8:])))
}

// AppendText appends the value of the column in an element to dst as text, and returns the longer
// slice. Numbers are as short as they can be read back; several stand in brackets, with spaces
// between them: "[1 2 3]". A Ref has its 16 hexadecimal digits; the bytes of a blob are appended as
// they are. It allocates only if dst has too little capacity.
func (c Column) AppendText(dst []byte, e Element) []byte {
	switch {
	case c.Kind == "blob.Ref":
		return fmt.Appendf(dst, "%016x", e.Handle)
	case c.Kind == "string":
		return append(dst, e.Bytes...)
	case !c.fits(e.Bytes):
		return dst
	}
	return c.appendAll(dst, e.Bytes, c.offset, c.dims, true)
}

// appendAll appends the numbers of a column from byte at on. Brackets stand around all of them, as
// in a value of a slice.
func (c Column) appendAll(dst, b []byte, at int, dims []layout.Dim, outer bool) []byte {
	if len(dims) == 0 {
		return c.appendNumber(dst, b[at:])
	}
	if outer {
		dst = append(dst, '[')
	}
	for i := range dims[0].Len {
		if i > 0 {
			dst = append(dst, ' ')
		}
		dst = c.appendAll(dst, b, at+i*dims[0].Stride, dims[1:], false)
	}
	if outer {
		dst = append(dst, ']')
	}
	return dst
}

func (c Column) appendNumber(dst, b []byte) []byte {
	switch c.scalar {
	case reflect.Bool:
		return strconv.AppendBool(dst, c.number(b) == true)
	case reflect.Int8:
		return strconv.AppendInt(dst, int64(int8(b[0])), 10)
	case reflect.Int16:
		return strconv.AppendInt(dst, int64(int16(c.order.Uint16(b))), 10)
	case reflect.Int32:
		return strconv.AppendInt(dst, int64(int32(c.order.Uint32(b))), 10)
	case reflect.Int64:
		return strconv.AppendInt(dst, int64(c.order.Uint64(b)), 10)
	case reflect.Uint8:
		return strconv.AppendUint(dst, uint64(b[0]), 10)
	case reflect.Uint16:
		return strconv.AppendUint(dst, uint64(c.order.Uint16(b)), 10)
	case reflect.Uint32:
		return strconv.AppendUint(dst, uint64(c.order.Uint32(b)), 10)
	case reflect.Uint64:
		return strconv.AppendUint(dst, c.order.Uint64(b), 10)
	case reflect.Float32:
		return strconv.AppendFloat(dst, float64(math.Float32frombits(c.order.Uint32(b))), 'g', -1, 32)
	case reflect.Float64:
		return strconv.AppendFloat(dst, math.Float64frombits(c.order.Uint64(b)), 'g', -1, 64)
	}
	half, kind := c.width/2, reflect.Float32
	if half == 8 {
		kind = reflect.Float64
	}
	re := Column{scalar: kind, order: c.order, width: half}
	dst = re.appendNumber(append(dst, '('), b)
	at := len(dst)
	dst = re.appendNumber(append(dst, '+'), b[half:])
	if dst[at+1] == '-' || dst[at+1] == '+' { // it brought its sign
		dst = append(dst[:at], dst[at+1:]...)
	}
	return append(dst, 'i', ')')
}
