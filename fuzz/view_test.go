package fuzz

import (
	"slices"
	"testing"

	"github.com/typedmem/typedmem"
	"github.com/typedmem/typedmem/internal/testkit"
	"github.com/typedmem/typedmem/region"
)

type six [3]uint16

type record struct {
	ID    uint64
	Price float64
	Kind  uint32
	Tag   [2]uint16
}

// FuzzView runs operations on views of one region and on slices of one Go array.
func FuzzView(f *testing.F) {
	fuzzPrograms(f, viewProgram[uint8], viewProgram[six], viewProgram[uint64], viewProgram[[24]byte])
}

// fuzzPrograms has the first byte of an input choose the program that runs the rest.
func fuzzPrograms(f *testing.F, programs ...func(t *testing.T, p *program)) {
	for _, seed := range seeds {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, input []byte) {
		p := &program{input}
		programs[p.below(len(programs))](t, p)
	})
}

// seeds are programs that reach most operations.
var seeds = [][]byte{
	{},
	[]byte("\x00\x05abcdefghijklmnopqrstuvwxyz"),
	[]byte("\x01\x10\x00\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f\x10\x11\x12\x13"),
	[]byte("\x02\x1f\x04\x00\x02\x07\x05\x00\x03\xd0\xf0\x01\xe8\x02\x01\x00\x06\x03\x03\x00\x07\x02\x00\x08\x02"),
	[]byte("\x03\x20\x09\x00\x0a\x00\x0b\x00\x0c\x00\x0d\x00\x00\x00\x02\x01\x00\x05\x02\x03\xff\xff\xff\xff\xff\xff\xff\x7f\x00"),
}

type viewPair[T any] struct {
	v        region.View[T]
	model    []T
	readOnly bool
}

func viewProgram[T comparable](t *testing.T, p *program) {
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
	pairs := []viewPair[T]{{v: r.View(), model: memory}}
	protected := false
	for p.more() {
		at := p.below(len(pairs))
		x := pairs[at]
		size := len(x.model)
		refused := when(x.readOnly || protected, typedmem.ErrProtection)
		var made []viewPair[T]
		add := func(v region.View[T], model []T) { made = append(made, viewPair[T]{v, model, x.readOnly}) }
		switch op := p.below(18); op {
		case 0, 1: // Sub, twice as often
			lo, hi := p.number(size), p.number(size)
			got, err := x.v.Sub(lo, hi)
			expect(t, "Sub", err, when(!inRange(lo, hi, size), typedmem.ErrBounds))
			if err == nil {
				add(got, x.model[lo:hi])
			}
		case 2:
			i := p.number(size)
			a, b, err := x.v.SplitAt(i)
			expect(t, "SplitAt", err, when(!inRange(0, i, size), typedmem.ErrBounds))
			if err == nil {
				add(a, x.model[:i])
				add(b, x.model[i:])
			}
		case 3:
			k := p.number(size)
			rest := x.model
			err := testkit.Caught(t, func() {
				for c := range x.v.Chunks(k) {
					m := min(k, len(rest))
					same(t, "Chunks", c, rest[:m])
					rest = rest[m:]
				}
				if len(rest) != 0 {
					t.Fatalf("Chunks(%d) left %d elements", k, len(rest))
				}
			})
			expect(t, "Chunks", err, when(k < 1, typedmem.ErrBounds))
		case 4, 5:
			i := p.number(size)
			var got T
			err := testkit.Caught(t, func() { got = x.v.At(i) })
			if op == 5 {
				got, err = x.v.Load(i)
			}
			expect(t, "At", err, when(i < 0 || i >= size, typedmem.ErrBounds))
			if err == nil && got != x.model[i] {
				t.Fatalf("At(%d) is %v, want %v", i, got, x.model[i])
			}
		case 6, 7:
			i, val := p.number(size), valueOf[T](p)
			err := testkit.Caught(t, func() { x.v.Set(i, val) })
			if op == 7 {
				err = x.v.Store(i, val)
			}
			if i < 0 || i >= size {
				expect(t, "Set", err, typedmem.ErrBounds)
			} else if expect(t, "Set", err, refused); err == nil {
				x.model[i] = val
			}
		case 8:
			val := valueOf[T](p)
			err := testkit.Caught(t, func() { x.v.Fill(val) })
			if size == 0 {
				expect(t, "Fill", err)
			} else if expect(t, "Fill", err, refused); err == nil {
				for i := range x.model {
					x.model[i] = val
				}
			}
		case 9:
			dst := make([]T, p.fits(size+2))
			want := slices.Clone(dst)
			k := x.v.CopyTo(dst)
			if m := copy(want, x.model); m != k || !slices.Equal(dst, want) {
				t.Fatalf("CopyTo copied %d: %v, want %d: %v", k, dst, m, want)
			}
		case 10:
			src := make([]T, p.fits(size+2))
			for i := range src {
				src[i] = valueOf[T](p)
			}
			copyFrom(t, x, src, src, refused)
		case 11: // from the same memory, overlapping
			y := pairs[p.below(len(pairs))]
			copyFrom(t, x, y.v.Slice(), y.model, refused)
		case 12:
			x.readOnly = true
			x.v = x.v.ReadOnly()
			made = append(made, x)
		case 13:
			stop := p.fits(size)
			i := 0
			for k, val := range x.v.All() {
				if k != i || val != x.model[i] {
					t.Fatalf("All yields %d, %v as number %d, want %v", k, val, i, x.model[i])
				}
				if i++; i == stop {
					break
				}
			}
			if got := slices.Collect(x.v.Values()); !slices.Equal(got, x.model) {
				t.Fatalf("Values gives %v, want %v", got, x.model)
			}
		case 14:
			i := p.number(size)
			err := testkit.Caught(t, func() {
				if *x.v.Ptr(i) != x.model[i] {
					t.Fatalf("Ptr(%d) shows %v, want %v", i, *x.v.Ptr(i), x.model[i])
				}
			})
			expect(t, "Ptr", err, when(i < 0 || i >= size, typedmem.ErrBounds))
		case 15:
			sameBytes(t, x)
		case 16:
			lo, hi, step := p.number(size), p.number(size), p.number(size)
			s, err := x.v.Every(lo, hi, step)
			expect(t, "Every", err, when(!inRange(lo, hi, size) || step < 1, typedmem.ErrBounds))
			if err == nil {
				sameColumn(t, s, every(x.model, indexes(0, size), lo, hi, step))
			}
		case 17:
			protected = !protected
			change := r.Mapping().MakeMut
			if protected {
				change = r.Mapping().MakeReadOnly
			}
			if err := change(); err != nil {
				t.Fatal(err)
			}
		}
		for _, m := range made {
			same(t, "a new view", m.v, m.model)
			pairs = append(pairs, m)
		}
		if len(pairs) > 12 {
			pairs = slices.Delete(pairs, 1, len(pairs)-11)
		}
	}
	same(t, "the region in the end", r.View(), memory)
}

func copyFrom[T comparable](t *testing.T, x viewPair[T], src, model []T, refused error) {
	t.Helper()
	k := 0
	err := testkit.Caught(t, func() { k = x.v.CopyFrom(src) })
	if min(len(x.model), len(src)) == 0 {
		expect(t, "CopyFrom", err)
	} else if expect(t, "CopyFrom", err, refused); err == nil {
		if want := copy(x.model, model); k != want {
			t.Fatalf("CopyFrom copied %d, want %d", k, want)
		}
	}
}

func same[T comparable](t *testing.T, what string, v region.View[T], model []T) {
	t.Helper()
	if v.Len() != len(model) {
		t.Fatalf("%s has %d elements, want %d", what, v.Len(), len(model))
	}
	for i, want := range model {
		if got := v.At(i); got != want {
			t.Fatalf("%s: element %d is %v, want %v", what, i, got, want)
		}
	}
	if s := v.Slice(); !slices.Equal(s, model) || cap(s) != len(model) {
		t.Fatalf("%s: Slice %v of capacity %d, want %v", what, s, cap(s), model)
	}
}

func sameBytes[T comparable](t *testing.T, x viewPair[T]) {
	t.Helper()
	b := x.v.Bytes()
	var want []byte
	for i := range x.model {
		want = append(want, bytesOf(&x.model[i])...)
	}
	same(t, "Bytes", b, want)
	if b.Len() > 0 {
		err := testkit.Caught(t, func() { b.Set(0, b.At(0)) })
		if (err != nil) != (x.v.Store(0, x.model[0]) != nil) {
			t.Fatalf("Set of Bytes: %v, not as Set of the view", err)
		}
	}
}
