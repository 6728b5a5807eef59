package region_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"testing"

	"github.com/typedmem/typedmem"
	"github.com/typedmem/typedmem/flags"
	"github.com/typedmem/typedmem/internal/sys"
	"github.com/typedmem/typedmem/internal/testenv"
	"github.com/typedmem/typedmem/internal/testkit"
	"github.com/typedmem/typedmem/options"
	"github.com/typedmem/typedmem/region"
)

// origins are the regions that can be saved: each has n elements, element i being {i, 1}. If it
// is of a region file its path is file.
var origins = map[string]func(t *testing.T, n int) (r *region.Region[pair], file string){
	"memory": func(t *testing.T, n int) (*region.Region[pair], string) {
		return numbered(t, n, func(i int) pair { return pair{uint64(i), 1} }), ""
	},
	"raw file": func(t *testing.T, n int) (*region.Region[pair], string) {
		f := testkit.File(t, nil)
		r := testkit.Must(region.MapMut[pair](options.New(0).WithFile(f, 0).WithFlags(flags.Shared).WithCapacity(16 << 20)))(t)
		testkit.CloseLater(t, r)
		fillPairs(t, r, n)
		return r, ""
	},
	"written": pairsFile,
	"synced": func(t *testing.T, n int) (*region.Region[pair], string) {
		r, file := pairsFile(t, n)
		testkit.Check(t, r.Sync())
		return r, file
	},
	"shrunk": func(t *testing.T, n int) (*region.Region[pair], string) {
		r, file := pairsFile(t, n+5000)
		testkit.Check(t, r.Resize(n))
		return r, file
	},
	"read beside its writer": func(t *testing.T, n int) (*region.Region[pair], string) {
		w, file := pairsFile(t, n)
		r := opened(t, file)
		fillPairs(t, w, 1000) // which the reader does not show yet
		return r, file
	},
	"read alone": func(t *testing.T, n int) (*region.Region[pair], string) {
		w, file := pairsFile(t, n)
		testkit.Check(t, w.Close())
		return opened(t, file), file
	},
}

// opened opens a region file for reading until the test ends.
func opened(t *testing.T, file string) *region.Region[pair] {
	t.Helper()
	r := testkit.Must(region.Open[pair](file))(t)
	testkit.CloseLater(t, r)
	return r
}

// pairsFile makes a region file of n elements.
func pairsFile(t *testing.T, n int) (r *region.Region[pair], file string) {
	file = filepath.Join(testkit.FastDir(t), "origin")
	r = testkit.Must(region.Create[pair](file, 0))(t)
	testkit.CloseLater(t, r)
	fillPairs(t, r, n)
	return r, file
}

// fillPairs appends n elements.
func fillPairs(t *testing.T, r *region.Region[pair], n int) {
	t.Helper()
	for xs := make([]pair, 0, 4096); n > 0; xs = xs[:0] {
		for i := r.Len(); len(xs) < min(n, cap(xs)); i++ {
			xs = append(xs, pair{uint64(i), 1})
		}
		testkit.Check(t, r.Append(xs...))
		n -= len(xs)
	}
}

// holdsPairs checks a snapshot: n elements, opened for reading and for writing, and zeros behind
// them.
func holdsPairs(t *testing.T, path string, n int) {
	t.Helper()
	b := testkit.Must(os.ReadFile(path))(t)
	const data = 64 << 10
	if live := b[32<<10:][:48]; !slices.Equal(live, make([]byte, 48)) {
		t.Fatalf("it has a live record: % x", live)
	}
	if rest := b[data+16*n:]; !slices.Equal(rest, make([]byte, len(rest))) {
		t.Fatal("elements follow the length")
	}
	for _, open := range []func(string) (*region.Region[pair], error){region.Open[pair], region.OpenMut[pair]} {
		r := testkit.Must(open(path))(t)
		if r.Len() != n {
			t.Fatalf("%d elements, want %d", r.Len(), n)
		}
		for i, x := range r.All() {
			if x != (pair{uint64(i), 1}) {
				t.Fatalf("element %d of %d is %v", i, n, x)
			}
		}
		testkit.Check(t, r.Close())
	}
}

// Every kind of region is saved, with lengths inside and at the end of blocks and pages. What is
// done to the region later does not change the file, and the other way round.
func TestSnapshot(t *testing.T) {
	for name, origin := range origins {
		for _, n := range []int{0, 1, 100, 4096, 5000, 100_000} {
			r, _ := origin(t, n)
			path := filepath.Join(t.TempDir(), "snapshot")
			testkit.Check(t, r.Snapshot(path), name, n)
			if r.Mapping().Protection().Has(flags.Write) {
				fillPairs(t, r, 10_000)
			}
			holdsPairs(t, path, n)
			w := testkit.Must(region.OpenMut[pair](path))(t)
			fillPairs(t, w, 10_000)
			testkit.Check(t, w.Close())
			holdsPairs(t, path, n+10_000)
			if n > 0 && r.At(n-1) != (pair{uint64(n - 1), 1}) {
				t.Fatalf("%s: the origin holds %v", name, r.At(n-1))
			}
			if names := testkit.Names(t, filepath.Dir(path)); len(names) != 1 {
				t.Fatalf("%s: %v", name, names)
			}
		}
	}
}

// An existing file stays as it is, whatever it is; so does the region's own.
func TestSnapshotReplacesNothing(t *testing.T) {
	for name, origin := range origins {
		r, _ := origin(t, 10)
		path := filepath.Join(t.TempDir(), "there")
		testkit.Check(t, os.WriteFile(path, []byte("mine"), 0o600))
		testkit.Wants(t, name, r.Snapshot(path), fs.ErrExist, path)
		if b := testkit.Must(os.ReadFile(path))(t); string(b) != "mine" {
			t.Fatalf("%s: it is %q now", name, b)
		}
	}
	r, file := pairsFile(t, 10)
	testkit.Wants(t, "its own name", r.Snapshot(file), fs.ErrExist)
}

// Append goes on while the file system copies, and while the file reaches the device.
func TestAppendRunsBesideSnapshot(t *testing.T) {
	for name, origin := range origins {
		if name == "read alone" || name == "read beside its writer" {
			continue
		}
		r, _ := origin(t, 10_000)
		path := filepath.Join(t.TempDir(), "snapshot")
		var calls []sys.Op
		restore := sys.Interpose(func(c sys.Call) error {
			switch c.Op {
			case sys.OpCloneRange, sys.OpCopyRange, sys.OpSyncFile, sys.OpNameFile:
				if c.Op == sys.OpSyncFile && len(calls) > 3 {
					return nil
				}
				calls = append(calls, c.Op)
				fillPairs(t, r, 1000)
				return r.View().Store(0, pair{0, 1})
			}
			return nil
		})
		err := testkit.Returns(t, name, func() error { return r.Snapshot(path) })
		restore()
		testkit.Check(t, err)
		holdsPairs(t, path, 10_000)
		if !slices.Contains(calls, sys.OpNameFile) {
			t.Errorf("%s: only %v were seen", name, calls)
		}
	}
}

// Whatever call fails, there is no file and no temporary one, and the region works on.
func TestSnapshotThatFailsLeavesNothing(t *testing.T) {
	broken := errors.New("broken")
	for name, origin := range origins {
		for op := range sys.OpCount {
			for skip := range testkit.Cond(testing.Short(), 1, 2) {
				t.Run(fmt.Sprint(name, " ", op, " ", skip), func(t *testing.T) { // so that its regions are closed
					r, _ := origin(t, 5000)
					dir := testkit.FastDir(t)
					restore := sys.Interpose(sys.FailCall(op, skip, broken))
					err := r.Snapshot(filepath.Join(dir, "snapshot"))
					restore()
					switch names := testkit.Names(t, dir); {
					case err == nil && !slices.Equal(names, []string{"snapshot"}):
						t.Error(names)
					case runtime.GOOS == "windows" && op == sys.OpHold: // a mapped file cannot be removed
					case err != nil && len(names) > 0:
						t.Errorf("%v leaves %v", err, names)
					case err != nil && !errors.Is(err, broken):
						t.Error(err)
					}
					testkit.Check(t, r.Snapshot(filepath.Join(testkit.FastDir(t), "again")))
				})
			}
		}
	}
}

// Snapshot says why it cannot save a region.
func TestSnapshotRefuses(t *testing.T) {
	path := filepath.Join(t.TempDir(), "snapshot")
	b := testkit.Must(region.New[bool](1))(t)
	testkit.CloseLater(t, b)
	testkit.Wants(t, "a bool", b.Snapshot(path), typedmem.ErrType, "region.Bool8")
	r := numbered(t, 1, func(int) int64 { return 0 })
	testkit.Check(t, r.Mapping().MakeNone())
	testkit.Wants(t, "no access", r.Snapshot(path), typedmem.ErrProtection)
	testkit.Check(t, r.Close())
	testkit.Wants(t, "closed", r.Snapshot(path), typedmem.ErrClosed)
	testkit.Wants(t, "zero", new(region.Region[int64]).Snapshot(path), typedmem.ErrClosed)
	r = numbered(t, 1, func(int) int64 { return 0 })
	testkit.Wants(t, "no such folder", r.Snapshot(path+"/none/x"), fs.ErrNotExist, path)
	if names := testkit.Names(t, filepath.Dir(path)); len(names) > 0 {
		t.Errorf("%v are left", names)
	}
}

// A region cannot be made shorter or closed while it is being saved.
func TestSnapshotPins(t *testing.T) {
	for name, origin := range origins {
		r, _ := origin(t, 5000)
		restore := sys.Interpose(func(c sys.Call) error {
			if c.Op == sys.OpNameFile {
				if r.Mapping().Protection().Has(flags.Write) {
					testkit.Is(t, r.Resize(10), typedmem.ErrBusy, name)
				}
				testkit.Is(t, r.Close(), typedmem.ErrBusy, name)
			}
			return nil
		})
		err := r.Snapshot(filepath.Join(t.TempDir(), "snapshot"))
		restore()
		testkit.Check(t, err)
		testkit.Check(t, r.Close())
	}
}

// A reader's snapshot never shows what a writer has cleared meanwhile, even where the file is as
// long again. It tries again, and gives up after ten attempts.
func TestReaderSnapshotNoticesAShorterFile(t *testing.T) {
	for shrinks, want := range map[int]error{1: nil, 9: nil, 1000: typedmem.ErrBusy} {
		w, file := pairsFile(t, 20_000)
		r := opened(t, file)
		path := filepath.Join(t.TempDir(), "snapshot")
		done := 0
		restore := sys.Interpose(func(c sys.Call) error {
			if c.Op == sys.OpCopyRange && done < shrinks && filepath.Base(c.File.Name()) == "snapshot" {
				done++
				testkit.Check(t, w.Resize(100))
				fillPairs(t, w, 30_000)
			}
			return nil
		})
		err := r.Snapshot(path)
		restore()
		testkit.Is(t, err, want, shrinks)
		if want == nil {
			holdsPairs(t, path, 20_000)
		} else if names := testkit.Names(t, filepath.Dir(path)); len(names) > 0 {
			t.Errorf("%v are left", names)
		}
		if done == 0 {
			t.Error("nothing was copied")
		}
	}
	w, file := pairsFile(t, 20_000)
	r := opened(t, file)
	testkit.Check(t, w.Resize(7))
	path := filepath.Join(t.TempDir(), "snapshot")
	testkit.Check(t, r.Snapshot(path))
	holdsPairs(t, path, 7)
}

// A region whose file was cut off, or overwritten, is an error and no fault.
func TestSnapshotOfADamagedRegion(t *testing.T) {
	testenv.FaultAddresses(t)
	for _, name := range []string{"written", "read"} {
		for size, want := range map[int64]error{0: nil, 1000: nil, 64 << 10: typedmem.ErrTruncated, 64<<10 + 40_000: typedmem.ErrTruncated} {
			w, file := pairsFile(t, 5000)
			r := w
			if name == "read" {
				r = opened(t, file)
			}
			path := filepath.Join(t.TempDir(), "snapshot")
			if err := os.Truncate(file, size); err != nil {
				t.Skip("a mapped file cannot be cut off here: ", err)
			}
			err := r.Snapshot(path)
			if !errors.Is(err, typedmem.ErrTruncated) && !errors.Is(err, typedmem.ErrLayout) && !errors.Is(err, typedmem.ErrCorrupt) || want != nil && !errors.Is(err, want) {
				t.Errorf("%s, %d bytes: %v", name, size, err)
			}
			if names := testkit.Names(t, filepath.Dir(path)); len(names) > 0 {
				t.Errorf("%v are left", names)
			}
			testkit.Is(t, w.Close(), typedmem.ErrTruncated)
		}
	}
}

// The snapshot of a private file is private.
func TestSnapshotKeepsPermissionsNarrow(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows has no such permissions")
	}
	r, file := pairsFile(t, 10)
	for _, narrow := range []os.FileMode{0o600, 0} {
		testkit.Check(t, os.Chmod(file, narrow))
		path := filepath.Join(t.TempDir(), "snapshot")
		testkit.Check(t, r.Snapshot(path))
		if mode := testkit.Must(os.Stat(path))(t).Mode(); mode != narrow {
			t.Errorf("%v of a file with %v", mode, narrow)
		}
	}
}

// The snapshot has the rows of its origin.
func TestSnapshotKeepsTheWidth(t *testing.T) {
	dir := t.TempDir()
	o := region.FileOptions{Write: true, Create: true, Len: 12, Width: 3}
	r := testkit.Must(region.OpenFile[int64](filepath.Join(dir, "origin"), o))(t)
	testkit.CloseLater(t, r)
	testkit.Check(t, r.Snapshot(filepath.Join(dir, "snapshot")))
	for width, want := range map[int]error{3: nil, 4: typedmem.ErrLayout} {
		s, err := region.OpenFile[int64](filepath.Join(dir, "snapshot"), region.FileOptions{Width: width})
		testkit.Is(t, err, want, width)
		if err == nil {
			testkit.Check(t, s.Close())
		}
	}
}
