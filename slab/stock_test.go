package slab

import (
	"errors"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/typedmem/typedmem/internal/slots"
)

type stocked [32]uint64

// freedByOne returns a slab whose n slots were all used and then freed by one cache, which has
// thousands of them in stock.
func freedByOne(t *testing.T, n int) (*Slab[stocked], *Cache[stocked]) {
	t.Helper()
	s, err := New[stocked](n)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	c := s.Cache()
	all := make([]Handle[stocked], n)
	for i := range all {
		if all[i], err = c.Insert(stocked{^uint64(0)}); err != nil {
			t.Fatalf("object %d: %v", i, err)
		}
	}
	for i, h := range all {
		if err := c.Free(h); err != nil {
			t.Fatal(err)
		}
		if i%1000 == 0 {
			adds(t, s, n-i-1)
		}
	}
	if len(c.k.stock) < stockSize {
		t.Fatalf("the cache has %d slots in stock, of %d that it freed", len(c.k.stock), n)
	}
	adds(t, s, 0)
	return s, c
}

// adds checks that the numbers of Stats are together the capacity, with so many objects.
func adds(t *testing.T, s *Slab[stocked], live int) Stats {
	t.Helper()
	st := s.Stats()
	if st.Live != live || st.Free < 0 || st.Live+st.Free+st.Waiting+st.Cached+st.Retired != s.Cap() || st.Allocs-st.Frees != uint64(live) {
		t.Fatalf("%d objects of %d: %+v", live, s.Cap(), st)
	}
	return st
}

// What one cache has in stock is free to all: the slab is full when every slot holds an object, but
// for those that the cache has parked.
func TestSlotsInAnothersStockAreFound(t *testing.T) {
	const n = 3 * stockSize / 2
	for name, allocs := range map[string]func(s *Slab[stocked]) []func() (Handle[stocked], error){
		"slab": func(s *Slab[stocked]) []func() (Handle[stocked], error) {
			return []func() (Handle[stocked], error){s.Alloc}
		},
		"cache": func(s *Slab[stocked]) []func() (Handle[stocked], error) {
			return []func() (Handle[stocked], error){s.Cache().Alloc}
		},
		"both": func(s *Slab[stocked]) []func() (Handle[stocked], error) {
			return []func() (Handle[stocked], error){s.Alloc, s.Cache().Alloc, s.Cache().Alloc}
		},
	} {
		t.Run(name, func(t *testing.T) {
			s, owner := freedByOne(t, n)
			seen := map[uint32]bool{}
			take := func(alloc func() (Handle[stocked], error)) bool {
				h, err := alloc()
				if errors.Is(err, ErrFull) {
					return false
				}
				if err != nil || seen[slots.Index(h.Bits)] {
					t.Fatalf("slot %d twice, or %v", slots.Index(h.Bits), err)
				}
				seen[slots.Index(h.Bits)] = true
				if len(seen)%1000 == 0 {
					adds(t, s, len(seen))
				}
				return true
			}
			for left := allocs(s); len(left) > 0; {
				if i := len(seen) % len(left); !take(left[i]) {
					left = append(left[:i:i], left[i+1:]...)
				}
			}
			if st := adds(t, s, len(seen)); st.Free != 0 || len(seen) != n-st.Cached || st.Cached > magazineSize {
				t.Fatalf("full with %d objects of %d: %+v", len(seen), n, st)
			}
			for take(owner.Alloc) {
			}
			if adds(t, s, n); len(seen) != n {
				t.Fatalf("full with %d objects of %d", len(seen), n)
			}
		})
	}
}

func TestACacheFindsItsOwnStock(t *testing.T) {
	const n = 3 * stockSize / 2
	s, c := freedByOne(t, n)
	seen := map[uint32]bool{}
	for range n {
		h, err := c.Alloc()
		if err != nil || seen[slots.Index(h.Bits)] {
			t.Fatalf("object %d: %v", len(seen), err)
		}
		seen[slots.Index(h.Bits)] = true
	}
	if _, err := c.Alloc(); !errors.Is(err, ErrFull) {
		t.Fatalf("object %d of %d: %v", n+1, n, err)
	}
	adds(t, s, n)
}

func TestTrimGivesBackWhatIsInStock(t *testing.T) {
	const n = 3 * stockSize / 2
	s, _ := freedByOne(t, n)
	size := int(s.core.size)
	bytes, err := s.Trim()
	if err != nil || bytes < (n-magazineSize)*size-4*s.Mapping().PageSize() {
		t.Fatalf("%d bytes of %d given back (%v)", bytes, n*size, err)
	}
	adds(t, s, 0)
}

func TestACacheThatIsClosedGivesItsStockBack(t *testing.T) {
	const n = 3 * stockSize / 2
	s, c := freedByOne(t, n)
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	if st := adds(t, s, 0); st.Free != n {
		t.Fatalf("%+v", st)
	}
	for i := range n {
		if _, err := s.Alloc(); err != nil {
			t.Fatalf("object %d: %v", i, err)
		}
	}
}

// Between the look at a magazine that is empty and its refill others may have put slots there.
func TestARefillThatComesLateLosesNothing(t *testing.T) {
	const n = 3 * stockSize / 2
	for _, already := range []uint64{0, 1, magazineSize / 2, magazineSize/2 + 1, 100, magazineSize - 1, magazineSize} {
		s, c := freedByOne(t, n)
		for c.k.n != already {
			if c.k.n > already {
				h, err := c.Alloc()
				if err != nil {
					t.Fatal(err)
				}
				_ = s.Free(h) // into a shard
			} else if err := s.core.refill(c.k, nil); err != nil || c.k.n == 0 {
				t.Fatal(err)
			}
		}
		before := len(c.k.stock) + int(c.k.n)
		if err := s.core.refill(c.k, nil); err != nil {
			t.Fatal(err)
		}
		if after := len(c.k.stock) + int(c.k.n); after != before || c.k.n > magazineSize {
			t.Fatalf("a magazine with %d slots: %d with the stock before, %d after, %d in the magazine", already, before, after, c.k.n)
		}
		if err := c.Close(); err != nil {
			t.Fatal(err)
		}
		if st := adds(t, s, 0); st.Free != n {
			t.Fatalf("a magazine with %d slots: %+v", already, st)
		}
	}
}

// A goroutine whose shard somebody holds takes another one, and where that happens again and again
// all goroutines get new ones.
func TestGoroutinesThatMeetAreSpread(t *testing.T) {
	s, err := New[stocked](1000)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	p := &s.core.pool
	held := p.pick()
	if other := p.pick(); other == held {
		t.Fatal("two have one shard")
	} else {
		other.unlock()
	}
	h, err := s.Alloc() // beside the one who holds the shard
	if err != nil || s.Free(h) != nil {
		t.Fatal(err)
	}
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
	s, err := New[stocked](n)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	var stop atomic.Bool
	var workers, spreader sync.WaitGroup
	spreader.Add(1)
	go func() {
		defer spreader.Done()
		for !stop.Load() {
			p := &s.core.pool
			p.clashes.Store(clashLimit - 1)
			p.pick().unlock()
		}
	}()
	for range goroutines {
		workers.Add(1)
		go func() {
			defer workers.Done()
			var mine [n / goroutines]Handle[stocked]
			for range 200 {
				for i := range mine {
					var err error
					if mine[i], err = s.Alloc(); err != nil {
						t.Error(err)
						return
					}
				}
				for _, h := range mine {
					if err := s.Free(h); err != nil {
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
	adds(t, s, 0)
	for i := range n {
		if _, err := s.Alloc(); err != nil {
			t.Fatalf("object %d: %v", i, err)
		}
	}
	if _, err := s.Alloc(); !errors.Is(err, ErrFull) {
		t.Fatal(err)
	}
}
