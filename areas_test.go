package typedmem_test

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	osexec "os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/typedmem/typedmem"
	"github.com/typedmem/typedmem/flags"
	"github.com/typedmem/typedmem/internal/testenv"
	"github.com/typedmem/typedmem/internal/testkit"
	"github.com/typedmem/typedmem/options"
)

// linesLeftOut skips a test whose area is missing where the emulator leaves lines out of the maps
// file that it makes up.
func linesLeftOut(t *testing.T) {
	t.Helper()
	if testenv.Emulator() == "qemu-user" && page != 4096 {
		t.Skip("qemu-user: with pages larger than the host's, its /proc/self/maps lacks lines")
	}
}

func TestAreasAreInOrderAndShowOurs(t *testing.T) {
	for name, c := range map[string]struct {
		o       options.Options
		file    bool
		share   typedmem.ShareMode
		offset  int64
		protect flags.Protection
	}{
		"anonymous":   {o: options.New(3 * unit), protect: mut},
		"file":        {o: options.New(3*unit).WithFile(testkit.File(t, pattern(8*unit)), int64(2*unit)), file: true, offset: int64(2 * unit), protect: mut},
		"shared file": {o: options.New(3*unit).WithFile(testkit.File(t, pattern(8*unit)), int64(unit)).WithFlags(flags.Shared), file: true, share: typedmem.Shared, offset: int64(unit), protect: mut},
		"shared":      {o: options.New(3 * unit).WithFlags(flags.Shared), share: typedmem.Shared, protect: mut},
	} {
		t.Run(name, func(t *testing.T) {
			m := mapMut(t, c.o)
			m.Bytes()[0] = 1
			a, ok := areaAt(t, m.Addr()+uintptr(unit))
			if !ok {
				linesLeftOut(t)
			}
			if !ok || a.Start > m.Addr() || a.End < m.Addr()+uintptr(3*unit) && a.Start != m.Addr() {
				t.Fatalf("%+v, %v; the mapping is at %#x", a, ok, m.Addr())
			}
			if a.Protection != c.protect {
				t.Errorf("protection %v", a.Protection)
			}
			if runtime.GOOS != "windows" && a.Share != c.share { // Windows tells files from memory, not shared from private memory
				t.Errorf("share mode %v, want %v", a.Share, c.share)
			}
			if (a.Path != "") != c.file {
				t.Errorf("path %q", a.Path)
			}
			if c.file && a.Offset+int64(m.Addr()-a.Start) != c.offset {
				t.Errorf("offset %d at %#x, want %d at %#x", a.Offset, a.Start, c.offset, m.Addr())
			}
			seen := false
			last := uintptr(0)
			for a, err := range typedmem.Areas(typedmem.Self) {
				testkit.Check(t, err, "areas")
				if a.Start < last || a.End <= a.Start {
					t.Errorf("%#x-%#x after %#x", a.Start, a.End, last)
				}
				last = a.End
				seen = seen || a.Start <= m.Addr() && m.Addr() < a.End
			}
			if !seen {
				t.Error("the mapping is not in the list")
			}
			count := 0
			for a, err := range typedmem.AreasIn(typedmem.Self, m.Addr()+1, m.Addr()+2) {
				testkit.Check(t, err, "areas")
				count++
				if a.Start > m.Addr() || a.End <= m.Addr() {
					t.Errorf("%#x-%#x", a.Start, a.End)
				}
			}
			if count != 1 {
				t.Errorf("%d areas hold one address", count)
			}
		})
	}
}

// The list shows each mapping's protection.
func TestAreasOfEachProtection(t *testing.T) {
	m := mapMut(t, options.New(unit).WithUnsafeFlags(flags.JIT))
	for _, c := range changes {
		if _, refused := wxRefused[runtime.GOOS]; refused && c.to == execMut {
			continue
		}
		testkit.Check(t, c.do(m), c.name)
		a, ok := areaAt(t, m.Addr())
		if testenv.Emulator() == "qemu-user" && ok && a.Start < m.Addr() {
			continue // qemu joins what the host does not tell apart, and shows the protection of the first page for all
		}
		if !ok || a.Protection != c.to {
			t.Errorf("after %s: %v, %v", c.name, a.Protection, ok)
		}
	}
}

func TestAreasAtTheEnds(t *testing.T) {
	if _, ok := areaAt(t, 0); ok {
		t.Error("something is mapped at address 0")
	}
	if _, ok := areaAt(t, math.MaxUint); ok {
		t.Error("something is mapped at the last address")
	}
	for range typedmem.AreasIn(typedmem.Self, 100, 100) {
		t.Error("an empty range holds an area")
	}
	for _, err := range typedmem.AreasIn(typedmem.Self, 2, 1) {
		testkit.Wants(t, "a reversed range", err, typedmem.ErrBounds)
	}
	for _, err := range typedmem.Areas(-1) {
		testkit.Wants(t, "a negative process", err, typedmem.ErrBounds)
	}
	for range typedmem.Areas(typedmem.Self) {
		break // the list can be left
	}
}

func TestAreasOfAMissingProcess(t *testing.T) {
	areaAt(t, 0)
	errs := 0
	for _, err := range typedmem.Areas(math.MaxInt32 - 3) {
		if errs++; err == nil {
			t.Error("an area of no process")
		} else if runtime.GOOS == "linux" && !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%v", err)
		}
	}
	if errs != 1 {
		t.Errorf("%d errors", errs)
	}
	_, _, err := typedmem.AreaAt(math.MaxInt32-3, 0x1000)
	if err == nil {
		t.Error("AreaAt: no error")
	}
}

// The child of TestAreasOfAnotherProcess maps a file, says where, and waits for its end.
func TestAreasOfAnotherProcess(t *testing.T) {
	if path := os.Getenv("TYPEDMEM_TEST_CHILD"); path != "" {
		f, err := os.Open(path)
		testkit.Check(t, err, "open")
		m, err := options.New(2*unit).WithFile(f, int64(unit)).Map()
		testkit.Check(t, err, "map")
		fmt.Printf("at %d\n", m.Addr())
		_, _ = bufio.NewReader(os.Stdin).ReadString('\n')
		runtime.KeepAlive(m)
		return
	}
	testenv.Processes(t)
	areaAt(t, 0)
	f := testkit.File(t, pattern(4*unit))
	child := osexec.Command(os.Args[0], "-test.run=^TestAreasOfAnotherProcess$", "-test.v")
	child.Env = append(os.Environ(), "TYPEDMEM_TEST_CHILD="+f.Name())
	stdin, err := child.StdinPipe()
	testkit.Check(t, err, "pipe")
	stdout, err := child.StdoutPipe()
	testkit.Check(t, err, "pipe")
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		stdin.Close()
		if err := child.Wait(); err != nil {
			t.Errorf("the child: %v", err)
		}
	}()
	var addr uintptr
	for lines := bufio.NewScanner(stdout); lines.Scan(); {
		if _, err := fmt.Sscanf(lines.Text(), "at %d", &addr); err == nil {
			break
		}
	}
	if addr == 0 {
		t.Fatal("the child said nothing")
	}
	a, ok, err := typedmem.AreaAt(child.Process.Pid, addr)
	testkit.Check(t, err, "AreaAt")
	offset := int64(unit)
	if runtime.GOOS == "windows" {
		offset = 0 // Windows does not tell where in the file another process's view begins
	}
	if !ok || a.Start != addr || a.End != addr+uintptr(2*unit) || a.Protection != read || a.Offset != offset || filepath.Base(a.Path) != filepath.Base(f.Name()) {
		t.Errorf("%+v", a)
	}
	count := 0
	for _, err := range typedmem.Areas(child.Process.Pid) {
		testkit.Check(t, err, "areas")
		count++
	}
	if count < 5 {
		t.Errorf("%d areas", count)
	}
}

// Names of files arrive as the file system has them.
func TestPathsOfAreas(t *testing.T) {
	testenv.Differs(t, map[string]string{"windows": "names hold no such characters, and an open file is not removed"})
	areaAt(t, 0)
	for _, name := range []string{"plain", "with space", "  leading", "new\nline", "back\\slash", "trailing ", "ünïcödé", "odd (deleted)", "(deleted)", "[heap]", "a:b-c"} {
		for _, remove := range []bool{false, true} {
			path := filepath.Join(t.TempDir(), name)
			testkit.Check(t, os.WriteFile(path, pattern(unit), 0o600), "write")
			f, err := os.Open(path)
			testkit.Check(t, err, "open")
			m, err := options.New(unit).WithFile(f, 0).Map()
			testkit.Check(t, err, "map")
			f.Close()
			if remove {
				testkit.Check(t, os.Remove(path), "remove")
			}
			a, ok := areaAt(t, m.Addr())
			if !ok || a.Label != "" {
				t.Errorf("%q: %+v", name, a)
			}
			if runtime.GOOS == "linux" && (a.Path != path || a.Deleted != remove) {
				t.Errorf("%q, removed %v: path %q, deleted %v", name, remove, a.Path, a.Deleted)
			}
			testkit.Check(t, m.Close(), "close")
		}
	}
}

// Memory that is no file has no path: the heap, the stack, memory that processes share.
func TestLabelsAreNoPaths(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("only Linux labels memory")
	}
	labels := 0
	for a, err := range typedmem.Areas(typedmem.Self) {
		testkit.Check(t, err, "areas")
		if strings.HasPrefix(a.Path, "[") {
			t.Errorf("%q is no file", a.Path)
		}
		if a.Label != "" {
			if labels++; a.Path != "" || a.Offset != 0 {
				t.Errorf("%+v", a)
			}
		}
	}
	if labels == 0 {
		linesLeftOut(t)
		t.Error("not even a stack")
	}
}
