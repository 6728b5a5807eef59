package slab

import (
	"errors"
	"fmt"
	"runtime"
	"sync/atomic"
	"testing"
	"unsafe"

	"github.com/typedmem/typedmem"
)

type guarded struct{ A [8]uint64 }

func guardedSlab(t *testing.T, capacity int) *Slab[guarded] {
	t.Helper()
	s, err := With[guarded](capacity, Config{GuardEvery: 1})
	if errors.Is(err, errors.ErrUnsupported) {
		t.Skip("no guard slots on this system: ", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// What All yields and a handle reaches has its bytes: between the steps of an Insert a guard slot
// holds those of its last owner.
func TestAnObjectInAGuardSlotIsThereWhenItsBytesAre(t *testing.T) {
	s := guardedSlab(t, 100)
	defer s.Close()
	for range 2 * guardSlots { // each guard slot twice, as memory of a last owner
		popped, err := s.core.pool.Allocate()
		if err != nil {
			t.Fatal(err)
		}
		g := s.core.guards.take(popped)
		if g == nil || !s.core.guards.has(g.handle) {
			t.Fatalf("%+v is no guard slot", g)
		}
		h := Handle[guarded]{g.handle}
		none := func() {
			t.Helper()
			for range s.All() {
				t.Fatal("All yields an object that is not made yet")
			}
			if _, err := s.Load(h); !errors.Is(err, ErrStale) || s.Has(h) {
				t.Fatalf("Load of an object that is not made yet: %v", err)
			}
			if err := s.Free(h); !errors.Is(err, ErrStale) {
				t.Fatalf("Free of an object that is not made yet: %v", err)
			}
			if leaks := s.Leaks(); len(leaks) != 0 {
				t.Fatalf("%+v", leaks)
			}
		}
		none()
		(*guarded)(g.p).A[7] = g.handle
		none()
		s.core.guards.finish(g, true)
		if x, err := s.Load(h); err != nil || x.A[7] != h.Bits {
			t.Fatalf("%v, %v", x, err)
		}
		n := 0
		for other, q := range s.All() {
			if n++; other != h || unsafe.Pointer(q) != g.p {
				t.Fatalf("All yields %#x at %p", other.Bits, q)
			}
		}
		if n != 1 {
			t.Fatalf("All yields %d objects", n)
		}
		if err := s.Free(h); err != nil {
			t.Fatal(err)
		}
	}
}

// Freeing every object that All yields never frees one that an Insert is still writing.
func TestInsertIntoGuardSlotsBesideAll(t *testing.T) {
	type large [1 << 13]uint64
	s, err := With[large](64, Config{GuardEvery: 1})
	if errors.Is(err, errors.ErrUnsupported) {
		t.Skip("no guard slots on this system: ", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	x := new(large)
	for i := range x {
		x[i] = 7
	}
	var stop atomic.Bool
	done := make(chan bool)
	go func() {
		defer close(done)
		for !stop.Load() {
			for h := range s.All() {
				if y, err := s.Load(h); err != nil || y != *x {
					t.Errorf("a part of an object, or %v", err)
				}
				if err := s.Free(h); err != nil {
					t.Error(err)
				}
			}
		}
	}()
	for range 2000 {
		err := typedmem.Guard(func() error {
			_, err := s.Insert(*x)
			return err
		})
		if err != nil && !errors.Is(err, ErrFull) {
			t.Error(err)
			break
		}
	}
	stop.Store(true)
	<-done
}

// The collector does not take the memory of a guard slot while somebody has an address in it.
func TestAnAddressInAGuardSlotStaysGood(t *testing.T) {
	for name, address := range map[string]func(*Slab[guarded], Handle[guarded]) *guarded{
		"Ptr": func(s *Slab[guarded], h Handle[guarded]) *guarded {
			p, err := s.Ptr(h)
			if err != nil {
				t.Fatal(err)
			}
			return p
		},
	} {
		gone := make(chan bool)
		p := func() *guarded {
			s := guardedSlab(t, 100)
			h, err := s.Insert(guarded{A: [8]uint64{5}})
			if err != nil {
				t.Fatal(err)
			}
			runtime.AddCleanup(s.core.guards.slots[1].m, func(gone chan bool) { close(gone) }, gone)
			return address(s, h)
		}()
		for collected := false; !collected; {
			runtime.GC()
			select {
			case <-gone:
				collected = true
			default:
			}
		}
		for range 6 { // what a cleanup lets go is found by the next collection
			runtime.GC()
			runtime.Gosched()
		}
		if err := typedmem.Guard(func() error {
			if p.A[0] != 5 {
				t.Errorf("%s: the object is %v", name, *p)
			}
			return nil
		}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// What guard slots cost the objects that are not in one: no GuardEvery, and one that is never
// reached.
func BenchmarkGuardEvery(b *testing.B) {
	for _, every := range []int{0, 1 << 30} {
		s, err := With[guarded](1000, Config{GuardEvery: every})
		if err != nil {
			b.Skip(err)
		}
		c := s.Cache()
		b.Run(fmt.Sprintf("slab/%d", every), func(b *testing.B) {
			for range b.N {
				h, _ := s.Alloc()
				_ = s.Free(h)
			}
		})
		b.Run(fmt.Sprintf("cache/%d", every), func(b *testing.B) {
			for range b.N {
				h, _ := c.Alloc()
				_ = c.Free(h)
			}
		})
		h, _ := s.Alloc()
		b.Run(fmt.Sprintf("load/%d", every), func(b *testing.B) {
			for range b.N {
				_, _ = s.Load(h)
			}
		})
		b.Run(fmt.Sprintf("slab, parallel/%d", every), func(b *testing.B) {
			b.RunParallel(func(p *testing.PB) {
				for p.Next() {
					h, _ := s.Alloc()
					_ = s.Free(h)
				}
			})
		})
		if err := s.Close(); err != nil {
			b.Error(err)
		}
	}
}
