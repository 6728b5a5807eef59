//go:build !amd64 && !s390x && !arm64

package order

import "sync/atomic"

// Strong: see order_tso.go. 386 keeps the order, but has no plain store of 64 bits.
const Strong = false

// Fence keeps the loads and stores before it from being seen after those that follow. Go's atomic
// store and load do that together: these processors have full barriers in them.
func Fence() {
	var here uint32
	atomic.StoreUint32(&here, 1)
	atomic.LoadUint32(&here)
}
