package region_test

import (
	"fmt"
	"math"
	"slices"
	"testing"
	"unsafe"

	"github.com/typedmem/typedmem"
	"github.com/typedmem/typedmem/internal/testkit"
	"github.com/typedmem/typedmem/region"
)

// The laws of the package comment, over all small lengths, offsets, steps and element sizes.

type six struct{ A, B, C uint16 }

type wide struct{ A, B, C, D uint64 }

func TestLaws(t *testing.T) {
	laws(t, func(i int) uint8 { return uint8(i + 1) })
	laws(t, func(i int) [3]byte { return [3]byte{byte(i + 1), 7, byte(i)} })
	laws(t, func(i int) six { return six{uint16(i), 7, uint16(i * i)} })
	laws(t, func(i int) float64 { return float64(i) + 0.5 })
	laws(t, func(i int) wide { return wide{uint64(i), 1, 2, uint64(i * 3)} })
}

func laws[T comparable](t *testing.T, f func(int) T) {
	t.Run(fmt.Sprintf("%T", *new(T)), func(t *testing.T) {
		for n := range 6 {
			r := numbered(t, n, f)
			v, model := r.View(), make([]T, n)
			for i := range model {
				model[i] = f(i)
			}
			subLaws(t, v, model)
			splitLaws(t, v, model)
			everyLaws(t, v, model)
			bytesLaw(t, v, model)
			copyLaws(t, r, model, f)
			testkit.Wants(t, "Close", r.Close(), nil)
		}
	})
}

func equal[T comparable](t *testing.T, what string, v region.View[T], want []T) {
	t.Helper()
	if got := slices.Collect(v.Values()); v.Len() != len(want) || !slices.Equal(got, want) || !slices.Equal(v.Slice(), want) {
		t.Fatalf("%s: %v of %d, want %v", what, got, v.Len(), want)
	}
	for i, x := range v.All() {
		if x != want[i] || v.At(i) != x || *v.Ptr(i) != x {
			t.Fatalf("%s: element %d is %v, want %v", what, i, x, want[i])
		}
	}
	for _, i := range []int{-1, len(want), len(want) + 1, math.MinInt, math.MaxInt, math.MaxInt / 2} {
		what := fmt.Sprintf("%s: At(%d)", what, i)
		words := []string{fmt.Sprint("index ", i), fmt.Sprint("length ", len(want))}
		testkit.Wants(t, what, testkit.Caught(t, func() { v.At(i) }), typedmem.ErrBounds, words...)
		testkit.Wants(t, what, testkit.Caught(t, func() { v.Set(i, *new(T)) }), typedmem.ErrBounds, words...)
		testkit.Wants(t, what, testkit.Caught(t, func() { v.Ptr(i) }), typedmem.ErrBounds, words...)
		_, err := v.Load(i)
		testkit.Wants(t, what, err, typedmem.ErrBounds, words...)
		testkit.Wants(t, what, v.Store(i, *new(T)), typedmem.ErrBounds, words...)
	}
}

func equalColumn[T comparable](t *testing.T, what string, s region.Strided[T], want []T) {
	t.Helper()
	if got := slices.Collect(s.Values()); s.Len() != len(want) || !slices.Equal(got, want) {
		t.Fatalf("%s: %v of %d, want %v", what, got, s.Len(), want)
	}
	for i, x := range s.All() {
		if y, err := s.Load(i); x != want[i] || s.At(i) != x || y != x || err != nil {
			t.Fatalf("%s: element %d is %v, want %v", what, i, x, want[i])
		}
	}
	for _, i := range []int{-1, len(want), math.MinInt, math.MaxInt, math.MaxInt/2 + 1} {
		what := fmt.Sprintf("%s: At(%d)", what, i)
		testkit.Wants(t, what, testkit.Caught(t, func() { s.At(i) }), typedmem.ErrBounds, fmt.Sprint("index ", i), fmt.Sprint("length ", len(want)))
		testkit.Wants(t, what, testkit.Caught(t, func() { s.Set(i, *new(T)) }), typedmem.ErrBounds)
		_, err := s.Load(i)
		testkit.Wants(t, what, err, typedmem.ErrBounds)
		testkit.Wants(t, what, s.Store(i, *new(T)), typedmem.ErrBounds)
	}
}

// around gives all numbers near [0, n], and the ends of the range of int.
func around(n int) []int {
	near := []int{math.MinInt, math.MinInt + 1, math.MaxInt - 1, math.MaxInt, math.MaxInt/2 + 1}
	for i := -1; i <= n+1; i++ {
		near = append(near, i)
	}
	return near
}

func ok(lo, hi, n int) bool { return 0 <= lo && lo <= hi && hi <= n }

func subLaws[T comparable](t *testing.T, v region.View[T], model []T) {
	for _, a := range around(len(model)) {
		for _, b := range around(len(model)) {
			sub, err := v.Sub(a, b)
			if !ok(a, b, len(model)) {
				testkit.Wants(t, fmt.Sprintf("Sub(%d, %d) of %d", a, b, len(model)), err, typedmem.ErrBounds, fmt.Sprint(a), fmt.Sprint(b))
				continue
			}
			testkit.Wants(t, "Sub", err, nil)
			equal(t, "Sub", sub, model[a:b])
			for c := range sub.Len() + 1 {
				for d := c; d <= sub.Len(); d++ {
					inner, err := sub.Sub(c, d)
					testkit.Wants(t, "Sub of Sub", err, nil)
					equal(t, "Sub of Sub", inner, model[a+c:a+d])
				}
			}
		}
	}
}

func splitLaws[T comparable](t *testing.T, v region.View[T], model []T) {
	for _, i := range around(len(model)) {
		a, b, err := v.SplitAt(i)
		if !ok(0, i, len(model)) {
			testkit.Wants(t, "SplitAt", err, typedmem.ErrBounds, fmt.Sprint(i))
		} else {
			testkit.Wants(t, "SplitAt", err, nil)
			equal(t, "SplitAt", a, model[:i])
			equal(t, "SplitAt", b, model[i:])
		}
		if i < 1 {
			testkit.Wants(t, "Chunks", testkit.Caught(t, func() { v.Chunks(i) }), typedmem.ErrBounds, fmt.Sprint(i))
			continue
		}
		var joined []T
		for c := range v.Chunks(i) {
			if left := len(model) - len(joined); c.Len() != min(i, left) {
				t.Fatalf("Chunks(%d) yields %d elements where %d are left", i, c.Len(), left)
			}
			joined = append(joined, c.Slice()...)
		}
		if !slices.Equal(joined, model) {
			t.Fatalf("Chunks(%d), joined: %v, want %v", i, joined, model)
		}
		for range v.Chunks(i) {
			break // no more is yielded
		}
	}
}

func thinned[T any](model []T, lo, hi, step int) (out []T) {
	for i := lo; i < hi; i += min(step, hi) {
		out = append(out, model[i])
	}
	return out
}

func everyLaws[T comparable](t *testing.T, v region.View[T], model []T) {
	n := len(model)
	whole, err := v.Every(0, n, 1)
	testkit.Wants(t, "Every(0, n, 1)", err, nil)
	equalColumn(t, "Every(0, n, 1)", whole, model)
	for _, a := range around(n) {
		for _, b := range around(n) {
			for _, k := range around(n) {
				s, err := v.Every(a, b, k)
				what := fmt.Sprintf("Every(%d, %d, %d) of %d", a, b, k, n)
				if !ok(a, b, n) || k < 1 {
					testkit.Wants(t, what, err, typedmem.ErrBounds)
					continue
				}
				testkit.Wants(t, what, err, nil)
				want := thinned(model, a, b, k)
				equalColumn(t, what, s, want)
				if k > n+1 {
					continue
				}
				for c := range s.Len() + 1 {
					for d := c; d <= s.Len(); d++ {
						sub, err := s.Sub(c, d)
						testkit.Wants(t, what+" Sub", err, nil)
						equalColumn(t, what+" Sub", sub, want[c:d])
						for m := 1; m < 4; m++ {
							again, err := s.Every(c, d, m)
							testkit.Wants(t, what+" Every", err, nil)
							equalColumn(t, what+" Every", again, thinned(want, c, d, m))
						}
					}
				}
				for _, c := range []int{-1, s.Len() + 1, math.MaxInt, math.MinInt} {
					_, err := s.Sub(c, s.Len())
					testkit.Wants(t, what+" Sub", err, typedmem.ErrBounds)
					_, err = s.Sub(0, c)
					testkit.Wants(t, what+" Sub", err, testkit.Cond(c == s.Len(), nil, typedmem.ErrBounds))
					_, err = s.Every(0, c, 1)
					testkit.Wants(t, what+" Every", err, typedmem.ErrBounds)
					_, err = s.Every(0, s.Len(), min(c, 0))
					testkit.Wants(t, what+" Every", err, typedmem.ErrBounds)
				}
			}
		}
	}
}

func bytesLaw[T comparable](t *testing.T, v region.View[T], model []T) {
	b := v.Bytes()
	// SAFETY: the bytes of a slice of a type without pointers.
	want := unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(model))), len(model)*int(unsafe.Sizeof(*new(T))))
	equal(t, "Bytes", b, want)
	cast, err := region.Cast[byte](v)
	testkit.Wants(t, "Cast to bytes", err, nil)
	equal(t, "Cast to bytes", cast, want)
	back, err := region.Cast[T](cast)
	testkit.Wants(t, "Cast there and back", err, nil)
	equal(t, "Cast there and back", back, model)
	for i := range b.Len() {
		rest, err := b.Sub(i, b.Len())
		testkit.Wants(t, "Sub", err, nil)
		_, err = region.Cast[T](rest)
		size, align := int(unsafe.Sizeof(*new(T))), int(unsafe.Alignof(*new(T)))
		fits := rest.Len()%size == 0 && i%align == 0
		testkit.Wants(t, fmt.Sprintf("Cast of %d bytes from byte %d", rest.Len(), i), err, testkit.Cond(fits, nil, typedmem.ErrBounds))
	}
}

// copyLaws: a copy through any window writes the window and nothing else.
func copyLaws[T comparable](t *testing.T, r *region.Region[T], model []T, f func(int) T) {
	n := len(model)
	reset := func() {
		for i := range n {
			r.Set(i, f(i))
		}
	}
	for lo := range n + 1 {
		for hi := lo; hi <= n; hi++ {
			v, err := r.Sub(lo, hi)
			testkit.Wants(t, "a view", err, nil)
			for k := range n + 2 {
				src := make([]T, k)
				for i := range src {
					src[i] = f(i + 50)
				}
				want := slices.Clone(model)
				m := copy(want[lo:hi], src)
				if got := v.CopyFrom(src); got != m {
					t.Fatalf("CopyFrom copied %d, want %d", got, m)
				}
				equal(t, "after CopyFrom", r.View(), want)
				dst := make([]T, k)
				wantDst := make([]T, k)
				m = copy(wantDst, want[lo:hi])
				if got := v.CopyTo(dst); got != m || !slices.Equal(dst, wantDst) {
					t.Fatalf("CopyTo gave %v, want %v", dst, wantDst)
				}
				reset()
			}
			want := slices.Clone(model)
			for i := lo; i < hi; i++ {
				want[i] = f(99)
			}
			v.Fill(f(99))
			equal(t, "after Fill", r.View(), want)
			reset()
			for step := 1; step < 4; step++ {
				s, err := r.View().Every(lo, hi, step)
				testkit.Wants(t, "a view", err, nil)
				src := slices.Repeat([]T{f(77)}, s.Len())
				want := slices.Clone(model)
				for i := lo; i < hi; i += step {
					want[i] = f(77)
				}
				if got := s.CopyFrom(src); got != len(src) {
					t.Fatalf("CopyFrom copied %d, want %d", got, len(src))
				}
				equal(t, "after CopyFrom of a column", r.View(), want)
				dst := make([]T, s.Len()+1)
				if got := s.CopyTo(dst); got != s.Len() || !slices.Equal(dst[:got], src) {
					t.Fatalf("CopyTo of a column gave %v, want %v", dst, src)
				}
				reset()
				s.Fill(f(77))
				equal(t, "after Fill of a column", r.View(), want)
				reset()
			}
		}
	}
	if n > 3 { // overlapping, both ways
		for _, way := range [][2]int{{0, 2}, {2, 0}} {
			want := slices.Clone(model)
			copy(want[way[0]:], want[way[1]:])
			dst, err := r.Sub(way[0], n)
			testkit.Wants(t, "a view", err, nil)
			src, err := r.Sub(way[1], n)
			testkit.Wants(t, "a view", err, nil)
			dst.CopyFrom(src.Slice())
			equal(t, "after an overlapping copy", r.View(), want)
			reset()
		}
	}
}
