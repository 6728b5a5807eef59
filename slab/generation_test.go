package slab

import (
	"errors"
	"testing"

	"github.com/typedmem/typedmem/internal/slots"
)

// age sets the generation of slot 0, whose object has just been freed, so that so many objects are
// left.
func age[T any](t *testing.T, s *Slab[T], objects uint32) {
	t.Helper()
	h, err := s.core.pool.Allocate()
	if err != nil || slots.Index(h) != 0 {
		t.Fatalf("slot %d is the next one: %v", slots.Index(h), err)
	}
	g := uint32(slots.LastLive) - 2*(objects-1)
	if err := s.core.kind.Record(0, g-1); err != nil {
		t.Fatal(err)
	}
	s.core.pool.Cancel(uint64(g) << 32)
}

// A slot that has had the objects that its generation can count is never used again, also not after
// a reopen.
func TestExhaustedSlotsAreRetired(t *testing.T) {
	type T struct{ A uint64 }
	for _, kind := range []string{"memory", "cache", "file"} {
		t.Run(kind, func(t *testing.T) {
			path := t.TempDir() + "/s"
			var s *Slab[T]
			var err error
			if kind == "file" {
				s, err = Create[T](path, 1)
			} else {
				s, err = New[T](1)
			}
			if err != nil {
				t.Fatal(err)
			}
			h, err := s.Alloc()
			if err != nil || s.Free(h) != nil {
				t.Fatal(err)
			}
			const left = 1000
			age(t, s, left)
			alloc, free := s.Alloc, s.Free
			if kind == "cache" {
				c := s.Cache()
				c.k.Allow(1) // a slab of one slot allows a cache none
				alloc, free = c.Alloc, c.Free
			}
			seen := map[Handle[T]]bool{h: true}
			for i := range left {
				h, err := alloc()
				if err != nil || seen[h] {
					t.Fatalf("object %d of %d: %v", i, left, err)
				}
				seen[h] = true
				if err := free(h); err != nil {
					t.Fatal(err)
				}
				if kind == "file" && i%400 == 0 {
					if err := s.Close(); err != nil {
						t.Fatal(err)
					}
					if s, err = OpenMut[T](path); err != nil {
						t.Fatal(err)
					}
					alloc, free = s.Alloc, s.Free
				}
			}
			for range 3 {
				if h, err := alloc(); !errors.Is(err, ErrFull) {
					t.Fatalf("%x from a retired slot (%v)", h.Uint64(), err)
				}
				for h := range seen {
					if s.Has(h) {
						t.Fatalf("%x is back", h.Uint64())
					}
				}
				if st := s.Stats(); st.Retired != 1 || st.Live != 0 || st.Free != 0 || s.Cap() != 1 {
					t.Fatalf("%+v", st)
				}
				if kind == "file" {
					if err := s.Close(); err != nil {
						t.Fatal(err)
					}
					if s, err = OpenMut[T](path); err != nil {
						t.Fatal(err)
					}
					alloc = s.Alloc
				}
			}
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
		})
	}
}
