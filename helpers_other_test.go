//go:build !linux && !windows

package typedmem_test

// emulator names what stands between the tests and the kernel, "" for nothing.
func emulator() string { return "" }
