package slab

import "sync/atomic"

// ordered: see order_tso.go.
const ordered = false

// publish stores a word of a slot that no other goroutine changes, behind all that was written
// before.
func publish(w *uint64, word uint64) { atomic.StoreUint64(w, word) }

// fence keeps the loads and stores before it from being seen after those behind it: DMB ISH. Go's
// atomics order one way only here (LDAR, STLR).
func fence()
