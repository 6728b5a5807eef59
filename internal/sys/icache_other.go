//go:build (linux || darwin || freebsd || netbsd || openbsd || dragonfly) && !(amd64 || 386 || s390x)

package sys

import "errors"

func flushInstructionCache(uintptr, int) error { return errors.ErrUnsupported }
