//go:build unix

package typedmem_test

import (
	"errors"
	"fmt"
	"log"
	"os"

	"github.com/typedmem/typedmem"
	"github.com/typedmem/typedmem/options"
)

// Pages that a file no longer has are an error; an access to them would fault.
func ExampleMapping_Prefault() {
	f, err := os.CreateTemp("", "example")
	if err != nil {
		log.Fatal(err)
	}
	defer os.Remove(f.Name())
	defer f.Close()
	const n = 1 << 18
	if err := f.Truncate(n); err != nil {
		log.Fatal(err)
	}
	m, err := options.New(n).WithFile(f, 0).Map()
	if err != nil {
		log.Fatal(err)
	}
	defer m.Close()
	fmt.Println(m.Prefault(0, n))
	if err := f.Truncate(n / 2); err != nil { // as another program might
		log.Fatal(err)
	}
	fmt.Println(errors.Is(m.Prefault(0, n), typedmem.ErrTruncated))
	// Output:
	// <nil>
	// true
}
