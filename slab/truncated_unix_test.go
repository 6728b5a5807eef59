//go:build unix

package slab

import (
	"bytes"
	"errors"
	"os"
	"testing"
	"time"

	"github.com/typedmem/typedmem"
	"github.com/typedmem/typedmem/internal/testenv"
)

// withOne makes a slab file with one object.
func withOne(t *testing.T, path string, capacity int) (*Slab[uint64], Handle[uint64]) {
	t.Helper()
	s, err := Create[uint64](path, capacity)
	if err != nil {
		t.Fatal(err)
	}
	h, err := s.Insert(5)
	if err != nil {
		t.Fatal(err)
	}
	return s, h
}

// A file that somebody cuts off under a slab makes its operations fail, under Guard, and leaves no
// lock held: Len and Close still return.
func TestACutOffFileLeavesNoLockHeld(t *testing.T) {
	testenv.FaultAddresses(t)
	for name, do := range map[string]func(*Slab[uint64], Handle[uint64]) error{
		"free":  func(s *Slab[uint64], h Handle[uint64]) error { return s.Free(h) },
		"cache": func(s *Slab[uint64], h Handle[uint64]) error { return s.Cache().Free(h) },
		"alloc": func(s *Slab[uint64], _ Handle[uint64]) error { _, err := s.Alloc(); return err },
		"store": func(s *Slab[uint64], h Handle[uint64]) error { return s.Store(h, 1) },
	} {
		t.Run(name, func(t *testing.T) {
			path := t.TempDir() + "/s"
			s, h := withOne(t, path, 100)
			if err := os.Truncate(path, 0); err != nil {
				t.Fatal(err)
			}
			for range 3 {
				if err := typedmem.Guard(func() error { return do(s, h) }); !errors.Is(err, typedmem.ErrTruncated) {
					t.Fatalf("%s: %v", name, err)
				}
			}
			closed := make(chan error, 1)
			var n int
			go func() { n = s.Len(); closed <- s.Close() }()
			select {
			case err := <-closed:
				if n != 1 || !errors.Is(err, typedmem.ErrTruncated) {
					t.Fatalf("%d objects, closing: %v", n, err)
				}
			case <-time.After(20 * time.Second):
				t.Fatal("Len and Close do not return")
			}
			if err := s.Close(); !errors.Is(err, typedmem.ErrClosed) {
				t.Fatalf("closing twice: %v", err)
			}
			if info, err := os.Stat(path); err != nil || info.Size() != 0 {
				t.Fatalf("Close changed the file: %v, %v", info, err)
			}
		})
	}
}

// A truncated file is reported by every call that says that its objects are there, or
// adds more after them, and Close gives everything back.
func TestACutOffFileIsTold(t *testing.T) {
	testenv.PartialPages(t)
	for name, do := range map[string]func(*Slab[uint64]) error{
		"sync":  (*Slab[uint64]).Sync,
		"close": (*Slab[uint64]).Close,
		"grow": func(s *Slab[uint64]) (err error) {
			for err == nil {
				_, err = s.Alloc()
			}
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			path := t.TempDir() + "/s"
			s, _ := withOne(t, path, 1<<20)
			if err := s.Sync(); err != nil {
				t.Fatal(err)
			}
			size := s.core.slotsEnd(s.core.pool.Used()) - 1 // within the page: nothing faults
			if err := os.Truncate(path, size); err != nil {
				t.Fatal(err)
			}
			before, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if err := do(s); !errors.Is(err, typedmem.ErrTruncated) {
				t.Errorf("%v", err)
			}
			if err := s.Close(); name != "close" && !errors.Is(err, typedmem.ErrTruncated) {
				t.Errorf("closing: %v", err)
			}
			if err := s.Close(); !errors.Is(err, typedmem.ErrClosed) {
				t.Errorf("closing twice: %v", err)
			}
			if after, err := os.ReadFile(path); err != nil || !bytes.Equal(before[:64<<10], after[:64<<10]) || len(after) != len(before) {
				t.Errorf("the header says another thing, or %d bytes became %d: %v", len(before), len(after), err)
			}
			again, err := OpenMut[uint64](path) // the lock is gone
			if !errors.Is(err, typedmem.ErrTruncated) {
				t.Errorf("opening: %v", err)
			}
			if err == nil {
				_ = again.Close()
			}
		})
	}
}

// A reader of a file that is cut off still counts, and finds nothing.
func TestAReaderOfACutOffFileCountsNothing(t *testing.T) {
	testenv.FaultAddresses(t)
	path := t.TempDir() + "/s"
	w, _ := withOne(t, path, 100)
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	r, err := Open[uint64](path)
	if err != nil || r.Len() != 1 {
		t.Fatal(err)
	}
	if err := os.Truncate(path, 0); err != nil {
		t.Fatal(err)
	}
	if n := r.Len(); n != 0 {
		t.Fatalf("%d objects", n)
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
}
