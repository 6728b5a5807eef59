package region_test

import (
	"errors"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"unsafe"

	"github.com/typedmem/typedmem"
	"github.com/typedmem/typedmem/options"
	"github.com/typedmem/typedmem/region"
)

type tick struct {
	ID    uint64
	Price float64
}

func Example() {
	dir, err := os.MkdirTemp("", "")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	r, err := region.Create[tick](filepath.Join(dir, "ticks.tm"), 0)
	if err != nil {
		log.Fatal(err)
	}
	defer r.Close()
	if err := r.Append(tick{1, 10.5}, tick{2, 11}, tick{3, 9.75}); err != nil {
		log.Fatal(err)
	}
	if err := r.Sync(); err != nil {
		log.Fatal(err)
	}
	for i, t := range r.All() {
		fmt.Println(i, t.ID, t.Price)
	}
	// Output:
	// 0 1 10.5
	// 1 2 11
	// 2 3 9.75
}

// A file with address space for 16 million elements, in place of what the library chooses.
func ExampleOpenFile_capacity() {
	dir, err := os.MkdirTemp("", "")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	r, err := region.OpenFile[tick](filepath.Join(dir, "ticks.tm"), region.FileOptions{Write: true, Create: true, Capacity: 1 << 24})
	if err != nil {
		log.Fatal(err)
	}
	defer r.Close()
	fmt.Println(r.Len(), r.Cap() >= 1<<24)
	// Output: 0 true
}

// Reading the rest of a region file that another program has cut off.
func ExampleMap() {
	dir, err := os.MkdirTemp("", "")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "ticks.tm")
	r, err := region.Create[tick](path, 0)
	if err != nil {
		log.Fatal(err)
	}
	if err := r.Append(tick{1, 10.5}, tick{2, 11}, tick{3, 9.75}); err != nil {
		log.Fatal(err)
	}
	if err := r.Close(); err != nil {
		log.Fatal(err)
	}
	const header = 65536
	if err := os.Truncate(path, header+40); err != nil {
		log.Fatal(err)
	}
	_, err = region.Open[tick](path)
	fmt.Println(errors.Is(err, typedmem.ErrTruncated))

	f, err := os.Open(path)
	if err != nil {
		log.Fatal(err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		log.Fatal(err)
	}
	left, err := region.Map[tick](options.New(int(info.Size())-header).WithFile(f, header))
	if err != nil {
		log.Fatal(err)
	}
	defer left.Close()
	for _, t := range left.All() {
		fmt.Println(t)
	}
	// Output:
	// true
	// {1 10.5}
	// {2 11}
}

func ExampleField() {
	r, err := region.New[tick](4)
	if err != nil {
		log.Fatal(err)
	}
	defer r.Close()
	prices, err := region.Field[float64](r.View(), unsafe.Offsetof(tick{}.Price))
	if err != nil {
		log.Fatal(err)
	}
	prices.Fill(2.5)
	fmt.Println(r.At(3))
	// Output: {0 2.5}
}

func ExampleView_Every() {
	r, err := region.New[int32](10)
	if err != nil {
		log.Fatal(err)
	}
	defer r.Close()
	r.View().CopyFrom([]int32{0, 1, 2, 3, 4, 5, 6, 7, 8, 9})
	third, err := r.View().Every(1, 10, 3)
	if err != nil {
		log.Fatal(err)
	}
	for x := range third.Values() {
		fmt.Println(x)
	}
	_, err = third.Load(3)
	fmt.Println(err)
	// Output:
	// 1
	// 4
	// 7
	// typedmem: load: index 3 out of range with length 3: out of bounds
}

// A region prints its type and state, not its elements.
func ExampleRegion_String() {
	r, err := region.MapMut[uint32](options.For[uint32](1000).WithCapacity(1 << 20))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(r)
	fmt.Println(r.View().ReadOnly())
	if err := r.Close(); err != nil {
		log.Fatal(err)
	}
	fmt.Println(r)
	// Output:
	// region.Region[uint32](1000 of 262144 elements, Read|Write)
	// region.View[uint32](1000 elements, Read)
	// region.Region[uint32](closed)
}
