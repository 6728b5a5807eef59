package main

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/typedmem/typedmem/npy"
)

// npy prepares the import of a NumPy file.
func (o *importOptions) npy(f *os.File, p *progress) (*input, error) {
	r := bufio.NewReaderSize(p.reader(f), 1<<20)
	h, err := npy.ReadHeader(r)
	if err != nil {
		return nil, err
	}
	if h.FortranOrder && len(h.Shape) > 1 {
		return nil, fmt.Errorf("it is in Fortran order: save it by numpy.save(path, numpy.ascontiguousarray(array))")
	}
	items, size, err := parseDescr(h.Descr)
	if err != nil {
		return nil, err
	}
	in := &input{width: h.Width()}
	for _, it := range items {
		in.fields = append(in.fields, it.field)
	}
	raw, left := make([]byte, size), h.Len()
	in.next = func(element []byte) error {
		if left == 0 {
			return io.EOF
		}
		left--
		if _, err := io.ReadFull(r, raw); err != nil {
			return fmt.Errorf("it ends %d items too early: %w", left+1, io.ErrUnexpectedEOF)
		}
		for i, it := range items {
			it.move(element[in.fields[i].offset:], raw[it.from:])
		}
		return nil
	}
	bytes := int64(left) * int64(size)
	in.block = func(b []byte, element int) (int, bool, error) {
		if !laidOutAlike(items, in.fields) || element != size {
			return 0, false, nil
		}
		if bytes == 0 {
			return 0, true, io.EOF
		}
		n, err := r.Read(b[:min(int64(len(b)), bytes)])
		if bytes -= int64(n); err == io.EOF {
			err = fmt.Errorf("it ends %d bytes too early: %w", bytes, io.ErrUnexpectedEOF)
		}
		return n, true, err
	}
	return in, nil
}

// laidOutAlike reports whether items of an array are elements of the new file, byte by byte.
func laidOutAlike(items []item, fields []field) bool {
	for i, it := range items {
		if it.turn || it.from != fields[i].offset {
			return false
		}
	}
	return true
}

// item is a field of a dtype.
type item struct {
	field
	from int  // byte of an item of the array
	turn bool // its numbers are of the other byte order
}

// move copies the field, in this machine's byte order.
func (it *item) move(to, from []byte) {
	n, size := it.bytes(), it.size()
	if strings.Contains(it.kind, "complex") {
		size /= 2
	}
	copy(to[:n], from[:n])
	if it.turn {
		for at := 0; at < n; at += size {
			slices.Reverse(to[at : at+size])
		}
	}
}

var scalarDescr = regexp.MustCompile(`^([<>|=]?)([?biufc])(\d*)$`)

var npyKinds = map[string]string{
	"b1": "bool", "i1": "int8", "i2": "int16", "i4": "int32", "i8": "int64", "u1": "uint8", "u2": "uint16", "u4": "uint32", "u8": "uint64",
	"f4": "float32", "f8": "float64", "c8": "complex64", "c16": "complex128",
}

// parseDescr returns the fields of a dtype, and how many bytes an item has.
func parseDescr(descr string) (items []item, size int, err error) {
	d := &descrReader{rest: descr}
	if !strings.HasPrefix(descr, "[") {
		if one, ok := parseItem("value", descr, ""); ok {
			return []item{one}, one.bytes(), nil
		}
	} else if d.fields("", 0) && d.rest == "" {
		return d.items, d.size, nil
	}
	return nil, 0, fmt.Errorf("items of the dtype %s cannot be in a region; there are numbers, arrays of them, and structs of these", descr)
}

// descrReader reads the dtype of a struct: [('ID', '<u8'), ('Bid', [('Price', '<f8')]), ...].
type descrReader struct {
	rest  string
	items []item
	size  int // of the fields up to here, which follow one another
}

// mostDeep is how deep structs may lie in one another.
const mostDeep = 50

// fields reads a list of fields, and reports whether it is one.
func (d *descrReader) fields(path string, deep int) bool {
	if deep > mostDeep || !d.took("[") {
		return false
	}
	for !d.took("]") {
		if !d.field(path, deep) {
			return false
		}
		if !d.took(",") {
			return d.took("]")
		}
	}
	return true
}

func (d *descrReader) field(path string, deep int) bool {
	if !d.took("(") {
		return false
	}
	name, ok := d.quoted()
	if !ok || !d.took(",") {
		return false
	}
	if strings.HasPrefix(d.rest, "[") {
		return d.fields(path+strings.ReplaceAll(name, ".", "_")+".", deep+1) && d.took(")") // an array of structs has a shape here
	}
	scalar, ok := d.quoted()
	if !ok {
		return false
	}
	shape := ""
	if d.took(",") {
		if !d.took("(") {
			return false
		}
		if shape, d.rest, ok = strings.Cut(d.rest, ")"); !ok {
			return false
		}
	}
	if !d.took(")") {
		return false
	}
	if skip, padding := strings.CutPrefix(scalar, "|V"); padding {
		n, err := strconv.Atoi(skip)
		d.size += n
		return err == nil && name == "" && shape == "" && n >= 0 && d.size <= mostItem
	}
	// A field whose name has a dot would be one of a struct.
	one, ok := parseItem(path+strings.ReplaceAll(name, ".", "_"), scalar, shape)
	one.from = d.size
	if ok {
		d.size += one.bytes()
	}
	d.items = append(d.items, one)
	return ok && d.size <= mostItem
}

// mostItem is how many bytes an item may have.
const mostItem = 1 << 30

// took passes over a word, and the spaces after it, if it is next.
func (d *descrReader) took(word string) bool {
	rest, ok := strings.CutPrefix(d.rest, word)
	if ok {
		d.rest = strings.TrimLeft(rest, " ")
	}
	return ok
}

// quoted reads a string.
func (d *descrReader) quoted() (string, bool) {
	if !d.took("'") {
		return "", false
	}
	s, rest, ok := strings.Cut(d.rest, "'")
	d.rest = strings.TrimLeft(rest, " ")
	return s, ok && !strings.Contains(s, `\`)
}

func parseItem(name, scalar, shape string) (it item, ok bool) {
	m := scalarDescr.FindStringSubmatch(scalar)
	if m == nil {
		return it, false
	}
	kind := npyKinds[m[2]+m[3]]
	if m[2] == "?" {
		kind = "bool"
	}
	n := 1
	for _, d := range strings.FieldsFunc(shape, func(r rune) bool { return r == ',' || r == ' ' }) {
		k, err := strconv.Atoi(d)
		if err != nil || k < 1 || k > 1<<20 {
			return it, false
		}
		if n *= k; n > 1<<20 {
			return it, false
		}
	}
	if strings.Trim(shape, " ") != "" {
		kind = fmt.Sprintf("[%d]%s", n, kind)
	}
	f, err := newField(name, kind)
	big := binary.NativeEndian.Uint16([]byte{1, 0}) != 1
	return item{field: f, turn: f.scalar != nil && f.size() > 1 && (m[1] == "<" && big || m[1] == ">" && !big)}, err == nil
}
