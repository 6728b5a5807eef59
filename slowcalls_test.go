package typedmem_test

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/typedmem/typedmem"
	"github.com/typedmem/typedmem/flags"
	"github.com/typedmem/typedmem/internal/mem"
	"github.com/typedmem/typedmem/internal/sys"
	"github.com/typedmem/typedmem/internal/testenv"
	"github.com/typedmem/typedmem/internal/testkit"
	"github.com/typedmem/typedmem/options"
	"github.com/typedmem/typedmem/region"
)

// A call that waits for the kernel keeps none of these waiting, and they see a whole mapping: what
// would take its memory away is refused.
func TestCallsThatWaitKeepNobodyWaiting(t *testing.T) {
	growing := options.New(3 * unit).WithCapacity(64 * unit)
	onFile := func(t *testing.T) options.Options {
		f := testkit.Must(os.Create(filepath.Join(t.TempDir(), "file")))(t)
		t.Cleanup(func() { f.Close() })
		testkit.Check(t, f.Truncate(int64(3*unit)), "truncate")
		return growing.WithFile(f, 0).WithFlags(flags.Shared)
	}
	memory := func(*testing.T) options.Options { return growing }
	all := func(do func(m *typedmem.Mapping, lo, hi int) error) func(*typedmem.Mapping) error {
		return func(m *typedmem.Mapping) error { return do(m, 0, m.Len()) }
	}
	for _, c := range []struct {
		name    string
		op      sys.Op
		options func(*testing.T) options.Options
		reserve bool
		call    func(*typedmem.Mapping) error
	}{
		{"Prefault", sys.OpPrefault, memory, false, all((*typedmem.Mapping).Prefault)},
		{"Prefault of a file", sys.OpPrefault, onFile, false, all((*typedmem.Mapping).Prefault)},
		{"Prefetch", sys.OpPrefetch, onFile, false, all((*typedmem.Mapping).Prefetch)},
		{"Fetch, which hints", sys.OpPrefetch, onFile, false, func(m *typedmem.Mapping) error { return mem.Of(m).Fetch(ranges(m, 0, 2), true) }},
		{"Fetch, which brings in", sys.OpPrefault, onFile, false, func(m *typedmem.Mapping) error { return mem.Of(m).Fetch(ranges(m, 0, 2), true) }},
		{"Fetch of what is missing", sys.OpPrefault, onFile, false, func(m *typedmem.Mapping) error { return mem.Of(m).Fetch(ranges(m, 0, 2), false) }},
		{"Flush", sys.OpFlush, onFile, false, all((*typedmem.Mapping).Flush)},
		{"FlushAsync", sys.OpFlush, onFile, false, all((*typedmem.Mapping).FlushAsync)},
		{"Lock", sys.OpLock, memory, false, (*typedmem.Mapping).Lock},
		{"Lock of a file, which brings pages in", sys.OpPrefault, onFile, false, (*typedmem.Mapping).Lock},
		{"LockRange", sys.OpLock, memory, false, all((*typedmem.Mapping).LockRange)},
		{"Unlock", sys.OpUnlock, memory, false, (*typedmem.Mapping).Unlock},
		{"UnlockRange", sys.OpUnlock, memory, false, all((*typedmem.Mapping).UnlockRange)},
		{"Advise", sys.OpAdvise, memory, false, all(func(m *typedmem.Mapping, lo, hi int) error { return m.Advise(lo, hi, flags.WillNeed) })},
		{"Advise of DontNeed", sys.OpAdvise, onFile, false, all(func(m *typedmem.Mapping, lo, hi int) error { return m.Advise(lo, hi, flags.DontNeed) })},
		{"FlushInstructionCache", sys.OpFlushInstructionCache, memory, false, (*typedmem.Mapping).FlushInstructionCache},
		{"MakeExec", sys.OpFlushInstructionCache, memory, false, (*typedmem.Mapping).MakeExec},
		{"Resize", sys.OpMap, memory, false, func(m *typedmem.Mapping) error { return m.Resize(9 * unit) }},
		{"Resize of a file", sys.OpAllocate, onFile, false, func(m *typedmem.Mapping) error { return m.Resize(9 * unit) }},
		{"MakeRoom", sys.OpMap, memory, false, func(m *typedmem.Mapping) error { return mem.Of(m).MakeRoom(9 * unit) }},
		{"MakeRoom of a file", sys.OpAllocate, onFile, false, func(m *typedmem.Mapping) error { return mem.Of(m).MakeRoom(9 * unit) }},
		{"MakeRoomToWrite", sys.OpPrefault, onFile, false, func(m *typedmem.Mapping) error { return mem.Of(m).MakeRoomToWrite(9 * unit) }},
		{"BringIn", sys.OpPrefault, onFile, false, func(m *typedmem.Mapping) error { return mem.Of(m).BringIn(0, 2*unit) }},
		{"Commit", sys.OpMap, memory, true, (*typedmem.Mapping).Commit},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := c.options(t)
			var m *typedmem.Mapping
			if c.reserve {
				m = testkit.Must(o.ReserveMut())(t)
			} else {
				m = testkit.Must(o.MapMut())(t)
			}
			testkit.CloseLater(t, m)
			resume := testenv.Stopped(t, c.op, func() error { return c.call(m) })
			for what, f := range map[string]func() error{
				"Len": func() error {
					if n := m.Len(); n != 3*unit {
						t.Errorf("Len %d", n)
					}
					return nil
				},
				"Cap":        func() error { _ = m.Cap(); return nil },
				"Protection": func() error { _ = m.Protection(); return nil },
				"Committed":  func() error { _ = m.Committed(); return nil },
				"CanResize":  func() error { return ignore(mem.Of(m).CanResize(unit), typedmem.ErrBusy, typedmem.ErrOperation) },
				"Bytes":      func() error { _, err := raw(m); return ignore(err, typedmem.ErrOperation) },
				"Pin": func() error {
					unpin, err := m.Pin()
					if err == nil {
						unpin()
					}
					return err
				},
			} {
				testkit.Check(t, testkit.Returns(t, what, f), what)
			}
			for what, f := range map[string]func() error{
				"Close":    m.Close,
				"SplitOff": func() error { _, err := m.SplitOff(unit); return err },
				"SplitTo":  func() error { _, err := m.SplitTo(unit); return err },
				"Merge":    func() error { return m.Merge(mapMut(t, options.New(unit))) },
			} {
				testkit.Wants(t, what, testkit.Returns(t, what, f), typedmem.ErrBusy)
			}
			if !c.reserve {
				testkit.Wants(t, "a shrinking Resize", testkit.Returns(t, "Resize", func() error { return m.Resize(unit) }), typedmem.ErrBusy)
				testkit.Check(t, testkit.Returns(t, "MakeReadOnly", m.MakeReadOnly), "MakeReadOnly")
				testkit.Check(t, testkit.Returns(t, "MakeMut", m.MakeMut), "MakeMut")
			}
			err := resume()
			switch {
			case strings.Contains(c.name, "Lock"): // how much may be locked is limited
			case errors.Is(err, errors.ErrUnsupported):
			default:
				testkit.Check(t, err, c.name)
			}
			testkit.Check(t, m.Close(), "Close")
		})
	}
}

func ignore(err error, allowed ...error) error {
	for _, e := range allowed {
		if errors.Is(err, e) {
			return nil
		}
	}
	return err
}

// While the file is being flushed, locked or brought in, elements are appended, also where the file
// has to grow for them.
func TestAppendBesideCallsThatWait(t *testing.T) {
	for _, c := range []struct {
		name string
		op   sys.Op
		call func(*region.Region[int64]) error
	}{
		{"Flush", sys.OpFlush, (*region.Region[int64]).Flush},
		{"Sync", sys.OpFlush, (*region.Region[int64]).Sync},
		{"Prefault", sys.OpPrefault, func(r *region.Region[int64]) error { return r.Prefault(0, 3) }},
		{"Advise", sys.OpAdvise, func(r *region.Region[int64]) error { return r.Mapping().Advise(0, 8, flags.WillNeed) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "r")
			r := testkit.Must(region.Create[int64](path, 3))(t)
			resume := testenv.Stopped(t, c.op, func() error { return c.call(r) })
			n := 100_000 // more than was set aside
			testkit.Check(t, testkit.Returns(t, "Append", func() error { return r.Append(make([]int64, n)...) }), "Append")
			testkit.Check(t, testkit.Returns(t, "Append", func() error { return r.Append(7) }), "Append")
			if got := r.Len(); got != n+4 || r.At(n+3) != 7 {
				t.Errorf("%d elements", got)
			}
			testkit.Check(t, resume(), c.name)
			testkit.Check(t, r.Close(), "Close")
		})
	}
}

// Memory that was being added while the protection changed gets the new one, and is locked where
// the mapping was locked meanwhile.
func TestGrowthHeedsWhatChangedMeanwhile(t *testing.T) {
	for name, reserve := range map[string]bool{"growth": false, "Commit": true} {
		t.Run(name, func(t *testing.T) {
			o := options.New(2 * unit).WithCapacity(16 * unit)
			var m *typedmem.Mapping
			var resume func() error
			if reserve {
				m = testkit.Must(o.ReserveMut())(t)
				resume = testenv.Stopped(t, sys.OpMap, m.Commit)
			} else {
				m = testkit.Must(o.MapMut())(t)
				resume = testenv.Stopped(t, sys.OpMap, func() error { return m.Resize(8 * unit) })
			}
			testkit.CloseLater(t, m)
			testkit.Check(t, m.MakeReadOnly(), "MakeReadOnly")
			testkit.Check(t, resume(), name)
			if runtime.GOOS == "linux" {
				a, ok := areaAt(t, m.Addr()+uintptr(m.Len()-1))
				if !ok || a.Protection != read {
					t.Errorf("protection %v of what was added, %v", a.Protection, ok)
				}
			}
			if got := m.Bytes()[m.Len()-1]; got != 0 {
				t.Errorf("%d in what was added", got)
			}
			testkit.Check(t, m.MakeMut(), "MakeMut")
			m.Bytes()[m.Len()-1] = 1
		})
	}
}

// A mapping with flags.Fixed takes nothing over that a call is at work on: it waits, and meanwhile
// nobody waits for it.
func TestFixedWaitsForCallsAtWork(t *testing.T) {
	if !sys.HasFixed {
		t.Skip("no flags.Fixed on this system")
	}
	m := mapMut(t, options.New(4*unit))
	other := mapMut(t, options.New(4*unit).WithCapacity(64*unit))
	resume := testenv.Stopped(t, sys.OpAdvise, func() error { return m.Advise(0, m.Len(), flags.WillNeed) })
	var over atomic.Bool
	inner := make(chan error, 1)
	go func() {
		taken, err := options.New(unit).WithAddress(m.Addr()).WithUnsafeFlags(flags.Fixed).MapMut()
		if !over.Load() {
			t.Error("the pages were taken over while a call was at work on them")
		}
		if err == nil {
			err = taken.Close()
		}
		inner <- err
	}()
	for range 100 {
		runtime.Gosched()
	}
	testkit.Check(t, testkit.Returns(t, "Resize of another mapping", func() error { return other.Resize(32 * unit) }), "Resize")
	testkit.Check(t, testkit.Returns(t, "Close of another mapping", other.Close), "Close")
	over.Store(true)
	testkit.Check(t, resume(), "Advise")
	testkit.Check(t, <-inner, "Fixed")
}

// A mapping with flags.Fixed that waits for its pages, to fill or to lock them, keeps nobody
// waiting but who wants the same addresses.
func TestFixedMappingWhosePagesAreSlowKeepsNobodyWaiting(t *testing.T) {
	if !sys.HasFixed {
		t.Skip("no flags.Fixed on this system")
	}
	for name, c := range map[string]struct {
		flag flags.Map
		op   sys.Op
	}{"Populate": {flags.Populate, sys.OpPrefault}, "Locked": {flags.Locked, sys.OpLock}} {
		t.Run(name, func(t *testing.T) {
			m := mapMut(t, options.New(4*unit))
			other := mapMut(t, options.New(4*unit).WithCapacity(64*unit))
			over := options.New(unit).WithAddress(m.Addr()).WithUnsafeFlags(flags.Fixed)
			var taken *typedmem.Mapping
			resume := testenv.Stopped(t, c.op, func() (err error) {
				taken, err = over.WithFlags(c.flag).MapMut()
				return err
			})
			testkit.Check(t, testkit.Returns(t, "Resize of another mapping", func() error { return other.Resize(32 * unit) }), "Resize")
			testkit.Check(t, testkit.Returns(t, "Close of another mapping", other.Close), "Close")
			testkit.Check(t, testkit.Returns(t, "Close of the mapping around it", m.Close), "Close")
			var waited atomic.Bool
			second := make(chan error, 1)
			go func() {
				_, err := over.MapMut()
				if !waited.Load() {
					t.Error("its pages were taken over while they were awaited")
				}
				second <- err
			}()
			for range 100 {
				runtime.Gosched()
			}
			waited.Store(true)
			testkit.Check(t, resume(), "Fixed")
			testkit.Check(t, <-second, "Fixed over it")
			if b := taken.Bytes(); b[0] != 0 {
				t.Error(b[0])
			}
			testkit.Check(t, taken.Close(), "Close")
		})
	}
}

// Where the pages of a mapping with flags.Fixed cannot be locked nothing of it is left.
func TestFixedMappingThatCannotBeLocked(t *testing.T) {
	if !sys.HasFixed {
		t.Skip("no flags.Fixed on this system")
	}
	m := mapMut(t, options.New(4*unit))
	restore := sys.Interpose(func(c sys.Call) error {
		if c.Op == sys.OpLock {
			return errInjected
		}
		return nil
	})
	_, err := options.New(unit).WithAddress(m.Addr()).WithUnsafeFlags(flags.Fixed).WithFlags(flags.Locked).MapMut()
	restore()
	testkit.Wants(t, "map", err, sys.ErrNotLocked)
	testkit.Wants(t, "map", err, sys.ErrReplaced)
	if _, there := areaAt(t, m.Addr()); there {
		t.Error("something is left at the address")
	}
	testkit.Check(t, m.Close(), "Close")
}
