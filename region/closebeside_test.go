package region_test

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/typedmem/typedmem"
	"github.com/typedmem/typedmem/internal/testkit"
	"github.com/typedmem/typedmem/region"
)

// A Resize that grows a region keeps Shutdown out.
func TestResizeBesideShutdownReturnsAnError(t *testing.T) {
	for round := range 30 {
		r := testkit.Must(region.Create[uint64](filepath.Join(t.TempDir(), "r.tm"), 0))(t)
		ended := make(chan error)
		go func() {
			for {
				if err := r.Resize(r.Len() + 1); err != nil {
					ended <- err
					return
				}
			}
		}()
		time.Sleep(time.Duration(round%10) * 50 * time.Microsecond)
		testkit.Check(t, r.Shutdown(t.Context()))
		testkit.Wants(t, "Resize", <-ended, typedmem.ErrClosed)
	}
}
