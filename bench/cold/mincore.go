//go:build linux

package main

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// mincore sets a byte for each page of b: bit 0 where it is in memory.
func mincore(b, in []byte) error {
	// SAFETY: the call reads no memory of b, and writes a byte of in for each page of b; in has as
	// many.
	_, _, errno := unix.Syscall(unix.SYS_MINCORE, uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(len(b)), uintptr(unsafe.Pointer(unsafe.SliceData(in))))
	if errno != 0 {
		return errno
	}
	return nil
}

// numbers returns what b holds, as numbers of the machine's byte order.
func numbers(b []byte) []uint64 {
	// SAFETY: b is a mapping, so that it begins at a page.
	return unsafe.Slice((*uint64)(unsafe.Pointer(unsafe.SliceData(b))), len(b)/8)
}

// raw returns the bytes of xs.
func raw[T any](xs []T) []byte {
	// SAFETY: the callers' T have no pointers and no padding.
	return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(xs))), len(xs)*int(unsafe.Sizeof(*new(T))))
}
