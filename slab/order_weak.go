//go:build !amd64 && !s390x && !arm64

package slab

import "sync/atomic"

// ordered: see order_tso.go. On 386 the order would do, but not a plain store of 64 bits.
const ordered = false

// publish stores a word of a slot that no other goroutine changes, behind all that was written
// before.
func publish(w *uint64, word uint64) { atomic.StoreUint64(w, word) }

// fence keeps the loads and stores before it from being seen after those behind it: Go's atomic
// store followed by an atomic load does that on each of these processors, which put full barriers
// around them.
func fence() {
	var here uint32
	atomic.StoreUint32(&here, 1)
	atomic.LoadUint32(&here)
}
