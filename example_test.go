package typedmem_test

import (
	"errors"
	"fmt"
	"os"

	"github.com/typedmem/typedmem"
	"github.com/typedmem/typedmem/options"
)

func ExampleMapping_SplitOff() {
	size := 4 * options.AllocationGranularity()
	m, err := options.New(size).MapMut()
	if err != nil {
		fmt.Println(err)
		return
	}
	defer m.Close()
	right, err := m.SplitOff(size / 4)
	if err != nil {
		fmt.Println(err)
		return
	}
	err = right.MakeReadOnly()
	fmt.Println(right.Len() == 3*m.Len(), m.Protection(), right.Protection(), err)
	fmt.Println(errors.Is(m.Merge(right), typedmem.ErrAttributeMismatch))
	// Output:
	// true Read|Write Read <nil>
	// true
}

func ExampleMapping_Pin() {
	m, err := options.New(100).MapMut()
	if err != nil {
		fmt.Println(err)
		return
	}
	unpin, err := m.Pin()
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(errors.Is(m.Close(), typedmem.ErrBusy))
	unpin()
	fmt.Println(m.Close())
	fmt.Println(errors.Is(m.Close(), typedmem.ErrClosed))
	// Output:
	// true
	// <nil>
	// true
}

// Memory that may not be accessed is an error under Guard, not the end of the program.
func ExampleGuard() {
	m, err := options.New(100).MapMut()
	if err != nil {
		fmt.Println(err)
		return
	}
	defer m.Close()
	b := m.Bytes()
	if err := m.MakeReadOnly(); err != nil {
		fmt.Println(err)
		return
	}
	err = typedmem.Guard(func() error {
		b[7] = 1
		return nil
	})
	var fault *typedmem.FaultError
	fmt.Println(errors.As(err, &fault))
	// Output: true
}

// A page that the file no longer has is found without a fault.
func ExampleMapping_Prefault() {
	f, err := os.CreateTemp("", "example")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.Remove(f.Name())
	defer f.Close()
	if err := f.Truncate(1 << 16); err != nil {
		fmt.Println(err)
		return
	}
	m, err := options.New(1<<16).WithFile(f, 0).Map()
	if err != nil {
		fmt.Println(err)
		return
	}
	defer m.Close()
	fmt.Println(m.Prefault(0, m.Len()))
	// Output: <nil>
}
