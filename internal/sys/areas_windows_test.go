package sys

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/typedmem/typedmem/flags"
	"github.com/typedmem/typedmem/internal/testkit"
	"golang.org/x/sys/windows"
)

func list(t *testing.T, pid int, lo, hi uintptr) []Area {
	t.Helper()
	var all []Area
	testkit.Check(t, Areas(pid, lo, hi, func(a Area) bool {
		all = append(all, a)
		return true
	}))
	return all
}

func TestAreasShowWhatIsMapped(t *testing.T) {
	f := newFile(t, 4*unit)
	path, err := filepath.EvalSymlinks(f.Name())
	testkit.Check(t, err)
	for _, c := range []struct {
		name   string
		req    Request
		shared bool
		path   string
	}{
		{"memory", Request{Prot: rw}, false, ""},
		{"shared", Request{Prot: r, Flags: flags.Shared, File: f, Offset: unit}, true, path},
		{"private", Request{Prot: rw, File: f, Offset: unit}, false, path},
		{"private, read-only", Request{Prot: r, File: f, Offset: unit}, false, path},
		{"none", Request{Prot: none, Flags: flags.Shared, File: f, Offset: unit}, true, path},
		{"exec", Request{Prot: rx, File: f, Offset: unit}, false, path},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.req.Len = 3 * unit
			addr, err := Map(c.req)
			testkit.Check(t, err)
			defer func() { testkit.Check(t, Release(addr, 3*unit)) }()
			testkit.Check(t, Protect(addr+unit, unit, r)) // makes it an area of its own
			for _, pid := range []int{0, os.Getpid()} {
				all := list(t, pid, addr+2*unit+5, addr+2*unit+6)
				if len(all) != 1 {
					t.Fatalf("%d areas hold one byte: %+v", len(all), all)
				}
				a, want := all[0], addr+2*unit
				if c.req.Prot == r {
					want = addr
				}
				if a.Start != want || a.End != addr+3*unit || a.AllocationBase != addr {
					t.Errorf("[%#x,%#x) of %#x, want [%#x,%#x) of %#x", a.Start, a.End, a.AllocationBase, want, addr+3*unit, addr)
				}
				if a.Protection != c.req.Prot || a.Shared != c.shared {
					t.Errorf("%v, shared %v, want %v, %v", a.Protection, a.Shared, c.req.Prot, c.shared)
				}
				if !strings.EqualFold(a.Path, c.path) {
					t.Errorf("path %q, want %q", a.Path, c.path)
				}
				if c.path != "" && a.Offset != unit+int64(want-addr) {
					t.Errorf("offset %d, want %d", a.Offset, unit+int64(want-addr))
				}
			}
		})
	}
}

func TestAreasOfReservedAndGuardedPages(t *testing.T) {
	addr, err := Reserve(0, 2*unit, unit, NoFile)
	testkit.Check(t, err)
	defer func() { testkit.Check(t, Release(addr, 2*unit)) }()
	_, err = Map(Request{Addr: addr, Len: unit, Prot: rw, Replace: true})
	testkit.Check(t, err)
	var old uint32
	testkit.Check(t, windows.VirtualProtect(addr, uintptr(PageSize()), windows.PAGE_READWRITE|windows.PAGE_GUARD, &old))
	all := list(t, 0, addr, addr+2*unit)
	if len(all) != 3 {
		t.Fatalf("%d areas, want a guarded, a plain and a reserved one: %+v", len(all), all)
	}
	for i, want := range []flags.Protection{rw, rw, none} {
		if all[i].Protection != want {
			t.Errorf("area %d: %v, want %v", i, all[i].Protection, want)
		}
	}
}

func TestAreasAreAscendingAndComplete(t *testing.T) {
	all := list(t, 0, 0, ^uintptr(0))
	if len(all) < 10 {
		t.Fatalf("a whole process has %d areas", len(all))
	}
	images := 0
	for i, a := range all {
		if a.Start >= a.End || a.AllocationBase > a.Start || i > 0 && a.Start < all[i-1].End {
			t.Errorf("area %d of %+v is out of order", i, a)
		}
		if strings.HasSuffix(strings.ToLower(a.Path), ".dll") && !a.Shared {
			images++
		}
	}
	if images == 0 {
		t.Error("no library is among the areas")
	}
}

func TestAreasAtBothEndsOfTheAddressSpace(t *testing.T) {
	top := ^uintptr(0)
	if got := (memoryBasicInformation{baseAddress: top - 0xfff, regionSize: 0x1000}).end(); got != top {
		t.Errorf("the last page of all ends at %#x", got)
	}
	for _, c := range [][2]uintptr{{top - 1, top}, {top - 1<<20, top}, {0, 1}, {5, 5}, {theSystem().highest, top}} {
		for _, a := range list(t, 0, c[0], c[1]) {
			if a.End <= c[0] || a.Start >= c[1] {
				t.Errorf("[%#x,%#x) was asked for, [%#x,%#x) was returned", c[0], c[1], a.Start, a.End)
			}
		}
	}
}

func TestAreasStopWhenTold(t *testing.T) {
	calls := 0
	testkit.Check(t, Areas(0, 0, ^uintptr(0), func(Area) bool {
		calls++
		return calls < 3
	}))
	if calls != 3 {
		t.Errorf("%d calls, want 3", calls)
	}
}

func TestAreasOfNoProcess(t *testing.T) {
	if err := Areas(1<<30+1, 0, ^uintptr(0), func(Area) bool { return true }); err == nil {
		t.Error("a process that is not there has areas")
	}
}

func TestDrivePath(t *testing.T) {
	target := make([]uint16, windows.MAX_PATH)
	_, err := windows.QueryDosDevice(windows.StringToUTF16Ptr("C:"), &target[0], uint32(len(target)))
	testkit.Check(t, err)
	device := windows.UTF16ToString(target)
	for _, c := range []struct{ name, want string }{
		{`\??\C:\dir\file`, `C:\dir\file`},
		{`\??\UNC\server\share\file`, `\\server\share\file`},
		{`\Device\Mup\server\share\file`, `\\server\share\file`},
		{device + `\dir\file`, `C:\dir\file`},
		{`\Device\NoSuchDevice\file`, `\Device\NoSuchDevice\file`},
		{device + `0\file`, device + `0\file`},
	} {
		if got := drivePath(c.name); got != c.want {
			t.Errorf("%s is %s, want %s", c.name, got, c.want)
		}
	}
}
