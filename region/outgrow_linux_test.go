package region_test

import (
	"math"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/typedmem/typedmem"
	"github.com/typedmem/typedmem/internal/race"
	"github.com/typedmem/typedmem/internal/testenv"
	"github.com/typedmem/typedmem/internal/testkit"
	"github.com/typedmem/typedmem/region"
)

// A reader that nobody closes is released with all its ranges, except those that still have a view.
func TestAReaderThatMovedOnIsCollected(t *testing.T) {
	testenv.Differs(t, map[string]string{"qemu-user": "the list of areas is the emulator's own"})
	w, _ := follower(t, 10)
	path := w.Mapping().File()
	var kept region.View[uint64]
	var ranges []uintptr
	func() {
		r, err := region.Open[uint64](path)
		testkit.Wants(t, "Open", err, nil)
		ranges = append(ranges, r.Mapping().Addr())
		for range 2 {
			outgrow(t, w, r)
			ranges = append(ranges, r.Mapping().Addr())
			if len(ranges) == 2 {
				kept = r.View()
			}
		}
	}()
	mapped := func(addr uintptr) bool {
		area, ok, err := typedmem.AreaAt(typedmem.Self, addr)
		testkit.Wants(t, "AreaAt", err, nil)
		return ok && strings.HasSuffix(area.Path, filepath.Base(path))
	}
	for tries := 0; mapped(ranges[0]) || mapped(ranges[2]); tries++ {
		if tries == 500 {
			t.Fatalf("not even after many collections: %v, %v", mapped(ranges[0]), mapped(ranges[2]))
		}
		runtime.GC()
		time.Sleep(time.Millisecond) // cleanups run in a goroutine of their own
	}
	if !mapped(ranges[1]) || kept.At(kept.Len()-1) != uint64(kept.Len()-1) {
		t.Fatal("a range went that has a view")
	}
	kept = region.View[uint64]{}
	for tries := 0; mapped(ranges[1]); tries++ {
		if tries == 500 {
			t.Fatal("the range of a view that is gone stays")
		}
		runtime.GC()
		time.Sleep(time.Millisecond)
	}
}

// Under RLIMIT_AS a reader does not take the addresses that the program needs: it stays where it
// is, with an error, and follows the file again once it fits.
func TestAReaderUnderAnAddressLimit(t *testing.T) {
	if race.Enabled || math.MaxInt == math.MaxInt32 {
		t.Skip("the race detector takes more addresses than the limit allows, and in a 32-bit program a reader does not move")
	}
	if !testenv.Child(t) {
		return
	}
	const limit = 2 << 30
	testenv.SetLimit(t, unix.RLIMIT_AS, limit)
	path := filepath.Join(t.TempDir(), "r")
	w, err := region.OpenFile[uint64](path, region.FileOptions{Write: true, Create: true, Capacity: limit / 64})
	testkit.Wants(t, "Create", err, nil)
	defer w.Close()
	appendUpTo(t, w, 10)
	r, err := region.Open[uint64](path)
	testkit.Wants(t, "Open", err, nil)
	defer r.Close()
	n, last := 1<<20, 0
	for ; err == nil; n += 2 << 20 { // 8 and 16 MiB
		if n > limit/64 {
			t.Fatal("a reader takes all addresses")
		}
		last = r.Len()
		testkit.Wants(t, "Resize", w.Resize(n), nil)
		_, err = r.Refresh()
	}
	testkit.Wants(t, "Refresh", err, typedmem.ErrCapacity, "addresses", w.Mapping().File())
	t.Logf("%d elements were too many after %d: %v", n, last, err)
	if r.Len() != last || r.At(last-1) != 0 || r.At(9) != 9 {
		t.Fatal(r.Len())
	}
	fillHeap(limit / 8)
	testkit.Wants(t, "Resize", w.Resize(last+1), nil)
	refresh(t, r, last+1)
	testkit.Wants(t, "Close", r.Close(), nil)
}
