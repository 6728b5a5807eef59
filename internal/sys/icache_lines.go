//go:build unix && !aix && (arm64 || ppc64 || ppc64le || loong64)

package sys

// flushInstructionCache uses the processor's instructions, which work on whole cache lines and
// change no memory.
func flushInstructionCache(addr uintptr, n int) error {
	if n > 0 {
		flushInstructionLines(addr, addr+uintptr(n))
	}
	return nil
}

// flushInstructionLines writes back the data cache lines that overlap [start, end), to where
// instruction fetches see them, and drops the instruction cache lines. The range is mapped and
// readable.
//
//go:noescape
func flushInstructionLines(start, end uintptr)
