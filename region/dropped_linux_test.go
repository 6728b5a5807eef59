package region_test

import (
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/typedmem/typedmem/internal/testkit"
	"github.com/typedmem/typedmem/region"
)

// The collector releases a writer that nobody closed, and its directory too.
func TestADroppedWriterLeavesNoDescriptor(t *testing.T) {
	descriptors := func() int { return len(testkit.Must(os.ReadDir("/proc/self/fd"))(t)) }
	before := descriptors()
	for range 20 {
		testkit.Must(region.Create[int64](filepath.Join(t.TempDir(), "r.tm"), 10))(t)
	}
	if now := descriptors(); now < before+40 {
		t.Fatalf("%d descriptors, %d before: nothing is shown", now, before)
	}
	for try := 0; descriptors() > before+2; try++ {
		if try == 100 {
			t.Fatalf("%d descriptors are left, %d before", descriptors(), before)
		}
		runtime.GC()
		time.Sleep(10 * time.Millisecond)
	}
}
