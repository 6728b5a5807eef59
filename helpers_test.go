package typedmem_test

import (
	"bytes"
	"errors"
	"os"
	"runtime"
	"runtime/debug"
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

const (
	none    = flags.None
	read    = flags.Read
	mut     = flags.Read | flags.Write
	exec    = flags.Read | flags.Execute
	execMut = flags.Read | flags.Write | flags.Execute
)

// unit is the size that every mapping of these tests is a multiple of where it matters: a page, and
// an allocation unit where that is larger.
var unit = options.AllocationGranularity()

// page is the smallest page size.
var page, _ = options.PageSize()

// noFaultAddress names the emulators that give no address with any fault.
var noFaultAddress = map[string]string{
	"qemu-user/arm":     "a fault comes without its address",
	"qemu-user/ppc64le": "a fault comes without its address",
}

// wrongBusAddress names the emulators whose SIGBUS comes with a wrong address or none, so that
// Guard cannot tell it from a nil dereference.
var wrongBusAddress = map[string]string{
	"qemu-user/arm":      "a fault comes without its address",
	"qemu-user/ppc64le":  "a fault comes without its address",
	"qemu-user/arm64":    "a SIGBUS comes with a wrong address",
	"qemu-user/s390x":    "a SIGBUS comes with a wrong address",
	"qemu-user/mips64le": "a SIGBUS comes with a wrong address",
}

// partialLargePage names the emulators that refuse to place a shared writable mapping of a file
// over a range when the file ends within a page.
var partialLargePage = map[string]string{
	"qemu-user with large pages": "a shared mapping of a file that ends within a page cannot be placed",
}

// mapMut maps anonymous memory that is closed when the test ends.
func mapMut(t testing.TB, o options.Options) *typedmem.Mapping {
	t.Helper()
	m, err := o.MapMut()
	if err != nil {
		t.Fatal(err)
	}
	testkit.CloseLater(t, m)
	return m
}

// raw returns the bytes of m, or the error that Bytes panics with.
func raw(m *typedmem.Mapping) (b []byte, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = r.(error)
		}
	}()
	return m.Bytes(), nil
}

// pattern is n bytes that tell where they are from.
func pattern(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i*7 + i/256*13 + i/65536 + 1)
	}
	return b
}

// contents of the file f.
func contents(t testing.TB, f *os.File) []byte {
	t.Helper()
	b, err := os.ReadFile(f.Name())
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func same(t testing.TB, what string, got, want []byte) {
	t.Helper()
	if bytes.Equal(got, want) {
		return
	}
	if len(got) != len(want) {
		t.Errorf("%s: %d bytes, want %d", what, len(got), len(want))
		return
	}
	for i := range got {
		if got[i] != want[i] {
			t.Errorf("%s: byte %d is %#x, want %#x", what, i, got[i], want[i])
			return
		}
	}
}

// eventually runs the collector until ok returns true.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); {
		runtime.GC()
		if ok() {
			return
		}
		time.Sleep(time.Millisecond) // cleanups run in a goroutine of their own
	}
	t.Errorf("not even after many collections: %s", what)
}

// givenBack returns a function that reports whether the address, which is held inaccessible or
// mapped, was given back to the system: nothing is there, or what somebody else has put there
// since. Windows gives addresses out again at once, to others who hold them: there it is the call
// that counts.
func givenBack(t testing.TB, addr uintptr) func() bool {
	if runtime.GOOS != "windows" {
		return func() bool { a, ok := areaAt(t, addr); return !ok || a.Protection != none }
	}
	var released atomic.Bool
	t.Cleanup(sys.Interpose(func(c sys.Call) error {
		if c.Op == sys.OpRelease && addr-c.Addr < uintptr(c.Len) {
			released.Store(true)
		}
		return nil
	}))
	return released.Load
}

// accessible tells what really happens at a byte: each access is tried, and its fault caught, be
// there an address with it or not.
func accessible(_ *typedmem.Mapping, b []byte, i int) (canRead, canWrite bool) {
	try := func(access func()) (ok bool) {
		old := debug.SetPanicOnFault(true)
		defer func() {
			debug.SetPanicOnFault(old)
			ok = recover() == nil
		}()
		access()
		return true
	}
	var x byte
	canRead = try(func() { x = b[i] })
	canWrite = try(func() { b[i] = x })
	return canRead, canWrite
}

// areaAt is the area at an address of this process; the test is skipped where the system cannot
// tell.
func areaAt(t testing.TB, addr uintptr) (typedmem.Area, bool) {
	t.Helper()
	a, ok, err := typedmem.AreaAt(typedmem.Self, addr)
	if errors.Is(err, errors.ErrUnsupported) {
		t.Skipf("areas: %v", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	return a, ok
}

// inaccessible reports whether nothing accessible is at the address.
func inaccessible(t testing.TB, addr uintptr) bool {
	a, ok := areaAt(t, addr)
	return !ok || a.Protection == flags.None
}

func firstError(list ...error) error {
	for _, err := range list {
		if err != nil {
			return err
		}
	}
	return nil
}

// larger is must for what Larger returns.
func larger(t testing.TB) func(m mem.Mapping, err error) *typedmem.Mapping {
	return func(m mem.Mapping, err error) *typedmem.Mapping {
		t.Helper()
		return testkit.Must(m, err)(t).Public().(*typedmem.Mapping)
	}
}

// closeAll closes mappings together.
func closeAll(list []*typedmem.Mapping) error {
	all := make([]mem.Mapping, len(list))
	for i, m := range list {
		all[i] = mem.Of(m)
	}
	return mem.CloseAll(all)
}
