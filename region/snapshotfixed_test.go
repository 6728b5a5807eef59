package region_test

import (
	"path/filepath"
	"sync"
	"testing"

	"github.com/typedmem/typedmem/internal/testkit"
	"github.com/typedmem/typedmem/region"
)

// One of several writers, and a private copy, can be saved: the first beside the others, the second
// with its changes.
func TestSnapshotOfAFixedLength(t *testing.T) {
	const n = 10_000
	for name, o := range map[string]region.FileOptions{"shared": {Write: true, Shared: true}, "a private copy": {CopyOnWrite: true}} {
		w, file := pairsFile(t, n)
		w.Set(7, pair{})
		testkit.Check(t, w.Close())
		r := testkit.Must(region.OpenFile[pair](file, o))(t)
		testkit.CloseLater(t, r)
		if o.Shared {
			testkit.CloseLater(t, testkit.Must(region.OpenFile[pair](file, o))(t))
		}
		r.Set(7, pair{7, 1})
		dir := t.TempDir()
		var both sync.WaitGroup
		for _, as := range []string{"one", "two"} {
			both.Add(1)
			go func() {
				defer both.Done()
				if err := r.Snapshot(filepath.Join(dir, as)); err != nil {
					t.Errorf("%s: %v", name, err)
				}
			}()
		}
		both.Wait()
		for _, as := range []string{"one", "two"} {
			holdsPairs(t, filepath.Join(dir, as), n)
		}
		testkit.Check(t, r.Close())
	}
}
