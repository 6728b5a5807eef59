package sys

import (
	"bytes"
	"math/bits"
	"strconv"
	"sync"

	"golang.org/x/sys/unix"
)

// Sources: proc_pid_maps(5), proc_pid_statm(5), proc_pid_status(5), getrlimit(2) and
// vm.max_map_count of Documentation/admin-guide/sysctl/vm.rst of the kernel.

// procBuffer is where files of /proc are read. It is not on the heap, which may not be able to grow
// at that moment.
var procBuffer struct {
	sync.Mutex
	bytes [64 << 10]byte
}

// eachRead calls do with the file's bytes, part by part. The caller holds the lock of procBuffer.
func eachRead(path string, do func([]byte)) error {
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	for {
		n := 0
		err := uninterrupted(func() (err error) {
			n, err = unix.Read(fd, procBuffer.bytes[:])
			return err
		})
		if err != nil || n <= 0 {
			return err
		}
		do(procBuffer.bytes[:n])
	}
}

// numberIn reads the first number after the text key in a short file.
func numberIn(path, key string) (n uint64, ok bool) {
	err := eachRead(path, func(b []byte) {
		at := bytes.Index(b, []byte(key))
		if ok || at < 0 {
			return
		}
		b = bytes.TrimLeft(b[at+len(key):], " \t")
		end := 0
		for end < len(b) && b[end] >= '0' && b[end] <= '9' {
			end++
		}
		var e error
		n, e = strconv.ParseUint(string(b[:end]), 10, 64)
		ok = e == nil
	})
	return n, ok && err == nil
}

func areaCount() (count, limit int, ok bool) {
	procBuffer.Lock()
	defer procBuffer.Unlock()
	most, ok := numberIn("/proc/sys/vm/max_map_count", "")
	if !ok || most > 1<<31-1 {
		return 0, 0, false
	}
	err := eachRead("/proc/self/maps", func(b []byte) { count += bytes.Count(b, []byte{'\n'}) })
	return count, int(most), err == nil
}

// softLimit returns one of the limits of getrlimit(2). It uses prlimit(2), where "no limit" is the
// largest 64-bit number on every processor.
func softLimit(resource int) (uint64, error) {
	var r unix.Rlimit
	err := unix.Prlimit(0, resource, nil, &r)
	return r.Cur, err
}

func addressLimit() (limit, used uint64, ok bool) {
	limit, err := softLimit(unix.RLIMIT_AS)
	if err != nil || limit >= 1<<62 {
		return 0, 0, false
	}
	procBuffer.Lock()
	defer procBuffer.Unlock()
	pages, ok := numberIn("/proc/self/statm", "")
	return limit, pages * uint64(PageSize()), ok
}

// addressSpace maps a page: the kernel places it near the top, just below the stack.
var addressSpace = sync.OnceValue(func() uint64 {
	if bits.UintSize == 32 {
		return 1 << 32
	}
	addr, err := mmap(0, PageSize(), unix.PROT_NONE, unix.MAP_PRIVATE|unix.MAP_ANON, noFile, 0)
	if err != nil {
		return 1 << 38
	}
	_ = munmap(addr, PageSize())
	return 1 << bits.Len64(uint64(addr))
})

func lockRoom() (left uint64, ok bool) {
	limit, err := softLimit(unix.RLIMIT_MEMLOCK)
	if err != nil {
		return 0, false
	}
	procBuffer.Lock()
	defer procBuffer.Unlock()
	kb, ok := numberIn("/proc/self/status", "VmLck:")
	return limit - min(limit, kb<<10), ok
}

// drop is MADV_DONTNEED, which fails for pages that are locked in memory.
func drop(addr uintptr, n int) error {
	if !madviseAnswers() {
		return unix.ENOSYS
	}
	err := unix.Madvise(bytesAt(addr, n), unix.MADV_DONTNEED)
	if err == unix.EINVAL {
		err = unix.Madvise(bytesAt(addr, n), unix.MADV_DONTNEED_LOCKED) // since Linux 5.18
	}
	if err == unix.EINVAL {
		if err = unlock(addr, n); err == nil {
			err = unix.Madvise(bytesAt(addr, n), unix.MADV_DONTNEED)
		}
	}
	return err
}
