package main

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"os"
	"slices"
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
	items, size, err := itemsOf(h)
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
	if size > 0 && int64(left) > math.MaxInt64/int64(size) {
		return nil, fmt.Errorf("its shape %v, with %d bytes an item, is larger than any file", h.Shape, size)
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

var npyKinds = map[string]string{
	"b1": "bool", "i1": "int8", "i2": "int16", "i4": "int32", "i8": "int64", "u1": "uint8", "u2": "uint16", "u4": "uint32", "u8": "uint64",
	"f4": "float32", "f8": "float64", "c8": "complex64", "c16": "complex128",
}

// itemsOf returns the fields of an array's items, and how many bytes an item has.
func itemsOf(h npy.Header) (items []item, size int, err error) {
	fields, size, err := h.Fields()
	if err != nil {
		return nil, 0, err
	}
	if size > mostItem {
		return nil, 0, fmt.Errorf("an item has %d bytes, the most is %d", size, mostItem)
	}
	for _, f := range fields {
		it, ok := itemOf(f)
		if !ok {
			return nil, 0, fmt.Errorf("items of the dtype %s cannot be in a region; there are numbers, arrays of them, and structs of these", h.Descr)
		}
		items = append(items, it)
	}
	return items, size, nil
}

func itemOf(f npy.Field) (it item, ok bool) {
	kind, path := npyKinds[strings.TrimLeft(f.Descr, "<>|")], "value"
	if len(f.Path) > 0 {
		var names []string
		for _, name := range f.Path { // a name with a dot would be the field of a struct
			names = append(names, strings.ReplaceAll(name, ".", "_"))
		}
		path = strings.Join(names, ".")
	}
	if len(f.Shape) > 0 {
		kind = fmt.Sprintf("[%d]%s", npy.Header{Shape: f.Shape}.Len(), kind)
	}
	of, err := newField(path, kind)
	native := string([]byte{"><"[binary.NativeEndian.Uint16([]byte{1, 0})&1]})
	return item{field: of, from: f.Offset, turn: !strings.HasPrefix(f.Descr, "|") && !strings.HasPrefix(f.Descr, native)}, err == nil
}
