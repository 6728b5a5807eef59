package fuzz

import (
	"bytes"
	"reflect"
	"strings"
	"testing"

	"github.com/typedmem/typedmem"
	"github.com/typedmem/typedmem/region"
)

func alignOf[T any]() int { return reflect.TypeFor[T]().Align() }

type inner struct {
	A uint16
	B [3]uint16
}

type outer struct {
	ID   uint64
	In   inner
	Each [2]inner
	_    uint32
	Tail [2]uint16
	X    complex64
}

// FuzzField asks for any field type at any offset and compares with a list of all fields that there
// are.
func FuzzField(f *testing.F) {
	for _, seed := range seeds {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, input []byte) {
		p := &program{input}
		for p.more() {
			switch p.below(4) {
			case 0:
				fieldOf[outer](t, p)
			case 1:
				fieldOf[inner](t, p)
			case 2:
				fieldOf[[3]inner](t, p)
			case 3:
				fieldOf[uint64](t, p)
			}
		}
	})
}

func fieldOf[T comparable](t *testing.T, p *program) {
	switch p.below(9) {
	case 0:
		field[T, uint64](t, p)
	case 1:
		field[T, uint16](t, p)
	case 2:
		field[T, uint32](t, p)
	case 3:
		field[T, inner](t, p)
	case 4:
		field[T, [3]uint16](t, p)
	case 5:
		field[T, [2]uint16](t, p)
	case 6:
		field[T, [2]inner](t, p)
	case 7:
		field[T, complex64](t, p)
	case 8:
		field[T, uint8](t, p)
	}
}

// fields calls found for each field of t, at any depth, with its offset in bytes. Blank fields
// cannot be named, so there is no asking for them.
func fields(t reflect.Type, at uintptr, found func(reflect.Type, uintptr)) {
	switch t.Kind() {
	case reflect.Struct:
		for i := range t.NumField() {
			if f := t.Field(i); f.Name != "_" {
				found(f.Type, at+f.Offset)
				fields(f.Type, at+f.Offset, found)
			}
		}
	case reflect.Array:
		for i := range t.Len() {
			off := at + uintptr(i)*t.Elem().Size()
			found(t.Elem(), off)
			fields(t.Elem(), off, found)
		}
	}
}

func field[T, F comparable](t *testing.T, p *program) {
	n := p.fits(9)
	r, err := region.New[T](n)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	raw := r.View().Bytes()
	memory := make([]byte, raw.Len())
	for i := range memory {
		memory[i] = byte(i) * 31
		raw.Set(i, memory[i])
	}
	var whole T
	var want F
	size := len(bytesOf(&whole))
	offset := p.number(size)
	exists := false
	fields(reflect.TypeFor[T](), 0, func(f reflect.Type, at uintptr) {
		exists = exists || f == reflect.TypeFor[F]() && at == uintptr(offset)
	})
	col, err := region.Field[F](r.View(), uintptr(offset))
	expect(t, "Field", err, when(!exists, typedmem.ErrType))
	if err != nil {
		if k := reflect.TypeFor[T]().Kind(); k == reflect.Struct && !strings.Contains(err.Error(), reflect.TypeFor[T]().Field(0).Name) {
			t.Fatalf("the error does not list the fields: %v", err)
		}
		return
	}
	if col.Len() != n {
		t.Fatalf("a column of %d elements of %d records", col.Len(), n)
	}
	part := func(i int) []byte { return memory[i*size+offset:][:len(bytesOf(&want))] }
	for i, got := range col.All() {
		if !bytes.Equal(bytesOf(&got), part(i)) {
			t.Fatalf("field %T at %d of record %d is % x, want % x", want, offset, i, bytesOf(&got), part(i))
		}
	}
	if i := p.number(n); i >= 0 && i < n {
		val := valueOf[F](p)
		col.Set(i, val)
		copy(part(i), bytesOf(&val))
	}
	// Field then Every is Every then Field.
	lo, step := p.fits(n), 1+p.fits(3)
	thinned, err := col.Every(lo, n, step)
	expect(t, "Every of Field", err)
	records, err := r.View().Every(lo, n, step)
	expect(t, "Every", err)
	if thinned.Len() != records.Len() {
		t.Fatalf("Every of a field has %d elements, that of the records %d", thinned.Len(), records.Len())
	}
	for i := range thinned.Len() {
		record, got := records.At(i), thinned.At(i)
		if !bytes.Equal(bytesOf(&record)[offset:][:len(bytesOf(&want))], bytesOf(&got)) {
			t.Fatalf("element %d: field % x of record % x", i, bytesOf(&got), bytesOf(&record))
		}
	}
	same(t, "the region in the end", raw, memory)
}
