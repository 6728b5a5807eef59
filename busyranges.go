package typedmem

import (
	"slices"
	"sync"
)

// atWork are the ranges of addresses that system calls are changing without any lock held: see
// span.untaken.
var atWork = struct {
	sync.Mutex
	left   sync.Cond // a range is no longer in the list
	ranges []addrRange
}{}

func init() { atWork.left.L = &atWork.Mutex }

// beginWork notes a range; the caller holds placing for reading. leave takes it out again.
func beginWork(p addrRange) (leave func()) {
	atWork.Lock()
	defer atWork.Unlock()
	atWork.ranges = append(atWork.ranges, p)
	return func() {
		atWork.Lock()
		defer atWork.Unlock()
		i := slices.Index(atWork.ranges, p)
		atWork.ranges = slices.Delete(atWork.ranges, i, i+1)
		atWork.left.Broadcast()
	}
}

// lockPlacing takes placing for writing at an instant when no call is at work on the range.
func lockPlacing(p addrRange) {
	for {
		placing.Lock()
		if !busy(p, false) {
			return
		}
		placing.Unlock()
		busy(p, true)
	}
}

// busy reports whether a call is at work on the range; with wait it returns once none is.
func busy(p addrRange, wait bool) bool {
	atWork.Lock()
	defer atWork.Unlock()
	overlaps := func(q addrRange) bool { return q.from < p.to && p.from < q.to }
	for wait && slices.ContainsFunc(atWork.ranges, overlaps) {
		atWork.left.Wait()
	}
	return slices.ContainsFunc(atWork.ranges, overlaps)
}
