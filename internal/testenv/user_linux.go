package testenv

import (
	"os"
	"runtime"
	"testing"

	"golang.org/x/sys/unix"
)

// nobody is a user without rights.
const nobody = 65534

// AsUser calls f with the rights of a user without privileges over files: permission bits count for
// it, where they do not for root. f must not start goroutines that open files.
//
// Source: setfsuid(2), which is about one thread.
func AsUser(t testing.TB, f func()) {
	t.Helper()
	if os.Geteuid() == 0 {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		if err := unix.Setfsuid(nobody); err != nil {
			t.Fatal("setfsuid: ", err)
		}
		defer func() {
			if err := unix.Setfsuid(0); err != nil {
				t.Fatal("setfsuid: ", err)
			}
		}()
	}
	f()
}

// OpenDir returns a new directory in which the user of AsUser may work.
func OpenDir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "typedmem") // below t.TempDir others may not search
	if err == nil {
		err = os.Chmod(dir, 0o777)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}
