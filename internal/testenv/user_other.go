//go:build !linux

package testenv

import (
	"os"
	"testing"
)

// AsUser calls f, with the rights of a user without privileges over files. Elsewhere than on Linux
// root is skipped: permission bits do not count for it.
func AsUser(t testing.TB, f func()) {
	t.Helper()
	if os.Geteuid() == 0 {
		t.Skip("permission bits do not count for root")
	}
	f()
}

// OpenDir returns a new directory in which the user of AsUser may work.
func OpenDir(t testing.TB) string { return t.TempDir() }
