package typedmem

import (
	"fmt"
	"sync"

	"github.com/typedmem/typedmem/flags"
	"github.com/typedmem/typedmem/internal/mem"
	"github.com/typedmem/typedmem/internal/num"
	"github.com/typedmem/typedmem/internal/sys"
)

// SplitOff cuts the mapping in two: m keeps the bytes [0, at), the result is [at, Len) and has the
// spare capacity. at must lie inside and fall between pages of the mapping (ErrOffset). Views of
// the left part stay valid. A view that reaches past the cut keeps the elements before it; those
// after it return ErrBounds. A pinned mapping returns ErrBusy.
func (m *Mapping) SplitOff(at int) (*Mapping, error) { return m.split("split off", at, false) }

// SplitTo cuts the mapping in two: the result is the bytes [0, at), m keeps [at, Len) and the spare
// capacity. Otherwise it is SplitOff; views of the left part follow the result.
func (m *Mapping) SplitTo(at int) (*Mapping, error) { return m.split("split to", at, true) }

// split returns the part from at on, or with keepRight the one before it.
func (m *Mapping) split(op string, at int, keepRight bool) (*Mapping, error) {
	if err := m.enter(op, needUnpinned); err != nil {
		return nil, err
	}
	defer m.mu.Unlock()
	if err := m.checkCut(at); err != nil {
		return nil, m.fail(op, err)
	}
	other := m.cut(at)
	if keepRight {
		m.exchange(other)
	}
	return other, nil
}

func (m *Mapping) checkCut(at int) error {
	n := m.length()
	if at <= 0 || at >= n {
		return fmt.Errorf("cut at %d of %d bytes; cut inside of them: %w", at, n, ErrOffset)
	}
	if !num.Multiple(m.addr.Load()+uintptr(at), uintptr(m.plan.unit)) {
		return fmt.Errorf("cut at %d must lie between pages of %d bytes: %w", at, m.plan.unit, ErrOffset)
	}
	return nil
}

// cut takes the bytes from at on out of m and returns them as a mapping of their own. It makes no
// system call and cannot fail.
func (m *Mapping) cut(at int) *Mapping {
	placing.Lock() // nobody takes addresses over until both parts are in the books
	defer placing.Unlock()
	left := m.span
	from := m.lead() + at                                                       // bytes from the first page
	m.limits.Load().SetRoom(left.base + uintptr(min(m.room(m.length()), from))) // Extend must not reach over the cut
	length := m.lower(at)
	right := &span{
		base:     left.base + uintptr(from),
		ready:    max(left.ready-from, 0),
		arrived:  max(left.arrived-from, 0),
		mapped:   max(left.mapped-from, 0),
		reached:  max(left.reached-from, 0),
		reserved: left.reserved - from,
		private:  left.private,
		backing:  left.backing.share(),
	}
	right.lent.Store(left.lent.Load())
	left.ready, left.arrived, left.mapped, left.reached = min(left.ready, from), min(left.arrived, from), min(left.mapped, from), min(left.reached, from)
	left.moveTail(from, right)

	n := &Mapping{span: right, start: m.start, grown: m.grown, mayLackSpace: m.mayLackSpace, plan: m.plan, hidden: length - at, committed: m.committed, open: true, locked: m.locked}
	m.grown = grown{} // the end of the file is of the right part now
	n.plan.Offset += int64(at)
	n.plan.delta = 0
	n.addr.Store(right.base)
	n.shows.Store(right.backing)
	n.random.Store(m.random.Load())
	if u := m.use.Load(); u != nil && u.Count == nil {
		n.use.Store(u)
	}
	n.mu.Lock() // from here on Mappings finds it
	defer n.mu.Unlock()
	n.limits.Store(newLimits(right, n))
	m.limits.Load().Race().Share(n.limits.Load().Race())
	n.publish(length - at)
	m.publish(at)
	return n
}

// exchange swaps what m and a mapping cut from it own: views keep their Limits, and now belong to
// the other one. The caller holds the lock of m.
func (m *Mapping) exchange(o *Mapping) {
	o.mu.Lock()
	defer o.mu.Unlock()
	m.span, o.span = o.span, m.span
	m.plan.Offset, o.plan.Offset = o.plan.Offset, m.plan.Offset // the rest of the plan is the same in both
	m.plan.delta, o.plan.delta = o.plan.delta, m.plan.delta
	m.grown, o.grown = o.grown, m.grown
	m.hidden, o.hidden = o.hidden, m.hidden
	m.committed, o.committed = o.committed, m.committed
	a, b := m.addr.Load(), o.addr.Load()
	m.addr.Store(b)
	o.addr.Store(a)
	l, k := m.limits.Load(), o.limits.Load()
	m.limits.Store(k)
	o.limits.Store(l)
	k.SetMapping((*plumbing)(m))
	l.SetMapping((*plumbing)(o))
}

// Merge joins next, which must begin where m ends, to the end of m. On success next is spent: it
// returns ErrClosed, and so do views of it; m then includes its bytes and its spare capacity. On
// failure both are as before:
//
//   - ErrNotAdjacent: next does not begin where m ends, or m has spare capacity in between;
//   - ErrAttributeMismatch: protection, commitment, flags, flags.JIT, share mode or page size
//     differ;
//   - ErrBackingMismatch: not the same file at consecutive offsets, nor both anonymous;
//   - ErrBusy: one of them is pinned; ErrClosed: one of them is closed.
//
// Mappings that were made apart merge when all of that holds.
func (m *Mapping) Merge(next *Mapping) error {
	if next == nil || next == m {
		if err := m.enter("merge", 0); err != nil {
			return err
		}
		defer m.mu.Unlock()
		return m.fail("merge", fmt.Errorf("a mapping can only be merged with another one: %w", ErrNotAdjacent))
	}
	pairing.Lock()
	m.mu.Lock()
	defer m.mu.Unlock()
	next.mu.Lock()
	defer next.mu.Unlock()
	pairing.Unlock()
	if err := m.checkMerge(next); err != nil {
		return m.fail("merge", err)
	}
	length := m.length()
	more := next.withdraw(mem.Closed)
	left, right := m.span, next.span
	end := left.reserved
	left.ready, left.arrived, left.mapped, left.reached = end+right.ready, end+right.arrived, end+right.mapped, end+right.reached
	if right.lent.Load() {
		left.lent.Store(true)
	}
	placing.Lock()
	left.setReserved(end + right.reserved)
	left.markTaken(right.taken)
	right.forget()
	placing.Unlock()
	if m.plan.Capacity == 0 && next.plan.Capacity != 0 { // next kept a handle of the file for its growth
		m.plan.Capacity, m.plan.File = next.plan.Capacity, next.plan.File
		left.backing, right.backing = right.backing, left.backing
		m.shows.Store(left.backing)
	}
	m.locked = m.locked && next.locked
	if name := m.plan.Name; name != next.plan.Name && !m.plan.HasFile && right.mapped > 0 {
		_ = sys.Name(right.base, right.mapped, name) // so that the system may join the areas again
	}
	if next.grown.made != 0 {
		m.grown = next.grown
	}
	right.backing.release()
	m.limits.Load().Race().Join(next.limits.Load().Race())
	next.markClosed()
	m.publish(length + more)
	return nil
}

// pairing is held while the locks of two mappings are taken, so that no two goroutines wait for one
// lock of each other's pair.
var pairing sync.Mutex

func (m *Mapping) checkMerge(next *Mapping) error {
	for _, each := range []*Mapping{m, next} {
		if err := each.refuse(needUnpinned); err != nil {
			return err
		}
	}
	left, right := m.span, next.span
	end := m.addr.Load() + uintptr(m.length())
	switch {
	case end != next.addr.Load() || end != left.base+uintptr(left.reserved) || end != right.base:
		return fmt.Errorf("one ends at %#x (capacity up to %#x), the other begins at %#x: %w",
			end, left.base+uintptr(left.reserved), next.addr.Load(), ErrNotAdjacent)
	case m.plan.Protection != next.plan.Protection:
		return fmt.Errorf("protection %v and %v: %w", m.plan.Protection, next.plan.Protection, ErrAttributeMismatch)
	case m.committed != next.committed:
		return fmt.Errorf("one is committed, the other reserved: %w", ErrAttributeMismatch)
	case m.plan.Flags != next.plan.Flags:
		return fmt.Errorf("flags %v and %v: %w", m.plan.Flags, next.plan.Flags, ErrAttributeMismatch)
	case lasting(m) != lasting(next):
		return fmt.Errorf("unsafe flags %v and %v, system flags %#x and %#x: %w",
			m.plan.Unsafe, next.plan.Unsafe, m.plan.System, next.plan.System, ErrAttributeMismatch)
	case m.plan.unit != next.plan.unit:
		return fmt.Errorf("pages of %d and %d bytes: %w", m.plan.unit, next.plan.unit, ErrAttributeMismatch)
	case !sameFile(left.backing, right.backing):
		return fmt.Errorf("not the same file: %w", ErrBackingMismatch)
	case left.backing != nil && m.plan.Offset+int64(m.length()) != next.plan.Offset:
		return fmt.Errorf("file offset %d does not follow %d bytes at %d: %w", next.plan.Offset, m.length(), m.plan.Offset, ErrBackingMismatch)
	}
	return nil
}

// lasting is what remains of the unsafe and system flags once a mapping has been placed.
func lasting(m *Mapping) [2]uintptr {
	return [2]uintptr{uintptr(m.plan.Unsafe &^ flags.Fixed), m.plan.System}
}
