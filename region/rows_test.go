package region_test

import (
	"fmt"
	"math"
	"slices"
	"sync/atomic"
	"testing"

	"github.com/typedmem/typedmem"
	"github.com/typedmem/typedmem/internal/testkit"
	"github.com/typedmem/typedmem/region"
)

// TestRowsAgreeWithIndexArithmetic: the laws of Rows, over all small numbers of rows, widths and
// element sizes.
func TestRowsAgreeWithIndexArithmetic(t *testing.T) {
	rowLaws(t, func(i int) uint8 { return uint8(i + 1) })
	rowLaws(t, func(i int) six { return six{uint16(i), 7, uint16(i * i)} })
	rowLaws(t, func(i int) float64 { return float64(i) + 0.5 })
	rowLaws(t, func(i int) wide { return wide{uint64(i), 1, 2, uint64(i * 3)} })
}

func rowLaws[T comparable](t *testing.T, f func(int) T) {
	t.Run(fmt.Sprintf("%T", *new(T)), func(t *testing.T) {
		for n := range 5 {
			for width := 1; width < 5; width++ {
				r := numbered(t, n*width, f)
				model := make([]T, n*width)
				for i := range model {
					model[i] = f(i)
				}
				all := testkit.Must(region.RowsOf(r.View(), width))(t)
				sameRows(t, all, model, n, width)
				sameRows(t, testkit.Must(region.RowsOf(all.Flat(), width))(t), model, n, width)
				for lo := range n + 1 {
					for hi := lo; hi <= n; hi++ {
						part := testkit.Must(all.Sub(lo, hi))(t)
						sameRows(t, part, model[lo*width:hi*width], hi-lo, width)
					}
				}
				for i := range n {
					for j := range width {
						all.Set(i, j, f(70))
						testkit.Wants(t, "Store", all.Store(i, j, r.At(i*width+j)), nil)
						model[i*width+j] = f(70)
						equal(t, "after Set", r.View(), model)
					}
				}
				testkit.Wants(t, "Close", r.Close(), nil)
			}
		}
	})
}

// sameRows fails unless r shows the elements of model, in n rows of a width.
func sameRows[T comparable](t *testing.T, r region.Rows[T], model []T, n, width int) {
	t.Helper()
	if r.Len() != n || r.Width() != width {
		t.Fatalf("%d rows of %d, want %d of %d", r.Len(), r.Width(), n, width)
	}
	equal(t, "Flat", r.Flat(), model)
	next := 0
	for i, row := range r.All() {
		equal(t, "All", row, model[i*width:][:width])
		equal(t, "Row", r.Row(i), model[i*width:][:width])
		for j := range width {
			if x, err := r.Load(i, j); x != model[i*width+j] || r.At(i, j) != x || err != nil {
				t.Fatalf("element %d of row %d is %v (%v), want %v", j, i, x, err, model[i*width+j])
			}
		}
		if i != next {
			t.Fatalf("row %d follows %d rows", i, next)
		}
		next++
	}
	if next != n {
		t.Fatalf("%d rows were yielded of %d", next, n)
	}
	for j := range width {
		var want []T
		for i := range n {
			want = append(want, model[i*width+j])
		}
		equalColumn(t, "Col", r.Col(j), want)
	}
	rowsRefuse(t, r)
}

// rowsRefuse fails unless every number that r does not have is refused.
func rowsRefuse[T any](t *testing.T, r region.Rows[T]) {
	t.Helper()
	n, width := r.Len(), r.Width()
	outside := func(n int) []int {
		return []int{-1, n, n + 1, math.MinInt, math.MaxInt, math.MaxInt/2 + 1, math.MaxInt/max(width, 1) + 1}
	}
	for _, i := range outside(n) {
		rowRefuses(t, r, i, 0, fmt.Sprint("row ", i), fmt.Sprint(n, " rows"))
		testkit.Wants(t, "Row", testkit.Caught(t, func() { r.Row(i) }), typedmem.ErrBounds, fmt.Sprint("row ", i))
		_, err := r.Sub(i, n)
		testkit.Wants(t, "Sub", err, testkit.Cond(i == n, nil, typedmem.ErrBounds))
		_, err = r.Sub(0, i)
		testkit.Wants(t, "Sub", err, testkit.Cond(i == n, nil, typedmem.ErrBounds))
	}
	for _, j := range outside(width) {
		if n > 0 {
			rowRefuses(t, r, 0, j, fmt.Sprint("element ", j), fmt.Sprint("rows of ", width))
		}
		testkit.Wants(t, "Col", testkit.Caught(t, func() { r.Col(j) }), typedmem.ErrBounds, fmt.Sprint("element ", j))
	}
}

func rowRefuses[T any](t *testing.T, r region.Rows[T], i, j int, words ...string) {
	t.Helper()
	testkit.Wants(t, "At", testkit.Caught(t, func() { r.At(i, j) }), typedmem.ErrBounds, words...)
	testkit.Wants(t, "Set", testkit.Caught(t, func() { r.Set(i, j, *new(T)) }), typedmem.ErrBounds, words...)
	testkit.Wants(t, "Load", second(r.Load(i, j)), typedmem.ErrBounds, words...)
	testkit.Wants(t, "Store", r.Store(i, j, *new(T)), typedmem.ErrBounds, words...)
}

func TestRowsOfRefusesPartsOfRows(t *testing.T) {
	v := numbered(t, 10, func(i int) int32 { return int32(i) }).View()
	for width, words := range map[int][]string{
		0: {"rows of 0 elements", "least is 1"}, -3: {"rows of -3"}, math.MinInt: {"least is 1"},
		3: {"10 elements", "rows of 3", "9 or 12"}, 11: {"but 11 is"}, math.MaxInt: {"10 elements"},
	} {
		_, err := region.RowsOf(v, width)
		testkit.Wants(t, fmt.Sprint("width ", width), err, typedmem.ErrBounds, words...)
	}
	for _, width := range []int{1, 2, 5, 10} {
		if r := testkit.Must(region.RowsOf(v, width))(t); r.Len() != 10/width {
			t.Errorf("%d rows of %d", r.Len(), width)
		}
	}
	empty := testkit.Must(region.RowsOf(region.View[int32]{}, math.MaxInt))(t)
	sameRows(t, testkit.Must(region.RowsOf(region.View[int32]{}, 3))(t), nil, 0, 3)
	if empty.Len() != 0 || empty.Width() != math.MaxInt {
		t.Errorf("%d rows of %d in no elements", empty.Len(), empty.Width())
	}
	rowsRefuse(t, region.Rows[int32]{})
}

// TestRowsNoticeWhatBecomesOfTheMemory as views do: closed, shrunk and read-only.
func TestRowsNoticeWhatBecomesOfTheMemory(t *testing.T) {
	r, page := pages(t, 2)
	rows := testkit.Must(region.RowsOf(r.View(), 8))(t)
	last := rows.Len() - 1
	readOnly := testkit.Must(region.RowsOf(r.View().ReadOnly(), 8))(t)
	testkit.Wants(t, "Store to a read-only row", readOnly.Store(last, 7, 1), typedmem.ErrProtection, "read-only")
	testkit.Wants(t, "Set of a read-only row", testkit.Caught(t, func() { readOnly.Set(last, 7, 1) }), typedmem.ErrProtection)
	for what, write := range map[string]func() error{
		"Row":  func() error { return readOnly.Row(0).Store(0, 1) },
		"Col":  func() error { return readOnly.Col(0).Store(0, 1) },
		"Flat": func() error { return readOnly.Flat().Store(0, 1) },
		"Sub":  func() error { return testkit.Must(readOnly.Sub(0, 1))(t).Store(0, 0, 1) },
	} {
		testkit.Wants(t, what, write(), typedmem.ErrProtection)
	}

	testkit.Wants(t, "Resize", r.Resize(page), nil)
	testkit.Wants(t, "Load past the end", second(rows.Load(last, 7)), typedmem.ErrBounds, "cut off")
	testkit.Wants(t, "At past the end", testkit.Caught(t, func() { rows.At(page/8, 0) }), typedmem.ErrBounds)
	testkit.Wants(t, "Row past the end", second(rows.Row(last).Load(0)), typedmem.ErrBounds)
	testkit.Wants(t, "Load of the last that is left", second(rows.Load(page/8-1, 7)), nil)

	testkit.Wants(t, "Close", r.Close(), nil)
	for what, err := range map[string]error{
		"Load": second(rows.Load(0, 0)), "Store": rows.Store(0, 0, 1), "At": testkit.Caught(t, func() { rows.At(0, 0) }),
		"Set": testkit.Caught(t, func() { rows.Set(0, 0, 1) }), "Row": second(rows.Row(0).Load(0)), "Col": second(rows.Col(7).Load(1)),
	} {
		testkit.Wants(t, what+" after Close", err, typedmem.ErrClosed)
	}
	if closed := r.Rows(); closed.Len() != 0 || closed.Width() != 1 {
		t.Errorf("%d rows of %d in a closed region", closed.Len(), closed.Width())
	}
}

func TestRowsOfAtomicsAllowRawAccessOnly(t *testing.T) {
	r := testkit.Must(region.New[atomic.Uint32](6))(t)
	defer r.Close()
	rows := testkit.Must(region.RowsOf(r.View(), 3))(t)
	_, err := rows.Load(0, 0) //nolint:govet // a copy is refused
	testkit.Wants(t, "Load", err, typedmem.ErrOperation, "sync/atomic")
	rows.Row(1).Ptr(2).Store(9)
	if r.Ptr(5).Load() != 9 {
		t.Error("the row is elsewhere")
	}
}

// TestRowsEndWithTheLoop: a loop over All can be left.
func TestRowsEndWithTheLoop(t *testing.T) {
	rows := testkit.Must(region.RowsOf(numbered(t, 6, func(i int) int32 { return int32(i) }).View(), 2))(t)
	var seen []int
	for i, row := range rows.All() {
		if seen = append(seen, i); row.At(1) == 3 {
			break
		}
	}
	if !slices.Equal(seen, []int{0, 1}) {
		t.Errorf("the loop saw the rows %v", seen)
	}
}

// TestRowsGather has the rest.
func TestGatherRefusesRowsThatAreNotThere(t *testing.T) {
	const n, width = 1000, 7
	for name, r := range gatherers(t, n*width, func(i int) int32 { return int32(i) }) {
		rows := testkit.Must(region.RowsOf(r.View(), width))(t)
		dst := slices.Repeat([]int32{-1}, 5*width)
		for _, bad := range []int{-1, n, math.MaxInt, math.MinInt, math.MaxInt/width + 1} {
			testkit.Wants(t, name, rows.Gather(dst, []int{1, 2, bad}), typedmem.ErrBounds, fmt.Sprint("row ", bad), "1000 rows")
		}
		if slices.ContainsFunc(dst, func(x int32) bool { return x != -1 }) {
			t.Errorf("%s: a refused Gather wrote", name)
		}
		single := testkit.Must(region.RowsOf(r.View(), 1))(t)
		testkit.Check(t, single.Gather(dst, []int{6999, 5}))
		if dst[0] != 6999 || dst[1] != 5 {
			t.Errorf("%s: rows of one element are %v", name, dst[:2])
		}
		testkit.Wants(t, name, single.Gather(dst, []int{7000}), typedmem.ErrBounds, "row 7000")
	}
}
