package typedmem_test

import (
	"errors"
	"fmt"
	"runtime"
	"sort"
	"strings"
	"testing"
	"unsafe"

	"github.com/typedmem/typedmem"
	"github.com/typedmem/typedmem/flags"
	"github.com/typedmem/typedmem/internal/mem"
	"github.com/typedmem/typedmem/internal/sys"
	"github.com/typedmem/typedmem/internal/testenv"
	"github.com/typedmem/typedmem/internal/testkit"
	"github.com/typedmem/typedmem/options"
)

// told returns which byte the system names for a fault at byte at of a mapping. On s390x the
// processor tells the page only (z/Architecture Principles of Operation, "Translation-Exception
// Identification").
func told(at int) int {
	if runtime.GOARCH == "s390x" {
		return at - at%page
	}
	return at
}

// faultOf runs f under Guard and returns the fault that it must end in.
func faultOf(t *testing.T, what string, f func()) *typedmem.FaultError {
	t.Helper()
	err := typedmem.Guard(func() error { f(); return nil })
	var fault *typedmem.FaultError
	if !errors.As(err, &fault) {
		t.Fatalf("%s: %v, not a *FaultError", what, err)
	}
	if fault.Error() == "" || fault.Err == nil {
		t.Errorf("%s: %#v", what, fault)
	}
	return fault
}

func TestGuardNamesMappingAndOffset(t *testing.T) {
	testenv.Differs(t, noFaultAddress)
	for _, c := range []struct {
		name   string
		change func(m *typedmem.Mapping) error
		write  bool
		want   error
	}{
		{"none", (*typedmem.Mapping).MakeNone, false, typedmem.ErrProtection},
		{"a store into read-only memory", (*typedmem.Mapping).MakeReadOnly, true, typedmem.ErrProtection},
		{"a store into code", (*typedmem.Mapping).MakeExec, true, typedmem.ErrProtection},
		{"closed", (*typedmem.Mapping).Close, false, typedmem.ErrClosed},
		{"given back by shrinking", func(m *typedmem.Mapping) error { return m.Resize(unit) }, false, typedmem.ErrBounds},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := testkit.Must(options.New(4 * unit).MapMut())(t)
			testkit.CloseLater(t, m)
			limits := mem.Of(m).Limits()
			b := m.Bytes()
			testkit.Check(t, c.change(m), c.name)
			at := 3*unit + 8
			fault := faultOf(t, c.name, func() {
				if c.write {
					b[at] = 1
				} else {
					b[at]++
				}
			})
			at = told(at)
			if fault.Mapping != m || fault.Offset != at || fault.Addr != m.Addr()+uintptr(at) {
				t.Errorf("mapping %p (want %p), offset %d, address %#x", fault.Mapping, m, fault.Offset, fault.Addr)
			}
			testkit.Is(t, fault, c.want, c.name)
			runtime.KeepAlive(limits)
		})
	}
}

// The text of a fault names the mapping and its file, as they were at the fault.
func TestGuardNamesTheFile(t *testing.T) {
	testenv.Differs(t, noFaultAddress)
	f := testkit.File(t, pattern(unit))
	for want, o := range map[string]options.Options{
		"of a mapping: ":           options.New(unit),
		`of the mapping "ticks": `: options.New(unit).WithName("ticks"),
		fmt.Sprintf("of a mapping of the file %q: ", f.Name()):           options.New(unit).WithFile(f, 0),
		fmt.Sprintf(`of the mapping "ticks" of the file %q: `, f.Name()): options.New(unit).WithFile(f, 0).WithName("ticks"),
	} {
		m := testkit.Must(o.Map())(t)
		testkit.CloseLater(t, m)
		limits, b := mem.Of(m).Limits(), m.Bytes()
		fault := faultOf(t, want, func() { b[8] = 1 })
		before := fault.Error()
		testkit.Check(t, m.Close(), "close")
		if text := fault.Error(); text != before || !strings.Contains(text, fmt.Sprintf("byte %d %s", told(8), want)) {
			t.Errorf("%q, and %q once it is closed; want %q", before, text, want)
		}
		runtime.KeepAlive(limits)
	}
}

func TestGuardOfATruncatedFile(t *testing.T) {
	testenv.Differs(t, map[string]string{"windows": "a file cannot be made shorter under a view"})
	testenv.Differs(t, wrongBusAddress)
	for _, share := range []flags.Map{0, flags.Shared} {
		f := testkit.File(t, pattern(4*page))
		m := testkit.Must(options.New(4*page).WithFile(f, 0).WithFlags(share).MapMut())(t)
		testkit.CloseLater(t, m)
		b := m.Bytes()
		testkit.Check(t, f.Truncate(int64(page)), "truncate")
		for name, access := range map[string]func(){
			"load":   func() { b[2*page+5]++ },
			"store":  func() { b[2*page+5] = 1 },
			"copy":   func() { copy(make([]byte, len(b)), b) },
			"append": func() { _ = append([]byte(nil), b...) },
			"sort":   func() { sort.Slice(b, func(i, j int) bool { return b[i] > b[j] }) },
		} {
			fault := faultOf(t, name, access)
			if fault.Mapping != m || fault.Offset < page || fault.Offset >= 4*page {
				t.Errorf("%s: mapping %p, offset %d", name, fault.Mapping, fault.Offset)
			}
			testkit.Is(t, fault, typedmem.ErrTruncated, name)
		}
		testkit.Wants(t, "prefault", m.Prefault(0, 4*page), typedmem.ErrTruncated)
		testkit.Wants(t, "lock", m.Lock(), typedmem.ErrTruncated)
		testkit.Check(t, m.Prefault(0, page), "the part that is left")
		if fault := faultOf(t, "load", func() { b[3*page]++ }); errors.Is(fault, typedmem.ErrProtection) {
			t.Errorf("%v", fault)
		}
	}
}

// Append to a file that was cut off writes past its length: that is the file's fault too.
func TestGuardOfAnAppendToATruncatedFile(t *testing.T) {
	testenv.Differs(t, map[string]string{"windows": "a file cannot be made shorter under a view"})
	testenv.Differs(t, wrongBusAddress)
	testenv.Differs(t, noFaultAddress)
	f := testkit.File(t, pattern(4*page))
	m := testkit.Must(options.New(4*page).WithFile(f, 0).WithFlags(flags.Shared).WithCapacity(64 * page).MapMut())(t)
	testkit.CloseLater(t, m)
	testkit.Check(t, mem.Of(m).MakeRoom(5*page), "room")
	testkit.Check(t, f.Truncate(int64(page)), "truncate")
	behind := unsafe.Add(unsafe.Pointer(nil), m.Addr()+uintptr(4*page))
	testkit.Is(t, faultOf(t, "append", func() { *(*byte)(behind) = 1 }), typedmem.ErrTruncated, "append")
}

// Guard passes on what f returns, and every panic that is no memory fault.
func TestGuardPassesOn(t *testing.T) {
	testenv.Differs(t, noFaultAddress)
	testkit.Check(t, typedmem.Guard(func() error { return nil }), "no fault")
	if err := typedmem.Guard(func() error { return errInjected }); err != errInjected {
		t.Errorf("got %v", err)
	}
	for name, f := range map[string]func() error{
		"a panic":      func() error { panic("mine") },
		"an index":     func() error { i := 3; _ = make([]int, 2)[i]; return nil },
		"a nil access": func() error { var p *struct{ x, y int }; p.y = 1; return nil },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s did not go on", name)
				}
			}()
			_ = typedmem.Guard(f)
		}()
	}
	// Nested, and again after a fault.
	m := mapMut(t, options.New(unit))
	b := m.Bytes()
	testkit.Check(t, m.MakeNone(), "MakeNone")
	err := typedmem.Guard(func() error {
		inner := typedmem.Guard(func() error { b[0]++; return nil })
		if inner == nil {
			t.Error("the inner Guard saw nothing")
		}
		b[1]++
		return nil
	})
	if err == nil {
		t.Error("the outer Guard saw nothing after the inner one")
	}
	done := make(chan bool)
	go func() { // Goexit is no fault
		defer close(done)
		_ = typedmem.Guard(func() error { runtime.Goexit(); return nil })
	}()
	<-done
}

// A fault at memory that is none of this package's names no mapping.
func TestGuardOfForeignMemory(t *testing.T) {
	testenv.Differs(t, noFaultAddress)
	m := testkit.Must(options.New(unit).MapMut())(t)
	b, addr := m.Bytes(), m.Addr()
	testkit.Check(t, m.Close(), "close")
	m = nil
	eventually(t, "the address is free", func() bool { _, ok := areaAt(t, addr); return !ok })
	if fault := faultOf(t, "load", func() { b[0]++ }); fault.Mapping != nil || fault.Addr != addr {
		t.Errorf("%+v", fault)
	}
}

// A FaultError tells all it can while other goroutines are inside methods of the mapping that lock.
func TestGuardBesideLockingMethods(t *testing.T) {
	testenv.Differs(t, noFaultAddress)
	m := mapMut(t, options.New(unit))
	b := m.Bytes()
	testkit.Check(t, m.MakeNone(), "MakeNone")
	restore := typedmem.HoldLock(m)
	defer restore()
	fault := faultOf(t, "load", func() { b[8]++ })
	if fault.Mapping != m || fault.Offset != told(8) {
		t.Errorf("mapping %p, offset %d", fault.Mapping, fault.Offset)
	}
	testkit.Is(t, fault, typedmem.ErrProtection, "a load while the mapping is locked")
	if strings.Contains(fault.Error(), "nil pointer") {
		t.Errorf("%v", fault)
	}
	var e runtime.Error
	if !errors.As(fault, &e) {
		t.Errorf("%v does not wrap the runtime's error", fault)
	}
}

// sharedFile maps a file of n pages for writing, and protects its last page as a full disk does:
// without the mapping knowing.
func sharedFile(t *testing.T, n int) *typedmem.Mapping {
	m := mapMut(t, options.New(n*unit).WithFile(testkit.File(t, make([]byte, n*unit)), 0).WithFlags(flags.Shared))
	testkit.Check(t, sys.Protect(m.Addr()+uintptr((n-1)*unit), unit, flags.Read), "protect")
	return m
}

// A page that can be read and not written is not one of a file that was cut off, whatever others
// are doing with the mapping.
func TestAFullDiskIsNotTruncationBesideLockingMethods(t *testing.T) {
	testenv.Differs(t, noFaultAddress)
	m := sharedFile(t, 1)
	b := m.Bytes()
	restore := typedmem.HoldLock(m)
	defer restore()
	fault := faultOf(t, "store", func() { b[8] = 1 })
	if !sys.OutOfSpace(fault) || errors.Is(fault, typedmem.ErrTruncated) {
		t.Errorf("a store that finds the disk full while the mapping is locked: %v", fault)
	}
}

// Where the mapping gets shorter while the reason of a fault is looked for, the reason is that.
func TestAFaultBesideAShrinkIsPastTheLength(t *testing.T) {
	testenv.Differs(t, noFaultAddress)
	m := sharedFile(t, 4)
	b := m.Bytes()
	shrunk := false
	restore := sys.Interpose(func(c sys.Call) error {
		if c.Op == sys.OpPrefault && !shrunk {
			shrunk = true
			return m.Resize(unit)
		}
		return nil
	})
	defer restore()
	fault := faultOf(t, "store", func() { b[3*unit] = 1 })
	if !shrunk {
		t.Fatal("nobody asked for the page")
	}
	testkit.Is(t, fault, typedmem.ErrBounds, "a store beside a shrink")
}
