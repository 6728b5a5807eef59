package slots

import (
	"sync"
	"sync/atomic"
	"testing"

	"github.com/typedmem/typedmem/internal/testkit"
)

// A goroutine that is alone on the pool never finds a shard locked, whichever path its calls take.
func TestOneGoroutineNeverClashes(t *testing.T) {
	for _, durable := range []bool{false, true} {
		p := newPool(t, 10_000, durable)
		for _, free := range []func(h uint64) error{p.release, func(h uint64) error { return p.releaseInto(nil, h) }} {
			for range 20 {
				var all []uint64
				for range 1000 {
					all = append(all, testkit.Must(p.alloc())(t))
				}
				for _, h := range all {
					testkit.Check(t, free(h))
				}
			}
		}
		if n := p.clashes.Load(); n != 0 {
			t.Errorf("durable %v: %d clashes", durable, n)
		}
	}
}

// A goroutine whose shard somebody holds takes another one, and where that happens again and again
// all goroutines get new ones.
func TestGoroutinesThatMeetAreSpread(t *testing.T) {
	p := newPool(t, 1000, false)
	held := p.pick()
	if other := p.pick(); other == held {
		t.Fatal("two have one shard")
	} else {
		other.unlock()
	}
	testkit.Check(t, p.release(testkit.Must(p.alloc())(t))) // beside the one who holds the shard
	held.unlock()
	changes := 0
	for i, last := 0, p.spread.Load(); i < 8*clashLimit; i++ {
		p.pick().unlock()
		if now := p.spread.Load(); now != last {
			if now%2 == 0 {
				t.Fatalf("shards are found with the even number %#x", now)
			}
			last = now
			changes++
		}
	}
	if changes != 8 {
		t.Fatalf("%d calls of pick spread the goroutines %d times", 8*clashLimit, changes)
	}
}

func TestSpreadingLosesNothing(t *testing.T) {
	const n, goroutines = 600, 6
	p := newPool(t, n, false)
	var stop atomic.Bool
	var workers, spreader sync.WaitGroup
	spreader.Add(1)
	go func() {
		defer spreader.Done()
		for !stop.Load() {
			p.clashes.Store(clashLimit - 1)
			p.pick().unlock()
		}
	}()
	for range goroutines {
		workers.Add(1)
		go func() {
			defer workers.Done()
			var mine [n / goroutines]uint64
			for range 200 {
				for i := range mine {
					var err error
					if mine[i], err = p.alloc(); err != nil {
						t.Error(err)
						return
					}
				}
				for _, h := range mine {
					if err := p.release(h); err != nil {
						t.Error(err)
						return
					}
				}
			}
		}()
	}
	workers.Wait()
	stop.Store(true)
	spreader.Wait()
	p.adds(t, 0)
	for i := range n {
		_, err := p.alloc()
		testkit.Check(t, err, "object ", i)
	}
	if _, err := p.alloc(); err != ErrFull {
		t.Fatal(err)
	}
}
