package num

import (
	"math"
	"math/big"
	"testing"
)

// interesting are the numbers around which arithmetic goes wrong.
var interesting = func() (list []int) {
	for _, base := range []int{0, 1 << 8, 1 << 12, 1 << 16, 1<<31 - 1, math.MaxInt / 2, math.MaxInt, math.MinInt, math.MinInt / 2, 46341} {
		for d := -2; d <= 2; d++ {
			list = append(list, base+d) // wraps at the ends, which gives the other end
		}
	}
	return list
}()

func fits(x *big.Int) bool { return x.Sign() >= 0 && x.Cmp(big.NewInt(math.MaxInt)) <= 0 }

// Each function against the same in numbers without a limit.
func TestAgainstBigNumbers(t *testing.T) {
	for _, a := range interesting {
		for _, b := range interesting {
			x, y := big.NewInt(int64(a)), big.NewInt(int64(b))
			for name, c := range map[string]struct {
				got  int
				ok   bool
				want *big.Int
			}{
				"Mul": func() (c struct {
					got  int
					ok   bool
					want *big.Int
				}) {
					c.got, c.ok = Mul(a, b)
					c.want = new(big.Int).Mul(x, y)
					return c
				}(),
				"Add": func() (c struct {
					got  int
					ok   bool
					want *big.Int
				}) {
					c.got, c.ok = Add(a, b)
					c.want = new(big.Int).Add(x, y)
					return c
				}(),
			} {
				want := a >= 0 && b >= 0 && fits(c.want)
				if c.ok != want || want && int64(c.got) != c.want.Int64() {
					t.Fatalf("%s(%d, %d) = %d, %v; want %v, %v", name, a, b, c.got, c.ok, c.want, want)
				}
			}
			sum, ok := Add(a, b)
			if want := a >= 0 && b >= 0; want && AddOrMax(a, b) != map[bool]int{true: sum, false: math.MaxInt}[ok] {
				t.Fatalf("AddOrMax(%d, %d) = %d", a, b, AddOrMax(a, b))
			}
			wide := new(big.Int).Add(new(big.Int).SetUint64(uint64(uintptr(a))), y)
			got, ok := AddAddr(uintptr(a), b)
			if want := b >= 0 && wide.Cmp(new(big.Int).SetUint64(uint64(^uintptr(0)))) <= 0; ok != want || want && uint64(got) != wide.Uint64() {
				t.Fatalf("AddAddr(%#x, %d) = %#x, %v; want %v", uintptr(a), b, got, ok, want)
			}
			for _, n := range interesting {
				if got, want := Range(a, b, n), 0 <= a && a <= b && b <= n; got != want {
					t.Fatalf("Range(%d, %d, %d) = %v", a, b, n, got)
				}
			}
		}
	}
}

func TestRounding(t *testing.T) {
	for _, n := range interesting {
		for shift := range 30 {
			unit := 1 << shift
			up, ok := Up(n, unit)
			x := new(big.Int).Add(big.NewInt(int64(n)), big.NewInt(int64(unit-1)))
			x.Rsh(x, uint(shift)).Lsh(x, uint(shift))
			if want := n >= 0 && int64(n) <= math.MaxInt-int64(unit-1); ok != want || want && int64(up) != x.Int64() {
				t.Fatalf("Up(%d, %d) = %d, %v", n, unit, up, ok)
			}
			if n >= 0 {
				if down := Down(n, unit); down > n || n-down >= unit || !Multiple(down, unit) {
					t.Fatalf("Down(%d, %d) = %d", n, unit, down)
				}
				if Multiple(n, unit) != (n%unit == 0) {
					t.Fatalf("Multiple(%d, %d) = %v", n, unit, Multiple(n, unit))
				}
			}
		}
	}
}
