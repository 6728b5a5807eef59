package slab_test

import (
	"errors"
	"math/rand/v2"

	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/typedmem/typedmem/internal/testkit"
	"github.com/typedmem/typedmem/slab"
)

// filled is an object whose words all say the same, if they are those of one writer.
type filled [32]uint64

func fill(x uint64) (f filled) {
	for i := range f {
		f[i] = x
	}
	return f
}

func (f *filled) whole() bool {
	for _, x := range f {
		if x != f[0] {
			return false
		}
	}
	return true
}

// rounds is how often a test tries to catch two goroutines at the wrong moment.
func rounds(n int) int {
	if testing.Short() || raceBuild {
		return n / 20
	}
	return n
}

// One goroutine loads through a handle while another frees the object and the slot gets its next
// owner.
func TestALoadNeverShowsTheNextOwner(t *testing.T) {
	s := newSlab[filled](t, 2)
	var current, number atomic.Uint64
	var stop atomic.Bool
	var wg sync.WaitGroup
	wg.Add(1)
	go func() {
		defer wg.Done()
		for !stop.Load() {
			n := number.Load()
			h := slab.HandleFrom[filled](current.Load())
			if n != number.Load() || n == 0 {
				continue
			}
			x, err := s.Load(h)
			if errors.Is(err, slab.ErrStale) {
				continue
			}
			if err != nil || !x.whole() || x[0] != n {
				t.Errorf("object %d shows %v (%v)", n, x, err)
				return
			}
		}
	}()
	for n := uint64(1); n < uint64(rounds(2_000_000)); n++ {
		number.Store(0)
		h, err := s.Insert(fill(n))
		if err != nil {
			t.Fatal(err)
		}
		current.Store(h.Uint64())
		number.Store(n)
		if n%16 == 0 {
			runtime.Gosched()
		}
		if err := s.Free(h); err != nil {
			t.Fatal(err)
		}
	}
	stop.Store(true)
	wg.Wait()
}

// One goroutine stores through a handle while another frees the object; what the next owner put
// there stays.
func TestAStoreNeverHitsTheNextOwner(t *testing.T) {
	s := newSlab[filled](t, 1)
	var current atomic.Uint64
	var stop atomic.Bool
	var wg sync.WaitGroup
	wg.Add(1)
	go func() {
		defer wg.Done()
		for !stop.Load() {
			if err := s.Store(slab.HandleFrom[filled](current.Load()), fill(^uint64(0))); err != nil && !errors.Is(err, slab.ErrStale) {
				t.Error(err)
				return
			}
		}
	}()
	for n := uint64(1); n < uint64(rounds(1_000_000)); n++ {
		h, err := s.Insert(fill(n))
		if err != nil {
			t.Fatal(err)
		}
		current.Store(h.Uint64())
		runtime.Gosched()
		if err := s.Free(h); err != nil {
			t.Fatal(err)
		}
		h, err = s.Insert(fill(n)) // nobody knows this one's handle
		if err != nil {
			t.Fatal(err)
		}
		p, err := s.Ptr(h)
		if err != nil {
			t.Fatal(err)
		}
		for range 4 {
			if !p.whole() || p[0] != n {
				t.Fatalf("object %d has become %v", n, *p)
			}
		}
		if err := s.Free(h); err != nil {
			t.Fatal(err)
		}
	}
	stop.Store(true)
	wg.Wait()
}

// A Load beside Stores of the same object gives one of the values, whole.
func TestALoadIsWhole(t *testing.T) {
	s := newSlab[filled](t, 1)
	h := testkit.Must(s.Alloc())(t)
	var stop atomic.Bool
	var wg sync.WaitGroup
	wg.Add(1)
	go func() {
		defer wg.Done()
		for n := uint64(1); !stop.Load(); n++ {
			if err := s.Store(h, fill(n)); err != nil {
				t.Error(err)
				return
			}
		}
	}()
	for range rounds(1_000_000) {
		if x, err := s.Load(h); err != nil || !x.whole() {
			t.Fatalf("%v (%v)", x, err)
		}
	}
	stop.Store(true)
	wg.Wait()
}

// Objects that live through an iteration are yielded, no matter what other goroutines do.
func TestAllSeesWhatLivesThroughIt(t *testing.T) {
	s := newSlab[rec](t, 4000)
	steady := map[slab.Handle[rec]]bool{}
	for i := range 2000 {
		h := testkit.Must(s.Insert(rec{uint64(i), 1}))(t)
		if i%2 == 0 {
			steady[h] = true
		} else if err := s.Free(h); err != nil {
			t.Fatal(err)
		}
	}
	var stop atomic.Bool
	var wg sync.WaitGroup
	for g := range 2 {
		wg.Add(1)
		go func() {
			defer wg.Done()
			c := s.Cache()
			defer c.Close()
			var mine []slab.Handle[rec]
			r := rand.New(rand.NewPCG(1, uint64(g)))
			for !stop.Load() {
				if r.IntN(2) == 0 && len(mine) < 900 {
					if h, err := c.Alloc(); err == nil {
						mine = append(mine, h)
					}
				} else if n := len(mine); n > 0 {
					if err := s.Free(mine[n-1]); err != nil {
						t.Error(err)
						return
					}
					mine = mine[:n-1]
				}
			}
		}()
	}
	for range 100 {
		seen := map[slab.Handle[rec]]bool{}
		for h := range s.All() {
			if seen[h] {
				t.Fatalf("%x twice", h.Uint64())
			}
			seen[h] = true
		}
		for h := range steady {
			if !seen[h] {
				t.Fatalf("%x was not yielded", h.Uint64())
			}
		}
	}
	stop.Store(true)
	wg.Wait()
}

func TestAllAllowsFreeInItsBody(t *testing.T) {
	s := newSlab[rec](t, 500)
	for i := range 500 {
		testkit.Must(s.Insert(rec{uint64(i), 0}))(t)
	}
	n := 0
	for h, p := range s.All() {
		if p.A%2 == 0 {
			if err := s.Free(h); err != nil {
				t.Fatal(err)
			}
		}
		n++
	}
	if n != 500 || s.Len() != 250 {
		t.Fatalf("%d objects seen, %d left", n, s.Len())
	}
}
