//go:build !linux

package sys

import "errors"

func nameMemory(uintptr, int, string) error { return errors.ErrUnsupported }
