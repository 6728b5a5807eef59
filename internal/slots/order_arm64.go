package slots

import "sync/atomic"

// Ordered: see order_tso.go.
const Ordered = false

// Publish stores the word of a slot that no other goroutine changes. Anyone who loads the word sees
// what was written before it.
func Publish(w *uint64, word uint64) { atomic.StoreUint64(w, word) }

// Fence keeps the loads and stores before it from being seen after those that follow: DMB ISH. Go's
// atomics order one way only here (LDAR, STLR).
func Fence()
