package crashtest

import (
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/typedmem/typedmem/internal/testkit"
	"github.com/typedmem/typedmem/slab"
)

// savingSlab makes snapshots of a slab in which the objects A are a run of numbers, until it is
// killed.
func savingSlab(dir string) error {
	s, err := slab.OpenMut[even](filepath.Join(dir, "origin"))
	if err != nil {
		return err
	}
	var all []slab.Handle[even]
	next := uint64(0)
	for h, x := range s.Values() {
		all = append(all, h)
		next = max(next, x.ID+1)
	}
	for i := 0; ; i++ {
		path := filepath.Join(dir, "snapshot"+strconv.Itoa(i))
		if err := s.Snapshot(path); err == nil {
			fmt.Println(path, s.Len())
		} else if !errors.Is(err, fs.ErrExist) {
			return err
		}
		for range rand.IntN(3000) {
			h, err := s.Insert(even{ID: next, A: next})
			if err != nil {
				return err
			}
			next++
			all = append(all, h)
			if k := rand.IntN(len(all)); next%3 == 0 {
				if err := s.Free(all[k]); err != nil {
					return err
				}
				all[k] = all[len(all)-1]
				all = all[:len(all)-1]
			}
		}
	}
}

// A process that makes snapshots of a slab is killed: each file that has its name is whole, what
// was acknowledged is there, and the origin opens. TYPEDMEM_SAVE_KILLS says how often.
func TestKilledSnapshotsOfASlab(t *testing.T) {
	kills, files, left := saveKills(t), 0, 0
	for range kills {
		dir := t.TempDir()
		s := testkit.Must(slab.Create[even](filepath.Join(dir, "origin"), 1<<20))(t)
		for i := range uint64(rows) {
			testkit.Must(s.Insert(even{ID: i, A: i}))(t)
		}
		testkit.Check(t, s.Close())
		said := map[string]string{}
		for _, line := range killedSaving(t, "slab", dir) {
			path, n, _ := strings.Cut(line, " ")
			said[filepath.Base(path)] = n
		}
		for _, name := range testkit.Names(t, dir) {
			if name[0] == '.' {
				left++
				continue
			}
			files++
			s := testkit.Must(slab.OpenMut[even](filepath.Join(dir, name)))(t)
			if n, acknowledged := said[name]; acknowledged && n != strconv.Itoa(s.Len()) {
				t.Fatalf("%s has %d objects, it said %s", name, s.Len(), n)
			}
			delete(said, name)
			seen := map[uint64]bool{}
			for h, x := range s.Values() {
				if x.ID != x.A || seen[x.ID] {
					t.Fatalf("%s: object %v is %v", name, h, x)
				}
				seen[x.ID] = true
			}
			if len(seen) != s.Len() || len(seen) < rows/2 {
				t.Fatalf("%s has %d objects", name, len(seen))
			}
			for range 100 { // it can be written to
				h := testkit.Must(s.Insert(even{}))(t)
				testkit.Check(t, s.Free(h))
			}
			testkit.Check(t, s.Close())
		}
		if len(said) > 0 {
			t.Fatalf("%v are not there", said)
		}
	}
	t.Logf("%d kills, %d files whole, %d unfinished", kills, files, left)
}
