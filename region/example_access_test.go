package region_test

import (
	"errors"
	"fmt"
	"log"
	"os"
	"path/filepath"

	"github.com/typedmem/typedmem"
	"github.com/typedmem/typedmem/flags"
	"github.com/typedmem/typedmem/options"
	"github.com/typedmem/typedmem/region"
)

// temporary returns the path of a file in a new directory, and what removes both.
func temporary(name string) (path string, remove func()) {
	dir, err := os.MkdirTemp("", "")
	if err != nil {
		log.Fatal(err)
	}
	return filepath.Join(dir, name), func() { os.RemoveAll(dir) }
}

func ExampleNew() {
	r, err := region.New[float64](3)
	if err != nil {
		log.Fatal(err)
	}
	defer r.Close()
	r.Set(1, 2.5)
	fmt.Println(r.Len(), r.At(0), r.At(1))
	// Output: 3 0 2.5
}

// The capacity is in bytes, rounded up to whole pages. An append past it is refused and changes
// nothing.
func ExampleMapMut() {
	r, err := region.MapMut[byte](options.New(10).WithCapacity(1 << 16))
	if err != nil {
		log.Fatal(err)
	}
	defer r.Close()
	err = r.Append(make([]byte, 1<<20)...)
	fmt.Println(r.Len(), r.Cap() >= 1<<16, errors.Is(err, typedmem.ErrCapacity))
	// Output: 10 true true
}

// A file is made once: a second Create finds it there.
func ExampleCreate() {
	path, remove := temporary("numbers.tm")
	defer remove()
	r, err := region.Create[int64](path, 3)
	if err != nil {
		log.Fatal(err)
	}
	defer r.Close()
	_, err = region.Create[int64](path, 3)
	fmt.Println(r.Len(), errors.Is(err, os.ErrExist))
	// Output: 3 true
}

// A file opened with another type is refused.
func ExampleOpen() {
	path, remove := temporary("numbers.tm")
	defer remove()
	r, err := region.Create[int64](path, 3)
	if err != nil {
		log.Fatal(err)
	}
	defer r.Close()
	reader, err := region.Open[int64](path)
	if err != nil {
		log.Fatal(err)
	}
	defer reader.Close()
	_, err = region.Open[float64](path)
	fmt.Println(reader.Len(), errors.Is(err, typedmem.ErrLayout))
	// Output: 3 true
}

// A second writer is refused while the first one has the file open.
func ExampleOpenMut() {
	path, remove := temporary("numbers.tm")
	defer remove()
	r, err := region.Create[int64](path, 0)
	if err != nil {
		log.Fatal(err)
	}
	if err := errors.Join(r.Append(1, 2), r.Close()); err != nil {
		log.Fatal(err)
	}
	r, err = region.OpenMut[int64](path)
	if err != nil {
		log.Fatal(err)
	}
	defer r.Close()
	_, err = region.OpenMut[int64](path)
	fmt.Println(r.Append(3), r.Slice(), errors.Is(err, typedmem.ErrBusy))
	// Output: <nil> [1 2 3] true
}

// OpenFile makes the file at the first start, and finds it at every other one.
func ExampleOpenFile() {
	path, remove := temporary("numbers.tm")
	defer remove()
	for range 3 {
		r, err := region.OpenFile[int64](path, region.FileOptions{Write: true, Create: true})
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(r.Len(), r.Append(7), r.Close())
	}
	// Output:
	// 0 <nil> <nil>
	// 1 <nil> <nil>
	// 2 <nil> <nil>
}

// Flags say how the file is mapped: here for reading in order.
func ExampleFileOptions() {
	path, remove := temporary("numbers.tm")
	defer remove()
	r, err := region.Create[int64](path, 3)
	if err != nil {
		log.Fatal(err)
	}
	defer r.Close()
	reader, err := region.OpenFile[int64](path, region.FileOptions{Flags: flags.Sequential})
	if err != nil {
		log.Fatal(err)
	}
	defer reader.Close()
	fmt.Println(reader.Len())
	// Output: 3
}

// Sync makes elements and length durable; Flush only writes the elements.
func ExampleRegion_Sync() {
	path, remove := temporary("numbers.tm")
	defer remove()
	r, err := region.Create[int64](path, 0)
	if err != nil {
		log.Fatal(err)
	}
	defer r.Close()
	err = errors.Join(r.Append(1, 2, 3), r.Sync())
	r.Set(0, 9)
	fmt.Println(err, r.Flush(), r.FlushRange(0, 1))
	// Output: <nil> <nil> <nil>
}

// At and Set panic for what Load and Store return as an error.
func ExampleRegion_Load() {
	r := numbers(1, 2)
	defer r.Close()
	_, err := r.Load(2)
	fmt.Println(errors.Is(err, typedmem.ErrBounds), r.Store(1, 7), r.At(1))
	defer func() { fmt.Println(recover() != nil) }()
	r.At(2)
	// Output:
	// true <nil> 7
	// true
}

func ExampleRegion_All() {
	r := numbers(10, 20)
	defer r.Close()
	for i, x := range r.All() {
		fmt.Println(i, x)
	}
	for x := range r.Values() {
		fmt.Println(x)
	}
	// Output:
	// 0 10
	// 1 20
	// 10
	// 20
}

// Sub is a window on the region: what is written through it is written to the region.
func ExampleRegion_Sub() {
	r := numbers(1, 2, 3, 4)
	defer r.Close()
	middle, err := r.Sub(1, 3)
	middle.Fill(0)
	fmt.Println(err, r.Slice())
	_, err = r.Sub(3, 5)
	fmt.Println(errors.Is(err, typedmem.ErrBounds))
	// Output:
	// <nil> [1 0 0 4]
	// true
}

// Slice and Ptr are raw memory, for code that takes slices and pointers.
func ExampleRegion_Slice() {
	r := numbers(3, 1, 2)
	defer r.Close()
	xs := r.Slice()
	xs[0] = 5
	*r.Ptr(1) = 6
	fmt.Println(r.At(0), r.At(1))
	// Output: 5 6
}

// Parts that were split can be merged again. SplitTo returns the first elements, SplitOff the last.
func ExampleRegion_Merge() {
	n := options.AllocationGranularity()
	r, err := region.MapMut[byte](options.New(2 * n))
	if err != nil {
		log.Fatal(err)
	}
	first, err := r.SplitTo(n)
	if err != nil {
		log.Fatal(err)
	}
	defer first.Close()
	fmt.Println(first.Len() == n, r.Len() == n)
	fmt.Println(first.Merge(r), first.Len() == 2*n)
	// Output:
	// true true
	// <nil> true
}

// Prefault brings elements into memory, so that reading them does not wait for the device.
func ExampleRegion_Prefault() {
	r := numbers(1, 2, 3)
	defer r.Close()
	fmt.Println(r.Prefault(0, 3), errors.Is(r.Prefault(0, 4), typedmem.ErrBounds))
	// Output: <nil> true
}

// Mapping is the memory below: protections, advice and locking are there.
func ExampleRegion_Mapping() {
	r := numbers(1, 2)
	defer r.Close()
	err := r.Mapping().MakeReadOnly()
	fmt.Println(err, errors.Is(r.Store(0, 9), typedmem.ErrProtection))
	// Output: <nil> true
}

// CopyTo and CopyFrom copy as many elements as both have, and return how many.
func ExampleView_CopyTo() {
	r := numbers(1, 2, 3)
	defer r.Close()
	dst := make([]int64, 2)
	fmt.Println(r.View().CopyTo(dst), dst)
	// Output: 2 [1 2]
}

func ExampleView_All() {
	r := numbers(10, 20)
	defer r.Close()
	sum := int64(0)
	for _, x := range r.View().All() {
		sum += x
	}
	fmt.Println(sum)
	// Output: 30
}

// Bytes are the elements as they lie in memory: 8 for each int64.
func ExampleView_Bytes() {
	r := numbers(0, 0)
	defer r.Close()
	b := r.View().Bytes()
	b.Fill(0xff)
	fmt.Println(b.Len(), r.At(0))
	// Output: 16 -1
}

// A column of a table of records: reading, writing, and every second one of it.
func ExampleStrided() {
	r := numbers(1, 2, 3, 4, 5, 6)
	defer r.Close()
	odd, err := r.View().Every(0, 6, 2)
	if err != nil {
		log.Fatal(err)
	}
	odd.Set(0, 10)
	last, err := odd.Sub(1, 3)
	last.Fill(0)
	sum := int64(0)
	for x := range odd.Values() {
		sum += x
	}
	fmt.Println(odd.Len(), sum, err, r.Slice())
	dst := make([]int64, 3)
	fmt.Println(odd.CopyTo(dst), dst, odd.CopyFrom([]int64{7, 8, 9}), r.Slice())
	_, err = odd.Load(3)
	fmt.Println(errors.Is(err, typedmem.ErrBounds), errors.Is(odd.ReadOnly().Store(0, 1), typedmem.ErrProtection))
	// Output:
	// 3 10 <nil> [10 2 0 4 0 6]
	// 3 [10 0 0] 3 [7 2 8 4 9 6]
	// true true
}
