package typedmem_test

import (
	"context"
	"errors"
	"sync"
	"testing"

	"github.com/typedmem/typedmem"
	"github.com/typedmem/typedmem/flags"
	"github.com/typedmem/typedmem/internal/sys"
	"github.com/typedmem/typedmem/internal/testenv"
	"github.com/typedmem/typedmem/internal/testkit"
	"github.com/typedmem/typedmem/options"
)

func TestShutdown(t *testing.T) {
	for name, make := range map[string]func(t *testing.T) *typedmem.Mapping{
		"mapping": func(t *testing.T) *typedmem.Mapping { return mapMut(t, options.New(2*unit)) },
		"file": func(t *testing.T) *typedmem.Mapping {
			return mapMut(t, options.New(2*unit).WithFile(testkit.File(t, pattern(2*unit)), 0).WithFlags(flags.Shared))
		},
		"part": func(t *testing.T) *typedmem.Mapping {
			right := testkit.Must(mapMut(t, options.New(2*unit)).SplitOff(unit))(t)
			testkit.CloseLater(t, right)
			return right
		},
		"reserved": func(t *testing.T) *typedmem.Mapping {
			m := testkit.Must(options.New(unit).ReserveMut())(t)
			testkit.CloseLater(t, m)
			return m
		},
	} {
		t.Run(name, func(t *testing.T) {
			testkit.CheckShutdown(t, typedmem.ErrBusy, func(t *testing.T) testkit.Ender { return make(t) })
		})
	}
}

func TestShutdownOfNothing(t *testing.T) {
	spent := mapMut(t, options.New(2*unit))
	left := testkit.Must(spent.SplitTo(unit))(t)
	testkit.CloseLater(t, left)
	testkit.Check(t, left.Merge(spent), "merge")
	closed := mapMut(t, options.New(unit))
	testkit.Check(t, closed.Close(), "close")
	for name, m := range map[string]*typedmem.Mapping{"zero": new(typedmem.Mapping), "spent": spent, "closed": closed} {
		testkit.Wants(t, name, m.Shutdown(context.Background()), typedmem.ErrClosed, "shutdown")
	}
}

// While a Shutdown waits for a pin, the mapping works on.
func TestAMappingWorksBesideShutdown(t *testing.T) {
	m := mapMut(t, options.New(2*unit).WithCapacity(8*unit))
	next := mapMut(t, options.New(unit))
	copy(m.Bytes(), pattern(2*unit))
	unpin := testkit.Must(m.Pin())(t)
	s := testkit.StartShutdown(t, m)
	_, errOff := m.SplitOff(unit)
	_, errTo := m.SplitTo(unit)
	for what, c := range map[string]struct{ err, want error }{
		"SplitOff":      {errOff, typedmem.ErrBusy},
		"SplitTo":       {errTo, typedmem.ErrBusy},
		"Merge":         {m.Merge(next), typedmem.ErrBusy},
		"Merge with it": {next.Merge(m), typedmem.ErrBusy},
		"shrink":        {m.Resize(unit), typedmem.ErrBusy},
		"grow":          {m.Resize(3 * unit), nil},
		"Flush":         {m.Flush(0, unit), nil},
		"Prefault":      {m.Prefault(0, unit), nil},
		"Prefetch":      {m.Prefetch(0, unit), nil},
		"MakeReadOnly":  {m.MakeReadOnly(), nil},
		"MakeMut":       {m.MakeMut(), nil},
		"Advise":        {m.Advise(0, unit, flags.WillNeed), nil},
		"Close":         {m.Close(), typedmem.ErrBusy},
	} {
		testkit.Wants(t, what, c.err, c.want)
	}
	same(t, "contents", m.Bytes()[:2*unit], pattern(2*unit))
	s.Cancel()
	testkit.Wants(t, "Shutdown", s.Wait(t), context.Canceled)
	unpin()
	right := testkit.Must(m.SplitOff(unit))(t)
	unpin = testkit.Must(right.Pin())(t)
	testkit.Wants(t, "Shutdown of the left part", m.Shutdown(context.Background()), nil)
	s = testkit.StartShutdown(t, right)
	same(t, "right part", right.Bytes()[:unit], pattern(2 * unit)[unit:])
	unpin()
	testkit.Wants(t, "Shutdown of the right part", s.Wait(t), nil)
}

// A call at work is waited for as a pin is.
func TestShutdownWaitsForCallsAtWork(t *testing.T) {
	f := testkit.File(t, pattern(unit))
	m := mapMut(t, options.New(unit).WithFile(f, 0).WithFlags(flags.Shared))
	resume := testenv.Stopped(t, sys.OpFlush, func() error { return m.Flush(0, unit) })
	s := testkit.StartShutdown(t, m)
	s.Cancel()
	testkit.Wants(t, "Shutdown", s.Wait(t), context.Canceled, "no pin is left", "at work", f.Name())
	s = testkit.StartShutdown(t, m)
	_, err := m.Pin()
	testkit.Wants(t, "Pin", err, typedmem.ErrClosed)
	testkit.Wants(t, "Flush", resume(), nil)
	testkit.Wants(t, "Shutdown", s.Wait(t), nil)
}

// A Shutdown whose Close the system refuses returns that, and the mapping can be pinned again.
func TestRefusedShutdown(t *testing.T) {
	m := mapMut(t, options.New(unit))
	m.Bytes()[0] = 7 // views have reached it: Close holds the addresses
	unpin := testkit.Must(m.Pin())(t)
	s := testkit.StartShutdown(t, m)
	restore := sys.Interpose(func(c sys.Call) error {
		if c.Op == sys.OpHold || c.Op == sys.OpRelease {
			return errInjected
		}
		return nil
	})
	unpin()
	err := s.Wait(t)
	restore()
	testkit.Wants(t, "Shutdown", err, errInjected)
	unpin = testkit.Must(m.Pin())(t)
	if m.Bytes()[0] != 7 {
		t.Error("the contents have changed")
	}
	unpin()
	testkit.Wants(t, "Shutdown", m.Shutdown(context.Background()), nil)
}

// Calls that change which memory is whose, beside a Shutdown: they happen before it or not at all.
func TestShutdownBesideSplitAndMerge(t *testing.T) {
	for range 100 {
		m := testkit.Must(options.New(3 * unit).WithCapacity(4 * unit).MapMut())(t)
		unpin := testkit.Must(m.Pin())(t)
		s := testkit.StartShutdown(t, m)
		var parts [2]*typedmem.Mapping
		var errs [3]error
		var group sync.WaitGroup
		for i, f := range []func(){
			unpin,
			func() { parts[0], errs[0] = m.SplitOff(unit) },
			func() { parts[1], errs[1] = m.SplitTo(unit) },
			func() { errs[2] = m.Resize(4 * unit) },
		} {
			group.Add(1)
			go func() {
				defer group.Done()
				if f(); i > 0 && i < 3 && parts[i-1] != nil {
					errs[i-1] = m.Merge(parts[i-1])
				}
			}()
		}
		group.Wait()
		testkit.Wants(t, "Shutdown", s.Wait(t), nil)
		for i, err := range errs {
			if err != nil && !errors.Is(err, typedmem.ErrBusy) && !errors.Is(err, typedmem.ErrClosed) &&
				!errors.Is(err, typedmem.ErrNotAdjacent) && !errors.Is(err, typedmem.ErrOffset) && !errors.Is(err, typedmem.ErrCapacity) {
				t.Errorf("call %d: %v", i, err)
			}
		}
		if m.Len() != 0 {
			t.Errorf("%d bytes are left", m.Len())
		}
		for _, part := range parts {
			if part != nil {
				if err := part.Shutdown(context.Background()); err != nil && !errors.Is(err, typedmem.ErrClosed) {
					t.Errorf("a part: %v", err)
				}
			}
		}
	}
}
