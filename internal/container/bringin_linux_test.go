package container

import (
	"errors"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/typedmem/typedmem/flags"
	"github.com/typedmem/typedmem/internal/testenv"
	"github.com/typedmem/typedmem/internal/testkit"
)

// The pages that the next stores go to come back after the system has dropped them.
func TestBringIn(t *testing.T) {
	testenv.Differs(t, map[string]string{"qemu-user": "madvise does nothing"})
	c, err := Create(filepath.Join(t.TempDir(), "f"), specOf[record](KindRegion), 0o666)
	testkit.Check(t, err)
	defer c.Close(DataOffset)
	testkit.Check(t, c.f.Sync())
	testkit.Check(t, c.block.Advise(0, DataOffset, flags.DontNeed))
	testkit.Check(t, unix.Fadvise(int(c.f.Fd()), 0, 0, unix.FADV_DONTNEED))
	resident := func() int {
		n := 0
		for _, at := range []int{0, copySpace, liveOffset} {
			k, err := c.block.Resident(at, at+liveSize)
			if errors.Is(err, errors.ErrUnsupported) {
				t.Skip("the system does not tell which pages are in memory: ", err)
			}
			testkit.Check(t, err)
			n += k
		}
		return n
	}
	if n := resident(); n != 0 {
		t.Skipf("%d bytes stay in memory on this file system", n)
	}
	c.BringIn()
	if n := resident(); n != 3*liveSize {
		t.Errorf("%d bytes are in memory, want %d", n, 3*liveSize)
	}
}
