//go:build !linux

package sys

// privateBootID: other systems give containers no boot ID of their own.
func privateBootID() bool { return false }

func uptime() (started, up int64, ok bool) { return 0, 0, false }
