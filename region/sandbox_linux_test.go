package region_test

import (
	"errors"
	"os"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/typedmem/typedmem"
	"github.com/typedmem/typedmem/flags"
	"github.com/typedmem/typedmem/internal/testenv"
	"github.com/typedmem/typedmem/internal/testkit"
	"github.com/typedmem/typedmem/options"
	"github.com/typedmem/typedmem/region"
)

// hints are the flags that a system may leave out.
const hints = flags.Sequential | flags.WillNeed | flags.TransparentHugePages | flags.Populate

// A process in a sandbox of the kernel's does all that is in TestOptionalCallsThatAreRefused, here
// with the real call refused, no matter who makes it.
func TestInASandboxThatRefuses(t *testing.T) {
	testenv.Seccomp(t)
	for name, refused := range map[string]struct{ call, command uintptr }{
		"fallocate": {unix.SYS_FALLOCATE, 0},
		"madvise":   {unix.SYS_MADVISE, 0},
		"renameat2": {unix.SYS_RENAMEAT2, 0},
		"linkat":    {unix.SYS_LINKAT, 0},
		"fstatfs":   {unix.SYS_FSTATFS, 0},
		"statfs":    {unix.SYS_STATFS, 0},
		"fdatasync": {unix.SYS_FDATASYNC, 0},
		"syncfs":    {unix.SYS_SYNCFS, 0},
		"ioctl":     {unix.SYS_IOCTL, 0},
		"mincore":   {unix.SYS_MINCORE, 0},
		"mlock":     {unix.SYS_MLOCK, 0},
		"prlimit":   {unix.SYS_PRLIMIT64, 0},
		"duplicate": {unix.SYS_FCNTL, unix.F_DUPFD_CLOEXEC},
		"getfl":     {unix.SYS_FCNTL, unix.F_GETFL},
	} {
		for errno, errnoName := range map[syscall.Errno]string{
			unix.ENOSYS: "ENOSYS", unix.EPERM: "EPERM", unix.EACCES: "EACCES", unix.EINVAL: "EINVAL", unix.EOPNOTSUPP: "EOPNOTSUPP",
		} {
			t.Run(name+" "+errnoName, func(t *testing.T) {
				if !testenv.Child(t) {
					return
				}
				dir := t.TempDir()
				testenv.Refuse(t, refused.call, refused.command, errno)
				useMemory(t)
				useRegionFile(t, dir+"/r")
				useSlabFile(t, dir+"/s")
			})
		}
	}
}

func useMemory(t *testing.T) {
	t.Helper()
	m, err := options.New(1 << 20).WithFlags(hints).WithCapacity(1 << 24).MapMut()
	if err != nil {
		t.Fatal("an anonymous mapping with hints: ", err)
	}
	testkit.Wants(t, "Advise", m.Advise(0, m.Len(), flags.RandomAccess), nil)
	testkit.Wants(t, "Resize", errors.Join(m.Resize(1<<22), m.Resize(1<<16), m.Resize(1<<20)), nil)
	at, ok, err := typedmem.AreaAt(os.Getpid(), m.Addr())
	if err != nil || !ok || at.Protection != flags.Read|flags.Write {
		t.Errorf("the mapping's area: %v, %v, %v", at, ok, err)
	}
	for _, err := range typedmem.Areas(os.Getpid()) {
		if err != nil {
			t.Fatal("Areas: ", err)
		}
	}
	testkit.Wants(t, "Close", m.Close(), nil)
}

func useRegionFile(t *testing.T, path string) {
	t.Helper()
	r, err := region.OpenFile[pair](path, region.FileOptions{Write: true, Create: true, Len: 100, Flags: hints, Capacity: 1 << 20})
	if err != nil {
		t.Fatal("a region file: ", err)
	}
	testkit.Wants(t, "Append", appendPairs(r, 100_000), nil)
	testkit.Wants(t, "Prefault", r.Prefault(0, r.Len()), nil)
	testkit.Wants(t, "Flush", r.Flush(), nil)
	testkit.Wants(t, "Resize", errors.Join(r.Resize(50_000), r.Resize(60_000)), nil)
	if r.At(49_999) != (pair{49_999, 1}) || r.At(50_000) != (pair{}) {
		t.Error(r.At(49_999), r.At(50_000))
	}
	_, err = region.Create[pair](path, 1)
	testkit.Wants(t, "Create again", err, os.ErrExist)
	testkit.Wants(t, "Sync and Close", errors.Join(r.Sync(), r.Close()), nil)
	w, err := region.OpenMut[pair](path)
	if err != nil {
		t.Fatal("OpenMut: ", err)
	}
	_, err = region.OpenMut[pair](path)
	testkit.Wants(t, "a second writer", err, typedmem.ErrBusy)
	reader := open[pair](t, path)
	testkit.Wants(t, "Append", w.Append(pair{60_000, 1}), nil)
	if n, err := reader.Refresh(); n != 60_001 || err != nil || reader.At(60_000) != (pair{60_000, 1}) {
		t.Errorf("%d elements, %v", n, err)
	}
	testkit.Wants(t, "Close", errors.Join(w.Close(), reader.Close()), nil)
}
