//go:build darwin || freebsd || netbsd || openbsd || dragonfly

package sys

import "errors"

func moreFacts(int, *FileFacts) {}

func lockLimit() (uint64, error) { return 0, errors.ErrUnsupported }
