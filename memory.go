package typedmem

import "unsafe"

// bytesAt shows n bytes of memory that the caller owns and has found accessible.
func bytesAt(addr uintptr, n int) []byte {
	// SAFETY: the callers pass mapped ranges of a Mapping whose lock they hold; the memory is off
	// the Go heap.
	return unsafe.Slice((*byte)(unsafe.Add(unsafe.Pointer(nil), addr)), n)
}
