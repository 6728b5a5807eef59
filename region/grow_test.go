package region_test

import (
	"math"
	"runtime"
	"sync"
	"testing"

	"github.com/typedmem/typedmem"
	"github.com/typedmem/typedmem/internal/testkit"
	"github.com/typedmem/typedmem/options"
	"github.com/typedmem/typedmem/region"
)

type pair struct{ A, B uint64 }

// TestReadersBesideAppend: whatever length a reader sees, the elements below it are complete, and
// old views show what they showed.
func TestReadersBesideAppend(t *testing.T) {
	r := numbered(t, 1, func(int) pair { return pair{1, ^uint64(1)} })
	old := r.View()
	const total = 60000
	var readers sync.WaitGroup
	stop := make(chan bool)
	for range 3 {
		readers.Add(1)
		go func() {
			defer readers.Done()
			last := 0
			for {
				n := r.Len()
				if n < last {
					t.Errorf("the length fell from %d to %d", last, n)
					return
				}
				last = n
				for _, i := range []int{0, n / 2, n - 1} {
					x, err := r.Load(i)
					y := r.View().At(i)
					if err != nil || x != y || x.A != uint64(i+1) || x.B != ^x.A {
						t.Errorf("element %d of %d is %v: %v", i, n, x, err)
						return
					}
				}
				if old.At(0).A != 1 || r.View().ReadOnly().At(n-1).A != uint64(n) {
					t.Error("an old view shows something else")
					return
				}
				select {
				case <-stop:
					return
				default:
					runtime.Gosched()
				}
			}
		}()
	}
	for n := 1; n < total; {
		xs := make([]pair, min(1+n%97, total-n))
		for i := range xs {
			a := uint64(n + i + 1)
			xs[i] = pair{a, ^a}
		}
		testkit.Wants(t, "Append", r.Append(xs...), nil)
		n += len(xs)
	}
	close(stop)
	readers.Wait()
	if r.Len() != total || old.Len() != 1 {
		t.Fatalf("%d elements, want %d", r.Len(), total)
	}
}

// TestReadersBesideShrinking: elements that stay can be read all the time.
func TestReadersBesideShrinking(t *testing.T) {
	r, page := pages(t, 4)
	kept, err := r.Sub(0, page)
	testkit.Wants(t, "Sub", err, nil)
	done := make(chan bool)
	go func() {
		defer close(done)
		for range 200 {
			if err := r.Resize(page); err != nil {
				t.Error(err)
			}
			if err := r.Resize(4 * page); err != nil {
				t.Error(err)
			}
		}
	}()
	for {
		for _, i := range []int{0, page - 1} {
			x, err := kept.Load(i)
			y, errRO := kept.ReadOnly().Load(i)
			if err != nil || errRO != nil || x != uint64(i) || y != x {
				t.Fatalf("element %d is %d, %d: %v, %v", i, x, y, err, errRO)
			}
		}
		select {
		case <-done:
			return
		default:
		}
	}
}

// TestReadersBesideSplitting: views of the left part go on while the right one is cut off and
// joined again.
func TestReadersBesideSplitting(t *testing.T) {
	r, page := pages(t, 2)
	kept, err := r.Sub(0, page)
	testkit.Wants(t, "Sub", err, nil)
	done := make(chan bool)
	go func() {
		defer close(done)
		for range 200 {
			right, err := r.SplitOff(page)
			if err != nil {
				t.Error(err)
				return
			}
			if err := r.Merge(right); err != nil {
				t.Error(err)
				return
			}
		}
	}()
	for {
		if x, err := kept.Load(page - 1); err != nil || x != uint64(page-1) {
			t.Fatalf("%d, %v", x, err)
		}
		select {
		case <-done:
			return
		default:
		}
	}
}

func TestAppendOfTheRegionItself(t *testing.T) {
	r := numbered(t, 10, func(i int) uint64 { return uint64(i) })
	for range 12 {
		n := r.Len()
		testkit.Wants(t, "Append", r.Append(r.Slice()[n/2:]...), nil)
		for i := range r.Len() - n {
			if r.At(n+i) != r.At(n/2+i) {
				t.Fatalf("element %d is %d, want %d", n+i, r.At(n+i), r.At(n/2+i))
			}
		}
	}
}

func TestCapacity(t *testing.T) {
	page, granularity := options.PageSize()
	r, err := region.MapMut[[3]int64](options.New(0).WithCapacity(page))
	testkit.Wants(t, "MapMut", err, nil)
	defer r.Close()
	full := max(page, granularity) / 24
	if r.Len() != 0 || r.Cap() != full {
		t.Fatalf("length %d of %d, want 0 of %d", r.Len(), r.Cap(), full)
	}
	testkit.Wants(t, "too many", r.Append(make([][3]int64, full+1)...), typedmem.ErrCapacity)
	testkit.Wants(t, "too long", r.Resize(full+1), typedmem.ErrCapacity)
	for i := range full {
		testkit.Wants(t, "Append", r.Append([3]int64{int64(i)}), nil)
	}
	testkit.Wants(t, "one too many", r.Append([3]int64{}), typedmem.ErrCapacity)
	testkit.Wants(t, "nothing more", r.Append(), nil)
	if r.Len() != full || r.At(full - 1)[0] != int64(full-1) {
		t.Fatal("the elements are lost")
	}
	for _, n := range []int{-1, math.MinInt, math.MaxInt, math.MaxInt/24 + 1} {
		testkit.Wants(t, "Resize", r.Resize(n), typedmem.ErrSize)
	}
	for _, n := range []int{-1, math.MinInt, math.MaxInt, math.MaxInt/8 + 1} {
		_, err := region.New[uint64](n)
		testkit.Wants(t, "New", err, typedmem.ErrSize)
		_, err = region.Create[uint64](t.TempDir()+"/r", n)
		testkit.Wants(t, "Create", err, typedmem.ErrSize)
	}
}

// TestLengthWithinAnElement: what is left over after the last whole element is not shown, and the
// next one takes its place.
func TestLengthWithinAnElement(t *testing.T) {
	page, _ := options.PageSize()
	r, err := region.MapMut[uint32](options.New(10).WithCapacity(page))
	testkit.Wants(t, "MapMut", err, nil)
	defer r.Close()
	if r.Len() != 2 {
		t.Fatalf("%d elements in 10 bytes", r.Len())
	}
	testkit.Wants(t, "Load", r.Store(2, 1), typedmem.ErrBounds)
	testkit.Wants(t, "Append nothing", r.Append(), nil)
	testkit.Wants(t, "Append", r.Append(7), nil)
	if r.Len() != 3 || r.At(2) != 7 {
		t.Fatalf("%d elements, the last is %d", r.Len(), r.At(r.Len()-1))
	}
	left, err := region.MapMut[six](options.New(2 * page))
	testkit.Wants(t, "MapMut", err, nil)
	defer left.Close()
	_, err = left.SplitOff(page / 6)
	testkit.Wants(t, "a cut within a page", err, typedmem.ErrOffset)
}
