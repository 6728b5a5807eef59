package slab

import (
	"errors"
	"math"
	"os"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/typedmem/typedmem"
	"github.com/typedmem/typedmem/internal/slots"
	"github.com/typedmem/typedmem/options"
)

// A closed reader returns ErrClosed, also for slots that the writer has not come to use.
func TestAClosedReaderFollowsNobody(t *testing.T) {
	path := t.TempDir() + "/s"
	w, err := Create[uint64](path, 100_000)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	r, err := Open[uint64](path)
	if err != nil {
		t.Fatal(err)
	}
	far := HandleFrom[uint64](5<<32 | 99_999)
	if _, err := r.Load(far); !errors.Is(err, ErrStale) {
		t.Fatal(err)
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Load(far); !errors.Is(err, typedmem.ErrClosed) {
		t.Fatalf("load: %v", err)
	}
	if _, err := r.Ptr(far); !errors.Is(err, typedmem.ErrClosed) {
		t.Fatalf("ptr: %v", err)
	}
	if r.Has(far) || r.Len() != 0 {
		t.Fatal("a closed slab has objects")
	}
	for range r.All() {
		t.Fatal("a closed slab has objects")
	}
}

type large [4 << 20]byte

//go:noinline
func freeLast(s *Slab[large], h Handle[large], about *atomic.Bool) error {
	c := s.Cache()
	about.Store(true)
	return c.Free(h)
}

// A Cache whose last use has begun, and waits for a Store, is not closed under it by the collector:
// the slot would be lost.
func TestACacheLivesThroughItsLastUse(t *testing.T) {
	s, err := New[large](4)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	h, err := s.Alloc()
	if err != nil {
		t.Fatal(err)
	}
	w := slots.WordAt(s.words, uintptr(slots.Index(h.Bits)))
	atomic.StoreUint64(w, *w|slots.Busy)
	var about atomic.Bool
	done := make(chan error)
	go func() { done <- freeLast(s, h, &about) }()
	for !about.Load() {
		runtime.Gosched()
	}
	for range 5 {
		runtime.GC()
		time.Sleep(2 * time.Millisecond)
	}
	atomic.StoreUint64(w, *w&^slots.Busy)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(20 * time.Second); s.Stats().Cached > 0; time.Sleep(time.Millisecond) {
		if runtime.GC(); time.Now().After(deadline) {
			t.Fatalf("the cache is not closed: %+v", s.Stats())
		}
	}
	for i := range 4 {
		if _, err := s.Alloc(); err != nil {
			t.Fatalf("object %d of 4: %v", i, err)
		}
	}
}

// A cache of a file finds the slots that it freed itself when there are no others.
func TestACacheUsesTheSlotsThatItFreed(t *testing.T) {
	s, err := Create[uint64](t.TempDir()+"/s", 1000)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	c := s.Cache()
	for round := range 3 {
		var all []Handle[uint64]
		for range 1000 {
			h, err := c.Insert(1)
			if err != nil {
				t.Fatalf("object %d: %v, %+v", len(all), err, s.Stats())
			}
			all = append(all, h)
		}
		for range 3 { // no call has found the slab full yet, after which caches keep nothing
			if err := c.Free(all[0]); err != nil {
				t.Fatal(err)
			}
			h, err := c.Insert(1)
			if err != nil {
				t.Fatalf("a slot that the cache freed, round %d: %v, %+v", round, err, s.Stats())
			}
			all[0] = h
		}
		if _, err := c.Alloc(); !errors.Is(err, ErrFull) {
			t.Fatal(err)
		}
		for _, h := range all {
			if err := c.Free(h); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// Memory is not committed for many more slots than there are live objects, though many keep what
// others made and they freed in stock.
func TestMemoryStaysNearWhatLives(t *testing.T) {
	s, err := New[stocked](1 << 17)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for range 12 {
		free := s.Cache().Free
		for range 64*slots.MagazineSize + slots.MagazineSize {
			h, err := s.Alloc()
			if err == nil {
				err = free(h)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	if st := s.Stats(); st.Committed > 4<<20 {
		t.Fatalf("%d bytes for one object: %+v", st.Committed, st)
	}
}

// Where no memory can be had for more slots, those that lie in stocks and shards serve.
func TestFreeSlotsServeWhereMemoryCannotGrow(t *testing.T) {
	f, err := os.Create(t.TempDir() + "/f")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := f.Truncate(256 << 10); err != nil {
		t.Fatal(err)
	}
	s, err := Map[[8]uint64](100_000, options.New(0).WithFile(f, 0))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	fill := func() (all []Handle[[8]uint64]) {
		for {
			h, err := s.Alloc()
			if errors.Is(err, typedmem.ErrTruncated) {
				return all
			}
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, h)
		}
	}
	all := fill()
	c := s.Cache()
	for _, h := range all {
		if err := c.Free(h); err != nil {
			t.Fatal(err)
		}
	}
	if again := fill(); len(again) < len(all)-slots.MagazineSize {
		t.Fatalf("%d objects, %d before: %+v", len(again), len(all), s.Stats())
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
}

// Objects that a shorter mapping has put out of reach do not come back as zeros when more are made.
func TestAShorterMappingIsNotGrownOverItsObjects(t *testing.T) {
	s, err := New[uint64](100_000)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	h, err := s.Insert(7)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Mapping().Resize(0); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Alloc(); !errors.Is(err, typedmem.ErrBounds) {
		t.Fatalf("alloc: %v", err)
	}
	used := s.core.pool.Used()
	if err := s.core.kind.Grow(used, used+1); !errors.Is(err, typedmem.ErrBounds) {
		t.Fatalf("grow: %v", err)
	}
	if x, err := s.Load(h); !errors.Is(err, typedmem.ErrBounds) {
		t.Fatalf("load: %d, %v", x, err)
	}
}

// The numbers of Stats stay in their bounds while a cache changes them.
func TestStatsNeverRunUnder(t *testing.T) {
	s, err := New[uint64](1000)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	var stop atomic.Bool
	done := make(chan error)
	go func() {
		c := s.Cache()
		defer c.Close()
		for !stop.Load() {
			h, err := c.Alloc()
			if err == nil {
				err = c.Free(h)
			}
			if err != nil {
				done <- err
				return
			}
		}
		done <- nil
	}()
	for end := time.Now().Add(200 * time.Millisecond); time.Now().Before(end); {
		if st := s.Stats(); st.Live < 0 || st.Live > 1 || st.Frees > math.MaxInt64 || st.Frees > st.Allocs {
			t.Errorf("%+v", st)
			break
		}
	}
	stop.Store(true)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}
