//go:build !race

package race

import "unsafe"

// Enabled says whether this is a build under the race detector. It is a constant, so that what it
// guards costs nothing elsewhere.
const Enabled = false

// Shadow stands for the memory of one mapping; in ordinary builds it is nothing.
type Shadow struct{}

func (*Shadow) Read(unsafe.Pointer, uintptr)  {}
func (*Shadow) Write(unsafe.Pointer, uintptr) {}
func (*Shadow) Acquire(unsafe.Pointer)        {}
func (*Shadow) Release(unsafe.Pointer)        {}
func (*Shadow) Share(*Shadow)                 {}
func (*Shadow) Join(*Shadow)                  {}
