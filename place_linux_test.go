package typedmem_test

import (
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/typedmem/typedmem"
	"github.com/typedmem/typedmem/internal/testkit"
	"github.com/typedmem/typedmem/options"
	"github.com/typedmem/typedmem/region"
	"github.com/typedmem/typedmem/slab"
)

// TestLargeFilesStandWhereLargePagesFit: a mapping of a file begins as far after a multiple of a
// large page as its bytes do in the file.
func TestLargeFilesStandWhereLargePagesFit(t *testing.T) {
	if strconv.IntSize != 64 {
		t.Skip("no large pages are expected with pointers of 32 bits")
	}
	page := os.Getpagesize()
	large := page / 8 * page
	path := filepath.Join(t.TempDir(), "f")
	stands := func(what string, m *typedmem.Mapping, offset int) {
		t.Helper()
		if off := (int(m.Addr()) - offset) & (large - 1); off != 0 {
			t.Errorf("%s is at %#x for byte %d of the file: %d bytes from its place", what, m.Addr(), offset, off)
		}
	}
	const header = 64 << 10
	r := testkit.Must(region.Create[uint64](path, 1000))(t)
	stands("a new region", r.Mapping(), header)
	testkit.Check(t, r.Close())
	r = testkit.Must(region.OpenMut[uint64](path))(t)
	stands("a region", r.Mapping(), header)
	testkit.Check(t, r.Close())

	objects := large / 8 * 2
	words := (objects*8 + header - 1) / header * header
	s := testkit.Must(slab.Create[uint64](path+".slab", objects))(t)
	stands("a slab", s.Mapping(), header+words)
	testkit.Check(t, s.Close())

	f := testkit.File(t, pattern(3*unit))
	for _, offset := range []int{0, unit, 2*unit + 8} {
		m := testkit.Must(options.New(8).WithFile(f, int64(offset)).WithCapacity(large).Map())(t)
		stands("a mapping with spare capacity", m, offset)
		testkit.Check(t, m.Close())
	}
}
