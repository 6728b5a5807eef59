package region_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/typedmem/typedmem"
	"github.com/typedmem/typedmem/internal/sys"
	"github.com/typedmem/typedmem/internal/testenv"
	"github.com/typedmem/typedmem/internal/testkit"
	"github.com/typedmem/typedmem/region"
)

// afterPowerLoss opens a copy of the file as another run of the system finds it that every write
// has reached, and returns how many elements there are.
func afterPowerLoss(t *testing.T, path string) int {
	t.Helper()
	const liveRecord = 32 << 10 // of FORMAT.md
	b, err := os.ReadFile(path)
	testkit.Wants(t, "read", err, nil)
	clear(b[liveRecord : liveRecord+16])
	lost := filepath.Join(t.TempDir(), "lost")
	testkit.Wants(t, "write", os.WriteFile(lost, b, 0o666), nil)
	r := open[uint64](t, lost)
	defer r.Close()
	return r.Len()
}

// thousand makes a file of 1000 elements that a Sync has acknowledged; element i is i+1.
func thousand(t *testing.T) (r *region.Region[uint64], path string) {
	t.Helper()
	testenv.PartialPages(t)
	path = filepath.Join(t.TempDir(), "r")
	r = create[uint64](t, path)
	t.Cleanup(func() {
		if err := r.Close(); err != nil && !errors.Is(err, typedmem.ErrClosed) {
			t.Error(err)
		}
	})
	for i := range 1000 {
		testkit.Wants(t, "Append", r.Append(uint64(i+1)), nil)
	}
	testkit.Wants(t, "Sync", r.Sync(), nil)
	return r, path
}

func TestRefusedShrinkLeavesTheSyncedLength(t *testing.T) {
	r, path := thousand(t)
	unpin, err := r.Pin()
	testkit.Wants(t, "Pin", err, nil)
	flushes := 0
	restore := sys.Interpose(func(c sys.Call) error {
		if c.Op == sys.OpFlush {
			flushes++
		}
		return nil
	})
	err = r.Resize(10)
	restore()
	unpin()
	testkit.Wants(t, "shrinking a pinned region", err, typedmem.ErrBusy)
	if n := afterPowerLoss(t, path); n != 1000 || r.Len() != 1000 || flushes != 0 {
		t.Fatalf("a Resize that was refused flushed %d times and left %d elements, %d after a power failure", flushes, r.Len(), n)
	}
}

// TestFailedShrinkLeavesTheSyncedLength has each system call of a shrinking Resize fail in turn.
// If that fails the Resize, nothing has changed; if it does not, what was cut off does not
// come back.
func TestFailedShrinkLeavesTheSyncedLength(t *testing.T) {
	for k, more := 0, true; more; k++ {
		r, path := thousand(t)
		n, failed := 0, sys.OpCount
		restore := testenv.InterposeHere(func(c sys.Call) error {
			if n++; n-1 == k {
				failed = c.Op
				return fmt.Errorf("injected into %v", c.Op)
			}
			return nil
		})
		err := r.Resize(10)
		restore()
		if more = failed != sys.OpCount; !more && err != nil {
			t.Fatalf("Resize: %v", err)
		}
		want := testkit.Cond(err == nil, 10, 1000)
		if lost := afterPowerLoss(t, path); lost != want || r.Len() != want || r.At(want-1) != uint64(want) {
			t.Errorf("call %d (%v) failed: %d elements, %d after a power failure, want %d (%v)", k, failed, r.Len(), lost, want, err)
		}
		if err == nil {
			testkit.Wants(t, "growing", r.Resize(1000), nil)
			for i := 10; i < 1000; i++ {
				if r.At(i) != 0 {
					t.Fatalf("call %d (%v) failed: element %d came back as %d", k, failed, i, r.At(i))
				}
			}
		}
		testkit.Wants(t, "Close", r.Close(), nil)
		again := open[uint64](t, path)
		if again.Len() != 1000 {
			t.Errorf("call %d: %d elements after Close", k, again.Len())
		}
		testkit.Wants(t, "Close", again.Close(), nil)
	}
}

// TestFailedFlushOfALengthIsMadeGood: while the device refuses, no Sync succeeds; the next that can
// leaves the length on it.
func TestFailedFlushOfALengthIsMadeGood(t *testing.T) {
	r, path := thousand(t)
	broken := errors.New("broken")
	works := 1 // so many more flushes: the data goes, no header copy does
	restore := sys.Interpose(func(c sys.Call) error {
		if c.Op == sys.OpFlush {
			if works--; works < 0 {
				return broken
			}
		}
		return nil
	})
	defer restore()
	if err := r.Resize(10); !errors.Is(err, broken) {
		t.Fatalf("Resize: %v", err)
	}
	works = 1
	if err := r.Sync(); !errors.Is(err, broken) {
		t.Fatalf("a Sync that could not flush the length, which the device may not have: %v", err)
	}
	works = 100
	testkit.Wants(t, "Sync", r.Sync(), nil)
	if n := afterPowerLoss(t, path); n != 1000 {
		t.Fatalf("%d elements", n)
	}
	works = 1
	testkit.Wants(t, "a Sync of a length that the device has", r.Sync(), nil)
}

// TestCloseCutsOffOnlyWhatNoReaderKnew: a reader may show the greatest length that the file had, so
// that much stays, as zeros.
func TestCloseCutsOffOnlyWhatNoReaderKnew(t *testing.T) {
	r, path := thousand(t)
	testkit.Wants(t, "Resize", r.Resize(50), nil)
	testkit.Wants(t, "Close", r.Close(), nil)
	b, err := os.ReadFile(path)
	testkit.Wants(t, "read", err, nil)
	const data = 64 << 10 // of FORMAT.md
	if page := os.Getpagesize(); len(b) != (data+1000*8+page-1)/page*page {
		t.Fatalf("%d bytes of data, want those of 1000 elements, in whole pages", len(b)-data)
	}
	for i, x := range b[data+50*8:] {
		if x != 0 {
			t.Fatalf("byte %d past the length is %d", i, x)
		}
	}
}

// A length that was changed through the mapping is one that Close keeps: the file is no shorter
// than what it says.
func TestCloseKeepsTheMappingsLength(t *testing.T) {
	for _, n := range []int{3, 1500} {
		r, path := thousand(t)
		testkit.Wants(t, "Resize of the mapping", r.Mapping().Resize(n*8), nil)
		testkit.Wants(t, "Close", r.Close(), nil)
		r = open[uint64](t, path)
		if r.Len() != n || r.At(2) != 3 {
			t.Errorf("%d elements, want %d", r.Len(), n)
		}
		testkit.Wants(t, "Close", r.Close(), nil)
	}
}

// What a shorter Resize cut off has no disk space any more, in the last page neither where blocks
// are smaller than pages: it is set aside again before an Append writes there.
func TestAppendAfterAShrinkSetsSpaceAside(t *testing.T) {
	r, err := region.Create[int64](filepath.Join(t.TempDir(), "r"), 10_000)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	testkit.Wants(t, "Resize", r.Resize(10), nil)
	asked := false
	defer sys.Interpose(func(c sys.Call) error {
		asked = asked || c.Op == sys.OpAllocate && c.Offset <= 65536+80 && c.Offset+int64(c.Len) >= 65536+88
		return nil
	})()
	testkit.Wants(t, "Append", r.Append(1), nil)
	if !asked {
		t.Error("an element was written to a hole of the file")
	}
}
