package typedmem

import (
	"fmt"
	"log/slog"

	"github.com/typedmem/typedmem/flags"
	"github.com/typedmem/typedmem/internal/printing"
)

// String says how long the mapping is, where it is, and in which state, without touching its
// memory:
//
//	typedmem.Mapping(4096 of 65536 bytes at 0x7f3b1c000000, Read|Write, shared file "ticks.tm")
//
// It waits for an operation that is changing the mapping at that moment.
func (m *Mapping) String() string {
	if m == nil {
		return "typedmem.Mapping(nil)"
	}
	m.mu.RLock()
	defer m.mu.RUnlock()
	if !m.open {
		return "typedmem.Mapping(closed)"
	}
	size := fmt.Sprint(m.length())
	if c := m.capacity(); c != m.length() {
		size = fmt.Sprintf("%d of %d", m.length(), c)
	}
	name := ""
	if m.plan.Name != "" {
		name = fmt.Sprintf(", %q", m.plan.Name)
	}
	return fmt.Sprintf("typedmem.Mapping(%s bytes at %#x%s, %s)", size, m.addr.Load(), name, m.state(m.plan.Protection))
}

// Format prints String under every verb of fmt.
func (m *Mapping) Format(s fmt.State, verb rune) { printing.Text(s, verb, m.String()) }

// LogValue makes log/slog write String, also as JSON.
func (m *Mapping) LogValue() slog.Value { return slog.StringValue(m.String()) }

// state says in words what the memory is, given what may be done with it; the caller holds m.mu,
// and m is open.
func (m *Mapping) state(p flags.Protection) string {
	text := p.String()
	if !m.committed {
		text = "reserved, " + text + " once committed"
	}
	switch {
	case m.plan.HasFile && m.Shared():
		text += fmt.Sprintf(", shared file %q", m.span.backing.name)
	case m.plan.HasFile:
		text += fmt.Sprintf(", private copy of file %q", m.span.backing.name)
	case m.Shared():
		text += ", shared"
	}
	if m.pins > 0 {
		text += fmt.Sprintf(", pins: %d", m.pins.count())
	}
	return text
}

// GoString shows the fields, Err by its text.
func (e Error) GoString() string {
	return fmt.Sprintf("typedmem.Error{Op:%q, Addr:%#x, Len:%d, Err:%q}", e.Op, e.Addr, e.Len, fmt.Sprint(e.Err))
}

// GoString shows the fields, Mapping and Err by their texts.
func (e FaultError) GoString() string {
	return fmt.Sprintf("typedmem.FaultError{Addr:%#x, Mapping:%v, Offset:%d, Err:%q}", e.Addr, e.Mapping, e.Offset, fmt.Sprint(e.Err))
}

// String returns addresses, protection, share mode and what is there:
//
//	0x7f3b1c000000-0x7f3b1c010000 Read|Write Shared "/data/ticks.tm" at byte 65536
func (a Area) String() string {
	text := fmt.Sprintf("%#x-%#x %v %v", a.Start, a.End, a.Protection, a.Share)
	switch {
	case a.Path != "":
		text += fmt.Sprintf(" %q at byte %d", a.Path, a.Offset)
		if a.Deleted {
			text += ", deleted"
		}
	case a.Label != "":
		text += " " + a.Label
	}
	return text
}

// LogValue makes log/slog write String, also as JSON.
func (a Area) LogValue() slog.Value { return slog.StringValue(a.String()) }

// LogValue makes log/slog write String, also as JSON.
func (s ShareMode) LogValue() slog.Value { return slog.StringValue(s.String()) }
