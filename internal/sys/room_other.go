//go:build !linux

package sys

import "math/bits"

// These systems set no limit of the kind, or do not tell how much of it is in use.

func areaCount() (count, limit int, ok bool)      { return 0, 0, false }
func addressLimit() (limit, used uint64, ok bool) { return 0, 0, false }
func lockRoom() (left uint64, ok bool)            { return 0, false }

// addressSpace is what the usual processors give to a program: 47 bits, the least of them 128 TiB.
func addressSpace() uint64 {
	if bits.UintSize == 32 {
		return 1 << 32
	}
	return 1 << 47
}
