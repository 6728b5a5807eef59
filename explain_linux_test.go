package typedmem_test

import (
	"os"
	osexec "os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/typedmem/typedmem/flags"
	"github.com/typedmem/typedmem/internal/testenv"
	"github.com/typedmem/typedmem/internal/testkit"
	"github.com/typedmem/typedmem/options"
	"golang.org/x/sys/unix"
)

// TestRefusalsNameTheirCause: the system says "operation not permitted" for all of these.
func TestRefusalsNameTheirCause(t *testing.T) {
	if testenv.Emulator() != "" {
		t.Skip("qemu-user: what the kernel knows of a file is not what the program asked for")
	}
	says := func(what string, err error, words string) {
		t.Helper()
		if err == nil || !strings.Contains(err.Error(), words) {
			t.Errorf("%s: %v; want %q", what, err, words)
		}
	}
	t.Run("sealed", func(t *testing.T) {
		fd, err := unix.MemfdCreate("sealed", unix.MFD_ALLOW_SEALING)
		if err != nil {
			t.Skip("memfd_create: ", err)
		}
		f := os.NewFile(uintptr(fd), "sealed")
		defer f.Close()
		testkit.Check(t, f.Truncate(int64(unit)), "Truncate")
		if _, err := unix.FcntlInt(f.Fd(), unix.F_ADD_SEALS, unix.F_SEAL_WRITE); err != nil {
			t.Skip("F_ADD_SEALS: ", err)
		}
		o := options.New(unit).WithFile(f, 0).WithFlags(flags.Shared)
		_, err = o.MapMut()
		says("MapMut", err, "sealed is sealed against writing")
		_, err = o.ReserveMut()
		says("ReserveMut", err, "sealed is sealed against writing")
	})
	t.Run("noexec", func(t *testing.T) {
		dir := t.TempDir()
		if err := unix.Mount("tmpfs", dir, "tmpfs", unix.MS_NOEXEC, "size=1m"); err != nil {
			t.Skip("a noexec tmpfs cannot be mounted: ", err)
		}
		t.Cleanup(func() { testkit.Check(t, unix.Unmount(dir, 0), "Unmount") })
		f := testkit.Must(os.Create(filepath.Join(dir, "code")))(t)
		defer f.Close()
		testkit.Check(t, f.Truncate(int64(unit)), "Truncate")
		_, err := options.New(unit).WithFile(f, 0).MapExec()
		says("MapExec", err, "code is on a file system that is mounted noexec")
	})
	t.Run("lock limit of 0", func(t *testing.T) {
		const asked = "TYPEDMEM_NO_LOCKS"
		if os.Getenv(asked) == "" {
			child := osexec.Command(os.Args[0], "-test.run=^TestRefusalsNameTheirCause$/^lock_limit_of_0$", "-test.v")
			child.Env = append(os.Environ(), asked+"=1")
			out, err := child.CombinedOutput()
			if err != nil {
				t.Errorf("%v\n%s", err, out)
			}
			if strings.Contains(string(out), "--- SKIP: TestRefusalsNameTheirCause/") {
				t.Skipf("%s", out)
			}
			return
		}
		testkit.Check(t, unix.Setrlimit(unix.RLIMIT_MEMLOCK, &unix.Rlimit{}), "Setrlimit")
		if err := dropLockPrivilege(); err != nil {
			t.Skip("the privilege to lock cannot be given up: ", err)
		}
		_, err := options.New(unit).WithFlags(flags.Locked).MapMut()
		says("MapMut", err, "its limit is 0")
		m := testkit.Must(options.New(unit).WithFlags(flags.Locked).ReserveMut())(t)
		says("Commit", m.Commit(), "its limit is 0")
		_, err = options.New(unit).WithFile(testkit.File(t, pattern(unit)), 0).WithFlags(flags.Locked).Map()
		says("Map of a file", err, "its limit is 0")
	})
}

// dropLockPrivilege gives up CAP_IPC_LOCK, for which no limit counts, in every thread.
func dropLockPrivilege() error {
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	if err := unix.Capget(&header, &data[0]); err != nil {
		return err
	}
	if data[0].Effective&(1<<unix.CAP_IPC_LOCK) == 0 {
		return nil
	}
	return unix.Setuid(65534) // in every thread, and with it go the capabilities
}
