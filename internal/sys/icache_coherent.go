//go:build (linux || darwin || freebsd || netbsd || openbsd || dragonfly) && (amd64 || 386 || s390x)

package sys

// The processor keeps instruction fetches coherent with stores by itself (Intel SDM volume 3,
// "Self-Modifying Code"; z/Architecture Principles of Operation, "Conceptual Sequence").
func flushInstructionCache(uintptr, int) error { return nil }
