package region_test

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"sync/atomic"
	"testing"
	"unsafe"

	"github.com/typedmem/typedmem"
	"github.com/typedmem/typedmem/internal/testkit"
	"github.com/typedmem/typedmem/region"
)

// odd has a size that divides no page.
type odd struct {
	A, B, C uint32
	D       [5]uint16
	E       [2]byte
}

// gatherers are regions of n elements numbered from 0, in memory and in a file.
func gatherers[T any](t *testing.T, n int, f func(int) T) map[string]*region.Region[T] {
	t.Helper()
	file, err := region.Create[T](filepath.Join(t.TempDir(), "r"), n)
	testkit.Check(t, err)
	testkit.CloseLater(t, file)
	for i := range n {
		file.Set(i, f(i))
	}
	return map[string]*region.Region[T]{"memory": numbered(t, n, f), "file": file}
}

func TestGatherAgreesWithAt(t *testing.T) {
	agrees(t, 1<<16, func(i int) uint64 { return uint64(i) })
	agrees(t, 30000, func(i int) odd { return odd{A: uint32(i), D: [5]uint16{4: uint16(i)}} })
	agrees(t, 5, func(i int) [40000]byte { return [40000]byte{0: byte(i), 39999: byte(i + 7)} })
	agrees(t, 100, func(i int) byte { return byte(i) })
}

func agrees[T comparable](t *testing.T, n int, f func(int) T) {
	for name, r := range gatherers(t, n, f) {
		v := r.View()
		rnd := rand.New(rand.NewPCG(1, 2))
		for _, count := range []int{0, 1, 7, 1000, 9000} {
			count = min(count, 200<<20/int(unsafe.Sizeof(*new(T)))/10)
			indexes := make([]int, count)
			for k := range indexes {
				indexes[k] = rnd.IntN(n)
			}
			for what, v := range map[string]region.View[T]{"view": v, "read-only": v.ReadOnly()} {
				dst := make([]T, count+1)
				dst[count] = f(3)
				testkit.Check(t, v.Gather(dst, indexes), name, what)
				for k, i := range indexes {
					if dst[k] != f(i) {
						t.Fatalf("%T in %s, %s: element %d is %v, want %v", dst[k], name, what, i, dst[k], f(i))
					}
				}
				if dst[count] != f(3) {
					t.Fatalf("%T in %s, %s: wrote past the indexes", dst[0], name, what)
				}
			}
			if s, err := v.Every(1, n, 3); err != nil {
				t.Fatal(err)
			} else {
				for k := range indexes {
					indexes[k] = rnd.IntN(s.Len())
				}
				dst := make([]T, count)
				testkit.Check(t, s.Gather(dst, indexes), name, "every third")
				for k, i := range indexes {
					if dst[k] != f(1+3*i) {
						t.Fatalf("%T in %s: element %d of a column is %v, want %v", dst[k], name, i, dst[k], f(1+3*i))
					}
				}
			}
		}
	}
}

func TestRowsGather(t *testing.T) {
	const n, width = 500, 384
	for name, r := range gatherers(t, n*width, func(i int) float32 { return float32(i) }) {
		rows, err := region.RowsOf(r.View(), width)
		testkit.Check(t, err)
		rows, err = rows.Sub(10, n)
		testkit.Check(t, err)
		for _, asked := range [][]int{{}, {489}, {5, 0, 489, 5, 100}, slices.Repeat([]int{7, 488, 3}, 1000)} {
			dst := slices.Repeat([]float32{-1}, len(asked)*width+width/2)
			testkit.Check(t, rows.Gather(dst, asked), name)
			for k, i := range asked {
				for j := range width {
					if want := float32((10+i)*width + j); dst[k*width+j] != want {
						t.Fatalf("%s: element %d of row %d is %v, want %v", name, j, i, dst[k*width+j], want)
					}
				}
			}
			if slices.ContainsFunc(dst[len(asked)*width:], func(x float32) bool { return x != -1 }) {
				t.Errorf("%s: wrote past the rows", name)
			}
		}
		dst := slices.Repeat([]float32{-1}, 3*width)
		testkit.Wants(t, name, rows.Gather(dst[:2*width+1], []int{0, 1, 2}), typedmem.ErrBounds, "3 rows of 384 elements", "slice of 769")
		testkit.Wants(t, name, rows.Gather(dst, []int{0, 490}), typedmem.ErrBounds, "490")
		testkit.Wants(t, name, rows.Gather(dst, []int{-1}), typedmem.ErrBounds)
		if slices.ContainsFunc(dst, func(x float32) bool { return x != -1 }) {
			t.Errorf("%s: an error changed the slice", name)
		}
		testkit.Check(t, r.Close())
		testkit.Wants(t, name, rows.Gather(dst, []int{1}), typedmem.ErrClosed)
	}
	testkit.Check(t, (region.Rows[float32]{}).Gather(nil, nil))
	if err := (region.Rows[float32]{}).Gather(make([]float32, 1), []int{0}); err == nil {
		t.Error("the zero Rows has a row")
	}
}

// All indexes are checked before anything is copied, however many there are.
func TestGatherChecksIndexesFirst(t *testing.T) {
	const n = 1000
	for name, r := range gatherers(t, n, func(i int) uint64 { return uint64(i) }) {
		column, err := r.View().Every(0, n, 2)
		testkit.Check(t, err)
		for _, bad := range []int{-1, n, math.MaxInt, math.MinInt, math.MaxInt / 8, math.MaxInt - 1} {
			for _, at := range []int{0, 5, 9999} {
				indexes := make([]int, 10000)
				indexes[at] = bad
				dst := slices.Repeat([]uint64{7}, len(indexes))
				for what, err := range map[string]error{"view": r.View().Gather(dst, indexes), "column": column.Gather(dst, indexes)} {
					testkit.Wants(t, fmt.Sprintf("%s, %s: index %d at %d", name, what, bad, at), err, typedmem.ErrBounds, fmt.Sprint(bad))
				}
				if slices.ContainsFunc(dst, func(x uint64) bool { return x != 7 }) {
					t.Errorf("%s: index %d at %d: the slice was changed", name, bad, at)
				}
			}
		}
		testkit.Wants(t, "a short slice", r.View().Gather(make([]uint64, 2), make([]int, 3)), typedmem.ErrBounds, "3 elements", "slice of 2")
		testkit.Check(t, r.View().Gather(nil, nil))
		testkit.Wants(t, "a nil slice", r.View().Gather(nil, []int{0}), typedmem.ErrBounds)
	}
	var none region.View[uint64]
	testkit.Check(t, none.Gather(nil, nil))
	if err := none.Gather(make([]uint64, 1), []int{0}); err == nil {
		t.Error("the zero View has an element")
	}
	if err := (region.Strided[uint64]{}).Gather(make([]uint64, 1), []int{0}); err == nil {
		t.Error("the zero Strided has an element")
	}
}

// An index may change after it was checked, as where the slices overlap or another goroutine writes
// to it. Gather compares it again and never reads outside the view.
func TestGatherIntoItsOwnIndexes(t *testing.T) {
	r := numbered(t, 100, func(i int) int { return i })
	r.Set(0, 20) // no element of the view, but one of the region
	v, err := r.View().Sub(0, 10)
	testkit.Check(t, err)
	rows, err := region.RowsOf(v, 2)
	testkit.Check(t, err)
	for name, gather := range map[string]func(dst, indexes []int) error{"view": v.Gather, "rows": rows.Gather} {
		buf := []int{0, 1, 2, 3, 4, 5, 6, 7}
		testkit.Wants(t, name, gather(buf[1:], buf[:3]), typedmem.ErrBounds, "20")
		if !slices.Equal(buf[3:], []int{3, 4, 5, 6, 7}) {
			t.Errorf("%s: read past the view: %v", name, buf)
		}
	}
}

func TestGatherOfMemoryTakenAway(t *testing.T) {
	for name, r := range gatherers(t, 100000, func(i int) uint64 { return uint64(i) }) {
		v, dst := r.View(), make([]uint64, 2)
		testkit.Check(t, r.Mapping().MakeNone())
		testkit.Wants(t, name+": no access", v.Gather(dst, []int{1, 2}), typedmem.ErrProtection)
		testkit.Check(t, r.Mapping().MakeMut())
		testkit.Check(t, v.Gather(dst, []int{1, 99999}))
		if name == "memory" { // the fixed part of a file region has a length of its own
			testkit.Check(t, r.Resize(10))
			testkit.Check(t, v.Gather(dst, []int{1, 9}))
			testkit.Wants(t, name+": shorter", v.Gather(dst, []int{1, 10}), typedmem.ErrBounds)
		}
		testkit.Check(t, r.Close())
		testkit.Wants(t, name+": closed", v.Gather(dst, []int{1, 2}), typedmem.ErrClosed)
	}
	r, err := region.New[atomic.Uint32](4)
	testkit.Check(t, err)
	testkit.CloseLater(t, r)
	// The copy of an atomic is what vet reports; the library refuses it.
	testkit.Wants(t, "atomic", r.View().Gather(make([]atomic.Uint32, 1), []int{0}), typedmem.ErrOperation)
}

// Gather and Stream beside goroutines that change the mapping give elements or an error.
func TestReadersBesideChanges(t *testing.T) {
	rounds := 40
	if testing.Short() {
		rounds = 8
	}
	for round := range rounds {
		path := filepath.Join(t.TempDir(), "r")
		const n = 50000
		r, err := region.Create[uint64](path, n)
		testkit.Check(t, err)
		for i := range n {
			r.Set(i, uint64(i))
		}
		v, m := r.View(), r.Mapping()
		started, done := make(chan bool, 3), make(chan error, 3)
		reader := func(f func(rnd *rand.Rand) error) {
			rnd := rand.New(rand.NewPCG(uint64(round), 1))
			var err error
			for k := 0; err == nil || !errors.Is(err, typedmem.ErrClosed); k++ {
				if err = f(rnd); err != nil && !errors.Is(err, typedmem.ErrProtection) && !errors.Is(err, typedmem.ErrClosed) {
					break
				}
				if k == 0 {
					started <- true
				}
			}
			if errors.Is(err, typedmem.ErrClosed) {
				err = nil
			}
			done <- err
		}
		go reader(func(rnd *rand.Rand) error {
			indexes, dst := make([]int, 500), make([]uint64, 500)
			for k := range indexes {
				indexes[k] = rnd.IntN(n)
			}
			if err := v.Gather(dst, indexes); err != nil {
				return err
			}
			for k, i := range indexes {
				if dst[k] != uint64(i) {
					return fmt.Errorf("element %d is %d", i, dst[k])
				}
			}
			return nil
		})
		go reader(func(*rand.Rand) error {
			next := 0
			for part, err := range v.Stream(5000) {
				if err != nil {
					return err
				}
				// Gather, as Load may fault beside Close.
				indexes, dst := []int{0, part.Len() / 2, part.Len() - 1}, make([]uint64, 3)
				if err := part.Gather(dst, indexes); err != nil {
					return err
				}
				for k, i := range indexes {
					if dst[k] != uint64(next+i) {
						return fmt.Errorf("element %d is %d", next+i, dst[k])
					}
				}
				next += part.Len()
			}
			return nil
		})
		go reader(func(*rand.Rand) error { return v.Prefault() })
		for range 3 {
			<-started
		}
		for range 20 {
			testkit.Check(t, m.MakeReadOnly())
			testkit.Check(t, m.MakeMut())
		}
		for err = typedmem.ErrBusy; errors.Is(err, typedmem.ErrBusy); {
			err = r.Close()
		}
		testkit.Check(t, err)
		for range 3 {
			if err := <-done; err != nil {
				t.Errorf("round %d: %v", round, err)
			}
		}
		testkit.Check(t, os.Remove(path))
	}
}
