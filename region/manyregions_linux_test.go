package region_test

import (
	"fmt"
	"os"
	osexec "os/exec"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strconv"
	"testing"
	"time"

	"github.com/typedmem/typedmem/internal/race"
	"github.com/typedmem/typedmem/internal/sys"
	"github.com/typedmem/typedmem/internal/testenv"
	"github.com/typedmem/typedmem/internal/testkit"
	"github.com/typedmem/typedmem/region"
	"golang.org/x/sys/unix"
)

var kept [][]byte

// fillHeap has n bytes on the heap, all of them used.
func fillHeap(n int) {
	for ; n > 0; n -= 1 << 20 {
		b := make([]byte, 1<<20)
		for i := 0; i < len(b); i += 4096 {
			b[i] = 1
		}
		kept = append(kept, b)
	}
}

// Ten thousand regions of any constructor, with the capacity that nobody named, fit beside a heap
// of 1 GiB, and each costs no more than the one before.
func TestManyDefaultRegions(t *testing.T) {
	if testing.Short() {
		t.Skip("opens ten thousand files: not with -short")
	}
	if strconv.IntSize == 32 {
		t.Skip("a 32-bit address space has no room for them")
	}
	const many = 10_000
	for name, constructor := range map[string]func(path string) (*region.Region[uint64], error){
		"New":     func(string) (*region.Region[uint64], error) { return region.New[uint64](10) },
		"Create":  func(path string) (*region.Region[uint64], error) { return region.Create[uint64](path, 10) },
		"Open":    region.Open[uint64],
		"OpenMut": region.OpenMut[uint64],
	} {
		t.Run(name, func(t *testing.T) {
			dir := os.Getenv("TYPEDMEM_DIR")
			if dir == "" { // in memory where possible: a new file is flushed to its disk
				var err error
				if dir, err = os.MkdirTemp("/dev/shm", "typedmem"); err != nil {
					dir = t.TempDir()
				}
				defer os.RemoveAll(dir)
			}
			if !testenv.Child(t, func(c *osexec.Cmd) { c.Env = append(c.Env, "TYPEDMEM_DIR="+dir) }) {
				return
			}
			var may unix.Rlimit
			if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &may); err != nil {
				t.Fatal(err)
			}
			files := uint64(many + 200)
			if may.Max < files {
				t.Skipf("%d open files are allowed, it takes %d", may.Max, files)
			}
			testenv.SetLimit(t, unix.RLIMIT_NOFILE, files)
			path := func(i int) string { return filepath.Join(dir, strconv.Itoa(i)) }
			if name == "Open" || name == "OpenMut" {
				for i := range many {
					r, err := region.Create[uint64](path(i), 10)
					testkit.Wants(t, "Create", err, nil)
					testkit.Wants(t, "Close", r.Close(), nil)
				}
				runtime.GC()
				runtime.GC()
			}
			fillHeap(1 << 29)
			var regions []*region.Region[uint64]
			calls := map[int]int{} // system calls of each tenth
			started := time.Now()
			before := testenv.AreaLines(t)
			count := 0
			restore := testenv.InterposeHere(func(sys.Call) error { count++; return nil })
			for i := range many {
				count = 0
				r, err := constructor(path(i))
				if err != nil {
					t.Fatalf("region %d: %v", i, err)
				}
				regions = append(regions, r)
				calls[i*10/many] = max(calls[i*10/many], count)
			}
			restore()
			t.Logf("%v for all, %d areas each, capacities %d to %d, system calls %v", time.Since(started),
				(testenv.AreaLines(t)-before+many-1)/many, regions[0].Cap(), regions[many-1].Cap(), calls)
			for i := range 10 {
				if calls[i] != calls[0] {
					t.Errorf("a region of part %d takes %d system calls, one of the first %d", i, calls[i], calls[0])
				}
			}
			least := 1 << 20
			if name == "Open" { // a reader reserves twice what it reads, and at least 1 MiB
				least = 1 << 20 / 8
			}
			if n := regions[many-1].Cap(); n < least {
				t.Errorf("the last region has a capacity of %d elements", n)
			}
			fillHeap(1 << 29)
			if name != "Open" {
				testkit.Wants(t, "Append", regions[many-1].Append(make([]uint64, 10_000)...), nil)
			}
			for _, r := range regions {
				testkit.Wants(t, "Close", r.Close(), nil)
			}
			fillHeap(1 << 20)
		})
	}
}

// Under RLIMIT_AS regions leave most of what the limit does to the rest of the program.
func TestDefaultRegionsUnderAddressLimit(t *testing.T) {
	for _, heap := range []int{300 << 20, 1 << 30} {
		t.Run(fmt.Sprint(heap>>20, " MiB"), func(t *testing.T) {
			if race.Enabled {
				t.Skip("the race detector takes more addresses than the limit allows")
			}
			if strconv.IntSize == 32 && heap > 1<<29 {
				t.Skip("more than a 32-bit heap")
			}
			if !testenv.Child(t) {
				return
			}
			testenv.SetLimit(t, unix.RLIMIT_AS, 4<<30)
			path := filepath.Join(t.TempDir(), "r")
			a, err := region.New[uint64](10)
			testkit.Wants(t, "New", err, nil)
			b, err := region.Create[uint64](path, 10)
			testkit.Wants(t, "Create", err, nil)
			c, err := region.Open[uint64](path)
			testkit.Wants(t, "Open", err, nil)
			t.Logf("capacities %d, %d, %d", a.Cap(), b.Cap(), c.Cap())
			testkit.Wants(t, "Append", a.Append(make([]uint64, 1<<16)...), nil)
			testkit.Wants(t, "Append", b.Append(make([]uint64, 1<<16)...), nil)
			fillHeap(heap)
			var more []*region.Region[uint64]
			for range 1000 { // there is always room for one of ten elements
				r, err := region.New[uint64](10)
				testkit.Wants(t, "New", err, nil)
				more = append(more, r)
			}
			fillHeap(300 << 20)
			for _, r := range append(more, a, b, c) {
				testkit.Wants(t, "Close", r.Close(), nil)
			}
		})
	}
}

// Where the program has all it maps locked in memory, and little may be, a region takes what it
// can.
func TestRegionsWhereEverythingIsLocked(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("root may lock what it likes; the test drops that right, and needs to be root for it")
	}
	for name, how := range map[string]int{"MCL_FUTURE": unix.MCL_FUTURE, "MCL_ONFAULT": unix.MCL_FUTURE | unix.MCL_ONFAULT} {
		t.Run(name, func(t *testing.T) {
			if !testenv.Child(t, func(*osexec.Cmd) {
				runtime.LockOSThread() // for good: the thread from which the child comes has lost the right too
				if err := unix.Prctl(unix.PR_CAPBSET_DROP, unix.CAP_IPC_LOCK, 0, 0, 0); err != nil {
					t.Fatal(err)
				}
			}) {
				return
			}
			testenv.SetLimit(t, unix.RLIMIT_MEMLOCK, 8<<20)
			debug.SetGCPercent(-1) // the runtime ends the process when its own mappings are refused
			if err := unix.Mlockall(how); err != nil {
				t.Skip("mlockall: ", err)
			}
			defer unix.Munlockall()
			path := filepath.Join(t.TempDir(), "r")
			for i := range 20 {
				r, err := region.New[uint64](10)
				testkit.Wants(t, "New", err, nil)
				testkit.Wants(t, "Append", r.Append(1, 2, 3), nil)
				f, err := region.Create[uint64](path+strconv.Itoa(i), 10)
				testkit.Wants(t, "Create", err, nil)
				testkit.Wants(t, "Append", f.Append(1, 2, 3), nil)
				if i == 0 {
					t.Logf("capacities %d, %d", r.Cap(), f.Cap())
				}
				testkit.Wants(t, "Close", f.Close(), nil)
				if i%2 == 0 {
					testkit.Wants(t, "Close", r.Close(), nil)
				}
			}
		})
	}
}
