package typedmem

import (
	"math/rand/v2"
	"runtime"
	"testing"
	"time"

	"github.com/typedmem/typedmem/flags"
	"github.com/typedmem/typedmem/internal/mem"
)

// What was taken of a span, against a plain map of its bytes: pieces are clipped, in order, and
// joined where they touch, so that a range which is taken again and again is noted once.
func TestPiecesTaken(t *testing.T) {
	const base, size = 1000, 64
	for seed := range uint64(500) {
		r := rand.New(rand.NewPCG(seed, 1))
		s := &span{base: base, reserved: size}
		var taken [size]bool
		for range 1 + r.IntN(12) {
			from := base - 8 + r.IntN(size+16)
			to := from + r.IntN(12)
			s.markTaken([]addrRange{{uintptr(from), uintptr(to)}})
			for at := max(from, base); at < min(to, base+size); at++ {
				taken[at-base] = true
			}
		}
		check := func(s *span, taken []bool) {
			t.Helper()
			pieces := 0
			for i, is := range taken {
				if is && (i == 0 || !taken[i-1]) {
					pieces++
				}
			}
			if len(s.taken) != pieces {
				t.Fatalf("seed %d: noted %v, which are %d pieces", seed, s.taken, pieces)
			}
			from := r.IntN(s.reserved)
			n := r.IntN(s.reserved - from + 1)
			var ours [size]bool
			for addr, n := range s.own(from, n) {
				for at := addr; at < addr+uintptr(n); at++ {
					ours[at-s.base] = true
				}
			}
			for i, is := range taken {
				if want := !is && i >= from && i < from+n; ours[i] != want {
					t.Fatalf("seed %d: byte %d of [%d,%d) is ours: %v, noted %v", seed, i, from, from+n, ours[i], s.taken)
				}
			}
		}
		check(s, taken[:])
		cut := 1 + r.IntN(size-1)
		right := &span{base: base + uintptr(cut), reserved: size - cut}
		s.moveTail(cut, right)
		check(s, taken[:cut])
		check(right, taken[cut:])
	}
}

// Closed mappings whose addresses are kept have the collector run by their bytes too, not by their
// number alone.
func TestManyBytesHeldAreCollected(t *testing.T) {
	defer func(n uint64) { manyBytes = n }(manyBytes)
	const size = 1 << 20
	manyBytes = 4 * size
	forced := func() uint32 {
		var s runtime.MemStats
		runtime.ReadMemStats(&s)
		return s.NumForcedGC
	}
	began := forced()
	var limits []*mem.Limits // keep the addresses
	for range 64 {
		m, err := newMapped(mem.Request{Size: size, Protection: flags.Read | flags.Write})
		if err != nil {
			t.Fatal(err)
		}
		limits = append(limits, m.limitsNow())
		if err := m.Close(); err != nil {
			t.Fatal(err)
		}
	}
	for range 1000 {
		if forced() != began {
			runtime.KeepAlive(limits)
			return
		}
		time.Sleep(time.Millisecond)
	}
	t.Error("not collected")
}
