package region_test

import (
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"testing"
	"time"

	"github.com/typedmem/typedmem/internal/testenv"
	"github.com/typedmem/typedmem/internal/testkit"
	"github.com/typedmem/typedmem/region"
)

// The collector releases a writer that nobody closed, and its directory too.
func TestADroppedWriterLeavesNoDescriptor(t *testing.T) {
	dir := testkit.Must(filepath.EvalSymlinks(t.TempDir()))(t)
	writers := make([]*region.Region[int64], 20)
	for i := range writers {
		sub := filepath.Join(dir, strconv.Itoa(i)) // files of one directory share its descriptor
		testkit.Wants(t, "Mkdir", os.Mkdir(sub, 0o700), nil)
		writers[i] = testkit.Must(region.Create[int64](filepath.Join(sub, "r.tm"), 10))(t)
	}
	if n := testenv.Descriptors(t, dir); n < 2*len(writers) {
		t.Fatalf("%d descriptors of %d writers: nothing is shown", n, len(writers))
	}
	runtime.KeepAlive(writers) // so that none was collected before it was counted
	clear(writers)
	for try := 0; testenv.Descriptors(t, dir) > 0; try++ {
		if try == 500 {
			t.Fatalf("%d descriptors are left", testenv.Descriptors(t, dir))
		}
		runtime.GC()
		time.Sleep(10 * time.Millisecond)
	}
}
