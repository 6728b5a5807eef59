package slab

import (
	"math/rand/v2"
	"runtime"
	"testing"

	"github.com/typedmem/typedmem/internal/slots"
)

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
	size, page := int(s.core.size), s.Mapping().PageSize()
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
	for i := range len(kept) * (perPage - 2) {
		h, err := s.Alloc()
		if err != nil {
			t.Fatal(err)
		}
		if at := int(slots.Index(h.Bits)) * size / page; !resident[at] {
			t.Fatalf("object %d of %d is in page %d, which was given back", i, len(kept)*(perPage-2), at)
		}
	}
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
	for i := 0; i < n; i += s.core.blockSlots() {
		if _, idle := s.core.idleBlock(uintptr(i)); !idle {
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

// The lists hold what was put into them, whatever the order and with Trim between; counts, queues
// and the numbers that All reads agree.
func TestTheListsOfFreeSlotsAgree(t *testing.T) {
	for seed := range uint64(6) {
		r := rand.New(rand.NewPCG(seed, 1))
		s, err := New[stocked](20000 + r.IntN(20000))
		if err != nil {
			t.Fatal(err)
		}
		var live []Handle[stocked]
		for range 200 {
			switch n := r.IntN(3000); r.IntN(5) {
			case 0, 1:
				for range n {
					if h, err := s.Alloc(); err == nil {
						live = append(live, h)
					}
				}
			case 2, 3:
				r.Shuffle(len(live), func(i, j int) { live[i], live[j] = live[j], live[i] })
				for range min(n, len(live)) {
					if err := s.Free(live[len(live)-1]); err != nil {
						t.Fatal(err)
					}
					live = live[:len(live)-1]
				}
			default:
				if _, err := s.Trim(); err != nil {
					t.Fatal(err)
				}
			}
			checkLists(t, s.core)
			if n := s.allCount(); n != len(live) || s.Len() != n {
				t.Fatalf("All yields %d, Len is %d, %d live", n, s.Len(), len(live))
			}
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

func checkLists(t *testing.T, c *core) {
	t.Helper()
	p := &c.pool
	p.mu.Lock()
	defer p.mu.Unlock()
	total := 0
	for n := range (int(c.n) + c.blockSlots() - 1) >> c.blockShift {
		b := c.blockAt(n)
		if b == nil {
			continue
		}
		at := &b.lists[freeSlots]
		count := 0
		for slot := at.head; slot != 0 && count < int(at.count); count++ {
			word := slots.Load(slots.WordAt(c.words, uintptr(slot-1)))
			if slots.IsLive(word) || int(slot-1)>>c.blockShift != n {
				t.Fatalf("block %d: slot %d in its list is %x", n, slot-1, word)
			}
			if count == int(at.count)-1 && slot != at.tail {
				t.Fatalf("block %d: the list ends with slot %d, not %d", n, slot-1, int(at.tail)-1)
			}
			slot = uint32(word)
		}
		total += count
		queue := b.links[freeSlots].queue
		if count != int(at.count) || b.idle.Load() != at.count || b.cold > at.count ||
			(queue == nil) != (count == 0) || count > 0 && (queue == &p.free.cold) != (at.count == b.cold) {
			t.Fatalf("block %d: %d slots of %+v, idle %d, cold %d", n, count, at, b.idle.Load(), b.cold)
		}
	}
	if total != p.free.count {
		t.Fatalf("%d slots in the lists, counted are %d", total, p.free.count)
	}
}
