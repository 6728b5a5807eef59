package region_test

import (
	"fmt"
	"os"
	"slices"
	"sync/atomic"
	"testing"

	"github.com/typedmem/typedmem"
	"github.com/typedmem/typedmem/internal/testenv"
	"github.com/typedmem/typedmem/internal/testkit"
	"github.com/typedmem/typedmem/options"
	"github.com/typedmem/typedmem/region"
)

// ways are all the ways to read and to write one element, the one at index i of the region, through
// views that were made before.
type ways struct {
	name  string
	read  func() (uint64, error)
	write func() error
}

func waysTo(t *testing.T, r *region.Region[uint64], i int) []ways {
	t.Helper()
	v := r.View()
	sub, err := v.Sub(i, i+1)
	testkit.Wants(t, "Sub", err, nil)
	col, err := v.Every(i, i+1, 2)
	testkit.Wants(t, "Every", err, nil)
	cast, err := region.Cast[[1]uint64](sub)
	testkit.Wants(t, "Cast", err, nil)
	bytes := sub.Bytes()
	ro := sub.ReadOnly()
	one := []uint64{0}
	panics := func(f func()) error { return testkit.Caught(t, f) }
	return []ways{
		{"view Load and Store", func() (uint64, error) { return v.Load(i) }, func() error { return v.Store(i, 1) }},
		{"view At and Set", func() (x uint64, err error) { err = panics(func() { x = v.At(i) }); return }, func() error { return panics(func() { v.Set(i, 1) }) }},
		{"region Load and Store", func() (uint64, error) { return r.Load(i) }, func() error { return r.Store(i, 1) }},
		{"region At and Set", func() (x uint64, err error) { err = panics(func() { x = r.At(i) }); return }, func() error { return panics(func() { r.Set(i, 1) }) }},
		{"column Load and Store", func() (uint64, error) { return col.Load(0) }, func() error { return col.Store(0, 1) }},
		{"column At and Set", func() (x uint64, err error) { err = panics(func() { x = col.At(0) }); return }, func() error { return panics(func() { col.Set(0, 1) }) }},
		{"cast", func() (uint64, error) { x, err := cast.Load(0); return x[0], err }, func() error { return cast.Store(0, [1]uint64{1}) }},
		{"bytes", func() (uint64, error) { x, err := bytes.Load(7); return uint64(x), err }, func() error { return bytes.Store(7, 1) }},
		{"read-only", func() (uint64, error) { return ro.Load(0) }, nil},
		{"copies", func() (uint64, error) { return one[0], panics(func() { sub.CopyTo(one) }) }, func() error { return panics(func() { sub.CopyFrom(one) }) }},
		{"Fill", nil, func() error { return panics(func() { sub.Fill(1) }) }},
		{"column copies", func() (uint64, error) { return one[0], panics(func() { col.CopyTo(one) }) }, func() error { return panics(func() { col.CopyFrom(one) }) }},
		{"column Fill", nil, func() error { return panics(func() { col.Fill(1) }) }},
		{"All", func() (x uint64, err error) {
			err = panics(func() {
				for _, x = range sub.All() {
				}
			})
			return
		}, nil},
		{"Values", func() (x uint64, err error) {
			err = panics(func() {
				for x = range sub.Values() {
				}
			})
			return
		}, nil},
		{"column All", func() (x uint64, err error) {
			err = panics(func() {
				for _, x = range col.All() {
					break
				}
			})
			return
		}, nil},
		{"raw", func() (x uint64, err error) { err = panics(func() { x = sub.Slice()[0] }); return }, nil},
		{"Ptr", func() (x uint64, err error) { err = panics(func() { x = *v.Ptr(i) }); return }, nil},
	}
}

func check(t *testing.T, all []ways, read, write error, words ...string) {
	t.Helper()
	for _, w := range all {
		if w.read != nil {
			_, err := w.read()
			testkit.Wants(t, w.name+", reading", err, read, words...)
		}
		if w.write != nil {
			testkit.Wants(t, w.name+", writing", w.write(), write)
		}
	}
}

// pages makes a region of n pages and gives the elements of a page.
func pages(t *testing.T, n int) (*region.Region[uint64], int) {
	t.Helper()
	page, _ := options.PageSize()
	return numbered(t, n*page/8, func(i int) uint64 { return uint64(i) }), page / 8
}

func TestViewsFollowProtection(t *testing.T) {
	r, page := pages(t, 2)
	m := r.Mapping()
	old := waysTo(t, r, page+3)
	check(t, old, nil, nil)
	testkit.Wants(t, "MakeReadOnly", m.MakeReadOnly(), nil)
	check(t, old, nil, typedmem.ErrProtection)
	testkit.Wants(t, "Append", r.Append(1), typedmem.ErrProtection)
	testkit.Wants(t, "Resize", r.Resize(1), typedmem.ErrProtection)
	testkit.Wants(t, "MakeNone", m.MakeNone(), nil)
	check(t, old, typedmem.ErrProtection, typedmem.ErrProtection)
	if r.Len() != 2*page {
		t.Fatalf("length %d while nothing can be read, want %d", r.Len(), 2*page)
	}
	check(t, waysTo(t, r, 0), typedmem.ErrProtection, typedmem.ErrProtection)
	testkit.Wants(t, "MakeMut", m.MakeMut(), nil)
	check(t, old, nil, nil)
	if r.At(page+2) != uint64(page+2) {
		t.Fatal("the contents are lost")
	}
}

func TestViewsOfAClosedRegion(t *testing.T) {
	r, page := pages(t, 2)
	old := waysTo(t, r, page)
	empty, err := r.Sub(3, 3)
	testkit.Wants(t, "Sub", err, nil)
	testkit.Wants(t, "Close", r.Close(), nil)
	check(t, old, typedmem.ErrClosed, typedmem.ErrClosed)
	everythingIsClosed(t, r)
	testkit.Wants(t, "Bytes", testkit.Caught(t, func() { r.Mapping().Bytes() }), typedmem.ErrClosed)
	for range empty.All() {
		t.Fatal("an empty view yields")
	}
}

// everythingIsClosed calls every method of a region that has no memory, each of which says so with
// the words.
func everythingIsClosed(t *testing.T, r *region.Region[uint64], words ...string) {
	t.Helper()
	_, err := r.Sub(0, 0)
	_, errOff := r.SplitOff(-1)
	_, errTo := r.SplitTo(1)
	_, errPin := r.Pin()
	_, errRefresh := r.Refresh()
	_, errLoad := r.Load(0)
	other := numbered(t, 1, func(int) uint64 { return 1 })
	for name, err := range map[string]error{
		"Close": r.Close(), "Append": r.Append(1), "Append nothing": r.Append(), "Resize": r.Resize(-1), "Flush": r.Flush(), "FlushRange": r.FlushRange(1, 0),
		"Sync": r.Sync(), "Prefault": r.Prefault(0, 0), "Sub": err, "SplitOff": errOff, "SplitTo": errTo, "Merge": r.Merge(nil), "Merge itself": r.Merge(r),
		"Pin": errPin, "Refresh": errRefresh, "Load": errLoad, "Store": r.Store(0, 1), "Merge with it": other.Merge(r),
		"Slice": testkit.Caught(t, func() { r.Slice() }), "Ptr": testkit.Caught(t, func() { r.Ptr(-1) }),
		"All":    testkit.Caught(t, func() { r.All()(nil) }),
		"Values": testkit.Caught(t, func() { r.Values()(nil) }),
		"At":     testkit.Caught(t, func() { r.At(0) }),
		"Set":    testkit.Caught(t, func() { r.Set(0, 1) }),
	} {
		testkit.Wants(t, name, err, typedmem.ErrClosed, words...)
	}
	if r.Len() != 0 || r.Cap() != 0 || r.View().Len() != 0 {
		t.Fatalf("a closed region of %d elements, capacity %d", r.Len(), r.Cap())
	}
}

func TestZeroRegionIsClosed(t *testing.T) {
	r := new(region.Region[uint64])
	everythingIsClosed(t, r, "the region was made by no constructor: closed")
	if r.Mapping() != nil {
		t.Fatal("a mapping of nothing")
	}
	testkit.Wants(t, "At", testkit.Caught(t, func() { r.At(0) }), typedmem.ErrClosed, "at: the region was made by no constructor")
	atomics := new(region.Region[atomic.Uint64])
	testkit.Wants(t, "Append", atomics.Append(), typedmem.ErrClosed)
	testkit.Wants(t, "Resize", atomics.Resize(0), typedmem.ErrClosed)
}

func TestViewsOfAShrunkRegion(t *testing.T) {
	r, page := pages(t, 4)
	cutOff, kept := waysTo(t, r, 2*page+1), waysTo(t, r, page)
	testkit.Wants(t, "Resize", r.Resize(2*page+1), nil)
	check(t, cutOff, typedmem.ErrBounds, typedmem.ErrBounds)
	for _, w := range cutOff {
		if w.write != nil && w.name != "region At and Set" && w.name != "region Load and Store" {
			testkit.Wants(t, w.name, w.write(), typedmem.ErrBounds, "shrunk")
		}
	}
	check(t, kept, nil, nil)
	testkit.Wants(t, "Resize", r.Resize(4*page), nil)
	check(t, cutOff[2:3], nil, nil)
	for i := 2*page + 2; i < 4*page; i++ {
		if r.At(i) != 0 {
			t.Fatalf("element %d is %d after shrinking and growing, want 0", i, r.At(i))
		}
	}
	testkit.Wants(t, "Resize", r.Resize(0), nil)
	check(t, kept, typedmem.ErrBounds, typedmem.ErrBounds)
}

func TestViewsOfASplitRegion(t *testing.T) {
	for _, to := range []bool{false, true} {
		t.Run(fmt.Sprintf("to=%v", to), func(t *testing.T) {
			r, page := pages(t, 3)
			left, right := waysTo(t, r, page-1), waysTo(t, r, page)
			left = slices.DeleteFunc(left, func(w ways) bool { return w.name == "region At and Set" || w.name == "region Load and Store" })
			right = slices.DeleteFunc(right, func(w ways) bool { return w.name == "region At and Set" || w.name == "region Load and Store" })
			for _, bad := range []int{0, 3 * page, page + 1, -1, 4 * page, 1 << (intSize - 2)} {
				_, err := r.SplitOff(bad)
				testkit.Wants(t, "SplitOff", err, typedmem.ErrOffset)
				_, err = r.SplitTo(bad)
				testkit.Wants(t, "SplitTo", err, typedmem.ErrOffset)
			}
			var a, b *region.Region[uint64]
			var err error
			if to {
				b = r
				a, err = r.SplitTo(page)
			} else {
				a = r
				b, err = r.SplitOff(page)
			}
			testkit.Wants(t, "split", err, nil)
			if a.Len() != page || b.Len() != 2*page || a.At(5) != 5 || b.At(5) != uint64(page+5) || a.Cap() != page {
				t.Fatalf("parts of %d and %d elements", a.Len(), b.Len())
			}
			testkit.Wants(t, "Load past the end", a.Store(page, 1), typedmem.ErrBounds)
			check(t, left, nil, nil)
			check(t, right, typedmem.ErrBounds, typedmem.ErrBounds, "split")
			testkit.Wants(t, "Merge the wrong way", b.Merge(a), typedmem.ErrNotAdjacent)
			ofB := b.View()
			testkit.Wants(t, "Merge", a.Merge(b), nil)
			if a.Len() != 3*page || a.At(3*page-1) != uint64(3*page-1) {
				t.Fatalf("%d elements after merging", a.Len())
			}
			testkit.Wants(t, "Close of the spent one", b.Close(), typedmem.ErrClosed)
			_, err = ofB.Load(0)
			testkit.Wants(t, "a view of the spent one", err, typedmem.ErrClosed)
			check(t, left, nil, nil)
			check(t, right, nil, nil)
			testkit.Wants(t, "Close", a.Close(), nil)
			check(t, left, typedmem.ErrClosed, typedmem.ErrClosed)
			if err := r.Close(); err != nil {
				testkit.Wants(t, "Close", err, typedmem.ErrClosed)
			}
		})
	}
}

func TestIteratorsNoticeInFlight(t *testing.T) {
	type step struct {
		change   func(r *region.Region[uint64], page int) error
		sentinel error
	}
	for name, s := range map[string]step{
		"Close":    {func(r *region.Region[uint64], _ int) error { return r.Close() }, typedmem.ErrClosed},
		"Resize":   {func(r *region.Region[uint64], page int) error { return r.Resize(page) }, typedmem.ErrBounds},
		"MakeNone": {func(r *region.Region[uint64], _ int) error { return r.Mapping().MakeNone() }, typedmem.ErrProtection},
		"SplitOff": {func(r *region.Region[uint64], page int) error { _, err := r.SplitOff(page); return err }, typedmem.ErrBounds},
	} {
		for i, run := range []func(r *region.Region[uint64], at func(uint64)){
			func(r *region.Region[uint64], at func(uint64)) {
				for _, x := range r.All() {
					at(x)
				}
			},
			func(r *region.Region[uint64], at func(uint64)) {
				for x := range r.Values() {
					at(x)
				}
			},
			func(r *region.Region[uint64], at func(uint64)) {
				s, _ := r.View().Every(0, r.Len(), 1)
				for _, x := range s.All() {
					at(x)
				}
			},
			func(r *region.Region[uint64], at func(uint64)) {
				s, _ := r.View().Every(0, r.Len(), 1)
				for x := range s.Values() {
					at(x)
				}
			},
			func(r *region.Region[uint64], at func(uint64)) {
				for c := range r.View().Chunks(1) {
					at(c.At(0))
				}
			},
		} {
			t.Run(fmt.Sprint(name, i), func(t *testing.T) {
				r, page := pages(t, 2)
				last := uint64(0)
				err := testkit.Caught(t, func() {
					run(r, func(x uint64) {
						if last = x; x == uint64(page)-1 {
							testkit.Wants(t, name, s.change(r, page), nil)
						}
					})
				})
				testkit.Wants(t, "the iterator", err, s.sentinel)
				if last != uint64(page)-1 {
					t.Fatalf("the iterator went on to element %d", last)
				}
			})
		}
	}
}

func TestReadOnlyViews(t *testing.T) {
	r, page := pages(t, 1)
	v := r.View().ReadOnly()
	sub, err := v.Sub(1, page)
	testkit.Wants(t, "Sub", err, nil)
	col, err := sub.Every(0, 4, 2)
	testkit.Wants(t, "Every", err, nil)
	cast, err := region.Cast[uint32](v)
	testkit.Wants(t, "Cast", err, nil)
	field, err := region.Field[uint32](mustCast[[2]uint32](t, v), 4)
	testkit.Wants(t, "Field", err, nil)
	strided, err := r.View().Every(0, 4, 2)
	testkit.Wants(t, "Every", err, nil)
	first, rest, err := v.SplitAt(1)
	testkit.Wants(t, "SplitAt", err, nil)
	for name, write := range map[string]func() error{
		"view": func() error { return v.Store(0, 9) }, "Sub": func() error { return sub.Store(0, 9) }, "Every": func() error { return col.Store(0, 9) },
		"Cast": func() error { return cast.Store(0, 9) }, "Bytes": func() error { return v.Bytes().Store(0, 9) }, "Field": func() error { return field.Store(0, 9) },
		"Set": func() error { return testkit.Caught(t, func() { v.Set(0, 9) }) }, "Fill": func() error { return testkit.Caught(t, func() { v.Fill(9) }) },
		"CopyFrom":       func() error { return testkit.Caught(t, func() { v.CopyFrom([]uint64{9}) }) },
		"column Fill":    func() error { return testkit.Caught(t, func() { strided.ReadOnly().Fill(9) }) },
		"column":         func() error { return strided.ReadOnly().Store(0, 9) },
		"SplitAt":        func() error { return first.Store(0, 9) },
		"SplitAt behind": func() error { return rest.Store(0, 9) },
		"twice":          func() error { return v.ReadOnly().Store(0, 9) },
	} {
		testkit.Wants(t, name, write(), typedmem.ErrProtection, "read-only")
	}
	if r.At(0) != 0 || v.At(3) != 3 {
		t.Fatal("a refused write came through")
	}
	r.Set(3, 33)
	if v.At(3) != 33 {
		t.Fatal("a read-only view does not show what is written")
	}
	testkit.Wants(t, "index", v.Store(page, 1), typedmem.ErrBounds)
	testkit.Wants(t, "Append", r.Append(5), nil)
	if w := r.View().ReadOnly(); w.At(page) != 5 {
		t.Fatal("a read-only view does not follow the length")
	}
}

func mustCast[U, T any](t *testing.T, v region.View[T]) region.View[U] {
	t.Helper()
	u, err := region.Cast[U](v)
	testkit.Wants(t, "Cast", err, nil)
	return u
}

func TestPinHoldsARegion(t *testing.T) {
	r, page := pages(t, 2)
	unpin, err := r.Pin()
	testkit.Wants(t, "Pin", err, nil)
	_, errOff := r.SplitOff(page)
	_, errTo := r.SplitTo(page)
	for name, err := range map[string]error{"Close": r.Close(), "shrinking": r.Resize(1), "SplitOff": errOff, "SplitTo": errTo} {
		testkit.Wants(t, name, err, typedmem.ErrBusy)
	}
	testkit.Wants(t, "growing", r.Resize(3*page), nil)
	testkit.Wants(t, "Append", r.Append(1), nil)
	unpin()
	unpin()
	testkit.Wants(t, "shrinking", r.Resize(page), nil)
	testkit.Wants(t, "Close", r.Close(), nil)
}

func TestZeroValuesAreEmpty(t *testing.T) {
	var v region.View[uint64]
	var s region.Strided[uint64]
	testkit.Wants(t, "Load", v.Store(0, 1), typedmem.ErrBounds, "length 0")
	testkit.Wants(t, "Load", s.Store(0, 1), typedmem.ErrBounds, "length 0")
	testkit.Wants(t, "At", testkit.Caught(t, func() { v.At(0) }), typedmem.ErrBounds)
	v.Fill(1)
	s.Fill(1)
	for range v.All() {
		t.Fatal("an element")
	}
	for range s.ReadOnly().Values() {
		t.Fatal("an element")
	}
	sub, err := v.Sub(0, 0)
	testkit.Wants(t, "Sub", err, nil)
	col, err := sub.Every(0, 0, 1)
	testkit.Wants(t, "Every", err, nil)
	cast, err := region.Cast[byte](v.ReadOnly())
	testkit.Wants(t, "Cast", err, nil)
	testkit.Wants(t, "Set", testkit.Caught(t, func() { v.Set(0, 1) }), typedmem.ErrBounds, "length 0")
	testkit.Wants(t, "column At", testkit.Caught(t, func() { s.At(0) }), typedmem.ErrBounds, "length 0")
	testkit.Wants(t, "column Set", testkit.Caught(t, func() { s.Set(0, 1) }), typedmem.ErrBounds, "length 0")
	testkit.Wants(t, "Ptr", testkit.Caught(t, func() { v.Ptr(0) }), typedmem.ErrBounds, "length 0")
	_, _, err = v.SplitAt(1)
	testkit.Wants(t, "SplitAt", err, typedmem.ErrBounds)
	_, _, err = v.SplitAt(0)
	testkit.Wants(t, "SplitAt", err, nil)
	_, err = s.Sub(0, 0)
	testkit.Wants(t, "column Sub", err, nil)
	_, err = s.Every(0, 0, 2)
	testkit.Wants(t, "column Every", err, nil)
	_, err = region.Cast[atomic.Uint64](v)
	testkit.Wants(t, "Cast", err, nil)
	_, err = region.Field[uint64](region.View[pair]{}, 8)
	testkit.Wants(t, "Field", err, nil)
	for range v.Chunks(1) {
		t.Fatal("a chunk")
	}
	region.RaceRelease(v, 0)
	region.RaceAcquire(v, 0)
	if v.CopyTo(make([]uint64, 3))+v.CopyFrom(make([]uint64, 3))+s.CopyTo(make([]uint64, 3))+s.CopyFrom(make([]uint64, 3)) != 0 ||
		col.Len()+cast.Len()+v.Bytes().Len()+len(v.Slice()) != 0 {
		t.Fatal("something in nothing")
	}
}

// TestMappingOfARegionClosed: anyone who closes the mapping under a region file has closed the
// region, and its Close lets go of the file.
func TestMappingOfARegionClosed(t *testing.T) {
	testenv.PartialPages(t)
	path := t.TempDir() + "/r"
	r, err := region.Create[uint64](path, 3)
	testkit.Wants(t, "Create", err, nil)
	testkit.Wants(t, "Close of the mapping", r.Mapping().Close(), nil)
	testkit.Wants(t, "Load", r.Store(0, 1), typedmem.ErrClosed)
	testkit.Wants(t, "Close", r.Close(), typedmem.ErrClosed)
	again, err := region.OpenMut[uint64](path)
	testkit.Wants(t, "OpenMut", err, nil)
	if again.Len() != 3 {
		t.Fatalf("%d elements", again.Len())
	}
	testkit.Wants(t, "Close", again.Close(), nil)
	testkit.Wants(t, "remove", os.Remove(path), nil)
}
