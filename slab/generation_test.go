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
	c := s.core
	c.pool.mu.Lock()
	defer c.pool.mu.Unlock()
	c.gather()
	if c.file != nil {
		if err := c.flushWaiting(); err != nil {
			t.Fatal(err)
		}
	}
	if c.blockAt(0).lists[freeSlots].head != 1 {
		t.Fatalf("the free list begins with slot %d", c.blockAt(0).lists[freeSlots].head)
	}
	h := c.shift(&c.pool.free)
	g := uint32(slots.LastLive) - 2*(objects-1)
	if c.file != nil {
		c.file.record(c, slots.Index(h), g-1)
	}
	c.push(&c.pool.free, uint64(g)<<32|uint64(slots.Index(h)))
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
				c.k.limit = 1 // a slab of one slot allows a cache none
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
