//go:build !(linux || darwin || freebsd || netbsd || dragonfly || windows)

package sys

import (
	"errors"
	"os"
)

func resident(uintptr, int, []byte) error { return errors.ErrUnsupported }
func tellsResident(*os.File) bool         { return false }
