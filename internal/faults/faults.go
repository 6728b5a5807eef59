// Package faults tells whether a memory fault may come back to the program as a panic.
package faults

import (
	"runtime/debug"
	"sync/atomic"
)

// ever is set by the first Guard, or Look, and stays set. It is no count of the Guards at work:
// each would change it, and every goroutine that looks would wait for its cache line.
var ever atomic.Bool

// Catch is called before a Guard lets faults become panics.
func Catch() {
	if !ever.Load() {
		ever.Store(true)
	}
}

// Look notices a goroutine whose faults the program has made panics by itself, with
// debug.SetPanicOnFault. It is for steps that are rare, since the Go runtime tells that to none but
// who sets it.
func Look() {
	if ever.Load() {
		return
	}
	old := debug.SetPanicOnFault(true)
	debug.SetPanicOnFault(old)
	if old {
		Catch()
	}
}

// Caught reports whether the program has called Guard, or Look has seen that it does without. While
// neither is so, a fault ends the process, so that nothing needs to be put right after one.
func Caught() bool { return ever.Load() }
