// Command inline calls what has to be inlined; a test reads what the compiler says of it.
package main

import "github.com/typedmem/typedmem/endian"

func main() {
	var (
		a endian.LE16[uint16]
		b endian.BE32[float32]
		c endian.BE64[int64]
	)
	a.Set(1)
	b.Set(2)
	c.Set(3)
	println(a.Get(), b.Get(), c.Get())
}
