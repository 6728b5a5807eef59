package sys

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"unsafe"

	"github.com/typedmem/typedmem/flags"
	"github.com/typedmem/typedmem/internal/testkit"
	"golang.org/x/sys/windows"
)

const unit = 1 << 16 // the granularity of every Windows

// quiet is the middle of the largest free range of addresses, where neither the system nor the Go
// runtime places anything: what a test frees there stays free.
var quiet = func() uintptr {
	var best memoryBasicInformation
	for addr := uintptr(0); ; {
		info, ok, err := virtualQuery(windows.CurrentProcess(), addr)
		if !ok || err != nil || info.baseAddress+info.regionSize <= addr {
			return (best.baseAddress + best.regionSize/2) &^ (unit - 1)
		}
		if info.state == memFree && info.regionSize > best.regionSize {
			best = info
		}
		addr = info.baseAddress + info.regionSize
	}
}()

// at returns n bytes of memory.
func at(addr uintptr, n int) []byte {
	// SAFETY: the tests pass ranges that they mapped; the memory is off the Go heap.
	return unsafe.Slice((*byte)(unsafe.Add(unsafe.Pointer(nil), addr)), n)
}

// newFile makes a file of n bytes whose page i is filled with the byte i+1, and opens it for
// reading and writing.
func newFile(t *testing.T, n int) *os.File {
	t.Helper()
	content := make([]byte, n)
	for i := range content {
		content[i] = byte(i/PageSize() + 1)
	}
	path := filepath.Join(t.TempDir(), "file")
	testkit.Check(t, os.WriteFile(path, content, 0o600))
	return open(t, path, os.O_RDWR)
}

func open(t *testing.T, path string, how int) *os.File {
	t.Helper()
	f, err := os.OpenFile(path, how, 0)
	testkit.Check(t, err)
	t.Cleanup(func() { f.Close() })
	return f
}

// state is what VirtualQuery says of an address: memFree, MEM_RESERVE or MEM_COMMIT, and the
// protection of committed memory.
func state(t *testing.T, addr uintptr) (state uint32, protection uint32) {
	t.Helper()
	info, ok, err := virtualQuery(windows.CurrentProcess(), addr)
	if err != nil || !ok {
		t.Fatalf("VirtualQuery of %#x: %v, %v", addr, ok, err)
	}
	return info.state, info.protect
}

// wantState checks every page of a range.
func wantState(t *testing.T, addr uintptr, n int, want uint32) {
	t.Helper()
	for a := addr; a < addr+uintptr(n); a += uintptr(PageSize()) {
		if got, _ := state(t, a); got != want {
			t.Fatalf("the page %#x of [%#x,%#x) is in state %#x, want %#x", a, addr, addr+uintptr(n), got, want)
		}
	}
}

// wantGone checks that neither the system nor the table knows the range any more.
func wantGone(t *testing.T, addr uintptr, n int) {
	t.Helper()
	wantState(t, addr, n, memFree)
	owned.Lock()
	defer owned.Unlock()
	if i := owned.after(addr); i < len(owned.parts) && owned.parts[i].start < addr+uintptr(n) {
		t.Fatalf("the table still has [%#x,%#x)", owned.parts[i].start, owned.parts[i].end)
	}
}

// eachWay runs a test with placeholders and without.
func eachWay(t *testing.T, f func(t *testing.T)) {
	t.Run("placeholders", func(t *testing.T) {
		if !hasPlaceholders() {
			t.Skip("this Windows has no placeholders")
		}
		f(t)
	})
	t.Run("plain", func(t *testing.T) {
		withoutPlaceholders = true
		defer func() { withoutPlaceholders = false }()
		f(t)
	})
}

func needPlaceholders(t *testing.T) {
	t.Helper()
	if !hasPlaceholders() {
		t.Skip("this Windows has no placeholders")
	}
}

func TestReservedMemoryIsCommittedHeldAndReleased(t *testing.T) {
	addr, err := Reserve(quiet, 4*unit, unit, NoFile)
	testkit.Check(t, err)
	wantState(t, addr, 4*unit, windows.MEM_RESERVE)

	r := Request{Addr: addr + unit, Len: 2 * unit, Prot: flags.Read | flags.Write, Replace: true}
	got, err := Map(r)
	testkit.Check(t, err)
	if got != addr+unit {
		t.Fatalf("mapped at %#x, want %#x", got, addr+unit)
	}
	wantState(t, addr, unit, windows.MEM_RESERVE)
	wantState(t, addr+unit, 2*unit, windows.MEM_COMMIT)
	wantState(t, addr+3*unit, unit, windows.MEM_RESERVE)
	at(got, 2*unit)[2*unit-1] = 7

	testkit.Check(t, Hold(addr, 4*unit))
	wantState(t, addr, 4*unit, windows.MEM_RESERVE)

	_, err = Map(r)
	testkit.Check(t, err)
	if b := at(got, 2*unit)[2*unit-1]; b != 0 {
		t.Fatalf("memory that was given back still has %d in it", b)
	}
	testkit.Check(t, Release(addr, 4*unit))
	wantGone(t, addr, 4*unit)
}

func TestPartsOfMemoryAreGivenBackApart(t *testing.T) {
	page := PageSize()
	addr, err := Map(Request{Addr: quiet, Len: 4 * page, Prot: flags.Read | flags.Write})
	testkit.Check(t, err)
	testkit.Check(t, Hold(addr+uintptr(page), page))
	at(addr, 1)[0], at(addr+uintptr(2*page), 1)[0] = 1, 2
	wantState(t, addr+uintptr(page), page, windows.MEM_RESERVE)
	testkit.Check(t, Release(addr, 2*page))
	wantState(t, addr, 2*page, windows.MEM_RESERVE)
	wantState(t, addr+uintptr(2*page), 2*page, windows.MEM_COMMIT)
	if err := Release(addr, page); !errors.Is(err, windows.ERROR_INVALID_ADDRESS) {
		t.Fatalf("releasing what is released: %v", err)
	}
	testkit.Check(t, Release(addr+uintptr(2*page), 2*page))
	wantGone(t, addr, 4*page)
}

func TestViewIsMappedHeldAndReleased(t *testing.T) {
	eachWay(t, func(t *testing.T) {
		f := newFile(t, 4*unit)
		addr, err := Map(Request{Addr: quiet, Len: 2 * unit, Prot: flags.Read | flags.Write, Flags: flags.Shared, File: f, Offset: unit})
		testkit.Check(t, err)
		page := PageSize()
		if got, want := at(addr, 2*unit)[2*unit-1], byte(3*unit/page); got != want {
			t.Fatalf("the last byte is %d, want %d", got, want)
		}
		at(addr, 1)[0] = 200
		testkit.Check(t, Flush(addr, 2*unit, f, false))
		got := make([]byte, 1)
		if _, err := f.ReadAt(got, unit); err != nil || got[0] != 200 {
			t.Fatalf("the file has %d, %v, want 200", got[0], err)
		}
		testkit.Check(t, Hold(addr, 2*unit))
		if s, p := state(t, addr); s == memFree || p != 0 && p != windows.PAGE_NOACCESS {
			t.Fatalf("a held view is in state %#x with protection %#x", s, p)
		}
		if hasPlaceholders() {
			wantState(t, addr, 2*unit, windows.MEM_RESERVE)
		}
		testkit.Check(t, Release(addr, 2*unit))
		wantGone(t, addr, 2*unit)
	})
}

func TestPartsOfViewAreGivenBackApart(t *testing.T) {
	eachWay(t, func(t *testing.T) {
		page := PageSize()
		part := func(addr uintptr, i int) uintptr { return addr + uintptr(i*page) }
		f := newFile(t, 6*page)
		addr, err := Map(Request{Addr: quiet, Len: 6 * page, Prot: flags.Read, Flags: flags.Shared, File: f})
		testkit.Check(t, err)
		testkit.Check(t, Hold(part(addr, 1), page))
		testkit.Check(t, Release(part(addr, 3), page))
		for i, readable := range []bool{true, false, true, false, true, true} {
			if _, p := state(t, part(addr, i)); (p == windows.PAGE_READONLY) != readable {
				t.Fatalf("page %d has protection %#x", i, p)
			}
			if readable && at(part(addr, i), 1)[0] != byte(i+1) {
				t.Fatalf("page %d has %d in it", i, at(part(addr, i), 1)[0])
			}
		}
		testkit.Check(t, Hold(addr, 3*page))
		testkit.Check(t, Hold(part(addr, 4), 2*page))
		if hasPlaceholders() {
			for i, want := range []uint32{windows.MEM_RESERVE, windows.MEM_RESERVE, windows.MEM_RESERVE, memFree, windows.MEM_RESERVE, windows.MEM_RESERVE} {
				wantState(t, part(addr, i), page, want)
			}
		}
		testkit.Check(t, Release(part(addr, 4), 2*page))
		testkit.Check(t, Release(addr, 3*page))
		wantGone(t, addr, 6*page)
	})
}

func TestViewsMadeApartAreReleasedAsOne(t *testing.T) {
	needPlaceholders(t)
	f := newFile(t, 4*unit)
	addr, err := Reserve(quiet, 5*unit, unit, 0)
	testkit.Check(t, err)
	for i := range uintptr(4) {
		_, err := Map(Request{Addr: addr + i*unit, Len: unit, Prot: flags.Read | flags.Write, Flags: flags.Shared, File: f, Offset: int64(i * unit),
			Replace: true})
		testkit.Check(t, err)
	}
	testkit.Check(t, Protect(addr, 4*unit, flags.Read))
	testkit.Check(t, Protect(addr, 4*unit, flags.Read|flags.Write))
	testkit.Check(t, Lock(addr, 4*unit))
	testkit.Check(t, Unlock(addr, 4*unit))
	testkit.Check(t, Flush(addr+unit/2, 3*unit, f, false))
	testkit.Check(t, Prefault(addr, 4*unit, false))
	testkit.Check(t, Hold(addr+unit/2, 3*unit))
	testkit.Check(t, Release(addr, 5*unit))
	wantGone(t, addr, 5*unit)
}

// A range that was partly held shows the file again when it is mapped again, whatever became of it
// in between.
func TestHeldTailIsMappedAgain(t *testing.T) {
	needPlaceholders(t)
	for _, c := range []struct {
		name  string
		flags flags.Map
	}{{"shared", flags.Shared}, {"private", 0}} {
		t.Run(c.name, func(t *testing.T) {
			page := PageSize()
			f := newFile(t, 4*unit-page/2)
			addr, err := Reserve(quiet, 4*unit, unit, 0)
			testkit.Check(t, err)
			first := Request{Addr: addr, Len: 2 * unit, Prot: flags.Read | flags.Write, Flags: c.flags, File: f, Replace: true}
			_, err = Map(first)
			testkit.Check(t, err)
			at(addr, 1)[0] = 99
			at(addr+unit, 1)[0] = 100
			testkit.Check(t, Hold(addr+unit, unit))

			again := first
			again.Addr, again.Offset, again.Len = addr+unit, unit, 3*unit
			_, err = Map(again)
			testkit.Check(t, err)
			want := byte(unit/page + 1)
			if c.flags.Has(flags.Shared) {
				want = 100
			}
			if got := at(addr+unit, 1)[0]; got != want {
				t.Errorf("the tail begins with %d, want %d", got, want)
			}
			if got := at(addr, 1)[0]; got != 99 {
				t.Errorf("the head begins with %d, want 99", got)
			}
			tail := at(addr+uintptr(4*unit-page), page)
			if tail[0] != byte(4*unit/page) || tail[page-1] != 0 {
				t.Errorf("the last page has %d and %d in it", tail[0], tail[page-1])
			}
			if _, err := Map(again); err == nil {
				t.Error("what is mapped was mapped over")
			}
			testkit.Check(t, Release(addr, 4*unit))
			wantGone(t, addr, 4*unit)
		})
	}
}

func TestFailedMapIsTakenBack(t *testing.T) {
	needPlaceholders(t)
	f := newFile(t, 4*unit)
	addr, err := Reserve(quiet, 4*unit, unit, 0)
	testkit.Check(t, err)
	req := Request{Addr: addr + unit, Len: 2 * unit, Prot: flags.Read, Flags: flags.Shared, File: f, Offset: unit, Replace: true}
	_, err = Map(req)
	testkit.Check(t, err)
	testkit.Check(t, Hold(addr+unit, unit)) // now part of a view, where another file cannot be mapped; the range before it is free for that
	other := req
	other.Addr, other.File, other.Offset = addr, newFile(t, 4*unit), 0
	if _, err := Map(other); !errors.Is(err, errors.ErrUnsupported) {
		t.Fatalf("mapping another file into a part of a view: %v", err)
	}
	wantState(t, addr, unit, windows.MEM_RESERVE)
	if got, want := at(addr+2*unit, 1)[0], byte(2*unit/PageSize()+1); got != want {
		t.Errorf("the part in use has %d in it, want %d", got, want)
	}
	other.File = f
	_, err = Map(other)
	testkit.Check(t, err)
	if got, want := at(addr+unit, 1)[0], byte(unit/PageSize()+1); got != want {
		t.Errorf("the part that was mapped again has %d in it, want %d", got, want)
	}
	testkit.Check(t, Release(addr, 4*unit))
	wantGone(t, addr, 4*unit)
}

// What a private mapping wrote past the end of the file is gone when that part is mapped again.
func TestHeldEndOfPrivateViewIsZeroAgain(t *testing.T) {
	needPlaceholders(t)
	page := PageSize()
	addr, err := Reserve(quiet, unit, unit, 0)
	testkit.Check(t, err)
	req := Request{Addr: addr, Len: 2 * page, Prot: flags.Read | flags.Write, File: newFile(t, 2*page-10), Replace: true}
	_, err = Map(req)
	testkit.Check(t, err)
	at(addr, 2*page)[2*page-1] = 5
	testkit.Check(t, Hold(addr+uintptr(page), page))
	req.Addr, req.Offset, req.Len = addr+uintptr(page), int64(page), page
	_, err = Map(req)
	testkit.Check(t, err)
	if got, want := at(addr+uintptr(page), page), append(bytes.Repeat([]byte{2}, page-10), make([]byte, 10)...); !bytes.Equal(got, want) {
		t.Errorf("the page ends with %v, want %v", got[page-12:], want[page-12:])
	}
	testkit.Check(t, Release(addr, unit))
}

// A step after mapping that fails takes the mapping back.
func TestFailedLockUnmaps(t *testing.T) {
	eachWay(t, func(t *testing.T) {
		refused := errors.New("refused by the test")
		var mapped uintptr
		restore := Interpose(func(c Call) error {
			if c.Op != OpLock {
				return nil
			}
			mapped = c.Addr
			return refused
		})
		defer restore()
		for _, f := range []*os.File{nil, newFile(t, unit)} {
			if _, err := Map(Request{Addr: quiet, Len: unit, Prot: flags.Read, Flags: flags.Locked, File: f}); !errors.Is(err, refused) {
				t.Fatalf("mapping with a lock that fails: %v", err)
			}
			wantGone(t, mapped, unit)
		}
	})
}

func TestHintIsHonoured(t *testing.T) {
	eachWay(t, func(t *testing.T) {
		f := newFile(t, 3*unit)
		free, err := Reserve(quiet, 8*unit, unit, NoFile)
		testkit.Check(t, err)
		testkit.Check(t, Release(free, 8*unit))
		hint := free + unit
		for _, c := range []struct {
			name string
			do   func() (uintptr, error)
		}{
			{"reserve", func() (uintptr, error) { return Reserve(hint, 3*unit, unit, NoFile) }},
			{"reserve for a file", func() (uintptr, error) { return Reserve(hint, 3*unit, unit, 0) }},
			{"memory", func() (uintptr, error) { return Map(Request{Addr: hint, Len: 3 * unit, Prot: flags.Read}) }},
			{"file", func() (uintptr, error) { return Map(Request{Addr: hint, Len: 3 * unit, Prot: flags.Read, File: f}) }},
		} {
			addr, err := c.do()
			if err != nil || addr != hint {
				t.Fatalf("%s: at %#x (%v), the hint was %#x", c.name, addr, err, hint)
			}
			other, err := c.do()
			if err != nil || other == hint {
				t.Fatalf("%s with a hint that is taken: at %#x, %v", c.name, other, err)
			}
			testkit.Check(t, Release(other, 3*unit))
			testkit.Check(t, Release(addr, 3*unit))
			wantGone(t, addr, 3*unit)
		}
	})
}

func TestReserveAligns(t *testing.T) {
	for _, offset := range []int64{NoFile, 0} {
		for align := unit; align <= 1<<24; align *= 4 {
			addr, err := Reserve(0, unit, align, offset)
			testkit.Check(t, err)
			if addr%uintptr(align) != 0 {
				t.Errorf("%#x is no multiple of %#x", addr, align)
			}
			testkit.Check(t, Release(addr, unit))
		}
	}
}

func TestWhatWindowsCannotDoIsUnsupported(t *testing.T) {
	if _, err := Map(Request{Addr: 1 << 24, Len: unit, Unsafe: flags.Fixed}); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("Fixed: %v", err)
	}
	if _, err := Map(Request{Len: 1 << 30, PageSize: flags.Page16G}); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("a page size that Windows lacks: %v", err)
	}
	if err := Hold(0x10000, unit); !errors.Is(err, windows.ERROR_INVALID_ADDRESS) || !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("holding a range that is not ours: %v", err)
	}
	if _, err := Reserve(0, int(^uint(0)>>1), unit, NoFile); !OutOfAddresses(err) {
		t.Errorf("more than an address space: %v", err)
	}
}

func TestLargePagesAreRealOrRefused(t *testing.T) {
	p, err := HugePageSize()
	if err != nil {
		if !errors.Is(err, errors.ErrUnsupported) {
			t.Fatal(err)
		}
		t.Skip("no large pages: ", err)
	}
	addr, err := Map(Request{Len: int(p.Bytes()), Prot: flags.Read | flags.Write, PageSize: p})
	if err != nil {
		t.Skip("the account may have no large pages, or none are free: ", err)
	}
	defer func() { testkit.Check(t, Release(addr, int(p.Bytes()))) }()
	at(addr, 1)[0] = 1
	info := windows.PSAPI_WORKING_SET_EX_INFORMATION{VirtualAddress: windows.Pointer(unsafe.Pointer(&at(addr, 1)[0]))}
	testkit.Check(t, windows.QueryWorkingSetEx(windows.CurrentProcess(), uintptr(unsafe.Pointer(&info)), uint32(unsafe.Sizeof(info))))
	if !info.VirtualAttributes.LargePage() {
		t.Errorf("%d bytes that were promised in a large page are not in one", p.Bytes())
	}
}

func TestLockAndUnlock(t *testing.T) {
	const n = 8 << 20 // more than the working set's usual minimum
	addr, err := Map(Request{Addr: quiet, Len: n, Prot: flags.Read | flags.Write, Flags: flags.Locked})
	testkit.Check(t, err)
	testkit.Check(t, Unlock(addr, n))
	testkit.Check(t, Unlock(addr, n)) // like munlock it accepts pages that are not locked
	testkit.Check(t, Lock(addr, unit))
	testkit.Check(t, Unlock(addr, n))
	testkit.Check(t, Release(addr, n))
	wantGone(t, addr, n)
}

func TestPrefaultReportsPageThatCannotCome(t *testing.T) {
	addr, err := Map(Request{Len: 2 * unit, Prot: flags.Read | flags.Write, Flags: flags.Populate | flags.WillNeed})
	testkit.Check(t, err)
	testkit.Check(t, Prefault(addr, 2*unit, true))
	testkit.Check(t, Advise(addr, 2*unit, flags.Advice))
	testkit.Check(t, Protect(addr+unit, unit, flags.None))
	if err := Prefault(addr, 2*unit, false); !errors.Is(err, ErrNoPage) {
		t.Errorf("prefault of a page without access: %v", err)
	}
	testkit.Check(t, Release(addr, 2*unit))
}

func TestBootIDIsStable(t *testing.T) {
	first, ok := BootID()
	second, ok2 := BootID()
	if !ok || !ok2 || first != second || first == [16]byte{} {
		t.Errorf("%x %v, then %x %v", first, ok, second, ok2)
	}
}

// Mapping, failing to map, locking, duplicating and listing leave no handle and no address behind.
func TestNothingIsLeft(t *testing.T) {
	f := newFile(t, 2*unit)
	readOnly := open(t, f.Name(), os.O_RDONLY)
	round := func() {
		for _, file := range []*os.File{f, readOnly} {
			for _, fl := range []flags.Map{0, flags.Shared} {
				for p := flags.None; p <= flags.Read|flags.Write|flags.Execute; p++ {
					addr, err := Map(Request{Len: unit, Prot: p, Flags: fl, File: file, Offset: unit})
					if err == nil {
						testkit.Check(t, Release(addr, unit))
					}
					if _, err := Map(Request{Len: unit, Prot: p, Flags: fl, File: file, Offset: 2 * unit}); err == nil {
						t.Fatal("mapped past the end")
					}
				}
			}
		}
		d, err := Duplicate(f)
		testkit.Check(t, err)
		testkit.Check(t, d.Close())
		testkit.Check(t, Areas(os.Getpid(), 0, ^uintptr(0), func(Area) bool { return true }))
	}
	round()
	before, parts := handles(t), len(owned.parts)
	const rounds = 30
	for range rounds {
		round()
	}
	// Threads that the runtime starts meanwhile have handles as well, but not one a round.
	if after := handles(t); after >= before+rounds {
		t.Errorf("%d handles became %d", before, after)
	}
	if after := len(owned.parts); after != parts {
		t.Errorf("%d ranges in the table became %d", parts, after)
	}
}

// handles counts the handles of this process by asking for each of the first thousand numbers,
// which are given out lowest first: GetProcessHandleCount of Wine returns 0.
func handles(t *testing.T) (n int) {
	t.Helper()
	information := kernel32.NewProc("GetHandleInformation")
	for h := uintptr(4); h < 1<<12; h += 4 {
		var bits uint32
		// SAFETY: GetHandleInformation writes the flags of a handle to the given address, and
		// fails for a number that is no handle.
		if r, _, _ := information.Call(h, uintptr(unsafe.Pointer(&bits))); r != 0 {
			n++
		}
	}
	if n == 0 {
		t.Fatal("no handle was found")
	}
	return n
}

func TestDuplicateIsIndependent(t *testing.T) {
	f := newFile(t, 10)
	d, err := Duplicate(f)
	testkit.Check(t, err)
	testkit.Check(t, f.Close())
	got := make([]byte, 10)
	if _, err := d.ReadAt(got, 0); err != nil || !bytes.Equal(got, bytes.Repeat([]byte{1}, 10)) {
		t.Errorf("the duplicate reads %v, %v", got, err)
	}
	testkit.Check(t, d.Close())
}
