package sys

import (
	"os"
	"testing"

	"github.com/typedmem/typedmem/internal/testkit"
)

// TestFilesStandAtTheirPlaceInALargePage: the kernel maps a large page of a file at once only where
// the address and the offset stand at the same place within one.
func TestFilesStandAtTheirPlaceInALargePage(t *testing.T) {
	if largePage == 0 {
		t.Skip("no large pages are expected with pointers of 32 bits")
	}
	page := PageSize()
	for _, n := range []int{page, largePage - page, largePage, largePage + page, 5 * largePage} {
		for _, offset := range []int{NoFile, 0, page, 16 * page, largePage - page, largePage, 7*largePage + 3*page} {
			addr, err := Reserve(0, n, page, int64(offset))
			testkit.Check(t, err)
			if off := (int(addr) - offset) % largePage; offset != NoFile && n >= largePage && off != 0 {
				t.Errorf("%d bytes for byte %d of a file: at %#x, %d bytes from the place within a large page", n, offset, addr, off)
			}
			wantReserved(t, addr, n)
			testkit.Check(t, Release(addr, n))
		}
	}
}

// wantReserved fails if one of the n bytes at addr is not reserved.
func wantReserved(t *testing.T, addr uintptr, n int) {
	t.Helper()
	reached := addr
	testkit.Check(t, Areas(os.Getpid(), addr, addr+uintptr(n), func(a Area) bool {
		if a.Start <= reached && a.Protection == 0 {
			reached = a.End
		}
		return true
	}))
	if reached < addr+uintptr(n) {
		t.Errorf("%d bytes at %#x are reserved up to %#x", n, addr, reached)
	}
}
