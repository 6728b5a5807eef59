package typedmem_test

import (
	"errors"
	"fmt"
	"math"
	"os"
	"runtime"
	"testing"

	"github.com/typedmem/typedmem"
	"github.com/typedmem/typedmem/flags"
	"github.com/typedmem/typedmem/internal/mem"
	"github.com/typedmem/typedmem/internal/sys"
	"github.com/typedmem/typedmem/internal/testenv"
	"github.com/typedmem/typedmem/internal/testkit"
	"github.com/typedmem/typedmem/options"
)

// The numbered defects of mmap-rs 0.7.0: for each, the test that it is not in this library. Those
// that a system is needed for which does not have the defect's symptom are tested where the code
// is: the names say where.

// 1. On Windows the transition to read-only asked for PAGE_READWRITE.
func TestDefect01ReadOnlyIsReadOnly(t *testing.T) {
	m := mapMut(t, options.New(unit))
	b := m.Bytes()
	b[0] = 3
	testkit.Check(t, m.MakeReadOnly(), "MakeReadOnly")
	if r, w := accessible(m, b, 0); !r || w {
		t.Errorf("really readable %v, writable %v", r, w)
	}
	if a, ok := areaAt(t, m.Addr()); !ok || a.Protection != read {
		t.Errorf("the system says %v", a.Protection)
	}
}

// 2. A page size taken from a set held the bits of the set, not the log2.
func TestDefect02PageSizesOfASet(t *testing.T) {
	sizes := testkit.Must(options.PageSizes())(t)
	for p := range sizes.All() {
		if !sizes.Has(p) || p.Bytes() != 1<<p || uint64(p) > 62 {
			t.Errorf("%v: %d bytes", p, p.Bytes())
		}
		single, err := flags.Sizes(p).Single()
		if err != nil || single != p {
			t.Errorf("%v: %v, %v", p, single, err)
		}
	}
	if base, ok := flags.PageSizeOf(int64(page)); !ok || !sizes.Has(base) {
		t.Errorf("%v lacks the usual page size", sizes)
	}
	base, _ := flags.PageSizeOf(int64(page))
	m := testkit.Must(options.New(unit).WithPageSize(base).MapMut())(t)
	testkit.CloseLater(t, m)
	if m.PageSize() != page {
		t.Errorf("pages of %d bytes", m.PageSize())
	}
}

// 3. An unknown page size was mapped with the default huge page size.
func TestDefect03UnknownPageSizeIsRefused(t *testing.T) {
	sizes := testkit.Must(options.PageSizes())(t)
	for p := flags.PageSize(1); p < 255; p++ {
		if sizes.Has(p) {
			continue
		}
		for _, f := range []flags.Map{0, flags.HugePages} {
			_, err := options.New(unit).WithPageSize(p).WithFlags(f).MapMut()
			testkit.Wants(t, fmt.Sprint(p, f), err, errors.ErrUnsupported)
			_, err = options.New(unit).WithPageSize(p).WithFlags(f).ReserveMut()
			testkit.Wants(t, fmt.Sprint(p, f), err, errors.ErrUnsupported)
		}
	}
}

//  4. Errors of unmapping were dropped; a huge-page length that was not rounded leaked the page
//     (see TestHugePages).
func TestDefect04UnmapErrorsAreReported(t *testing.T) {
	m := testkit.Must(options.New(unit + 1).MapMut())(t)
	testkit.CloseLater(t, m)
	restore := sys.Interpose(func(sys.Call) error { return errInjected })
	err := m.Close()
	restore()
	testkit.Wants(t, "close", err, errInjected)
	m.Bytes()[unit] = 1
	addr := m.Addr()
	testkit.Check(t, m.Close(), "close")
	for _, at := range []uintptr{addr, addr + uintptr(unit)} {
		if !inaccessible(t, at) {
			t.Errorf("%#x is still there", at)
		}
	}
}

// 5. A failing madvise or mlock after mmap leaked the mapping.
func TestDefect05StepsAfterMmapUndoIt(t *testing.T) {
	for _, op := range []sys.Op{sys.OpAdvise, sys.OpLock} {
		for _, term := range terminals {
			if term.protected != read || term.reserve {
				continue
			}
			left := uintptr(1)
			for try := 0; left != 0 && try < 4; try++ { // the Go runtime maps memory too, perhaps just there, but not each time
				var mapped []uintptr
				hint := testkit.Must(options.New(3 * unit).ReserveNone())(t)
				addr := hint.Addr()
				testkit.Check(t, hint.Close(), "close")
				restore := sys.Interpose(func(c sys.Call) error {
					if c.Op == op {
						mapped = append(mapped, c.Addr)
						return errInjected
					}
					return nil
				})
				_, err := term.make(options.New(3 * unit).WithAddress(addr).WithFlags(flags.Sequential | flags.Locked))
				restore()
				left = 0
				if err == nil && runtime.GOOS == "windows" && op == sys.OpAdvise {
					t.Log("windows: Sequential is a no-op there")
					break
				}
				testkit.Wants(t, op.String(), err, errInjected)
				for _, at := range mapped {
					if !inaccessible(t, at) {
						left = at
					}
				}
			}
			if left != 0 {
				t.Errorf("%v failed, and %#x is still mapped", op, left)
			}
		}
	}
	// And for real: a page past the end of the file cannot be locked.
	if testenv.Emulator() != "" || runtime.GOOS == "windows" {
		return
	}
	f := testkit.File(t, pattern(page))
	space := testkit.Must(options.New(4 * page).ReserveNone())(t)
	defer space.Close()
	_, err := options.New(4*page).WithFile(f, 0).WithFlags(flags.Locked | flags.NoCoreDump).WithAddress(space.Addr()).WithUnsafeFlags(flags.Fixed).Map()
	if err == nil {
		t.Fatal("pages past the end of a file were locked")
	}
	if a, ok := areaAt(t, space.Addr()); ok && a.Path == f.Name() { // the addresses may be someone else's already
		t.Error("the mapping is still there")
	}
}

//  6. Flush did not check its range: it could sync another mapping, a reversed range underflowed,
//     an unaligned one failed.
func TestDefect06FlushChecksItsRange(t *testing.T) {
	f := testkit.File(t, pattern(4*unit))
	m := testkit.Must(options.New(3*unit).WithFile(f, 0).WithFlags(flags.Shared).MapMut())(t)
	testkit.CloseLater(t, m)
	var calls []sys.Call
	restore := sys.Interpose(func(c sys.Call) error {
		if c.Op == sys.OpFlush { // the collector may be giving back addresses
			calls = append(calls, c)
		}
		return nil
	})
	defer restore()
	for _, r := range [][2]int{{2, 1}, {-1, 1}, {0, 3*unit + 1}, {3 * unit, 4 * unit}, {math.MinInt, 0}, {0, math.MaxInt}} {
		testkit.Wants(t, fmt.Sprint(r), m.Flush(r[0], r[1]), typedmem.ErrBounds)
		testkit.Wants(t, fmt.Sprint(r), m.FlushAsync(r[0], r[1]), typedmem.ErrBounds)
	}
	if len(calls) != 0 {
		t.Errorf("the system was asked: %v", calls)
	}
	for _, r := range [][2]int{{1, 2}, {page - 1, page + 1}, {0, 3 * unit}, {3*unit - 1, 3 * unit}} {
		testkit.Check(t, m.Flush(r[0], r[1]), fmt.Sprint(r))
	}
	for _, c := range calls {
		if c.Addr < m.Addr() || c.Addr+uintptr(c.Len) > m.Addr()+uintptr(3*unit) || c.Addr%uintptr(page) != 0 || c.Len%page != 0 {
			t.Errorf("flushed %d bytes at %#x of %d at %#x", c.Len, c.Addr, m.Len(), m.Addr())
		}
	}
}

// 7. A split at 0 gave a mapping without length.
func TestDefect07NoSplitAtTheEnds(t *testing.T) {
	m := mapMut(t, options.New(2*unit))
	copy(m.Bytes(), pattern(2*unit))
	for _, at := range []int{0, 2 * unit} {
		_, err := m.SplitOff(at)
		testkit.Wants(t, "SplitOff", err, typedmem.ErrOffset)
		_, err = m.SplitTo(at)
		testkit.Wants(t, "SplitTo", err, typedmem.ErrOffset)
	}
	same(t, "contents", m.Bytes(), pattern(2*unit))
}

// 8. MAP_FIXED without an address mapped page zero as root.
func TestDefect08FixedNeedsAnAddress(t *testing.T) {
	for _, term := range terminals {
		_, err := term.make(options.New(unit).WithUnsafeFlags(flags.Fixed | flags.JIT))
		testkit.Wants(t, term.name, err, typedmem.ErrOperation)
	}
	if _, ok := areaAt(t, 0); ok {
		t.Error("page zero is mapped")
	}
}

// 9. MAP_LOCKED hid a failure to populate: the promise is kept by a call whose result counts.
func TestDefect09LockedIsChecked(t *testing.T) {
	asked := 0
	restore := sys.Interpose(func(c sys.Call) error {
		if c.Op == sys.OpLock {
			asked++
		}
		return nil
	})
	m, err := options.New(2 * unit).WithFlags(flags.Locked).MapMut()
	restore()
	testkit.Check(t, err, "map")
	testkit.CloseLater(t, m)
	if asked == 0 {
		t.Error("the result of a locking call was ignored")
	}
	if _, err := options.New(unit).WithFlags(flags.Locked).MapNone(); !errors.Is(err, typedmem.ErrProtection) {
		t.Errorf("locking memory that cannot be read: %v", err)
	}
}

//  10. Mapping past the end of a file was not noticed until SIGBUS: it can be refused, found
//     without a fault, and a fault is an error.
func TestDefect10PastTheEndOfAFile(t *testing.T) {
	testenv.Differs(t, wrongBusAddress)
	f := testkit.File(t, pattern(page+10))
	request := mem.RequestOf(options.New(4*page).WithFile(f, 0))
	request.WithinFile, request.Protection = true, read
	_, err := mem.Make(request)
	testkit.Wants(t, "WithinFile", err, typedmem.ErrTruncated)
	if runtime.GOOS == "windows" {
		return // such a view cannot be made
	}
	m := testkit.Must(options.New(4*page).WithFile(f, 0).Map())(t)
	testkit.CloseLater(t, m)
	testkit.Wants(t, "Prefault", m.Prefault(0, 4*page), typedmem.ErrTruncated)
	b := m.Bytes()
	sum := byte(0)
	if err := typedmem.Guard(func() error { sum += b[3*page]; return nil }); err == nil {
		t.Errorf("no fault past the end: %d", sum)
	}
}

// 11. Merge compared only the first area's protection: never file, offset or share mode.
func TestDefect11MergeComparesEverything(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("windows: views cannot be placed side by side with flags.Fixed; TestMergeOfMappingsMadeApart does it by hints")
	}
	f, other := testkit.File(t, pattern(4*unit)), testkit.File(t, pattern(4*unit))
	at := func(f *os.File, offset int, fl flags.Map) options.Options {
		return options.New(unit).WithFile(f, int64(offset)).WithFlags(fl)
	}
	for name, c := range map[string]struct {
		next options.Options
		want error
	}{
		"another file":       {at(other, unit, 0), typedmem.ErrBackingMismatch},
		"another offset":     {at(f, 2*unit, 0), typedmem.ErrBackingMismatch},
		"the same offset":    {at(f, 0, 0), typedmem.ErrBackingMismatch},
		"no file":            {options.New(unit), typedmem.ErrBackingMismatch},
		"another share mode": {at(f, unit, flags.Shared), typedmem.ErrAttributeMismatch},
		"all as it must be":  {at(f, unit, 0), nil},
	} {
		space := testkit.Must(options.New(2 * unit).ReserveNone())(t)
		left := testkit.Must(at(f, 0, 0).WithAddress(space.Addr()).WithUnsafeFlags(flags.Fixed).Map())(t)
		right := testkit.Must(c.next.WithAddress(space.Addr() + uintptr(unit)).WithUnsafeFlags(flags.Fixed).Map())(t)
		testkit.Wants(t, name, left.Merge(right), c.want)
		if c.want != nil {
			testkit.Check(t, right.Close(), "close")
		}
		testkit.Check(t, left.Close(), "close")
		testkit.Check(t, space.Close(), "close")
	}
}

// 12. A failed conversion unmapped the mapping.
func TestDefect12FailedConversionKeepsTheMapping(t *testing.T) {
	for _, c := range changes {
		m := mapMut(t, options.New(2*unit).WithUnsafeFlags(flags.JIT))
		copy(m.Bytes(), pattern(2*unit))
		first := true
		restore := testenv.InterposeHere(func(sys.Call) error {
			if first {
				first = false
				return errInjected
			}
			return nil
		})
		err := c.do(m)
		restore()
		testkit.Wants(t, c.name, err, errInjected)
		if m.Protection() != mut || m.Len() != 2*unit {
			t.Errorf("%s: protection %v, %d bytes", c.name, m.Protection(), m.Len())
		}
		same(t, c.name, m.Bytes(), pattern(2*unit))
		m.Bytes()[0] = 1
	}
	reserved := testkit.Must(options.New(unit).ReserveMut())(t)
	testkit.CloseLater(t, reserved)
	restore := sys.Interpose(func(sys.Call) error { return errInjected })
	err := reserved.Commit()
	restore()
	testkit.Wants(t, "commit", err, errInjected)
	testkit.Check(t, reserved.Commit(), "commit")
	reserved.Bytes()[0] = 1
}

//  13. The device minor was parsed as 8 bits, and a line that does not parse ended the list
//     silently: see TestParseMapsLine and TestUnparsableLineIsAnError in internal/sys. Here: the
//     list is complete.
func TestDefect13TheListIsComplete(t *testing.T) {
	areaAt(t, 0)
	var made []*typedmem.Mapping
	for i := range 200 {
		m := mapMut(t, options.New(unit))
		if i%2 == 0 {
			testkit.Check(t, m.MakeReadOnly(), "MakeReadOnly") // neighbours do not join
		}
		made = append(made, m)
	}
	var list []typedmem.Area
	for a, err := range typedmem.Areas(typedmem.Self) {
		testkit.Check(t, err, "areas")
		list = append(list, a)
	}
	for _, m := range made {
		found := false
		for _, a := range list {
			found = found || a.Start <= m.Addr() && m.Addr() < a.End && a.Protection == m.Protection()
		}
		if !found {
			linesLeftOut(t)
			t.Fatalf("%#x is not in a list of %d areas", m.Addr(), len(list))
		}
	}
}

//  14. Paths kept `\012` escapes and " (deleted)", and [heap] was given as a file: see
//     TestPathsOfAreas and TestLabelsAreNoPaths.
func TestDefect14PathsAreNames(t *testing.T) {
	for a, err := range typedmem.Areas(typedmem.Self) {
		if errors.Is(err, errors.ErrUnsupported) {
			t.Skipf("areas: %v", err)
		}
		testkit.Check(t, err, "areas")
		if a.Path != "" && a.Path[0] == '[' || a.Path != "" && a.Label != "" {
			t.Errorf("%+v", a)
		}
	}
}

// 15. address+1 overflowed in a query.
func TestDefect15TheLastAddress(t *testing.T) {
	for _, addr := range []uintptr{math.MaxUint, math.MaxUint - 1, 0, 1} {
		if a, ok := areaAt(t, addr); ok && (addr < a.Start || addr >= a.End) {
			t.Errorf("%#x: %+v", addr, a)
		}
	}
}

//  16. Windows: sections, hints, handles and what areas say. The parts that show on any system are
//     here, the others in internal/sys.
func TestDefect16FileMappings(t *testing.T) {
	whole := pattern(5*unit + 7)
	for _, share := range []flags.Map{0, flags.Shared} {
		for _, offset := range []int{0, unit, 2*unit + 8, 4 * unit} {
			f := testkit.File(t, whole)
			n := len(whole) - offset
			m := testkit.Must(options.New(n).WithFile(f, int64(offset)).WithFlags(share).Map())(t)
			same(t, "contents at an offset", m.Bytes(), whole[offset:]) // the section was large enough
			if a, ok := areaAt(t, m.Addr()); ok && a.Path != "" && a.Offset+int64(m.Addr()-a.Start) != int64(offset) {
				t.Errorf("the area says offset %d at %#x, the mapping %d at %#x", a.Offset, a.Start, offset, m.Addr())
			}
			testkit.Check(t, m.Close(), "close")
			if now := contents(t, f); len(now) != len(whole) {
				t.Errorf("mapping read-only changed the length of the file from %d to %d", len(whole), len(now))
			}
		}
	}
	// A merged mapping is released as a whole.
	m := testkit.Must(options.New(3 * unit).MapMut())(t)
	right := testkit.Must(m.SplitOff(unit))(t)
	addr := m.Addr()
	testkit.Check(t, m.Merge(right), "merge")
	testkit.Check(t, m.Close(), "close")
	for i := range 3 {
		if at := addr + uintptr(i*unit); !inaccessible(t, at) {
			t.Errorf("%#x is accessible after Close", at)
		}
	}
}

// 17. Protection changes on a reserved range failed on Windows.
func TestDefect17ProtectionOfAReservedRange(t *testing.T) {
	for _, term := range terminals {
		if !term.reserve || term.protected == execMut {
			continue
		}
		for _, c := range changes {
			if c.to == execMut {
				continue
			}
			m := testkit.Must(term.make(options.New(unit)))(t)
			testkit.Check(t, c.do(m), term.name+"/"+c.name)
			if m.Committed() || m.Protection() != c.to {
				t.Errorf("%s, %s: committed %v, protection %v", term.name, c.name, m.Committed(), m.Protection())
			}
			testkit.Check(t, m.Commit(), "commit")
			testkit.Check(t, m.Close(), "close")
		}
	}
}
