package typedmem

import (
	"fmt"

	"github.com/typedmem/typedmem/flags"
	"github.com/typedmem/typedmem/internal/printing"
)

// larger makes another mapping of the file that m shows, for a file that has outgrown m: n bytes
// from the same offset on, with addresses for more. It is as m is now: flags, protection, and
// locked in m's place where m locks what growth adds. m stays as long as it is, and Close beside
// this call is ErrBusy.
//
// Where it would leave the program less than half of the address space, or of what RLIMIT_AS
// allows, it is ErrCapacity.
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
		return nil, m.fail("map a larger range", fmt.Errorf("%d bytes with room for %d, and %d more bytes of addresses would leave too few to the program; "+
			"close other mappings, or close this one and open the file again: %w", n, capacity, n, ErrCapacity))
	}
	r.Size, r.Capacity, r.Address = n, 0, 0
	r.Elastic, r.Follows, r.WithinFile = true, true, true
	r.Flags &^= flags.Locked
	if locked { // in this order, since both may not be more than may be locked
		r.Flags |= flags.Locked
		if err := m.Unlock(); err != nil {
			return nil, err
		}
	}
	larger, err := newMapped(r)
	if err != nil && locked {
		_ = m.Lock() // as it was; the mapping's error says more
	}
	return larger, printing.Named(r.File.Name(), err)
}

// leavesEnough reports whether n more bytes of addresses leave the program its half, with the help
// of the collector where closed mappings still have some.
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
