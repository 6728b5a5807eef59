// Package testenv fits the tests to where they run.
package testenv

import (
	"errors"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"

	"github.com/typedmem/typedmem/internal/race"
	"github.com/typedmem/typedmem/internal/sys"
)

// PartialPages skips a test that maps a file which ends within a page, or which says of itself that
// it holds no bytes, as a device does. Where qemu's user mode plays pages larger than the
// machine's, it asks fstat(2) how long the file is and maps no more than that.
func PartialPages(t testing.TB) {
	t.Helper()
	Differs(t, map[string]string{"qemu-user with large pages": "it maps only what fstat says of a file, and no part of a page"})
}

// FaultAddresses skips a test that needs to know where memory faulted, under qemu's user mode,
// which does not tell on every processor.
func FaultAddresses(t testing.TB) {
	t.Helper()
	Differs(t, map[string]string{"qemu-user": "addresses of faults are not reliable"})
}

// Processes skips a test that starts other processes, under qemu's user mode: it forks while
// threads of its own hold locks, for which the child may wait forever.
func Processes(t testing.TB) {
	t.Helper()
	Differs(t, map[string]string{"qemu-user": "a process with threads cannot be forked reliably"})
}

// Allocations skips a test that counts allocations, under the race detector.
func Allocations(t testing.TB) {
	t.Helper()
	if race.Enabled {
		t.Skip("under the race detector each touched page has a block on the heap")
	}
}

// GoTool returns the go command, and skips the test on a machine that has none for this platform.
func GoTool(t testing.TB) string {
	t.Helper()
	Processes(t)
	path, err := exec.LookPath("go")
	if err != nil {
		t.Skip("no go command: ", err)
	}
	out, err := exec.Command(path, "env", "GOHOSTOS", "GOHOSTARCH").CombinedOutput()
	if err != nil {
		t.Skipf("go env: %v: %s", err, out)
	}
	if host := strings.Join(strings.Fields(string(out)), "/"); host != runtime.GOOS+"/"+runtime.GOARCH {
		t.Skipf("the go command is for %s, the test for %s/%s", host, runtime.GOOS, runtime.GOARCH)
	}
	return path
}

// MayLock skips a test whose memory this account may not lock. Any other error of a Lock fails it.
func MayLock(t testing.TB, err error) {
	t.Helper()
	switch {
	case err == nil:
	case errors.Is(err, os.ErrPermission) || sys.OutOfAddresses(err):
		t.Skip("this account may not lock so much memory: ", err)
	default:
		t.Fatal("Lock: ", err)
	}
}
