//go:build linux || darwin || freebsd || netbsd || openbsd || dragonfly

package sys

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/typedmem/typedmem/flags"
	"github.com/typedmem/typedmem/internal/testkit"
)

const rw = flags.Read | flags.Write

// areasNameFiles says whether the system's list of areas holds the names of files.
var areasNameFiles = runtime.GOOS != "openbsd"

// listsInaccessible reports whether the list of areas holds memory that is mapped with no access,
// as at addr. qemu's user mode, which has no prefault either, leaves it out for 32-bit programs.
func listsInaccessible(addr uintptr) bool {
	return runtime.GOOS != "linux" || runtime.GOARCH != "arm" || !errors.Is(Prefault(addr, 0, false), errors.ErrUnsupported)
}

// areaAt returns the area of this process that holds addr.
func areaAt(t *testing.T, addr uintptr) (found Area, ok bool) {
	t.Helper()
	err := Areas(0, addr, addr+1, func(a Area) bool {
		found, ok = a, true
		return false
	})
	if errors.Is(err, errors.ErrUnsupported) {
		t.Skip("the system does not list a process's areas")
	}
	testkit.Check(t, err)
	return found, ok
}

// newFile makes a file with the given bytes.
func newFile(t *testing.T, content []byte) *os.File {
	t.Helper()
	f, err := os.OpenFile(filepath.Join(t.TempDir(), "file"), os.O_RDWR|os.O_CREATE, 0o600)
	testkit.Check(t, err)
	t.Cleanup(func() { f.Close() })
	_, err = f.Write(content)
	testkit.Check(t, err)
	return f
}

// Each step between free, reserved and mapped leaves the range in the state that it promises, for
// memory and for a file.
func TestStatesOfARange(t *testing.T) {
	page := PageSize()
	f := newFile(t, bytes.Repeat([]byte("f"), 4*page))
	for _, c := range []struct {
		name  string
		r     Request
		first byte
	}{
		{"private memory", Request{}, 0},
		{"shared memory", Request{Flags: flags.Shared}, 0},
		{"memory without swap space", Request{Flags: flags.NoReserve}, 0},
		{"memory with every hint", Request{Flags: flags.Populate | flags.Sequential | flags.WillNeed | flags.NoCoreDump | flags.TransparentHugePages}, 0},
		{"private file", Request{File: f, Offset: int64(page)}, 'f'},
		{"shared file", Request{File: f, Offset: int64(page), Flags: flags.Shared}, 'f'},
	} {
		t.Run(c.name, func(t *testing.T) {
			const pages = 2
			base, err := Reserve(0, 4*page, 16*page, placed(c.r))
			testkit.Check(t, err)
			if base%uintptr(16*page) != 0 {
				t.Errorf("reserved at %#x, which is no multiple of %#x", base, 16*page)
			}
			r := c.r
			r.Addr, r.Len, r.Prot, r.Replace = base+uintptr(page), pages*page, rw, true
			addr, err := Map(r)
			testkit.Check(t, err)
			if addr != r.Addr {
				t.Errorf("mapped at %#x instead of %#x", addr, r.Addr)
			}
			data := bytesAt(addr, r.Len)
			if data[0] != c.first || data[r.Len-1] != c.first {
				t.Errorf("the first and the last byte are %d and %d, not %d", data[0], data[r.Len-1], c.first)
			}
			data[0], data[r.Len-1] = 1, 2
			testkit.Check(t, Protect(addr, r.Len, flags.Read))
			if data[0] != 1 || data[r.Len-1] != 2 {
				t.Error("protecting lost what was stored")
			}
			testkit.Check(t, Hold(addr, r.Len))
			r.File, r.Flags = nil, 0
			_, err = Map(r)
			testkit.Check(t, err)
			if data[0] != 0 || data[r.Len-1] != 0 {
				t.Error("memory that was held and mapped again is not zero")
			}
			if a, ok := areaAt(t, addr); !ok || a.Protection != rw || a.Shared || a.Path != "" {
				t.Errorf("memory that was held and mapped again is listed as %+v", a)
			}
			testkit.Check(t, Release(base, 4*page))
		})
	}
}

// A Map that fails after the mapping was made gives it back: a free range is free again, a reserved
// one reserved.
func TestMapUndoesWhatItDid(t *testing.T) {
	page := PageSize()
	f := newFile(t, make([]byte, page))
	refused := errors.New("refused")
	for _, op := range []Op{OpLock, OpAdvise} {
		for _, c := range []struct {
			name string
			r    Request
		}{
			{"memory", Request{}},
			{"file", Request{File: f, Flags: flags.Shared}},
		} {
			t.Run(op.String()+" "+c.name, func(t *testing.T) {
				base, err := Reserve(0, 3*page, page, placed(c.r))
				testkit.Check(t, err)
				r := c.r
				r.Addr, r.Len, r.Prot, r.Replace = base+uintptr(page), page, rw, true
				r.Flags |= flags.Locked | flags.Sequential
				restore := Interpose(func(c Call) error {
					if c.Op == op {
						return refused
					}
					return nil
				})
				defer restore()
				if _, err := Map(r); !errors.Is(err, refused) {
					t.Fatalf("%v, not what the interposed function returns", err)
				}
				if a, ok := areaAt(t, r.Addr); ok != listsInaccessible(base) || a.Protection != flags.None || a.Path != "" {
					t.Errorf("a reserved range is listed as %+v, %v", a, ok)
				}
				testkit.Check(t, Release(base, 3*page))
				r.Replace = false
				if _, err := Map(r); !errors.Is(err, refused) {
					t.Fatalf("%v, not what the interposed function returns", err)
				}
				if a, ok := areaAt(t, r.Addr); ok {
					t.Errorf("a free range is listed as %+v", a)
				}
			})
		}
	}
}

// The list of areas shows a mapping with its range, protection, share mode, file and offset.
func TestAreasShowMappings(t *testing.T) {
	page := PageSize()
	f := newFile(t, make([]byte, 4*page))
	path, err := filepath.EvalSymlinks(f.Name())
	testkit.Check(t, err)
	for _, c := range []struct {
		name string
		r    Request
	}{
		{"read-only private file", Request{File: f, Offset: int64(page), Prot: flags.Read}},
		{"read-write shared file", Request{File: f, Offset: int64(page), Prot: rw, Flags: flags.Shared}},
		{"inaccessible memory", Request{Prot: flags.None}},
		{"read-write memory", Request{Prot: rw}},
	} {
		t.Run(c.name, func(t *testing.T) {
			// Held pages on both sides keep the system from joining the mapping with a neighbour of
			// the same kind.
			base, err := Reserve(0, 4*page, page, placed(c.r))
			testkit.Check(t, err)
			defer func() { testkit.Check(t, Release(base, 4*page)) }()
			r := c.r
			r.Addr, r.Len, r.Replace = base+uintptr(page), 2*page, true
			addr, err := Map(r)
			testkit.Check(t, err)
			a, ok := areaAt(t, addr+1)
			if !ok && r.Prot == flags.None && !listsInaccessible(addr) {
				t.Skip("qemu's user mode lists no inaccessible memory to 32-bit programs")
			}
			if !ok {
				t.Fatalf("no area holds %#x", addr+1)
			}
			if a.Protection != r.Prot {
				t.Errorf("protection %v, not %v", a.Protection, r.Prot)
			}
			if a.Start > addr || a.End < addr+uintptr(r.Len) || a.AllocationBase > a.Start {
				t.Errorf("range [%#x,%#x) of allocation %#x, mapped was [%#x,%#x)", a.Start, a.End, a.AllocationBase, addr, addr+uintptr(r.Len))
			}
			if a.Shared != r.Flags.Has(flags.Shared) {
				t.Errorf("shared is %v", a.Shared)
			}
			if r.File == nil || !areasNameFiles {
				if a.Path != "" || a.Offset != 0 {
					t.Errorf("memory is said to be of %q at offset %d", a.Path, a.Offset)
				}
				return
			}
			if got := a.Offset + int64(addr-a.Start); a.Path != path || got != r.Offset {
				t.Errorf("%q at offset %d, not %q at offset %d", a.Path, got, path, r.Offset)
			}
		})
	}
}

// Areas come in ascending order, none overlaps the next, and each overlaps the range that was asked
// for.
func TestAreasInOrder(t *testing.T) {
	var last, lo uintptr
	count := 0
	check := func(lo, hi uintptr) error {
		last, count = 0, 0
		return Areas(0, lo, hi, func(a Area) bool {
			count++
			if a.End <= a.Start || a.Start < last {
				t.Errorf("area [%#x,%#x) after one that ends at %#x", a.Start, a.End, last)
			}
			if a.End <= lo || a.Start >= hi {
				t.Errorf("area [%#x,%#x) lies outside [%#x,%#x)", a.Start, a.End, lo, hi)
			}
			last = a.End
			return true
		})
	}
	if err := check(0, ^uintptr(0)); errors.Is(err, errors.ErrUnsupported) {
		t.Skip("the system does not list a process's areas")
	} else if testkit.Check(t, err); count < 3 {
		t.Errorf("%d areas, fewer than any process has", count)
	}
	lo, err := Map(Request{Len: 2 * PageSize(), Prot: rw})
	testkit.Check(t, err)
	testkit.Check(t, check(lo+1, lo+2))
	if count != 1 {
		t.Errorf("%d areas hold one byte", count)
	}
	testkit.Check(t, check(lo, lo))
	if count != 0 {
		t.Errorf("%d areas overlap an empty range", count)
	}
	testkit.Check(t, Release(lo, 2*PageSize()))
}

// Allocate makes a file longer and never shorter, and changes no byte of it.
func TestAllocateKeepsContents(t *testing.T) {
	for _, c := range []struct{ size, off, n, want int64 }{
		{0, 0, 1, 1},
		{0, 0, 100_000, 100_000},
		{5, 0, 100_000, 100_000},
		{5, 5, 100_000, 100_005},
		{5, 70_000, 10, 70_010},
		{100_000, 10, 20, 100_000},
	} {
		content := bytes.Repeat([]byte("x"), int(c.size))
		f := newFile(t, content)
		testkit.Check(t, Allocate(f, c.off, c.n))
		got, err := os.ReadFile(f.Name())
		testkit.Check(t, err)
		if want := append(content, make([]byte, c.want-c.size)...); !bytes.Equal(got, want) {
			t.Errorf("%d bytes, allocated [%d,%d): %d bytes of other contents, not %d", c.size, c.off, c.off+c.n, len(got), len(want))
		}
	}
}

// Zero clears exactly the bytes asked for, at any alignment, and keeps the file's length.
func TestZeroClearsExactly(t *testing.T) {
	const size = 300_000
	for _, c := range []struct{ off, n int64 }{
		{0, 0}, {0, 1}, {0, size}, {1, size - 2}, {4096, 8192}, {4095, 8194}, {100, 50}, {size - 1, 1}, {65536, 131072},
		{size - 10, 1000}, {size, 10}, {size + 5000, 10}, {3, 1 << 40},
	} {
		want := bytes.Repeat([]byte("x"), size)
		f := newFile(t, want)
		testkit.Check(t, Zero(f, c.off, c.n))
		clear(want[min(c.off, size):min(c.off+c.n, size)])
		got, err := os.ReadFile(f.Name())
		testkit.Check(t, err)
		if !bytes.Equal(got, want) {
			t.Errorf("zeroing [%d,%d) of %d bytes left %d bytes of other contents than it should", c.off, c.off+c.n, size, len(got))
		}
	}
}

// What is stored into a shared mapping and flushed, or synced, is in the file.
func TestFlushReachesTheFile(t *testing.T) {
	page := PageSize()
	f := newFile(t, make([]byte, page))
	addr, err := Map(Request{Len: page, Prot: rw, File: f, Flags: flags.Shared})
	testkit.Check(t, err)
	for v, flush := range []func() error{
		func() error { return Flush(addr, page, f, false) },
		func() error { return Flush(addr, page, f, true) },
		func() error { return Flush(addr, page, nil, false) },
		func() error { return SyncFile(f) },
	} {
		bytesAt(addr, page)[page-1] = byte(v + 1)
		testkit.Check(t, flush())
		got, err := os.ReadFile(f.Name())
		testkit.Check(t, err)
		if got[page-1] != byte(v+1) {
			t.Errorf("flush %d: the file holds %d", v, got[page-1])
		}
	}
	testkit.Check(t, Release(addr, page))
}

// The writer lock of a file is held against every other open of it and freed with the last handle.
func TestLockFileExcludesOthers(t *testing.T) {
	f := newFile(t, nil)
	other, err := os.OpenFile(f.Name(), os.O_RDWR, 0)
	testkit.Check(t, err)
	defer other.Close()
	testkit.Check(t, LockFile(f))
	again, err := Duplicate(f)
	testkit.Check(t, err)
	testkit.Check(t, f.Close())
	if err := LockFile(other); !errors.Is(err, ErrLocked) {
		t.Errorf("while a duplicate handle is open: %v, not ErrLocked", err)
	}
	testkit.Check(t, again.Close())
	testkit.Check(t, LockFile(other))
}

// Prefault brings the pages of a file in and fails for a missing page. It never reports success for
// what it did not do.
func TestPrefaultFindsMissingPages(t *testing.T) {
	page := PageSize()
	f := newFile(t, make([]byte, page+1))
	addr, err := Map(Request{Len: 4 * page, Prot: rw, File: f, Flags: flags.Shared})
	testkit.Check(t, err)
	defer func() { testkit.Check(t, Release(addr, 4*page)) }()
	for _, write := range []bool{false, true} {
		err := Prefault(addr, 2*page, write)
		if errors.Is(err, errors.ErrUnsupported) {
			t.Skip("the system has no call that brings pages in and reports those that cannot come")
		}
		testkit.Check(t, err)
		if err := Prefault(addr, 4*page, write); !errors.Is(err, ErrNoPage) {
			t.Errorf("two pages past the end of the file, for writing %v: %v, not ErrNoPage", write, err)
		}
	}
}

// Sizes and names that cannot change while the system runs do not.
func TestSystemFacts(t *testing.T) {
	sizes, err := PageSizes()
	testkit.Check(t, err)
	if base, ok := flags.PageSizeOf(int64(PageSize())); !ok || !sizes.Has(base) {
		t.Errorf("page sizes %v lack the base page of %d bytes", sizes, PageSize())
	}
	if huge, err := HugePageSize(); err == nil && (!sizes.Has(huge) || huge.Bytes() <= int64(PageSize())) {
		t.Errorf("huge pages of %v, page sizes %v", huge, sizes)
	} else if err != nil && !errors.Is(err, errors.ErrUnsupported) {
		t.Error(err)
	}
	first, ok1 := BootID()
	second, ok2 := BootID()
	if first != second || ok1 != ok2 || ok1 && first == [16]byte{} {
		t.Errorf("boot IDs %x %v and %x %v", first, ok1, second, ok2)
	}
}

// placed is the offset of what a request maps, for Reserve.
func placed(r Request) int64 {
	if r.File == nil {
		return NoFile
	}
	return r.Offset
}
