// Package order publishes what other goroutines or processes read without a lock, at no greater
// cost than the processor's memory order asks for.
package order

import "sync/atomic"

// Publish stores x at p, a multiple of 8. Only one goroutine may store there. A goroutine or
// process that sees x by an atomic load also sees what was written before it. Where [Strong] is
// true Publish is a plain store, which takes a fraction of the time of an atomic one. It is plain
// under the race detector too: a store to memory that was taken away faults, and inside the
// detector that ends the process.
func Publish(p *uint64, x uint64) {
	if Strong {
		*p = x
	} else {
		atomic.StoreUint64(p, x)
	}
}
