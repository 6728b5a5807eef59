package region_test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/typedmem/typedmem/internal/testenv"
	"github.com/typedmem/typedmem/internal/testkit"
	"github.com/typedmem/typedmem/region"
	"golang.org/x/sys/unix"
)

// A device that has no room for what its file system has promised: ext4 in a file on a full tmpfs.
func TestADeviceThatCannotWriteIsNotForgotten(t *testing.T) {
	small := testenv.Disk(t, 0, "tmpfs", "24m")
	image, dir := filepath.Join(small, "image"), t.TempDir()
	testkit.Check(t, os.WriteFile(image, nil, 0o600))
	testkit.Check(t, os.Truncate(image, 64<<20))
	for _, args := range [][]string{{"mkfs.ext4", "-q", "-F", "-O", "^has_journal", image}, {"mount", "-o", "loop", image, dir}} {
		if out, err := exec.Command(args[0], args[1:]...).CombinedOutput(); err != nil {
			t.Skipf("no such device can be made: %v: %v: %s", args, err, out)
		}
	}
	t.Cleanup(func() { _ = exec.Command("umount", "-l", dir).Run() }) // a test that failed leaves it mounted
	path, saved := filepath.Join(dir, "r.tm"), filepath.Join(t.TempDir(), "saved.tm")
	values := make([]uint64, 1<<20) // 8 MiB
	for i := range values {
		values[i] = uint64(i) + 1
	}
	r := testkit.Must(region.Create[uint64](path, 0))(t)
	testkit.Check(t, errors.Join(r.Append(values...), r.Sync(), r.Append(values...)), "setup")
	room := testenv.Fill(t, small)
	testkit.Wants(t, "Sync", r.Sync(), unix.ENOSPC)
	room()
	err := r.Sync()
	testkit.Wants(t, "Sync with room", err, unix.ENOSPC)
	if !strings.Contains(err.Error(), "save it to another file") {
		t.Error(err)
	}
	testkit.Check(t, r.Snapshot(saved), "Snapshot")
	testkit.Wants(t, "Close", r.Close(), unix.ENOSPC)
	remount := [][]string{{"umount", dir}, {"mount", "-o", "loop", image, dir}}
	for _, args := range remount {
		if out, err := exec.Command(args[0], args[1:]...).CombinedOutput(); err != nil {
			t.Fatalf("%v: %v: %s", args, err, out)
		}
	}
	for path, n := range map[string]int{path: len(values), saved: 2 * len(values)} {
		r := testkit.Must(region.Open[uint64](path))(t)
		if r.Len() != n {
			t.Errorf("%s: %d elements, want %d", path, r.Len(), n)
		}
		for i, x := range r.View().All() {
			if x != values[i%len(values)] {
				t.Fatalf("%s: element %d is %d", path, i, x)
			}
		}
		testkit.Check(t, r.Close())
	}
}
