package sys

import (
	"errors"
	"fmt"
	"math"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"unsafe"

	"github.com/typedmem/typedmem/flags"
	"golang.org/x/sys/unix"
)

// someAreas maps things of every kind and returns where they are.
func someAreas(t *testing.T) (lo, hi uintptr) {
	t.Helper()
	page := os.Getpagesize()
	base, err := Reserve(0, 64*page, page, NoFile)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := Release(base, 64*page); err != nil {
			t.Error(err)
		}
	})
	dir := t.TempDir()
	at := base
	add := func(prot, flag int, f *os.File, off int64) {
		fd := NoFile
		if f != nil {
			fd = int(f.Fd())
		}
		if _, err := mmap(at, 2*page, prot, flag|unix.MAP_FIXED, fd, off); err != nil {
			t.Fatal(err)
		}
		at += uintptr(3 * page)
	}
	for prot := range 8 {
		add(prot, unix.MAP_PRIVATE|unix.MAP_ANON, nil, 0)
	}
	add(unix.PROT_READ, unix.MAP_SHARED|unix.MAP_ANON, nil, 0)
	for i, name := range []string{"plain", "new\nline", "odd (deleted)", "gone", "gone (deleted)"} {
		f, err := os.Create(dir + "/" + name)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		if err := f.Truncate(int64(16 * page)); err != nil {
			t.Fatal(err)
		}
		add(unix.PROT_READ, []int{unix.MAP_PRIVATE, unix.MAP_SHARED}[i%2], f, int64(i*page))
		if strings.HasPrefix(name, "gone") {
			if err := os.Remove(f.Name()); err != nil {
				t.Fatal(err)
			}
		}
	}
	return base, base + uintptr(64*page)
}

func collect(t *testing.T, list func(*os.File, uintptr, uintptr, func(Area) bool) error, lo, hi uintptr) []Area {
	t.Helper()
	f, err := os.Open("/proc/self/maps")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var all []Area
	err = list(f, lo, hi, checkDeleted("self", func(a Area) bool { all = append(all, a); return true }))
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// Where the ioctl is refused, at once or half-way, the text supplies the rest.
func TestAreasWithoutTheQuery(t *testing.T) {
	lo, hi := someAreas(t)
	want := collect(t, readAreas, lo, hi)
	ask := procmap
	defer func() { procmap = ask }()
	for _, errno := range []unix.Errno{unix.ENOTTY, unix.ENOSYS, unix.EPERM, unix.EACCES, unix.EINVAL, unix.EOPNOTSUPP} {
		for _, after := range []int{0, 3} {
			n := 0
			procmap = func(fd uintptr, q *procmapQuery) unix.Errno {
				if n++; n > after {
					return errno
				}
				return ask(fd, q)
			}
			if got := collect(t, queryAreas, lo, hi); fmt.Sprint(got) != fmt.Sprint(want) {
				t.Errorf("%v after %d queries:\n%+v, want\n%+v", errno, after, got, want)
			}
		}
	}
}

// Areas ascend and do not overlap while another thread changes the address space.
func TestAreasAscendBesideChanges(t *testing.T) {
	page := os.Getpagesize()
	const pages = 64
	base, err := mmap(0, pages*page, unix.PROT_READ, unix.MAP_PRIVATE|unix.MAP_ANON, NoFile, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.MunmapPtr(unsafe.Add(unsafe.Pointer(nil), base), uintptr(pages*page))
	var stop atomic.Bool
	done := make(chan struct{})
	go func() {
		defer close(done)
		for i := 0; !stop.Load(); i++ {
			for k := i % 2; k < pages; k += 2 + i%3 {
				_ = protect(base+uintptr(k*page), page, flags.Read|flags.Write)
			}
			_ = protect(base, pages*page, flags.Read)
		}
	}()
	defer func() { stop.Store(true); <-done }()
	lists := 3000
	if testing.Short() {
		lists = 300
	}
	ask := procmap
	defer func() { procmap = ask }()
	for _, text := range []bool{false, true} {
		if text {
			procmap = func(uintptr, *procmapQuery) unix.Errno { return unix.EPERM }
		}
		for range lists {
			end := base
			err := Areas(0, base, base+uintptr(pages*page), func(a Area) bool {
				if a.Start < end && end != base || a.End <= a.Start {
					t.Errorf("an area from %#x to %#x after one that ended at %#x", a.Start, a.End, end)
				}
				end = a.End
				return !t.Failed()
			})
			if err != nil || t.Failed() {
				t.Fatal(err)
			}
		}
	}
}

// Clipping keeps the offset in the file true.
func TestAscendingAreasAreClipped(t *testing.T) {
	var got []Area
	yield := ascending(func(a Area) bool { got = append(got, a); return true })
	for _, a := range []Area{
		{Start: 10, End: 20}, {Start: 10, End: 30, Path: "/f", Offset: 100}, {Start: 12, End: 25}, {Start: 5, End: 30}, {Start: 30, End: 40, Path: "/f", Offset: 7},
	} {
		yield(a)
	}
	want := []Area{{Start: 10, End: 20}, {Start: 20, End: 30, Path: "/f", Offset: 110}, {Start: 30, End: 40, Path: "/f", Offset: 7}}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("%+v, want %+v", got, want)
	}
}

// PageSizes returns an error where it cannot know all sizes: without sysfs, or without a free
// descriptor.
func TestPageSizesThatCannotBeListed(t *testing.T) {
	defer func(old string) { hugePages = old }(hugePages)
	base, _ := flags.PageSizeOf(int64(os.Getpagesize()))
	dir := t.TempDir()
	for path, fails := range map[string]bool{
		dir + "/hugepages":      false, // a kernel without huge pages
		dir + "/none/hugepages": true,  // no sysfs
		"/dev/null/hugepages":   true,
	} {
		hugePages = path
		set, err := pageSizes()
		if !set.Has(base) || (err != nil) != fails {
			t.Errorf("%s: %v, %v", path, set, err)
		}
	}
	hugePages = "/"
	var before unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &before); err != nil {
		t.Fatal(err)
	}
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: 0, Max: before.Max}); err != nil {
		t.Skip("no limit on descriptors: ", err)
	}
	_, err := pageSizes()
	if restore := unix.Setrlimit(unix.RLIMIT_NOFILE, &before); restore != nil {
		t.Fatal(restore)
	}
	if !errors.Is(err, unix.EMFILE) {
		t.Errorf("without descriptors: %v", err)
	}
}

// The ioctl and the text say the same about every area.
func TestQueryAndTextAgree(t *testing.T) {
	lo, hi := someAreas(t)
	mid := lo + (hi-lo)/2
	for _, r := range [][2]uintptr{{lo, hi}, {lo + 1, hi - 1}, {mid, mid + 1}, {lo, lo}, {lo + 1, lo + 1}, {mid - 1, hi}} {
		query, text := collect(t, queryAreas, r[0], r[1]), collect(t, readAreas, r[0], r[1])
		if fmt.Sprintf("%+v", query) != fmt.Sprintf("%+v", text) {
			t.Errorf("[%#x,%#x):\nioctl %+v\ntext  %+v", r[0], r[1], query, text)
		}
	}
	if n := len(collect(t, queryAreas, lo, hi)); n < 14 {
		t.Errorf("%d areas", n)
	}
	// Both lists end with the kernel's page that only the text has.
	query, text := collect(t, queryAreas, 0, math.MaxUint), collect(t, readAreas, 0, math.MaxUint)
	if a, b := query[len(query)-1], text[len(text)-1]; a != b {
		t.Errorf("the last area is %+v by ioctl, %+v by text", a, b)
	}
}

// A query for one address reads no text where the kernel has the ioctl, so that its cost does not
// grow with the number of areas.
func TestQueryForOneAddressReadsNoText(t *testing.T) {
	lo, _ := someAreas(t)
	f, err := os.Open("/proc/self/maps")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	found := 0
	probe := procmapQuery{size: uint64(unsafe.Sizeof(procmapQuery{})), queryFlags: queryCoveringOrNext}
	if errno := procmap(f.Fd(), &probe); errno != 0 {
		t.Skip("the kernel has no PROCMAP_QUERY: ", errno)
	}
	err = queryAreas(f, lo, lo+1, func(Area) bool { found++; return true })
	if err != nil || found != 1 {
		t.Fatalf("%d areas, %v", found, err)
	}
	if at, err := f.Seek(0, 1); err != nil || at != 0 {
		t.Errorf("%d bytes of text were read, %v", at, err)
	}
	if unsafe.Sizeof(procmapQuery{}) != 104 {
		t.Errorf("struct procmap_query has %d bytes", unsafe.Sizeof(procmapQuery{}))
	}
}

// A line that does not parse ends the list with an error that shows it, after the areas before it.
func TestListEndsAtABadLine(t *testing.T) {
	path := t.TempDir() + "/maps"
	if err := os.WriteFile(path, []byte("1000-2000 r--p 00000000 00:00 0\nnonsense\n3000-4000 r--p 00000000 00:00 0\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	n := 0
	err = readAreas(f, 0, math.MaxUint, func(Area) bool { n++; return true })
	if n != 1 || err == nil || !strings.Contains(err.Error(), `"nonsense"`) {
		t.Errorf("%d areas, %v", n, err)
	}
}

// A file on hugetlbfs is distinguished from other files.
func TestFilePageSize(t *testing.T) {
	f, err := os.Create(t.TempDir() + "/file")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if p, known, err := FilePageSize(f); p != 0 || !known || err != nil {
		t.Errorf("%v, %v, %v", p, known, err)
	}
	f.Close()
	if _, _, err := FilePageSize(f); !errors.Is(err, os.ErrClosed) {
		t.Errorf("%v", err)
	}
}
