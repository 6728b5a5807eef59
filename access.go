package typedmem

import (
	"sync/atomic"

	"github.com/typedmem/typedmem/flags"
	"github.com/typedmem/typedmem/internal/mem"
)

// publish sets the limits for a length in bytes; the caller holds m.mu or is the only one who knows
// m.
func (m *Mapping) publish(length int) {
	l := m.limits.Load()
	m.hidden = length
	l.Publish(m.limitsOf(m.addr.Load() + uintptr(length)))
	l.SetRoom(m.span.base + uintptr(m.room(length))) // last: what Extend publishes from here on is not overwritten
}

// limitsOf returns what may be read and written of memory up to the address end.
func (m *Mapping) limitsOf(end uintptr) (readable, writable uintptr) {
	switch p := m.plan.Protection; {
	case !m.committed:
		return mem.Reserved, mem.Reserved
	case !p.Has(flags.Read):
		return mem.Protected + uintptr(p), mem.Protected + uintptr(p)
	case p.Has(flags.Write):
		return end, end
	default:
		return end, m.unwritable(p)
	}
}

// unwritable is the reason why nothing may be written with a protection.
func (m *Mapping) unwritable(p flags.Protection) uintptr {
	if m.plan.ReadOnlyFile {
		return mem.ReadOnlyFile
	}
	return mem.Protected + uintptr(p)
}

// allow publishes what the protection permits now, after it changed. A length that is readable
// already is left to anyone who extends it.
func (m *Mapping) allow() {
	l := m.limits.Load()
	end := l.Readable()
	if !mem.Allows(end) {
		m.publish(m.hidden)
		return
	}
	_, writable := m.limitsOf(end)
	l.AllowWrites(writable)
}

// withdraw takes every permission from all views and returns the length, in bytes, for publish to
// restore.
func (m *Mapping) withdraw(why uintptr) (length int) {
	if end := m.limits.Load().Withdraw(why); mem.Allows(end) {
		m.hidden = int(end - m.addr.Load())
	}
	return m.hidden
}

// lower takes the bytes from n on from all views and returns the length before, in bytes, for
// publish to restore. What stays can be read meanwhile.
func (m *Mapping) lower(n int) (length int) {
	l, first := m.limits.Load(), m.addr.Load()
	for {
		end := l.Readable()
		if !mem.Allows(end) {
			return m.hidden
		}
		if l.Lower(end, first+uintptr(n)) {
			return int(end - first)
		}
	}
}

// length returns the length in bytes; the caller holds m.mu, for reading at least.
func (m *Mapping) length() int {
	if end := m.limitsNow().Readable(); mem.Allows(end) {
		return int(end - m.addr.Load())
	}
	return m.hidden
}

// limitsNow returns what checked accesses to the mapping compare with. SplitTo gives the mapping
// new ones.
func (m *Mapping) limitsNow() *mem.Limits {
	if l := m.limits.Load(); l != nil {
		return l
	}
	return noLimits() // of the zero Mapping
}

// noLimits are those of a mapping that is closed.
func noLimits() *mem.Limits { return mem.New(0, new(atomic.Bool)) }
