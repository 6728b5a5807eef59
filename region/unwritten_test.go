package region_test

import (
	"errors"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/typedmem/typedmem"
	"github.com/typedmem/typedmem/internal/sys"
	"github.com/typedmem/typedmem/internal/testkit"
	"github.com/typedmem/typedmem/region"
)

// The system reports once that it could not write pages, and then counts them as written: a Sync
// that succeeds later would promise what is not on the device.
func TestASyncThatFailedStaysFailed(t *testing.T) {
	if !sys.LosesPages(syscall.EIO) {
		t.Skip("this system does not say that pages which it could not write are lost")
	}
	flushRange := func(r *region.Region[int64]) error { return r.FlushRange(0, 1) }
	for _, c := range []struct {
		name string
		call func(*region.Region[int64]) error
		skip int // flushes that succeed before
	}{
		{"Sync, elements", (*region.Region[int64]).Sync, 0},
		{"Sync, header", (*region.Region[int64]).Sync, 1},
		{"Flush", flushRange, 0},
		{"Close, elements", (*region.Region[int64]).Close, 0},
		{"Close, header", (*region.Region[int64]).Close, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			path, saved := filepath.Join(t.TempDir(), "r.tm"), filepath.Join(t.TempDir(), "saved.tm")
			r := testkit.Must(region.Create[int64](path, 0))(t)
			testkit.Check(t, errors.Join(r.Append(1, 2, 3), r.Sync(), r.Append(4, 5)), "setup")
			restore := sys.Interpose(sys.FailCall(sys.OpFlush, c.skip, syscall.EIO))
			testkit.Wants(t, c.name, c.call(r), syscall.EIO)
			restore()
			testkit.Check(t, r.Append(6), "an Append after it")
			for range 2 {
				testkit.Wants(t, "a Sync after it", r.Sync(), syscall.EIO)
			}
			testkit.Wants(t, "a Flush after it", r.Flush(), syscall.EIO)
			testkit.Check(t, r.Snapshot(saved), "a Snapshot after it")
			testkit.Wants(t, "Close", r.Close(), syscall.EIO)
			testkit.Wants(t, "a second Close", r.Close(), typedmem.ErrClosed)
			for path, want := range map[string]int{path: 3, saved: 6} {
				r := testkit.Must(region.OpenMut[int64](path))(t)
				if r.Len() != want || r.At(want-1) != int64(want) {
					t.Errorf("%s: %d elements, want %d", path, r.Len(), want)
				}
				testkit.Check(t, errors.Join(r.Append(7), r.Sync(), r.Close()), "the next writer")
			}
		})
	}
}
