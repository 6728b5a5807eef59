//go:build ((freebsd || netbsd || openbsd) && (arm || riscv64)) || (openbsd && mips64)

package sys

import "errors"

// The instructions are privileged or reach one processor only, and the system's own call is not
// implemented here.
func flushInstructionCache(uintptr, int) error { return errors.ErrUnsupported }
