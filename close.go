package typedmem

import (
	"sync"

	"github.com/typedmem/typedmem/internal/mem"
)

// Pin holds the mapping open: until unpin is called, Close, SplitOff, SplitTo, Merge and a
// shrinking Resize return ErrBusy. Pins count; calling one unpin more than once is harmless. While
// a [Mapping.Shutdown] waits, Pin returns ErrClosed.
func (m *Mapping) Pin() (unpin func(), err error) {
	if err := m.hold(onePin, false); err != nil {
		return nil, err
	}
	return sync.OnceFunc(func() { m.letGo(onePin) }), nil
}

// hold is Pin without a function to call: letGo ends it, once. While a Shutdown waits, one that is
// a part of what another one's holder does may be taken beside that.
func (m *Mapping) hold(n pins, part bool) error {
	if err := m.enter("pin", 0); err != nil {
		return err
	}
	defer m.mu.Unlock()
	if g := m.gate.Load(); g.refuses() && !(part && pins(g.pins.Load()).letIn()) {
		return m.fail("pin", errShuttingDown)
	}
	m.pin(n)
	return nil
}

func (m *Mapping) letGo(n pins) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.pin(-n)
}

// pin changes the number of pins; the caller holds m.mu.
func (m *Mapping) pin(n pins) {
	m.pins += n
	m.gate.Load().add(n)
}

// pins counts pins, and those among them that are steps: a step lets nothing in beside it. Calls
// that follow one another without pause would keep a Shutdown waiting for ever otherwise.
type pins int64

const (
	onePin  pins = 1
	oneStep pins = 1 | 1<<32
)

func (n pins) count() int  { return int(uint32(n)) }
func (n pins) letIn() bool { return uint32(n) > uint32(n>>32) }

// Close releases the memory and ends every view of it; see the package comment for the addresses.
// It does not flush. A second Close returns ErrClosed. Close of a pinned mapping returns ErrBusy,
// and so does Close while another goroutine is in a call that works on the memory (Flush, Prefault,
// Lock, Advise, growth and their like). On ErrBusy, and when the system refuses, nothing has
// changed. If growth has made the file longer than the mapping, Close cuts it back to the mapping's
// length, where the system allows that: not on Windows while another view shows the file. Shared
// anonymous memory that was split goes back when the last of its parts is closed.
func (m *Mapping) Close() error {
	if err := m.enter("close", needUnpinned); err != nil {
		return err
	}
	return m.releaseAndRelieve()
}

// closeAt is Close, unless the length is no longer n bytes. While there is no pin only a caller
// that should have one changes it, so n is the length at the end.
func (m *Mapping) closeAt(n int) (changed bool, err error) {
	if err := m.enter("close", needUnpinned); err != nil {
		return false, err
	}
	if m.length() != n {
		m.mu.Unlock()
		return true, nil
	}
	return false, m.releaseAndRelieve()
}

func (m *Mapping) releaseAndRelieve() error {
	err := m.release()
	if err == nil {
		relieve()
	}
	return err
}

// closeAll closes mappings that belong together, all of them or, where one is pinned or at work,
// none. What is closed already is passed over; where the last one is, the error is ErrClosed.
func closeAll(mappings []*Mapping) error {
	pairing.Lock()
	for _, m := range mappings {
		m.mu.Lock()
	}
	pairing.Unlock()
	var err, last error
	for _, m := range mappings {
		last = m.fail("close", m.refuse(needUnpinned))
		if m.open && err == nil {
			err = last
		}
	}
	for _, m := range mappings {
		if m.open && err == nil {
			err = m.release()
		} else {
			m.mu.Unlock()
		}
	}
	if err != nil {
		return err
	}
	relieve()
	return last
}

// release closes m, which may be closed; the caller holds m.mu, which is given up.
func (m *Mapping) release() error {
	length := m.withdraw(mem.Closed)
	backing := m.span.backing.share()
	defer backing.release()
	if err := m.span.close(); err != nil {
		defer m.mu.Unlock()
		m.publish(length)
		return m.fail("close", err)
	}
	m.markClosed()
	m.mu.Unlock()
	if !m.plan.LeaveFile { // nobody changes what belongs to a closed mapping
		m.grown.cut(m.plan.File, m.plan.Offset+int64(length))
	}
	return nil
}

// markClosed marks m as closed and drops its Limits: a closed Mapping that a program still holds
// must not hold addresses.
func (m *Mapping) markClosed() {
	m.open, m.committed, m.hidden = false, false, 0
	m.limits.Store(noLimits())
	m.use.Store(nil)
}
