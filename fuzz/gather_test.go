package fuzz

import (
	"os"
	"testing"

	"github.com/typedmem/typedmem"
	"github.com/typedmem/typedmem/flags"
	"github.com/typedmem/typedmem/internal/testkit"
	"github.com/typedmem/typedmem/options"
	"github.com/typedmem/typedmem/region"
)

// FuzzGather gathers elements of a view of a file, or of memory, and of its columns, and compares
// them with those of a Go array.
func FuzzGather(f *testing.F) {
	fuzzPrograms(f, gatherProgram[uint8], gatherProgram[six], gatherProgram[uint64], gatherProgram[[300]byte])
}

// FuzzStream compares the views that Stream yields with the parts of a Go array.
func FuzzStream(f *testing.F) {
	fuzzPrograms(f, streamProgram[uint8], streamProgram[six], streamProgram[uint64], streamProgram[[300]byte])
}

// source makes elements in memory or in a file, and a Go array of the same.
func source[T any](t *testing.T, p *program) (*region.Region[T], []T) {
	n := p.fits(255) * (1 + p.below(6))
	memory := make([]T, n)
	for i := range memory {
		memory[i] = valueOf[T](&program{[]byte{byte(i * 7)}})
	}
	r, err := region.New[T](n)
	expect(t, "New", err)
	r.View().CopyFrom(memory)
	if p.below(2) == 0 {
		return r, memory
	}
	defer r.Close()
	path := t.TempDir() + "/f"
	if err := os.WriteFile(path, r.View().Bytes().Slice(), 0o666); err != nil {
		t.Fatal(err)
	}
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	r, err = region.Map[T](options.For[T](n).WithFile(file, 0))
	expect(t, "Map", err)
	return r, memory
}

func gatherProgram[T comparable](t *testing.T, p *program) {
	r, memory := source[T](t, p)
	defer r.Close()
	whole := indexes(0, len(memory))
	for p.more() {
		at, lo, hi, step := whole, 0, len(memory), 1
		gather := r.View().Gather
		switch p.below(4) {
		case 0:
			lo, hi, step = p.fits(len(memory)), len(memory), 1+p.below(9)
			s, err := r.View().Every(lo, hi, step)
			expect(t, "Every", err)
			at, gather = every(memory, whole, lo, hi, step).at, s.Gather
		case 1:
			expect(t, "Advise", r.Mapping().Advise(0, r.Mapping().Len(), flags.RandomAccess))
		}
		asked := make([]int, p.fits(40))
		outside := false
		for k := range asked {
			asked[k] = p.number(len(at))
			if p.below(8) != 0 && len(at) > 0 { // mostly one that fits
				asked[k] = int(uint(asked[k]) % uint(len(at)))
			}
			outside = outside || asked[k] < 0 || asked[k] >= len(at)
		}
		dst := make([]T, p.fits(45))
		mark := valueOf[T](p)
		for k := range dst {
			dst[k] = mark
		}
		short := len(dst) < len(asked)
		err := gather(dst, asked)
		expect(t, "Gather", err, when(outside || short, typedmem.ErrBounds))
		for k := range dst {
			want := mark
			if err == nil && k < len(asked) {
				want = memory[at[asked[k]]]
			}
			if dst[k] != want {
				t.Fatalf("Gather of %v from the %d elements %d, %d, %d: element %d is %v, want %v (%v)", asked, len(at), lo, hi, step, k, dst[k], want, err)
			}
		}
	}
}

func streamProgram[T comparable](t *testing.T, p *program) {
	r, memory := source[T](t, p)
	defer r.Close()
	for p.more() {
		lo := p.fits(len(memory))
		hi := lo + p.fits(len(memory)-lo)
		v, err := r.Sub(lo, hi)
		expect(t, "Sub", err)
		n, most := p.number(hi-lo), p.below(9)
		if n < 1 {
			expect(t, "Stream", testkit.Caught(t, func() { v.Stream(n) }), typedmem.ErrBounds)
			continue
		}
		next, views := lo, 0
		for part, err := range v.Stream(n) {
			expect(t, "Stream", err)
			if part.Len() == 0 || part.Len() != min(n, hi-next) {
				t.Fatalf("Stream(%d) of %d elements yields %d at %d", n, hi-lo, part.Len(), next-lo)
			}
			for i, x := range part.All() {
				if x != memory[next+i] {
					t.Fatalf("element %d is %v, want %v", next+i, x, memory[next+i])
				}
			}
			next += part.Len()
			if views++; views > most {
				break
			}
		}
		if views <= most && next != hi {
			t.Fatalf("Stream(%d) ends after %d elements of %d", n, next-lo, hi-lo)
		}
	}
}
