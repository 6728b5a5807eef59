//go:build !linux

package sys

// These systems have no such limits, or do not tell how much is in use.

func areaCount() (count, limit int, ok bool)      { return 0, 0, false }
func addressLimit() (limit, used uint64, ok bool) { return 0, 0, false }
func lockRoom() (left uint64, ok bool)            { return 0, false }

// privateBootID: other systems give containers no boot ID of their own.
func privateBootID() bool { return false }

func uptime() (started, up int64, ok bool) { return 0, 0, false }
