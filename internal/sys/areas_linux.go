package sys

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"unsafe"

	"github.com/typedmem/typedmem/flags"
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
	err = queryAreas(f, lo, hi, yield)
	if errors.Is(err, errors.ErrUnsupported) {
		return readAreas(f, lo, hi, yield)
	}
	return err
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

// queryAreas asks with the ioctl PROCMAP_QUERY (Linux 6.11), whose cost does not grow with the number of mappings. It answers
// errors.ErrUnsupported, before any yield, where the kernel has no such ioctl.
func queryAreas(f *os.File, lo, hi uintptr, yield func(Area) bool) error {
	name := make([]byte, unix.PathMax)
	q := new(procmapQuery)
	for at := lo; at < hi; {
		*q = procmapQuery{
			size:       uint64(unsafe.Sizeof(*q)),
			queryFlags: queryCoveringOrNext,
			queryAddr:  uint64(at),
			nameSize:   uint32(len(name)),
			nameAddr:   uint64(uintptr(unsafe.Pointer(&name[0]))),
		}
		// SAFETY: q and name stay alive over the call (name is used below); the kernel writes at most nameSize bytes to it.
		_, _, errno := unix.Syscall(unix.SYS_IOCTL, f.Fd(), procmapQueryRequest, uintptr(unsafe.Pointer(q)))
		switch errno {
		case 0:
		case unix.ENOENT:
			return nil
		case unix.ENOTTY, unix.ENOSYS:
			return errors.ErrUnsupported
		case unix.EINTR:
			continue
		case unix.ESRCH:
			return nil // the process is gone: an empty address space
		default:
			return errno
		}
		if uintptr(q.start) >= hi {
			return nil
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

// readAreas reads the whole text of /proc/PID/maps, so that one listing shows one state of the process.
func readAreas(f *os.File, lo, hi uintptr, yield func(Area) bool) error {
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

func protOf(r, w, x bool) flags.Protection {
	var p flags.Protection
	if r {
		p |= flags.Read
	}
	if w {
		p |= flags.Write
	}
	if x {
		p |= flags.Execute
	}
	return p
}
