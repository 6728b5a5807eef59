package arrowio

import (
	"encoding/binary"
	"fmt"
	"math"
	"reflect"
	"strings"
	"sync"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/typedmem/typedmem"
	"github.com/typedmem/typedmem/region"
)

// table says how the elements of a type become the rows of a table: a tree of columns, whose leaves
// say where their values lie in an element.
type table struct {
	of      reflect.Type
	size    int // bytes of an element
	columns []*column
	leaves  []*leaf
	schema  *arrow.Schema
	asIs    bool // the elements are the values of the only leaf, one after the other
}

// column is a scalar with a leaf, a list of n, or a struct.
type column struct {
	name, path string
	typ        arrow.DataType
	rows       int       // values of this column in an element
	leaf       int       // of a scalar: index of its leaf
	n          int       // elements of a list, 0 for the others
	children   []*column // one of a list, at least one of a struct, none of a scalar
}

var tables sync.Map // of reflect.Type to *table

// tableOf returns the table of a type; it walks each type once.
func tableOf(t reflect.Type) (*table, error) {
	if known, ok := tables.Load(t); ok {
		return known.(*table), nil
	}
	made := &table{of: t}
	root, err := made.walk(t, place{rows: 1})
	switch {
	case err != nil:
		return nil, fmt.Errorf("%v %w: %w", t, err, typedmem.ErrType)
	case root == nil:
		return nil, fmt.Errorf("%v has no field with a name and a size: %w", t, typedmem.ErrType)
	case root.typ.ID() == arrow.STRUCT:
		made.columns = root.children
	default:
		root.name = Value
		made.columns = []*column{root}
	}
	made.size = int(t.Size())
	made.asIs = len(made.leaves) == 1 && made.leaves[0].covers(made.size)
	fields := make([]arrow.Field, len(made.columns))
	for i, c := range made.columns {
		fields[i] = arrow.Field{Name: c.name, Type: c.typ}
	}
	made.schema = arrow.NewSchema(fields, nil)
	first, _ := tables.LoadOrStore(t, made)
	return first.(*table), nil
}

// place is where in an element the values of a column lie: the first at a byte, the others by dims.
type place struct {
	path string
	at   int
	dims []dim
	rows int // values, the product of the counts
}

// in returns the place of a field.
func (p place) in(name string, at uintptr) place {
	if p.path != "" {
		name = p.path + "." + name
	}
	p.path, p.at = name, p.at+int(at)
	return p
}

// each returns the place of the elements of an array.
func (p place) each(n int, stride uintptr) place {
	p.dims = append(p.dims[:len(p.dims):len(p.dims)], dim{n, int(stride)})
	p.path, p.rows = fmt.Sprintf("%s[%d]", p.path, n), p.rows*n
	return p
}

// refused says why a part of a type has no column. The text goes on after the name of the type.
func refused(t reflect.Type, p place, why string) error {
	if p.path == "" {
		return fmt.Errorf("%s", why)
	}
	return fmt.Errorf("has %v at %s, which %s", t, p.path, why)
}

// walk returns the column of a type, nil if it takes no bytes.
func (made *table) walk(t reflect.Type, p place) (*column, error) {
	if t.Size() == 0 && (t.Kind() == reflect.Struct || t.Kind() == reflect.Array) {
		return nil, nil
	}
	if t == reflect.TypeFor[region.Bool8]() {
		return made.scalar(p, arrow.FixedWidthTypes.Boolean, 1, truth), nil
	}
	switch pkg := t.PkgPath(); {
	case pkg == "sync" || pkg == "sync/atomic" || pkg == "runtime":
		return nil, refused(t, p, "can be read by its methods only: copy the elements to a type without it")
	case pkg == ours+"/endian" && t.Kind() == reflect.Struct:
		return made.ordered(t, p)
	case pkg == ours+"/slab" && strings.HasPrefix(t.Name(), "Handle["):
		return made.scalar(p, arrow.PrimitiveTypes.Uint64, 8, plain), nil
	}
	switch t.Kind() {
	case reflect.Bool:
		return made.scalar(p, arrow.FixedWidthTypes.Boolean, 1, truth), nil
	case reflect.Complex64, reflect.Complex128:
		part := reflect.TypeFor[float32]()
		if t.Kind() == reflect.Complex128 {
			part = reflect.TypeFor[float64]()
		}
		return made.list(2, part, p)
	case reflect.Array:
		if elem := t.Elem(); elem.Kind() == reflect.Uint8 && elem != reflect.TypeFor[region.Bool8]() {
			if t.Len() > math.MaxInt32 {
				return nil, refused(t, p, tooLong)
			}
			return made.scalar(p, &arrow.FixedSizeBinaryType{ByteWidth: t.Len()}, t.Len(), plain), nil
		}
		return made.list(t.Len(), t.Elem(), p)
	case reflect.Struct:
		return made.structure(t, p)
	}
	if typ, size := number(t.Kind()); typ != nil {
		return made.scalar(p, typ, size, plain), nil
	}
	return nil, refused(t, p, "cannot live in mapped memory")
}

const (
	ours    = "github.com/typedmem/typedmem"
	tooLong = "is longer than the lists of Arrow, 1<<31 - 1"
)

func number(k reflect.Kind) (typ arrow.DataType, size int) {
	switch k {
	case reflect.Int:
		k = reflect.Int64
		if math.MaxInt == math.MaxInt32 {
			k = reflect.Int32
		}
	case reflect.Uint, reflect.Uintptr:
		k = reflect.Uint64
		if math.MaxInt == math.MaxInt32 {
			k = reflect.Uint32
		}
	}
	switch k {
	case reflect.Int8:
		return arrow.PrimitiveTypes.Int8, 1
	case reflect.Int16:
		return arrow.PrimitiveTypes.Int16, 2
	case reflect.Int32:
		return arrow.PrimitiveTypes.Int32, 4
	case reflect.Int64:
		return arrow.PrimitiveTypes.Int64, 8
	case reflect.Uint8:
		return arrow.PrimitiveTypes.Uint8, 1
	case reflect.Uint16:
		return arrow.PrimitiveTypes.Uint16, 2
	case reflect.Uint32:
		return arrow.PrimitiveTypes.Uint32, 4
	case reflect.Uint64:
		return arrow.PrimitiveTypes.Uint64, 8
	case reflect.Float32:
		return arrow.PrimitiveTypes.Float32, 4
	case reflect.Float64:
		return arrow.PrimitiveTypes.Float64, 8
	}
	return nil, 0
}

// scalar returns a column whose values have size bytes.
func (made *table) scalar(p place, typ arrow.DataType, size int, kind kind) *column {
	made.leaves = append(made.leaves, newLeaf(p, size, kind))
	return &column{path: p.path, typ: typ, rows: p.rows, leaf: len(made.leaves) - 1}
}

// ordered returns the column of a number of package endian.
func (made *table) ordered(t reflect.Type, p place) (*column, error) {
	get, ok := t.MethodByName("Get")
	if !ok {
		return nil, refused(t, p, "is no number")
	}
	typ, size := number(get.Type.Out(0).Kind())
	kind := swapped
	if native := binary.NativeEndian.Uint16([]byte{1, 0}) == 1; native == strings.HasPrefix(t.Name(), "LE") {
		kind = plain
	}
	return made.scalar(p, typ, size, kind), nil
}

func (made *table) list(n int, elem reflect.Type, p place) (*column, error) {
	if n > math.MaxInt32 {
		return nil, refused(reflect.ArrayOf(n, elem), p, tooLong)
	}
	child, err := made.walk(elem, p.each(n, elem.Size()))
	if child == nil {
		return nil, err
	}
	return &column{path: p.path, typ: arrow.FixedSizeListOfNonNullable(int32(n), child.typ), rows: p.rows, n: n, children: []*column{child}}, nil
}

func (made *table) structure(t reflect.Type, p place) (*column, error) {
	c := &column{path: p.path, rows: p.rows}
	var fields []arrow.Field
	for i := range t.NumField() {
		f := t.Field(i)
		if f.Name == "_" {
			continue
		}
		child, err := made.walk(f.Type, p.in(f.Name, f.Offset))
		if err != nil {
			return nil, err
		}
		if child == nil {
			continue
		}
		child.name = f.Name
		c.children = append(c.children, child)
		fields = append(fields, arrow.Field{Name: f.Name, Type: child.typ})
	}
	if len(fields) == 0 {
		return nil, nil
	}
	c.typ = arrow.StructOf(fields...)
	return c, nil
}
