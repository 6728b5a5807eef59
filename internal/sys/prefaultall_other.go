//go:build !linux

package sys

import "errors"

// prefaultAll: no other system brings several ranges in with one call.
func prefaultAll([]Range) (done int, err error) { return 0, errors.ErrUnsupported }

func populatesMany() bool { return false }
