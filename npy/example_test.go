package npy_test

import (
	"bytes"
	"fmt"
	"log"
	"os"
	"path/filepath"

	"github.com/typedmem/typedmem/endian"
	"github.com/typedmem/typedmem/npy"
	"github.com/typedmem/typedmem/region"
)

// temporary returns a path for a file of an example, and a function that removes it.
func temporary(name string) (path string, remove func()) {
	dir, err := os.MkdirTemp("", "npy")
	if err != nil {
		log.Fatal(err)
	}
	return filepath.Join(dir, name), func() { os.RemoveAll(dir) }
}

// A matrix that NumPy maps with np.load(path, mmap_mode="r+").
func Example() {
	path, remove := temporary("matrix.npy")
	defer remove()
	made, err := npy.Create[float32](path, 2, 3)
	if err != nil {
		log.Fatal(err)
	}
	made.Set(4, 1.5)
	if err := made.Close(); err != nil {
		log.Fatal(err)
	}

	r, h, err := npy.Open[float32](path)
	if err != nil {
		log.Fatal(err)
	}
	defer r.Close()
	rows, err := region.RowsOf(r.View(), h.Width())
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(h.Descr[1:], h.Shape, h.Offset) // before it, < or > for the byte order
	for i, row := range rows.All() {
		fmt.Println(i, row.At(0), row.At(1), row.At(2))
	}
	// Output:
	// f4 [2 3] 128
	// 0 0 0 0
	// 1 0 1.5 0
}

// Records, with a field for each of the dtype's.
func ExampleOpen() {
	path, remove := temporary("trades.npy")
	defer remove()
	type trade struct {
		Time  int64
		Price float64 `npy:"price"`
		Sizes [2]uint32
	}
	trades, err := region.New[trade](2)
	if err != nil {
		log.Fatal(err)
	}
	defer trades.Close()
	trades.Set(1, trade{Time: 7, Price: 1.5})
	if err := npy.Write(path, trades.View()); err != nil {
		log.Fatal(err)
	}

	r, h, err := npy.Open[trade](path)
	if err != nil {
		log.Fatal(err)
	}
	defer r.Close()
	fmt.Println(h.Shape, r.At(1))

	type other struct {
		Time  int64
		Price float32 `npy:"price"`
		_     [4]byte
		Sizes [2]uint32
	}
	_, _, err = npy.Open[other](path)
	fmt.Println(err != nil) // the error says: price: the file has <f8, the type has <f4
	// Output:
	// [2] {7 1.5 [0 0]}
	// true
}

func ExampleOpenMut() {
	path, remove := temporary("counts.npy")
	defer remove()
	counts, err := region.New[uint16](3)
	if err != nil {
		log.Fatal(err)
	}
	defer counts.Close()
	if err := npy.Write(path, counts.View()); err != nil {
		log.Fatal(err)
	}

	r, _, err := npy.OpenMut[uint16](path)
	if err != nil {
		log.Fatal(err)
	}
	r.Set(2, 9)
	fmt.Println(r.Append(1) != nil) // the header says how many there are
	if err := r.Close(); err != nil {
		log.Fatal(err)
	}

	again, _, err := npy.Open[uint16](path)
	if err != nil {
		log.Fatal(err)
	}
	defer again.Close()
	fmt.Println(again.Len(), again.At(2))
	// Output:
	// true
	// 3 9
}

func ExampleWrite() {
	path, remove := temporary("vectors.npy")
	defer remove()
	vectors, err := region.New[[4]float32](3)
	if err != nil {
		log.Fatal(err)
	}
	defer vectors.Close()
	if err := npy.Write(path, vectors.View()); err != nil {
		log.Fatal(err)
	}
	f, err := os.Open(path)
	if err != nil {
		log.Fatal(err)
	}
	defer f.Close()
	h, err := npy.ReadHeader(f)
	fmt.Println(h.Shape, h.Descr[1:], err)
	// Output:
	// [3 4] f4 <nil>
}

func ExampleReadHeader() {
	b, err := npy.AppendHeader(nil, npy.Header{Descr: "<i8", Shape: []int{10, 2}})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%q and spaces up to byte %d\n", bytes.TrimRight(b[10:], " \n"), len(b))
	h, err := npy.ReadHeader(bytes.NewReader(b))
	fmt.Println(h.Len(), h.Width(), h.Offset, err)
	// Output:
	// "{'descr': '<i8', 'fortran_order': False, 'shape': (10, 2), }" and spaces up to byte 128
	// 20 2 128 <nil>
}

// A file that is written without the Go type: a header, and the bytes of the items.
func ExampleAppendHeader() {
	path, remove := temporary("counts.npy")
	defer remove()
	file, err := npy.AppendHeader(nil, npy.Header{Descr: "<u2", Shape: []int{3}})
	if err != nil {
		log.Fatal(err)
	}
	file = append(file, 1, 0, 2, 0, 0, 1) // 1, 2 and 256
	if err := os.WriteFile(path, file, 0o644); err != nil {
		log.Fatal(err)
	}
	r, _, err := npy.Open[endian.LE16[uint16]](path)
	if err != nil {
		log.Fatal(err)
	}
	defer r.Close()
	fmt.Println(len(file), r.At(0).Get(), r.At(1).Get(), r.At(2).Get())
	// Output:
	// 134 1 2 256
}

// Where the fields of a record are.
func ExampleHeader_Fields() {
	h := npy.Header{Descr: "[('Time', '<i8'), ('Bid', [('Price', '<f4'), ('Sizes', '<u2', (2,))])]"}
	fields, size, err := h.Fields()
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(size, "bytes")
	for _, f := range fields {
		fmt.Println(f.Offset, f.Path, f.Descr, f.Shape)
	}
	// Output:
	// 16 bytes
	// 0 [Time] <i8 []
	// 8 [Bid Price] <f4 []
	// 12 [Bid Sizes] <u2 [2]
}
