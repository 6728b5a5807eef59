// Package order publishes what other goroutines or processes read without a lock, at no greater
// cost than the processor's memory order asks for.
package order

import "sync/atomic"

// Publish stores x, at a multiple of 8, where no other goroutine stores. Whoever sees x by an atomic
// load sees what was written before it. Where [Strong] is true it is a plain store, which takes a
// fraction of the time of an atomic one, under the race detector too: a store to memory that was
// taken away faults, and inside the detector that ends the process.
func Publish(p *uint64, x uint64) {
	if Strong {
		*p = x
	} else {
		atomic.StoreUint64(p, x)
	}
}
