//go:build !linux

package typedmem_test

import (
	"errors"
	"runtime"
	"testing"
)

// resources are what the process holds of the system, which cannot be listed here.
type resources struct{}

func process(testing.TB) resources         { return resources{} }
func (resources) differs(resources) string { return "" }

// refusedHere reports an error that only this system gives: Windows maps no file for execution
// that was not opened for it.
func refusedHere(err error) bool {
	var errno interface{ Is(error) bool }
	return runtime.GOOS == "windows" && errors.As(err, &errno)
}
