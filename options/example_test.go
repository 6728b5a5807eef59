package options_test

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

func Example() {
	m, err := options.New(1 << 20).WithFlags(flags.Populate).MapMut()
	if err != nil {
		fmt.Println(err)
		return
	}
	defer m.Close()
	copy(m.Bytes(), "hello")
	err = m.MakeReadOnly()
	fmt.Println(m.Len(), m.Protection(), err)
	// Output: 1048576 Read <nil>
}

// Nothing is checked before a terminal method.
func ExampleFor() {
	o := options.For[[4096]byte](1 << 30).WithUnsafeFlags(flags.Fixed)
	_, err := o.MapMut()
	fmt.Println(errors.Is(err, typedmem.ErrSize) || errors.Is(err, typedmem.ErrOperation))
	// Output: true
}

// Address space is reserved first and becomes memory later, at the same addresses.
func ExampleOptions_ReserveMut() {
	m, err := options.New(1 << 28).ReserveMut()
	if err != nil {
		fmt.Println(err)
		return
	}
	defer m.Close()
	first, err := m.SplitTo(1 << 20)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer first.Close()
	err = first.Commit()
	fmt.Println(first.Len(), first.Committed(), m.Committed(), err)
	// Output: 1048576 true false <nil>
}

// With a capacity a mapping grows in place: no address changes.
func ExampleOptions_WithCapacity() {
	m, err := options.New(100).WithCapacity(1 << 20).MapMut()
	if err != nil {
		fmt.Println(err)
		return
	}
	defer m.Close()
	before := m.Addr()
	err = m.Resize(500_000)
	fmt.Println(m.Len(), m.Addr() == before, err)
	fmt.Println(errors.Is(m.Resize(1<<20+1), typedmem.ErrCapacity))
	// Output:
	// 500000 true <nil>
	// true
}

// A file is mapped from any offset that is a multiple of the allocation granularity.
func ExampleOptions_WithFile() {
	dir, err := os.MkdirTemp("", "")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	f, err := os.Create(filepath.Join(dir, "data"))
	if err != nil {
		log.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteString("hello"); err != nil {
		log.Fatal(err)
	}
	m, err := options.New(5).WithFile(f, 0).Map()
	if err != nil {
		log.Fatal(err)
	}
	defer m.Close()
	fmt.Println(string(m.Bytes()), m.Protection())
	// Output: hello Read
}

// Options are values: each With returns a new one.
func ExampleOptions_WithFlags() {
	plain := options.New(100)
	populated := plain.WithFlags(flags.Populate)
	fmt.Println(plain)
	fmt.Println(populated)
	// Output:
	// options.New(100)
	// options.New(100).WithFlags(Populate)
}

func ExamplePageSize() {
	page, granularity := options.PageSize()
	fmt.Println(page >= 4096, granularity%page)
	// Output: true 0
}

func ExampleOptions_WithName() {
	o := options.New(4096).WithName("orders")
	m, err := o.MapMut()
	if err != nil {
		log.Fatal(err)
	}
	defer m.Close()
	fmt.Println(o, m.Name())
	// Output: options.New(4096).WithName("orders") orders
}
