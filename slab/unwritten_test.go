package slab_test

import (
	"errors"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/typedmem/typedmem"
	"github.com/typedmem/typedmem/internal/sys"
	"github.com/typedmem/typedmem/internal/testkit"
	"github.com/typedmem/typedmem/slab"
)

// As of a region: a Sync that succeeds after one that failed would promise what is not on the
// device.
func TestASyncThatFailedStaysFailed(t *testing.T) {
	if !sys.LosesPages(syscall.EIO) {
		t.Skip("this system does not say that pages which it could not write are lost")
	}
	for name, c := range map[string]struct {
		call func(*slab.Slab[rec]) error
		skip int // flushes that succeed before
	}{
		"Sync, slots":  {(*slab.Slab[rec]).Sync, 0},
		"Sync, words":  {(*slab.Slab[rec]).Sync, 1},
		"Flush, slots": {(*slab.Slab[rec]).Flush, 0},
		"Close, slots": {(*slab.Slab[rec]).Close, 0},
		"Close, words": {(*slab.Slab[rec]).Close, 1},
	} {
		t.Run(name, func(t *testing.T) {
			path, saved := filepath.Join(t.TempDir(), "s.tm"), filepath.Join(t.TempDir(), "saved.tm")
			s := testkit.Must(slab.Create[rec](path, 100))(t)
			h := testkit.Must(s.Insert(rec{1, 2}))(t)
			testkit.Check(t, errors.Join(s.Sync(), s.Store(h, rec{3, 4})))
			restore := sys.Interpose(sys.FailCall(sys.OpFlush, c.skip, syscall.EIO))
			testkit.Wants(t, name, c.call(s), syscall.EIO)
			restore()
			for range 2 {
				testkit.Wants(t, "a Sync after it", s.Sync(), syscall.EIO, path)
			}
			testkit.Check(t, s.Snapshot(saved), "a Snapshot after it")
			testkit.Wants(t, "Close", s.Close(), syscall.EIO)
			testkit.Wants(t, "a second Close", s.Close(), typedmem.ErrClosed)
			for _, path := range []string{path, saved} {
				s := testkit.Must(slab.OpenMut[rec](path))(t)
				if x := testkit.Must(s.Load(h))(t); x != (rec{3, 4}) {
					t.Errorf("%s: %v", path, x)
				}
				testkit.Check(t, errors.Join(s.Sync(), s.Close()), "the next writer")
			}
		})
	}
}
