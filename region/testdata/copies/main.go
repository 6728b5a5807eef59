// The copies program copies what must not be copied. The tests of package region have go vet look
// at it.
package main

import "github.com/typedmem/typedmem/region"

func main() {
	var r region.Region[int]
	s := r
	_ = s.Len()
}
