package region_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/typedmem/typedmem"
	"github.com/typedmem/typedmem/internal/sys"
	"github.com/typedmem/typedmem/internal/testenv"
	"github.com/typedmem/typedmem/internal/testkit"
	"github.com/typedmem/typedmem/region"
)

type (
	oldInner struct{ X, Y int32 }
	newInner struct{ Y, Z int32 }
	oldRow   struct {
		ID   uint64
		Gone float64
		In   [2]oldInner
		List [4]uint16
	}
	newRow struct {
		Fresh uint64
		In    [2]newInner
		ID    uint64
		List  [8]uint16
	}
)

func oldRowOf(i int) oldRow {
	x := int32(i)
	return oldRow{uint64(i), 0.5, [2]oldInner{{x, x + 1}, {x + 2, x + 3}}, [4]uint16{uint16(i), 2, 3, 4}}
}

// migrated is what copying by name makes of a row.
func migrated(o oldRow) newRow {
	return newRow{0, [2]newInner{{o.In[0].Y, 0}, {o.In[1].Y, 0}}, o.ID, [8]uint16{o.List[0], o.List[1], o.List[2], o.List[3]}}
}

func oldFile(t *testing.T, dir string, n int) (path string) {
	t.Helper()
	path = filepath.Join(dir, "rows")
	r := testkit.Must(region.Create[oldRow](path, n))(t)
	for i := range n {
		r.Set(i, oldRowOf(i))
	}
	testkit.Check(t, r.Close())
	return path
}

// isMigrated fails unless the file, alone in its directory, holds n new rows.
func isMigrated(t *testing.T, path string, n int) {
	t.Helper()
	r := testkit.Must(region.OpenMut[newRow](path))(t)
	defer r.Close()
	if r.Len() != n {
		t.Fatalf("%d rows, want %d", r.Len(), n)
	}
	for i, x := range r.All() {
		if x != migrated(oldRowOf(i)) {
			t.Fatalf("row %d is %v", i, x)
		}
	}
	if names := testkit.Names(t, filepath.Dir(path)); len(names) != 1 {
		t.Fatal(names)
	}
}

func isOld(t *testing.T, path string, n int) {
	t.Helper()
	r := testkit.Must(region.Open[oldRow](path))(t)
	defer r.Close()
	if r.Len() != n {
		t.Fatalf("%d rows, want %d", r.Len(), n)
	}
	for i, x := range r.All() {
		if x != oldRowOf(i) {
			t.Fatalf("row %d is %v", i, x)
		}
	}
	if names := testkit.Names(t, filepath.Dir(path)); len(names) != 1 {
		t.Fatal(names)
	}
}

// By name and by a function, for lengths around a step, twice.
func TestMigrate(t *testing.T) {
	for _, n := range []int{0, 1, 21_844, 21_845, 21_846, 60_000} {
		for _, convert := range []func(oldRow) newRow{nil, migrated} {
			path := oldFile(t, testkit.FastDir(t), n)
			testkit.Check(t, region.Migrate(path, convert))
			isMigrated(t, path, n)
			before := testkit.Must(os.Stat(path))(t)
			testkit.Check(t, region.Migrate(path, convert))
			if !os.SameFile(before, testkit.Must(os.Stat(path))(t)) {
				t.Error("a file of the new type was replaced")
			}
		}
	}
}

// The steps come in order, and breaking off leaves the old file.
func TestMigrateSteps(t *testing.T) {
	const n = 60_000
	path := oldFile(t, testkit.FastDir(t), n)
	for p, err := range region.MigrateSteps(path, migrated) {
		testkit.Check(t, err)
		if p.Done <= 0 || p.Done >= n || p.Len != n {
			t.Fatal(p)
		}
		break
	}
	isOld(t, path, n)
	last, steps := 0, 0
	for p, err := range region.MigrateSteps(path, migrated) {
		testkit.Check(t, err)
		if p.Done <= last {
			t.Fatalf("%d after %d", p.Done, last)
		}
		last, steps = p.Done, steps+1
	}
	if last != n || steps < 3 {
		t.Errorf("%d rows in %d steps", last, steps)
	}
	isMigrated(t, path, n)
}

// A refusal, a failing call at any place, or a panic leaves the old file alone.
func TestMigrateThatFailsLeavesTheOldFile(t *testing.T) {
	const n = 100
	path := oldFile(t, testkit.FastDir(t), n)
	type other struct{ ID float64 }
	testkit.Wants(t, "another kind", region.Migrate[other, oldRow](path, nil), typedmem.ErrType, "ID", "uint64", "float64")
	testkit.Wants(t, "nothing in common", region.Migrate[pair, oldRow](path, nil), typedmem.ErrType)
	testkit.Wants(t, "wrong Old", region.Migrate[pair, other](path, func(other) pair { return pair{} }), typedmem.ErrLayout, path)
	testkit.Wants(t, "no file", region.Migrate[newRow, oldRow](path+"x", nil), fs.ErrNotExist, path)
	w := testkit.Must(region.OpenMut[oldRow](path))(t)
	testkit.Wants(t, "a writer", region.Migrate[newRow, oldRow](path, nil), typedmem.ErrBusy, path)
	testkit.Check(t, w.Close())
	isOld(t, path, n)
	func() {
		defer func() { _ = recover() }()
		_ = region.Migrate(path, func(oldRow) newRow { panic("mine") })
	}()
	isOld(t, path, n)
	broken := errors.New("broken")
	for op := range sys.OpCount {
		for skip := range 2 {
			path := oldFile(t, testkit.FastDir(t), n) // a mapping that could not be closed may hold the last one
			named := false
			fail := sys.FailCall(op, skip, broken)
			restore := sys.Interpose(func(c sys.Call) error {
				err := fail(c)
				if err == nil && c.Op == sys.OpReplaceFile {
					named = true
				}
				return err
			})
			err := region.Migrate[newRow, oldRow](path, nil)
			restore()
			if err != nil && !errors.Is(err, broken) {
				t.Fatalf("%v: %v", op, err)
			}
			r, openErr := region.Open[newRow](path)
			if openErr == nil {
				testkit.Check(t, r.Close())
			}
			// Where an open file is not replaced, the one that takes its name may be refused.
			if err == nil || named && (sys.ReplacesOpenFiles || openErr == nil) {
				isMigrated(t, path, n)
			} else {
				isOld(t, path, n)
			}
		}
	}
}

// Nobody gets the file for writing while it is being converted, and a reader keeps the old one.
func TestMigrateIsTheWriter(t *testing.T) {
	const n = 100
	path := oldFile(t, testkit.FastDir(t), n)
	busy := 0
	flush := testkit.Cond(sys.FlushNeedsFile, sys.OpFlush, sys.OpSyncFile)
	defer sys.Interpose(func(c sys.Call) error {
		// Windows replaces no file that is open, so nobody has it then; see Migrate.
		if c.Op == sys.OpReplaceFile && sys.ReplacesOpenFiles || c.Op == flush && busy == 0 {
			_, err := region.OpenMut[oldRow](path)
			testkit.Is(t, err, typedmem.ErrBusy)
			busy++
		}
		return nil
	})()
	var r *region.Region[oldRow]
	if runtime.GOOS != "windows" {
		r = testkit.Must(region.Open[oldRow](path))(t)
		testkit.CloseLater(t, r)
	}
	testkit.Check(t, region.Migrate[newRow, oldRow](path, nil))
	isMigrated(t, path, n)
	if busy < 1 {
		t.Error("nothing was tried")
	}
	if r != nil && r.At(n-1) != oldRowOf(n-1) {
		t.Errorf("the reader has %v", r.At(n-1))
	}
}

// The new file has the old one's permissions, also those that the umask would take, and never had
// more. A link stays a link.
func TestMigrateKeepsPermissionsAndLinks(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows has no such permissions, and links need rights")
	}
	for _, mode := range []fs.FileMode{0o600, 0o666, 0o640} {
		dir := testkit.FastDir(t)
		path := oldFile(t, dir, 10)
		testkit.Check(t, os.Chmod(path, mode))
		link := filepath.Join(t.TempDir(), "link")
		testkit.Check(t, os.Symlink(path, link))
		seen := false
		restore := testenv.InterposeHere(func(c sys.Call) error {
			if c.Op == sys.OpAllocate && c.File != nil { // the first call on the new file
				seen = true
				if now := testkit.Must(c.File.Stat())(t).Mode(); now&^mode != 0 {
					t.Errorf("the file is begun with %v, the old one has %v", now, mode)
				}
			}
			return nil
		})
		testkit.Check(t, region.Migrate[newRow, oldRow](link, nil))
		restore()
		if !seen {
			t.Error("the file was not seen before it was complete")
		}
		isMigrated(t, path, 10)
		if now := testkit.Must(os.Stat(path))(t).Mode(); now != mode {
			t.Errorf("%v, was %v", now, mode)
		}
		if info := testkit.Must(os.Lstat(link))(t); info.Mode().Type() != fs.ModeSymlink {
			t.Error("the link is a file")
		}
	}
}

// Salvage saves the whole elements that are left, and leaves the damaged file as it was.
func TestSalvage(t *testing.T) {
	for size, want := range map[int64]int{64 << 10: 0, 64<<10 + 39: 0, 64<<10 + 40: 1, 64<<10 + 5000: 125, 1 << 30: 1000} {
		dir := testkit.FastDir(t)
		path := oldFile(t, dir, 1000)
		if size < 1<<30 {
			testkit.Check(t, os.Truncate(path, size))
			_, err := region.Open[oldRow](path)
			testkit.Wants(t, "Open", err, typedmem.ErrTruncated, "Salvage")
		}
		before := testkit.Must(os.ReadFile(path))(t)
		to := filepath.Join(t.TempDir(), "saved")
		saved, lost, err := region.Salvage[oldRow](path, to)
		testkit.Check(t, err)
		if saved != want || lost != 1000-want {
			t.Errorf("%d bytes: %d saved, %d lost", size, saved, lost)
		}
		isOld(t, to, want)
		if string(before) != string(testkit.Must(os.ReadFile(path))(t)) {
			t.Error("the damaged file has changed")
		}
		_, _, err = region.Salvage[oldRow](path, to)
		testkit.Wants(t, "again", err, fs.ErrExist, path, to)
	}
	path := oldFile(t, testkit.FastDir(t), 10)
	to := filepath.Join(t.TempDir(), "saved")
	_, _, err := region.Salvage[newRow](path, to)
	testkit.Wants(t, "another type", err, typedmem.ErrLayout, path)
	testkit.Check(t, os.Truncate(path, 1000))
	_, _, err = region.Salvage[oldRow](path, to)
	testkit.Wants(t, "no header", err, typedmem.ErrTruncated, path)
}
