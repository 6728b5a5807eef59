package region_test

import (
	"math/bits"
	"os"
	"path/filepath"
	"testing"

	"github.com/typedmem/typedmem"
	"github.com/typedmem/typedmem/internal/sys"
	"github.com/typedmem/typedmem/internal/testkit"
	"github.com/typedmem/typedmem/region"
)

// freeAddresses returns about how many bytes of addresses a program can still get.
func freeAddresses(t *testing.T) uint64 {
	t.Helper()
	free := sys.AddressSpace()
	for a, err := range typedmem.Areas(typedmem.Self) {
		if err != nil {
			t.Fatal(err)
		}
		free -= min(free, uint64(a.End-a.Start))
	}
	return free
}

// A closed region keeps addresses for old views. They are counted together with those that the
// system frees only with them, so that a collection releases them before the runtime finds none for
// its heap and its threads.
func TestClosedRegionsLeaveAddresses(t *testing.T) {
	if bits.UintSize == 64 {
		t.Skip("a 64-bit program has addresses enough")
	}
	before := freeAddresses(t)
	least := before
	for i := range 200 {
		r := testkit.Must(region.New[byte](10))(t)
		if err := r.Close(); err != nil {
			t.Fatal(err)
		}
		if i%5 == 0 {
			least = min(least, freeAddresses(t))
		}
	}
	t.Logf("%d MiB of addresses were free before, and %d MiB at the least", before>>20, least>>20)
	if before == 0 || least < before/4 {
		t.Error("too few")
	}
}

// Regions of files that end inside a granule come and go. In a 32-bit program under Wine this ended
// the process, until no placeholder began in one granule and ended in another.
func TestSmallFilesComeAndGo(t *testing.T) {
	path := filepath.Join(t.TempDir(), "r")
	for range 10 {
		w := testkit.Must(region.Create[uint64](path, 10))(t)
		testkit.CloseLater(t, w)
		r := testkit.Must(region.Open[uint64](path))(t)
		testkit.CloseLater(t, r)
		w.Set(9, 9)
		if r.At(9) != 9 {
			t.Fatal(r.At(9))
		}
		testkit.Check(t, w.Close())
		testkit.Check(t, r.Close())
		testkit.Check(t, os.Remove(path))
	}
}
