package slab_test

import (
	"errors"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/typedmem/typedmem/internal/testkit"
	"github.com/typedmem/typedmem/slab"
)

// Producers and consumers with Caches: what the consumers' caches hold never makes the producers'
// Inserts ErrFull, with few objects alive.
func TestCachesGiveBackBeforeErrFull(t *testing.T) {
	for _, capacity := range []int{500, 100} {
		s := newSlab[rec](t, capacity)
		const pairs, most = 8, 80
		each := rounds(20000)
		handles := make(chan slab.Handle[rec], most-2*pairs)
		var full atomic.Int64
		var producers, consumers sync.WaitGroup
		for range pairs {
			producers.Add(1)
			go func() {
				defer producers.Done()
				c := s.Cache()
				defer c.Close()
				for i := range each {
					h, err := c.Insert(rec{A: uint64(i)})
					if errors.Is(err, slab.ErrFull) {
						full.Add(1)
						continue
					}
					if err != nil {
						t.Error(err)
						return
					}
					handles <- h
				}
			}()
			consumers.Add(1)
			go func() {
				defer consumers.Done()
				c := s.Cache()
				defer c.Close()
				for h := range handles {
					if err := c.Free(h); err != nil {
						t.Error(err)
					}
				}
			}()
		}
		producers.Wait()
		close(handles)
		consumers.Wait()
		if n := full.Load(); n > 0 {
			t.Errorf("capacity %d: %d of %d Inserts are ErrFull", capacity, n, pairs*each)
		}
		if s.Len() != 0 || s.Stats().Free != capacity {
			t.Errorf("capacity %d: %+v", capacity, s.Stats())
		}
	}
}

// Caches whose goroutines do nothing hold an eighth of the slots at the most; one that is used
// gives all back once somebody has found the slab full.
func TestACacheKeepsLittleOfASmallSlab(t *testing.T) {
	const capacity = 400
	s := newSlab[rec](t, capacity)
	for _, caches := range []int{1, 3, 50} {
		var open []*slab.Cache[rec]
		var all []slab.Handle[rec]
		for range caches {
			open = append(open, s.Cache())
		}
		for range capacity {
			all = append(all, testkit.Must(s.Insert(rec{}))(t))
		}
		_, err := s.Insert(rec{})
		testkit.Is(t, err, slab.ErrFull)
		for i, h := range all[:capacity/2] {
			if err := open[i%caches].Free(h); err != nil {
				t.Fatal(err)
			}
		}
		if st := s.Stats(); st.Cached > capacity/8 {
			t.Errorf("%d caches: %+v", caches, st)
		}
		for range capacity / 4 { // there are many free slots again
			h := testkit.Must(s.Insert(rec{}))(t)
			if err := s.Free(h); err != nil {
				t.Fatal(err)
			}
		}
		rest := all[capacity/2:]
		for i, h := range rest[:len(rest)-1] {
			if err := open[i%caches].Free(h); err != nil {
				t.Fatal(err)
			}
		}
		if st := s.Stats(); st.Cached > capacity/8 {
			t.Errorf("%d caches: %+v", caches, st)
		}
		var again []slab.Handle[rec]
		for {
			h, err := s.Insert(rec{})
			if err != nil {
				testkit.Is(t, err, slab.ErrFull)
				break
			}
			again = append(again, h)
		}
		if missing := capacity - 1 - len(again); missing > capacity/8 {
			t.Errorf("%d caches: %d slots are parked", caches, missing)
		}
		// Each cache returns its slots at its next Free.
		for i, c := range open {
			if err := c.Free(again[i]); err != nil {
				t.Fatal(err)
			}
		}
		if st := s.Stats(); st.Cached != 0 || st.Live+st.Free != capacity {
			t.Errorf("%d caches: %+v", caches, st)
		}
		for _, c := range open {
			if err := c.Close(); err != nil {
				t.Fatal(err)
			}
		}
		for h := range s.All() {
			if err := s.Free(h); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// All caches together keep an eighth of the capacity at the most, those slots of a file included
// that wait for a flush.
func TestCachesKeepAnEighthTogether(t *testing.T) {
	const capacity = 400
	for kind, make := range map[string]func() (*slab.Slab[rec], error){
		"memory": func() (*slab.Slab[rec], error) { return slab.New[rec](capacity) },
		"file":   func() (*slab.Slab[rec], error) { return slab.Create[rec](filepath.Join(t.TempDir(), "s"), capacity) },
	} {
		for _, caches := range []int{1, 3, 50} {
			s := testkit.Must(make())(t)
			var open []*slab.Cache[rec]
			for range caches {
				open = append(open, s.Cache())
			}
			most := 0
			for range 20 {
				var all []slab.Handle[rec]
				for i := range capacity / 2 {
					all = append(all, testkit.Must(open[i%caches].Alloc())(t))
					most = max(most, s.Stats().Cached)
				}
				for i, h := range all {
					if err := open[i%caches].Free(h); err != nil {
						t.Fatal(err)
					}
					most = max(most, s.Stats().Cached)
				}
			}
			if most > capacity/8 {
				t.Errorf("%s, %d caches keep %d of %d slots", kind, caches, most, capacity)
			}
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		}
	}
}

// One large object that is inserted and freed in turn takes a few slots of a file, since few wait
// for a flush of the words. A slab of this capacity has one shard: a goroutine changes to another
// one when its stack moves.
func TestLargeObjectsWaitInSmallNumbers(t *testing.T) {
	type large [1 << 20]byte
	s := testkit.Must(slab.Create[large](filepath.Join(testkit.FastDir(t), "s"), 128))(t)
	c := s.Cache()
	x := new(large)
	for i := range 200 {
		insert, free := s.Insert, s.Free
		if i%3 == 0 {
			insert, free = c.Insert, c.Free
		}
		h := testkit.Must(insert(*x))(t)
		if err := free(h); err != nil {
			t.Fatal(err)
		}
	}
	if size := s.Mapping().Len(); size > 8<<20 {
		t.Errorf("%d bytes for one object", size)
	}
	if err := errors.Join(c.Close(), s.Close()); err != nil {
		t.Fatal(err)
	}
}

// Len and Stats allocate nothing, no matter how many counters they add up.
func TestCountingAllocatesNothing(t *testing.T) {
	if testing.CoverMode() != "" {
		t.Skip("coverage allocates")
	}
	s := newSlab[rec](t, 1<<20)
	for range 10 {
		c := s.Cache()
		defer c.Close()
		testkit.Must(c.Alloc())(t)
	}
	testkit.AllocatesNothing(t, "Len and Stats", 100, func() {
		if s.Len() != 10 || s.Stats().Live != 10 {
			t.Error(s.Stats())
		}
	})
}
