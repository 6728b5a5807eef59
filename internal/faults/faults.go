// Package faults records whether a memory fault may become a panic.
package faults

import (
	"runtime/debug"
	"sync/atomic"
)

// ever is set by the first Guard or Look and stays set. A count of running Guards would make every
// reader wait for its cache line.
var ever atomic.Bool

// Catch is called before a Guard lets faults become panics.
func Catch() {
	if !ever.Load() {
		ever.Store(true)
	}
}

// Look detects that the calling goroutine has called debug.SetPanicOnFault. It must set the value
// to read it, so Look is for rare steps.
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

// Caught reports whether a fault may have become a panic: Guard was called, or Look noticed a
// goroutine. Until then a fault ends the process, and nothing needs to be restored after one.
func Caught() bool { return ever.Load() }
