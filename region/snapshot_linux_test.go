package region_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/typedmem/typedmem/internal/sys"
	"github.com/typedmem/typedmem/internal/testenv"
	"github.com/typedmem/typedmem/internal/testkit"
	"github.com/typedmem/typedmem/region"
)

// On each file system the snapshot holds what was appended last and is dirty in the mapping only;
// XFS and btrfs share the blocks, and neither file changes with the other.
func TestSnapshotOnFileSystems(t *testing.T) {
	testenv.OnDisks(t, func(t *testing.T, kind, dir string) {
		clones := 0
		defer sys.Interpose(func(c sys.Call) error {
			if c.Op == sys.OpCloneRange {
				clones++
			} else if c.Op == sys.OpCopyRange && c.Len >= 64<<10 {
				clones--
			}
			return nil
		})()
		for _, n := range []int{1, 4096, 100_000, 131_072} {
			path := filepath.Join(dir, "origin")
			r := testkit.Must(region.OpenFile[pair](path, region.FileOptions{Write: true, Create: true, Capacity: 1 << 18}))(t)
			testkit.CloseLater(t, r)
			fillPairs(t, r, n)
			to := filepath.Join(dir, "snapshot")
			testkit.Check(t, r.Snapshot(to))
			for i := range r.Len() { // in place: pages that the files share
				r.Set(i, pair{})
			}
			fillPairs(t, r, 1000)
			testkit.Check(t, r.Sync())
			holdsPairs(t, to, n)
			w := testkit.Must(region.OpenMut[pair](to))(t)
			for i := range w.Len() {
				w.Set(i, pair{1, 2})
			}
			testkit.Check(t, w.Close())
			for i, x := range r.All() {
				if i < n && x != (pair{}) || i >= n && x != (pair{uint64(i), 1}) {
					t.Fatalf("element %d of the origin is %v", i, x)
				}
			}
			testkit.Check(t, r.Close())
			testkit.Check(t, os.Remove(path))
			testkit.Check(t, os.Remove(to))
		}
		if shares := kind == "xfs" || kind == "btrfs"; shares != (clones > 0) {
			t.Errorf("%s: %d parts were cloned more than copied", kind, clones)
		}
	})
}

// On a full disk there is an error and nothing else.
func TestSnapshotOnAFullDisk(t *testing.T) {
	testenv.OnDisks(t, func(t *testing.T, kind, dir string) {
		in := map[string]*region.Region[pair]{"memory": numbered(t, 100_000, func(i int) pair { return pair{uint64(i), 1} })}
		r := testkit.Must(region.Create[pair](filepath.Join(dir, "origin"), 0))(t)
		testkit.CloseLater(t, r)
		fillPairs(t, r, 100_000)
		testkit.Check(t, r.Sync())
		in["file"] = r
		room := testenv.Fill(t, dir)
		defer room()
		before := testkit.Names(t, dir)
		for name, r := range in {
			path := filepath.Join(dir, name)
			err := safely(t, "Snapshot", func() error { return r.Snapshot(path) })
			if err == nil && name == "file" && (kind == "xfs" || kind == "btrfs") { // the blocks are shared
				holdsPairs(t, path, 100_000)
				testkit.Check(t, os.Remove(path))
				continue
			}
			full(t, name, err, path)
			if after := testkit.Names(t, dir); len(after) != len(before) {
				t.Fatalf("%v are left of %v", after, before)
			}
		}
		room()
		for name, r := range in {
			path := filepath.Join(dir, name)
			testkit.Check(t, r.Snapshot(path))
			holdsPairs(t, path, 100_000)
			testkit.Check(t, os.Remove(path))
		}
	})
}
