package typedmem_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/typedmem/typedmem"
	"github.com/typedmem/typedmem/flags"
	"github.com/typedmem/typedmem/internal/mem"
	"github.com/typedmem/typedmem/internal/testenv"
	"github.com/typedmem/typedmem/internal/testkit"
	"github.com/typedmem/typedmem/options"
	"golang.org/x/sys/unix"
)

// evict drops the pages of a file from memory.
func evict(t *testing.T, f *os.File) {
	t.Helper()
	testkit.Check(t, f.Sync(), "sync")
	testkit.Check(t, unix.Fadvise(int(f.Fd()), 0, 0, unix.FADV_DONTNEED), "fadvise")
}

// diskMapping maps a new file that can be evicted, of pages that nobody has touched.
func diskMapping(t *testing.T, pages int) (*typedmem.Mapping, *os.File) {
	t.Helper()
	m, f := fileMapping(t, pages)
	evict(t, f)
	if n, err := m.Resident(0, m.Len()); err != nil || n > 0 {
		t.Skipf("the file stays in memory here: %d bytes, %v", n, err)
	}
	return m, f
}

// tells skips where mincore(2) does not tell what is in memory.
func tells(t *testing.T) {
	testenv.Differs(t, map[string]string{"qemu-user with large pages": "mincore writes more bytes than there are pages"})
}

// Resident counts bytes, also of parts of pages, of pages that the system has.
func TestResidentCountsBytes(t *testing.T) {
	tells(t)
	m, _ := diskMapping(t, 64)
	testkit.Check(t, mem.Of(m).Fetch(ranges(m, 3), true), "fetch")
	for _, c := range []struct{ lo, hi, want int }{
		{3 * unit, 4 * unit, unit}, {3*unit + 5, 4*unit - 7, unit - 12}, {3*unit + 5, 3*unit + 6, 1}, {7, 7, 0},
	} {
		if n, err := m.Resident(c.lo, c.hi); err != nil || n != c.want {
			t.Errorf("[%d,%d): %d bytes, %v, want %d", c.lo, c.hi, n, err, c.want)
		}
	}
	testkit.Check(t, m.Prefault(0, m.Len()), "prefault")
	if n, err := m.Resident(1, m.Len()); err != nil || n != m.Len()-1 {
		t.Errorf("%d bytes, %v", n, err)
	}
	anonymous := mapMut(t, options.New(8*unit))
	anonymous.Bytes()[5*unit] = 1
	if n, err := anonymous.Resident(0, 8*unit); err != nil || n != unit {
		t.Errorf("anonymous: %d bytes, %v", n, err)
	}
}

// Pages past the end of a file that was cut off are not in memory, whatever the kernel keeps.
func TestResidentPastTheEnd(t *testing.T) {
	tells(t)
	m, f := fileMapping(t, 64)
	testkit.Check(t, m.Prefault(0, m.Len()), "prefault")
	testkit.Check(t, f.Truncate(int64(10*unit+1)), "truncate")
	if n, err := m.Resident(0, m.Len()); err != nil || n != 11*unit {
		t.Errorf("%d bytes, %v, want %d", n, err, 11*unit)
	}
	if n, err := m.Resident(11*unit, m.Len()); err != nil || n != 0 {
		t.Errorf("%d bytes, %v", n, err)
	}
}

// Fetch brings in exactly the pages of its ranges, apart from what the system reads ahead.
func TestFetchBringsPagesIn(t *testing.T) {
	tells(t)
	for _, all := range []bool{false, true} {
		m, _ := diskMapping(t, 512)
		testkit.Check(t, mem.Of(m).Fetch(ranges(m, 1, 100, 101, 511), all), "fetch")
		for _, p := range []int{1, 100, 101, 511} {
			if n, err := m.Resident(p*unit, (p+1)*unit); err != nil || n != unit {
				t.Errorf("all %v, page %d: %d bytes, %v", all, p, n, err)
			}
		}
	}
}

// Where the system does not say what is in memory, since the file is somebody else's, Resident is
// refused and Fetch brings everything in.
func TestResidentOfAFileOfOthers(t *testing.T) {
	path := filepath.Join(testenv.OpenDir(t), "file")
	testkit.Check(t, os.WriteFile(path, pattern(8*unit), 0o644), "write")
	if err := os.Chown(path, 1, 1); err != nil {
		t.Skipf("only root gives a file away: %v", err)
	}
	testenv.AsUser(t, func() {
		f := testkit.Must(os.Open(path))(t)
		defer f.Close()
		m := testkit.Must(options.New(8*unit).WithFile(f, 0).Map())(t)
		defer m.Close()
		_, err := m.Resident(0, m.Len())
		testkit.Wants(t, "Resident", err, errors.ErrUnsupported, "may write it")
		testkit.Check(t, mem.Of(m).Fetch(ranges(m, 0, 7), false), "fetch")
		testkit.Check(t, mem.Of(m).Fetch(ranges(m, 7), false), "fetch of one")
	})
}

// The error of reading the device is the error of Fetch and of Prefault.
func TestFetchFromADeviceThatFails(t *testing.T) {
	device := testenv.Device(t, 1<<20)
	image := strings.TrimSpace(string(testkit.Must(os.ReadFile("/sys/block/" + filepath.Base(device) + "/loop/backing_file"))(t)))
	f := testkit.Must(os.Open(device))(t)
	defer f.Close()
	m := testkit.Must(options.New(1<<20).WithFile(f, 0).Map())(t)
	defer m.Close()
	testkit.Check(t, os.Truncate(image, 64<<10), "truncate")
	testkit.Check(t, unix.Fadvise(int(f.Fd()), 0, 0, unix.FADV_DONTNEED), "fadvise")
	for name, call := range map[string]func() error{
		"Fetch":         func() error { return mem.Of(m).Fetch(ranges(m, 1, 100), true) },
		"Fetch of many": func() error { return mem.Of(m).Fetch(ranges(m, 1, 100, 110, 120), false) },
		"Fetch of one":  func() error { return mem.Of(m).Fetch(ranges(m, 100), false) },
		"Prefault":      func() error { return m.Prefault(0, m.Len()) },
		"LockRange":     func() error { return m.LockRange(0, m.Len()) },
	} {
		err := call()
		testkit.Wants(t, name, err, syscall.EIO, device)
		if errors.Is(err, typedmem.ErrTruncated) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// The kernel's own list shows what each advice did.
func TestAdviceReachesTheKernel(t *testing.T) {
	testenv.Differs(t, map[string]string{"qemu-user": "madvise does nothing"})
	for _, c := range []struct {
		flag flags.Map
		mark string
	}{{flags.DontFork, " dc"}, {flags.Mergeable, " mg"}, {flags.NoHugePages, " nh"}, {flags.TransparentHugePages | flags.NoHugePages, " nh"}} {
		for _, later := range []bool{false, true} {
			o := options.New(4 * unit)
			if !later {
				o = o.WithFlags(c.flag)
			}
			m := mapMut(t, o)
			if later {
				testkit.Check(t, m.Advise(unit, 2*unit, c.flag), "advise")
			}
			text := smaps(t, m.Addr()+uintptr(unit))
			_, marks, _ := strings.Cut(text, "VmFlags:")
			if !strings.Contains(marks, c.mark) {
				if _, err := os.Stat("/sys/kernel/mm/ksm"); err != nil && c.flag == flags.Mergeable {
					t.Logf("the kernel has no KSM: %v", err)
					continue
				}
				t.Errorf("%v, later %v: %q", c.flag, later, marks)
			}
			testkit.Check(t, m.Close(), "close")
		}
	}
}

// PageOut drops clean pages of a file from memory, and nothing of what they hold.
func TestPageOut(t *testing.T) {
	testenv.Differs(t, map[string]string{"qemu-user": "madvise does nothing"})
	m, _ := diskMapping(t, 64)
	testkit.Check(t, m.Prefault(0, m.Len()), "prefault")
	testkit.Check(t, m.Advise(0, m.Len(), flags.Cold), "cold")
	testkit.Check(t, m.Advise(0, m.Len(), flags.PageOut), "page out")
	if n, err := m.Resident(0, m.Len()); err != nil || n == m.Len() {
		t.Errorf("%d bytes are in memory, %v", n, err)
	}
	same(t, "contents", m.Bytes(), pattern(64*unit))
}

// Collapse makes a huge page of memory that has one to offer.
func TestCollapse(t *testing.T) {
	testenv.Differs(t, map[string]string{"qemu-user": "madvise does nothing"})
	m := mapMut(t, options.New(8<<20).WithFlags(flags.NoReserve))
	copy(m.Bytes(), pattern(8<<20))
	testkit.Check(t, m.Advise(3, m.Len()-3, flags.Collapse), "collapse")
	same(t, "contents", m.Bytes(), pattern(8<<20))
	text := smaps(t, m.Addr()+4<<20)
	if strings.Contains(text, "AnonHugePages:         0 kB") {
		t.Logf("no huge page was to be had: %s", text)
	}
}
