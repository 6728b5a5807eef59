package typedmem_test

import (
	"os"
	"testing"

	"github.com/typedmem/typedmem"
	"github.com/typedmem/typedmem/flags"
	"github.com/typedmem/typedmem/internal/mem"
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
