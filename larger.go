package typedmem

import (
	"fmt"

	"github.com/typedmem/typedmem/flags"
	"github.com/typedmem/typedmem/internal/printing"
)

// larger is mem.Mapping.Larger.
func (m *Mapping) larger(n int) (*Mapping, error) {
	if err := m.look("map a larger range", needCommitted); err != nil {
		return nil, err
	}
	r, capacity, locked := m.plan.Request, m.capacity(), m.locked
	m.users.Add(1)
	defer m.users.Add(-1)
	m.mu.RUnlock()
	if !leavesEnough(n) {
		m.mu.RLock()
		defer m.mu.RUnlock()
		return nil, m.fail("map a larger range", fmt.Errorf("%d bytes exceed the capacity of %d, and another mapping of %d bytes would leave the program too few addresses; "+
			"close other mappings, or close this one and open the file again: %w", n, capacity, n, ErrCapacity))
	}
	r.Size, r.Capacity, r.Address = n, 0, 0
	r.Elastic, r.Follows, r.WithinFile = true, true, true
	r.Flags &^= flags.Locked
	if locked { // unlock first: both together may exceed the limit
		r.Flags |= flags.Locked
		if err := m.Unlock(); err != nil {
			return nil, err
		}
	}
	larger, err := newMapped(r)
	if err == nil {
		larger.gate.Store(m.ownGate())
		larger.use.Store(m.use.Load())
	}
	if err != nil && locked {
		_ = m.Lock() // err says more than an error of Lock
	}
	return larger, printing.Named(r.File.Name(), err)
}

// leavesEnough reports whether the program keeps its half of the addresses when it maps n more
// bytes. If not, it first has the collector release those of closed mappings.
func leavesEnough(n int) bool {
	for tries := 0; ; tries++ {
		share, ours := addressShare()
		if uint64(n) <= share-min(share, ours) {
			return true
		}
		if tries == mostReclaims || !reclaim() {
			return false
		}
	}
}
