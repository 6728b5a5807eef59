//go:build darwin || freebsd || netbsd || openbsd || dragonfly

package sys

import "golang.org/x/sys/unix"

// prefetch is madvise(2) for each range: none of these systems takes several at once.
func prefetch(ranges []Range) error {
	for _, r := range ranges {
		_ = unix.Madvise(bytesAt(r.Addr, r.N), unix.MADV_WILLNEED)
	}
	return nil
}
