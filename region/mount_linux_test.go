package region_test

import (
	"testing"

	"golang.org/x/sys/unix"
)

func mountTmpfs(dir, data string) error { return unix.Mount("tmpfs", dir, "tmpfs", 0, data) }

func unmount(t *testing.T, dir string) {
	if err := unix.Unmount(dir, unix.MNT_DETACH); err != nil {
		t.Error(err)
	}
}
