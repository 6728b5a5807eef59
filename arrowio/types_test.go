package arrowio

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"testing"

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

// TestMain makes blocks small, so that few elements fill many.
func TestMain(m *testing.M) {
	blockBytes = 3000
	m.Run()
}

// kit is what a test does with one type.
type kit struct {
	name string
	test func(*testing.T)
}

func of[T any](test func(*testing.T, *rand.Rand, []T)) kit {
	return kit{fmt.Sprintf("%v", reflect.TypeFor[T]()), func(t *testing.T) {
		for _, n := range []int{0, 1, 7, 300, 3000} {
			r := rand.New(rand.NewPCG(uint64(n), 1))
			if size := int(reflect.TypeFor[T]().Size()); n*size > 1<<20 {
				n = max(1, 1<<20/size)
			}
			xs := make([]T, n)
			for i := range xs {
				fill(reflect.ValueOf(&xs[i]).Elem(), r)
			}
			test(t, r, xs)
		}
	}}
}

// everyType runs a test with random elements of each type.
func everyType(test func(name string, ts ...kit)) {
	test("scalars", of(there[int8]), of(there[int16]), of(there[int32]), of(there[int64]), of(there[int]))
	test("unsigned", of(there[uint8]), of(there[uint16]), of(there[uint32]), of(there[uint64]), of(there[uint]), of(there[uintptr]))
	test("others", of(there[float32]), of(there[float64]), of(there[complex64]), of(there[complex128]), of(there[bool]), of(there[region.Bool8]))
	test("named", of(there[side]), of(there[blob.Ref]), of(there[slab.Handle[book]]), of(there[wrapped]))
	test("arrays", of(there[[3]float64]), of(there[[16]byte]), of(there[[4]side]), of(there[[2][3]int16]), of(there[[9]region.Bool8]), of(there[[2]complex64]),
		of(there[[2][5]byte]), of(there[[9_000]int32]), of(there[[2]quote]))
	test("ordered", of(there[endian.BE32[uint32]]), of(there[endian.LE64[float64]]), of(there[[2]endian.BE16[int16]]), of(there[foreign]))
	test("structs", of(there[quote]), of(there[book]), of(there[flagged]), of(there[embedded]), of(there[empty]))
}

// there compares what a reader yields of elements with the elements, and appends it to another
// region, which then has the same elements.
func there[T any](t *testing.T, r *rand.Rand, xs []T) {
	from, to := newRegion[T](t), newRegion[T](t)
	check(t, from.Append(xs...))
	of := reflect.TypeFor[T]()
	for _, batch := range []int{0, 1 + r.IntN(100), max(1, len(xs))} {
		if batch > 0 && len(xs)/batch > 3000 {
			batch = len(xs) / 3000
		}
		records, err := NewReader(from.View(), batch)
		check(t, err)
		next := 0
		for records.Next() {
			b := records.RecordBatch()
			if batch > 0 && int(b.NumRows()) != min(batch, len(xs)-next) {
				t.Fatalf("a batch of %d rows in place of %d, at row %d of %d", b.NumRows(), batch, next, len(xs))
			}
			for _, i := range []int{0, r.IntN(int(b.NumRows())), int(b.NumRows()) - 1} {
				if got, want := rowOf(of, b, i), goValue(reflect.ValueOf(&xs[next+i]).Elem()); !reflect.DeepEqual(got, want) {
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
	records, err := NewReader(from.View(), 1+r.IntN(max(1, len(xs))))
	check(t, err)
	defer records.Release()
	if n, err := Append(to, records); err != nil || n != len(xs) || to.Len() != n {
		t.Fatalf("%d rows of %d appended, the region has %d, %v", n, len(xs), to.Len(), err)
	}
	for i, x := range to.All() {
		if got, want := goValue(reflect.ValueOf(&x).Elem()), goValue(reflect.ValueOf(&xs[i]).Elem()); !reflect.DeepEqual(got, want) {
			t.Fatalf("element %d comes back as %v, want %v", i, got, want)
		}
	}
}

func TestEveryTypeGoesThereAndBack(t *testing.T) {
	types := 0
	everyType(func(name string, kits ...kit) {
		for _, k := range kits {
			types++
			t.Run(name+"/"+k.name, k.test)
		}
	})
	if types < 30 {
		t.Errorf("%d types", types)
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
