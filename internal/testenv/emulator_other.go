//go:build !linux && !windows

package testenv

// Emulator names what runs between the tests and the kernel, "" for nothing.
func Emulator() string { return "" }
