//go:build !linux

package main

import (
	"errors"
	"fmt"
	"runtime"
)

// evict takes the vectors out of memory, where the system has a call for it.
func evict(vectors) error {
	return fmt.Errorf("%s cannot take a file out of memory: %w", runtime.GOOS, errors.ErrUnsupported)
}
