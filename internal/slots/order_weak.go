//go:build !amd64 && !s390x && !arm64

package slots

import "sync/atomic"

// Ordered: see order_tso.go. On 386 the order would do, but not a plain store of 64 bits.
const Ordered = false

// Publish stores the word of a slot that no other goroutine changes. Anyone who loads the word sees
// what was written before it.
func Publish(w *uint64, word uint64) { atomic.StoreUint64(w, word) }

// Fence keeps the loads and stores before it from being seen after those that follow. Go's atomic
// store and atomic load do that together: on each of these processors they have full barriers.
func Fence() {
	var here uint32
	atomic.StoreUint32(&here, 1)
	atomic.LoadUint32(&here)
}
