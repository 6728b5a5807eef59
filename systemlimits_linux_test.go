package typedmem_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	osexec "os/exec"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"unsafe"

	"github.com/typedmem/typedmem"
	"github.com/typedmem/typedmem/flags"
	"github.com/typedmem/typedmem/internal/race"
	"github.com/typedmem/typedmem/internal/sys"
	"github.com/typedmem/typedmem/internal/testenv"
	"github.com/typedmem/typedmem/internal/testkit"
	"github.com/typedmem/typedmem/options"
	"golang.org/x/sys/unix"
)

// areaLimit returns vm.max_map_count, and skips the test where it is too large to be reached.
func areaLimit(t testing.TB) int {
	t.Helper()
	text, err := os.ReadFile("/proc/sys/vm/max_map_count")
	if err != nil {
		t.Skip("no limit of areas: ", err)
	}
	n, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		t.Fatal(err)
	}
	if n > 100_000 {
		t.Skipf("vm.max_map_count is %d: too many to make", n)
	}
	return n
}

var kept [][]byte

// lives does what a process at the limit of areas must still be able to do.
func lives(t testing.TB) {
	t.Helper()
	runtime.GC()
	for range 64 {
		kept = append(kept, make([]byte, 1<<20))
	}
	done := make(chan bool)
	for range 100 {
		go func() {
			runtime.LockOSThread() // which ends the thread, and the next one needs a new one
			done <- true
		}()
	}
	for range 100 {
		<-done
	}
	kept = nil
	runtime.GC()
}

// At the limit of memory areas a request is an error, and the process goes on.
func TestTheLimitOfAreasIsAnError(t *testing.T) {
	for name, more := range map[string]func(t *testing.T) (next func(i int) (*typedmem.Mapping, error)){
		"mappings": func(*testing.T) func(int) (*typedmem.Mapping, error) {
			return func(i int) (*typedmem.Mapping, error) {
				if i%2 == 0 {
					return options.New(4096).Map()
				}
				return options.New(4096).MapMut()
			}
		},
		"files": func(t *testing.T) func(int) (*typedmem.Mapping, error) {
			f := testkit.File(t, pattern(4096))
			return func(int) (*typedmem.Mapping, error) { return options.New(4096).WithFile(f, 0).Map() }
		},
		"reserved": func(*testing.T) func(int) (*typedmem.Mapping, error) {
			return func(int) (*typedmem.Mapping, error) { return options.New(4096).WithCapacity(8192).MapMut() }
		},
		"splits": func(t *testing.T) func(int) (*typedmem.Mapping, error) {
			rest := testkit.Must(options.New(100_000 * os.Getpagesize()).MapMut())(t)
			return func(i int) (*typedmem.Mapping, error) {
				left, err := rest.SplitTo(os.Getpagesize())
				if err == nil && i%2 == 0 {
					err = left.MakeReadOnly()
				}
				return left, err
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			limit := areaLimit(t)
			if !testenv.Child(t) {
				return
			}
			next := more(t)
			var all []*typedmem.Mapping
			var err error
			for len(all) <= 2*limit && err == nil {
				var m *typedmem.Mapping
				if m, err = next(len(all)); m != nil {
					all = append(all, m)
				}
			}
			testkit.Wants(t, "the last one", err, syscall.ENOMEM)
			if err == nil || !strings.Contains(err.Error(), "vm.max_map_count") {
				t.Errorf("%v: it should name the limit", err)
			}
			t.Logf("%d mappings, %d areas of %d: %v", len(all), testenv.AreaLines(t), limit, err)
			// Half of what is promised, but for what the runtime makes between two counts.
			if left, least := limit-testenv.AreaLines(t), limit/32-64; left < least {
				t.Errorf("%d areas of %d are left to the runtime, and %d at the least are promised", left, limit, least)
			}
			lives(t)
			for range 3 {
				if _, err := options.New(4096).WithCapacity(8192).Map(); err == nil {
					t.Fatal("mapped at the limit")
				}
			}
			lives(t)
			for _, m := range all[:len(all)/2] {
				testkit.Check(t, m.Close(), "close")
			}
			lives(t)
			m, err := options.New(4096).MapMut()
			testkit.Check(t, err, "map after close")
			for _, m := range append(all[len(all)/2:], m) {
				testkit.Check(t, m.Close(), "close")
			}
			lives(t)
			if n := testenv.AreaLines(t); n > limit {
				t.Errorf("%d areas of %d", n, limit)
			}
		})
	}
}

// fillAreas makes areas until the kernel refuses one, past the library. The collector must not run.
func fillAreas(t testing.TB) (undo func()) {
	t.Helper()
	page, most := os.Getpagesize(), 70_000
	b, err := unix.Mmap(-1, 0, 2*most*page, unix.PROT_NONE, unix.MAP_PRIVATE|unix.MAP_ANON|unix.MAP_NORESERVE)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < most; i++ {
		if err := unix.Mprotect(b[(2*i+1)*page:][:page], unix.PROT_READ); err != nil {
			break
		}
	}
	// One may be left, which is not enough for a cut in two places.
	_ = unix.Mprotect(b[(2*most-2)*page:], unix.PROT_READ)
	return func() { _ = unix.Munmap(b) }
}

// Giving memory back works where the kernel has no area left: it does not wait for others to give
// theirs.
func TestMemoryIsGivenBackAtTheLimitOfAreas(t *testing.T) {
	areaLimit(t)
	if !testenv.Child(t) {
		return
	}
	// The runtime must not map meanwhile either: it gets a heap with room, keeps no profile and
	// does not collect.
	runtime.MemProfileRate = 0
	for range 1 << 16 {
		kept = append(kept, make([]byte, 512))
	}
	kept = nil
	runtime.GC()
	debug.SetGCPercent(-1)
	page := os.Getpagesize()
	resident := func(m *typedmem.Mapping, addr uintptr, n int) bool {
		vec := make([]byte, n/page)
		_, _, errno := syscall.Syscall(syscall.SYS_MINCORE, addr, uintptr(n), uintptr(unsafe.Pointer(&vec[0])))
		return errno == 0 && bytes.ContainsRune(vec, 1)
	}
	f := testkit.File(t, pattern(16*page))
	make4 := func(o options.Options) (list [4]*typedmem.Mapping) {
		for i := range list {
			list[i] = testkit.Must(o.MapMut())(t)
			list[i].Bytes()[0] = 1
			testkit.Check(t, list[i].Prefault(0, list[i].Len()), "prefault")
		}
		return list
	}
	kinds := map[string][4]*typedmem.Mapping{
		"anonymous": make4(options.New(16 * page)),
		"capacity":  make4(options.New(16 * page).WithCapacity(64 * page)),
		"file":      make4(options.New(16*page).WithFile(f, 0).WithFlags(flags.Shared)),
		"private":   make4(options.New(16*page).WithFile(f, 0)),
		"locked":    make4(options.New(16 * page).WithFlags(flags.Locked)),
	}
	parts := map[string][2][3]*typedmem.Mapping{}
	for kind, list := range kinds {
		var p [2][3]*typedmem.Mapping
		for i := range p { // left, middle, right
			p[i][0] = list[2+i]
			p[i][1] = testkit.Must(list[2+i].SplitOff(4 * page))(t)
			p[i][2] = testkit.Must(p[i][1].SplitOff(8 * page))(t)
		}
		parts[kind] = p
	}
	var failed []string
	note := func(what string, err error) {
		if err != nil {
			failed = append(failed, what+": "+err.Error())
		}
	}
	undo := fillAreas(t)
	for kind, list := range kinds {
		note(kind+": shrink", list[0].Resize(4*page))
		if kind != "file" && kind != "private" && resident(list[0], list[0].Addr()+uintptr(4*page), 12*page) {
			note(kind, errors.New("memory stays after a shrinking Resize"))
		}
		note(kind+": close", list[0].Close())
		note(kind+": close of a whole", list[1].Close())
		p := parts[kind]
		note(kind+": close of a middle", p[0][1].Close())
		if kind != "file" && kind != "private" && resident(p[0][1], p[0][1].Addr(), 4*page) {
			note(kind, errors.New("memory stays after Close"))
		}
		note(kind+": MakeNone of a middle", p[1][1].MakeNone())
		note(kind+": MakeMut again", p[1][1].MakeMut())
		for i := range p {
			for j := range p[i] {
				if err := p[i][j].Close(); i != 0 || j != 1 {
					note(kind+": close of a part", err)
				}
			}
		}
	}
	undo()
	for _, s := range failed {
		t.Error(s)
	}
	debug.SetGCPercent(100)
	lives(t)
	lives(t)
}

// limitAddresses is RLIMIT_AS, under which the race detector cannot run.
func limitAddresses(t *testing.T, n uint64) {
	t.Helper()
	if race.Enabled {
		t.Skip("the race detector takes more addresses than the limit allows")
	}
	testenv.SetLimit(t, unix.RLIMIT_AS, n)
}

// The addresses of closed mappings do not fill what RLIMIT_AS allows.
func TestClosedMappingsLeaveRoomUnderAddressLimit(t *testing.T) {
	if !testenv.Child(t) {
		return
	}
	limitAddresses(t, 4<<30)
	if strconv.IntSize == 32 {
		t.Skip("a 32-bit heap cannot grow by 1 GiB in any case")
	}
	for range 8 {
		m := testkit.Must(options.New(256 << 20).MapMut())(t)
		m.Bytes()[0] = 1
		testkit.Check(t, m.Close(), "close")
	}
	kept = append(kept, make([]byte, 1<<30))
	lives(t)
}

// Mappings that fill what RLIMIT_AS allows are refused before the Go runtime has no room left.
func TestMappingsLeaveRoomUnderAddressLimit(t *testing.T) {
	for _, size := range []int{64 << 10, 4 << 20, 256 << 20} {
		t.Run(fmt.Sprint(size>>10, " KiB"), func(t *testing.T) {
			if !testenv.Child(t) {
				return
			}
			limitAddresses(t, 1<<40)
			_, used, _ := sys.AddressLimit() // it tells where there is a limit
			limitAddresses(t, used+900<<20)
			var all []*typedmem.Mapping
			for {
				m, err := options.New(size).MapMut()
				if err != nil {
					testkit.Wants(t, "MapMut", err, unix.ENOMEM, "RLIMIT_AS", "close mappings")
					break
				}
				all = append(all, m)
			}
			kept = append(kept, make([]byte, 16<<20))
			runtime.GC()
			for _, m := range all {
				testkit.Check(t, m.Close(), "close")
			}
			lives(t)
		})
	}
}

// Where everything is locked in memory and little may be, a mapping is refused with an error that
// says so.
func TestEverythingLockedInMemory(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("root may lock what it likes; the test drops that right, and needs to be root for it")
	}
	if !testenv.Child(t, func(*osexec.Cmd) {
		runtime.LockOSThread() // for good: the thread from which the child comes has lost the right too
		if err := unix.Prctl(unix.PR_CAPBSET_DROP, unix.CAP_IPC_LOCK, 0, 0, 0); err != nil {
			t.Fatal(err)
		}
	}) {
		return
	}
	testenv.SetLimit(t, unix.RLIMIT_MEMLOCK, 8<<20)
	// The runtime ends the process when its own mappings are refused: give the heap all that it
	// will need before they can be.
	room := make([]byte, 32<<20)
	runtime.KeepAlive(room)
	room = nil
	runtime.GC()
	debug.SetGCPercent(-1)
	if err := unix.Mlockall(unix.MCL_FUTURE); err != nil {
		t.Skip("mlockall: ", err)
	}
	_, err := options.New(64 << 20).MapMut()
	if err == nil || !strings.Contains(err.Error(), "mlockall") || !strings.Contains(err.Error(), "RLIMIT_MEMLOCK") {
		t.Errorf("%v: it should name mlockall and the limit", err)
	}
	for range 64 { // closed mappings do not count as locked
		m := testkit.Must(options.New(2 << 20).WithCapacity(3 << 20).MapMut())(t)
		m.Bytes()[0] = 1
		testkit.Check(t, m.Resize(4096), "shrink")
		testkit.Check(t, m.Close(), "close")
	}
	if err := unix.Munlockall(); err != nil {
		t.Fatal(err)
	}
}
