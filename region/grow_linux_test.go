package region_test

import (
	"os"
	"strings"
	"testing"

	"github.com/typedmem/typedmem"
	"github.com/typedmem/typedmem/internal/testkit"
)

// TestShrinkingGivesMemoryBack: the pages leave the process at once, and come again as zeros.
func TestShrinkingGivesMemoryBack(t *testing.T) {
	r, page := pages(t, 64)
	last := uintptr(0)
	for i := range r.Len() {
		r.Set(i, 1)
	}
	last = r.Mapping().Addr() + uintptr(r.Len()*8) - 1
	readable := func() bool {
		area, ok, err := typedmem.AreaAt(typedmem.Self, last)
		testkit.Wants(t, "AreaAt", err, nil)
		return ok && area.Protection != 0
	}
	if !readable() {
		t.Fatal("the last element is in no area")
	}
	testkit.Wants(t, "Resize", r.Resize(2*page), nil)
	if readable() {
		t.Error("memory that was cut off is still mapped")
	}
	testkit.Wants(t, "Resize", r.Resize(64*page), nil)
	for i := range 62 * page {
		if r.At(2*page+i) != 0 {
			t.Fatalf("element %d came back", 2*page+i)
		}
	}
}

// TestAppendToAFullDisk: the disk's end is an error, nothing of what did not fit is there, and the
// region works on.
func TestAppendToAFullDisk(t *testing.T) {
	dir := t.TempDir()
	if err := mountTmpfs(dir, "size=1m"); err != nil {
		t.Skip("no file system of 1 MiB can be mounted: ", err)
	}
	defer unmount(t, dir)
	r := create[pair](t, dir+"/full")
	chunk := make([]pair, 1000)
	n := 0
	var err error
	for n < 200000 {
		for i := range chunk {
			chunk[i] = pair{uint64(n + i), 1}
		}
		if err = r.Append(chunk...); err != nil {
			break
		}
		n += len(chunk)
	}
	if err == nil || !strings.Contains(err.Error(), "no space") {
		t.Fatalf("a full disk: %v", err)
	}
	if r.Len() != n {
		t.Fatalf("%d elements after an Append that failed, %d before", r.Len(), n)
	}
	testkit.Wants(t, "Load of what was not appended", r.Store(n, pair{}), typedmem.ErrBounds)
	r.Set(n-1, pair{7, 7})
	testkit.Wants(t, "Sync", r.Sync(), nil)
	testkit.Wants(t, "Resize", r.Resize(n/2), nil)
	testkit.Wants(t, "Append where there is room again", r.Append(chunk...), nil)
	testkit.Wants(t, "Close", r.Close(), nil)
	again := open[pair](t, dir+"/full")
	defer again.Close()
	if again.Len() != n/2+len(chunk) || again.At(n/2-1).A != uint64(n/2-1) {
		t.Fatalf("%d elements after opening again", again.Len())
	}
	if info, err := os.Stat(dir + "/full"); err != nil || info.Size() > 1<<20 {
		t.Fatalf("%v, %v", info, err)
	}
}
