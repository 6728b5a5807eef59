package typedmem_test

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/typedmem/typedmem"
	"github.com/typedmem/typedmem/flags"
	"github.com/typedmem/typedmem/internal/mem"
	"github.com/typedmem/typedmem/internal/sys"
	"github.com/typedmem/typedmem/internal/testenv"
	"github.com/typedmem/typedmem/internal/testkit"
	"github.com/typedmem/typedmem/options"
	"golang.org/x/sys/unix"
)

// setAside has the kernel set n huge pages aside for the test; the test is skipped where that
// cannot be.
func setAside(t *testing.T, p flags.PageSize, n int) {
	t.Helper()
	if why := testenv.Emulator(); why != "" {
		t.Skipf("%s: has no huge pages", why)
	}
	file := fmt.Sprintf("/sys/kernel/mm/hugepages/hugepages-%dkB/nr_hugepages", p.Bytes()>>10)
	number, err := os.OpenFile(file, os.O_RDWR, 0)
	if err != nil {
		t.Skipf("no huge pages of %v that can be set aside: %v", p, err)
	}
	t.Cleanup(func() { testkit.Check(t, number.Close(), "Close") })
	testkit.Check(t, unix.Flock(int(number.Fd()), unix.LOCK_EX), "Flock") // another process may run this test
	was, err := os.ReadFile(file)
	testkit.Check(t, err, file)
	had, err := strconv.Atoi(strings.TrimSpace(string(was)))
	testkit.Check(t, err, file)
	if err := os.WriteFile(file, []byte(strconv.Itoa(had+n)), 0o644); err != nil {
		t.Skipf("huge pages cannot be set aside here: %v", err)
	}
	t.Cleanup(func() {
		if err := os.WriteFile(file, was, 0o644); err != nil {
			t.Errorf("%s: %v", file, err)
		}
	})
	if got := freePages(t, p); got < n {
		t.Skipf("the kernel found %d of %d free huge pages of %v", got, n, p)
	}
}

// freePages returns how many huge pages nobody uses or has been promised.
func freePages(t *testing.T, p flags.PageSize) int {
	t.Helper()
	read := func(name string) int {
		text, err := os.ReadFile(fmt.Sprintf("/sys/kernel/mm/hugepages/hugepages-%dkB/%s", p.Bytes()>>10, name))
		testkit.Check(t, err, name)
		n, err := strconv.Atoi(strings.TrimSpace(string(text)))
		testkit.Check(t, err, name)
		return n
	}
	return read("free_hugepages") - read("resv_hugepages")
}

// Huge pages are really mapped, cut at their boundaries only, joined again, and go back to the
// pool, no matter which length was asked for.
func TestHugePages(t *testing.T) {
	for p, n := range map[flags.PageSize]int{flags.Page2M: 8, flags.Page1G: 2} {
		t.Run(p.String(), func(t *testing.T) {
			if strconv.IntSize == 32 && p == flags.Page1G {
				t.Skip("two pages of 1G are too much for 32-bit addresses")
			}
			setAside(t, p, n)
			size := int(p.Bytes())
			free := freePages(t, p)
			length := n*size - 5 // not a multiple
			variants := []options.Options{
				options.New(size).WithPageSize(p).WithCapacity(n * size),
				options.New(length).WithPageSize(p),
				options.New(length).WithPageSize(p).WithFlags(flags.HugePages | flags.Populate),
				options.New(length).WithPageSize(p).WithFlags(flags.Shared),
			}
			if p == flags.Page1G {
				variants = variants[:1] // clearing them takes its time
			}
			for _, o := range variants {
				m := testkit.Must(o.MapMut())(t)
				testkit.Check(t, m.Resize(length), "resize")
				if m.PageSize() != size || m.Addr()%uintptr(size) != 0 || m.Len() != length {
					t.Errorf("pages of %d bytes, %d bytes at %#x", m.PageSize(), m.Len(), m.Addr())
				}
				for at := 0; at < length; at += size / 2 {
					m.Bytes()[at] = byte(at>>19) + 1
				}
				if used := free - freePages(t, p); used != n {
					t.Errorf("%d huge pages are in use, want %d", used, n)
				}
				for _, at := range []int{page, size / 2, size - page, size + 1} {
					_, err := m.SplitOff(at)
					testkit.Wants(t, fmt.Sprint("a cut at ", at), err, typedmem.ErrOffset)
				}
				right := testkit.Must(m.SplitOff(size))(t)
				testkit.Check(t, right.MakeReadOnly(), "protect one half")
				testkit.Wants(t, "merge", m.Merge(right), typedmem.ErrAttributeMismatch)
				testkit.Check(t, right.MakeMut(), "protect")
				testkit.Check(t, m.Merge(right), "merge")
				for at := 0; at < length; at += size / 2 {
					if m.Bytes()[at] != byte(at>>19)+1 {
						t.Fatalf("byte %d is %d", at, m.Bytes()[at])
					}
				}
				left := testkit.Must(m.SplitTo(size))(t)
				testkit.Check(t, left.Close(), "close one half")
				// Memory that processes share goes back when the last part of it is unmapped.
				if used := free - freePages(t, p); used != n-1 && !m.Shared() {
					t.Errorf("%d huge pages are in use after half was closed, want %d", used, n-1)
				}
				testkit.Check(t, m.Resize(0), "shrink")
				testkit.Check(t, m.Close(), "close")
				if now := freePages(t, p); now != free {
					t.Errorf("%d free huge pages after Close, %d before", now, free)
				}
			}
		})
	}
}

// A reserved range of huge pages takes none before it is committed, and is aligned for them.
func TestReservedHugePages(t *testing.T) {
	p := flags.Page2M
	setAside(t, p, 4)
	free := freePages(t, p)
	m := testkit.Must(options.New(4 * int(p.Bytes())).WithPageSize(p).ReserveMut())(t)
	testkit.CloseLater(t, m)
	if freePages(t, p) != free || m.Addr()%uintptr(p.Bytes()) != 0 {
		t.Errorf("%d of %d free, at %#x", freePages(t, p), free, m.Addr())
	}
	testkit.Check(t, m.Commit(), "commit")
	if freePages(t, p) != free-4 {
		t.Errorf("%d of %d free after Commit", freePages(t, p), free)
	}
	m.Bytes()[0] = 1
	if text := smaps(t, m.Addr()); !strings.Contains(text, "KernelPageSize:     2048 kB") {
		t.Errorf("the kernel says\n%s", text)
	}
}

// The promise is kept or refused: with no free huge page there is no mapping, of another page size
// least of all.
func TestHugePagesThatAreNotThere(t *testing.T) {
	if testenv.Emulator() != "" {
		t.Skip("qemu-user ignores the page size")
	}
	p := flags.Page2M
	if freePages(t, p) != 0 {
		t.Skip("somebody has set huge pages aside")
	}
	_, err := options.New(1).WithPageSize(p).MapMut()
	testkit.Wants(t, "map", err, unix.ENOMEM)
	if err == nil || !strings.Contains(err.Error(), "huge pages of 2M") {
		t.Errorf("%v does not say what is missing", err)
	}
}

// The page size of a file on a hugetlbfs is taken from the file; of any other file huge pages are
// refused.
func TestHugePagesOfFiles(t *testing.T) {
	_, err := options.New(1).WithPageSize(flags.Page2M).WithFile(testkit.File(t, pattern(page)), 0).Map()
	testkit.Wants(t, "an ordinary file", err, errors.ErrUnsupported)
	p := flags.Page2M
	setAside(t, p, 4)
	size := int(p.Bytes())
	fd, err := unix.MemfdCreate("huge", unix.MFD_HUGETLB|unix.MFD_CLOEXEC|21<<26)
	if err != nil {
		t.Skipf("memfd_create: %v", err)
	}
	f := os.NewFile(uintptr(fd), "huge")
	defer f.Close()
	testkit.Check(t, f.Truncate(int64(4*size)), "truncate")
	free := freePages(t, p)
	m := testkit.Must(options.New(3*size-7).WithFile(f, int64(size)).WithFlags(flags.Shared).MapMut())(t)
	if m.PageSize() != size {
		t.Errorf("pages of %d bytes", m.PageSize())
	}
	m.Bytes()[2*size] = 1
	right := testkit.Must(m.SplitOff(size))(t)
	testkit.Check(t, right.Close(), "close")
	testkit.Check(t, m.Close(), "close")
	testkit.Check(t, f.Truncate(0), "truncate")
	if now := freePages(t, p); now < free {
		t.Errorf("%d free huge pages, %d before", now, free)
	}
	_, err = options.New(1).WithPageSize(flags.Page1G).WithFile(f, 0).Map()
	testkit.Wants(t, "another page size", err, errors.ErrUnsupported)
}

// smaps returns what /proc/self/smaps says about the area at an address.
func smaps(t testing.TB, addr uintptr) string {
	t.Helper()
	text, err := os.ReadFile("/proc/self/smaps")
	if err != nil {
		t.Skipf("smaps: %v", err)
	}
	var found strings.Builder
	in := false
	for line := range strings.Lines(string(text)) {
		var lo, hi uintptr
		if n, _ := fmt.Sscanf(line, "%x-%x ", &lo, &hi); n == 2 {
			in = lo <= addr && addr < hi
		}
		if in {
			found.WriteString(line)
		}
	}
	return found.String()
}

// Flags arrive in the kernel: it shows them itself.
func TestFlagsInSmaps(t *testing.T) {
	if why := testenv.Emulator(); why != "" {
		t.Skipf("%s: madvise does nothing", why)
	}
	thp := "hg"
	if _, err := os.Stat("/sys/kernel/mm/transparent_hugepage"); err != nil {
		thp = ""
	}
	for f, want := range map[flags.Map]string{
		flags.NoCoreDump:           "dd",
		flags.TransparentHugePages: thp,
		flags.Sequential:           "sr",
		flags.RandomAccess:         "rr",
		flags.NoReserve:            "nr",
		flags.Locked:               "lo",
	} {
		for kind, o := range map[string]options.Options{"mapped": options.New(4 * page).WithFlags(f), "with capacity": options.New(4 * page).WithCapacity(64 * page).WithFlags(f)} {
			m := mapMut(t, o)
			if kind == "with capacity" {
				testkit.Check(t, m.Resize(40*page), "resize")
			}
			for _, at := range []int{0, m.Len() - 1} {
				text := smaps(t, m.Addr()+uintptr(at))
				_, vmFlags, _ := strings.Cut(text, "VmFlags:")
				if want != "" && !strings.Contains(vmFlags, " "+want) {
					t.Errorf("%v, %s, byte %d: no %s in %s", f, kind, at, want, vmFlags)
				}
			}
			testkit.Check(t, m.Close(), "close")
		}
	}
	m := mapMut(t, options.New(4*page))
	testkit.Check(t, m.LockRange(page, 2*page), "lock")
	if text := smaps(t, m.Addr()+uintptr(page)); !strings.Contains(text, " lo") {
		t.Errorf("LockRange: %s", text)
	}
	if text := smaps(t, m.Addr()); strings.Contains(text, " lo") {
		t.Errorf("LockRange locked more than its range: %s", text)
	}
	testkit.Check(t, m.Unlock(), "unlock")
	if text := smaps(t, m.Addr()+uintptr(page)); strings.Contains(text, " lo") {
		t.Errorf("Unlock: %s", text)
	}
}

// rss returns the kilobytes of memory behind the area at an address.
func rss(t testing.TB, addr uintptr) int {
	for line := range strings.Lines(smaps(t, addr)) {
		var kb int
		if n, _ := fmt.Sscanf(line, "Rss: %d kB", &kb); n == 1 {
			return kb
		}
	}
	return 0
}

// Populate and Prefault bring memory in, Close and a shrinking Resize give it back at once.
func TestMemoryComesAndGoes(t *testing.T) {
	if why := testenv.Emulator(); why != "" {
		t.Skipf("%s: smaps is not of this process", why)
	}
	n := 64 * page
	for kind, o := range map[string]options.Options{
		"anonymous": options.New(n).WithFlags(flags.Populate | flags.NoCoreDump),
		"capacity":  options.New(n).WithFlags(flags.Populate | flags.NoCoreDump).WithCapacity(2 * n),
		"file":      options.New(n).WithFlags(flags.Populate|flags.NoCoreDump).WithFile(testkit.File(t, pattern(n)), 0),
	} {
		m := mapMut(t, o)
		if kb := rss(t, m.Addr()); kb < n>>10 {
			t.Errorf("%s: Populate brought %d kB of %d in", kind, kb, n>>10)
		}
		testkit.Check(t, m.Close(), "close")
	}
	m := testkit.Must(options.New(n).WithFlags(flags.NoCoreDump).MapMut())(t)
	if kb := rss(t, m.Addr()); kb != 0 {
		t.Errorf("%d kB before anything was asked for", kb)
	}
	testkit.Check(t, m.Prefault(n/2, n), "prefault")
	if kb := rss(t, m.Addr()); kb != n>>11 {
		t.Errorf("Prefault of half brought %d kB in", kb)
	}
	testkit.Check(t, m.Prefault(0, n), "prefault")
	testkit.Check(t, m.Resize(n/4), "shrink")
	if kb := rss(t, m.Addr()); kb != n>>12 {
		t.Errorf("%d kB after shrinking to a quarter", kb)
	}
	limits := mem.Of(m).Limits()
	testkit.Check(t, m.Close(), "close")
	if kb := rss(t, m.Addr()); kb != 0 {
		t.Errorf("%d kB after Close", kb)
	}
	_ = limits.Readable()
}

// A flag of mmap that the library does not know is passed on: MAP_FIXED_NOREPLACE takes an address
// only where it is free.
func TestUnsafeSystemFlags(t *testing.T) {
	if testenv.Emulator() != "" {
		t.Skip("qemu-user does not know MAP_FIXED_NOREPLACE")
	}
	taken := mapMut(t, options.New(page))
	taken.Bytes()[0] = 7
	_, err := options.New(page).WithAddress(taken.Addr()).WithUnsafeSystemFlags(unix.MAP_FIXED_NOREPLACE).MapMut()
	testkit.Wants(t, "a taken address", err, unix.EEXIST)
	if taken.Bytes()[0] != 7 {
		t.Error("the mapping was replaced")
	}
	m := mapMut(t, options.New(2*page).WithUnsafeSystemFlags(unix.MAP_GROWSDOWN))
	if text := smaps(t, m.Addr()); !strings.Contains(text, " gd") {
		t.Errorf("MAP_GROWSDOWN did not arrive: %s", text)
	}
}

// Nothing of the descriptors that later steps need is left open or passed to children.
func TestDescriptors(t *testing.T) {
	f := testkit.File(t, pattern(4*page))
	open := func() int { return testenv.Descriptors(t, f.Name()) }
	before := open()
	if before != 1 {
		t.Fatalf("%d descriptors of the file: nothing is shown", before)
	}
	plain := testkit.Must(options.New(page).WithFile(f, 0).Map())(t)
	if open() != before {
		t.Error("a mapping that will never need its file keeps a descriptor of it")
	}
	for name, terminal := range map[string]func(options.Options) (*typedmem.Mapping, error){"reserved": options.Options.ReserveMut, "mapped": options.Options.MapMut} {
		m := testkit.Must(terminal(options.New(page).WithFile(f, 0).WithCapacity(4 * page)))(t)
		testkit.Check(t, m.Close(), "close")
		if now := open(); now != before {
			t.Errorf("%s: %d descriptors after Close, %d before", name, now, before)
		}
	}
	growing := testkit.Must(options.New(page).WithFile(f, 0).WithCapacity(4 * page).Map())(t)
	right := testkit.Must(testkit.Must(options.New(3*page).WithFile(f, 0).ReserveMut())(t).SplitOff(page))(t)
	for _, m := range []*typedmem.Mapping{plain, growing, right} {
		testkit.Check(t, m.Close(), "close")
	}
	eventually(t, fmt.Sprintf("no descriptor is left (%d before)", before), func() bool { return open() <= before })
}

// A shorter Resize clears the rest of a huge page only where there is one: a page that the system
// cannot supply was never written.
func TestShrinkWithinAHugePageThatIsNotThere(t *testing.T) {
	m, err := options.New(64 << 21).WithFlags(flags.HugePages | flags.NoReserve).MapMut() // more pages than are set aside
	if err != nil {
		t.Skip("no huge pages: ", err)
	}
	defer m.Close()
	for n := m.Len() - 1<<20; n > 0; n -= 1 << 21 {
		testkit.Check(t, m.Resize(n), "shrink")
	}
}

// The kernel may refuse a mapping with flags.Fixed after it has unmapped the old one: the error
// says so, and the old mapping releases the addresses.
func TestFixedThatFailsTooLate(t *testing.T) {
	testenv.Differs(t, map[string]string{"qemu-user": "has no huge pages"})
	fd, err := unix.MemfdCreate("huge", unix.MFD_HUGETLB)
	if err != nil {
		t.Skip("no huge pages: ", err)
	}
	f := os.NewFile(uintptr(fd), "huge")
	defer f.Close()
	const huge, n = 2 << 20, 128 << 20 // more pages than are set aside
	if err := f.Truncate(n); err != nil {
		t.Skip("no huge pages of 2 MiB: ", err)
	}
	space := testkit.Must(options.New(n + 2*huge).ReserveMut())(t)
	at := (space.Addr() + huge - 1) &^ (huge - 1)
	m, err := options.New(n).WithFile(f, 0).WithFlags(flags.Shared).WithAddress(at).WithUnsafeFlags(flags.Fixed).MapMut()
	if err == nil {
		m.Close()
		t.Skip("there are huge pages enough")
	}
	for range typedmem.AreasIn(0, at, at+1) {
		t.Skip("the kernel refused before it unmapped anything: ", err)
	}
	testkit.Wants(t, "map", err, sys.ErrReplaced)
	other := testkit.Must(options.New(page).WithAddress(at).MapMut())(t)
	if other.Addr() != at {
		t.Fatalf("at %#x, not in the hole at %#x", other.Addr(), at)
	}
	other.Bytes()[0] = 42
	testkit.Check(t, space.Close(), "close")
	if other.Bytes()[0] != 42 {
		t.Error("closing what was there before took the new mapping's memory")
	}
	testkit.Check(t, other.Close(), "close")
}

// Reading a huge page that the system cannot supply is no matter of protection.
func TestGuardOfAHugePageThatIsNotThere(t *testing.T) {
	m, err := options.New(64 << 21).WithFlags(flags.HugePages | flags.NoReserve).Map() // more pages than are set aside
	if err != nil {
		t.Skip("no huge pages: ", err)
	}
	defer m.Close()
	b := m.Bytes()
	err = typedmem.Guard(func() error {
		for i := 0; i < len(b); i += 2 << 20 {
			if b[i] != 0 {
				return errors.New("not zero")
			}
		}
		return nil
	})
	var fault *typedmem.FaultError
	if err == nil {
		t.Skip("there are huge pages enough")
	}
	if !errors.As(err, &fault) || errors.Is(err, typedmem.ErrProtection) || fault.Mapping != m {
		t.Errorf("%v", err)
	}
}
