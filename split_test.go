package typedmem_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/typedmem/typedmem"
	"github.com/typedmem/typedmem/flags"
	"github.com/typedmem/typedmem/internal/mem"
	"github.com/typedmem/typedmem/options"
)

// cutter is one of the two ways to split; it returns the left and the right part.
type cutter struct {
	name string
	cut  func(m *typedmem.Mapping, at int) (left, right *typedmem.Mapping, err error)
}

var cutters = []cutter{
	{"SplitOff", func(m *typedmem.Mapping, at int) (*typedmem.Mapping, *typedmem.Mapping, error) {
		right, err := m.SplitOff(at)
		return m, right, err
	}},
	{"SplitTo", func(m *typedmem.Mapping, at int) (*typedmem.Mapping, *typedmem.Mapping, error) {
		left, err := m.SplitTo(at)
		return left, m, err
	}},
}

func TestSplitsAndMerges(t *testing.T) {
	n := 4*unit - 11
	f := fileOf(t, pattern(8*unit))
	kinds := map[string]options.Options{
		"anonymous":               options.New(n),
		"shared memory":           options.New(n).WithFlags(flags.Shared),
		"with capacity":           options.New(n).WithCapacity(8 * unit),
		"private file":            options.New(n).WithFile(f, 0),
		"shared file":             options.New(n).WithFile(f, 0).WithFlags(flags.Shared),
		"shared file with room":   options.New(n).WithFile(f, 0).WithFlags(flags.Shared).WithCapacity(8 * unit),
		"file at its second page": options.New(n).WithFile(f, int64(unit)),
	}
	for kind, o := range kinds {
		for _, c := range cutters {
			for _, reserve := range []bool{false, true} {
				t.Run(fmt.Sprintf("%s/%s/reserved=%v", kind, c.name, reserve), func(t *testing.T) {
					var m *typedmem.Mapping
					if reserve {
						m = must[*typedmem.Mapping](t)(o.ReserveMut())
					} else {
						m = must[*typedmem.Mapping](t)(o.MapMut())
						copy(m.Bytes(), pattern(n))
					}
					base, capacity := m.Addr(), m.Cap()
					left, right, err := c.cut(m, unit)
					check(t, "first cut", err)
					middle, right, err := c.cut(right, 2*unit)
					check(t, "second cut", err)
					at := base
					for i, part := range []*typedmem.Mapping{left, middle, right} {
						want := []int{unit, 2 * unit, n - 3*unit}[i]
						if part.Addr() != at || part.Len() != want || part.Committed() == reserve || part.Protection() != mut {
							t.Errorf("part %d: %d bytes at %#x, committed %v, %v", i, part.Len(), part.Addr(), part.Committed(), part.Protection())
						}
						if reserve {
							check(t, "commit", part.Commit())
							copy(part.Bytes(), pattern(n)[at-base:])
						}
						same(t, fmt.Sprint("part ", i), part.Bytes(), pattern(n)[at-base:int(at-base)+want])
						at += uintptr(want)
					}
					if left.Cap() != unit || middle.Cap() != 2*unit || right.Cap() != capacity-3*unit {
						t.Errorf("capacities %d, %d, %d of %d", left.Cap(), middle.Cap(), right.Cap(), capacity)
					}
					check(t, "merge", middle.Merge(right))
					check(t, "merge", left.Merge(middle))
					for _, spent := range []*typedmem.Mapping{middle, right} {
						wants(t, "the spent half", spent.Flush(0, 0), typedmem.ErrClosed)
						wants(t, "the spent half", spent.Close(), typedmem.ErrClosed)
					}
					if left.Len() != n || left.Cap() != capacity || left.Addr() != base {
						t.Errorf("merged: %d bytes of %d at %#x", left.Len(), left.Cap(), left.Addr())
					}
					same(t, "merged", left.Bytes(), pattern(n))
					if capacity > n+unit {
						check(t, "growth after all that", left.Resize(capacity))
						same(t, "grown", left.Bytes()[:n], pattern(n))
					}
					check(t, "close", left.Close())
					if !inaccessible(t, base) || !inaccessible(t, base+uintptr(3*unit)) {
						t.Error("accessible after Close")
					}
				})
			}
		}
	}
}

// Each half can be closed without harm to the other.
func TestHalvesAreIndependent(t *testing.T) {
	for _, c := range cutters {
		for closeFirst := range 2 {
			m := must[*typedmem.Mapping](t)(options.New(2 * unit).MapMut())
			copy(m.Bytes(), pattern(2*unit))
			base := m.Addr()
			left, right, err := c.cut(m, unit)
			check(t, c.name, err)
			parts := []*typedmem.Mapping{left, right}
			check(t, "close", parts[closeFirst].Close())
			other := parts[1-closeFirst]
			same(t, "the other half", other.Bytes(), pattern(2 * unit)[other.Addr()-base:][:unit])
			check(t, "MakeReadOnly", other.MakeReadOnly())
			check(t, "close", other.Close())
		}
	}
}

func TestCutsBetweenPagesOnly(t *testing.T) {
	n := 3 * unit
	for _, c := range cutters {
		m := mapMut(t, options.New(n))
		copy(m.Bytes(), pattern(n))
		for _, at := range []int{0, -1, n, n + unit, math.MaxInt, math.MinInt, 1, page + 1, n - 1, page / 2} {
			_, _, err := c.cut(m, at)
			wants(t, fmt.Sprint(c.name, " at ", at), err, typedmem.ErrOffset)
		}
		if m.Len() != n {
			t.Errorf("%s: a refused cut changed the length to %d", c.name, m.Len())
		}
		same(t, "contents", m.Bytes(), pattern(n))
	}
}

// A mapping at an odd file offset is cut between its pages, not at multiples of the page size from
// its first byte.
func TestCutOfAnOddFileOffset(t *testing.T) {
	f := fileOf(t, pattern(4*unit))
	m := must[*typedmem.Mapping](t)(options.New(3*unit).WithFile(f, 24).Map())
	closeLater(t, m)
	_, err := m.SplitOff(unit)
	wants(t, "a cut within a page", err, typedmem.ErrOffset)
	right := must[*typedmem.Mapping](t)(m.SplitOff(unit - 24))
	closeLater(t, right)
	same(t, "left", m.Bytes(), pattern(4 * unit)[24:unit])
	same(t, "right", right.Bytes(), pattern(4 * unit)[unit:3*unit+24])
	check(t, "merge", m.Merge(right))
	same(t, "merged", m.Bytes(), pattern(4 * unit)[24:3*unit+24])
}

// neighbours makes two mappings apart that lie side by side, by the address hint; ok is false where
// somebody else got there first.
func neighbours(t *testing.T, a, b func(addr uintptr) options.Options, size int) (left, right *typedmem.Mapping, ok bool) {
	t.Helper()
	for range 20 {
		space := must[*typedmem.Mapping](t)(options.New(8 * size).ReserveNone())
		base := space.Addr() + uintptr(2*size)
		check(t, "close", space.Close())
		left = must[*typedmem.Mapping](t)(a(base).WithAddress(base).MapMut())
		right = must[*typedmem.Mapping](t)(b(base + uintptr(size)).WithAddress(base + uintptr(size)).MapMut())
		closeLater(t, left)
		closeLater(t, right)
		if left.Addr()+uintptr(size) == right.Addr() {
			return left, right, true
		}
	}
	t.Error("no two mappings came to lie side by side")
	return nil, nil, false
}

func plain(size int) func(uintptr) options.Options {
	return func(uintptr) options.Options { return options.New(size) }
}

// Mappings made apart merge when everything agrees.
func TestMergeOfMappingsMadeApart(t *testing.T) {
	f := fileOf(t, pattern(4*unit))
	other := fileOf(t, pattern(4*unit))
	at := func(offset int) func(uintptr) options.Options {
		return func(uintptr) options.Options { return options.New(unit).WithFile(f, int64(offset)) }
	}
	with := func(fl flags.Map) func(uintptr) options.Options {
		return func(uintptr) options.Options { return options.New(unit).WithFlags(fl) }
	}
	shared := func(uintptr) options.Options {
		return options.New(unit).WithFile(f, int64(unit)).WithFlags(flags.Shared)
	}
	jit := func(uintptr) options.Options { return options.New(unit).WithUnsafeFlags(flags.JIT) }
	roomy := func(uintptr) options.Options { return options.New(unit).WithCapacity(2 * unit) }
	foreign := func(uintptr) options.Options { return options.New(unit).WithFile(other, int64(unit)) }
	for _, c := range []struct {
		name   string
		a, b   func(uintptr) options.Options
		before func(t *testing.T, a, b *typedmem.Mapping) error
		want   error
	}{
		{name: "anonymous", a: plain(unit), b: plain(unit)},
		{name: "the same hints", a: with(flags.Sequential), b: with(flags.Sequential)},
		{name: "both with JIT", a: jit, b: jit},
		{name: "consecutive parts of a file", a: at(0), b: at(unit)},
		{name: "the right one with capacity", a: plain(unit), b: roomy},
		{name: "parts of a file with a gap", a: at(0), b: at(2 * unit), want: typedmem.ErrBackingMismatch},
		{name: "parts of a file in the wrong order", a: at(unit), b: at(0), want: typedmem.ErrBackingMismatch},
		{name: "different files", a: at(0), b: foreign, want: typedmem.ErrBackingMismatch},
		{name: "file and memory", a: at(0), b: plain(unit), want: typedmem.ErrBackingMismatch},
		{name: "memory and file", a: plain(unit), b: at(0), want: typedmem.ErrBackingMismatch},
		{name: "private and shared", a: at(0), b: shared, want: typedmem.ErrAttributeMismatch},
		{name: "different hints", a: plain(unit), b: with(flags.Sequential), want: typedmem.ErrAttributeMismatch},
		{name: "JIT and none", a: jit, b: plain(unit), want: typedmem.ErrAttributeMismatch},
		{name: "none and JIT", a: plain(unit), b: jit, want: typedmem.ErrAttributeMismatch},
		{name: "different protections", a: plain(unit), b: plain(unit), want: typedmem.ErrAttributeMismatch,
			before: func(t *testing.T, a, b *typedmem.Mapping) error { return b.MakeReadOnly() }},
		{name: "the left one pinned", a: plain(unit), b: plain(unit), want: typedmem.ErrBusy,
			before: func(t *testing.T, a, b *typedmem.Mapping) error { return pinned(t, a) }},
		{name: "the right one pinned", a: plain(unit), b: plain(unit), want: typedmem.ErrBusy,
			before: func(t *testing.T, a, b *typedmem.Mapping) error { return pinned(t, b) }},
		{name: "the right one closed", a: plain(unit), b: plain(unit), want: typedmem.ErrClosed,
			before: func(t *testing.T, a, b *typedmem.Mapping) error { return b.Close() }},
		{name: "the left one closed", a: plain(unit), b: plain(unit), want: typedmem.ErrClosed,
			before: func(t *testing.T, a, b *typedmem.Mapping) error { return a.Close() }},
		{name: "a gap between them", a: plain(2 * unit), b: plain(unit), want: typedmem.ErrNotAdjacent,
			before: func(t *testing.T, a, b *typedmem.Mapping) error { return a.Resize(unit) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			size := unit
			if c.name == "a gap between them" {
				size = 2 * unit
			}
			a, b, ok := neighbours(t, c.a, c.b, size)
			if !ok {
				return
			}
			if c.before == nil {
				a.Bytes()[0], b.Bytes()[0] = 1, 2
			} else {
				check(t, "preparation", c.before(t, a, b))
			}
			lengths := []int{a.Len(), b.Len()}
			wants(t, "merge", a.Merge(b), c.want)
			if c.want == nil {
				if a.Len() != lengths[0]+lengths[1] || a.Bytes()[0] != 1 || a.Bytes()[unit] != 2 {
					t.Errorf("merged: %d bytes", a.Len())
				}
				wants(t, "the spent half", b.Advise(0, 0, 0), typedmem.ErrClosed)
				return
			}
			if a.Len() != lengths[0] || b.Len() != lengths[1] {
				t.Errorf("a refused merge changed the lengths from %v to %d and %d", lengths, a.Len(), b.Len())
			}
		})
	}
}

// pinned pins m until the test ends.
func pinned(t testing.TB, m *typedmem.Mapping) error {
	unpin, err := m.Pin()
	if err == nil {
		t.Cleanup(unpin)
	}
	return err
}

func TestMergeWithItselfOrNothing(t *testing.T) {
	m := mapMut(t, options.New(unit))
	wants(t, "nothing", m.Merge(nil), typedmem.ErrNotAdjacent)
	wants(t, "itself", m.Merge(m), typedmem.ErrNotAdjacent)
	right := must[*typedmem.Mapping](t)(mapMut(t, options.New(3*unit)).SplitOff(unit))
	far := must[*typedmem.Mapping](t)(right.SplitOff(unit))
	closeLater(t, right)
	closeLater(t, far)
	wants(t, "the mapping before", far.Merge(right), typedmem.ErrNotAdjacent)
	check(t, "close", m.Close())
	wants(t, "nothing, closed", m.Merge(nil), typedmem.ErrClosed)
}

// Views of the left part go on; views that reach past the cut are refused, and so are views of a
// spent half.
func TestLimitsThroughSplitAndMerge(t *testing.T) {
	m := mapMut(t, options.New(3*unit))
	limits, base := mem.Of(m).Limits(), m.Addr()
	left := must[*typedmem.Mapping](t)(m.SplitTo(unit))
	closeLater(t, left)
	if mem.Of(left).Limits() != limits || limits.Mapping() != mem.Of(left) || limits.Readable() != base+uintptr(unit) {
		t.Errorf("SplitTo: the left part has other limits, or they end at %#x", limits.Readable())
	}
	right := mem.Of(m).Limits()
	if right.Mapping() != mem.Of(m) || right.Readable() != base+uintptr(3*unit) || right.Room() < right.Readable() {
		t.Errorf("SplitTo: the right part's limits end at %#x", right.Readable())
	}
	check(t, "merge", left.Merge(m))
	if limits.Readable() != base+uintptr(3*unit) || mem.Allows(right.Readable()) {
		t.Errorf("merge: limits end at %#x and %#x", limits.Readable(), right.Readable())
	}
	wantsSentinel(t, "a view of the spent half", right.Err(false), typedmem.ErrClosed)
}

// Cuts and merges in any order keep every byte where it was.
func TestManyCutsAndMerges(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	pages := 24
	m := must[*typedmem.Mapping](t)(options.New(pages * unit).MapMut())
	base := m.Addr()
	copy(m.Bytes(), pattern(pages*unit))
	parts := []*typedmem.Mapping{m}
	for range 500 {
		i := random.IntN(len(parts))
		if n := parts[i].Len() / unit; n > 1 && random.IntN(2) == 0 {
			left, right, err := cutters[random.IntN(2)].cut(parts[i], unit*(1+random.IntN(n-1)))
			check(t, "cut", err)
			parts = append(parts[:i], append([]*typedmem.Mapping{left, right}, parts[i+1:]...)...)
		} else if i+1 < len(parts) {
			check(t, "merge", parts[i].Merge(parts[i+1]))
			parts = append(parts[:i+1], parts[i+2:]...)
		}
	}
	at := base
	for _, p := range parts {
		if p.Addr() != at {
			t.Fatalf("a part begins at %#x, want %#x", p.Addr(), at)
		}
		same(t, "part", p.Bytes(), pattern(pages * unit)[at-base:int(at-base)+p.Len()])
		at += uintptr(p.Len())
		check(t, "close", p.Close())
	}
	if at != base+uintptr(pages*unit) {
		t.Errorf("the parts end at %#x", at)
	}
}

// What a mapping says of itself may be asked while it is split; the race detector has an eye on it.
func TestQueriesBesideASplit(t *testing.T) {
	m := must[*typedmem.Mapping](t)(options.New(101 * unit).MapMut())
	defer m.Close()
	done := make(chan struct{})
	go func() {
		defer close(done)
		for range 2000 {
			if m.PageSize() == 0 || m.FileBacked() || m.Shared() {
				t.Error("a private mapping without a file says otherwise")
			}
		}
	}()
	for range 100 {
		check(t, "close", must[*typedmem.Mapping](t)(m.SplitTo(unit)).Close())
	}
	<-done
}
