package slab_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/typedmem/typedmem/internal/sys"
	"github.com/typedmem/typedmem/internal/testkit"
	"github.com/typedmem/typedmem/slab"
)

// Whichever call fails, Create leaves no file.
func TestFailedCreateLeavesNothing(t *testing.T) {
	failed := errors.New("failed")
	for _, debug := range []bool{false, true} {
		for fails, more := 1, true; more; fails++ {
			dir := t.TempDir()
			calls := 0
			restore := sys.Interpose(func(c sys.Call) error {
				switch c.Op {
				case sys.OpCreateFile, sys.OpLockFile, sys.OpAllocate, sys.OpMap, sys.OpFlush, sys.OpSyncFile, sys.OpNameFile:
					if calls++; calls == fails {
						return failed
					}
				}
				return nil
			})
			s, err := slab.OpenFile[claim](filepath.Join(dir, "s"), slab.FileOptions{Write: true, Create: true, Capacity: 10, Debug: debug})
			restore()
			if more = err != nil; !more {
				if err := s.Close(); err != nil {
					t.Fatal(err)
				}
				continue
			}
			testkit.Is(t, err, failed)
			if left := testkit.Must(os.ReadDir(dir))(t); len(left) > 0 {
				t.Fatalf("call %d: %v is left", fails, left)
			}
		}
	}
}
