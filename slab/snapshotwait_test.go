package slab

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/typedmem/typedmem"
	"github.com/typedmem/typedmem/internal/testkit"
)

// A Snapshot inside an Update of the same slab is an error, and the slab works on.
func TestASnapshotInsideAnUpdateEnds(t *testing.T) {
	defer func(d time.Duration) { mostPatience = d }(mostPatience)
	mostPatience = 100 * time.Millisecond
	for name, c := range map[string]Config{"plain": {}, "guards": {GuardEvery: 1}} {
		s, err := With[uint64](100, c)
		testkit.Check(t, err)
		h, err := s.Insert(1)
		testkit.Check(t, err)
		path := filepath.Join(t.TempDir(), "snapshot")
		testkit.Check(t, s.Update(h, func(*uint64) { err = s.Snapshot(path) }), name)
		testkit.Wants(t, name, err, typedmem.ErrBusy, path)
		if names := testkit.Names(t, filepath.Dir(path)); len(names) > 0 {
			t.Fatalf("%v are left", names)
		}
		testkit.Check(t, s.Store(h, 2))
		testkit.Check(t, s.Snapshot(path))
		testkit.Check(t, s.Close())
	}
}

// A Snapshot waits for an Update, which may need all else that the slab does.
func TestASnapshotWaitsForAnUpdate(t *testing.T) {
	s, err := New[uint64](10_000)
	testkit.Check(t, err)
	h, err := s.Insert(1)
	testkit.Check(t, err)
	other, err := s.Insert(1)
	testkit.Check(t, err)
	path := filepath.Join(t.TempDir(), "snapshot")
	saved := make(chan error, 1)
	testkit.Check(t, s.Update(h, func(x *uint64) {
		go func() { saved <- s.Snapshot(path) }()
		for s.core.waited.Load() != everything {
			time.Sleep(time.Microsecond)
		}
		*x = 2
		testkit.Check(t, s.Store(other, 2)) // while the writers are stopped
		h, err := s.Insert(2)
		testkit.Check(t, err)
		testkit.Check(t, s.Free(h))
		c := s.Cache()
		h, err = c.Insert(2)
		testkit.Check(t, err)
		testkit.Check(t, c.Free(h))
		testkit.Check(t, c.Close())
		select {
		case err := <-saved:
			t.Errorf("it is saved inside the Update: %v", err)
		default:
		}
	}))
	testkit.Check(t, <-saved)
	r, err := Open[uint64](path)
	testkit.Check(t, err)
	for _, h := range []Handle[uint64]{h, other} {
		if x, err := r.Load(h); x != 2 || err != nil || r.Len() != 2 {
			t.Errorf("%d of %d objects, %v", x, r.Len(), err)
		}
	}
	testkit.Check(t, r.Close())
	testkit.Check(t, s.Close())
}

// While the writers are stopped Load and Len go on, and Store, Insert and Free wait.
func TestWritersWaitAndReadersDoNot(t *testing.T) {
	s, err := New[uint64](10_000)
	testkit.Check(t, err)
	defer s.Close()
	h, err := s.Insert(1)
	testkit.Check(t, err)
	c := s.Cache()
	mine, err := c.Insert(1)
	testkit.Check(t, err)
	resume := s.core.pool.Stop()
	s.core.waited.Store(everything)
	done := make(chan string, 5)
	for name, do := range map[string]func() error{
		"insert": func() error { _, err := s.Insert(1); return err },
		"free":   func() error { return s.Free(mine) },
		"store":  func() error { return s.Store(h, 2) },
		"update": func() error { return s.Update(h, func(*uint64) {}) },
		"cache":  func() error { return s.Cache().Close() },
	} {
		go func() {
			if err := do(); err != nil {
				name = err.Error()
			}
			done <- name
		}()
	}
	for range 1000 {
		if x, err := s.Load(h); x != 1 || err != nil || s.Len() != 2 || !s.Has(h) {
			t.Fatal(x, err, s.Len())
		}
	}
	time.Sleep(10 * time.Millisecond)
	if len(done) > 0 {
		t.Errorf("%s does not wait", <-done)
	}
	s.core.waited.Store(0)
	resume()
	for range 5 {
		if name := <-done; len(name) > 10 {
			t.Error(name)
		}
	}
	testkit.Check(t, c.Close())
}

// So do those of objects in guard slots.
func TestGuardSlotsWaitToo(t *testing.T) {
	s, err := With[uint64](100, Config{GuardEvery: 1})
	testkit.Check(t, err)
	defer s.Close()
	h, err := s.Insert(1)
	testkit.Check(t, err)
	s.core.waited.Store(everything)
	done := make(chan error, 2)
	go func() { done <- s.Store(h, 2) }()
	go func() { done <- s.Update(h, func(*uint64) {}) }()
	time.Sleep(10 * time.Millisecond)
	if x, err := s.Load(h); x != 1 || err != nil || len(done) > 0 {
		t.Errorf("%d of them do not wait: %d, %v", len(done), x, err)
	}
	s.core.waited.Store(0)
	testkit.Check(t, <-done)
	testkit.Check(t, <-done)
}
