package typedmem_test

import (
	"errors"
	"fmt"
	"log"
	"os"
	"path/filepath"

	"github.com/typedmem/typedmem"
	"github.com/typedmem/typedmem/flags"
	"github.com/typedmem/typedmem/options"
)

// mapped returns n bytes of anonymous memory.
func mapped(n int) *typedmem.Mapping {
	m, err := options.New(n).MapMut()
	if err != nil {
		log.Fatal(err)
	}
	return m
}

// Bytes is raw memory; its capacity is its length, so append copies.
func ExampleMapping_Bytes() {
	m := mapped(5)
	defer m.Close()
	copy(m.Bytes(), "hello")
	fmt.Println(string(m.Bytes()), cap(m.Bytes()))
	// Output: hello 5
}

// Reserved addresses have no memory until Commit.
func ExampleMapping_Commit() {
	m, err := options.New(100).ReserveMut()
	if err != nil {
		log.Fatal(err)
	}
	defer m.Close()
	fmt.Println(m.Committed(), errors.Is(m.Flush(0, 100), typedmem.ErrOperation))
	fmt.Println(m.Commit(), m.Committed(), m.Bytes()[99])
	// Output:
	// false true
	// <nil> true 0
}

// MakeNone takes every permission; what was written comes back with them.
func ExampleMapping_MakeNone() {
	m := mapped(1)
	defer m.Close()
	m.Bytes()[0] = 7
	fmt.Println(m.MakeNone(), m.Protection(), m.MakeMut(), m.Bytes()[0])
	// Output: <nil> None <nil> 7
}

// SplitTo returns the first bytes; Merge joins the parts again.
func ExampleMapping_SplitTo() {
	n := options.AllocationGranularity()
	right := mapped(2 * n)
	left, err := right.SplitTo(n)
	if err != nil {
		log.Fatal(err)
	}
	defer left.Close()
	fmt.Println(left.Len() == n, right.Addr() == left.Addr()+uintptr(n))
	fmt.Println(left.Merge(right), left.Len() == 2*n)
	// Output:
	// true true
	// <nil> true
}

// Advice changes no content; a flag that is not advice is refused.
func ExampleMapping_Advise() {
	m := mapped(100)
	defer m.Close()
	fmt.Println(m.Advise(0, 100, flags.WillNeed), m.Advise(0, 100, flags.Shared) != nil)
	// Output: <nil> true
}

// Flush writes a shared file mapping to the device.
func ExampleMapping_Flush() {
	dir, err := os.MkdirTemp("", "")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "data")
	if err := os.WriteFile(path, []byte("hello"), 0o666); err != nil {
		log.Fatal(err)
	}
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		log.Fatal(err)
	}
	defer f.Close()
	m, err := options.New(5).WithFile(f, 0).WithFlags(flags.Shared).MapMut()
	if err != nil {
		log.Fatal(err)
	}
	m.Bytes()[0] = 'j'
	err = errors.Join(m.Flush(0, 5), m.Close())
	text, readErr := os.ReadFile(path)
	fmt.Println(string(text), err, readErr)
	// Output: jello <nil> <nil>
}
