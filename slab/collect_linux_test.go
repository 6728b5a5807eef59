package slab

import (
	"errors"
	"runtime"
	"testing"

	"github.com/typedmem/typedmem"
)

// A slab that nobody closes goes with the last reference to it, though it was ranged over: nothing
// of it is raw memory that may still be in use. What Ptr lent keeps it.
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
	for kind, cfg := range map[string]Config{"plain": {}, "debug": {Debug: true}, "guards": {GuardEvery: 2}} {
		for name, visit := range visits {
			attempts := 5 // something else may lie at a freed address
		again:
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
			s = nil
			left := len(addrs)
			for try := 0; try < 50 && left > 0; try++ {
				runtime.GC()
				runtime.Gosched() // cleanups run after the collection that finds them
				left = 0
				for _, addr := range addrs {
					if _, mapped, err := typedmem.AreaAt(typedmem.Self, addr); err != nil || mapped {
						left++
					}
				}
			}
			if attempts--; name != "ptr" && left > 0 && attempts > 0 {
				goto again
			}
			if lent := name == "ptr"; lent != (left > 0) {
				t.Errorf("%s, %s: %d of %d mappings are kept", kind, name, left, len(addrs))
			}
		}
	}
}
