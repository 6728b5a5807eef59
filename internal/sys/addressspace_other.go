//go:build !linux && !windows

package sys

import "math/bits"

// addressSpace is what common processors give a program: 47 bits, or 128 TiB.
func addressSpace() uint64 {
	if bits.UintSize == 32 {
		return 1 << 32
	}
	return 1 << 47
}
