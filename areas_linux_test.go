package typedmem_test

import (
	"os"
	"strings"
	"testing"

	"github.com/typedmem/typedmem"
	"github.com/typedmem/typedmem/internal/testenv"
	"github.com/typedmem/typedmem/internal/testkit"
	"github.com/typedmem/typedmem/options"
	"golang.org/x/sys/unix"
)

// A file whose path is longer than the kernel's call for one area can tell is listed, and so is
// what comes after it.
func TestAreaOfAVeryLongPath(t *testing.T) {
	testenv.Differs(t, map[string]string{"qemu-user": "makes up the maps file, without long paths"})
	name := strings.Repeat("d", 200)
	dir, err := unix.Open(t.TempDir(), unix.O_DIRECTORY|unix.O_RDONLY, 0)
	testkit.Check(t, err, "open")
	for range 25 { // a path of 5,000 bytes can only be walked step by step
		testkit.Check(t, unix.Mkdirat(dir, name, 0o700), "mkdir")
		next, err := unix.Openat(dir, name, unix.O_DIRECTORY|unix.O_RDONLY, 0)
		testkit.Check(t, err, "open")
		unix.Close(dir)
		dir = next
	}
	defer unix.Close(dir)
	fd, err := unix.Openat(dir, "file", unix.O_CREAT|unix.O_RDWR, 0o600)
	testkit.Check(t, err, "create")
	f := os.NewFile(uintptr(fd), "file")
	defer f.Close()
	testkit.Check(t, f.Truncate(int64(unit)), "truncate")
	m := testkit.Must(options.New(unit).WithFile(f, 0).Map())(t)
	defer m.Close()
	found, last := false, uintptr(0)
	for a, err := range typedmem.Areas(0) {
		testkit.Check(t, err, "areas")
		if a.Start == m.Addr() {
			found = strings.HasSuffix(a.Path, name+"/file") && len(a.Path) > 5000
		}
		last = a.End
	}
	if !found || last <= m.Addr() {
		t.Errorf("found: %v; the list ends at %#x", found, last)
	}
}

// The list of another process ends, also where that has addresses which this one has not: a 64-bit
// parent of a 32-bit test.
func TestAreasOfTheParentEnd(t *testing.T) {
	last := uintptr(0)
	for a, err := range typedmem.Areas(os.Getppid()) {
		if err != nil {
			t.Log(err)
			break
		}
		if a.Start < last || a.End <= a.Start {
			t.Fatalf("an area from %#x to %#x after one that ended at %#x", a.Start, a.End, last)
		}
		last = a.End
	}
}

// The kernel writes the name of an area to memory that stays where it is, however the stack of the
// goroutine grows meanwhile.
func TestAreaIsNamedOnEveryStack(t *testing.T) {
	testenv.Differs(t, map[string]string{"qemu-user": "makes up the maps file"})
	f := testkit.File(t, pattern(unit))
	m := testkit.Must(options.New(unit).WithFile(f, 0).Map())(t)
	defer m.Close()
	var at func(depth int) string
	at = func(depth int) string {
		var frame [64]byte
		if depth > 0 {
			frame[depth%64] = 1
			return at(depth-1) + string(frame[:0])
		}
		a, _, err := typedmem.AreaAt(typedmem.Self, m.Addr())
		if err != nil {
			return err.Error()
		}
		return a.Path
	}
	for depth := range 200 { // each on a new stack
		got := make(chan string)
		go func() { got <- at(depth) }()
		if path := <-got; path != f.Name() {
			t.Fatalf("depth %d: %q, want %q", depth, path, f.Name())
		}
	}
}
