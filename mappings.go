package typedmem

import (
	"cmp"
	"slices"
	"weak"

	"github.com/typedmem/typedmem/flags"
	"github.com/typedmem/typedmem/internal/mem"
)

// MappingInfo says what a [Mapping] was when [Mappings] looked.
type MappingInfo struct {
	Name       string           // see options.Options.WithName; "" for none
	File       string           // as it was opened; "" for anonymous memory
	Addr       uintptr          // of the first byte
	Len, Cap   int              // bytes
	Protection flags.Protection // for a range that is not committed: once it is
	Committed  bool             // the addresses have memory
	Shared     bool             // writes go to the file and to other processes
	Pins       int

	Kind           string // "region", "slab", "blob store", "words of a slab", "header of a file"; "" for others
	Type           string // of the elements or objects, as in "main.Tick"
	Objects, Slots int    // of a slab: those that live, and its capacity

	limits weak.Pointer[mem.Limits]
}

// Mappings lists the mappings that are open in this process, by address. Regions, slabs and blob
// stores have one each; a reader of a region file that was outgrown also has its earlier ones,
// until it is closed.
//
// Each entry, but for Objects, was true at an instant during the call, not all of them at the same
// one. The list holds no mapping open, and keeps no memory. It costs about a microsecond a mapping.
func Mappings() []MappingInfo {
	found := openLimits()
	infos := make([]MappingInfo, 0, len(found))
	for _, l := range found {
		if info, ok := infoOf(l); ok {
			info.count(l)
			infos = append(infos, info)
		}
	}
	slices.SortFunc(infos, func(a, b MappingInfo) int { return cmp.Compare(a.Addr, b.Addr) })
	return infos
}

// openLimits returns the Limits of all mappings that are open, and of some that are closed by now.
func openLimits() []*mem.Limits {
	spans.Lock()
	defer spans.Unlock()
	found := make([]*mem.Limits, 0, max(len(spans.limits)-spans.held, 0))
	for s, w := range spans.limits {
		if s.state != spanOpen {
			continue
		}
		if l := w.Value(); l != nil {
			found = append(found, l)
		}
	}
	return found
}

// infoOf describes the mapping that has these Limits.
func infoOf(l *mem.Limits) (info MappingInfo, ok bool) {
	for range mostLooks { // SplitTo may give them to another one
		m := mem.Public[*Mapping](l)
		if m == nil {
			return info, false
		}
		if info, ok = m.info(l); ok || mem.Public[*Mapping](l) == m {
			return info, ok
		}
	}
	return info, false
}

// info describes m, if it is open and has these Limits.
func (m *Mapping) info(l *mem.Limits) (info MappingInfo, ok bool) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	if !m.open || m.limits.Load() != l {
		return info, false
	}
	info = MappingInfo{
		Name:       m.plan.Name,
		Addr:       m.addr.Load(),
		Len:        m.length(),
		Cap:        m.capacity(),
		Protection: m.plan.Protection,
		Committed:  m.committed,
		Shared:     m.Shared(),
		Pins:       m.pins.count(),
		limits:     weak.Make(l),
	}
	if u := m.use.Load(); u != nil {
		info.Kind, info.Type = u.Kind, u.Type
	}
	if m.plan.HasFile {
		info.File = m.span.backing.name
	}
	return info, true
}

// count asks the slab that the mapping belongs to, which may ask the mapping.
func (i *MappingInfo) count(l *mem.Limits) {
	if m := mem.Public[*Mapping](l); m != nil {
		if u := m.use.Load(); u != nil && u.Count != nil {
			i.Objects, i.Slots = u.Count()
		}
	}
}

// Resident is [Mapping.Resident] for the mapping that i describes, and for a program that watches:
// it is no call for which Close returns [ErrBusy]. It returns [ErrClosed] if the mapping was closed
// or merged meanwhile, [ErrBounds] for bytes that it no longer has, and the other errors of
// [Mapping.Resident].
func (i MappingInfo) Resident(lo, hi int) (bytes int, err error) {
	fail := func(err error) (int, error) {
		return 0, &Error{Op: "resident", Addr: i.Addr, Len: i.Len, Err: err}
	}
	l := i.limits.Value()
	if l == nil {
		return fail(ErrClosed)
	}
	m := mem.Public[*Mapping](l)
	if err := m.lookRange("resident", lo, hi, needCommitted|needReadable); err != nil {
		return 0, err
	}
	first := m.addr.Load()
	addr, n := m.pages(lo, hi)
	m.mu.RUnlock()
	if first != i.Addr {
		return fail(ErrClosed)
	}
	bytes, err = m.countResident(work{addr: addr, n: n}, first, lo, hi)
	// While the system was asked, others could take the memory away.
	if limit := l.Readable(); limit < first+uintptr(hi) {
		return fail(mem.Refusal(limit))
	}
	if err != nil {
		return fail(err)
	}
	return bytes, nil
}
