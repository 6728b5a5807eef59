package fuzz

import (
	"slices"
	"testing"

	"github.com/typedmem/typedmem"
	"github.com/typedmem/typedmem/internal/testkit"
	"github.com/typedmem/typedmem/region"
)

// column is the model of a Strided: the places of its elements in memory.
type column[T any] struct {
	memory []T
	at     []int
}

func indexes(lo, hi int) (at []int) {
	for i := lo; i < hi; i++ {
		at = append(at, i)
	}
	return at
}

// every takes the places lo, lo+step and so on below hi.
func every[T any](memory []T, at []int, lo, hi, step int) column[T] {
	c := column[T]{memory: memory}
	for i := lo; i < hi; i += step {
		c.at = append(c.at, at[i])
		if step > hi-i {
			break
		}
	}
	return c
}

func sameColumn[T comparable](t *testing.T, s region.Strided[T], c column[T]) {
	t.Helper()
	if s.Len() != len(c.at) {
		t.Fatalf("a column of %d elements, want %d", s.Len(), len(c.at))
	}
	for i, at := range c.at {
		if got := s.At(i); got != c.memory[at] {
			t.Fatalf("element %d of a column is %v, want %v", i, got, c.memory[at])
		}
	}
}

// FuzzStrided runs operations on columns of one region and on lists of places in one Go array.
func FuzzStrided(f *testing.F) {
	fuzzPrograms(f, stridedProgram[uint8], stridedProgram[six], stridedProgram[uint64], stridedProgram[[24]byte])
}

type stridedPair[T any] struct {
	s        region.Strided[T]
	model    column[T]
	readOnly bool
}

func stridedProgram[T comparable](t *testing.T, p *program) {
	n := p.fits(48)
	r, err := region.New[T](n)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	memory := make([]T, n)
	for i := range memory {
		memory[i] = valueOf[T](p)
		r.Set(i, memory[i])
	}
	lo := p.fits(n)
	hi, step := lo+p.fits(n-lo), 1+p.fits(4)
	first, err := r.View().Every(lo, hi, step)
	expect(t, "Every", err)
	pairs := []stridedPair[T]{{s: first, model: every(memory, indexes(0, n), lo, hi, step)}}
	for p.more() {
		x := pairs[p.below(len(pairs))]
		size := len(x.model.at)
		refused := when(x.readOnly, typedmem.ErrProtection)
		var made []stridedPair[T]
		switch op := p.below(13); op {
		case 0, 1:
			lo, hi, step := p.number(size), p.number(size), p.number(size)
			s, err := x.s.Every(lo, hi, step)
			expect(t, "Every", err, when(!inRange(lo, hi, size) || step < 1, typedmem.ErrBounds))
			if err == nil {
				made = append(made, stridedPair[T]{s, every(memory, x.model.at, lo, hi, step), x.readOnly})
			}
		case 2:
			lo, hi := p.number(size), p.number(size)
			s, err := x.s.Sub(lo, hi)
			expect(t, "Sub", err, when(!inRange(lo, hi, size), typedmem.ErrBounds))
			if err == nil {
				made = append(made, stridedPair[T]{s, column[T]{memory, x.model.at[lo:hi]}, x.readOnly})
			}
		case 3, 4:
			i := p.number(size)
			var got T
			err := testkit.Caught(t, func() { got = x.s.At(i) })
			if op == 4 {
				got, err = x.s.Load(i)
			}
			expect(t, "At", err, when(i < 0 || i >= size, typedmem.ErrBounds))
			if err == nil && got != memory[x.model.at[i]] {
				t.Fatalf("At(%d) is %v, want %v", i, got, memory[x.model.at[i]])
			}
		case 5, 6:
			i, val := p.number(size), valueOf[T](p)
			err := testkit.Caught(t, func() { x.s.Set(i, val) })
			if op == 6 {
				err = x.s.Store(i, val)
			}
			if i < 0 || i >= size {
				expect(t, "Set", err, typedmem.ErrBounds)
			} else if expect(t, "Set", err, refused); err == nil {
				memory[x.model.at[i]] = val
			}
		case 7:
			val := valueOf[T](p)
			err := testkit.Caught(t, func() { x.s.Fill(val) })
			if size == 0 {
				expect(t, "Fill", err)
			} else if expect(t, "Fill", err, refused); err == nil {
				for _, at := range x.model.at {
					memory[at] = val
				}
			}
		case 8:
			dst := make([]T, p.fits(size+2))
			k := x.s.CopyTo(dst)
			if k != min(size, len(dst)) {
				t.Fatalf("CopyTo copied %d of %d", k, size)
			}
			for i := range k {
				if dst[i] != memory[x.model.at[i]] {
					t.Fatalf("CopyTo: element %d is %v, want %v", i, dst[i], memory[x.model.at[i]])
				}
			}
		case 9:
			src := make([]T, p.fits(size+2))
			for i := range src {
				src[i] = valueOf[T](p)
			}
			k := 0
			err := testkit.Caught(t, func() { k = x.s.CopyFrom(src) })
			if min(size, len(src)) == 0 {
				expect(t, "CopyFrom", err)
				break
			}
			if expect(t, "CopyFrom", err, refused); err != nil {
				break
			}
			if k != min(size, len(src)) {
				t.Fatalf("CopyFrom copied %d of %d", k, size)
			}
			for i := range k {
				memory[x.model.at[i]] = src[i]
			}
		case 10:
			x.s, x.readOnly = x.s.ReadOnly(), true
			made = append(made, x)
		case 11:
			i, stop := 0, p.fits(size)
			for k, val := range x.s.All() {
				if k != i || val != memory[x.model.at[i]] {
					t.Fatalf("All yields %d, %v as number %d", k, val, i)
				}
				if i++; i == stop {
					break
				}
			}
		case 12:
			var want []T
			for _, at := range x.model.at {
				want = append(want, memory[at])
			}
			if got := slices.Collect(x.s.Values()); !slices.Equal(got, want) {
				t.Fatalf("Values gives %v, want %v", got, want)
			}
		}
		for _, m := range made {
			sameColumn(t, m.s, m.model)
			pairs = append(pairs, m)
		}
		if len(pairs) > 12 {
			pairs = slices.Delete(pairs, 1, len(pairs)-11)
		}
	}
	same(t, "the region in the end", r.View(), memory)
}
