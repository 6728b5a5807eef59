package slab

import (
	"errors"
	"path/filepath"
	"testing"

	"github.com/typedmem/typedmem"
)

// mappings are all that a slab has mapped, those included that nothing can be read from.
func (c *core) mappings() []*typedmem.Mapping {
	list := append(append(c.kind.mappings(), c.fences...), c.guards.mapped...)
	for i := range c.guards.slots {
		list = append(list, c.guards.slots[i].m)
	}
	return list
}

func TestCloseClosesEveryMapping(t *testing.T) {
	for name, make := range map[string]func(path string) (*Slab[stocked], error){
		"memory": func(string) (*Slab[stocked], error) { return New[stocked](100) },
		"debug":  func(string) (*Slab[stocked], error) { return With[stocked](100, Config{Debug: true}) },
		"guards": func(string) (*Slab[stocked], error) { return With[stocked](100, Config{GuardEvery: 1}) },
		"both":   func(string) (*Slab[stocked], error) { return With[stocked](100, Config{Debug: true, GuardEvery: 2}) },
		"file":   func(path string) (*Slab[stocked], error) { return Create[stocked](path, 100) },
	} {
		for _, first := range []bool{false, true} {
			s, err := make(filepath.Join(t.TempDir(), "s"))
			if errors.Is(err, errors.ErrUnsupported) {
				t.Logf("%s: %v", name, err)
				continue
			}
			if err != nil {
				t.Fatal(err)
			}
			if _, err := s.Alloc(); err != nil {
				t.Fatal(err)
			}
			var want error
			if first {
				if want = typedmem.ErrClosed; s.Mapping().Close() != nil {
					t.Fatal("Close of the mapping")
				}
			}
			if err := s.Close(); !errors.Is(err, want) {
				t.Fatalf("%s, its mapping closed before: %v: %v", name, first, err)
			}
			for i, m := range s.core.mappings() {
				if m.Len() != 0 {
					t.Errorf("%s, its mapping closed before: %v: mapping %d of %d bytes is left", name, first, i, m.Len())
				}
			}
		}
	}
}

func TestTheZeroSlabIsClosed(t *testing.T) {
	var s Slab[stocked]
	for _, h := range []Handle[stocked]{{}, {1}, {^uint64(0)}} {
		_, errAlloc := s.Alloc()
		_, errInsert := s.Insert(stocked{})
		_, errLoad := s.Load(h)
		_, errPtr := s.Ptr(h)
		_, errTrim := s.Trim()
		c := s.Cache()
		_, errCache := c.Alloc()
		for i, err := range []error{errAlloc, errInsert, errLoad, errPtr, errTrim, errCache, c.Free(h), s.Store(h, stocked{}), s.Free(h), s.Flush(), s.Sync(), s.Close()} {
			if !errors.Is(err, typedmem.ErrClosed) {
				t.Errorf("operation %d: %v", i, err)
			}
		}
		if s.Has(h) || s.Len() != 0 || s.Cap() != 0 || s.Stats() != (Stats{}) || s.Mapping() != nil || s.Leaks() != nil || s.Explain(1) != "" {
			t.Error("the zero Slab has something")
		}
		for range s.All() {
			t.Error("All of the zero Slab")
		}
	}
}
