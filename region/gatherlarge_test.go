package region_test

import (
	"math"
	"testing"

	"github.com/typedmem/typedmem"
	"github.com/typedmem/typedmem/internal/testkit"
	"github.com/typedmem/typedmem/region"
)

// filed makes a region file whose element i is f(i), open for reading.
func filed[T any](t testing.TB, n int, f func(int) T) *region.Region[T] {
	t.Helper()
	path := t.TempDir() + "/r"
	w := testkit.Must(region.Create[T](path, n))(t)
	for i := range n {
		w.Set(i, f(i))
	}
	testkit.Check(t, w.Close())
	r := testkit.Must(region.Open[T](path))(t)
	t.Cleanup(func() { testkit.Check(t, r.Close()) })
	return r
}

// big is larger than most pages.
type big [2048]int64

// Elements of more than a page, and a column whose elements lie far apart.
func TestGatherOfLargeElements(t *testing.T) {
	r := filed(t, 50, func(i int) big { return big{0: int64(i), 2047: int64(i) + 1} })
	dst := make([]big, 3)
	testkit.Check(t, r.View().Gather(dst, []int{49, 0, 7}))
	column := testkit.Must(region.Field[int64](r.View(), 2047*8))(t)
	last := make([]int64, 3)
	testkit.Check(t, column.Gather(last, []int{49, 0, 7}))
	for k, i := range []int64{49, 0, 7} {
		if dst[k][0] != i || dst[k][2047] != i+1 || last[k] != i+1 {
			t.Errorf("element %d: %d, %d, %d", i, dst[k][0], dst[k][2047], last[k])
		}
	}
	one := testkit.Must(column.Every(3, 4, math.MaxInt))(t)
	testkit.Check(t, one.Gather(last, []int{0, 0}))
	if last[0] != 4 || last[1] != 4 {
		t.Errorf("a column of one: %v", last)
	}
}

// What a shrink cut off is refused; what stays is not, in the same view.
func TestGatherAfterAShrink(t *testing.T) {
	r := numbered(t, 100_000, func(i int) uint64 { return uint64(i) })
	v := r.View()
	testkit.Check(t, r.Resize(50_000))
	dst := make([]uint64, 2)
	testkit.Check(t, v.Gather(dst, []int{49_999, 3}))
	if dst[0] != 49_999 || dst[1] != 3 {
		t.Errorf("%v", dst)
	}
	testkit.Wants(t, "cut off", v.Gather(dst, []int{3, 50_000}), typedmem.ErrBounds)
}

// A file region that grows past what is remembered of its pages.
func TestGatherFollowsGrowth(t *testing.T) {
	r := testkit.Must(region.Create[uint64](t.TempDir()+"/r", 0))(t)
	defer r.Close()
	xs := make([]uint64, 100_000)
	for i := range xs {
		xs[i] = uint64(i)
	}
	dst := make([]uint64, 3)
	for n := 0; n < 500_000; n += len(xs) {
		testkit.Check(t, r.Append(xs...))
		testkit.Check(t, r.View().Gather(dst, []int{n, n + 99_999, 0}))
		if dst[0] != 0 || dst[1] != 99_999 {
			t.Fatalf("%v", dst)
		}
	}
}
