//go:build !linux

package sys

// privateBootID: no other system gives containers names of their own for the boot.
func privateBootID() bool { return false }

func uptime() (started, up int64, ok bool) { return 0, 0, false }
