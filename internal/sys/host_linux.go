package sys

import (
	"bytes"
	"fmt"
	"math/bits"
	"os"
	"strconv"
	"strings"
	"sync"

	"golang.org/x/sys/unix"
)

// What the system tells of itself and of the limits of the process. Sources: random(4), statfs(2),
// clock_gettime(2), time_namespaces(7), proc_pid_maps(5), proc_pid_statm(5), proc_pid_status(5),
// getrlimit(2) and vm.max_map_count of Documentation/admin-guide/sysctl/vm.rst of the kernel.

const bootIDFile = "/proc/sys/kernel/random/boot_id"

func bootID() (id [16]byte, ok bool) {
	text, err := os.ReadFile(bootIDFile)
	if err != nil {
		return id, false
	}
	return parseUUID(string(text))
}

// privateBootID reports whether a container manager has mounted its own file over the kernel's.
func privateBootID() bool {
	var fs unix.Statfs_t
	err := uninterrupted(func() error { return unix.Statfs(bootIDFile, &fs) })
	return err == nil && fs.Type != unix.PROC_SUPER_MAGIC
}

func uptime() (started, up int64, ok bool) {
	var boot, real unix.Timespec
	if unix.ClockGettime(unix.CLOCK_BOOTTIME, &boot) != nil || unix.ClockGettime(unix.CLOCK_REALTIME, &real) != nil {
		return 0, 0, false
	}
	up = boot.Nano() - timeOffset()
	return real.Nano() - up, up, true
}

// timeOffset is what the time namespace of the process adds to CLOCK_BOOTTIME, in nanoseconds. The
// file has the offsets for child processes, which are the process's own except between unshare(2)
// and the next exec.
var timeOffset = sync.OnceValue(func() int64 {
	text, err := os.ReadFile("/proc/self/timens_offsets")
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(text)) {
		var seconds, nanos int64
		if _, err := fmt.Sscanf(line, "boottime %d %d", &seconds, &nanos); err == nil {
			return seconds*1e9 + nanos
		}
	}
	return 0
})

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
	addr, err := mmap(0, PageSize(), unix.PROT_NONE, unix.MAP_PRIVATE|unix.MAP_ANON, NoFile, 0)
	if err != nil {
		return 1 << 38
	}
	_ = release(addr, PageSize())
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
