package slab_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/typedmem/typedmem"
	"github.com/typedmem/typedmem/internal/sys"
	"github.com/typedmem/typedmem/internal/testenv"
	"github.com/typedmem/typedmem/internal/testkit"
	"github.com/typedmem/typedmem/options"
	"github.com/typedmem/typedmem/slab"
)

// slabKinds make slabs of every kind, with room for 1000 objects.
var slabKinds = map[string]func(t *testing.T) (*slab.Slab[rec], error){
	"memory": func(*testing.T) (*slab.Slab[rec], error) { return slab.New[rec](1000) },
	"debug":  func(*testing.T) (*slab.Slab[rec], error) { return slab.With[rec](1000, slab.Config{Debug: true}) },
	"guards": func(*testing.T) (*slab.Slab[rec], error) { return slab.With[rec](1000, slab.Config{GuardEvery: 2}) },
	"file": func(t *testing.T) (*slab.Slab[rec], error) {
		return slab.Create[rec](filepath.Join(testkit.FastDir(t), "s"), 1000)
	},
	"opened file": func(t *testing.T) (*slab.Slab[rec], error) { return reopened(t, slab.FileOptions{Write: true}) },
	"opened debug file": func(t *testing.T) (*slab.Slab[rec], error) {
		return reopened(t, slab.FileOptions{Write: true, Debug: true})
	},
	"opened or created": func(t *testing.T) (*slab.Slab[rec], error) {
		return reopened(t, slab.FileOptions{Write: true, Create: true, Capacity: 1000})
	},
	"debug file": func(t *testing.T) (*slab.Slab[rec], error) {
		return slab.OpenFile[rec](filepath.Join(testkit.FastDir(t), "s"), slab.FileOptions{Write: true, Create: true, Capacity: 1000, Debug: true})
	},
	"reader": func(t *testing.T) (*slab.Slab[rec], error) { return reopened(t, slab.FileOptions{}) },
}

// reopened makes a file with the object {1, 2} and opens it.
func reopened(t *testing.T, o slab.FileOptions) (*slab.Slab[rec], error) {
	path := filepath.Join(testkit.FastDir(t), "s")
	w, err := slab.Create[rec](path, 1000)
	if err == nil {
		_, err = w.Insert(rec{1, 2})
	}
	if err == nil {
		err = w.Close()
	}
	testkit.Check(t, err)
	return slab.OpenFile[rec](path, o)
}

// ofKind makes a slab of one of slabKinds, which is closed when the test ends.
func ofKind(t *testing.T, name string) *slab.Slab[rec] {
	t.Helper()
	s, err := slabKinds[name](t)
	if errors.Is(err, errors.ErrUnsupported) {
		t.Skip(name, ": ", err)
	}
	testkit.Check(t, err, name)
	testkit.CloseLater(t, s)
	return s
}

func TestShutdown(t *testing.T) {
	for name := range slabKinds {
		t.Run(name, func(t *testing.T) {
			testkit.CheckShutdown(t, typedmem.ErrBusy, func(t *testing.T) testkit.Ender { return ofKind(t, name) })
			testkit.CheckShutdownBesideSync(t, ofKind(t, name))
		})
	}
}

// A pin keeps the slab and its mapping open, the words of the slots included, and all methods work.
func TestPin(t *testing.T) {
	for name := range slabKinds {
		t.Run(name, func(t *testing.T) {
			s := ofKind(t, name)
			first, second := testkit.Must(s.Pin())(t), testkit.Must(s.Pin())(t)
			first()
			first()
			testkit.Wants(t, "Close", s.Close(), typedmem.ErrBusy)
			testkit.Wants(t, "Close of the mapping", s.Mapping().Close(), typedmem.ErrBusy)
			waiting := testkit.StartShutdown(t, s)
			if name == "reader" {
				for h, x := range s.Values() {
					if p := testkit.Must(s.Ptr(h))(t); *p != x || x != (rec{1, 2}) {
						t.Fatal(*p, x)
					}
				}
			} else {
				for i := range 100 {
					h := testkit.Must(s.Insert(rec{uint64(i), 1}))(t)
					testkit.Must(s.Ptr(h))(t).B = 7
					if x := testkit.Must(s.Load(h))(t); x != (rec{uint64(i), 7}) {
						t.Fatal(x)
					}
					testkit.Check(t, s.Store(h, rec{8, 8}))
					if i%2 == 0 {
						testkit.Check(t, s.Free(h))
					}
				}
				testkit.Check(t, s.Sync())
			}
			second()
			testkit.Wants(t, "Shutdown", waiting.Wait(t), nil)
			_, err := s.Pin()
			testkit.Wants(t, "Pin", err, typedmem.ErrClosed)
			second()
			testkit.Wants(t, "Close", s.Close(), typedmem.ErrClosed)
		})
	}
}

// After SplitTo a pin holds both parts of the mapping.
func TestPinOfASlabWhoseMappingWasSplit(t *testing.T) {
	page := options.AllocationGranularity()
	s := testkit.Must(slab.New[rec](4 * page))(t)
	testkit.CloseLater(t, s)
	for range page {
		testkit.Must(s.Alloc())(t)
	}
	left := testkit.Must(s.Mapping().SplitTo(page))(t)
	testkit.CloseLater(t, left)
	unpin := testkit.Must(s.Pin())(t)
	testkit.Wants(t, "Close of the first part", left.Close(), typedmem.ErrBusy)
	testkit.Wants(t, "Close of the rest", s.Mapping().Close(), typedmem.ErrBusy)
	unpin()
	unpin()
	waiting := testkit.StartShutdown(t, s) // for the first part, too
	_, err := s.Pin()
	testkit.Wants(t, "Pin", err, typedmem.ErrClosed)
	waiting.Cancel()
	testkit.Wants(t, "Shutdown", waiting.Wait(t), context.Canceled, "first slots")
	unpin = testkit.Must(s.Pin())(t)
	unpin()
	waiting = testkit.StartShutdown(t, s)
	testkit.Wants(t, "Close of the first part", left.Close(), nil)
	testkit.Wants(t, "Shutdown", waiting.Wait(t), nil)
}

// A slab whose mapping was closed can be shut down, with the result of Close.
func TestShutdownAfterItsMapping(t *testing.T) {
	for name := range slabKinds {
		t.Run(name, func(t *testing.T) {
			s := ofKind(t, name)
			testkit.Wants(t, "Close of the mapping", s.Mapping().Close(), nil)
			_, err := s.Pin()
			testkit.Wants(t, "Pin", err, typedmem.ErrClosed)
			testkit.Wants(t, "Shutdown", s.Shutdown(context.Background()), typedmem.ErrClosed)
		})
	}
}

// Shutdown waits for a Sync at work, and returns the errors of the one that Close makes.
func TestShutdownSyncs(t *testing.T) {
	s := ofKind(t, "file")
	path := s.Mapping().File()
	h := testkit.Must(s.Insert(rec{1, 2}))(t)
	resume := testenv.Stopped(t, sys.OpFlush, s.Sync)
	waiting := testkit.StartShutdown(t, s)
	waiting.Cancel()
	testkit.Wants(t, "Shutdown", waiting.Wait(t), context.Canceled, "pins left: 1 (a Sync")
	waiting = testkit.StartShutdown(t, s)
	testkit.Wants(t, "Sync beside it", testkit.Returns(t, "Sync", s.Sync), typedmem.ErrClosed, "Shutdown")
	testkit.Wants(t, "Sync", resume(), nil)
	testkit.Wants(t, "Shutdown", waiting.Wait(t), nil)

	s = testkit.Must(slab.OpenMut[rec](path))(t)
	testkit.CloseLater(t, s)
	testkit.Check(t, s.Store(h, rec{3, 4}))
	unpin := testkit.Must(s.Pin())(t)
	waiting = testkit.StartShutdown(t, s)
	failure := errors.New("injected")
	restore := sys.Interpose(func(c sys.Call) error {
		if c.Op == sys.OpFlush {
			return failure
		}
		return nil
	})
	unpin()
	err := waiting.Wait(t)
	restore()
	testkit.Wants(t, "Shutdown", err, failure, path)
	testkit.Must(s.Pin())(t)()
	if x := testkit.Must(s.Load(h))(t); x != (rec{3, 4}) {
		t.Fatal(x)
	}
	testkit.Wants(t, "Shutdown", s.Shutdown(context.Background()), nil)
	s = testkit.Must(slab.Open[rec](path))(t)
	if x := testkit.Must(s.Load(h))(t); x != (rec{3, 4}) {
		t.Fatal(x)
	}
	testkit.Wants(t, "Close", s.Close(), nil)

	if runtime.GOOS == "windows" {
		return // a mapped file cannot be cut off there
	}
	s = ofKind(t, "file")
	testkit.Must(s.Insert(rec{1, 2}))(t)
	testkit.Check(t, os.Truncate(s.Mapping().File(), 100), "truncate")
	testkit.Wants(t, "Shutdown of a file that was cut off", s.Shutdown(context.Background()), typedmem.ErrTruncated)
	testkit.Wants(t, "Close", s.Close(), typedmem.ErrClosed)
}

// Close returns ErrBusy from the first step of a Sync or Flush until the last, between them too.
func TestNoCloseWithinSync(t *testing.T) {
	for name, call := range map[string]func(*slab.Slab[rec]) error{"Sync": (*slab.Slab[rec]).Sync, "Flush": (*slab.Slab[rec]).Flush} {
		for range testkit.Cond(testing.Short(), 10, 100) {
			s := ofKind(t, "file")
			testkit.Must(s.Insert(rec{1, 2}))(t)
			resume := testenv.Stopped(t, sys.OpFlush, func() error { return call(s) })
			testkit.Wants(t, "Close", s.Close(), typedmem.ErrBusy)
			closed := make(chan error, 1)
			go func() {
				err := s.Close()
				for errors.Is(err, typedmem.ErrBusy) {
					err = s.Close()
				}
				closed <- err
			}()
			testkit.Wants(t, name, resume(), nil)
			testkit.Wants(t, "Close", <-closed, nil)
		}
	}
}

// Goroutines sync in the background while others use the slab under pins, until it is shut down:
// what they have left is there when the file is opened again.
func TestBackgroundSync(t *testing.T) {
	for _, kind := range []string{"file", "opened file", "opened debug file", "opened or created"} {
		t.Run(kind, func(t *testing.T) { syncInBackground(t, ofKind(t, kind)) })
	}
}

func syncInBackground(t *testing.T, s *slab.Slab[rec]) {
	there := s.Len()
	path := s.Mapping().File()
	var group, syncs sync.WaitGroup
	var done atomic.Bool
	for _, call := range []func() error{s.Sync, s.Flush} {
		syncs.Add(1)
		go func() {
			defer syncs.Done()
			for !done.Load() {
				if err := call(); err != nil {
					t.Error(err)
					return
				}
				runtime.Gosched()
			}
		}()
	}
	var left sync.Map
	var made atomic.Int64
	for g := range uint64(3) {
		group.Add(1)
		go func() {
			defer group.Done()
			for i := uint64(0); ; i++ {
				unpin, err := s.Pin()
				if err != nil {
					testkit.Is(t, err, typedmem.ErrClosed)
					return
				}
				h, err := s.Insert(rec{g, float64(i)})
				switch {
				case errors.Is(err, slab.ErrFull):
				case err != nil:
					t.Errorf("Insert: %v", err)
				case i%100 != 0:
					if err := s.Free(h); err != nil {
						t.Errorf("Free: %v", err)
					}
				default:
					left.Store(h, rec{g, float64(i)})
				}
				made.Add(1)
				unpin()
			}
		}()
	}
	for made.Load() < int64(testkit.Cond(testing.Short(), 2_000, 20_000)) {
		runtime.Gosched()
	}
	done.Store(true)
	syncs.Wait()
	testkit.Wants(t, "Shutdown", s.Shutdown(context.Background()), nil)
	group.Wait()
	s = testkit.Must(slab.Open[rec](path))(t)
	defer s.Close()
	n := 0
	left.Range(func(h, want any) bool {
		n++
		x, err := s.Load(h.(slab.Handle[rec]))
		if err != nil || x != want {
			t.Errorf("%v: %v, %v; want %v", h, x, err, want)
		}
		return true
	})
	if s.Len() != there+n || n == 0 {
		t.Errorf("%d objects in the file, want %d", s.Len(), there+n)
	}
}
