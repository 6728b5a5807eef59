//go:build !race

package race

import "unsafe"

// Enabled reports whether the race detector is on. As a constant it costs ordinary builds nothing.
const Enabled = false

// Shadow is empty in ordinary builds.
type Shadow struct{}

func (*Shadow) Read(unsafe.Pointer, uintptr)  {}
func (*Shadow) Write(unsafe.Pointer, uintptr) {}
func (*Shadow) Acquire(unsafe.Pointer)        {}
func (*Shadow) Release(unsafe.Pointer)        {}
func (*Shadow) Share(*Shadow)                 {}
func (*Shadow) Join(*Shadow)                  {}
