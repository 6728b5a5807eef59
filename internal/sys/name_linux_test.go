package sys

import (
	"testing"

	"golang.org/x/sys/unix"

	"github.com/typedmem/typedmem/internal/testkit"
)

// syncEntry works where a sandbox refuses syncfs.
func TestSyncEntryWithoutSyncfs(t *testing.T) {
	f := newFile(t, []byte("x"))
	testkit.Check(t, SyncEntry(f))
	known := syncFilesystem
	t.Cleanup(func() { syncFilesystem = known })
	for _, refusal := range []error{unix.ENOSYS, unix.EPERM, unix.EACCES, unix.EINVAL, unix.EOPNOTSUPP} {
		syncFilesystem = func(int) error { return refusal }
		testkit.Check(t, SyncEntry(f))
	}
	syncFilesystem = func(int) error { return unix.EIO }
	if err := SyncEntry(f); err != unix.EIO {
		t.Errorf("%v, want EIO", err)
	}
}
