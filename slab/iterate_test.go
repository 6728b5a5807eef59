package slab

import (
	"errors"
	"runtime"
	"slices"
	"sync"
	"testing"

	"github.com/typedmem/typedmem/internal/sys"
)

// A slab that nobody closes is released with the last reference to it, though it was ranged over:
// nothing of it is raw memory that may still be in use. What Ptr lent keeps it.
func TestRangingKeepsNoSlab(t *testing.T) {
	visits := map[string]func(*Slab[stocked]){
		"handles": func(s *Slab[stocked]) {
			for range s.All() {
				continue
			}
		},
		"values": func(s *Slab[stocked]) {
			for range s.Values() {
				continue
			}
		},
		"an update": func(s *Slab[stocked]) {
			for h := range s.All() {
				if err := s.Update(h, func(x *stocked) { *x = stocked{} }); err != nil {
					t.Fatal(err)
				}
			}
		},
		"ptr": func(s *Slab[stocked]) {
			for h := range s.All() {
				if _, err := s.Ptr(h); err != nil {
					t.Fatal(err)
				}
			}
		},
	}
	released := watchReleases(t)
	for kind, cfg := range map[string]Config{"plain": {}, "debug": {Debug: true}, "guards": {GuardEvery: 2}} {
		for name, visit := range visits {
			var addrs []uintptr
			s, err := With[stocked](1000, cfg)
			if errors.Is(err, errors.ErrUnsupported) {
				continue
			}
			if err != nil {
				t.Fatal(err)
			}
			for range 10 {
				if _, err := s.Alloc(); err != nil {
					t.Fatal(err)
				}
			}
			visit(s)
			for _, m := range s.core.mappings() {
				addrs = append(addrs, m.Addr())
			}
			released.forget()
			s = nil
			left := len(addrs)
			for try := 0; try < 50 && left > 0; try++ {
				runtime.GC()
				runtime.Gosched() // cleanups run after the collection that finds them
				left = released.without(addrs)
			}
			if lent := name == "ptr"; lent != (left > 0) {
				t.Errorf("%s, %s: %d of %d mappings are kept", kind, name, left, len(addrs))
			}
		}
	}
}

// releases are the ranges of addresses that were released. What lies at an address afterwards does
// not tell: the Go runtime and that of the race detector map memory too, and get freed addresses.
type releases struct {
	mu     sync.Mutex
	ranges []sys.Call
}

func watchReleases(t *testing.T) *releases {
	r := new(releases)
	t.Cleanup(sys.Interpose(func(c sys.Call) error {
		if c.Op == sys.OpRelease {
			r.mu.Lock()
			defer r.mu.Unlock()
			r.ranges = append(r.ranges, c)
		}
		return nil
	}))
	return r
}

// forget clears the list: addresses may be reused.
func (r *releases) forget() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ranges = nil
}

// without counts the addresses that were not released.
func (r *releases) without(addrs []uintptr) (n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, addr := range addrs {
		if !slices.ContainsFunc(r.ranges, func(c sys.Call) bool { return addr-c.Addr < uintptr(c.Len) }) {
			n++
		}
	}
	return n
}
