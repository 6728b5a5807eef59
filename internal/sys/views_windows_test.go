package sys

import (
	"bytes"
	"errors"
	"io"
	"os"
	"runtime"
	"syscall"
	"testing"

	"github.com/typedmem/typedmem/flags"
	"github.com/typedmem/typedmem/internal/testkit"
	"golang.org/x/sys/windows"
)

const (
	none = flags.None
	r    = flags.Read
	rw   = flags.Read | flags.Write
	rx   = flags.Read | flags.Execute
	rwx  = flags.Read | flags.Write | flags.Execute
)

var everyProtection = []flags.Protection{none, r, rw, rx, rwx}

// A view can get every protection that its file's handle allows, whatever it was mapped with, and
// no other.
func TestProtectionIsRaisedAndLowered(t *testing.T) {
	path := newFile(t, unit).Name()
	for _, c := range []struct {
		name     string
		open     func(t *testing.T) *os.File
		flags    flags.Map
		refuse   flags.Protection // what no page of it may get
		writable uint32           // what VirtualQuery says of rw
	}{
		{"memory", func(*testing.T) *os.File { return nil }, 0, 0, windows.PAGE_READWRITE},
		{"shared", func(t *testing.T) *os.File { return open(t, path, os.O_RDWR) }, flags.Shared, 0, windows.PAGE_READWRITE},
		{"shared, read-only handle", func(t *testing.T) *os.File { return open(t, path, os.O_RDONLY) }, flags.Shared, flags.Write, 0},
		{"private", func(t *testing.T) *os.File { return open(t, path, os.O_RDWR) }, 0, 0, windows.PAGE_WRITECOPY},
		{"private, read-only handle", func(t *testing.T) *os.File { return open(t, path, os.O_RDONLY) }, 0, 0, windows.PAGE_WRITECOPY},
	} {
		t.Run(c.name, func(t *testing.T) {
			eachWay(t, func(t *testing.T) {
				f := c.open(t)
				for _, p := range everyProtection {
					addr, err := Map(Request{Addr: quiet, Len: unit, Prot: p, Flags: c.flags, File: f})
					if refused := p&c.refuse != 0; refused != (err != nil) {
						t.Fatalf("mapping with %v: %v", p, err)
					}
					if err != nil {
						if !errors.Is(err, windows.ERROR_ACCESS_DENIED) {
							t.Fatalf("mapping with %v: %v", p, err)
						}
						continue
					}
					wantProtection(t, addr, p, c.writable)
					for _, q := range everyProtection {
						err := Protect(addr, unit, q)
						if refused := q&c.refuse != 0; refused != (err != nil) {
							t.Fatalf("from %v to %v: %v", p, q, err)
						}
						if err == nil {
							wantProtection(t, addr, q, c.writable)
						}
					}
					testkit.Check(t, Release(addr, unit))
					wantGone(t, addr, unit)
				}
			})
		})
	}
}

func wantProtection(t *testing.T, addr uintptr, want flags.Protection, writable uint32) {
	t.Helper()
	_, got := state(t, addr)
	if protectionOf(got) != want {
		t.Fatalf("the protection is %#x (%v), want %v", got, protectionOf(got), want)
	}
	if want == rw && got != writable {
		t.Fatalf("writable pages have protection %#x, want %#x", got, writable)
	}
}

// A change of protection that one of several allocations refuses changes none of them.
func TestRefusedProtectionChangesNothing(t *testing.T) {
	needPlaceholders(t)
	f := newFile(t, 2*unit)
	readOnly := open(t, f.Name(), os.O_RDONLY)
	addr, err := Reserve(0, 2*unit, unit, 0)
	testkit.Check(t, err)
	for i, file := range []*os.File{f, readOnly} {
		_, err := Map(Request{Addr: addr + uintptr(i*unit), Len: unit, Prot: r, Flags: flags.Shared, File: file, Offset: int64(i * unit), Replace: true})
		testkit.Check(t, err)
	}
	if err := Protect(addr, 2*unit, rw); err == nil {
		t.Fatal("a view of a read-only handle became writable")
	}
	wantProtection(t, addr, r, 0)
	wantProtection(t, addr+unit, r, 0)
	testkit.Check(t, Release(addr, 2*unit))
}

func TestPrivateWritesStayInTheMapping(t *testing.T) {
	eachWay(t, func(t *testing.T) {
		f := newFile(t, unit)
		before, err := os.ReadFile(f.Name())
		testkit.Check(t, err)
		addr, err := Map(Request{Len: unit, Prot: rw, File: f})
		testkit.Check(t, err)
		clear(at(addr, unit))
		testkit.Check(t, Protect(addr, unit, r))
		testkit.Check(t, Protect(addr, unit, rw))
		if !bytes.Equal(at(addr, unit), make([]byte, unit)) {
			t.Error("a change of protection undid the writes")
		}
		testkit.Check(t, Release(addr, unit))
		after, err := os.ReadFile(f.Name())
		testkit.Check(t, err)
		if !bytes.Equal(before, after) {
			t.Error("the writes reached the file")
		}
	})
}

// Code runs from a private and from a shared view, of a handle that was not opened for executing.
func TestCodeOfFileRuns(t *testing.T) {
	code := []byte{0xb8, 42, 0, 0, 0, 0xc3} // mov eax, 42; ret
	if runtime.GOARCH != "amd64" && runtime.GOARCH != "386" {
		t.Skip("the code of this test is for amd64 and 386")
	}
	path := newFile(t, unit).Name()
	testkit.Check(t, os.WriteFile(path, code, 0o600))
	for _, fl := range []flags.Map{0, flags.Shared} {
		addr, err := Map(Request{Len: PageSize(), Prot: rx, Flags: fl, File: open(t, path, os.O_RDONLY)})
		testkit.Check(t, err)
		testkit.Check(t, FlushInstructionCache(addr+1, len(code)-1))
		if got, _, _ := syscall.SyscallN(addr); got != 42 {
			t.Errorf("flags %v: the code returns %d, want 42", fl, got)
		}
		testkit.Check(t, Release(addr, PageSize()))
	}
}

// A handle without the right to execute gets a section that has it from a second handle, which is
// closed, and which can write only if the first one can.
func TestSectionOfReopenedFile(t *testing.T) {
	path := newFile(t, 10).Name()
	for _, c := range []struct {
		how        int
		protection uint32
		want       error
	}{
		{os.O_RDONLY, windows.PAGE_EXECUTE_READ, nil},
		{os.O_RDWR, windows.PAGE_EXECUTE_READ, nil},
		{os.O_RDWR, windows.PAGE_EXECUTE_READWRITE, nil},
		{os.O_RDONLY, windows.PAGE_EXECUTE_READWRITE, windows.ERROR_ACCESS_DENIED},
		{os.O_WRONLY, windows.PAGE_EXECUTE_READ, windows.ERROR_ACCESS_DENIED},
	} {
		testkit.Check(t, onHandle(open(t, path, c.how), func(h windows.Handle) error {
			before := handles(t)
			const rounds = 5
			for range rounds {
				section, err := openReopened(h, c.protection)
				if !errors.Is(err, c.want) || c.want == nil && err != nil {
					t.Errorf("protection %#x of a file opened with %#x: %v, want %v", c.protection, c.how, err, c.want)
				}
				if err == nil {
					testkit.Check(t, windows.CloseHandle(section))
				}
			}
			// A thread that the runtime starts meanwhile has a handle as well.
			if after := handles(t); after >= before+rounds {
				t.Errorf("%d handles became %d", before, after)
			}
			return nil
		}))
	}
}

func TestReopenedHandleMayExecute(t *testing.T) {
	testkit.Check(t, onHandle(open(t, newFile(t, 10).Name(), os.O_RDONLY), func(h windows.Handle) error {
		const all = windows.FILE_READ_DATA | windows.FILE_WRITE_DATA | windows.FILE_EXECUTE
		has, err := grantedAccess(h)
		if err != nil || has&all != windows.FILE_READ_DATA {
			t.Errorf("a handle of os.Open has access %#x, %v", has, err)
		}
		second, err := reOpenFile(h, windows.GENERIC_READ|windows.GENERIC_EXECUTE)
		if err != nil {
			return err
		}
		has, err = grantedAccess(second)
		if err != nil || has&all != windows.FILE_READ_DATA|windows.FILE_EXECUTE {
			t.Errorf("the second handle has access %#x, %v", has, err)
		}
		return windows.CloseHandle(second)
	}))
}

// Mapping never makes a file longer, and refuses pages past its end.
func TestViewEndsWithTheFile(t *testing.T) {
	eachWay(t, func(t *testing.T) {
		page := PageSize()
		for _, size := range []int{0, 1, page, page + 1, unit, unit + 1, 3*unit - 1} {
			f := newFile(t, size)
			readOnly := open(t, f.Name(), os.O_RDONLY)
			whole := (size + page - 1) / page * page
			for _, c := range []struct {
				offset, n int
			}{{0, page}, {0, unit}, {0, whole}, {0, whole + page}, {unit, page}, {unit, whole - unit}, {unit, whole}, {8 * unit, page}} {
				if c.n <= 0 {
					continue
				}
				for _, q := range []Request{
					{Prot: rw, Flags: flags.Shared, File: f},
					{Prot: rw, File: f},
					{Prot: r, Flags: flags.Shared, File: readOnly},
				} {
					q.Offset, q.Len = int64(c.offset), c.n
					addr, err := Map(q)
					if fits := c.offset+c.n <= whole; fits != (err == nil) {
						t.Fatalf("%d bytes at %d of a file of %d: %v", c.n, c.offset, size, err)
					}
					if err != nil {
						if !errors.Is(err, errors.ErrUnsupported) {
							t.Fatalf("%d bytes at %d of a file of %d: %v", c.n, c.offset, size, err)
						}
						continue
					}
					if got, want := at(addr, c.n)[0], byte(c.offset/page+1); got != want {
						t.Fatalf("offset %d of a file of %d begins with %d, want %d", c.offset, size, got, want)
					}
					testkit.Check(t, Release(addr, c.n))
				}
			}
			if info, err := f.Stat(); err != nil || info.Size() != int64(size) {
				t.Fatalf("the file of %d bytes has %d, %v", size, info.Size(), err)
			}
		}
	})
}

func TestSectionKeepsFileUsable(t *testing.T) {
	f := newFile(t, unit)
	addr, err := Map(Request{Len: unit, Prot: rw, Flags: flags.Shared, File: f})
	testkit.Check(t, err)
	if _, err := f.WriteAt([]byte("beside"), 10); err != nil {
		t.Fatal(err)
	}
	if got := string(at(addr+10, 6)); got != "beside" {
		t.Errorf("WriteAt beside a view: the view has %q", got)
	}
	copy(at(addr+20, 4), "view")
	got := make([]byte, 4)
	if _, err := f.ReadAt(got, 20); err != nil || string(got) != "view" {
		t.Errorf("a store beside ReadAt: the file has %q, %v", got, err)
	}
	testkit.Check(t, f.Close()) // the view keeps the file
	at(addr, 1)[0] = 3
	testkit.Check(t, Flush(addr, unit, nil, true))
	testkit.Check(t, Release(addr, unit))
}

func TestFlushThroughReadOnlyHandle(t *testing.T) {
	f := newFile(t, unit)
	readOnly := open(t, f.Name(), os.O_RDONLY)
	addr, err := Map(Request{Len: unit, Prot: r, Flags: flags.Shared, File: readOnly})
	testkit.Check(t, err)
	testkit.Check(t, Flush(addr, unit, readOnly, false))
	testkit.Check(t, Flush(addr, unit, readOnly, true))
	testkit.Check(t, Hold(addr, unit))
	if err := Flush(addr, unit, f, false); !errors.Is(err, windows.ERROR_INVALID_ADDRESS) {
		t.Errorf("flushing what is not mapped: %v", err)
	}
	testkit.Check(t, Release(addr, unit))
}

func TestZeroPunchesUnderViewAndKeepsLength(t *testing.T) {
	const size = unit + 100
	f := newFile(t, size)
	whole := (size + PageSize() - 1) / PageSize() * PageSize()
	addr, err := Map(Request{Len: whole, Prot: r, Flags: flags.Shared, File: f})
	testkit.Check(t, err)
	want := make([]byte, size)
	_, err = f.ReadAt(want, 0)
	testkit.Check(t, err)
	for _, c := range []struct{ off, n int64 }{{10, 1}, {4000, 5000}, {unit - 1, 2}, {size - 1, 100}, {2 * unit, 10}, {30, 0}} {
		testkit.Check(t, Zero(f, c.off, c.n))
		clear(want[min(c.off, size):min(c.off+c.n, size)])
		got, err := io.ReadAll(io.NewSectionReader(f, 0, 2*size))
		testkit.Check(t, err)
		if !bytes.Equal(got, want) {
			t.Fatalf("zeroing [%d,%d): the file has other bytes than it should", c.off, c.off+c.n)
		}
		if !bytes.Equal(at(addr, size), want) {
			t.Fatalf("zeroing [%d,%d): the view has other bytes than the file", c.off, c.off+c.n)
		}
	}
	testkit.Check(t, Release(addr, whole))
}

func TestAllocateOnlyGrows(t *testing.T) {
	f := newFile(t, 100)
	for _, c := range []struct{ off, n, want int64 }{{0, 50, 100}, {50, 50, 100}, {90, 20, 110}, {1 << 20, 1, 1<<20 + 1}, {0, 10, 1<<20 + 1}} {
		testkit.Check(t, Allocate(f, c.off, c.n))
		if info, err := f.Stat(); err != nil || info.Size() != c.want {
			t.Fatalf("allocating [%d,%d): %d bytes, %v, want %d", c.off, c.off+c.n, info.Size(), err, c.want)
		}
	}
	got := make([]byte, 110)
	_, err := f.ReadAt(got, 0)
	testkit.Check(t, err)
	if want := append(bytes.Repeat([]byte{1}, 100), make([]byte, 10)...); !bytes.Equal(got, want) {
		t.Errorf("the file has %v, want %v", got, want)
	}
	testkit.Check(t, SyncFile(f))
	if err := Allocate(open(t, f.Name(), os.O_RDONLY), 0, 1<<21); err == nil {
		t.Error("a read-only handle made the file longer")
	}
}

func TestFileGrowsUnderView(t *testing.T) {
	needPlaceholders(t)
	f := newFile(t, 100)
	addr, err := Reserve(quiet, 4*unit, unit, 0)
	testkit.Check(t, err)
	page := PageSize()
	req := Request{Addr: addr, Len: page, Prot: rw, Flags: flags.Shared, File: f, Replace: true}
	_, err = Map(req)
	testkit.Check(t, err)
	testkit.Check(t, Allocate(f, 0, 4*unit))
	// The new part begins at a page of the file, not at a multiple of the granularity.
	req.Addr, req.Offset, req.Len = addr+uintptr(page), int64(page), 4*unit-page
	_, err = Map(req)
	testkit.Check(t, err)
	for i := range at(addr, 4*unit) {
		at(addr, 4*unit)[i] = byte(i / 7)
	}
	testkit.Check(t, Flush(addr, 4*unit, f, false))
	got, err := os.ReadFile(f.Name())
	testkit.Check(t, err)
	if !bytes.Equal(got, at(addr, 4*unit)) {
		t.Error("the file has other bytes than the views")
	}
	testkit.Check(t, Release(addr, 4*unit))
	wantGone(t, addr, 4*unit)
}

func TestLockFileKeepsOtherWritersOut(t *testing.T) {
	f := newFile(t, 100)
	second := open(t, f.Name(), os.O_RDWR)
	testkit.Check(t, LockFile(f))
	if err := LockFile(second); !errors.Is(err, ErrLocked) {
		t.Fatalf("a second lock: %v", err)
	}
	// The lock must not prevent access to the data.
	if _, err := second.WriteAt([]byte{9}, 0); err != nil {
		t.Errorf("writing beside the lock: %v", err)
	}
	if _, err := second.ReadAt(make([]byte, 100), 0); err != nil {
		t.Errorf("reading beside the lock: %v", err)
	}
	// Wine does not enforce locks on data, but refuses a second lock.
	testkit.Check(t, onHandle(second, func(h windows.Handle) error {
		const how = windows.LOCKFILE_EXCLUSIVE_LOCK | windows.LOCKFILE_FAIL_IMMEDIATELY
		if err := windows.LockFileEx(h, how, 0, 1<<30, 0, new(windows.Overlapped)); err != nil {
			return err
		}
		return windows.UnlockFileEx(h, 0, 1<<30, 0, new(windows.Overlapped))
	}))
	d, err := Duplicate(f)
	testkit.Check(t, err)
	testkit.Check(t, f.Close())
	if err := LockFile(second); !errors.Is(err, ErrLocked) {
		t.Errorf("a second lock while a duplicate has the first: %v", err)
	}
	testkit.Check(t, d.Close())
	testkit.Check(t, LockFile(second))
}
