package slab

import (
	"encoding/binary"
	"errors"
	"os"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/typedmem/typedmem"
	"github.com/typedmem/typedmem/internal/slots"
	"github.com/typedmem/typedmem/internal/sys"
	"github.com/typedmem/typedmem/internal/testenv"
)

// freers are both ways to free an object.
func freers[T any](s *Slab[T]) map[string]func(Handle[T]) error {
	return map[string]func(Handle[T]) error{"slab": s.Free, "cache": s.Cache().Free}
}

// An object is gone in the file before its handle is stale: where the file cannot take the note, it
// lives on.
func TestAFreeIsInTheFileFirst(t *testing.T) {
	testenv.FaultAddresses(t)
	path := t.TempDir() + "/s"
	s, err := Create[uint64](path, 100)
	if err != nil {
		t.Fatal(err)
	}
	for name, free := range freers(s) {
		h, err := s.Insert(7)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.core.kind.(*writer).m.MakeReadOnly(); err != nil {
			t.Fatal(err)
		}
		if err := typedmem.Guard(func() error { return free(h) }); err == nil {
			t.Fatalf("%s: freed with a file that cannot be written", name)
		}
		if x, err := s.Load(h); !s.Has(h) || x != 7 || err != nil {
			t.Fatalf("%s: the handle is stale (%v) and the object in the file", name, err)
		}
		if err := s.Store(h, 8); err != nil {
			t.Fatal(err)
		}
		if err := s.core.kind.(*writer).m.MakeMut(); err != nil {
			t.Fatal(err)
		}
		if err := free(h); err != nil || s.Has(h) {
			t.Fatalf("%s: %v", name, err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

// When a handle is stale the object is freed in the file, too.
func TestAStaleHandleIsStaleInTheFile(t *testing.T) {
	path := t.TempDir() + "/s"
	s, err := Create[uint64](path, 1000)
	if err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for name, free := range freers(s) {
		var shared atomic.Uint64
		var watch sync.WaitGroup
		stop := make(chan struct{})
		watch.Add(1)
		go func() {
			defer watch.Done()
			for {
				select {
				case <-stop:
					return
				default:
				}
				h := Handle[uint64]{shared.Load()}
				if h.Bits == 0 || s.Has(h) {
					continue
				}
				var word [8]byte
				if _, err := f.ReadAt(word[:], wordsAt(h)); err != nil {
					t.Error(err)
					return
				}
				if g := slots.Generation(binary.NativeEndian.Uint64(word[:])); g == slots.Generation(h.Bits) {
					t.Errorf("%s: object %x is stale, and alive in the file", name, h.Bits)
					return
				}
			}
		}()
		for i := 0; i < 50_000 && !t.Failed(); i++ {
			h, err := s.Insert(1)
			if err != nil {
				t.Fatal(err)
			}
			shared.Store(h.Bits)
			if err := free(h); err != nil {
				t.Fatal(err)
			}
		}
		close(stop)
		watch.Wait()
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

// wordsAt is where in the file the word of a handle's slot lies.
func wordsAt[T any](h Handle[T]) int64 { return 64<<10 + 8*int64(slots.Index(h.Bits)) }

// A generation that no object can have is damage: the object after it would have a handle of
// another slot.
func TestAGenerationBeyondTheLastIsDamage(t *testing.T) {
	path := t.TempDir() + "/s"
	s, h := withOneObject(t, path)
	salt := s.core.pool.Salt
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		g  uint32
		ok bool
	}{{slots.LastLive, true}, {slots.Retired, true}, {slots.Retired + 1, false}} {
		f, err := os.OpenFile(path, os.O_RDWR, 0)
		if err != nil {
			t.Fatal(err)
		}
		var word [8]byte
		binary.NativeEndian.PutUint64(word[:], slots.FileWord(salt, slots.Index(h.Bits), c.g))
		if _, err = f.WriteAt(word[:], wordsAt(h)); err != nil || f.Close() != nil {
			t.Fatal(err)
		}
		for name, open := range map[string]func(string) (*Slab[uint64], error){"open": Open[uint64], "openmut": OpenMut[uint64]} {
			s, err := open(path)
			if c.ok != (err == nil) || err != nil && !errors.Is(err, typedmem.ErrCorrupt) {
				t.Errorf("%s: generation %d: %v", name, c.g, err)
			}
			if err == nil && s.Close() != nil {
				t.Error("it does not close")
			}
		}
	}
}

func withOneObject(t *testing.T, path string) (*Slab[uint64], Handle[uint64]) {
	t.Helper()
	s, err := Create[uint64](path, 100)
	if err != nil {
		t.Fatal(err)
	}
	h, err := s.Insert(5)
	if err != nil {
		t.Fatal(err)
	}
	return s, h
}

// On a full disk the slots that were freed are used, without a Sync, no matter who freed them.
func TestFreedSlotsServeOnAFullDisk(t *testing.T) {
	type object = [512]uint64
	for _, how := range []string{"slab", "cache"} {
		s, err := Create[object](t.TempDir()+"/s", 10_000)
		if err != nil {
			t.Fatal(err)
		}
		var all []Handle[object]
		for range 100 {
			h, err := s.Alloc()
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, h)
		}
		full := sys.Interpose(func(c sys.Call) error {
			if c.Op == sys.OpAllocate {
				return sys.ErrNoSpace
			}
			return nil
		})
		cache := s.Cache()
		alloc, free := s.Alloc, s.Free
		if how == "cache" {
			alloc, free = cache.Alloc, cache.Free
		}
		for round := range 5 {
			for {
				h, err := alloc()
				if errors.Is(err, sys.ErrNoSpace) {
					break
				} else if err != nil {
					t.Fatal(err)
				}
				all = append(all, h)
			}
			n := s.Len()
			for range 20 { // so few that nothing flushes their words otherwise
				if err := free(all[0]); err != nil {
					t.Fatal(err)
				}
				all = all[1:]
			}
			for i := range 20 {
				h, err := alloc()
				if err != nil {
					t.Fatalf("%s, round %d: object %d of 20 that were freed: %v", how, round, i, err)
				}
				all = append(all, h)
			}
			if s.Len() != n {
				t.Fatalf("%s: %d objects, %d before", how, s.Len(), n)
			}
		}
		full()
		if err := errors.Join(cache.Close(), s.Close()); err != nil {
			t.Fatal(err)
		}
	}
}
