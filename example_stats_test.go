package typedmem_test

import (
	"fmt"
	"log"

	"github.com/typedmem/typedmem"
	"github.com/typedmem/typedmem/options"
)

func ExampleMappings() {
	orders, err := options.New(1 << 20).WithCapacity(64 << 20).WithName("orders").MapMut()
	if err != nil {
		log.Fatal(err)
	}
	defer orders.Close()
	for _, m := range typedmem.Mappings() {
		if m.Name == "orders" {
			fmt.Println(m.Name, m.Len, m.Cap, m.Protection, m.Pins)
		}
	}
	// Output: orders 1048576 67108864 Read|Write 0
}

func ExampleReadStats() {
	before := typedmem.ReadStats()
	m, err := options.New(1 << 20).MapMut()
	if err != nil {
		log.Fatal(err)
	}
	b := m.Bytes()
	if err := m.Close(); err != nil {
		log.Fatal(err)
	}
	err = typedmem.Guard(func() error {
		b[0] = 1 // the mapping is closed
		return nil
	})
	fmt.Println(err != nil, typedmem.ReadStats().Faults-before.Faults)
	// Output: true 1
}

func ExampleMapping_Name() {
	m, err := options.New(4096).WithName("orders").MapMut()
	if err != nil {
		log.Fatal(err)
	}
	defer m.Close()
	fmt.Println(m.Name())
	// Output: orders
}
