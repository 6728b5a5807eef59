package region_test

import (
	"errors"
	"fmt"
	"math"
	"testing"

	"github.com/typedmem/typedmem"
	"github.com/typedmem/typedmem/internal/testkit"
	"github.com/typedmem/typedmem/region"
)

func TestStream(t *testing.T) {
	const n = 300_000 // 2.4 MB: several steps
	for name, r := range gatherers(t, n, func(i int) uint64 { return uint64(i) }) {
		for _, size := range []int{1000, 4096, 131_071, n - 1, n, n + 1, math.MaxInt} {
			next := 0
			for part, err := range r.View().Stream(size) {
				testkit.Check(t, err, name, size)
				if want := min(size, n-next); part.Len() != want {
					t.Fatalf("%s, %d: %d elements from %d on, want %d", name, size, part.Len(), next, want)
				}
				for _, at := range []int{0, part.Len() / 2, part.Len() - 1} {
					if got := part.At(at); got != uint64(next+at) {
						t.Fatalf("%s, %d: element %d is %d", name, size, next+at, got)
					}
				}
				next += part.Len()
			}
			if next != n {
				t.Errorf("%s, %d: %d elements, want %d", name, size, next, n)
			}
		}
	}
	for range (region.View[uint64]{}).Stream(3) {
		t.Error("the zero View has elements")
	}
}

// A loop may end at any view, begin again, and two loops may run at once.
func TestStreamEndsEarly(t *testing.T) {
	for name, r := range gatherers(t, 10000, func(i int) uint32 { return uint32(i) }) {
		all := r.View().Stream(100)
		for range 2 {
			seen := 0
			for part, err := range all {
				testkit.Check(t, err, name)
				for other, err := range all {
					testkit.Check(t, err, name)
					if other.At(1) != 1 {
						t.Errorf("%s: the inner loop begins with %d", name, other.At(1))
					}
					break
				}
				if part.At(0) != uint32(100*seen) {
					t.Errorf("%s: view %d begins with %d", name, seen, part.At(0))
				}
				if seen++; seen == 7 {
					break
				}
			}
			if seen != 7 {
				t.Errorf("%s: %d views", name, seen)
			}
		}
	}
}

func TestStreamOfNothing(t *testing.T) {
	for _, n := range []int{0, -1} {
		err := testkit.Caught(t, func() { region.View[uint64]{}.Stream(n) })
		testkit.Wants(t, fmt.Sprint(n), err, typedmem.ErrBounds, fmt.Sprint(n))
	}
}

// What happens to the memory while the loop runs is an error at the next view, which is the last.
func TestStreamOfMemoryTakenAway(t *testing.T) {
	for want, change := range map[error]func(r *region.Region[uint64]) error{
		typedmem.ErrClosed:     func(r *region.Region[uint64]) error { return r.Close() },
		typedmem.ErrProtection: func(r *region.Region[uint64]) error { return r.Mapping().MakeNone() },
		typedmem.ErrBounds:     func(r *region.Region[uint64]) error { return r.Resize(5000) },
	} {
		for name, r := range gatherers(t, 1<<20, func(i int) uint64 { return uint64(i) }) {
			next, calls := 0, 0
			var last error
			for part, err := range r.View().Stream(1000) {
				if calls++; err != nil {
					if part.Len() != 0 || last != nil {
						t.Errorf("%s: %d elements with %v after %v", name, part.Len(), err, last)
					}
					last = err
					continue
				}
				if next += part.Len(); next == 5000 {
					testkit.Check(t, change(r), name)
				}
			}
			testkit.Wants(t, name, last, want)
			if next != 5000 || calls != 6 {
				t.Errorf("%s, %v: %d elements in %d calls", name, want, next, calls)
			}
			if want == typedmem.ErrProtection {
				testkit.Check(t, r.Mapping().MakeMut())
			}
		}
	}
}

// Prefetch, Prefault and Resident of views, on any system.
func TestViewsComeIntoMemory(t *testing.T) {
	for name, r := range gatherers(t, 100_000, func(i int) uint64 { return uint64(i) }) {
		v, err := r.Sub(10_000, 60_000)
		testkit.Check(t, err)
		testkit.Check(t, v.Prefetch(), name)
		testkit.Check(t, v.Prefault(), name)
		bytes, err := v.Resident()
		if err != nil {
			testkit.Is(t, err, errors.ErrUnsupported, name)
		} else if bytes != 8*v.Len() {
			t.Errorf("%s: %d bytes of %d in memory after Prefault", name, bytes, 8*v.Len())
		}
		var none region.View[uint64]
		testkit.Check(t, none.Prefetch())
		testkit.Check(t, none.Prefault())
		if n, err := none.Resident(); n != 0 || err != nil {
			t.Errorf("the zero View has %d bytes in memory, %v", n, err)
		}
		testkit.Check(t, r.Close())
		testkit.Wants(t, name, v.Prefetch(), typedmem.ErrClosed)
		testkit.Wants(t, name, v.Prefault(), typedmem.ErrClosed)
		_, err = v.Resident()
		testkit.Wants(t, name, err, typedmem.ErrClosed)
	}
}
