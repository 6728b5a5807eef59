//go:build !(linux || darwin || freebsd || netbsd || openbsd || dragonfly || windows)

package sys

import "errors"

func prefetch([]Range) error { return errors.ErrUnsupported }
