package typedmem_test

import (
	"errors"
	"fmt"
	"log"

	"github.com/typedmem/typedmem/flags"
)

// Prefetch returns at once; the pages come while the program does something else.
func ExampleMapping_Prefetch() {
	m := mapped(1 << 20)
	defer m.Close()
	fmt.Println(m.Prefetch(0, m.Len()))
	// Output: <nil>
}

// Resident counts the bytes that are in memory. Not every system tells.
func ExampleMapping_Resident() {
	m := mapped(1 << 20)
	defer m.Close()
	m.Bytes()[0] = 1
	n, err := m.Resident(0, 1)
	if err != nil && !errors.Is(err, errors.ErrUnsupported) {
		log.Fatal(err)
	}
	fmt.Println(0 <= n && n <= 1)
	// Output: true
}

// A cache keeps its older part, but lets it leave memory before the rest. What is free may be
// dropped at any time.
func ExampleMapping_Advise_cold() {
	m := mapped(1 << 20)
	defer m.Close()
	m.Bytes()[0] = 7
	fmt.Println(m.Advise(0, 1<<19, flags.Cold), m.Advise(1<<19, 1<<20, flags.Free))
	fmt.Println(m.Bytes()[0])
	// Output:
	// <nil> <nil>
	// 7
}
