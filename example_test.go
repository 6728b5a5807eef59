package typedmem_test

import (
	"context"
	"errors"
	"fmt"
	"time"

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

// Shutdown waits for what Close refuses to wait for.
func ExampleMapping_Shutdown() {
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
	ctx, cancel := context.WithTimeout(context.Background(), time.Millisecond)
	defer cancel()
	err = m.Shutdown(ctx)
	fmt.Println(errors.Is(err, context.DeadlineExceeded), m.Len()) // it works on
	unpin()
	fmt.Println(m.Shutdown(context.Background()), m.Len())
	// Output:
	// true 100
	// <nil> 0
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

// The protection of a mapping can change as often as need be.
func ExampleMapping_MakeReadOnly() {
	m, err := options.New(100).MapMut()
	if err != nil {
		fmt.Println(err)
		return
	}
	defer m.Close()
	copy(m.Bytes(), "fixed")
	fmt.Println(m.MakeReadOnly(), m.Protection())
	// Output: <nil> Read
}

// The mapping grows where it is.
func ExampleMapping_Resize() {
	m, err := options.New(100).WithCapacity(1 << 20).MapMut()
	if err != nil {
		fmt.Println(err)
		return
	}
	defer m.Close()
	before := m.Addr()
	fmt.Println(m.Resize(100_000), m.Len(), m.Addr() == before)
	// Output: <nil> 100000 true
}

// What lies at an address of this process.
func ExampleAreaAt() {
	m, err := options.New(100).Map()
	if err != nil {
		fmt.Println(err)
		return
	}
	defer m.Close()
	area, ok, err := typedmem.AreaAt(0, m.Addr())
	fmt.Println(ok, err, area.Protection, area.Path == "")
	// Output: true <nil> Read true
}
