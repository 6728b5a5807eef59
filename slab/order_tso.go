//go:build amd64 || s390x

package slab

// ordered: this processor shows stores in program order and loads likewise, so a plain aligned
// store publishes what was written before it, and no fence is needed between two loads or two
// stores. The compiler does not move stores over one another, nor loads over stores.
const ordered = true

// publish stores a word of a slot that no other goroutine changes, behind all that was written
// before.
func publish(w *uint64, word uint64) { *w = word }

func fence() {}
