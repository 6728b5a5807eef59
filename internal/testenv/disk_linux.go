package testenv

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// Device returns a loop device of n bytes, and skips the test where none can be made.
func Device(t testing.TB, n int64) string {
	t.Helper()
	image := emptyImage(t, n)
	out, err := exec.Command("losetup", "-f", "--show", image).CombinedOutput()
	if err != nil {
		t.Skipf("no loop device: losetup: %v: %s", err, out)
	}
	device := strings.TrimSpace(string(out))
	t.Cleanup(func() { run(t, "losetup", "-d", device) })
	return device
}

// Disk mounts a new file system of n bytes and returns its directory. kind is what mkfs calls it,
// options are for mkfs. The test is skipped where the tools, the rights or the kernel's support for
// it are missing.
func Disk(t testing.TB, n int64, kind string, options ...string) string {
	t.Helper()
	dir := t.TempDir()
	if kind == "tmpfs" {
		return mounted(t, dir, "-t", "tmpfs", "-o", "size="+options[0], "tmpfs", dir)
	}
	if _, err := exec.LookPath("mkfs." + kind); err != nil {
		t.Skip("no such file system can be made: ", err)
	}
	image := emptyImage(t, n)
	if out, err := exec.Command("mkfs."+kind, append(options, image)...).CombinedOutput(); err != nil {
		t.Fatalf("mkfs.%s: %v: %s", kind, err, out)
	}
	return mounted(t, dir, "-t", kind, "-o", "loop", image, dir)
}

func mounted(t testing.TB, dir string, args ...string) string {
	t.Helper()
	if out, err := exec.Command("mount", args...).CombinedOutput(); err != nil {
		t.Skipf("no file system can be mounted: %v: %s", err, out)
	}
	t.Cleanup(func() {
		if exec.Command("umount", dir).Run() != nil { // something of a test that failed is still open there
			run(t, "umount", "-l", dir)
		}
	})
	return dir
}

// emptyImage makes a sparse file of n bytes, as root only.
func emptyImage(t testing.TB, n int64) string {
	t.Helper()
	Processes(t)
	if os.Getuid() != 0 {
		t.Skip("loop devices are for root")
	}
	image := filepath.Join(t.TempDir(), "image")
	f, err := os.Create(image)
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Truncate(n); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	return image
}

func run(t testing.TB, name string, args ...string) {
	if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
		t.Errorf("%s %v: %v: %s", name, args, err, out)
	}
}
