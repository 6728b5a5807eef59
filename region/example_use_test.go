package region_test

import (
	"errors"
	"fmt"
	"log"
	"os"
	"path/filepath"

	"github.com/typedmem/typedmem"
	"github.com/typedmem/typedmem/options"
	"github.com/typedmem/typedmem/region"
)

// numbers returns a region of the given elements.
func numbers(xs ...int64) *region.Region[int64] {
	r, err := region.New[int64](0)
	if err == nil {
		err = r.Append(xs...)
	}
	if err != nil {
		log.Fatal(err)
	}
	return r
}

// Appending leaves a view, and a pointer, as they were.
func ExampleRegion_Append() {
	r := numbers(1, 2)
	defer r.Close()
	v, first := r.View(), r.Ptr(0)
	if err := r.Append(3, 4, 5); err != nil {
		log.Fatal(err)
	}
	fmt.Println(r.Len(), v.Len(), v.At(1), first == r.Ptr(0))
	// Output: 5 2 2 true
}

// A reader sees what a writer has appended once it asks.
func ExampleRegion_Refresh() {
	dir, err := os.MkdirTemp("", "")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "numbers.tm")
	first, err := region.Create[int64](path, 3)
	if err != nil {
		log.Fatal(err)
	}
	if err := first.Close(); err != nil {
		log.Fatal(err)
	}

	writer, err := region.OpenMut[int64](path)
	if err != nil {
		log.Fatal(err)
	}
	defer writer.Close()
	reader, err := region.Open[int64](path)
	if err != nil {
		log.Fatal(err)
	}
	defer reader.Close()
	if err := writer.Append(10, 20); err != nil {
		log.Fatal(err)
	}
	fmt.Println(reader.Len())
	n, err := reader.Refresh()
	fmt.Println(n, err, reader.At(4))
	// Output:
	// 3
	// 5 <nil> 20
}

// New elements are zero. What a shorter length cuts off is gone, and views of it notice.
func ExampleRegion_Resize() {
	r := numbers(1, 2, 3, 4)
	defer r.Close()
	v := r.View()
	if err := r.Resize(2); err != nil {
		log.Fatal(err)
	}
	_, err := v.Load(3)
	fmt.Println(v.At(1), errors.Is(err, typedmem.ErrBounds))
	if err := r.Resize(4); err != nil {
		log.Fatal(err)
	}
	fmt.Println(r.At(3))
	// Output:
	// 2 true
	// 0
}

// Close waits for nobody: it is refused while memory is pinned.
func ExampleRegion_Pin() {
	r := numbers(1, 2, 3)
	unpin, err := r.Pin()
	if err != nil {
		log.Fatal(err)
	}
	raw := r.Slice() // safe to use until unpin
	err = r.Close()
	fmt.Println(errors.Is(err, typedmem.ErrBusy), raw[2])
	unpin()
	fmt.Println(r.Close())
	// Output:
	// true 3
	// <nil>
}

// A part of a region becomes a region of its own, over the same memory.
func ExampleRegion_SplitOff() {
	page := os.Getpagesize()
	r, err := region.New[byte](2 * page)
	if err != nil {
		log.Fatal(err)
	}
	defer r.Close()
	r.Set(page, 7)
	tail, err := r.SplitOff(page)
	if errors.Is(err, typedmem.ErrOffset) { // the system splits at larger units than pages
		fmt.Println(7)
		return
	}
	if err != nil {
		log.Fatal(err)
	}
	defer tail.Close()
	fmt.Println(tail.At(0))
	// Output: 7
}

// A region over a mapping that was made elsewhere.
func ExampleFrom() {
	m, err := options.New(80).MapMut()
	if err != nil {
		log.Fatal(err)
	}
	r, err := region.From[uint64](m)
	if err != nil {
		log.Fatal(err)
	}
	defer r.Close() // closes m as well
	r.Set(9, 1)
	fmt.Println(r.Len())
	// Output: 10
}

func ExampleView_Sub() {
	r := numbers(0, 10, 20, 30, 40)
	defer r.Close()
	v, err := r.View().Sub(1, 4)
	if err != nil {
		log.Fatal(err)
	}
	for i, x := range v.All() {
		fmt.Println(i, x)
	}
	_, err = v.Sub(2, 5)
	fmt.Println(errors.Is(err, typedmem.ErrBounds))
	// Output:
	// 0 10
	// 1 20
	// 2 30
	// true
}

func ExampleView_SplitAt() {
	r := numbers(1, 2, 3)
	defer r.Close()
	head, tail, err := r.View().SplitAt(1)
	fmt.Println(head.Len(), tail.Len(), tail.At(0), err)
	// Output: 1 2 2 <nil>
}

func ExampleView_Chunks() {
	r := numbers(1, 2, 3, 4, 5)
	defer r.Close()
	for part := range r.View().Chunks(2) {
		fmt.Println(part.Len(), part.At(0))
	}
	// Output:
	// 2 1
	// 2 3
	// 1 5
}

// A read-only view. The memory stays writable through other views.
func ExampleView_ReadOnly() {
	r := numbers(1, 2, 3)
	defer r.Close()
	v := r.View().ReadOnly()
	err := v.Store(0, 9)
	fmt.Println(errors.Is(err, typedmem.ErrProtection), r.Store(0, 9), v.At(0))
	// Output: true <nil> 9
}

func ExampleView_CopyFrom() {
	r, err := region.New[int64](4)
	if err != nil {
		log.Fatal(err)
	}
	defer r.Close()
	n := r.View().CopyFrom([]int64{7, 8, 9})
	all := make([]int64, 4)
	fmt.Println(n, r.View().CopyTo(all), all)
	// Output: 3 4 [7 8 9 0]
}

// The same memory as elements of another type.
func ExampleCast() {
	r := numbers(1, -1)
	defer r.Close()
	bits, err := region.Cast[uint64](r.View())
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%x\n", bits.At(1))
	_, err = region.Cast[[3]int64](r.View()) // 16 bytes are no whole number of 24
	fmt.Println(errors.Is(err, typedmem.ErrBounds))
	// Output:
	// ffffffffffffffff
	// true
}

// An access that is refused touches nothing and says why.
func ExampleView_Load() {
	r, err := region.New[uint32](3)
	if err != nil {
		panic(err)
	}
	v := r.View()
	_, err = v.Load(3)
	fmt.Println(err)
	if err := r.Close(); err != nil {
		panic(err)
	}
	_, err = v.Load(0)
	fmt.Println(errors.Is(err, typedmem.ErrClosed))
	// Output:
	// typedmem: load: index 3 out of range with length 3: out of bounds
	// true
}

// A Bool8 is a truth value for files, where a Go bool may find a byte that is neither 0 nor 1.
func ExampleBool8() {
	r, err := region.New[region.Bool8](2)
	if err != nil {
		panic(err)
	}
	defer r.Close()
	r.Ptr(1).Set(true)
	fmt.Println(r.At(0), r.At(1), r.At(1).Get())
	// Output: false true true
}
