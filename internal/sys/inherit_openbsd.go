package sys

import "errors"

// minheritNone: minherit(2) cannot be called without cgo.
func minheritNone(uintptr, int) error { return errors.ErrUnsupported }
