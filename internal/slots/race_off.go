//go:build !race

package slots

import "sync/atomic"

// RaceEnabled is false in ordinary builds, where the race detector is told nothing.
const RaceEnabled = false

// Shadows has no state in ordinary builds.
type Shadows struct{}

func (*Shadows) Read(uint64)         {}
func (*Shadows) Write(uint64)        {}
func (*Shadows) Seen(uint64)         {}
func (*Shadows) Lent(uint64)         {}
func (*Shadows) Freeing(_, _ uint64) {}
func newShadows(int) Shadows         { return Shadows{} }

// setCount stores a counter that its owner alone changes and others read.
func setCount(p *uint64, n uint64) {
	if Ordered {
		*p = n
		return
	}
	atomic.StoreUint64(p, n)
}

// setFlag is setCount for a lock word.
func setFlag(p *uint32, n uint32) {
	if Ordered {
		*p = n
		return
	}
	atomic.StoreUint32(p, n)
}
