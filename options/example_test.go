package options_test

import (
	"errors"
	"fmt"

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
