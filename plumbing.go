package typedmem

import (
	"context"

	"github.com/typedmem/typedmem/flags"
	"github.com/typedmem/typedmem/internal/mem"
)

// plumbing is a Mapping as the other packages of this module see it. mem.Mapping says what the
// methods do.
type plumbing Mapping

func init() {
	mem.Of = func(m any) mem.Mapping { return (*plumbing)(m.(*Mapping)) }
	mem.Make = func(r mem.Request) (mem.Mapping, error) { return plumb(newMapped(r)) }
	mem.CloseAll = func(all []mem.Mapping) error {
		mappings := make([]*Mapping, len(all))
		for i, m := range all {
			mappings[i] = (*Mapping)(m.(*plumbing))
		}
		return closeAll(mappings)
	}
}

func plumb(m *Mapping, err error) (mem.Mapping, error) {
	if err != nil {
		return nil, err
	}
	return (*plumbing)(m), nil
}

func (m *plumbing) Public() any           { return (*Mapping)(m) }
func (m *plumbing) SetUse(u *mem.Use)     { m.use.Store(u) }
func (m *plumbing) Limits() *mem.Limits   { return (*Mapping)(m).limitsNow() }
func (m *plumbing) MayLackSpace() bool    { return m.mayLackSpace }
func (m *plumbing) Hold() error           { return (*Mapping)(m).hold(onePin, true) }
func (m *plumbing) LetGo()                { (*Mapping)(m).letGo(onePin) }
func (m *plumbing) Step() error           { return (*Mapping)(m).hold(oneStep, true) }
func (m *plumbing) EndStep()              { (*Mapping)(m).letGo(oneStep) }
func (m *plumbing) CanResize(n int) error { return (*Mapping)(m).canResize(n) }
func (m *plumbing) MakeRoom(n int) error  { return (*Mapping)(m).reserveRoom(n, false) }

func (m *plumbing) MakeRoomToWrite(n int) error { return (*Mapping)(m).reserveRoom(n, true) }
func (m *plumbing) BringIn(lo, hi int) error    { return (*Mapping)(m).bringInForStores(lo, hi) }

func (m *plumbing) Larger(n int) (mem.Mapping, error) { return plumb((*Mapping)(m).larger(n)) }

func (m *plumbing) CloseAt(n int) (changed bool, err error) { return (*Mapping)(m).closeAt(n) }

func (m *plumbing) Shutdown(ctx context.Context, close func() error) error {
	return (*Mapping)(m).shutdown(ctx, close)
}

func (m *plumbing) Write(off int, b []byte) error        { return (*Mapping)(m).write(off, b) }
func (m *plumbing) WriteWord(off int, word uint64) error { return (*Mapping)(m).writeWord(off, word) }
func (m *plumbing) FindSpace(off, n int) error           { return (*Mapping)(m).findSpace(off, n) }

func (m *plumbing) Fetch(ranges []mem.Range, all bool) error { return (*Mapping)(m).fetch(ranges, all) }
func (m *plumbing) Prefetch(ranges []mem.Range) error        { return (*Mapping)(m).prefetch(ranges) }
func (m *plumbing) Resident(addr uintptr, n int, pages []byte) error {
	return (*Mapping)(m).residentPages(addr, n, pages)
}

func (p *plumbing) State(l *mem.Limits) string {
	m := (*Mapping)(p)
	m.mu.RLock()
	defer m.mu.RUnlock()
	switch {
	case !m.open || m.limits.Load() != l.Own():
		return "closed"
	case !l.Narrowed():
		return m.state(m.plan.Protection)
	case l.IsSealed():
		return "raw access only, " + m.state(m.plan.Protection)
	}
	return m.state(m.plan.Protection &^ flags.Write)
}
