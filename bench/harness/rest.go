package harness

import (
	"time"

	"golang.org/x/sys/unix"
)

// Rest is time.Sleep for parts of a millisecond, which in an idle program sleeps a whole one.
func Rest(d time.Duration) {
	left := unix.NsecToTimespec(int64(d))
	for unix.Nanosleep(&left, &left) == unix.EINTR {
	}
}
