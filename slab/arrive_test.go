package slab

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/typedmem/typedmem"
	"github.com/typedmem/typedmem/flags"
	"github.com/typedmem/typedmem/internal/mem"
	"github.com/typedmem/typedmem/internal/sys"
	"github.com/typedmem/typedmem/internal/testenv"
	"github.com/typedmem/typedmem/internal/testkit"
	"github.com/typedmem/typedmem/options"
)

// arriving has the pages noted that are brought in until the test ends, unless refuse returns an
// error.
func arriving(t *testing.T, refuse func(lo, hi uintptr) error) (came func(addr uintptr) bool) {
	page := uintptr(sys.PageSize())
	pages := map[uintptr]bool{}
	t.Cleanup(sys.Interpose(func(c sys.Call) error {
		if c.Op != sys.OpPrefault {
			return nil
		}
		if err := refuse(c.Addr, c.Addr+uintptr(c.Len)); err != nil {
			return err
		}
		if c.Len > max(mem.MostPresent, sys.PageSize())+2*sys.PageSize() {
			t.Errorf("%d bytes come by one call", c.Len)
		}
		for at := c.Addr; at < c.Addr+uintptr(c.Len); at += page {
			pages[at/page] = true
		}
		return nil
	}))
	return func(addr uintptr) bool { return pages[addr/page] }
}

func never(_, _ uintptr) error { return nil }

type page [512]uint64

// No Insert into a file writes to a page of new slots, or of their words, that no system call has
// brought in. Slots that a file had when it was opened are free ones, not new.
func TestInsertWritesToPagesThatHaveCome(t *testing.T) {
	raw := func(t *testing.T) (*Slab[page], error) {
		f := testkit.File(t, nil)
		return Map[page](1000, options.New(0).WithFile(f, 0).WithFlags(flags.Shared))
	}
	for name, open := range map[string]func(t *testing.T) (*Slab[page], error){
		"raw file": raw,
		"new":      func(t *testing.T) (*Slab[page], error) { return Create[page](filepath.Join(t.TempDir(), "s"), 1000) },
		"again": func(t *testing.T) (*Slab[page], error) {
			path := filepath.Join(t.TempDir(), "s")
			s := testkit.Must(Create[page](path, 1000))(t)
			testkit.Must(s.Alloc())(t)
			testkit.Check(t, s.Close())
			return OpenMut[page](path)
		},
	} {
		t.Run(name, func(t *testing.T) {
			came := arriving(t, never)
			s := testkit.Must(open(t))(t)
			testkit.CloseLater(t, s)
			had := uintptr(s.core.pool.Used())
			for s.Len() < s.Cap() {
				h := testkit.Must(s.Insert(page{1}))(t)
				i := uintptr(uint32(h.Uint64()))
				if i < had {
					continue
				}
				if at := uintptr(s.core.pool.Slot(i)); !came(at) || !came(at+s.core.pool.Size-1) {
					t.Fatalf("slot %d was written to, and nothing had brought it in", i)
				}
				if w, ok := s.core.kind.(*writer); ok && !came(w.m.Addr()+i*8) {
					t.Fatalf("the word of slot %d was written to, and nothing had brought it in", i)
				}
			}
		})
	}
}

// A page of new slots or of their words that cannot come is an error of Alloc. Nothing has changed,
// and when the page comes again so do the slots.
func TestAPageOfSlotsThatCannotCome(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	s := testkit.Must(Create[page](path, 1000))(t)
	testkit.CloseLater(t, s)
	var broken uintptr
	arriving(t, func(lo, hi uintptr) error {
		if lo <= broken && broken < hi {
			return fmt.Errorf("%w: injected", sys.ErrNoPage)
		}
		return nil
	})
	words := s.core.kind.(*writer).m.Addr()
	for _, c := range []struct { // the earlier slot first
		name string
		at   uintptr
	}{{"slot", uintptr(s.core.pool.Slot(300))}, {"word", words + 8*700}} {
		broken = c.at
		var err error
		for err == nil {
			_, err = s.Insert(page{7})
		}
		if !errors.Is(err, sys.ErrNoPage) || !strings.Contains(err.Error(), path) || s.Len() > s.Cap()-2 {
			t.Fatalf("%s: %v, with %d objects", c.name, err, s.Len())
		}
		if n := len(s.Leaks()); n != 0 {
			t.Errorf("%d leaks", n)
		}
		broken = 0
	}
	for s.Len() < s.Cap() {
		testkit.Must(s.Insert(page{7}))(t)
	}
	for h, x := range s.Values() {
		if x[0] != 7 {
			t.Fatalf("%v is %d", h, x[0])
		}
	}
}

// Where pages cannot be brought in the slots are used all the same, and what was cut off is still
// refused for what it is.
func TestInsertWithoutACallForPages(t *testing.T) {
	s := testkit.Must(Create[page](filepath.Join(t.TempDir(), "s"), 1000))(t)
	testkit.CloseLater(t, s)
	arriving(t, func(lo, hi uintptr) error { return errors.ErrUnsupported })
	for s.Len() < s.Cap()/2 {
		testkit.Must(s.Insert(page{}))(t)
	}
	f := testkit.Must(os.Create(filepath.Join(t.TempDir(), "f")))(t)
	defer f.Close()
	cut := testkit.Must(Map[page](1000, options.New(0).WithFile(f, 0).WithFlags(flags.Shared)))(t)
	testkit.CloseLater(t, cut)
	testkit.Must(cut.Alloc())(t)
	testkit.Check(t, cut.Mapping().Resize(cut.Mapping().PageSize()))
	var err error
	for err == nil {
		_, err = cut.Alloc()
	}
	testkit.Is(t, err, typedmem.ErrBounds)
}

// While pages come in for an Insert, Sync, Len, Load, and Insert where slots are free go on. Close
// is refused.
func TestAnArrivalKeepsNobodyWaiting(t *testing.T) {
	s := testkit.Must(Create[page](filepath.Join(t.TempDir(), "s"), 1000))(t)
	testkit.CloseLater(t, s)
	h := testkit.Must(s.Insert(page{7}))(t)
	resume := testenv.Stopped(t, sys.OpPrefault, func() error {
		for range 900 {
			if _, err := s.Insert(page{8}); err != nil {
				return err
			}
		}
		return nil
	})
	for what, f := range map[string]func() error{
		"Len":  func() error { _ = s.Len(); return nil },
		"Load": func() error { _, err := s.Load(h); return err },
		"Sync": s.Sync,
	} {
		testkit.Check(t, testkit.Returns(t, what, f), what)
	}
	testkit.Check(t, testkit.Returns(t, "Free", func() error { return s.Free(h) }), "Free")
	testkit.Wants(t, "Close", testkit.Returns(t, "Close", s.Close), typedmem.ErrBusy)
	testkit.Check(t, resume(), "Insert")
}
