package region_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/typedmem/typedmem"
	"github.com/typedmem/typedmem/flags"
	"github.com/typedmem/typedmem/internal/testenv"
	"github.com/typedmem/typedmem/internal/testkit"
	"github.com/typedmem/typedmem/options"
	"github.com/typedmem/typedmem/region"
)

// numberFile makes a file of n numbers, and a region over it.
func numberFile(t *testing.T, dir string, n int) (path string, r *region.Region[uint64]) {
	t.Helper()
	path = filepath.Join(dir, "numbers")
	model := numbered(t, n, func(i int) uint64 { return uint64(i) })
	testkit.Check(t, os.WriteFile(path, model.View().Bytes().Slice(), 0o666))
	f, err := os.Open(path)
	testkit.Check(t, err)
	testkit.CloseLater(t, f)
	r, err = region.Map[uint64](options.For[uint64](n).WithFile(f, 0).WithFlags(flags.RandomAccess))
	testkit.Check(t, err)
	testkit.CloseLater(t, r)
	return path, r
}

// evict drops the pages of a file from memory, and skips the test where the system keeps them.
func evict(t *testing.T, path string, r *region.Region[uint64]) {
	t.Helper()
	testkit.Check(t, r.Mapping().Advise(0, r.Mapping().Len(), flags.DontNeed))
	f, err := os.Open(path)
	testkit.Check(t, err)
	defer f.Close()
	testkit.Check(t, f.Sync())
	testkit.Check(t, unix.Fadvise(int(f.Fd()), 0, 0, unix.FADV_DONTNEED))
	if n, err := r.View().Resident(); err != nil {
		t.Skip("the system does not tell which pages are in memory: ", err)
	} else if n != 0 {
		t.Skipf("%d bytes stay in memory on this file system", n)
	}
}

// Gather and Stream read what is not in memory, and Gather no more than the pages it needs.
func TestColdPagesAreRead(t *testing.T) {
	testenv.FaultAddresses(t)
	page := os.Getpagesize()
	n := 1000 * page / 8
	path, r := numberFile(t, t.TempDir(), n)
	v := r.View()

	evict(t, path, r)
	indexes := []int{n - 1, 3, 500 * page / 8, 4, 3}
	dst := make([]uint64, len(indexes))
	testkit.Check(t, v.Gather(dst, indexes))
	for k, i := range indexes {
		if dst[k] != uint64(i) {
			t.Errorf("element %d is %d", i, dst[k])
		}
	}
	if bytes, err := v.Resident(); err != nil || bytes < 3*page || bytes > 300*page {
		t.Errorf("%d bytes are in memory for 3 pages: %v", bytes, err)
	}

	evict(t, path, r)
	sum := uint64(0)
	for part, err := range v.Stream(10_000) {
		testkit.Check(t, err)
		if bytes, err := part.Resident(); err != nil || bytes != 8*part.Len() {
			t.Fatalf("%d bytes of %d are in memory: %v", bytes, 8*part.Len(), err)
		}
		for _, x := range part.Slice() {
			sum += x
		}
	}
	if want := uint64(n) * uint64(n-1) / 2; sum != want {
		t.Errorf("the sum is %d, want %d", sum, want)
	}
}

// Pages that a file lost are an error in each way of reading, warm or cold, and what is left can be
// read.
func TestReadersOfACutFile(t *testing.T) {
	testenv.FaultAddresses(t)
	page := os.Getpagesize()
	const pages, left = 600, 400
	n, kept := pages*page/8, left*page/8
	for _, warm := range []bool{true, false} {
		path, r := numberFile(t, t.TempDir(), n)
		v := r.View()
		dst := make([]uint64, 2)
		if warm {
			testkit.Check(t, v.Prefault())
			testkit.Check(t, v.Gather(dst, []int{0, n - 1}))
		} else {
			evict(t, path, r)
		}
		testkit.Check(t, os.Truncate(path, left*int64(page)))
		what := fmt.Sprint("warm ", warm)
		testkit.Check(t, v.Gather(dst, []int{0, kept - 1}), what)
		if dst[0] != 0 || dst[1] != uint64(kept-1) {
			t.Errorf("%s: %d", what, dst)
		}
		testkit.Wants(t, what+", Gather", v.Gather(dst, []int{0, kept}), typedmem.ErrTruncated)
		testkit.Wants(t, what+", Gather at the end", v.Gather(dst, []int{n - 1, 1}), typedmem.ErrTruncated)
		testkit.Wants(t, what+", Prefault", v.Prefault(), typedmem.ErrTruncated)
		for _, step := range []int{page / 8, 1000, n} {
			got, calls := 0, 0
			var last error
			for part, err := range v.Stream(step) {
				if calls++; err != nil {
					last = err
					continue
				}
				for i := range part.Len() {
					if x := part.At(i); x != uint64(got+i) {
						t.Fatalf("%s: element %d is %d", what, got+i, x)
					}
				}
				got += part.Len()
			}
			testkit.Wants(t, what+", Stream", last, typedmem.ErrTruncated)
			if want := kept / step * step; got != want {
				t.Errorf("%s: Stream(%d) yields %d elements, want %d", what, step, got, want)
			}
		}
	}
}

// A hole of a file on a full disk: some file systems need space to show it.
func TestReadersOfAHoleOnAFullDisk(t *testing.T) {
	testenv.FaultAddresses(t)
	dir := t.TempDir()
	if err := mountTmpfs(dir, "size=1m"); err != nil {
		t.Skip("a small file system cannot be mounted: ", err)
	}
	defer unmount(t, dir)
	path := filepath.Join(dir, "hole")
	f, err := os.Create(path)
	testkit.Check(t, err)
	defer f.Close()
	testkit.Check(t, f.Truncate(8<<20))
	_, err = f.WriteAt(make([]byte, 1<<20), 0)
	for at := int64(0); err == nil; at += 4096 {
		_, err = f.WriteAt([]byte{1}, at)
	}
	testkit.Is(t, err, unix.ENOSPC)
	r, err := region.Map[uint64](options.For[uint64](1<<20).WithFile(f, 0))
	testkit.Check(t, err)
	dst := []uint64{7}
	gathered := r.View().Gather(dst, []int{1<<20 - 1})
	var streamed error
	n := 0
	for part, err := range r.View().Stream(1 << 10) {
		streamed = err
		n += part.Len()
	}
	prefaulted := r.View().Prefault()
	t.Logf("Gather: %v; Stream after %d elements: %v; Prefault: %v", gathered, n, streamed, prefaulted)
	for what, err := range map[string]error{"Gather": gathered, "Stream": streamed, "Prefault": prefaulted} {
		if err == nil {
			continue
		}
		var e *typedmem.Error
		if !errors.As(err, &e) || errors.Is(err, typedmem.ErrTruncated) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if gathered == nil && dst[0] != 0 || streamed == nil && n != 1<<20 {
		t.Errorf("Gather gives %d, Stream %d elements", dst[0], n)
	}
	testkit.Check(t, r.Close())
}
