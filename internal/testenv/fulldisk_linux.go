package testenv

import (
	"errors"
	"os"
	"sync"
	"testing"

	"golang.org/x/sys/unix"
)

// disks are the file systems on which tests run out of space. Of each there is one kind of promise:
// ext2 sets no space aside, btrfs and XFS with shared extents need new space for what is there
// already.
var disks = map[string]func(t *testing.T) string{
	"ext2":  func(t *testing.T) string { return Disk(t, 16<<20, "ext2", "-q", "-m0") },
	"ext3":  func(t *testing.T) string { return Disk(t, 16<<20, "ext3", "-q", "-m0") },
	"ext4":  func(t *testing.T) string { return Disk(t, 16<<20, "ext4", "-q", "-m0") },
	"xfs":   func(t *testing.T) string { return Disk(t, 300<<20, "xfs", "-q") },
	"btrfs": func(t *testing.T) string { return Disk(t, 128<<20, "btrfs", "-q") },
	"tmpfs": func(t *testing.T) string { return Disk(t, 0, "tmpfs", "16m") },
}

// OnDisks runs a test on each kind of file system, in the directory dir of an empty one.
func OnDisks(t *testing.T, test func(t *testing.T, kind, dir string)) {
	for kind, disk := range disks {
		t.Run(kind, func(t *testing.T) { test(t, kind, disk(t)) })
	}
}

// SavesFail runs each of the saves to a new file where there is a MiB of space, so that the file
// begins and cannot end. It hands the error to check, and fails if anything is left there.
func SavesFail(t *testing.T, saves map[string]func(path string) error, check func(t *testing.T, what string, err error)) {
	OnDisks(t, func(t *testing.T, kind, dir string) {
		defer Fill(t, dir)()
		filler := dir + "/filler"
		info, err := os.Stat(filler)
		if err == nil {
			err = os.Truncate(filler, info.Size()-1<<20)
		}
		if err != nil {
			t.Fatal(err)
		}
		unix.Sync()
		for what, save := range saves {
			check(t, what, save(dir+"/new"))
			list, err := os.ReadDir(dir)
			if err != nil {
				t.Fatal(err)
			}
			for _, f := range list {
				if name := f.Name(); name != "filler" && name != "lost+found" {
					t.Errorf("%s leaves %s", what, name)
				}
			}
		}
	})
}

// Fill takes all the space that is left in dir; room gives it back, once.
func Fill(t *testing.T, dir string) (room func()) {
	t.Helper()
	f, err := os.Create(dir + "/filler")
	if err != nil {
		t.Fatal(err)
	}
	end := int64(0)
	for n := int64(64 << 20); n >= 512; {
		if err := unix.Fallocate(int(f.Fd()), 0, end, n); err != nil {
			n /= 2
			continue
		}
		end += n
	}
	block := make([]byte, 1<<20)
	for n := len(block); n >= 512; {
		m, err := f.WriteAt(block[:n], end)
		if end += int64(m); err != nil {
			n /= 2
		}
	}
	_ = f.Sync()
	return sync.OnceFunc(func() {
		if err := errors.Join(f.Truncate(0), f.Sync(), f.Close(), os.Remove(f.Name())); err != nil {
			t.Error(err)
		}
		unix.Sync() // btrfs has the space again with its next transaction
	})
}
