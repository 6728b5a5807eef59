package slab_test

import (
	"errors"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/typedmem/typedmem"
	"github.com/typedmem/typedmem/internal/testkit"
	"github.com/typedmem/typedmem/slab"
)

// kinds are slabs that keep their objects in different ways.
func kinds(t *testing.T, capacity int) map[string]*slab.Slab[filled] {
	all := map[string]*slab.Slab[filled]{}
	add := func(name string, s *slab.Slab[filled], err error) {
		if errors.Is(err, errors.ErrUnsupported) {
			return
		}
		all[name] = testkit.Must(s, err)(t)
		t.Cleanup(func() { _ = s.Close() })
	}
	s, err := slab.New[filled](capacity)
	add("memory", s, err)
	s, err = slab.With[filled](capacity, slab.Config{Debug: true})
	add("debug", s, err)
	s, err = slab.With[filled](capacity, slab.Config{GuardEvery: 1})
	add("guards", s, err)
	s, err = slab.Create[filled](filepath.Join(t.TempDir(), "s"), capacity)
	add("file", s, err)
	return all
}

func TestUpdatesOfOneObjectLoseNothing(t *testing.T) {
	for name, s := range kinds(t, 10) {
		h := testkit.Must(s.Alloc())(t)
		const goroutines, each = 4, 500
		var wg sync.WaitGroup
		var over atomic.Bool
		for range goroutines {
			wg.Add(1)
			go func() {
				defer wg.Done()
				for range each {
					if err := s.Update(h, func(x *filled) {
						n := x[0] + 1
						for i := range x {
							x[i] = n
						}
					}); err != nil {
						t.Error(err)
					}
				}
			}()
		}
		go func() { wg.Wait(); over.Store(true) }()
		for !over.Load() {
			if x, err := s.Load(h); err != nil || !x.whole() {
				t.Fatalf("%s: a Load shows %v (%v)", name, x, err)
			}
		}
		if x := testkit.Must(s.Load(h))(t); x[0] != goroutines*each {
			t.Errorf("%s: %d of %d updates", name, x[0], goroutines*each)
		}
	}
}

// While an Update is at work everything else that needs the object waits, and other objects can be
// used.
func TestAnUpdateIsExclusive(t *testing.T) {
	for name, s := range kinds(t, 10) {
		h := testkit.Must(s.Insert(fill(1)))(t)
		other := testkit.Must(s.Insert(fill(5)))(t)
		var inside atomic.Bool
		var wg sync.WaitGroup
		if err := s.Update(h, func(x *filled) {
			inside.Store(true)
			for _, f := range []func() error{
				func() error {
					x, err := s.Load(h)
					if err == nil && x != fill(2) && x != fill(3) {
						err = errors.New("a part of an Update")
					}
					return err
				},
				func() error { return s.Store(h, fill(3)) },
				func() error { return s.Free(h) },
				func() error { c := s.Cache(); defer c.Close(); return c.Free(h) },
			} {
				wg.Add(1)
				go func() {
					defer wg.Done()
					if err := f(); inside.Load() || err != nil && !errors.Is(err, slab.ErrStale) {
						t.Errorf("%s: beside an Update (%v): %v", name, inside.Load(), err)
					}
				}()
			}
			for range 200 {
				runtime.Gosched()
			}
			if !s.Has(h) || testkit.Must(s.Ptr(h))(t) != x {
				t.Errorf("%s: the object is not there", name)
			}
			if y := testkit.Must(s.Load(other))(t); y != fill(5) {
				t.Errorf("%s: another object is %v", name, y)
			}
			if err := s.Update(other, func(y *filled) { *y = fill(6) }); err != nil {
				t.Errorf("%s: %v", name, err)
			}
			testkit.Must(s.Insert(fill(7)))(t)
			*x = fill(2)
			inside.Store(false)
		}); err != nil {
			t.Fatal(name, err)
		}
		wg.Wait()
		if s.Has(h) || testkit.Must(s.Load(other))(t) != fill(6) {
			t.Errorf("%s: the object lives, or another has not changed", name)
		}
		testkit.Is(t, s.Update(h, func(*filled) { t.Error("called for a stale handle") }), slab.ErrStale)
	}
}

func TestAPanicInUpdateReleasesTheObject(t *testing.T) {
	for name, s := range kinds(t, 10) {
		h := testkit.Must(s.Insert(fill(1)))(t)
		func() {
			defer func() {
				if recover() != "stop" {
					t.Errorf("%s: the panic is lost", name)
				}
			}()
			_ = s.Update(h, func(x *filled) { x[0] = 2; panic("stop") })
		}()
		done := make(chan bool)
		go func() {
			defer close(done)
			_ = s.Update(h, func(x *filled) { x[1] = 2; runtime.Goexit() })
		}()
		<-done
		if x := testkit.Must(s.Load(h))(t); x[0] != 2 || x[1] != 2 || x[2] != 1 {
			t.Errorf("%s: %v", name, x)
		}
		if err := errors.Join(s.Store(h, fill(3)), s.Update(h, func(x *filled) { x[0]++ }), s.Free(h)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if err := s.Close(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		testkit.Is(t, s.Update(h, func(*filled) {}), typedmem.ErrClosed)
	}
	var zero slab.Slab[filled]
	testkit.Is(t, zero.Update(slab.Handle[filled]{}, nil), typedmem.ErrClosed)
}

func TestUpdateOfAFileThatIsReadIsRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	w := testkit.Must(slab.Create[rec](path, 10))(t)
	h := testkit.Must(w.Insert(rec{1, 2}))(t)
	if err := w.Update(h, func(x *rec) { x.A = 3 }); err != nil {
		t.Fatal(err)
	}
	r := testkit.Must(slab.Open[rec](path))(t)
	testkit.Is(t, r.Update(h, func(*rec) { t.Error("called") }), typedmem.ErrProtection)
	for g, x := range r.Values() {
		if g != h || x.A != 3 {
			t.Errorf("%v: %v", g, x)
		}
	}
	if err := errors.Join(r.Close(), w.Close()); err != nil {
		t.Fatal(err)
	}
}

func TestUpdateReachesAtomicFields(t *testing.T) {
	type counter struct{ N atomic.Uint64 }
	s := newSlab[counter](t, 10)
	h := testkit.Must(s.Alloc())(t)
	if err := s.Update(h, func(c *counter) { c.N.Add(2) }); err != nil {
		t.Fatal(err)
	}
	if n := testkit.Must(s.Ptr(h))(t).N.Load(); n != 2 {
		t.Errorf("the counter is %d", n)
	}
	for range s.Values() {
		t.Error("a copy of an atomic")
	}
}

// Values are whole beside Stores, and objects that are freed by the loop are not yielded
// afterwards.
func TestValuesAreWhole(t *testing.T) {
	for name, s := range kinds(t, 100) {
		want := map[slab.Handle[filled]]bool{}
		var all []slab.Handle[filled]
		for i := range 50 {
			h := testkit.Must(s.Insert(fill(uint64(i))))(t)
			want[h] = true
			all = append(all, h)
		}
		var over atomic.Bool
		var wg sync.WaitGroup
		wg.Add(1)
		go func() {
			defer wg.Done()
			for n := uint64(0); !over.Load(); n++ {
				if err := s.Store(all[n%50], fill(n)); err != nil && !errors.Is(err, slab.ErrStale) {
					t.Error(err)
				}
			}
		}()
		for range 20 {
			seen := map[slab.Handle[filled]]bool{}
			for h, x := range s.Values() {
				if !x.whole() || seen[h] || !want[h] {
					t.Errorf("%s: %v: %v", name, h, x)
				}
				seen[h] = true
			}
			if len(seen) != len(want) {
				t.Errorf("%s: %d of %d objects", name, len(seen), len(want))
			}
		}
		n := 0
		for h := range s.Values() {
			if n++; n == 1 {
				for _, g := range all {
					if g != h {
						if err := s.Free(g); err != nil {
							t.Fatal(err)
						}
					}
				}
			}
		}
		if n != 1 {
			t.Errorf("%s: %d objects, all but one were freed", name, n)
		}
		for range s.Values() {
			break
		}
		over.Store(true)
		wg.Wait()
	}
}

// A Load gets through though another goroutine stores to the object all the time.
func TestALoadGetsThroughBesideAHotStore(t *testing.T) {
	type large [1 << 13]uint64
	s := newSlab[large](t, 1)
	h := testkit.Must(s.Alloc())(t)
	var stop atomic.Bool
	var stores atomic.Int64
	var wg sync.WaitGroup
	for range 2 {
		wg.Add(1)
		go func() {
			defer wg.Done()
			x := new(large)
			for n := uint64(1); !stop.Load(); n++ {
				x[0], x[len(x)-1] = n, n
				if err := s.Store(h, *x); err != nil {
					t.Error(err)
				}
				stores.Add(1)
			}
		}()
	}
	for stores.Load() == 0 {
		runtime.Gosched()
	}
	var beside []int64 // Stores during each Load
	begin := time.Now()
	for range rounds(400) {
		before := stores.Load()
		x, err := s.Load(h)
		if err != nil || x[0] != x[len(x)-1] {
			t.Fatal("a mixture", err)
		}
		beside = append(beside, stores.Load()-before)
	}
	took := time.Since(begin)
	stop.Store(true)
	wg.Wait()
	slices.Sort(beside)
	t.Logf("%d Loads beside %d Stores in %v; at most %d Stores in one Load", len(beside), stores.Load(), took, beside[len(beside)-1])
	// A few wait longer: the system may take the processor from a goroutine at any point.
	if usual := beside[len(beside)*3/4]; usual > 100 {
		t.Errorf("%d Stores or more in a quarter of the Loads", usual)
	}
}
