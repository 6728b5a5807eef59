package slab

import (
	"errors"
	"math/rand/v2"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/typedmem/typedmem"
	"github.com/typedmem/typedmem/flags"
	"github.com/typedmem/typedmem/internal/race"
	"github.com/typedmem/typedmem/internal/sys"
	"github.com/typedmem/typedmem/internal/testenv"
	"github.com/typedmem/typedmem/internal/testkit"
)

// all counts the objects that All yields.
func (s *Slab[T]) allCount() (n int) {
	for range s.All() {
		n++
	}
	return n
}

// A fault in the copy of an Insert, Alloc, Store or Update, because the memory was protected
// between the check and the copy, loses no slot and leaves no lock held.
func TestMakeReadOnlyBesideInsertLosesNoSlot(t *testing.T) {
	testenv.FaultAddresses(t)
	for name, cfg := range map[string]Config{"plain": {}, "debug": {Debug: true}, "guards": {GuardEvery: 3}} {
		const capacity = 200
		s, err := With[filledObject](capacity, cfg)
		if errors.Is(err, errors.ErrUnsupported) {
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		var stop atomic.Bool
		var wg sync.WaitGroup
		faults := atomic.Int64{}
		for g := range 2 {
			wg.Add(1)
			go func() {
				defer wg.Done()
				var mine []Handle[filledObject]
				r := rand.New(rand.NewPCG(1, uint64(g)))
				c := s.Cache()
				defer c.Close()
				for !stop.Load() {
					op := r.IntN(7)
					if err := typedmem.Guard(func() error {
						var h Handle[filledObject]
						var err error
						switch {
						case op == 0:
							h, err = s.Insert(filledObject{})
						case op == 1:
							h, err = s.Alloc()
						case op == 2:
							h, err = c.Insert(filledObject{})
						case len(mine) == 0:
							return nil
						case op == 3:
							return s.Store(mine[0], filledObject{})
						case op == 4:
							return s.Update(mine[0], func(x *filledObject) { *x = filledObject{} })
						default:
							free := s.Free
							if op == 5 {
								free = c.Free
							}
							if err = free(mine[len(mine)-1]); err == nil {
								mine = mine[:len(mine)-1]
							}
							return err
						}
						if err == nil {
							mine = append(mine, h)
						}
						return err
					}); err != nil {
						var fault *typedmem.FaultError
						if errors.As(err, &fault) {
							faults.Add(1)
						} else if !errors.Is(err, ErrFull) && !errors.Is(err, typedmem.ErrProtection) && !errors.Is(err, ErrStale) {
							t.Errorf("%s: %v", name, err)
						}
					}
				}
			}()
		}
		rounds, most := int64(50), 6_000 // a machine with one processor free may see no fault at all
		if testing.Short() {
			rounds, most = 10, 2_000
		}
		for i := 0; i < most && faults.Load() < rounds; i++ {
			if err := errors.Join(s.Mapping().MakeReadOnly(), s.Mapping().MakeMut()); err != nil {
				t.Fatal(err)
			}
		}
		stop.Store(true)
		wg.Wait()
		t.Logf("%s: %d faults", name, faults.Load())
		if s.Len() != s.allCount() {
			t.Errorf("%s: Len %d, All yields %d", name, s.Len(), s.allCount())
		}
		if st := s.Stats(); st.Live+st.Free+st.Retired != capacity {
			t.Errorf("%s: %+v", name, st)
		}
		for s.Len() < capacity-s.Stats().Retired {
			if _, err := s.Alloc(); err != nil {
				t.Errorf("%s: with %d objects: %v", name, s.Len(), err)
				break
			}
		}
		if n := s.allCount() + s.Stats().Retired; n != capacity {
			t.Errorf("%s: All yields %d of %d", name, n, capacity)
		}
		if err := s.Close(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

type filledObject [64]uint64

// The memory is protected without the slab knowing, as if it had happened between the check and the
// copy: every fault leaves all slots and counts as they were.
func TestAFaultLosesNothing(t *testing.T) {
	testenv.FaultAddresses(t)
	for name, cfg := range map[string]Config{"plain": {}, "debug": {Debug: true}} {
		s, err := With[filledObject](100, cfg)
		if errors.Is(err, errors.ErrUnsupported) {
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		c := s.Cache()
		h, err := s.Alloc()
		if err != nil {
			t.Fatal(err)
		}
		inCache, err := c.Alloc()
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Free(inCache); err != nil {
			t.Fatal(err)
		}
		protect := func(p flags.Protection) {
			t.Helper()
			if err := sys.Protect(s.Mapping().Addr(), s.Mapping().Len(), p); err != nil {
				t.Fatal(err)
			}
		}
		before := s.Stats()
		protect(flags.Read)
		for what, f := range map[string]func() error{
			"alloc":        func() error { _, err := s.Alloc(); return err },
			"insert":       func() error { _, err := s.Insert(filledObject{1}); return err },
			"cache alloc":  func() error { _, err := c.Alloc(); return err },
			"cache insert": func() error { _, err := c.Insert(filledObject{1}); return err },
			"store":        func() error { return s.Store(h, filledObject{1}) },
			"update":       func() error { return s.Update(h, func(x *filledObject) { x[0] = 1 }) },
		} {
			var fault *typedmem.FaultError
			for range 300 { // more than there are slots
				if err := typedmem.Guard(f); !errors.As(err, &fault) {
					t.Fatalf("%s, %s: %v", name, what, err)
				}
			}
		}
		protect(flags.Read | flags.Write)
		st := s.Stats()
		if st.Live != before.Live || s.Len() != 1 || s.allCount() != 1 || st.Live+st.Free+st.Cached != 100 || st.Allocs != before.Allocs {
			t.Errorf("%s: %+v became %+v, All yields %d", name, before, st, s.allCount())
		}
		if err := errors.Join(s.Store(h, filledObject{2}), s.Free(h), c.Close()); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		for i := range 100 {
			if _, err := s.Alloc(); err != nil {
				t.Fatalf("%s: object %d: %v", name, i, err)
			}
		}
		if err := s.Close(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Close beside Free and Alloc, whose compare-and-swap faults then, leaves no lock held: later calls
// say that the slab is closed.
func TestCloseBesideFreeLeavesNoLockHeld(t *testing.T) {
	if race.Enabled {
		// runtime/race_amd64.s, racecallatomic: Go touches the address first, so memory that is
		// gone faults in Go code; then racecall runs the detector's C code on the thread's own
		// stack, and a panic cannot unwind from there. Close may come between the two.
		t.Skip("an atomic operation whose memory goes while it runs ends a process with the race detector: it faults on a stack that no panic unwinds")
	}
	testenv.FaultAddresses(t)
	rounds := 2000
	if testing.Short() {
		rounds = 100
	}
	for round := range rounds {
		var s *Slab[uint64]
		var err error
		if round%10 == 9 {
			s, err = Create[uint64](filepath.Join(t.TempDir(), "s"), 100)
		} else {
			s, err = New[uint64](100)
		}
		if err != nil {
			t.Fatal(err)
		}
		var began sync.WaitGroup
		var wg sync.WaitGroup
		for range 2 {
			began.Add(1)
			wg.Add(1)
			go func() {
				defer wg.Done()
				first := true
				for {
					if err := typedmem.Guard(func() error {
						h, err := s.Alloc()
						if err == nil {
							err = s.Free(h)
						}
						return err
					}); err != nil {
						break
					}
					if first {
						began.Done()
						first = false
					}
				}
			}()
		}
		began.Wait()
		for err = s.Close(); errors.Is(err, typedmem.ErrBusy); err = s.Close() { // an Alloc flushes words
		}
		if err != nil {
			t.Fatal(err)
		}
		wg.Wait()
		// Close locks every shard.
		testkit.Check(t, testkit.Returns(t, "closing the pool again", func() error { return s.core.pool.Close(func() error { return nil }) }))
		if _, err := s.Alloc(); !errors.Is(err, typedmem.ErrClosed) {
			t.Fatalf("round %d: %v", round, err)
		}
		if err := s.Free(Handle[uint64]{1 << 32}); !errors.Is(err, typedmem.ErrClosed) {
			t.Fatalf("round %d: %v", round, err)
		}
	}
}
