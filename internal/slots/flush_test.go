package slots

import (
	"errors"
	"testing"

	"github.com/typedmem/typedmem/internal/testkit"
)

// A flush of the words may have passed the word of a slot that is freed while it is at work: only
// the next flush makes that slot free. Of a flush that fails no slot is free.
func TestSlotsFreedDuringAFlushWaitForTheNext(t *testing.T) {
	for name, failure := range map[string]error{"flushed": nil, "failed": errors.New("the device is gone")} {
		t.Run(name, func(t *testing.T) {
			p := newPool(t, 100, true)
			var all []uint64
			for range 100 {
				all = append(all, testkit.Must(p.alloc())(t))
			}
			free := func(lo, hi int) {
				for _, h := range all[lo:hi] {
					testkit.Check(t, p.release(h))
				}
				p.mu.Lock()
				defer p.mu.Unlock()
				p.gather()
			}
			free(0, 30)
			p.flush = func() error {
				free(30, 50)
				return failure
			}
			p.Flushing.Lock()
			err := p.Pool.Flush()
			p.Flushing.Unlock()
			if !errors.Is(err, failure) {
				t.Errorf("Flush: %v", err)
			}
			ready, waiting := p.free.count, p.waits.count
			if want := 30; failure == nil && (ready != want || waiting != 20) || failure != nil && (ready != 0 || waiting != 50) {
				t.Errorf("%d slots are free and %d wait", ready, waiting)
			}
			if n := p.Counts(); n.Waiting != waiting {
				t.Errorf("Counts says that %d wait, %d do", n.Waiting, waiting)
			}
		})
	}
}
