package typedmem_test

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"slices"
	"testing"

	"github.com/typedmem/typedmem"
	"github.com/typedmem/typedmem/flags"
	"github.com/typedmem/typedmem/internal/mem"
	"github.com/typedmem/typedmem/internal/sys"
	"github.com/typedmem/typedmem/internal/testenv"
	"github.com/typedmem/typedmem/internal/testkit"
	"github.com/typedmem/typedmem/options"
)

// fileMapping maps the pages of a new file for reading.
func fileMapping(t *testing.T, pages int) (*typedmem.Mapping, *os.File) {
	t.Helper()
	f := testkit.File(t, pattern(pages*unit))
	m := testkit.Must(options.New(pages*unit).WithFile(f, 0).WithFlags(flags.Shared).Map())(t)
	testkit.CloseLater(t, m)
	return m, f
}

// ranges are some bytes in each of the pages.
func ranges(m *typedmem.Mapping, pages ...int) (list []mem.Range) {
	for _, p := range pages {
		list = append(list, mem.Range{Addr: m.Addr() + uintptr(p*unit+5), N: 7})
	}
	return list
}

// A page that lies past the end of a file that was cut off is an error and no fault, wherever it is
// among the ranges; pages before it come.
func TestFetchPastTheEndOfACutFile(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("windows: a mapped file cannot be cut off")
	}
	for _, all := range []bool{false, true} {
		m, f := fileMapping(t, 64)
		testkit.Check(t, mem.Of(m).Fetch(ranges(m, 0, 3, 40, 63), all), "fetch")
		testkit.Check(t, f.Truncate(int64(10*unit+1)), "truncate")
		testkit.Check(t, mem.Of(m).Fetch(ranges(m, 0, 3, 10), all), "fetch before the end")
		for _, pages := range [][]int{{11}, {0, 11}, {9, 10, 63}, {12, 13, 14}} {
			testkit.Wants(t, "fetch", mem.Of(m).Fetch(ranges(m, pages...), all), typedmem.ErrTruncated, f.Name())
		}
	}
}

// Ranges outside the mapping are refused.
func TestFetchOutsideTheMapping(t *testing.T) {
	m, _ := fileMapping(t, 4)
	for _, r := range []mem.Range{
		{Addr: m.Addr() - 1, N: 1}, {Addr: m.Addr(), N: 4*unit + 1}, {Addr: m.Addr() + uintptr(4*unit), N: 1},
		{Addr: ^uintptr(0), N: 1}, {Addr: m.Addr(), N: -1}, {Addr: m.Addr() + 1, N: int(^uint(0) >> 1)},
	} {
		testkit.Wants(t, "fetch", mem.Of(m).Fetch([]mem.Range{r}, true), typedmem.ErrBounds)
		testkit.Wants(t, "prefetch", mem.Of(m).Prefetch([]mem.Range{r}), typedmem.ErrBounds)
	}
	testkit.Check(t, mem.Of(m).Fetch(nil, true), "no range")
	testkit.Check(t, mem.Of(m).Fetch([]mem.Range{{Addr: m.Addr() + 3}}, true), "an empty range")
}

// Where the system refuses a hint, or to say what is in memory, or to bring in many ranges, pages
// are brought in all the same; and what brings them in is what fails.
func TestFetchWhereTheSystemRefuses(t *testing.T) {
	for _, refused := range [][]sys.Op{{sys.OpPrefetch}, {sys.OpResident}, {sys.OpPrefault}, {sys.OpPrefetch, sys.OpResident, sys.OpPrefault}} {
		for _, all := range []bool{false, true} {
			m, f := fileMapping(t, 8)
			restore := sys.Interpose(func(c sys.Call) error {
				if slices.Contains(refused, c.Op) {
					return errors.ErrUnsupported
				}
				return nil
			})
			err := mem.Of(m).Fetch(ranges(m, 0, 1, 3, 7), all)
			testkit.Check(t, err, fmt.Sprint(refused))
			if runtime.GOOS != "windows" { // where a mapped file cannot be cut off
				testkit.Check(t, f.Truncate(int64(3*unit)), "truncate")
				testkit.Wants(t, fmt.Sprint(refused), mem.Of(m).Fetch(ranges(m, 0, 3), all), typedmem.ErrTruncated)
				testkit.Wants(t, fmt.Sprint(refused), m.Prefault(0, m.Len()), typedmem.ErrTruncated)
			}
			restore()
		}
	}
}

// A page that cannot be read though the file is long enough is not called truncated.
func TestFetchOfAPageThatCannotBeRead(t *testing.T) {
	m, f := fileMapping(t, 4)
	defer sys.Interpose(func(c sys.Call) error {
		if c.Op == sys.OpPrefault {
			return sys.ErrNoPage
		}
		return nil
	})()
	for name, err := range map[string]error{"fetch": mem.Of(m).Fetch(ranges(m, 0, 3), true), "prefault": m.Prefault(0, m.Len())} {
		testkit.Wants(t, name, err, sys.ErrNoPage, f.Name(), "cannot be read")
		if errors.Is(err, typedmem.ErrTruncated) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Ranges that share a page or touch are brought in as one; the caller finds whole pages in order.
func TestFetchJoinsRanges(t *testing.T) {
	m, _ := fileMapping(t, 16)
	unit := m.PageSize()
	at := func(page, off, n int) mem.Range { return mem.Range{Addr: m.Addr() + uintptr(page*unit+off), N: n} }
	list := []mem.Range{at(0, 1, 1), at(0, 9, 2), at(1, 0, 1), at(2, unit-1, 2), at(5, 0, 0), at(7, 3, unit), at(15, unit-1, 1)}
	want := []mem.Range{at(0, 0, 4*unit), at(7, 0, 2*unit), at(15, 0, unit), {}, {}, {}, {}}
	for range 2 { // what is left can be given again
		testkit.Check(t, mem.Of(m).Fetch(list, true), "fetch")
		if !slices.Equal(list, want) {
			t.Errorf("%x, want %x", list, want)
		}
	}
}

// Calls about warm pages allocate nothing.
func TestNothingAllocatesForWarmPages(t *testing.T) {
	testenv.Allocations(t)
	if runtime.GOOS != "linux" || testenv.Emulator() != "" {
		t.Skip("only Linux has calls for all of it; elsewhere files are read through buffers")
	}
	m, _ := fileMapping(t, 256)
	list, pages := make([]mem.Range, 8), make([]byte, 256)
	fill := func() {
		for i := range list {
			list[i] = mem.Range{Addr: m.Addr() + uintptr(i*30*unit+11), N: 100}
		}
	}
	inner := mem.Of(m)
	for name, call := range map[string]func() error{
		"Fetch":         func() error { fill(); return inner.Fetch(list, false) },
		"Fetch of one":  func() error { fill(); return inner.Fetch(list[:1], false) },
		"Fetch of all":  func() error { fill(); return inner.Fetch(list, true) },
		"Prefetch":      func() error { fill(); return inner.Prefetch(list) },
		"Resident":      func() error { return inner.Resident(m.Addr(), m.Len(), pages) },
		"Prefault":      func() error { return m.Prefault(0, m.Len()) },
		"Prefetch of m": func() error { return m.Prefetch(0, m.Len()) },
	} {
		testkit.Check(t, call(), name)
		testkit.AllocatesNothing(t, name, 10, func() {
			if err := call(); err != nil {
				t.Error(name, err)
			}
		})
	}
}

// After RandomAccess, given or advised, the system reads no page of its own accord: Prefault tells
// it of many. Otherwise it does not, and the system's own read-ahead is at work.
func TestPrefaultHintsAfterRandomAccess(t *testing.T) {
	for name, c := range map[string]struct {
		given, advised flags.Map
		want           bool
	}{"plain": {0, 0, false}, "given": {flags.RandomAccess, 0, true}, "advised": {0, flags.RandomAccess, true}} {
		f := testkit.File(t, pattern(4*unit))
		m := testkit.Must(options.New(4*unit).WithFile(f, 0).WithFlags(c.given).Map())(t)
		testkit.Check(t, m.Advise(0, unit, c.advised), "advise")
		right := testkit.Must(m.SplitOff(2 * unit))(t)
		for part, m := range map[string]*typedmem.Mapping{"left": m, "right": right} {
			hints := 0
			restore := testenv.InterposeHere(func(c sys.Call) error {
				if c.Op == sys.OpPrefetch {
					hints++
				}
				return nil
			})
			testkit.Check(t, m.Prefault(0, m.Len()), name)
			restore()
			if hints > 0 != c.want {
				t.Errorf("%s, %s: %d hints", name, part, hints)
			}
			testkit.Check(t, m.Close(), "close")
		}
	}
}
