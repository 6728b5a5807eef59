//go:build unix

package slab

import (
	"errors"
	"os"
	"testing"
	"time"

	"github.com/typedmem/typedmem"
	"github.com/typedmem/typedmem/internal/testenv"
)

// A file that somebody cuts off under a slab makes its operations fail, under Guard, and leaves no lock held: Len and Close still answer.
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
			s, err := Create[uint64](path, 100)
			if err != nil {
				t.Fatal(err)
			}
			h, err := s.Insert(5)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.Truncate(path, 0); err != nil {
				t.Fatal(err)
			}
			for range 3 {
				if err := typedmem.Guard(func() error { return do(s, h) }); !errors.Is(err, typedmem.ErrTruncated) {
					t.Fatalf("%s: %v", name, err)
				}
			}
			answered := make(chan error, 1)
			var n int
			go func() { n = s.Len(); answered <- s.Close() }()
			select {
			case err := <-answered:
				if n != 1 || !errors.Is(err, typedmem.ErrTruncated) {
					t.Fatalf("%d objects, closing: %v", n, err)
				}
			case <-time.After(20 * time.Second):
				t.Fatal("Len and Close do not answer")
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

// A reader of a file that is cut off still counts, and finds nothing.
func TestAReaderOfACutOffFileCountsNothing(t *testing.T) {
	testenv.FaultAddresses(t)
	path := t.TempDir() + "/s"
	w, err := Create[uint64](path, 100)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Insert(5); err != nil {
		t.Fatal(err)
	}
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
