package sys

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"sync"

	"golang.org/x/sys/unix"
)

// Sources: random(4), statfs(2), clock_gettime(2), time_namespaces(7).

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
	for lines := bufio.NewScanner(bytes.NewReader(text)); lines.Scan(); {
		var seconds, nanos int64
		if _, err := fmt.Sscanf(lines.Text(), "boottime %d %d", &seconds, &nanos); err == nil {
			return seconds*1e9 + nanos
		}
	}
	return 0
})
