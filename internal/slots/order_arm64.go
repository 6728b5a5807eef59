package slots

import "sync/atomic"

// Ordered: see order_tso.go.
const Ordered = false

// Publish stores the word of a slot that no other goroutine changes. A goroutine that loads the
// word sees what was written before it.
func Publish(w *uint64, word uint64) { atomic.StoreUint64(w, word) }

// Fence keeps the loads and stores before it from being seen after those that follow: DMB ISH. Go's
// atomics (LDAR, STLR) order one way only.
func Fence()
