package slab

import (
	"runtime"
	"testing"

	"github.com/typedmem/typedmem/internal/slots"
	"github.com/typedmem/typedmem/internal/testkit"
)

type stocked [32]uint64

// peak makes n objects and frees all but those that keep says.
func peak(t testing.TB, s *Slab[stocked], n int, keep func(i int) bool) (kept []Handle[stocked]) {
	t.Helper()
	var all []Handle[stocked]
	for range n {
		h, err := s.Alloc()
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, h)
	}
	for i, h := range all {
		if keep(i) {
			kept = append(kept, h)
		} else if err := s.Free(h); err != nil {
			t.Fatal(err)
		}
	}
	return kept
}

// After a Trim in which pages stayed, slots with memory behind them are used first.
func TestInsertsAfterTrimUseResidentSlots(t *testing.T) {
	const n = 1 << 16
	s, err := New[stocked](n)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	size, page := int(s.core.pool.Size), s.Mapping().PageSize()
	perPage := page / size
	kept := peak(t, s, n, func(i int) bool { return i%(64*perPage) == 5 })
	if bytes, err := s.Trim(); err != nil || bytes == 0 {
		t.Skipf("nothing is given back here: %d bytes (%v)", bytes, err)
	}
	resident := map[int]bool{}
	for _, h := range kept {
		resident[int(slots.Index(h.Bits))*size/page] = true
	}
	// Each kept object leaves the other slots of its page, whole ones at the least.
	// The slots come by a cache: a goroutine changes to another shard when its stack moves.
	c := s.Cache()
	for i := range len(kept) * (perPage - 2) {
		h, err := c.Alloc()
		if err != nil {
			t.Fatal(err)
		}
		if at := int(slots.Index(h.Bits)) * size / page; !resident[at] {
			t.Fatalf("object %d of %d is in page %d, which was given back", i, len(kept)*(perPage-2), at)
		}
	}
	testkit.Check(t, c.Close())
	for len(kept) < n && s.Len() < n {
		if _, err := s.Alloc(); err != nil {
			t.Fatalf("%d objects: %v", s.Len(), err)
		}
	}
}

// Trim needs little memory of its own, and All passes over what nobody uses.
func TestAPeakCostsLittleAfterwards(t *testing.T) {
	const n = 1 << 18
	s, err := New[stocked](n)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	kept := peak(t, s, n, func(i int) bool { return i == n/2 })
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	if _, err := s.Trim(); err != nil {
		t.Fatal(err)
	}
	runtime.ReadMemStats(&after)
	if bytes := after.TotalAlloc - before.TotalAlloc; bytes > n/2 {
		t.Errorf("Trim allocates %d bytes for %d slots", bytes, n)
	}
	lookedAt := 0
	for i := uintptr(0); i < n; {
		size, idle := s.core.pool.IdleBlock(i)
		if i += size; !idle {
			lookedAt++
		}
	}
	if lookedAt > 1 {
		t.Errorf("All looks at %d blocks for one object", lookedAt)
	}
	for h := range s.All() {
		if h != kept[0] {
			t.Errorf("%v", h)
		}
	}
	if s.allCount() != 1 {
		t.Error("the object was passed over")
	}
}

// What Trim needs does not grow with the number of slots, however small they are.
func TestTrimOfSmallObjectsNeedsLittleMemory(t *testing.T) {
	const n = 1 << 20
	s, err := New[uint64](n)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	all := make([]Handle[uint64], n)
	for i := range all {
		if all[i], err = s.Alloc(); err != nil {
			t.Fatal(err)
		}
	}
	for _, h := range all {
		if err := s.Free(h); err != nil {
			t.Fatal(err)
		}
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	if _, err := s.Trim(); err != nil {
		t.Fatal(err)
	}
	runtime.ReadMemStats(&after)
	if bytes := after.TotalAlloc - before.TotalAlloc; bytes > 128<<10 {
		t.Errorf("Trim allocates %d bytes for %d slots", bytes, n)
	}
}
