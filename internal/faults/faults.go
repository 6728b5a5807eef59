// Package faults tells whether a memory fault may come back to the program as a panic.
package faults

import "sync/atomic"

// ever is set by the first Guard and stays set. It is no count of the Guards at work: each would
// change it, and every goroutine that looks would wait for its cache line.
var ever atomic.Bool

// Catch is called before a Guard lets faults become panics.
func Catch() {
	if !ever.Load() {
		ever.Store(true)
	}
}

// Caught reports whether the program has called Guard. While it has not, a fault ends the process,
// so that nothing needs to be put right after one.
func Caught() bool { return ever.Load() }
