//go:build !linux

package sys

import "math/bits"

// These systems have no such limits, or do not tell how much is in use.

func areaCount() (count, limit int, ok bool)      { return 0, 0, false }
func addressLimit() (limit, used uint64, ok bool) { return 0, 0, false }
func lockRoom() (left uint64, ok bool)            { return 0, false }

// addressSpace is what common processors give a program: 47 bits, or 128 TiB.
func addressSpace() uint64 {
	if bits.UintSize == 32 {
		return 1 << 32
	}
	return 1 << 47
}

// privateBootID: other systems give containers no boot ID of their own.
func privateBootID() bool { return false }

func uptime() (started, up int64, ok bool) { return 0, 0, false }
