package testenv

import (
	"math/bits"
	"syscall"
	"testing"
)

// Placeholders skips a test that reserves addresses thousands of times, in a 32-bit program under
// Wine. Wine 10 keeps a list of free addresses there, and takes placeholders that were coalesced
// (VirtualFree with MEM_COALESCE_PLACEHOLDERS) for free ones: a later reservation is put over the
// memory that lies there, and an assertion in virtual.c ends the process. Seen with
// WINEDEBUG=+virtual.
func Placeholders(t testing.TB) {
	t.Helper()
	if bits.UintSize == 32 && syscall.NewLazyDLL("ntdll.dll").NewProc("wine_get_version").Find() == nil {
		t.Skip("Wine with 32 bits: takes coalesced placeholders for free addresses")
	}
}
