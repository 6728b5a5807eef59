package slab_test

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/typedmem/typedmem"
	"github.com/typedmem/typedmem/internal/sys"
	"github.com/typedmem/typedmem/internal/testkit"
	"github.com/typedmem/typedmem/slab"
)

// While a Sync, a Flush or a growth of a slab file waits for the kernel, other goroutines go on.
// Close is refused then, and works after that.
func TestCallsThatWaitForTheKernelKeepNobodyWaiting(t *testing.T) {
	type object [512]byte
	for _, c := range []struct {
		name string
		op   sys.Op
		nth  int32
		call func(*slab.Slab[object]) error
	}{
		{"Sync, slots", sys.OpFlush, 1, (*slab.Slab[object]).Sync},
		{"Sync, words", sys.OpFlush, 2, (*slab.Slab[object]).Sync},
		{"Flush, slots", sys.OpFlush, 1, (*slab.Slab[object]).Flush},
		{"Flush, words", sys.OpFlush, 2, (*slab.Slab[object]).Flush},
		{"growth, allocation", sys.OpAllocate, 1, fillUp[object]},
		{"growth, words", sys.OpFlush, 1, fillUp[object]},
		{"waiting slots", sys.OpFlush, 1, refill[object]},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := testkit.Must(slab.Create[object](filepath.Join(testkit.FastDir(t), "s"), 4000))(t)
			closed := false
			defer func() {
				if !closed {
					_ = s.Close()
				}
			}()
			var mine []slab.Handle[object]
			for range 300 {
				mine = append(mine, testkit.Must(s.Alloc())(t))
			}
			cache := s.Cache()
			for range 8 {
				mine = append(mine, testkit.Must(cache.Alloc())(t))
			}
			entered, release, done := make(chan struct{}), make(chan struct{}), make(chan error, 1)
			var seen atomic.Int32
			defer sys.Interpose(func(call sys.Call) error {
				if call.Op == c.op && seen.Add(1) == c.nth {
					close(entered)
					<-release
				}
				return nil
			})()
			resume := sync.OnceFunc(func() { close(release) })
			defer resume()
			go func() { done <- c.call(s) }()
			select {
			case <-entered:
			case err := <-done:
				t.Fatalf("no such system call: %v", err)
			}
			for what, f := range map[string]func() error{
				"Free":        func() error { return s.Free(mine[0]) },
				"Cache.Free":  func() error { return cache.Free(mine[1]) },
				"Cache.Alloc": func() error { _, err := cache.Alloc(); return err },
				"Len":         func() error { s.Len(); return nil },
				"Stats":       func() error { s.Stats(); return nil },
				"Cache":       func() error { return s.Cache().Close() },
				"Store":       func() error { return s.Store(mine[2], object{1}) },
				"many Frees":  func() error { return freeAll(s, mine[3:300]) },
				"Pin": func() error {
					unpin, err := s.Mapping().Pin()
					if err == nil {
						unpin()
					}
					return err
				},
			} {
				if err := testkit.Returns(t, what, f); err != nil {
					t.Errorf("%s: %v", what, err)
				}
			}
			if err := testkit.Returns(t, "Close", s.Close); !errors.Is(err, typedmem.ErrBusy) {
				t.Errorf("Close: %v", err)
			}
			resume()
			if err := <-done; err != nil && !errors.Is(err, slab.ErrFull) {
				t.Errorf("%s: %v", c.name, err)
			}
			live := 0
			for range s.Values() {
				live++
			}
			if n := s.Len(); n != live {
				t.Errorf("Len is %d, %d objects are there", n, live)
			}
			for s.Len() < s.Cap() {
				if _, err := cache.Alloc(); err != nil {
					t.Fatalf("%d of %d objects: %v", s.Len(), s.Cap(), err)
				}
			}
			if err := s.Close(); err != nil {
				t.Error(err)
			}
			closed = true
		})
	}
}

func freeAll[T any](s *slab.Slab[T], all []slab.Handle[T]) error {
	for _, h := range all {
		if err := s.Free(h); err != nil {
			return fmt.Errorf("%v: %w", h, err)
		}
	}
	return nil
}

// fillUp allocates until the slab is full.
func fillUp[T any](s *slab.Slab[T]) error {
	for {
		if _, err := s.Alloc(); err != nil {
			return err
		}
	}
}

// refill allocates the free slots, then frees and allocates until Alloc needs slots that wait for a
// flush.
func refill[T any](s *slab.Slab[T]) error {
	for range 6 * s.Cap() {
		h, err := s.Alloc()
		if err == nil {
			err = s.Free(h)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// After SplitTo somebody else has the first slots. Close does not take the words from under them.
func TestCloseWaitsForThePartThatWasSplitOff(t *testing.T) {
	s := testkit.Must(slab.New[uint64](100_000))(t)
	h := testkit.Must(s.Insert(7))(t)
	for range 20_000 {
		testkit.Must(s.Insert(1))(t)
	}
	left := testkit.Must(s.Mapping().SplitTo(1 << 16))(t)
	if err := s.Close(); !errors.Is(err, typedmem.ErrBusy) {
		t.Errorf("Close: %v", err)
	}
	if x, err := s.Load(h); x != 7 || err != nil {
		t.Errorf("Load: %d, %v", x, err)
	}
	if err := left.Close(); err != nil {
		t.Error(err)
	}
	if err := s.Close(); err != nil {
		t.Errorf("Close after the part was closed: %v", err)
	}
	cache := s.Cache()
	for what, f := range map[string]func() error{
		"Load":        func() error { _, err := s.Load(h); return err },
		"Store":       func() error { return s.Store(h, 1) },
		"Ptr":         func() error { _, err := s.Ptr(h); return err },
		"Insert":      func() error { _, err := s.Insert(1); return err },
		"Cache.Alloc": func() error { _, err := cache.Alloc(); return err },
		"Free":        func() error { return s.Free(h) },
	} {
		if err := f(); !errors.Is(err, typedmem.ErrClosed) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// ErrFull says where the slots are.
func TestErrFullHasNumbers(t *testing.T) {
	s := testkit.Must(slab.Create[uint64](filepath.Join(testkit.FastDir(t), "s"), 40))(t)
	defer s.Close()
	cache := s.Cache()
	for range 30 {
		testkit.Must(s.Insert(1))(t)
	}
	testkit.Must(cache.Insert(1))(t)
	var err error
	for err == nil {
		_, err = s.Insert(1)
	}
	st := s.Stats()
	want := fmt.Sprintf("40 slots: %d hold objects, %d are parked in caches, %d wait for a flush", st.Live, st.Cached, st.Waiting)
	if !errors.Is(err, slab.ErrFull) || !strings.Contains(err.Error(), want) {
		t.Errorf("%v\nwant %s", err, want)
	}
}
