package main

import (
	"fmt"
	"reflect"
	"unicode"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/bitutil"
)

// node is a column of Arrow, or a part of one, that becomes a field of a new file.
type node struct {
	name, path string
	kind       nodeKind
	typ        reflect.Type
	size       int     // bytes of typ
	align      int     // natural alignment of typ
	n          int     // elements of a list, or bytes
	offset     int     // in the struct that it is in
	children   []*node // one of a list, those of a struct
}

type nodeKind uint8

const (
	nodeNumber nodeKind = iota
	nodeBool
	nodeBytes
	nodeList
	nodeStruct
)

// numbers has the kinds that the values of Arrow are stored as. Times keep the number that Arrow
// has for them.
var numbers = map[arrow.Type]string{
	arrow.INT8: "int8", arrow.INT16: "int16", arrow.INT32: "int32", arrow.INT64: "int64",
	arrow.UINT8: "uint8", arrow.UINT16: "uint16", arrow.UINT32: "uint32", arrow.UINT64: "uint64",
	arrow.FLOAT32: "float32", arrow.FLOAT64: "float64",
	arrow.TIMESTAMP: "int64", arrow.DURATION: "int64", arrow.TIME64: "int64", arrow.DATE64: "int64",
	arrow.TIME32: "int32", arrow.DATE32: "int32",
}

// mostList is how many elements a list may have, and a struct fields.
const mostList = 1 << 20

// mostItem is how many bytes an element may have.
const mostItem = 1 << 30

// newNode returns the node of a type. The length of lists is that of the first of them, which is in
// an array with at least one value; nil where there is none.
func newNode(path string, t arrow.DataType, first arrow.Array) (*node, error) {
	c := &node{path: path, name: path}
	if kind, ok := numbers[t.ID()]; ok {
		c.typ = scalars[kind]
		c.size = int(c.typ.Size())
		c.align = c.size
		return c, nil
	}
	switch t := t.(type) {
	case *arrow.BooleanType:
		c.kind, c.typ, c.size, c.align = nodeBool, scalars["bool"], 1, 1
		return c, nil
	case *arrow.FixedSizeBinaryType:
		if err := c.setLength(t.ByteWidth); err != nil {
			return nil, err
		}
		c.kind, c.typ, c.size, c.align = nodeBytes, reflect.ArrayOf(c.n, scalars["uint8"]), c.n, 1
		return c, nil
	case *arrow.StructType:
		var fields []*node
		for i, f := range t.Fields() {
			var inside arrow.Array
			if s, ok := first.(*array.Struct); ok {
				inside = s.Field(i)
			}
			child, err := newNode(path+"."+f.Name, f.Type, inside)
			if err != nil {
				return nil, err
			}
			child.name = f.Name
			fields = append(fields, child)
		}
		return structNode(path, fields)
	case arrow.ListLikeType:
		switch t.ID() {
		case arrow.LIST, arrow.LARGE_LIST, arrow.FIXED_SIZE_LIST:
			return listNode(c, t, first)
		}
	}
	return nil, fmt.Errorf("the column %q has the type %v, which cannot be in a region: there are numbers, bool, times, lists of one length, fixed_size_binary and structs of these; leave the column out by --fields", path, t)
}

func listNode(c *node, t arrow.ListLikeType, first arrow.Array) (*node, error) {
	n := int64(-1)
	if fixed, ok := t.(*arrow.FixedSizeListType); ok {
		n = int64(fixed.Len())
	}
	var inside arrow.Array
	if lists, ok := first.(array.ListLike); ok && lists.Len() > 0 {
		start, end := lists.ValueOffsets(0)
		if n < 0 {
			n = end - start
		}
		if end > start {
			inside = array.NewSlice(lists.ListValues(), start, end)
			defer inside.Release()
		}
	}
	if n < 0 {
		return nil, fmt.Errorf("the column %q has lists and no row, which would tell how long they are", c.path)
	}
	if err := c.setLength(int(n)); err != nil {
		return nil, err
	}
	child, err := newNode(fmt.Sprintf("%s[%d]", c.path, n), t.Elem(), inside)
	if err != nil {
		return nil, err
	}
	if child.size > mostItem/c.n {
		return nil, fmt.Errorf("the column %q has more than %d bytes in a row", c.path, mostItem)
	}
	c.kind, c.children = nodeList, []*node{child}
	c.typ, c.size, c.align = reflect.ArrayOf(c.n, child.typ), c.n*child.size, child.align
	return c, nil
}

func (c *node) setLength(n int) error {
	if n < 1 || n > mostList {
		return fmt.Errorf("the column %q has lists or bytes of length %d; a region takes 1 to %d", c.path, n, mostList)
	}
	c.n = n
	return nil
}

// structNode returns the node of a struct. Its padding is blank fields, so that it may be in a file
// on every platform.
func structNode(path string, children []*node) (*node, error) {
	s := &node{path: path, name: path, kind: nodeStruct, align: 1, children: children}
	if len(children) == 0 || len(children) > mostList {
		return nil, fmt.Errorf("the struct %q has %d fields", path, len(children))
	}
	var all []reflect.StructField
	pad := func(to int) {
		if rest := (to - s.size%to) % to; rest > 0 {
			all = append(all, reflect.StructField{Name: "_", PkgPath: "main", Type: reflect.ArrayOf(rest, scalars["uint8"])})
			s.size += rest
		}
	}
	seen := map[string]bool{}
	for _, c := range children {
		name := identifier(c.name)
		if seen[name] {
			return nil, fmt.Errorf("two fields have the name %s", c.path)
		}
		seen[name] = true
		pad(c.align)
		f := reflect.StructField{Name: name, Type: c.typ}
		if !unicode.IsUpper([]rune(name)[0]) {
			f.PkgPath = "main"
		}
		all = append(all, f)
		c.offset = s.size
		s.size += c.size
		s.align = max(s.align, c.align)
		if s.size > mostItem {
			return nil, fmt.Errorf("the struct %q has more than %d bytes", path, mostItem)
		}
	}
	pad(s.align)
	s.typ = reflect.StructOf(all)
	return s, nil
}

// elem returns the type of an element of a list, or of bytes.
func (c *node) elem() reflect.Type { return c.typ.Elem() }

// fields lists what is in the node, for people. Of rows it is what is in an element.
func (c *node) fields(rows bool) (all []field) {
	name := func(t reflect.Type) string {
		for kind, scalar := range scalars {
			if t == scalar {
				return kind
			}
		}
		return t.String()
	}
	path := c.path
	if c.kind == nodeStruct || c.kind == nodeList {
		flat, prefix := c, ""
		for flat.kind == nodeList {
			if !rows {
				prefix += fmt.Sprintf("[%d]", flat.n)
			}
			rows = false
			flat = flat.children[0]
		}
		if flat.kind == nodeStruct {
			for _, child := range flat.children {
				all = append(all, child.fields(false)...)
			}
			return all
		}
		if flat.kind == nodeBytes {
			return []field{{path: path, kind: fmt.Sprintf("%s[%d]uint8", prefix, flat.n)}}
		}
		return []field{{path: path, kind: prefix + name(flat.typ)}}
	}
	if c.kind == nodeBytes {
		if rows {
			return []field{{path: path, kind: "uint8"}}
		}
		return []field{{path: path, kind: fmt.Sprintf("[%d]uint8", c.n)}}
	}
	return []field{{path: path, kind: name(c.typ)}}
}

// span is a number of values that lie stride bytes apart.
type span struct{ count, stride int }

// place is where in a block of elements the values of a node lie: from byte at on, by dims from
// outside to inside.
type place struct {
	at    int
	dims  []span
	first int64 // row of the first one in the whole file
}

// in returns the place of a field.
func (p place) in(c *node) place {
	p.at += c.offset
	return p
}

// each returns the place of the elements of lists.
func (p place) each(n, stride int) place {
	p.dims = append(p.dims[:len(p.dims):len(p.dims)], span{n, stride})
	return p
}

// put stores the values of an array in a block.
func (c *node) put(block []byte, a arrow.Array, p place) error {
	if a.NullN() > 0 {
		for i := range a.Len() {
			if a.IsNull(i) {
				return p.refuse(c, i, "is null, and a field of a region always has a value; fill in nulls before")
			}
		}
	}
	switch c.kind {
	case nodeStruct:
		for i, child := range c.children {
			if err := child.put(block, a.(*array.Struct).Field(i), p.in(child)); err != nil {
				return err
			}
		}
		return nil
	case nodeList:
		lists := a.(array.ListLike)
		from := int64(0)
		for i := range lists.Len() {
			start, end := lists.ValueOffsets(i)
			if i == 0 {
				from = start
			}
			if end-start != int64(c.n) || start != from+int64(i*c.n) {
				return p.refuse(c, i, "is a list of %d, the first one has %d; all have to be of one length", end-start, c.n)
			}
		}
		values := array.NewSlice(lists.ListValues(), from, from+int64(lists.Len()*c.n))
		defer values.Release()
		return c.children[0].put(block, values, p.each(c.n, c.children[0].size))
	}
	data := a.Data()
	raw, from := data.Buffers()[1].Bytes(), data.Offset()
	if c.kind == nodeBool {
		bytes := make([]byte, a.Len())
		for i := range bytes {
			if bitutil.BitIsSet(raw, from+i) {
				bytes[i] = 1
			}
		}
		raw, from = bytes, 0
	}
	spread(block, p, raw[from*c.size:(from+a.Len())*c.size], c.size)
	return nil
}

// spread stores values that follow one another where they lie in a block.
func spread(block []byte, p place, values []byte, size int) {
	dims := p.dims
	for len(dims) > 1 && dims[len(dims)-1].stride == size {
		size *= dims[len(dims)-1].count
		dims = dims[:len(dims)-1]
	}
	spreadAt(block, p.at, dims, values, size)
}

// spreadAt returns the values that are left.
func spreadAt(block []byte, at int, dims []span, values []byte, run int) []byte {
	d := dims[0]
	if len(dims) > 1 {
		for range d.count {
			values = spreadAt(block, at, dims[1:], values, run)
			at += d.stride
		}
		return values
	}
	if d.stride == run {
		return values[copy(block[at:at+d.count*run], values):]
	}
	for range d.count {
		copy(block[at:at+run], values)
		values, at = values[run:], at+d.stride
	}
	return values
}
