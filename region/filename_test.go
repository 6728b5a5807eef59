package region_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/typedmem/typedmem/internal/sys"
	"github.com/typedmem/typedmem/internal/testkit"
	"github.com/typedmem/typedmem/region"
	"github.com/typedmem/typedmem/slab"
)

// TestErrorsNameTheFile: whichever system call fails, the error says which file it was about.
func TestErrorsNameTheFile(t *testing.T) {
	dir := t.TempDir()
	kept := filepath.Join(dir, "kept.tm")
	r := testkit.Must(region.Create[uint64](kept, 3))(t)
	testkit.Wants(t, "Close", r.Close(), nil)
	fresh := filepath.Join(dir, "fresh.tm")
	for op := range sys.OpCount {
		restore := sys.Interpose(func(c sys.Call) error {
			if c.Op == op {
				return sys.ErrNoSpace
			}
			return nil
		})
		created, errNew := region.Create[uint64](fresh, 3)
		made, errSlab := slab.Create[uint64](fresh+".slab", 3)
		opened, errOpen := region.OpenFile[uint64](kept, region.FileOptions{Write: true, Capacity: 2 << 20}) // in 32 bits the default may be less than Resize needs
		var errGrow, errSync, errFollow error
		if errOpen == nil {
			errGrow = opened.Resize(1 << 20)
			errSync = opened.Sync()
		}
		reader, err := region.Open[uint64](kept)
		if err == nil {
			_, errFollow = reader.Refresh()
		}
		restore()
		if err == nil {
			testkit.Wants(t, "Close", reader.Close(), nil)
		}
		if errNew == nil {
			testkit.Wants(t, "Close", created.Close(), nil)
		}
		if errSlab == nil {
			testkit.Wants(t, "Close", made.Close(), nil)
		}
		switch {
		case errSync != nil && op == sys.OpFlush && sys.LosesPages(sys.ErrNoSpace): // no Sync can succeed any more
			testkit.Wants(t, "Close", opened.Close(), sys.ErrNoSpace, kept)
		case errOpen == nil:
			testkit.Wants(t, "Close", opened.Close(), nil)
		}
		for _, e := range []struct {
			what string
			err  error
			path string
		}{{"Create", errNew, fresh}, {"slab.Create", errSlab, fresh + ".slab"}, {"OpenMut", errOpen, kept}, {"Resize", errGrow, "kept.tm"}, {"Sync", errSync, "kept.tm"}, {"Refresh", errFollow, "kept.tm"}} {
			if e.err != nil {
				testkit.Wants(t, e.what+", "+op.String(), e.err, sys.ErrNoSpace, e.path)
			}
		}
		remove(t, fresh, fresh+".slab")
	}
}

func remove(t *testing.T, paths ...string) {
	for _, p := range paths {
		if err := os.Remove(p); err != nil && !os.IsNotExist(err) {
			t.Error(err)
		}
	}
}
