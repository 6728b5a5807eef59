package slab_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/typedmem/typedmem"
	"github.com/typedmem/typedmem/internal/testkit"
	"github.com/typedmem/typedmem/slab"
)

// Sync of a slab file, of its writer and of a reader, says that the path names another file, or
// none. The slab goes on in the file that is open, and Close says nothing.
func TestSyncOfAReplacedSlabFile(t *testing.T) {
	for _, another := range []bool{true, false} {
		path := filepath.Join(t.TempDir(), "s")
		w, err := slab.Create[int64](path, 10)
		testkit.Check(t, err)
		defer w.Close()
		r, err := slab.Open[int64](path)
		testkit.Check(t, err)
		defer r.Close()
		h, err := w.Insert(1)
		testkit.Check(t, errors.Join(err, w.Sync(), r.Sync()))
		testkit.Check(t, os.Rename(path, path+".old"))
		if another {
			testkit.Check(t, os.WriteFile(path, nil, 0o666))
		}
		second, err := w.Insert(2)
		testkit.Check(t, err)
		for _, s := range []*slab.Slab[int64]{w, r} {
			err := s.Sync()
			testkit.Wants(t, "Sync", err, typedmem.ErrReplaced, path, "open the path again")
			if errors.Is(err, fs.ErrNotExist) == another {
				t.Fatal(err)
			}
			for want, h := range map[int64]slab.Handle[int64]{1: h, 2: second} {
				if x, err := s.Load(h); x != want || err != nil {
					t.Fatal(x, err)
				}
			}
		}
		testkit.Check(t, errors.Join(r.Close(), w.Close()))
		again, err := slab.Open[int64](path + ".old")
		testkit.Check(t, err)
		if x, err := again.Load(second); x != 2 || err != nil {
			t.Fatal(x, err)
		}
		testkit.Check(t, again.Close())
	}
	memory, err := slab.New[int64](10)
	testkit.Check(t, err)
	testkit.Check(t, errors.Join(memory.Sync(), memory.Close()))
}
