package sys

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"strconv"
	"unsafe"

	"golang.org/x/sys/unix"
)

func areas(pid int, lo, hi uintptr, yield func(Area) bool) error {
	who := "self"
	if pid != 0 {
		who = strconv.Itoa(pid)
	}
	f, err := os.Open("/proc/" + who + "/maps")
	if err != nil {
		return err
	}
	defer f.Close()
	return queryAreas(f, lo, hi, checkDeleted(who, yield))
}

// checkDeleted asks the file system about each name that ends in " (deleted)": a file can have such
// a name.
func checkDeleted(who string, yield func(Area) bool) func(Area) bool {
	return func(a Area) bool {
		if a.Deleted {
			name := a.Path + " (deleted)"
			var stat unix.Stat_t
			err := uninterrupted(func() error {
				return unix.Stat("/proc/"+who+"/root"+name, &stat) // the process may be in a container
			})
			if err == nil && stat.Ino == a.inode {
				a.Path, a.Deleted = name, false
			}
		}
		return yield(a)
	}
}

// procmapQuery is struct procmap_query of linux/fs.h.
type procmapQuery struct {
	size, queryFlags, queryAddr            uint64
	start, end, vmaFlags, pageSize, offset uint64
	inode                                  uint64
	devMajor, devMinor                     uint32
	nameSize, buildIDSize                  uint32
	nameAddr, buildIDAddr                  uint64
}

const (
	queryReadable       = 0x01
	queryWritable       = 0x02
	queryExecutable     = 0x04
	queryShared         = 0x08
	queryCoveringOrNext = 0x10
)

// procmap is the ioctl PROCMAP_QUERY (Linux 6.11). Tests make it fail, as older kernels and
// sandboxes do.
var procmap = func(fd uintptr, q *procmapQuery) unix.Errno {
	// SAFETY: q stays alive over the call, and the name that it points to is pinned; the kernel
	// writes at most nameSize bytes there.
	_, _, errno := unix.Syscall(unix.SYS_IOCTL, fd, procmapQueryRequest, uintptr(unsafe.Pointer(q)))
	return errno
}

// queryAreas uses the ioctl PROCMAP_QUERY, whose cost does not grow with the number of areas. If
// that fails, for any reason, it reads the rest from the text.
func queryAreas(f *os.File, lo, hi uintptr, yield func(Area) bool) error {
	return withFd(f, func(fd uintptr) error { return queryDescriptor(f, fd, lo, hi, yield) })
}

func queryDescriptor(f *os.File, fd, lo, hi uintptr, yield func(Area) bool) error {
	name := make([]byte, unix.PathMax)
	// The kernel gets the address of name as a number: on the stack, name could move.
	var pin runtime.Pinner
	pin.Pin(&name[0])
	defer pin.Unpin()
	q := new(procmapQuery)
	for at := lo; at < hi; {
		*q = procmapQuery{
			size:       uint64(unsafe.Sizeof(*q)),
			queryFlags: queryCoveringOrNext,
			queryAddr:  uint64(at),
			nameSize:   uint32(len(name)),
			nameAddr:   uint64(uintptr(unsafe.Pointer(&name[0]))),
		}
		switch err := uninterrupted(func() error { return procmap(fd, q) }); err {
		case unix.Errno(0):
		case unix.ENOENT:
			return readGate(f, at, hi, yield)
		case unix.ENAMETOOLONG: // the text has no limit
			next, err := readArea(f, at, hi, yield)
			if next == 0 || err != nil {
				return err
			}
			at = next
			continue
		case unix.ESRCH:
			return nil // the process is gone: an empty address space
		default:
			return readAreas(f, at, hi, yield)
		}
		if q.start >= uint64(hi) {
			return nil
		}
		if q.end > uint64(^uintptr(0)) {
			return fmt.Errorf("the area from %#x to %#x has addresses that this 32-bit program cannot hold: %w", q.start, q.end, errors.ErrUnsupported)
		}
		a := Area{
			AllocationBase: uintptr(q.start),
			Start:          uintptr(q.start),
			End:            uintptr(q.end),
			Protection:     protOf(q.vmaFlags&queryReadable != 0, q.vmaFlags&queryWritable != 0, q.vmaFlags&queryExecutable != 0),
			Shared:         q.vmaFlags&queryShared != 0,
			Offset:         int64(q.offset),
		}
		a.setName(string(bytes.TrimRight(name[:q.nameSize], "\x00")), q.inode)
		if !yield(a) {
			return nil
		}
		at = uintptr(q.end)
	}
	return nil
}

// readGate yields a page of the kernel's above all other areas, which only the text lists. Only
// queries that reach its address pay for reading the text.
func readGate(f *os.File, lo, hi uintptr, yield func(Area) bool) error {
	var gate uint64
	switch runtime.GOARCH {
	case "amd64":
		gate = 0xffffffffff600000 // [vsyscall]
	case "arm":
		gate = 0xffff0000 // [vectors]
	}
	if gate == 0 || uint64(lo) > gate || uint64(hi) <= gate {
		return nil
	}
	return readAreas(f, uintptr(gate), hi, yield)
}

// readArea yields from the text the first area that ends after lo, and returns its end. It returns
// 0 if there is no such area, or no more are wanted.
func readArea(f *os.File, lo, hi uintptr, yield func(Area) bool) (end uintptr, err error) {
	err = readAreas(f, lo, hi, func(a Area) bool {
		if yield(a) {
			end = a.End
		}
		return false
	})
	return end, err
}

// readAreas reads the whole text of /proc/PID/maps, so that one listing shows one state of the
// process.
func readAreas(f *os.File, lo, hi uintptr, yield func(Area) bool) error {
	if lo >= hi { // an area around lo would start before hi
		return nil
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return err
	}
	text, err := io.ReadAll(f)
	if err != nil {
		return err
	}
	for line := range bytes.Lines(text) {
		a, err := ParseMapsLine(string(bytes.TrimSuffix(line, []byte("\n"))))
		if err != nil {
			return fmt.Errorf("%s: %w", f.Name(), err)
		}
		if a.End <= lo {
			continue
		}
		if a.Start >= hi || !yield(a) {
			return nil
		}
	}
	return nil
}
