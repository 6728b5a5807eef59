package slab_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/typedmem/typedmem"
	"github.com/typedmem/typedmem/internal/sys"
	"github.com/typedmem/typedmem/internal/testenv"
	"github.com/typedmem/typedmem/internal/testkit"
	"github.com/typedmem/typedmem/slab"
)

// onDisk makes a slab file in dir with so many objects, which may be dirty in the mapping only.
func onDisk(t *testing.T, dir string, n int) *origin {
	path := filepath.Join(dir, "origin")
	s := testkit.Must(slab.Create[rec](path, 3*n))(t)
	testkit.CloseLater(t, s)
	o := filledOrigin(t, s, n)
	o.file = path
	return o
}

// On each file system a snapshot holds what was stored last; XFS and btrfs share the blocks, and
// neither file changes with the other.
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
		for _, n := range []int{1, 100, 30_000} {
			o := onDisk(t, dir, n)
			to := filepath.Join(dir, "snapshot")
			testkit.Check(t, o.s.Snapshot(to))
			o.savedIn(t, to)
			for h := range o.live { // in place: pages that the files share
				testkit.Check(t, o.s.Store(h, rec{}))
			}
			testkit.Check(t, o.s.Sync())
			o.savedIn(t, to)
			saved := testkit.Must(slab.OpenMut[rec](to))(t)
			for h := range o.live {
				testkit.Check(t, saved.Store(h, rec{1, 2}))
			}
			testkit.Check(t, saved.Close())
			for h, p := range o.s.All() {
				if *p != (rec{}) {
					t.Fatalf("object %v of the origin is %v", h, *p)
				}
			}
			testkit.Check(t, errors.Join(o.s.Close(), os.Remove(o.file), os.Remove(to)))
		}
		if shares := kind == "xfs" || kind == "btrfs"; shares != (clones > 0) {
			t.Errorf("%s: %d parts were cloned more than copied", kind, clones)
		}
	})
}

// On a full disk there is an error and nothing else.
func TestSnapshotOnAFullDisk(t *testing.T) {
	testenv.OnDisks(t, func(t *testing.T, kind, dir string) {
		in := map[string]*origin{"memory": filledOrigin(t, newSlab[rec](t, 30_000), 30_000), "file": onDisk(t, dir, 30_000)}
		testkit.Check(t, in["file"].s.Sync())
		room := testenv.Fill(t, dir)
		defer room()
		before := testkit.Names(t, dir)
		for name, o := range in {
			path := filepath.Join(dir, name)
			err := typedmem.Guard(func() error { return o.s.Snapshot(path) })
			if fault := (*typedmem.FaultError)(nil); !errors.Is(err, syscall.ENOSPC) || errors.As(err, &fault) || !strings.Contains(err.Error(), path) {
				t.Fatalf("%s, %s: %v", kind, name, err)
			}
			if after := testkit.Names(t, dir); len(after) != len(before) {
				t.Fatalf("%v are left of %v", after, before)
			}
		}
		room()
		for name, o := range in {
			path := filepath.Join(dir, name)
			testkit.Check(t, o.s.Snapshot(path))
			o.savedIn(t, path)
			testkit.Check(t, os.Remove(path))
		}
	})
}
