package region_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/typedmem/typedmem"
	"github.com/typedmem/typedmem/internal/testenv"
	"github.com/typedmem/typedmem/internal/testkit"
	"github.com/typedmem/typedmem/region"
)

// following checks that a Follow yields 0, 1, 2 and so on, and calls step after each batch with the
// number of elements so far, until the loop ends. It returns that number and the loop's error.
func following(ctx context.Context, r *region.Region[uint64], step func(n int)) (n int, err error) {
	for v, e := range r.Follow(ctx) {
		if err != nil {
			return n, fmt.Errorf("a pair after the error %w", err)
		}
		if err = e; err != nil {
			continue
		}
		if v.Len() == 0 {
			return n, errors.New("an empty batch")
		}
		for i, x := range v.All() {
			if x != uint64(n+i) {
				return n, fmt.Errorf("element %d is %d", n+i, x)
			}
		}
		n += v.Len()
		step(n)
	}
	return n, err
}

// Several loops, on the writer's own region and on two readers, one of which has to move to larger
// ranges, see each element once and in order, across writers that come and go. What was published
// before ctx ended is yielded.
func TestFollowSeesEachElementOnce(t *testing.T) {
	testenv.PartialPages(t)
	const total = 300_000
	path := filepath.Join(t.TempDir(), "r")
	w, err := region.Create[uint64](path, 0)
	testkit.Check(t, err)
	var readers []*region.Region[uint64]
	for range 2 {
		r, err := region.Open[uint64](path)
		testkit.Check(t, err)
		defer r.Close()
		readers = append(readers, r)
	}
	memory := numbered(t, 0, func(i int) uint64 { return uint64(i) })
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	type result struct {
		n   int
		err error
	}
	ended := make(chan result)
	followed := append(readers, readers[0], memory, memory)
	for _, r := range followed {
		go func() {
			n, err := following(ctx, r, func(int) {})
			ended <- result{n, err}
		}()
	}
	for n := 0; n < total; {
		xs := make([]uint64, min(1+n%997, total-n))
		for i := range xs {
			xs[i] = uint64(n + i)
		}
		testkit.Check(t, errors.Join(w.Append(xs...), memory.Append(xs...)))
		if n%50 == 0 { // another writer
			testkit.Check(t, w.Close())
			w, err = region.OpenMut[uint64](path)
			testkit.Check(t, err)
		}
		n += len(xs)
	}
	cancel()
	for range followed {
		if got := <-ended; got.n != total || !errors.Is(got.err, context.Canceled) {
			t.Errorf("%d of %d elements: %v", got.n, total, got.err)
		}
	}
	testkit.Check(t, w.Close())
}

// A region that was made shorter ends the loop with ErrBounds, if it has grown past what was
// yielded before the loop looks, too; and not if nothing was yielded.
func TestFollowOfARegionMadeShorter(t *testing.T) {
	for _, again := range []int{0, 10, 20} {
		path := filepath.Join(t.TempDir(), "r")
		w, err := region.Create[uint64](path, 0)
		testkit.Check(t, err)
		defer w.Close()
		r, err := region.Open[uint64](path)
		testkit.Check(t, err)
		defer r.Close()
		memory := numbered(t, 0, func(int) uint64 { return 0 })
		for name, c := range map[string]struct{ w, r *region.Region[uint64] }{"file": {w, r}, "writer's own": {w, w}, "memory": {memory, memory}} {
			testkit.Check(t, c.w.Resize(0))
			upTo := func(n int) {
				for c.w.Len() < n {
					testkit.Check(t, c.w.Append(uint64(c.w.Len())))
				}
			}
			upTo(10)
			n, err := following(context.Background(), c.r, func(int) {
				testkit.Check(t, c.w.Resize(5))
				upTo(again)
			})
			testkit.Wants(t, name, err, typedmem.ErrBounds, "10 elements")
			if n != 10 {
				t.Fatal(name, n)
			}
		}
	}
}

// What was published before the path came to name another file is yielded, then ErrReplaced.
func TestFollowOfAReplacedFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "r")
	w, err := region.Create[uint64](path, 0)
	testkit.Check(t, err)
	defer w.Close()
	r, err := region.Open[uint64](path)
	testkit.Check(t, err)
	defer r.Close()
	testkit.Check(t, w.Append(0, 1))
	n, err := following(context.Background(), r, func(n int) {
		if n == 2 {
			testkit.Check(t, os.Rename(path, path+".old"))
			testkit.Check(t, w.Append(2, 3, 4))
		}
	})
	testkit.Wants(t, "Follow", err, typedmem.ErrReplaced, path)
	if n != 5 {
		t.Fatal(n)
	}
}

// Close does not wait for a loop, and ends it; a loop that the caller leaves is left.
func TestFollowOfAClosedRegion(t *testing.T) {
	r := numbered(t, 3, func(i int) uint64 { return uint64(i) })
	for range r.Follow(context.Background()) {
		break
	}
	n, err := following(context.Background(), r, func(int) { testkit.Check(t, r.Close()) })
	testkit.Wants(t, "Follow", err, typedmem.ErrClosed)
	if n != 3 {
		t.Fatal(n)
	}
	for _, r := range []*region.Region[uint64]{r, {}} {
		n, err = following(context.Background(), r, func(int) {})
		testkit.Wants(t, "Follow of a closed region", err, typedmem.ErrClosed)
		if n != 0 {
			t.Fatal(n)
		}
	}
}

// A ctx that has ended yields what is there, then its error.
func TestFollowOfAnEndedContext(t *testing.T) {
	r := numbered(t, 3, func(i int) uint64 { return uint64(i) })
	ctx, cancel := context.WithDeadline(context.Background(), time.Now())
	defer cancel()
	n, err := following(ctx, r, func(int) { testkit.Check(t, r.Append(3)) })
	testkit.Wants(t, "Follow", err, context.DeadlineExceeded)
	if n != 3 {
		t.Fatal(n)
	}
}
