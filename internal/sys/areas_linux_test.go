package sys

import (
	"errors"
	"fmt"
	"math"
	"os"
	"strings"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

// someAreas maps things of every kind and returns where they are.
func someAreas(t *testing.T) (lo, hi uintptr) {
	t.Helper()
	page := os.Getpagesize()
	base, err := Reserve(0, 64*page, page, false)
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
		fd := noFile
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
	err = list(f, lo, hi, settleDeleted("self", func(a Area) bool { all = append(all, a); return true }))
	if errors.Is(err, errNoQuery) {
		t.Skip("the kernel has no PROCMAP_QUERY")
	}
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// The ioctl and the text say the same about every area.
func TestQueryAndTextAgree(t *testing.T) {
	lo, hi := someAreas(t)
	mid := lo + (hi-lo)/2
	for _, r := range [][2]uintptr{{lo, hi}, {lo + 1, hi - 1}, {mid, mid + 1}, {lo, lo}, {mid - 1, hi}} {
		query, text := collect(t, queryAreas, r[0], r[1]), collect(t, readAreas, r[0], r[1])
		if fmt.Sprintf("%+v", query) != fmt.Sprintf("%+v", text) {
			t.Errorf("[%#x,%#x):\nioctl %+v\ntext  %+v", r[0], r[1], query, text)
		}
	}
	if n := len(collect(t, queryAreas, lo, hi)); n < 14 {
		t.Errorf("%d areas", n)
	}
	// Both lists end alike: with the page of the kernel's that only the text has.
	query, text := collect(t, queryAreas, 0, math.MaxUint), collect(t, readAreas, 0, math.MaxUint)
	if a, b := query[len(query)-1], text[len(text)-1]; a != b {
		t.Errorf("the last area is %+v by ioctl, %+v by text", a, b)
	}
}

// A query for one address reads no text where the kernel has the ioctl, so that its cost does not grow with the number of areas.
func TestQueryForOneAddressReadsNoText(t *testing.T) {
	lo, _ := someAreas(t)
	f, err := os.Open("/proc/self/maps")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	found := 0
	err = queryAreas(f, lo, lo+1, func(Area) bool { found++; return true })
	if errors.Is(err, errNoQuery) {
		t.Skip("the kernel has no PROCMAP_QUERY")
	}
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

// A line that does not parse ends a list with an error that names it, and after the areas before it.
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

// A file that dictates huge pages is told from one that does not.
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
