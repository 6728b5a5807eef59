package slab

import (
	"errors"
	"path/filepath"
	"testing"

	"github.com/typedmem/typedmem/internal/sys"
)

// A flush of the words may have passed the word of a slot that is freed while it is at work: only
// the next flush makes that slot free. Of a flush that fails no slot is free.
func TestSlotsFreedDuringAFlushWaitForTheNext(t *testing.T) {
	for name, failure := range map[string]error{"flushed": nil, "failed": errors.New("the device is gone")} {
		t.Run(name, func(t *testing.T) {
			s, err := Create[uint64](filepath.Join(t.TempDir(), "s"), 100)
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			var all []Handle[uint64]
			for range 100 {
				h, err := s.Insert(1)
				if err != nil {
					t.Fatal(err)
				}
				all = append(all, h)
			}
			free := func(lo, hi int) {
				for _, h := range all[lo:hi] {
					if err := s.Free(h); err != nil {
						t.Error(err)
					}
				}
				s.core.pool.mu.Lock()
				defer s.core.pool.mu.Unlock()
				s.core.gather()
			}
			free(0, 30)
			flushes := 0
			restore := sys.Interpose(func(c sys.Call) error {
				if c.Op != sys.OpFlush {
					return nil
				}
				if flushes++; flushes == 2 { // the first one is of the slots
					free(30, 50)
					return failure
				}
				return nil
			})
			err = s.Sync()
			restore()
			if !errors.Is(err, failure) {
				t.Errorf("Sync: %v", err)
			}
			ready, waiting := s.core.pool.free.count, s.core.pool.waits.count
			if want := 30; failure == nil && (ready != want || waiting != 20) || failure != nil && (ready != 0 || waiting != 50) {
				t.Errorf("%d slots are free and %d wait", ready, waiting)
			}
			if st := s.Stats(); st.Waiting != waiting {
				t.Errorf("Stats says that %d wait, %d do", st.Waiting, waiting)
			}
		})
	}
}
