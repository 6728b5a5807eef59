package typedmem_test

import (
	"errors"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/typedmem/typedmem"
	"github.com/typedmem/typedmem/flags"
	"github.com/typedmem/typedmem/internal/mem"
	"github.com/typedmem/typedmem/internal/sys"
	"github.com/typedmem/typedmem/internal/testenv"
	"github.com/typedmem/typedmem/internal/testkit"
	"github.com/typedmem/typedmem/options"
)

// hole has a mapping with flags.Fixed take over a page of m.
func hole(t *testing.T, m *typedmem.Mapping, page int) *typedmem.Mapping {
	t.Helper()
	testenv.Differs(t, map[string]string{"windows": "there is no MAP_FIXED"})
	at := options.New(unit).WithAddress(m.Addr() + uintptr(page*unit)).WithUnsafeFlags(flags.Fixed)
	f := testkit.Must(at.MapMut())(t)
	t.Cleanup(func() { _ = f.Close() })
	return f
}

// What would change the whole of a mapping is refused when another mapping has taken a part of its
// addresses over.
func TestWhatWasTakenOverIsLeftAlone(t *testing.T) {
	testenv.Differs(t, map[string]string{"windows": "there is no MAP_FIXED"})
	for _, f := range []flags.Map{0, flags.Shared} {
		reserved := testkit.Must(options.New(64 * unit).WithFlags(f).ReserveMut())(t)
		part := hole(t, reserved, 2)
		part.Bytes()[0] = 9
		testkit.Wants(t, "commit", reserved.Commit(), typedmem.ErrOperation)
		whole := testkit.Must(options.New(64 * unit).WithFlags(f).MapMut())(t)
		middle := hole(t, whole, 2)
		middle.Bytes()[0] = 9
		for name, err := range map[string]error{"make none": whole.MakeNone(), "make read-only": whole.MakeReadOnly(), "drop": whole.Advise(0, 64*unit, flags.DontNeed),
			"advise": whole.Advise(0, 64*unit, flags.Sequential), "lock": whole.LockRange(0, 4*unit), "unlock": whole.Unlock(), "flush code": whole.FlushInstructionCache()} {
			if !errors.Is(err, typedmem.ErrOperation) {
				t.Errorf("%s: %v", name, err)
			}
		}
		if err := whole.Advise(0, 2*unit, flags.DontNeed); err != nil {
			t.Errorf("drop what was not taken: %v", err)
		}
		if a, b := part.Bytes()[0], middle.Bytes()[0]; a != 9 || b != 9 {
			t.Errorf("the parts hold %d and %d", a, b)
		}
		for _, m := range []*typedmem.Mapping{reserved, part, whole, middle} {
			if err := m.Close(); err != nil {
				t.Error(err)
			}
		}
	}
}

// Once the memory before a hole is given back the operation ends as promised, whatever the system
// says of the memory behind it.
func TestRefusalBehindAHole(t *testing.T) {
	testenv.Differs(t, map[string]string{"windows": "there is no MAP_FIXED"})
	for name, do := range map[string]func(m *typedmem.Mapping) error{
		"Close":  (*typedmem.Mapping).Close,
		"Resize": func(m *typedmem.Mapping) error { return m.Resize(unit) },
	} {
		t.Run(name, func(t *testing.T) {
			m := testkit.Must(options.New(8 * unit).MapMut())(t)
			defer m.Close()
			f := hole(t, m, 4)
			var holds atomic.Int64 // the collector may hold addresses, too
			refuse := func(nth int64) (restore func()) {
				holds.Store(0)
				return sys.Interpose(func(c sys.Call) error {
					if c.Op == sys.OpHold && holds.Add(1) == nth {
						return errInjected
					}
					return nil
				})
			}
			m.Bytes()[0], m.Bytes()[3*unit], m.Bytes()[7*unit] = 1, 2, 3
			restore := refuse(1)
			err := do(m)
			restore()
			if !errors.Is(err, errInjected) || m.Len() != 8*unit || m.Bytes()[3*unit] != 2 || m.Bytes()[7*unit] != 3 {
				t.Fatalf("the first call refused: %v, %d bytes", err, m.Len())
			}
			restore = refuse(2)
			err = do(m)
			restore()
			if n := holds.Load(); n != 2 {
				t.Fatalf("%d calls", n)
			}
			if want := map[string]int{"Close": 0, "Resize": unit}[name]; err != nil || m.Len() != want {
				t.Fatalf("the second call refused: %v, %d bytes are left", err, m.Len())
			}
			if f.Bytes()[0] != 0 {
				t.Error("the hole changed")
			}
		})
	}
}

// A shorter Resize clears the rest of its last page, but not one that was taken over: neither what
// is in it, nor at the price of a fault.
func TestShrinkLeavesAHoleAlone(t *testing.T) {
	for name, change := range map[string]func(f *typedmem.Mapping) error{
		"writable":  (*typedmem.Mapping).MakeMut,
		"read-only": (*typedmem.Mapping).MakeReadOnly,
		"closed":    (*typedmem.Mapping).Close,
	} {
		t.Run(name, func(t *testing.T) {
			m := testkit.Must(options.New(4 * unit).MapMut())(t)
			defer m.Close()
			f := hole(t, m, 1)
			f.Bytes()[200] = 7
			testkit.Check(t, change(f), "change")
			testkit.Wants(t, "asked", mem.Of(m).CanResize(unit+100), typedmem.ErrOperation)
			testkit.Wants(t, "shrink", m.Resize(unit+100), typedmem.ErrOperation)
			if m.Len() != 4*unit {
				t.Errorf("%d bytes after a refused Resize", m.Len())
			}
			if name != "closed" && f.Bytes()[200] != 7 {
				t.Error("the hole was cleared")
			}
			testkit.Check(t, m.Resize(unit-100), "shrink elsewhere")
		})
	}
}

// What was taken over of a mapping goes with the part that it lies in, and is no hole any more once
// its owner is merged.
func TestHolesFollowSplitsAndMerges(t *testing.T) {
	m := testkit.Must(options.New(8 * unit).MapMut())(t)
	defer m.Close()
	f := hole(t, m, 5)
	for range 200 { // each of these once doubled what was noted
		r := testkit.Must(m.SplitOff(2 * unit))(t)
		testkit.Check(t, m.MakeMut(), "the left part has no hole")
		testkit.Wants(t, "the right part has", r.MakeMut(), typedmem.ErrOperation)
		testkit.Check(t, m.Merge(r), "merge")
	}
	testkit.Wants(t, "the whole has", m.MakeMut(), typedmem.ErrOperation)

	right := testkit.Must(m.SplitOff(5 * unit))(t)
	f.Bytes()[0] = 7
	testkit.Check(t, m.Merge(f), "merge the hole's owner")
	for name, err := range map[string]error{"make": m.MakeReadOnly(), "drop": m.Advise(0, 5*unit, flags.DontNeed)} {
		testkit.Check(t, err, name)
	}
	testkit.Check(t, errors.Join(m.MakeMut(), m.Resize(5*unit)), "shrink")
	base := m.Addr()
	testkit.Check(t, m.Close(), "close")
	for a, err := range typedmem.AreasIn(0, base, base+uintptr(6*unit)) {
		if err == nil && a.Protection != flags.None {
			t.Errorf("after Close %#x to %#x is %v", a.Start, a.End, a.Protection)
		}
	}
	testkit.Check(t, right.Close(), "close the rest")
}

// Of several mappings at one address exactly one owns it in the end.
func TestOneOwnerOfATakenAddress(t *testing.T) {
	testenv.Differs(t, map[string]string{"windows": "there is no MAP_FIXED"})
	rounds := 400
	if testing.Short() {
		rounds = 40
	}
	arena := testkit.Must(options.New(8 * unit).ReserveNone())(t)
	defer arena.Close()
	o := options.New(unit).WithAddress(arena.Addr()).WithUnsafeFlags(flags.Fixed)
	for round := range rounds {
		var all [12]*typedmem.Mapping
		var wg sync.WaitGroup
		for i := range all {
			wg.Add(1)
			go func() {
				defer wg.Done()
				var err error
				if all[i], err = o.MapMut(); err != nil {
					t.Error(err)
				}
			}()
		}
		wg.Wait()
		if t.Failed() {
			return
		}
		owners := 0
		for _, m := range all {
			if m.MakeMut() == nil {
				owners++
			}
		}
		if owners != 1 {
			t.Fatalf("round %d: %d owners", round, owners)
		}
		for _, m := range all {
			testkit.Check(t, m.Close(), "close")
		}
	}
}
