package slab_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/typedmem/typedmem"
	"github.com/typedmem/typedmem/slab"
)

func carefulSlab(t *testing.T, capacity int, c slab.Config) *slab.Slab[rec] {
	s, err := slab.With[rec](capacity, c)
	if errors.Is(err, errors.ErrUnsupported) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

//go:noinline
func allocateHere(s *slab.Slab[rec]) (slab.Handle[rec], error) { return s.Alloc() }

//go:noinline
func freeHere(s *slab.Slab[rec], h slab.Handle[rec]) error { return s.Free(h) }

func TestDebugFindsAWriteAfterFree(t *testing.T) {
	for _, cached := range []bool{false, true} {
		s := carefulSlab(t, 4, slab.Config{Debug: true})
		h := must[slab.Handle[rec]](t)(allocateHere(s))
		p := must[*rec](t)(s.Ptr(h))
		if err := freeHere(s, h); err != nil {
			t.Fatal(err)
		}
		p.B = 1
		alloc := s.Alloc
		if cached {
			alloc = s.Cache().Alloc
		}
		var found *slab.MisuseError
		for range 4 {
			if _, err := alloc(); err != nil && !errors.As(err, &found) {
				t.Fatal(err)
			}
		}
		if found == nil || found.Handle != h.Uint64() || found.Offset != 8+0 && found.Offset != 8+1 ||
			!strings.Contains(found.Alloc, "allocateHere") || !strings.Contains(found.Free, "freeHere") {
			t.Fatalf("%v", found)
		}
		is(t, found, typedmem.ErrCorrupt)
		if st := s.Stats(); st.Retired != 1 || st.Live != 3 {
			t.Fatalf("%+v", st)
		}
	}
}

func TestDebugChangesNothingElse(t *testing.T) {
	for _, c := range []slab.Config{{Debug: true}, {GuardEvery: 1}, {GuardEvery: 3}, {Debug: true, GuardEvery: 2}} {
		s := carefulSlab(t, 100, c)
		for range 5 {
			want := map[slab.Handle[rec]]rec{}
			for i := range 100 {
				x := rec{uint64(i), 2}
				h, err := s.Insert(x)
				if err != nil {
					t.Fatalf("%+v: object %d: %v", c, i, err)
				}
				want[h] = x
			}
			_, err := s.Alloc()
			is(t, err, slab.ErrFull)
			holds(t, s, want)
			for h := range want {
				if err := s.Store(h, rec{7, 7}); err != nil {
					t.Fatal(err)
				}
				if p := must[*rec](t)(s.Ptr(h)); p.A != 7 || !s.Has(h) {
					t.Fatal(*p)
				}
				refused(t, s, slab.HandleFrom[rec](h.Uint64()^1<<32))
				if err := s.Free(h); err != nil {
					t.Fatal(err)
				}
				refused(t, s, h)
			}
			if s.Len() != 0 {
				t.Fatalf("Len %d", s.Len())
			}
		}
	}
}

func TestLeaksAreListedByPlace(t *testing.T) {
	s := carefulSlab(t, 100, slab.Config{Debug: true})
	var here []slab.Handle[rec]
	for range 5 {
		here = append(here, must[slab.Handle[rec]](t)(allocateHere(s)))
	}
	there := must[slab.Handle[rec]](t)(s.Alloc())
	gone := must[slab.Handle[rec]](t)(s.Alloc())
	if err := s.Free(gone); err != nil {
		t.Fatal(err)
	}
	leaks := s.Leaks()
	if len(leaks) != 2 || len(leaks[0].Handles) != 5 || leaks[0].Bytes != 80 || !strings.Contains(leaks[0].Stack, "allocateHere") {
		t.Fatalf("%+v", leaks)
	}
	for i, h := range leaks[0].Handles {
		if h != here[i] {
			t.Fatalf("%+v", leaks[0])
		}
	}
	if len(leaks[1].Handles) != 1 || leaks[1].Handles[0] != there || !strings.Contains(leaks[1].Stack, "TestLeaksAreListedByPlace") {
		t.Fatalf("%+v", leaks[1])
	}
}

func TestGuardSlotsFaultOnMisuse(t *testing.T) {
	s := carefulSlab(t, 100, slab.Config{GuardEvery: 1})
	h := must[slab.Handle[rec]](t)(allocateHere(s))
	p := must[*rec](t)(s.Ptr(h))
	p.A = 5
	if err := freeHere(s, h); err != nil {
		t.Fatal(err)
	}
	var fault *typedmem.FaultError
	err := func() (err error) {
		defer func() {
			if r := recover(); r != nil {
				t.Skip("the fault came without its address, as under qemu on some machines: ", r)
			}
		}()
		return typedmem.Guard(func() error { p.A = 6; return nil })
	}()
	if !errors.As(err, &fault) {
		t.Fatalf("a write after free: %v", err)
	}
	if fault.Addr != 0 {
		if text := s.Explain(fault.Addr); !strings.Contains(text, "allocateHere") || !strings.Contains(text, "freeHere") {
			t.Fatalf("%#x: %s", fault.Addr, text)
		}
	}
	if s.Len() != 0 {
		t.Fatalf("Len %d", s.Len())
	}
}

func TestStatsAddUp(t *testing.T) {
	s := newSlab[rec](t, 1000)
	c := s.Cache()
	var all []slab.Handle[rec]
	for i := range 500 {
		insert := s.Insert
		if i%2 == 0 {
			insert = c.Insert
		}
		all = append(all, must[slab.Handle[rec]](t)(insert(rec{})))
	}
	for i, h := range all[:200] {
		free := s.Free
		if i%3 == 0 {
			free = c.Free
		}
		if err := free(h); err != nil {
			t.Fatal(err)
		}
	}
	st := s.Stats()
	if st.Live != 300 || st.Allocs != 500 || st.Frees != 200 || st.Live+st.Free+st.Cached+st.Waiting+st.Retired != 1000 || st.Committed == 0 {
		t.Fatalf("%+v", st)
	}
}
