package npy

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/typedmem/typedmem/internal/num"
)

// dtype is what an item of an array is: a scalar, or a struct of fields, or an array of these.
type dtype struct {
	kind   byte   // of a scalar, as NumPy names it: b i u f c S U V m M O; 0 for a struct
	order  byte   // of a scalar: '<' or '>', '|' where it has no order
	size   int    // bytes of the scalar or struct
	unit   string // of m and M: "[ns]"
	fields []field
	dims   []int
}

// field is a field of a struct. Padding has no name.
type field struct {
	name   string
	title  string // "" for none
	offset int
	dtype
}

// total returns the bytes of a dtype, all dimensions included.
func (d *dtype) total() int {
	n, _ := product(d.dims) // checked when d was made
	return n * d.size
}

// add adds a field to a struct. Padding that follows padding becomes a part of it.
func (d *dtype) add(f field) {
	if last := len(d.fields) - 1; f.name == "" && last >= 0 && d.fields[last].name == "" {
		d.fields[last].size += f.size
		return
	}
	d.fields = append(d.fields, f)
}

// mostSize is the greatest size of an item that is read, in bytes.
const mostSize = 1<<31 - 1

// parseDescr reads a Header.Descr.
func parseDescr(descr string) (dtype, error) {
	if descr == "" || descr[0] != '[' && descr[0] != '(' {
		return parseScalar(descr)
	}
	value, err := parseLiteral(descr)
	if err != nil {
		return dtype{}, err
	}
	return parseDtype(value)
}

func parseDtype(value any) (d dtype, err error) {
	switch v := value.(type) {
	case string:
		return parseScalar(v)
	case list:
		return parseStruct(v)
	case tuple: // a dtype and its shape
		if len(v) != 2 {
			break
		}
		if d, err = parseDtype(v[0]); err != nil {
			return d, err
		}
		return d.shaped(v[1])
	}
	return d, fmt.Errorf("%s is no dtype", literal(value))
}

// shaped returns the array of that shape of a dtype.
func (d dtype) shaped(shape any) (dtype, error) {
	dims, ok := dimensions(shape)
	if n, whole := shape.(int); whole && n >= 0 {
		dims, ok = []int{n}, true
	}
	d.dims = append(dims[:len(dims):len(dims)], d.dims...)
	n, fits := product(d.dims)
	if bytes, small := num.Mul(n, d.size); !ok || !fits || !small || bytes > mostSize {
		return d, fmt.Errorf("a field of shape %s", literal(shape))
	}
	return d, nil
}

func parseStruct(items list) (d dtype, err error) {
	names := map[string]bool{} // a header has room for seventy thousand
	for _, item := range items {
		t, ok := item.(tuple)
		if !ok || len(t) != 2 && len(t) != 3 {
			return d, fmt.Errorf("%s is no field", literal(item))
		}
		f := field{offset: d.size}
		switch name := t[0].(type) {
		case string:
			f.name = name
		case tuple:
			if len(name) == 2 {
				f.title, _ = name[0].(string)
				f.name, ok = name[1].(string)
			}
			if !ok || len(name) != 2 {
				return d, fmt.Errorf("%s is no name of a field", literal(name))
			}
		default:
			return d, fmt.Errorf("%s is no name of a field", literal(name))
		}
		if f.dtype, err = parseDtype(t[1]); err != nil {
			return d, err
		}
		if len(t) == 3 {
			if f.dtype, err = f.dtype.shaped(t[2]); err != nil {
				return d, err
			}
		}
		if f.name == "" && (f.kind != 'V' || len(f.dims) > 0) {
			return d, fmt.Errorf("the field %s has no name", literal(t))
		}
		if names[f.name] && f.name != "" {
			return d, fmt.Errorf("two fields have the name %s", literal(f.name))
		}
		names[f.name] = true
		d.fields = append(d.fields, f)
		if d.size += f.total(); d.size > mostSize {
			return d, errors.New("an item is too large")
		}
	}
	return d, nil
}

// sizes has the bytes that a scalar of each kind can have.
var sizes = map[byte]string{'b': "1", 'i': "1 2 4 8", 'u': "1 2 4 8", 'f': "2 4 8 12 16", 'c': "8 16 24 32", 'm': "8", 'M': "8", 'S': "", 'U': "", 'V': "", 'O': ""}

// parseScalar reads a scalar as in "<f8".
func parseScalar(text string) (d dtype, err error) {
	bad := fmt.Errorf("%q is no dtype that this library knows", text)
	rest := text
	d.order = '='
	if rest != "" && strings.IndexByte("<>|=", rest[0]) >= 0 {
		d.order, rest = rest[0], rest[1:]
	}
	if rest == "?" {
		rest = "b1"
	}
	if rest == "" {
		return d, bad
	}
	d.kind, rest = rest[0], rest[1:]
	if d.kind == 'm' || d.kind == 'M' {
		if i := strings.IndexByte(rest, '['); i >= 0 {
			rest, d.unit = rest[:i], rest[i:]
			if !strings.HasSuffix(d.unit, "]") {
				return d, bad
			}
		}
	}
	known, ok := sizes[d.kind]
	if d.kind == 'O' && rest == "" {
		rest = strconv.Itoa(strconv.IntSize / 8)
	}
	if d.kind == 'a' {
		d.kind, ok = 'S', true
	}
	if d.size, err = strconv.Atoi(rest); err != nil || !ok || d.size < 0 || rest != strconv.Itoa(d.size) || d.size > mostSize {
		return d, bad
	}
	if known != "" && !strings.Contains(" "+known+" ", " "+rest+" ") {
		return d, bad
	}
	switch {
	case d.kind == 'U':
		if d.size > mostSize/4 {
			return d, bad
		}
		d.size *= 4
	case d.size == 1 || d.kind == 'S' || d.kind == 'V' || d.kind == 'O':
		d.order = '|'
	}
	if d.order == '=' || d.order == '|' && d.ordered() {
		d.order = native
	}
	return d, nil
}

// ordered reports whether the scalar has a byte order.
func (d *dtype) ordered() bool { return d.size > 1 && strings.IndexByte("iufcmMU", d.kind) >= 0 }

// scalar returns a scalar as NumPy writes it.
func (d *dtype) scalar() string {
	size := d.size
	switch d.kind {
	case 'U':
		size /= 4
	case 'O':
		return "|O"
	}
	return string([]byte{d.order, d.kind}) + strconv.Itoa(size) + d.unit
}

// literal returns the value that stands for d in a header.
func (d *dtype) literal() any {
	one := *d
	one.dims = nil
	if len(d.dims) > 0 {
		return tuple{one.literal(), shapeOf(d.dims)}
	}
	if d.kind != 0 {
		return d.scalar()
	}
	items := list{}
	for _, f := range d.fields {
		var name any = f.name
		if f.title != "" {
			name = tuple{f.title, f.name}
		}
		one := f.dtype
		one.dims = nil
		item := tuple{name, one.literal()}
		if len(f.dims) > 0 {
			item = append(item, shapeOf(f.dims))
		}
		items = append(items, item)
	}
	return items
}

// String returns a dtype for an error.
func (d *dtype) String() string {
	if d.kind != 0 && len(d.dims) == 0 {
		return d.scalar()
	}
	return literal(d.literal())
}

// holdsObjects reports whether d or a part of it is a Python object.
func (d *dtype) holdsObjects() bool {
	for i := range d.fields {
		if d.fields[i].holdsObjects() {
			return true
		}
	}
	return d.kind == 'O'
}
