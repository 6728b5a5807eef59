package typedmem_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/typedmem/typedmem"
	"github.com/typedmem/typedmem/flags"
	"github.com/typedmem/typedmem/internal/mem"
	"github.com/typedmem/typedmem/internal/testkit"
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
	f := testkit.File(t, pattern(8*unit))
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
						m = testkit.Must(o.ReserveMut())(t)
					} else {
						m = testkit.Must(o.MapMut())(t)
						copy(m.Bytes(), pattern(n))
					}
					base, capacity := m.Addr(), m.Cap()
					left, right, err := c.cut(m, unit)
					testkit.Check(t, err, "first cut")
					middle, right, err := c.cut(right, 2*unit)
					testkit.Check(t, err, "second cut")
					at := base
					for i, part := range []*typedmem.Mapping{left, middle, right} {
						want := []int{unit, 2 * unit, n - 3*unit}[i]
						if part.Addr() != at || part.Len() != want || part.Committed() == reserve || part.Protection() != mut {
							t.Errorf("part %d: %d bytes at %#x, committed %v, %v", i, part.Len(), part.Addr(), part.Committed(), part.Protection())
						}
						if reserve {
							testkit.Check(t, part.Commit(), "commit")
							copy(part.Bytes(), pattern(n)[at-base:])
						}
						same(t, fmt.Sprint("part ", i), part.Bytes(), pattern(n)[at-base:int(at-base)+want])
						at += uintptr(want)
					}
					if left.Cap() != unit || middle.Cap() != 2*unit || right.Cap() != capacity-3*unit {
						t.Errorf("capacities %d, %d, %d of %d", left.Cap(), middle.Cap(), right.Cap(), capacity)
					}
					testkit.Check(t, middle.Merge(right), "merge")
					testkit.Check(t, left.Merge(middle), "merge")
					for _, spent := range []*typedmem.Mapping{middle, right} {
						testkit.Wants(t, "the spent half", spent.Flush(0, 0), typedmem.ErrClosed)
						testkit.Wants(t, "the spent half", spent.Close(), typedmem.ErrClosed)
					}
					if left.Len() != n || left.Cap() != capacity || left.Addr() != base {
						t.Errorf("merged: %d bytes of %d at %#x", left.Len(), left.Cap(), left.Addr())
					}
					same(t, "merged", left.Bytes(), pattern(n))
					if capacity > n+unit {
						testkit.Check(t, left.Resize(capacity), "growth after all that")
						same(t, "grown", left.Bytes()[:n], pattern(n))
					}
					testkit.Check(t, left.Close(), "close")
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
			m := testkit.Must(options.New(2 * unit).MapMut())(t)
			copy(m.Bytes(), pattern(2*unit))
			base := m.Addr()
			left, right, err := c.cut(m, unit)
			testkit.Check(t, err, c.name)
			parts := []*typedmem.Mapping{left, right}
			testkit.Check(t, parts[closeFirst].Close(), "close")
			other := parts[1-closeFirst]
			same(t, "the other half", other.Bytes(), pattern(2 * unit)[other.Addr()-base:][:unit])
			testkit.Check(t, other.MakeReadOnly(), "MakeReadOnly")
			testkit.Check(t, other.Close(), "close")
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
			testkit.Wants(t, fmt.Sprint(c.name, " at ", at), err, typedmem.ErrOffset)
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
	f := testkit.File(t, pattern(4*unit))
	m := testkit.Must(options.New(3*unit).WithFile(f, 24).Map())(t)
	testkit.CloseLater(t, m)
	_, err := m.SplitOff(unit)
	testkit.Wants(t, "a cut within a page", err, typedmem.ErrOffset)
	right := testkit.Must(m.SplitOff(unit - 24))(t)
	testkit.CloseLater(t, right)
	same(t, "left", m.Bytes(), pattern(4 * unit)[24:unit])
	same(t, "right", right.Bytes(), pattern(4 * unit)[unit:3*unit+24])
	testkit.Check(t, m.Merge(right), "merge")
	same(t, "merged", m.Bytes(), pattern(4 * unit)[24:3*unit+24])
}

// neighbours makes two mappings apart that lie side by side, by the address hint; ok is false where
// somebody else got there first.
func neighbours(t *testing.T, a, b func(addr uintptr) options.Options, size int) (left, right *typedmem.Mapping, ok bool) {
	t.Helper()
	for range 20 {
		space := testkit.Must(options.New(8 * size).ReserveNone())(t)
		base := space.Addr() + uintptr(2*size)
		testkit.Check(t, space.Close(), "close")
		left = testkit.Must(a(base).WithAddress(base).MapMut())(t)
		right = testkit.Must(b(base + uintptr(size)).WithAddress(base + uintptr(size)).MapMut())(t)
		testkit.CloseLater(t, left)
		testkit.CloseLater(t, right)
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
	f := testkit.File(t, pattern(4*unit))
	other := testkit.File(t, pattern(4*unit))
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
				testkit.Check(t, c.before(t, a, b), "preparation")
			}
			lengths := []int{a.Len(), b.Len()}
			testkit.Wants(t, "merge", a.Merge(b), c.want)
			if c.want == nil {
				if a.Len() != lengths[0]+lengths[1] || a.Bytes()[0] != 1 || a.Bytes()[unit] != 2 {
					t.Errorf("merged: %d bytes", a.Len())
				}
				testkit.Wants(t, "the spent half", b.Advise(0, 0, 0), typedmem.ErrClosed)
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
	testkit.Wants(t, "nothing", m.Merge(nil), typedmem.ErrNotAdjacent)
	testkit.Wants(t, "itself", m.Merge(m), typedmem.ErrNotAdjacent)
	right := testkit.Must(mapMut(t, options.New(3*unit)).SplitOff(unit))(t)
	far := testkit.Must(right.SplitOff(unit))(t)
	testkit.CloseLater(t, right)
	testkit.CloseLater(t, far)
	testkit.Wants(t, "the mapping before", far.Merge(right), typedmem.ErrNotAdjacent)
	testkit.Check(t, m.Close(), "close")
	testkit.Wants(t, "nothing, closed", m.Merge(nil), typedmem.ErrClosed)
}

// Views of the left part go on; views that reach past the cut are refused, and so are views of a
// spent half.
func TestLimitsThroughSplitAndMerge(t *testing.T) {
	m := mapMut(t, options.New(3*unit))
	limits, base := mem.Of(m).Limits(), m.Addr()
	left := testkit.Must(m.SplitTo(unit))(t)
	testkit.CloseLater(t, left)
	if mem.Of(left).Limits() != limits || limits.Mapping() != mem.Of(left) || limits.Readable() != base+uintptr(unit) {
		t.Errorf("SplitTo: the left part has other limits, or they end at %#x", limits.Readable())
	}
	right := mem.Of(m).Limits()
	if right.Mapping() != mem.Of(m) || right.Readable() != base+uintptr(3*unit) || right.Room() < right.Readable() {
		t.Errorf("SplitTo: the right part's limits end at %#x", right.Readable())
	}
	testkit.Check(t, left.Merge(m), "merge")
	if limits.Readable() != base+uintptr(3*unit) || mem.Allows(right.Readable()) {
		t.Errorf("merge: limits end at %#x and %#x", limits.Readable(), right.Readable())
	}
	testkit.Is(t, right.Err(false), typedmem.ErrClosed, "a view of the spent half")
}

// Cuts and merges in any order keep every byte where it was.
func TestManyCutsAndMerges(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	pages := 24
	m := testkit.Must(options.New(pages * unit).MapMut())(t)
	base := m.Addr()
	copy(m.Bytes(), pattern(pages*unit))
	parts := []*typedmem.Mapping{m}
	for range 500 {
		i := random.IntN(len(parts))
		if n := parts[i].Len() / unit; n > 1 && random.IntN(2) == 0 {
			left, right, err := cutters[random.IntN(2)].cut(parts[i], unit*(1+random.IntN(n-1)))
			testkit.Check(t, err, "cut")
			parts = append(parts[:i], append([]*typedmem.Mapping{left, right}, parts[i+1:]...)...)
		} else if i+1 < len(parts) {
			testkit.Check(t, parts[i].Merge(parts[i+1]), "merge")
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
		testkit.Check(t, p.Close(), "close")
	}
	if at != base+uintptr(pages*unit) {
		t.Errorf("the parts end at %#x", at)
	}
}

// What a mapping says of itself may be asked while it is split; the race detector has an eye on it.
func TestQueriesBesideASplit(t *testing.T) {
	m := testkit.Must(options.New(101 * unit).MapMut())(t)
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
		testkit.Check(t, testkit.Must(m.SplitTo(unit))(t).Close(), "close")
	}
	<-done
}
