package slab_test

import (
	"errors"
	"io/fs"
	"maps"
	"math/rand/v2"
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
	"github.com/typedmem/typedmem/slab"
)

// An origin is a slab that can be saved, with the objects that it has and handles that are stale.
type origin struct {
	s     *slab.Slab[rec]
	file  string // of a slab file
	live  map[slab.Handle[rec]]rec
	stale []slab.Handle[rec]
}

const originSlots = 6000

// origins are the kinds of slabs that can be saved. Each has a capacity of originSlots, of which so
// many have been used and a third is free again.
var origins = map[string]func(t *testing.T, n int) *origin{
	"memory": func(t *testing.T, n int) *origin { return filledOrigin(t, newSlab[rec](t, originSlots), n) },
	"debug":  func(t *testing.T, n int) *origin { return withConfig(t, n, slab.Config{Debug: true}) },
	"guards": func(t *testing.T, n int) *origin { return withConfig(t, n, slab.Config{GuardEvery: 3}) },
	"raw file": func(t *testing.T, n int) *origin {
		o := options.New(0).WithFile(testkit.File(t, nil), 0).WithFlags(flags.Shared)
		return withConfig(t, n, slab.Config{Options: o})
	},
	"trimmed": func(t *testing.T, n int) *origin {
		o := filledOrigin(t, newSlab[rec](t, originSlots), n)
		for h := range o.live {
			if slots := int(uint32(h.Uint64())); slots > n/2 {
				testkit.Check(t, o.s.Free(h))
				delete(o.live, h)
			}
		}
		testkit.Must(o.s.Trim())(t)
		return o
	},
	"written": func(t *testing.T, n int) *origin { return fileOrigin(t, n, slab.FileOptions{}) },
	"written, debug": func(t *testing.T, n int) *origin {
		return fileOrigin(t, n, slab.FileOptions{Debug: true})
	},
	"synced": func(t *testing.T, n int) *origin {
		o := fileOrigin(t, n, slab.FileOptions{})
		testkit.Check(t, o.s.Sync())
		return o
	},
	"read beside its writer": func(t *testing.T, n int) *origin {
		o := fileOrigin(t, n, slab.FileOptions{})
		return o.reopened(t, slab.Open[rec])
	},
	"read alone": func(t *testing.T, n int) *origin {
		o := fileOrigin(t, n, slab.FileOptions{})
		testkit.Check(t, o.s.Close())
		return o.reopened(t, slab.Open[rec])
	},
	"a snapshot, read": func(t *testing.T, n int) *origin {
		return snapshotOrigin(t, n).reopened(t, slab.Open[rec])
	},
	"a snapshot, written": func(t *testing.T, n int) *origin {
		o := snapshotOrigin(t, n).reopened(t, slab.OpenMut[rec])
		for h := range o.live {
			if h.Uint64()%2 == 0 {
				testkit.Check(t, o.s.Free(h))
				delete(o.live, h)
				o.stale = append(o.stale, h)
				x := rec{h.Uint64(), 2}
				o.live[testkit.Must(o.s.Insert(x))(t)] = x
			}
		}
		return o
	},
}

func withConfig(t *testing.T, n int, c slab.Config) *origin {
	s := testkit.Must(slab.With[rec](originSlots, c))(t)
	testkit.CloseLater(t, s)
	return filledOrigin(t, s, n)
}

func fileOrigin(t *testing.T, n int, o slab.FileOptions) *origin {
	path := filepath.Join(testkit.FastDir(t), "origin")
	o.Write, o.Create, o.Capacity = true, true, originSlots
	s := testkit.Must(slab.OpenFile[rec](path, o))(t)
	t.Cleanup(func() { _ = s.Close() }) // of a file that a test may have cut off
	made := filledOrigin(t, s, n)
	made.file = path
	return made
}

func snapshotOrigin(t *testing.T, n int) *origin {
	o := filledOrigin(t, newSlab[rec](t, originSlots), n)
	o.file = filepath.Join(testkit.FastDir(t), "first")
	testkit.Check(t, o.s.Snapshot(o.file))
	return o
}

func filledOrigin(t *testing.T, s *slab.Slab[rec], n int) *origin {
	o := &origin{s: s, live: map[slab.Handle[rec]]rec{}}
	for i := range n {
		x := rec{uint64(i), 1}
		o.live[testkit.Must(s.Insert(x))(t)] = x
	}
	for _, h := range slices.SortedFunc(maps.Keys(o.live), func(a, b slab.Handle[rec]) int { return int(o.live[a].A) - int(o.live[b].A) }) {
		if o.live[h].A%3 == 0 {
			testkit.Check(t, s.Free(h))
			delete(o.live, h)
			o.stale = append(o.stale, h)
		}
	}
	return o
}

func (o *origin) reopened(t *testing.T, open func(string) (*slab.Slab[rec], error)) *origin {
	o.s = testkit.Must(open(o.file))(t)
	testkit.CloseLater(t, o.s)
	return o
}

// savedIn checks a snapshot of the origin, opened for reading and for writing.
func (o *origin) savedIn(t *testing.T, path string) {
	t.Helper()
	if live := testkit.Must(os.ReadFile(path))(t)[32<<10:][:48]; !slices.Equal(live, make([]byte, 48)) {
		t.Fatalf("it has a live record: % x", live)
	}
	for _, open := range []func(string) (*slab.Slab[rec], error){slab.Open[rec], slab.OpenMut[rec]} {
		s := testkit.Must(open(path))(t)
		holds(t, s, o.live)
		for _, h := range o.stale {
			if s.Has(h) {
				t.Fatalf("object %v is back", h)
			}
		}
		testkit.Check(t, s.Close())
	}
}

// Every kind of slab is saved. What is done to it later does not change the file, and the other way
// round: no handle that one of them gives out then is valid in the other.
func TestSnapshot(t *testing.T) {
	for name, make := range origins {
		for _, n := range []int{0, 1, 100, 5000, originSlots} {
			o := make(t, n)
			path := filepath.Join(t.TempDir(), "snapshot")
			testkit.Check(t, o.s.Snapshot(path), name, n)
			o.savedIn(t, path)
			if names := testkit.Names(t, filepath.Dir(path)); len(names) != 1 {
				t.Fatalf("%s: %v", name, names)
			}
			saved := testkit.Must(slab.OpenMut[rec](path))(t)
			testkit.CloseLater(t, saved)
			var mine []slab.Handle[rec]
			writes := o.s.Mapping().Protection().Has(flags.Write)
			for h := range maps.Clone(o.live) {
				testkit.Check(t, saved.Free(h))
				mine = append(mine, testkit.Must(saved.Insert(rec{1, 9}))(t))
				if h.Uint64()%2 == 0 && writes {
					testkit.Check(t, o.s.Free(h))
					h := testkit.Must(o.s.Insert(rec{2, 9}))(t)
					if saved.Has(h) {
						t.Fatalf("%s: the snapshot has object %v of its origin", name, h)
					}
				} else if x := testkit.Must(o.s.Load(h))(t); x != o.live[h] {
					t.Fatalf("%s: the origin holds %v", name, x)
				}
			}
			for _, h := range mine {
				if o.s.Has(h) {
					t.Fatalf("%s: the origin has object %v of the snapshot", name, h)
				}
			}
			testkit.Check(t, saved.Close())
		}
	}
}

// Origin, snapshot and the snapshot's snapshots go on for thousands of objects in few slots. Each
// handle is of one object, in the slabs that were copied while it lived.
func TestSnapshotsGiveOutHandlesOfTheirOwn(t *testing.T) {
	for seed := range uint64(testkit.Cond(testing.Short(), 3, 20)) {
		r := rand.New(rand.NewPCG(seed, 14))
		type world struct {
			s    *slab.Slab[rec]
			path string
			live map[slab.Handle[rec]]rec
			all  []slab.Handle[rec] // it has ever had
		}
		dir := testkit.FastDir(t)
		const capacity = 40
		worlds := []*world{{s: newSlab[rec](t, capacity), live: map[slab.Handle[rec]]rec{}}}
		for step := range testkit.Cond(testing.Short(), 5000, 20_000) {
			w := worlds[r.IntN(len(worlds))]
			switch op := r.IntN(100); {
			case op == 0 && len(worlds) < 6:
				path := filepath.Join(dir, string(rune('a'+len(worlds))))
				testkit.Check(t, w.s.Snapshot(path))
				copied := &world{testkit.Must(slab.OpenMut[rec](path))(t), path, maps.Clone(w.live), slices.Clone(w.all)}
				testkit.CloseLater(t, copied.s)
				worlds = append(worlds, copied)
			case op == 1 && w.path != "":
				testkit.Check(t, w.s.Close())
				w.s = testkit.Must(slab.OpenMut[rec](w.path))(t)
				testkit.CloseLater(t, w.s)
			case op < 55 && len(w.live) < capacity:
				x := rec{uint64(step), float64(seed)}
				h := testkit.Must(w.s.Insert(x))(t)
				for i, other := range worlds {
					if slices.Contains(other.all, h) {
						t.Fatalf("seed %d, step %d: handle %v was one of slab %d", seed, step, h, i)
					}
				}
				w.live[h] = x
				w.all = append(w.all, h)
			case len(w.live) > 0:
				for h := range w.live {
					testkit.Check(t, w.s.Free(h))
					delete(w.live, h)
					break
				}
			}
		}
		for _, w := range worlds {
			holds(t, w.s, w.live)
			for _, other := range worlds {
				for _, h := range other.all {
					if _, live := w.live[h]; w.s.Has(h) != live {
						t.Fatalf("seed %d: object %v", seed, h)
					}
				}
			}
		}
	}
}

// Whatever call fails, there is no file and no temporary one, and the slab works on.
func TestSnapshotThatFailsLeavesNothing(t *testing.T) {
	broken := errors.New("broken")
	for _, name := range []string{"memory", "written", "read beside its writer"} {
		o := origins[name](t, 5000)
		for op := range sys.OpCount {
			for skip := range testkit.Cond(testing.Short(), 1, 3) {
				dir := testkit.FastDir(t)
				path := filepath.Join(dir, "snapshot")
				restore := sys.Interpose(sys.FailCall(op, skip, broken))
				err := o.s.Snapshot(path)
				restore()
				switch names := testkit.Names(t, dir); {
				case err == nil && !slices.Equal(names, []string{"snapshot"}):
					t.Fatalf("%s, %v: %v", name, op, names)
				case runtime.GOOS == "windows" && op == sys.OpHold: // a mapped file cannot be removed
				case err != nil && len(names) > 0:
					t.Fatalf("%s, %v: %v leaves %v", name, op, err, names)
				case err != nil && !errors.Is(err, broken):
					t.Fatalf("%s, %v: %v", name, op, err)
				}
				again := filepath.Join(testkit.FastDir(t), "again")
				testkit.Check(t, o.s.Snapshot(again), name, op)
				o.savedIn(t, again)
			}
		}
	}
}

// Snapshot says why it cannot save a slab.
func TestSnapshotRefuses(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "snapshot")
	b := newSlab[bool](t, 1)
	testkit.Wants(t, "a bool", b.Snapshot(path), typedmem.ErrType, path)
	s := newSlab[uint64](t, 10)
	testkit.Must(s.Insert(1))(t)
	testkit.Wants(t, "no such folder", s.Snapshot(path+"/none/x"), fs.ErrNotExist, path)
	testkit.Check(t, s.Mapping().MakeNone())
	testkit.Wants(t, "no access", s.Snapshot(path), typedmem.ErrProtection, path)
	testkit.Check(t, s.Mapping().MakeReadOnly())
	testkit.Check(t, s.Snapshot(path))
	testkit.Check(t, os.Remove(path))
	testkit.Check(t, s.Mapping().Close())
	testkit.Wants(t, "a closed mapping", s.Snapshot(path), typedmem.ErrClosed)
	testkit.Wants(t, "its close", s.Close(), typedmem.ErrClosed)
	testkit.Wants(t, "closed", s.Snapshot(path), typedmem.ErrClosed)
	testkit.Wants(t, "zero", new(slab.Slab[int64]).Snapshot(path), typedmem.ErrClosed)
	if names := testkit.Names(t, dir); len(names) > 0 {
		t.Errorf("%v are left", names)
	}
	for name, origin := range origins {
		o := origin(t, 10)
		testkit.Check(t, os.WriteFile(path, []byte("mine"), 0o600))
		testkit.Wants(t, name, o.s.Snapshot(path), fs.ErrExist, path)
		if o.file != "" {
			testkit.Wants(t, name, o.s.Snapshot(o.file), fs.ErrExist, o.file)
		}
		if b := testkit.Must(os.ReadFile(path))(t); string(b) != "mine" {
			t.Fatalf("%s: it is %q now", name, b)
		}
	}
}

// Objects that were cut off cannot be saved; those before the cut can.
func TestSnapshotOfACutSlab(t *testing.T) {
	s := newSlab[[4096]byte](t, 1000)
	var last slab.Handle[[4096]byte]
	for range 100 {
		if h := testkit.Must(s.Alloc())(t); uint32(h.Uint64()) >= uint32(last.Uint64()) {
			last = h
		}
	}
	rest := testkit.Must(s.Mapping().SplitOff(99 << 12 / options.AllocationGranularity() * options.AllocationGranularity()))(t)
	defer rest.Close()
	path := filepath.Join(t.TempDir(), "snapshot")
	if _, err := s.Load(last); err == nil {
		t.Fatal("the last object was not cut off")
	}
	testkit.Wants(t, "cut", s.Snapshot(path), typedmem.ErrBounds, path)
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
}

// A slab cannot be closed while it is being saved, and works.
func TestSnapshotPins(t *testing.T) {
	for name, origin := range origins {
		o := origin(t, 1000)
		writes := o.s.Mapping().Protection().Has(flags.Write)
		seen := false
		restore := sys.Interpose(func(c sys.Call) error {
			if c.Op == sys.OpNameFile {
				seen = true
				testkit.Is(t, o.s.Close(), typedmem.ErrBusy, name)
				if writes {
					h, err := o.s.Insert(rec{})
					testkit.Check(t, errors.Join(err, o.s.Free(h)))
				}
			}
			return nil
		})
		err := testkit.Returns(t, name, func() error { return o.s.Snapshot(filepath.Join(t.TempDir(), "snapshot")) })
		restore()
		testkit.Check(t, err)
		testkit.Check(t, o.s.Close())
		if !seen {
			t.Errorf("%s: the file was not named", name)
		}
	}
}

// A slab whose file was cut off, or overwritten, is an error and no fault.
func TestSnapshotOfADamagedSlab(t *testing.T) {
	testenv.FaultAddresses(t)
	for _, name := range []string{"written", "read beside its writer"} {
		for _, size := range []int64{0, 1000, 64 << 10, 128 << 10, 128<<10 + 40_000} {
			o := origins[name](t, 5000)
			path := filepath.Join(t.TempDir(), "snapshot")
			if err := os.Truncate(o.file, size); err != nil {
				t.Skip("a mapped file cannot be cut off here: ", err)
			}
			err := o.s.Snapshot(path)
			if !errors.Is(err, typedmem.ErrTruncated) && !errors.Is(err, typedmem.ErrLayout) && !errors.Is(err, typedmem.ErrCorrupt) || size > 64<<10 && !errors.Is(err, typedmem.ErrTruncated) {
				t.Errorf("%s, %d bytes: %v", name, size, err)
			}
			if names := testkit.Names(t, filepath.Dir(path)); len(names) > 0 {
				t.Errorf("%v are left", names)
			}
		}
	}
}

// Each bit of each word of a snapshot counts.
func TestADamagedWordOfASnapshotIsNoticed(t *testing.T) {
	o := origins["memory"](t, 12)
	path := filepath.Join(t.TempDir(), "snapshot")
	testkit.Check(t, o.s.Snapshot(path))
	whole := testkit.Must(os.ReadFile(path))(t)
	for slot := range 12 {
		for bit := range 64 {
			b := slices.Clone(whole)
			b[64<<10+8*slot+bit/8] ^= 1 << (bit % 8)
			testkit.Check(t, os.WriteFile(path, b, 0o666))
			for _, open := range []func(string) (*slab.Slab[rec], error){slab.Open[rec], slab.OpenMut[rec]} {
				s, err := open(path)
				if !errors.Is(err, typedmem.ErrCorrupt) {
					if err == nil {
						_ = s.Close()
					}
					t.Fatalf("slot %d, bit %d: %v", slot, bit, err)
				}
			}
			if !slices.Equal(testkit.Must(os.ReadFile(path))(t), b) {
				t.Fatal("the file has changed")
			}
		}
	}
}

// The snapshot of a private file is private.
func TestSnapshotKeepsPermissionsNarrow(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows has no such permissions")
	}
	o := origins["written, debug"](t, 10)
	for _, narrow := range []os.FileMode{0o600, 0} {
		testkit.Check(t, os.Chmod(o.file, narrow))
		path := filepath.Join(t.TempDir(), "snapshot")
		testkit.Check(t, o.s.Snapshot(path))
		if mode := testkit.Must(os.Stat(path))(t).Mode(); mode != narrow {
			t.Errorf("%v of a file with %v", mode, narrow)
		}
	}
}
