//go:build !race

package region

import (
	"unsafe"

	"github.com/typedmem/typedmem"
)

// raceEnabled: in ordinary builds the accessors tell the race detector nothing, at no cost.
const raceEnabled = false

func raceRead(*typedmem.Limits, unsafe.Pointer, uintptr)  {}
func raceWrite(*typedmem.Limits, unsafe.Pointer, uintptr) {}
