package region_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/typedmem/typedmem"
	"github.com/typedmem/typedmem/internal/sys"
	"github.com/typedmem/typedmem/internal/testkit"
	"github.com/typedmem/typedmem/region"
)

// setShorterCount writes the shorter count of FORMAT.md, as a writer that was killed may have left
// it.
func setShorterCount(t *testing.T, path string, n byte) {
	t.Helper()
	f := testkit.Must(os.OpenFile(path, os.O_RDWR, 0))(t)
	_, err := f.WriteAt([]byte{n}, 32_832)
	testkit.Check(t, errors.Join(err, f.Close()))
}

// shorterCount returns the lowest byte of that count.
func shorterCount(t *testing.T, path string) byte {
	t.Helper()
	f := testkit.Must(os.Open(path))(t)
	defer f.Close()
	var n [1]byte
	_, err := f.ReadAt(n[:], 32_832)
	testkit.Check(t, err)
	return n[0]
}

// A writer makes the file shorter and is gone, and another one makes it longer than before, all
// between two looks: the loop ends, however the first one ended.
func TestFollowOfAFileMadeShorterByAWriterThatIsGone(t *testing.T) {
	for name, c := range map[string]struct {
		before func(t *testing.T, path string)
		shrink func(t *testing.T, path string, w *region.Region[uint64])
	}{
		"closed": {shrink: func(t *testing.T, path string, w *region.Region[uint64]) {
			testkit.Check(t, errors.Join(w.Resize(5), w.Close()))
		}},
		"killed": {shrink: func(t *testing.T, path string, w *region.Region[uint64]) {
			testkit.Check(t, w.Close())
			killedAfter(t, path, func(w *region.Region[uint64]) error { return w.Resize(5) })
		}},
		// It has counted when the loop begins, and has not yet published the shorter length.
		"killed in Resize": {before: func(t *testing.T, path string) { setShorterCount(t, path, 1) },
			shrink: func(t *testing.T, path string, w *region.Region[uint64]) {
				setShorterCount(t, path, 0)
				testkit.Check(t, errors.Join(w.Resize(5), w.Close()))
				setShorterCount(t, path, 1)
			}},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "r")
			w := testkit.Must(region.Create[uint64](path, 0))(t)
			testkit.CloseLater(t, w)
			appendUpTo(t, w, 10)
			r := testkit.Must(region.Open[uint64](path))(t)
			testkit.CloseLater(t, r)
			if c.before != nil {
				c.before(t, path)
			}
			n, err := following(context.Background(), r, func(int) {
				c.shrink(t, path, w)
				w := testkit.Must(region.OpenMut[uint64](path))(t)
				testkit.CloseLater(t, w)
				appendUpTo(t, w, 20)
			})
			testkit.Wants(t, "Follow", err, typedmem.ErrBounds, "10 elements")
			if n != 10 {
				t.Fatal(n)
			}
		})
	}
}

// A shorter length that was refused is none: the loop goes on.
func TestFollowIgnoresAResizeThatIsRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "r")
	w := testkit.Must(region.Create[uint64](path, 0))(t)
	testkit.CloseLater(t, w)
	r := testkit.Must(region.Open[uint64](path))(t)
	testkit.CloseLater(t, r)
	memory := numbered(t, 0, func(int) uint64 { return 0 })
	for name, c := range map[string]struct{ w, r *region.Region[uint64] }{"file": {w, r}, "writer's own": {w, w}, "memory": {memory, memory}} {
		ctx, cancel := context.WithCancel(context.Background())
		defer cancel()
		appendUpTo(t, c.w, max(10, c.w.Len()))
		first := c.w.Len()
		n, err := following(ctx, c.r, func(n int) {
			if n > first {
				cancel()
				return
			}
			unpin := testkit.Must(c.w.Pin())(t)
			testkit.Wants(t, "Resize", c.w.Resize(5), typedmem.ErrBusy)
			unpin()
			appendUpTo(t, c.w, n+10)
		})
		testkit.Wants(t, name, err, context.Canceled)
		if n != first+10 {
			t.Fatal(name, n)
		}
	}
}

// A Resize that fails between its two counts counts the second time all the same: the next writer
// has nothing to end, and who follows is not stopped.
func TestAResizeThatFailsEndsItsCount(t *testing.T) {
	path := filepath.Join(t.TempDir(), "r")
	w := testkit.Must(region.Create[uint64](path, 0))(t)
	testkit.CloseLater(t, w)
	failed := 0
	for op := range sys.OpCount {
		appendUpTo(t, w, 100_000)
		before := shorterCount(t, path)
		restore := sys.Interpose(func(c sys.Call) error {
			if c.Op == op {
				return sys.ErrNoSpace
			}
			return nil
		})
		err := w.Resize(5)
		restore()
		n := shorterCount(t, path)
		if n%2 != 0 {
			t.Errorf("the count is %d where call %d fails and Resize returns %v", n, op, err)
		}
		if n != before && w.Len() == 100_000 {
			failed++
		}
	}
	if failed == 0 {
		t.Error("no Resize failed between its counts")
	}
}

// Migrate puts another file in the place of the one that is followed: all of the old one is
// yielded, then ErrReplaced, and a Follow of the new one yields each element, converted, and goes
// on with what its writer appends.
func TestFollowAcrossMigrate(t *testing.T) {
	path := filepath.Join(t.TempDir(), "r")
	w := testkit.Must(region.Create[uint64](path, 0))(t)
	testkit.CloseLater(t, w)
	appendUpTo(t, w, 10)
	r := testkit.Must(region.Open[uint64](path))(t)
	testkit.CloseLater(t, r)
	var migrated error
	n, err := following(context.Background(), r, func(n int) {
		if n > 10 {
			return
		}
		appendUpTo(t, w, 25)
		testkit.Check(t, w.Close())
		migrated = region.Migrate(path, func(x uint64) pair { return pair{x, 7} })
		if migrated != nil {
			testkit.Check(t, r.Close())
		}
	})
	if migrated != nil && runtime.GOOS == "windows" {
		t.Skip("no file replaces one that is open here: ", migrated)
	}
	testkit.Check(t, migrated)
	testkit.Wants(t, "Follow", err, typedmem.ErrReplaced, path)
	if n != 25 {
		t.Fatal(n)
	}
	now := testkit.Must(region.OpenMut[pair](path))(t)
	testkit.CloseLater(t, now)
	again := testkit.Must(region.Open[pair](path))(t)
	testkit.CloseLater(t, again)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	n = 0
	for v, err := range again.Follow(ctx) {
		if err != nil {
			testkit.Wants(t, "Follow", err, context.Canceled)
			break
		}
		for x := range v.Values() {
			if x != (pair{uint64(n), 7}) {
				t.Fatalf("element %d is %v", n, x)
			}
			n++
		}
		switch n {
		case 25:
			testkit.Check(t, now.Append(pair{25, 7}, pair{26, 7}))
		case 27:
			cancel()
		}
	}
	if n != 27 {
		t.Fatal(n)
	}
}
