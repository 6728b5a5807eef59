package typedmem_test

import (
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/typedmem/typedmem"
	"github.com/typedmem/typedmem/flags"
	"github.com/typedmem/typedmem/internal/mem"
	"github.com/typedmem/typedmem/internal/sys"
	"github.com/typedmem/typedmem/internal/testkit"
	"github.com/typedmem/typedmem/options"
)

// After Close nothing is at the addresses, and they are given to nobody while a view may still be
// there.
func TestClosedAddressesAreHeldWhileLimitsLive(t *testing.T) {
	for kind, o := range map[string]options.Options{
		"anonymous":     options.New(8 * unit),
		"with capacity": options.New(8 * unit).WithCapacity(64 * unit),
		"file":          options.New(8*unit).WithFile(testkit.File(t, pattern(8*unit)), 0),
	} {
		m := testkit.Must(o.MapMut())(t)
		copy(m.Bytes(), pattern(8*unit)) // raw memory was handed out, which holds back nothing once it is closed
		addr, limits := m.Addr(), mem.Of(m).Limits()
		free := givenBack(t, addr)
		testkit.Check(t, m.Close(), "close")
		for range 3 {
			runtime.GC()
			for at := addr; at < addr+uintptr(8*unit); at += uintptr(unit) {
				if a, ok := areaAt(t, at); ok && a.Protection != none {
					t.Fatalf("%s: %v at a closed mapping", kind, a)
				}
				// The hint is not followed: the address is taken.
				other := testkit.Must(options.New(unit).WithAddress(at).Map())(t)
				if other.Addr() >= addr && other.Addr() < addr+uintptr(8*unit) {
					t.Fatalf("%s: the addresses of a closed mapping were given away while its limits live", kind)
				}
				testkit.Check(t, other.Close(), "close")
			}
		}
		runtime.KeepAlive(limits)
		limits = nil
		eventually(t, kind+": the addresses are free", free)
		runtime.KeepAlive(m) // the closed Mapping itself holds nothing
	}
}

// What a mapping grew to and shrank from stays reserved too: a raw slice may reach it.
func TestAddressesOnceReachedAreHeld(t *testing.T) {
	m := testkit.Must(options.New(unit).WithCapacity(64 * unit).MapMut())(t)
	testkit.Check(t, m.Resize(32*unit), "grow")
	testkit.Check(t, m.Resize(unit), "shrink")
	addr, limits := m.Addr(), mem.Of(m).Limits()
	testkit.Check(t, m.Close(), "close")
	other := testkit.Must(options.New(unit).WithAddress(addr + uintptr(16*unit)).Map())(t)
	defer other.Close()
	if other.Addr() >= addr && other.Addr() < addr+uintptr(32*unit) {
		t.Error("addresses that a view has seen were given away")
	}
	runtime.KeepAlive(limits)
}

// A mapping that nobody closed is released by the collector, with the handle of its file.
func TestAbandonedMappingIsReleased(t *testing.T) {
	f := testkit.File(t, pattern(4*unit))
	for kind, o := range map[string]options.Options{
		"anonymous":          options.New(4 * unit),
		"with capacity":      options.New(4 * unit).WithCapacity(64 * unit),
		"file with capacity": options.New(4*unit).WithCapacity(64*unit).WithFile(f, 0),
	} {
		m := testkit.Must(o.MapMut())(t)
		testkit.Check(t, m.Prefault(0, 4*unit), "prefault")
		addr := m.Addr()
		runtime.KeepAlive(m)
		m = nil
		eventually(t, kind+": released", func() bool { _, ok := areaAt(t, addr); return !ok })
	}
}

// Parts of an abandoned mapping are released one by one.
func TestAbandonedHalf(t *testing.T) {
	m := testkit.Must(options.New(2 * unit).MapMut())(t)
	right := testkit.Must(m.SplitOff(unit))(t)
	addr := right.Addr()
	right = nil
	eventually(t, "the right half is released", func() bool { return inaccessible(t, addr) })
	b := m.Bytes()
	b[unit-1] = 1
	testkit.Check(t, m.Close(), "close")
}

// A mapping whose raw memory was handed out is never unmapped without its user knowing.
func TestAbandonedMappingWithRawMemoryStays(t *testing.T) {
	b := testkit.Must(options.New(4 * unit).MapMut())(t).Bytes()
	copy(b, pattern(4*unit))
	for range 10 {
		runtime.GC()
		time.Sleep(time.Millisecond) // cleanups run in a goroutine of their own
	}
	same(t, "raw memory", b, pattern(4*unit))
}

// Parts of lent memory are lent too, and so is what they are merged into.
func TestRawMemoryStaysThroughSplitAndMerge(t *testing.T) {
	m := testkit.Must(options.New(3 * unit).MapMut())(t)
	b := m.Bytes()
	copy(b, pattern(3*unit))
	right := testkit.Must(m.SplitOff(unit))(t)
	runtime.KeepAlive(right)
	m, right = nil, nil
	left := testkit.Must(options.New(2 * unit).MapMut())(t)
	right = testkit.Must(left.SplitOff(unit))(t)
	c := right.Bytes()
	copy(c, pattern(unit))
	testkit.Check(t, left.Merge(right), "merge")
	left, right = nil, nil
	for range 10 {
		runtime.GC()
		time.Sleep(time.Millisecond) // cleanups run in a goroutine of their own
	}
	same(t, "raw memory of a mapping that was split", b, pattern(3*unit))
	same(t, "raw memory of a mapping that was merged", c, pattern(unit))
}

// A Close that the system refuses leaves the mapping working.
func TestRefusedClose(t *testing.T) {
	for _, reserve := range []bool{false, true} {
		m := testkit.Must(options.New(4 * unit).MapMut())(t)
		if reserve {
			testkit.Check(t, m.Close(), "close")
			m = testkit.Must(options.New(4 * unit).ReserveMut())(t)
		} else {
			copy(m.Bytes(), pattern(4*unit))
		}
		restore := sys.Interpose(func(c sys.Call) error {
			if c.Op == sys.OpHold || c.Op == sys.OpRelease {
				return errInjected
			}
			return nil
		})
		err := m.Close()
		restore()
		testkit.Wants(t, "close", err, errInjected)
		if m.Len() != 4*unit || m.Committed() == reserve {
			t.Errorf("after a refused Close: %d bytes, committed %v", m.Len(), m.Committed())
		}
		if !reserve {
			same(t, "contents", m.Bytes(), pattern(4*unit))
		}
		testkit.Check(t, m.Close(), "close")
		testkit.Wants(t, "second close", m.Close(), typedmem.ErrClosed)
	}
}

// Addresses that the system will not take back at once go with a later collection.
func TestReleaseIsTriedAgain(t *testing.T) {
	var refused atomic.Int32
	m := testkit.Must(options.New(4 * unit).MapMut())(t)
	addr := m.Addr()
	restore := sys.Interpose(func(c sys.Call) error {
		if c.Op == sys.OpRelease && c.Addr == addr && refused.Add(1) <= 3 {
			return errInjected
		}
		return nil
	})
	defer restore()
	testkit.Check(t, m.Close(), "close")
	eventually(t, "released", func() bool { _, ok := areaAt(t, addr); return !ok && refused.Load() > 3 })
}

// When the system has no addresses left, the request fails only after all that nobody needs any
// more was given back.
func TestHeldAddressesAreReclaimed(t *testing.T) {
	const many = 64
	for kind, drop := range map[string]func(*typedmem.Mapping) error{
		"closed":    (*typedmem.Mapping).Close,
		"abandoned": func(*typedmem.Mapping) error { return nil },
	} {
		t.Run(kind, func(t *testing.T) {
			waiting := map[uintptr]bool{}
			for range many {
				m := testkit.Must(options.New(4 * unit).MapMut())(t)
				waiting[m.Addr()] = true
				testkit.Check(t, drop(m), "drop")
			}
			var mu sync.Mutex
			restore := sys.Interpose(func(c sys.Call) error {
				mu.Lock()
				defer mu.Unlock()
				if c.Op == sys.OpRelease {
					delete(waiting, c.Addr)
				}
				if c.Op == sys.OpMap && len(waiting) > 0 {
					return outOfAddresses
				}
				return nil
			})
			defer restore()
			m, err := options.New(4 * unit).MapMut()
			testkit.Check(t, err, "map")
			testkit.Check(t, m.Close(), "close")
		})
	}
}

// A request that is refused comes to an end while others give addresses back all the time.
func TestARefusalBesideManyCloses(t *testing.T) {
	mapMut(t, options.New(unit)) // something to look for
	var stop atomic.Bool
	var others sync.WaitGroup
	others.Add(1)
	go func() {
		defer others.Done()
		for !stop.Load() {
			m, err := options.New(4 * unit).ReserveNone()
			if err == nil {
				err = m.Close() // which gives the addresses back at once: no view has reached them
			}
			if err != nil {
				t.Error(err)
				return
			}
		}
	}()
	restore := sys.Interpose(func(c sys.Call) error {
		if c.Op == sys.OpMap {
			return outOfAddresses
		}
		return nil
	})
	defer restore()
	done := make(chan error, 1)
	go func() { _, err := options.New(4 * unit).MapMut(); done <- err }()
	select {
	case err := <-done:
		testkit.Wants(t, "map", err, outOfAddresses)
	case <-time.After(30 * time.Second):
		t.Error("MapMut does not return")
	}
	stop.Store(true)
	others.Wait()
}

// When no closed mapping is left to release, the error says how much was asked for.
func TestOutOfAddresses(t *testing.T) {
	restore := sys.Interpose(func(c sys.Call) error {
		if c.Op == sys.OpMap || c.Op == sys.OpReserve {
			return outOfAddresses
		}
		return nil
	})
	defer restore()
	for kind, o := range map[string]options.Options{
		"":         options.New(4 * unit),
		"capacity": options.New(4 * unit).WithCapacity(64 * unit),
	} {
		size := 4 * unit
		if kind != "" {
			size = 64 * unit
		}
		_, err := o.MapMut()
		testkit.Wants(t, "map", err, outOfAddresses)
		if err != nil && !strings.Contains(err.Error(), fmt.Sprintf("%d bytes", size)) {
			t.Errorf("%v: it should say that %d bytes were asked for", err, size)
		}
	}
}

func TestPinHoldsOpen(t *testing.T) {
	m := mapMut(t, options.New(2*unit).WithCapacity(4*unit))
	first := testkit.Must(m.Pin())(t)
	second := testkit.Must(m.Pin())(t)
	first()
	first() // harmless
	testkit.Wants(t, "close", m.Close(), typedmem.ErrBusy)
	testkit.Wants(t, "shrink", m.Resize(1), typedmem.ErrBusy)
	testkit.Check(t, m.Resize(3*unit), "grow")
	m.Bytes()[0] = 1
	second()
	testkit.Check(t, m.Close(), "close")
	_, err := m.Pin()
	testkit.Wants(t, "pin", err, typedmem.ErrClosed)
}

// Of many goroutines that pin and close, exactly one closes, none reads after that, and none is
// told a lie.
func TestConcurrentPinAndClose(t *testing.T) {
	for range 20 {
		m := testkit.Must(options.New(unit).MapMut())(t)
		b := m.Bytes()
		b[0] = 42
		var closed atomic.Int32
		var group sync.WaitGroup
		for g := range 8 {
			group.Add(1)
			go func() {
				defer group.Done()
				for range 200 {
					if g%4 == 0 {
						switch err := m.Close(); {
						case err == nil:
							closed.Add(1)
							return
						case errors.Is(err, typedmem.ErrClosed):
							return
						case !errors.Is(err, typedmem.ErrBusy):
							t.Errorf("close: %v", err)
							return
						}
						continue
					}
					unpin, err := m.Pin()
					if err != nil {
						if !errors.Is(err, typedmem.ErrClosed) {
							t.Errorf("pin: %v", err)
						}
						return
					}
					if b[0] != 42 {
						t.Error("pinned memory has changed")
					}
					unpin()
				}
			}()
		}
		group.Wait()
		if err := m.Close(); err == nil {
			closed.Add(1) // the others came only while it was pinned
		}
		if closed.Load() != 1 {
			t.Fatalf("closed %d times", closed.Load())
		}
	}
}

// Every method may be called from several goroutines at once; lengths never tear.
func TestConcurrentMethods(t *testing.T) {
	m := mapMut(t, options.New(unit).WithCapacity(64*unit))
	limits := mem.Of(m).Limits()
	var group sync.WaitGroup
	work := []func() error{
		func() error { return m.Resize(32 * unit) },
		func() error { return ignore(m.Resize(2*unit), typedmem.ErrBusy) }, // beside a call that is at work
		m.MakeMut,
		func() error { return m.Flush(0, 1) },
		func() error { return m.Advise(0, unit, flags.WillNeed) },
		func() error { return m.Prefault(0, unit) },
		func() error {
			if n := m.Len(); n != unit && n != 2*unit && n != 32*unit {
				return errors.New("a length that nobody asked for")
			}
			return nil
		},
		func() error {
			if end := limits.Readable(); mem.Allows(end) && (end-m.Addr())%uintptr(unit) != 0 {
				return errors.New("a limit that nobody asked for")
			}
			return nil
		},
	}
	for _, do := range work {
		group.Add(1)
		go func() {
			defer group.Done()
			for range 100 {
				if err := do(); err != nil {
					t.Error(err)
					return
				}
			}
		}()
	}
	group.Wait()
}

// Merges of the same two mappings from both sides end: the locks are never waited for in a circle.
func TestConcurrentMerges(t *testing.T) {
	for range 200 {
		a := testkit.Must(options.New(2 * unit).MapMut())(t)
		b := testkit.Must(a.SplitOff(unit))(t)
		var group sync.WaitGroup
		for i := range 4 {
			group.Add(1)
			go func() {
				defer group.Done()
				if i%2 == 0 {
					_ = a.Merge(b)
				} else {
					_ = b.Merge(a)
				}
			}()
		}
		group.Wait()
		if a.Len() != 2*unit {
			t.Fatalf("%d bytes", a.Len())
		}
		testkit.Check(t, a.Close(), "close")
	}
}
