// Package num holds the checked arithmetic for sizes, offsets and ranges.
package num

import (
	"math"
	"math/bits"

	"golang.org/x/exp/constraints"
)

// Mul returns a*b for a, b >= 0; ok is false when an operand is negative or the product exceeds the
// largest int, and the product then means nothing.
func Mul(a, b int) (product int, ok bool) {
	hi, lo := bits.Mul(uint(a), uint(b))
	return int(lo), a >= 0 && b >= 0 && hi == 0 && lo <= math.MaxInt
}

// Add returns a+b for a, b >= 0; ok is false when an operand is negative or the sum exceeds the
// largest value of the type.
func Add[T constraints.Signed](a, b T) (sum T, ok bool) {
	sum = a + b // wraps around to a negative sum when it overflows
	return sum, a >= 0 && b >= 0 && sum >= 0
}

// AddOrMax returns a+b for a, b >= 0, or the largest int if the sum overflows: no size is that
// large, so a later check refuses it.
func AddOrMax(a, b int) int {
	if sum, ok := Add(a, b); ok {
		return sum
	}
	return math.MaxInt
}

// AddAddr returns addr+n; ok is false when n is negative or the sum leaves the address space.
func AddAddr(addr uintptr, n int) (sum uintptr, ok bool) {
	sum = addr + uintptr(n) // below addr when it wraps around
	return sum, n >= 0 && sum >= addr
}

// Range reports whether 0 <= lo <= hi <= n.
func Range(lo, hi, n int) bool { return 0 <= lo && lo <= hi && hi <= n }

// Up rounds n up to a multiple of unit, a power of two; ok is false when that exceeds the largest
// int or n is negative.
func Up(n, unit int) (rounded int, ok bool) {
	if n < 0 || n > math.MaxInt-(unit-1) {
		return 0, false
	}
	return (n + unit - 1) &^ (unit - 1), true
}

// Down rounds n down to a multiple of unit, a power of two.
func Down[T constraints.Integer](n, unit T) T { return n &^ (unit - 1) }

// Multiple reports whether n is a multiple of unit, a power of two.
func Multiple[T constraints.Integer](n, unit T) bool { return n&(unit-1) == 0 }
