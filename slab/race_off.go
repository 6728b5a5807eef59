//go:build !race

package slab

import "sync/atomic"

// raceEnabled: in ordinary builds the accessors tell the race detector nothing, at no cost.
const raceEnabled = false

type shadows struct{}

func (*shadows) read(uint64)      {}
func (*shadows) write(uint64)     {}
func (*shadows) seen(uint64)      {}
func (*core) lent(uint64)         {}
func (*core) freeing(_, _ uint64) {}
func newShadows(int) shadows      { return shadows{} }

// setCount stores a counter that its owner alone changes and others read.
func setCount(p *uint64, n uint64) {
	if ordered {
		*p = n
		return
	}
	atomic.StoreUint64(p, n)
}

// setFlag is setCount for a lock word.
func setFlag(p *uint32, n uint32) {
	if ordered {
		*p = n
		return
	}
	atomic.StoreUint32(p, n)
}
