// Package roundtrip sends random elements of many types through Arrow, and through a file or engine
// if a test wants that, and compares what comes back.
package roundtrip

import (
	"math/rand/v2"
	"reflect"
	"testing"

	"github.com/apache/arrow-go/v18/arrow/array"

	"github.com/typedmem/typedmem/arrowio"
	"github.com/typedmem/typedmem/blob"
	"github.com/typedmem/typedmem/endian"
	"github.com/typedmem/typedmem/region"
	"github.com/typedmem/typedmem/slab"
)

type quote struct {
	Price float64
	Qty   uint32
	Side  uint8
	_     [3]byte
}

type book struct {
	ID     uint64
	Bid    quote
	Levels [3]struct {
		Px  float32
		Qty [2]uint16
	}
	Open region.Bool8
	Name [7]byte
}

type foreign struct {
	A endian.BE16[int16]
	B endian.LE16[uint16]
	C endian.BE32[float32]
	D endian.LE32[int32]
	E endian.BE64[uint64]
	F endian.LE64[float64]
	G [3]endian.BE32[uint32]
}

type flagged struct {
	On    bool
	N     int16
	Flags [5]region.Bool8
	Grid  [3][2]bool
}

type embedded struct {
	quote2
	N int
}

type quote2 struct{ Price float64 }

type side uint8

type wrapped struct{ X float64 }

type empty struct {
	_ [0]uint64
	A uint8
	B struct{}
	C [0]int32
	D uint16
}

// A Through sends records somewhere, and returns what comes back. It may release the records.
type Through func(t testing.TB, records array.RecordReader) array.RecordReader

// Types runs a test for each type: random elements become records, go through something, nothing if
// that is nil, and are appended to another region, which then has the same elements.
func Types(t *testing.T, through Through) {
	p := &path{t, through, 0}
	one[int8](p)
	one[int16](p)
	one[int32](p)
	one[int64](p)
	one[int](p)
	one[uint8](p)
	one[uint16](p)
	one[uint32](p)
	one[uint64](p)
	one[uint](p)
	one[uintptr](p)
	one[float32](p)
	one[float64](p)
	one[complex64](p)
	one[complex128](p)
	one[bool](p)
	one[region.Bool8](p)
	one[side](p)
	one[blob.Ref](p)
	one[slab.Handle[book]](p)
	one[wrapped](p)
	one[[3]float64](p)
	one[[16]byte](p)
	one[[4]side](p)
	one[[2][3]int16](p)
	one[[9]region.Bool8](p)
	one[[2]complex64](p)
	one[[2][5]byte](p)
	one[[9_000]int32](p)
	one[[2]quote](p)
	one[endian.BE32[uint32]](p)
	one[endian.LE64[float64]](p)
	one[[2]endian.BE16[int16]](p)
	one[foreign](p)
	one[quote](p)
	one[book](p)
	one[flagged](p)
	one[embedded](p)
	one[empty](p)
	if p.types < 30 {
		t.Errorf("%d types", p.types)
	}
}

// path is what a test does with each type.
type path struct {
	t       *testing.T
	through Through
	types   int
}

// one runs the test of one type, with regions of several lengths.
func one[T any](p *path) {
	p.types++
	p.t.Run(reflect.TypeFor[T]().String(), func(t *testing.T) {
		lengths := []int{0, 1, 7, 300, 3000}
		if p.through != nil {
			lengths = []int{1000}
		}
		for _, n := range lengths {
			r := rand.New(rand.NewPCG(uint64(n), 1))
			if size := int(reflect.TypeFor[T]().Size()); n*size > 1<<20 {
				n = max(1, 1<<20/size)
			}
			xs := make([]T, n)
			for i := range xs {
				fill(reflect.ValueOf(&xs[i]).Elem(), r)
			}
			there(t, r, xs, p.through)
		}
	})
}

// there compares what a reader yields of elements with the elements, then what comes back.
func there[T any](t *testing.T, r *rand.Rand, xs []T, through Through) {
	from, to := newRegion[T](t), newRegion[T](t)
	check(t, from.Append(xs...))
	of := reflect.TypeFor[T]()
	for _, batch := range []int{0, 1 + r.IntN(100), max(1, len(xs))} {
		if batch > 0 && len(xs)/batch > 3000 {
			batch = len(xs) / 3000
		}
		records, err := arrowio.NewReader(from.View(), batch)
		check(t, err)
		next := 0
		for records.Next() {
			b := records.RecordBatch()
			if batch > 0 && int(b.NumRows()) != min(batch, len(xs)-next) {
				t.Fatalf("a batch of %d rows in place of %d, at row %d of %d", b.NumRows(), batch, next, len(xs))
			}
			for _, i := range []int{0, r.IntN(int(b.NumRows())), int(b.NumRows()) - 1} {
				if got, want := RowOf(of, b, i), GoValue(reflect.ValueOf(&xs[next+i]).Elem()); !reflect.DeepEqual(got, want) {
					t.Fatalf("row %d of %d is %v, want %v", next+i, len(xs), got, want)
				}
			}
			next += int(b.NumRows())
		}
		check(t, records.Err())
		records.Release()
		if next != len(xs) {
			t.Fatalf("%d rows of %d", next, len(xs))
		}
	}
	records, err := arrowio.NewReader(from.View(), 1+r.IntN(max(1, len(xs))))
	check(t, err)
	back := records
	if through != nil {
		back = through(t, records)
	}
	defer back.Release()
	if n, err := arrowio.Append(to, back); err != nil || n != len(xs) || to.Len() != n {
		t.Fatalf("%d rows of %d appended, the region has %d, %v", n, len(xs), to.Len(), err)
	}
	for i, x := range to.All() {
		if got, want := GoValue(reflect.ValueOf(&x).Elem()), GoValue(reflect.ValueOf(&xs[i]).Elem()); !reflect.DeepEqual(got, want) {
			t.Fatalf("element %d comes back as %v, want %v", i, got, want)
		}
	}
}

func newRegion[T any](t testing.TB) *region.Region[T] {
	t.Helper()
	r, err := region.New[T](0)
	check(t, err)
	t.Cleanup(func() { check(t, r.Close()) })
	return r
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
