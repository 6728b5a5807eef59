package typedmem_test

import (
	"errors"
	"math/bits"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/typedmem/typedmem"
	"github.com/typedmem/typedmem/flags"
	"github.com/typedmem/typedmem/internal/sys"
	"github.com/typedmem/typedmem/internal/testenv"
	"github.com/typedmem/typedmem/internal/testkit"
	"github.com/typedmem/typedmem/options"
	"github.com/typedmem/typedmem/region"
	"github.com/typedmem/typedmem/slab"
)

// listed finds what Mappings says of the mapping at an address.
func listed(addr uintptr) (info typedmem.MappingInfo, found bool) {
	for _, info := range typedmem.Mappings() {
		if info.Addr == addr {
			return info, true
		}
	}
	return info, false
}

// listedAs fails the test unless Mappings has the mapping, and says of it what its methods say.
func listedAs(t *testing.T, what string, m *typedmem.Mapping) typedmem.MappingInfo {
	t.Helper()
	got, found := listed(m.Addr())
	if !found {
		t.Fatalf("%s: not listed", what)
	}
	if got.Name != m.Name() || got.File != m.File() || got.Len != m.Len() || got.Cap != m.Cap() || got.Protection != m.Protection() ||
		got.Committed != m.Committed() || got.Shared != m.Shared() {
		t.Errorf("%s: %+v is listed for %v", what, got, m)
	}
	return got
}

func TestMappingsListsWhatIsOpen(t *testing.T) {
	f := testkit.File(t, make([]byte, 3*unit))
	file := testkit.Must(region.Create[int64](filepath.Join(t.TempDir(), "r"), 3))(t)
	t.Cleanup(func() { _ = file.Close() }) // its mapping is closed below
	for name, m := range map[string]*typedmem.Mapping{
		"plain":       testkit.Must(options.New(100).MapMut())(t),
		"named":       testkit.Must(options.New(3 * unit).WithCapacity(9 * unit).WithName("orders").Map())(t),
		"file":        testkit.Must(options.New(unit).WithFile(f, 7).WithFlags(flags.Shared).MapMut())(t),
		"reserved":    testkit.Must(options.New(2 * unit).ReserveMut())(t),
		"no access":   testkit.Must(options.New(2 * unit).WithName("orders").MapNone())(t),
		"empty":       testkit.Must(options.New(0).WithCapacity(unit).MapMut())(t),
		"region":      testkit.Must(region.New[int64](3))(t).Mapping(),
		"region file": file.Mapping(),
	} {
		info := listedAs(t, name, m)
		if info.Pins != 0 || name == "named" && (info.Name != "orders" || info.Len != 3*unit || info.Cap < 9*unit) {
			t.Errorf("%s: %+v", name, info)
		}
		unpin := testkit.Must(m.Pin())(t)
		if info, _ := listed(m.Addr()); info.Pins != 1 {
			t.Errorf("%s: %d pins are listed", name, info.Pins)
		}
		unpin()
		addr := m.Addr()
		testkit.Check(t, m.Close(), name)
		if info, found := listed(addr); found {
			t.Errorf("%s: listed after Close: %+v", name, info)
		}
		_, err := info.Resident(0, 0)
		testkit.Wants(t, name, err, typedmem.ErrClosed)
	}
	if list := typedmem.Mappings(); !slices.IsSortedFunc(list, func(a, b typedmem.MappingInfo) int { return int(a.Addr>>1) - int(b.Addr>>1) }) {
		t.Error("the list is not in order")
	}
	_, err := typedmem.MappingInfo{}.Resident(0, 0)
	testkit.Wants(t, "the zero MappingInfo", err, typedmem.ErrClosed)
}

// Each part of a split is listed, with its name, and one mapping after a merge.
func TestMappingsFollowsSplitAndMerge(t *testing.T) {
	for what, split := range map[string]func(m *typedmem.Mapping) (left, right *typedmem.Mapping){
		"off": func(m *typedmem.Mapping) (left, right *typedmem.Mapping) { return m, testkit.Must(m.SplitOff(unit))(t) },
		"to":  func(m *typedmem.Mapping) (left, right *typedmem.Mapping) { return testkit.Must(m.SplitTo(unit))(t), m },
	} {
		m := testkit.Must(options.New(3 * unit).WithName("split").MapMut())(t)
		before := listedAs(t, what, m)
		left, right := split(m)
		if a, b := listedAs(t, what, left), listedAs(t, what, right); a.Len != unit || b.Len != 2*unit || b.Name != "split" {
			t.Errorf("%s: %+v and %+v", what, a, b)
		}
		_, err := before.Resident(0, unit)
		if !errors.Is(err, errors.ErrUnsupported) {
			testkit.Check(t, err, what)
		}
		_, err = before.Resident(0, unit+1)
		testkit.Wants(t, what, err, typedmem.ErrBounds)
		gone := right.Addr()
		testkit.Check(t, left.Merge(right), what)
		if info := listedAs(t, what, left); info.Len != 3*unit {
			t.Errorf("%s, merged: %+v", what, info)
		}
		if _, found := listed(gone); found {
			t.Errorf("%s: the part that was merged is listed", what)
		}
		testkit.Check(t, left.Close(), what)
	}
}

// ReadStats and Mappings count the same. Mappings of other tests may be collected in between.
func TestReadStats(t *testing.T) {
	m := mapMut(t, options.New(5*unit+1).WithCapacity(20*unit))
	agree := func() bool {
		var want typedmem.Stats
		for _, info := range typedmem.Mappings() {
			want.Mappings++
			want.MappedBytes += uint64(info.Len)
			want.ReservedBytes += uint64(info.Cap)
		}
		got := typedmem.ReadStats()
		got.HeldBytes, got.Faults = 0, 0
		return got == want && got.Mappings >= 1 && got.MappedBytes >= 5*uint64(unit)+1 && got.ReservedBytes >= 20*uint64(unit)
	}
	eventually(t, "the counts do not agree", agree)

	view := testkit.Must(region.From[byte](m))(t).View()
	testkit.Check(t, m.Close())
	if held := typedmem.ReadStats().HeldBytes; held < 5*uint64(unit) {
		t.Errorf("%d bytes are held of a mapping of %d with a view", held, 5*unit+1)
	}
	_, err := view.Load(0)
	testkit.Wants(t, "Load", err, typedmem.ErrClosed)
}

var loaded byte

func TestReadStatsCountsFaults(t *testing.T) {
	testenv.FaultAddresses(t)
	m := mapMut(t, options.New(unit))
	b := m.Bytes()
	testkit.Check(t, m.MakeNone())
	before := typedmem.ReadStats().Faults
	for range 3 {
		faultOf(t, "a load", func() { loaded = b[0] })
	}
	testkit.Check(t, typedmem.Guard(func() error { return nil }))
	if n := typedmem.ReadStats().Faults - before; n != 3 {
		t.Errorf("%d faults are counted of 3", n)
	}
}

// The list holds nothing: a mapping that nobody closes is released while somebody has the list.
func TestMappingsKeepsNothing(t *testing.T) {
	addr := testkit.Must(options.New(unit).WithName("dropped").MapMut())(t).Addr()
	list := typedmem.Mappings()
	eventually(t, "the mapping is still listed", func() bool {
		info, found := listed(addr)
		return !found || info.Name != "dropped" // the addresses may be those of another one
	})
	for _, info := range list {
		if info.Name == "dropped" {
			_, err := info.Resident(0, 1)
			testkit.Wants(t, "Resident", err, typedmem.ErrClosed)
			return
		}
	}
	t.Error("the mapping was not in the list")
}

// What a list says of the pages in memory is what the mapping says.
func TestResidentOfMappingInfo(t *testing.T) {
	m := mapMut(t, options.New(16*unit).WithCapacity(32*unit))
	b := m.Bytes()
	for i := range 5 {
		b[i*unit] = 1
	}
	info := listedAs(t, "the mapping", m)
	for _, at := range [][2]int{{0, 16 * unit}, {0, 5 * unit}, {1, 2}, {3, 3}, {4 * unit, 16 * unit}} {
		got, err := info.Resident(at[0], at[1])
		want, wanted := m.Resident(at[0], at[1])
		if got != want || (err == nil) != (wanted == nil) {
			t.Errorf("bytes %d: %d, %v, want %d, %v", at, got, err, want, wanted)
		}
	}
	for _, at := range [][2]int{{-1, 2}, {2, 1}, {0, 16*unit + 1}} {
		_, err := info.Resident(at[0], at[1])
		testkit.Wants(t, "bad bounds", err, typedmem.ErrBounds)
	}
	testkit.Check(t, m.Resize(20*unit))
	if _, err := info.Resident(0, 20*unit); err != nil && !errors.Is(err, errors.ErrUnsupported) {
		t.Error("after growth: ", err)
	}
	testkit.Check(t, m.MakeNone())
	_, err := info.Resident(0, unit)
	testkit.Wants(t, "no access", err, typedmem.ErrProtection)
}

// Who watches does not keep others from closing.
func TestResidentOfMappingInfoHoldsNothing(t *testing.T) {
	m := testkit.Must(options.New(4 * unit).MapMut())(t)
	info := listedAs(t, "the mapping", m)
	if _, err := info.Resident(0, 1); err != nil {
		t.Skip("the system does not tell: ", err)
	}
	resume := testenv.Stopped(t, sys.OpResident, func() error {
		_, err := info.Resident(0, 4*unit)
		return err
	})
	testkit.Check(t, m.Close())
	testkit.Wants(t, "Resident", resume(), typedmem.ErrClosed)
}

// Mappings beside calls that make, split, merge, change and close mappings.
func TestMappingsBesideChanges(t *testing.T) {
	var work, watch sync.WaitGroup
	stop := make(chan struct{})
	watch.Add(1)
	go func() {
		defer watch.Done()
		for {
			select {
			case <-stop:
				return
			default:
			}
			for _, info := range typedmem.Mappings() {
				if info.Name != "busy" {
					continue
				}
				if n := info.Len; n != unit && n != 2*unit && n != 3*unit || info.Cap < n {
					t.Errorf("%+v", info)
				}
				_, _ = info.Resident(0, info.Len)
			}
			typedmem.ReadStats()
		}
	}()
	for range 2 {
		work.Add(1)
		go func() {
			defer work.Done()
			for range 100 {
				m, err := options.New(3 * unit).WithName("busy").MapMut()
				if err != nil {
					t.Error(err)
					return
				}
				other, err := m.SplitTo(unit)
				if err == nil {
					err = errors.Join(m.MakeReadOnly(), m.MakeMut(), other.Merge(m), other.Close())
				}
				if err != nil {
					t.Error(err)
					return
				}
			}
		}()
	}
	work.Wait()
	close(stop)
	watch.Wait()
}

// names records which ranges the library names.
func names(t *testing.T, refusal error) (named func() (bytes int)) {
	t.Helper()
	var mu sync.Mutex
	bytes := 0
	t.Cleanup(sys.Interpose(func(c sys.Call) error {
		if c.Op != sys.OpName {
			return nil
		}
		mu.Lock()
		defer mu.Unlock()
		bytes += c.Len
		return refusal
	}))
	return func() int {
		mu.Lock()
		defer mu.Unlock()
		n := bytes
		bytes = 0
		return n
	}
}

// All anonymous memory of a mapping with a name is named, and a refusal is no error.
func TestMemoryIsNamed(t *testing.T) {
	for _, answer := range []error{nil, os.ErrInvalid} {
		named := names(t, answer)
		for what, make := range map[string]func() (m *typedmem.Mapping, err error){
			"map": func() (*typedmem.Mapping, error) { return options.New(3 * unit).WithName("x").Map() },
			"capacity": func() (*typedmem.Mapping, error) {
				return options.New(3 * unit).WithCapacity(99 * unit).WithName("x").Map()
			},
			"shared": func() (*typedmem.Mapping, error) {
				return options.New(3 * unit).WithFlags(flags.Shared).WithName("x").Map()
			},
			"commit": func() (*typedmem.Mapping, error) {
				m, err := options.New(3 * unit).WithName("x").ReserveMut()
				if n := named(); n != 0 {
					t.Errorf("%d bytes of a reserved range are named", n)
				}
				return m, errors.Join(err, m.Commit())
			},
		} {
			m := testkit.Must(make())(t)
			if n := named(); n != 3*unit {
				t.Errorf("%s: %d bytes are named, want %d", what, n, 3*unit)
			}
			if what == "capacity" {
				testkit.Check(t, m.Resize(50*unit))
				if n := named(); n < 47*unit {
					t.Errorf("%s: %d bytes are named by growth, want %d", what, n, 47*unit)
				}
			}
			testkit.Check(t, m.Close())
		}
		for what, m := range map[string]*typedmem.Mapping{
			"no name": testkit.Must(options.New(unit).MapMut())(t),
			"a file":  testkit.Must(options.New(unit).WithFile(testkit.File(t, make([]byte, unit)), 0).WithName("x").Map())(t),
		} {
			if n := named(); n != 0 {
				t.Errorf("%s: %d bytes are named", what, n)
			}
			testkit.Check(t, m.Close())
		}
	}
}

// A merge gives both parts one name, which lets the system join their areas.
func TestMergeNamesBoth(t *testing.T) {
	place := testkit.Must(options.New(2 * unit).ReserveNone())(t)
	left, err := options.New(unit).WithAddress(place.Addr()).WithUnsafeFlags(flags.Fixed).WithName("left").MapMut()
	if errors.Is(err, errors.ErrUnsupported) {
		t.Skip("no fixed addresses here: ", err)
	}
	testkit.Check(t, err)
	right := testkit.Must(options.New(unit).WithAddress(place.Addr() + uintptr(unit)).WithUnsafeFlags(flags.Fixed).WithName("right").MapMut())(t)
	named := names(t, nil)
	testkit.Check(t, left.Merge(right))
	if n := named(); n != unit || left.Name() != "left" {
		t.Errorf("%d bytes are named, want %d; the name is %q", n, unit, left.Name())
	}
	testkit.Check(t, left.Close())
	testkit.Check(t, place.Close())
}

// The kernel's own list has the name.
func TestNameInTheListOfAreas(t *testing.T) {
	m := mapMut(t, options.New(3*unit).WithCapacity(100*unit).WithName("order book [1]"))
	if err := sys.Name(m.Addr(), 3*unit, "order book [1]"); err != nil {
		t.Skip("this kernel has no names for anonymous memory: ", err)
	}
	testkit.Check(t, m.Resize(100*unit))
	a, _ := areaAt(t, m.Addr())
	if !strings.Contains(a.Label, "order book _1_") || a.End < m.Addr()+100*uintptr(unit) {
		t.Errorf("the area is %v", a)
	}
}

// The list says what shows the memory, and how full a slab is.
func TestMappingsTellsWhatShowsThem(t *testing.T) {
	type tick struct{ A, B uint64 }
	kind := func(what string, addr uintptr, want typedmem.MappingInfo) {
		t.Helper()
		got, found := listed(addr)
		if !found || got.Kind != want.Kind || got.Type != want.Type || got.Objects != want.Objects || got.Slots != want.Slots {
			t.Errorf("%s: %+v is listed, %v", what, got, found)
		}
	}
	dir := t.TempDir()
	ticks := typedmem.MappingInfo{Kind: "region", Type: "typedmem_test.tick"}

	r := testkit.Must(region.New[tick](10 * unit))(t)
	kind("region", r.Mapping().Addr(), ticks)
	part := testkit.Must(r.SplitOff(unit))(t)
	kind("part", part.Mapping().Addr(), ticks)
	testkit.Check(t, r.Close())
	testkit.CloseLater(t, part)

	path := filepath.Join(dir, "region")
	w := testkit.Must(region.Create[tick](path, 3))(t)
	testkit.CloseLater(t, w)
	reader := testkit.Must(region.Open[tick](path))(t)
	testkit.CloseLater(t, reader)
	kind("reader", reader.Mapping().Addr(), ticks)
	if before := reader.Mapping().Addr(); bits.UintSize == 64 {
		testkit.Check(t, w.Resize(reader.Cap()+1))
		testkit.Must(reader.Refresh())(t)
		kind("reader that moved", reader.Mapping().Addr(), ticks)
		kind("reader's former range", before, ticks)
	}

	file := filepath.Join(dir, "slab")
	for name, s := range map[string]*slab.Slab[tick]{
		"slab":      testkit.Must(slab.New[tick](1000))(t),
		"debug":     testkit.Must(slab.With[tick](1000, slab.Config{Debug: true, GuardEvery: 4}))(t),
		"slab file": testkit.Must(slab.Create[tick](file, 1000))(t),
	} {
		for range 7 {
			testkit.Must(s.Insert(tick{}))(t)
		}
		full := typedmem.MappingInfo{Kind: "slab", Type: "typedmem_test.tick", Objects: 7, Slots: 1000}
		kind(name, s.Mapping().Addr(), full)
		if name == "slab file" {
			testkit.Check(t, s.Sync())
			other := testkit.Must(slab.Open[tick](file))(t)
			kind("reader of a slab", other.Mapping().Addr(), full)
			testkit.Check(t, other.Close())
			var words, headers int
			for _, info := range typedmem.Mappings() {
				switch {
				case info.File != file:
				case info.Kind == "words of a slab":
					words++
				case info.Kind == "header of a file":
					headers++
				}
			}
			if words != 1 || headers != 1 {
				t.Errorf("%d mappings of words and %d of headers are listed", words, headers)
			}
		}
		m := s.Mapping()
		testkit.Check(t, s.Close())
		if info, found := listed(m.Addr()); found {
			t.Errorf("%s: %+v is listed after Close", name, info)
		}
	}
}
