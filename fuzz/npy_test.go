package fuzz

import (
	"bytes"
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"github.com/typedmem/typedmem"
	"github.com/typedmem/typedmem/endian"
	"github.com/typedmem/typedmem/internal/testkit"
	"github.com/typedmem/typedmem/npy"
	"github.com/typedmem/typedmem/region"
)

// FuzzNpy takes any bytes for a .npy file: ReadHeader returns an error, or a header that reads the
// same when it is written anew; Open returns an error, or a region whose every element can be read,
// and the file stays as it was.
func FuzzNpy(f *testing.F) {
	for _, h := range []npy.Header{
		{Descr: "<f8", Shape: []int{3}},
		{Descr: "|u1", Shape: []int{2, 3}},
		{Descr: "[('ID', '<u8'), ('Price', '<f4', (2,))]", Shape: []int{2}},
		{Descr: "[(('t', 'a\\'b'), '>M8[ns]'), ('', '|V3'), ('c', '<U3')]", Shape: []int{}},
		{Descr: "('<i4', (2, 2))", Shape: []int{0, 9}, FortranOrder: true},
	} {
		b, err := npy.AppendHeader(nil, h)
		testkit.Check(f, err)
		f.Add(append(b, make([]byte, 48)...))
	}
	f.Add([]byte("\x93NUMPY\x01\x00\x3f\x00{'descr':'=i8','fortran_order':False,'shape':(2L,),}           \n"))
	f.Add([]byte("\x93NUMPY\x02\x00\x3a\x00\x00\x00{\"shape\": (), 'descr': [(u'x', '?')], 'fortran_order':True}\n\x01"))
	f.Add([]byte("\x80\x04\x95"))
	path := filepath.Join(testkit.FastDir(f), "a.npy")
	f.Fuzz(func(t *testing.T, content []byte) {
		h, err := npy.ReadHeader(bytes.NewReader(content))
		if err != nil {
			expect(t, "ReadHeader", err, typedmem.ErrCorrupt, typedmem.ErrLayout, typedmem.ErrTruncated)
		} else {
			anew(t, h)
		}
		testkit.Check(t, os.WriteFile(path, content, 0o600))
		defer unchanged(t, path, content)
		openedArray[uint8](t, path, h, content)
		openedArray[endian.LE64[float64]](t, path, h, content)
		openedArray[float64](t, path, h, content)
		openedArray[entry](t, path, h, content)
		openedArray[[3]region.Bool8](t, path, h, content)
	})
}

// anew writes a header and reads it again.
func anew(t *testing.T, h npy.Header) {
	b, err := npy.AppendHeader(nil, h)
	if err != nil {
		expect(t, "AppendHeader", err, typedmem.ErrLayout, typedmem.ErrSize)
		return
	}
	again, err := npy.ReadHeader(bytes.NewReader(b))
	if err != nil || again.Offset != int64(len(b)) || len(b)%64 != 0 || again.FortranOrder != h.FortranOrder || again.Len() != h.Len() || again.Width() != h.Width() {
		t.Fatalf("%+v\nbecomes %+v, %v", h, again, err)
	}
	c, err := npy.AppendHeader(nil, again)
	if err != nil || !bytes.Equal(b, c) {
		t.Fatalf("%q\nbecomes %q, %v", b, c, err)
	}
}

func openedArray[T any](t *testing.T, path string, h npy.Header, content []byte) {
	r, got, err := npy.Open[T](path)
	if err != nil {
		expect(t, "Open", err, append(refusals, typedmem.ErrOffset)...)
		return
	}
	defer r.Close()
	size := int64(reflect.TypeFor[T]().Size())
	if end := h.Offset + int64(r.Len())*size; !reflect.DeepEqual(got, h) || end > int64(len(content)) {
		t.Fatalf("%d elements of %d bytes, %+v and %+v, in a file of %d bytes", r.Len(), size, got, h, len(content))
	}
	b := make([]byte, int64(r.Len())*size)
	if n := r.View().Bytes().CopyTo(b); n != len(b) || !bytes.Equal(b, content[h.Offset:][:len(b)]) {
		t.Fatalf("%d of %d bytes, or others than in the file", n, len(b))
	}
}
