package typedmem_test

import (
	"testing"

	"github.com/typedmem/typedmem"
	"github.com/typedmem/typedmem/internal/mem"
	"github.com/typedmem/typedmem/internal/sys"
	"github.com/typedmem/typedmem/internal/testenv"
	"github.com/typedmem/typedmem/internal/testkit"
	"github.com/typedmem/typedmem/options"
)

// An operation that takes memory from a mapping lowers the limits, and those that narrow them,
// before the first system call.
func TestLimitsComeDownBeforeTheMemory(t *testing.T) {
	const n = 4
	size := n * unit
	for _, c := range []struct {
		name               string
		do                 func(m *typedmem.Mapping) error
		readable, writable int // bytes that may be left when the system is first called
	}{
		{"close", (*typedmem.Mapping).Close, 0, 0},
		{"make none", (*typedmem.Mapping).MakeNone, 0, 0},
		{"make read-only", (*typedmem.Mapping).MakeReadOnly, size, 0},
		{"make executable", (*typedmem.Mapping).MakeExec, size, 0},
		{"shrink", func(m *typedmem.Mapping) error { return m.Resize(unit + 3) }, unit + 3, unit + 3},
	} {
		m := testkit.Must(options.New(size).WithCapacity(2 * size).MapMut())(t)
		l, base := mem.Of(m).Limits(), m.Addr()
		ro, sealed := l.ReadOnly(), l.Sealed()
		bytes := func(end uintptr) int { return int(max(end, base) - base) }
		calls := 0
		restore := testenv.InterposeHere(func(call sys.Call) error {
			if call.Op == sys.OpAreas {
				return nil
			}
			calls++
			if r, w := bytes(l.Readable()), bytes(l.Writable()); r != c.readable || w != c.writable {
				t.Errorf("%s: at %v readable are %d bytes, writable %d; want %d and %d", c.name, call.Op, r, w, c.readable, c.writable)
			}
			if r, w := bytes(ro.Readable()), bytes(ro.Writable()); r != c.readable || w != 0 {
				t.Errorf("%s: at %v the read-only limits allow to read %d bytes and to write %d; want %d and 0", c.name, call.Op, r, w, c.readable)
			}
			return nil
		})
		err := c.do(m)
		restore()
		testkit.Check(t, err, c.name)
		if calls == 0 {
			t.Errorf("%s: no system call was seen", c.name)
		}
		if mem.Allows(sealed.Readable()) || mem.Allows(sealed.Writable()) {
			t.Errorf("%s: sealed limits allow something", c.name)
		}
		if c.name != "close" {
			testkit.Check(t, m.Close(), "close")
		}
	}
}

// Limits that narrow others get back what a change of protection or length gives back, without
// being asked for again.
func TestNarrowedLimitsFollow(t *testing.T) {
	m := testkit.Must(options.New(unit).WithCapacity(4 * unit).MapMut())(t)
	defer m.Close()
	l, base := mem.Of(m).Limits(), m.Addr()
	ro := l.ReadOnly()
	expect := func(step string, err error, readable int, writable bool) {
		t.Helper()
		testkit.Check(t, err, step)
		end := func(limit uintptr) uintptr {
			if mem.Allows(limit) {
				return limit
			}
			return 0
		}
		want := base + uintptr(readable)
		if readable == 0 {
			want = 0
		}
		w := want
		if !writable {
			w = 0
		}
		if end(l.Readable()) != want || end(l.Writable()) != w || end(ro.Readable()) != want || end(ro.Writable()) != 0 {
			t.Errorf("%s: readable %#x, writable %#x, read-only limits %#x and %#x; want %#x, %#x, %#x and 0", step, l.Readable(), l.Writable(), ro.Readable(), ro.Writable(),
				want, w, want)
		}
	}
	expect("as mapped", nil, unit, true)
	expect("make none", m.MakeNone(), 0, false)
	expect("make read-only", m.MakeReadOnly(), unit, false)
	expect("grow while read-only", m.Resize(2*unit), 2*unit, false)
	expect("make mutable", m.MakeMut(), 2*unit, true)
	expect("shrink", m.Resize(unit+1), unit+1, true)
	if end := base + uintptr(unit) + 9; !l.Extend(l.Readable(), end) {
		t.Error("the limits were not extended within their room")
	}
	expect("extend", nil, unit+9, true)
	expect("make none again", m.MakeNone(), 0, false)
	if l.Extend(l.Readable(), base+9) || l.Extend(base+uintptr(unit)+9, base+uintptr(unit)+10) {
		t.Error("limits that allow nothing were extended")
	}
	expect("make mutable again", m.MakeMut(), unit+9, true)
}
