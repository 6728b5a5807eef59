package typedmem_test

import (
	"errors"
	"io"
	"os"
	"testing"

	"github.com/typedmem/typedmem"
	"github.com/typedmem/typedmem/flags"
	"github.com/typedmem/typedmem/internal/testenv"
	"github.com/typedmem/typedmem/internal/testkit"
	"github.com/typedmem/typedmem/options"
	"github.com/typedmem/typedmem/region"
	"golang.org/x/sys/unix"
)

// A block device, whose Stat size is 0, has the size that it has: it is mapped and grown into up to
// there, and never changed.
func TestABlockDeviceHasItsOwnSize(t *testing.T) {
	const size = 1 << 20
	f, err := os.OpenFile(testenv.Device(t, size), os.O_RDWR, 0)
	testkit.Check(t, err, "open")
	defer f.Close()
	_, err = f.Seek(7, io.SeekStart)
	testkit.Check(t, err, "seek")
	for name, o := range map[string]options.Options{
		"shared":  options.New(size / 2).WithFlags(flags.Shared),
		"private": options.New(size / 2),
	} {
		r := testkit.Must(region.MapMut[uint64](o.WithFile(f, 0).WithCapacity(2 * size)))(t)
		r.Set(0, 1)
		testkit.Check(t, r.Resize(size/8), name+": to the end")
		r.Set(size/8-1, 2)
		testkit.Wants(t, name+": past the end", r.Resize(size/8+1), typedmem.ErrTruncated)
		if name == "shared" {
			testkit.Check(t, r.Sync(), name+": Sync")
		}
		testkit.Check(t, r.Close(), name+": Close")
	}
	r := testkit.Must(region.Map[uint64](options.New(size).WithFile(f, 0)))(t)
	if r.At(0) != 1 || r.At(r.Len()-1) != 2 {
		t.Errorf("%d, %d", r.At(0), r.At(r.Len()-1))
	}
	testkit.Check(t, r.Close(), "Close")
	_, err = region.Map[uint64](options.New(size+8).WithFile(f, 0))
	testkit.Wants(t, "a longer region", err, typedmem.ErrTruncated)
	if at, err := f.Seek(0, io.SeekCurrent); at != 7 || err != nil {
		t.Errorf("the file is at byte %d, %v", at, err)
	}
}

// What of a character device can be mapped is for its driver to say.
func TestACharacterDeviceIsMapped(t *testing.T) {
	testenv.PartialPages(t)
	f, err := os.OpenFile("/dev/zero", os.O_RDWR, 0)
	if err != nil {
		t.Skip(err)
	}
	defer f.Close()
	m := testkit.Must(options.New(unit).WithFile(f, 0).WithFlags(flags.Shared).WithCapacity(4 * unit).MapMut())(t)
	testkit.Check(t, m.Resize(3*unit), "Resize")
	same(t, "contents", m.Bytes(), make([]byte, 3*unit))
	testkit.Check(t, m.Close(), "Close")
	r := testkit.Must(region.Map[byte](options.New(unit).WithFile(f, 0)))(t)
	testkit.Check(t, r.Close(), "Close")
}

// An object of the kernel that has no place in a file system says nothing of its size: the system
// decides about the mapping.
func TestAnObjectWithoutAPlaceIsLeftToTheSystem(t *testing.T) {
	testenv.PartialPages(t)
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	testkit.Check(t, err, "epoll")
	f := os.NewFile(uintptr(fd), "epoll")
	defer f.Close()
	if _, err := region.Map[byte](options.New(unit).WithFile(f, 0)); !errors.Is(err, unix.ENODEV) {
		t.Error(err)
	}
}
