package flags_test

import (
	"fmt"

	"github.com/typedmem/typedmem/flags"
)

func ExampleMap() {
	f := flags.Shared | flags.Populate
	fmt.Println(f, f.Has(flags.Shared), f.Has(flags.Locked))
	// Output: Shared|Populate true false
}

func ExampleProtection() {
	p := flags.Read | flags.Write
	fmt.Println(p, p.Has(flags.Execute))
	// Output: Read|Write false
}

func ExamplePageSizeOf() {
	p, ok := flags.PageSizeOf(2 << 20)
	fmt.Println(p, p.Bytes(), ok)
	_, ok = flags.PageSizeOf(3 << 20)
	fmt.Println(ok)
	// Output:
	// 2M 2097152 true
	// false
}

func ExampleSizes() {
	set := flags.Sizes(flags.Page4K, flags.Page2M)
	for p := range set.All() {
		fmt.Println(p)
	}
	fmt.Println(set.Has(flags.Page1G))
	// Output:
	// 4K
	// 2M
	// false
}
