package region_test

import (
	"context"
	"errors"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/typedmem/typedmem"
	"github.com/typedmem/typedmem/internal/testkit"
	"github.com/typedmem/typedmem/region"
)

// vectors makes a file of n rows of 3 elements, whose elements count from 0.
func vectors(t *testing.T, n int) (r *region.Region[int32], path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "vectors.tm")
	r = testkit.Must(region.OpenFile[int32](path, region.FileOptions{Write: true, Create: true, Width: 3, Len: 3 * n}))(t)
	t.Cleanup(func() {
		if err := r.Close(); err != nil && !errors.Is(err, typedmem.ErrClosed) {
			t.Error(err)
		}
	})
	for i := range 3 * n {
		r.Set(i, int32(i))
	}
	return r, path
}

// TestWidthIsKeptInTheFile: every way to open it has the rows, and another width is refused by both
// names.
func TestWidthIsKeptInTheFile(t *testing.T) {
	r, path := vectors(t, 2)
	sameRows(t, r.Rows(), []int32{0, 1, 2, 3, 4, 5}, 2, 3)
	testkit.Check(t, r.Append(6, 7, 8))
	testkit.Check(t, r.Close())
	if r.Width() != 3 {
		t.Errorf("a width of %d after Close", r.Width())
	}
	for what, o := range map[string]region.FileOptions{
		"any": {}, "the same": {Width: 3}, "to write": {Write: true}, "create": {Write: true, Create: true, Width: 3, Len: 12},
		"a copy": {CopyOnWrite: true}, "shared": {Write: true, Shared: true, Width: 3},
	} {
		r, err := region.OpenFile[int32](path, o)
		testkit.Check(t, err, what)
		sameRows(t, r.Rows(), []int32{0, 1, 2, 3, 4, 5, 6, 7, 8}, 3, 3)
		if r.Width() != 3 || !strings.Contains(r.String(), "9 of") || !strings.Contains(r.String(), "in rows of 3") {
			t.Errorf("%s: a width of %d: %v", what, r.Width(), r)
		}
		testkit.Check(t, r.Close())
	}
	for _, width := range []int{1, 2, 9, math.MaxInt/4 - 1} {
		_, err := region.OpenFile[int32](path, region.FileOptions{Width: width})
		testkit.Wants(t, "another width", err, typedmem.ErrLayout, "rows have 3 elements", "rows of", path)
	}
	for what, r := range map[string]*region.Region[int32]{
		"memory": numbered(t, 2, func(int) int32 { return 0 }), "zero": new(region.Region[int32]),
	} {
		if r.Width() != 1 || r.Rows().Width() != 1 || r.Rows().Len() != r.Len() || strings.Contains(r.String(), "rows") {
			t.Errorf("%s: %v in rows of %d, a width of %d", what, r, r.Rows().Width(), r.Width())
		}
	}
}

func TestLengthIsWholeRows(t *testing.T) {
	dir := t.TempDir()
	for o, words := range map[region.FileOptions][]string{
		{Len: 7, Width: 3}:                 {"Len of 7", "rows of 3", "6 or 9"},
		{Len: 2, Width: 3}:                 {"but 3 is"},
		{Len: 1, Width: math.MaxInt}:       {"row"},
		{Len: 0, Width: math.MaxInt/4 + 1}: {"row", "elements of 4 bytes"},
	} {
		o.Write, o.Create = true, true
		_, err := region.OpenFile[int32](filepath.Join(dir, "none"), o)
		testkit.Wants(t, "OpenFile", err, typedmem.ErrSize, words...)
	}
	if left := testkit.Must(os.ReadDir(dir))(t); len(left) > 0 {
		t.Errorf("refused files are left: %v", left)
	}

	r, path := vectors(t, 2)
	for n, words := range map[int][]string{1: {"1 elements", "rows of 3", "but 3 is"}, 2: nil, 4: {"3 or 6"}, 1000: {"999 or 1002"}} {
		testkit.Wants(t, "Append", r.Append(make([]int32, n)...), typedmem.ErrBounds, words...)
	}
	for _, n := range []int{1, 2, 4, 5, 7, 1 << 20} {
		testkit.Wants(t, "Resize", r.Resize(n), typedmem.ErrBounds, "rows of 3")
	}
	testkit.Wants(t, "Resize", r.Resize(-3), typedmem.ErrSize)
	testkit.Wants(t, "Append of nothing", r.Append(), nil)
	sameRows(t, r.Rows(), []int32{0, 1, 2, 3, 4, 5}, 2, 3)
	testkit.Check(t, r.Resize(9))
	testkit.Check(t, r.Append(make([]int32, 30_000)...))
	testkit.Check(t, r.Resize(3))
	testkit.Check(t, r.Append(7, 8, 9))
	testkit.Check(t, r.Close())
	testkit.Wants(t, "Append of a part after Close", r.Append(1), typedmem.ErrClosed)

	reader := testkit.Must(region.Open[int32](path))(t)
	defer reader.Close()
	sameRows(t, reader.Rows(), []int32{0, 1, 2, 7, 8, 9}, 2, 3)
	testkit.Wants(t, "Append of a part by a reader", reader.Append(1), typedmem.ErrProtection)
	shared := testkit.Must(region.OpenFile[int32](path, region.FileOptions{Write: true, Shared: true}))(t)
	defer shared.Close()
	testkit.Wants(t, "Append of a part by one of several", shared.Append(1), typedmem.ErrOperation)
}

// TestPartOfARowStaysUnseen: who changes the length through the mapping may leave a part of a row,
// which Rows does not show and no file keeps.
func TestPartOfARowStaysUnseen(t *testing.T) {
	r, path := vectors(t, 3)
	testkit.Check(t, r.Mapping().Resize(5*4))
	sameRows(t, r.Rows(), []int32{0, 1, 2}, 1, 3)
	testkit.Wants(t, "Append of a row", r.Append(1, 2, 3), typedmem.ErrBounds, "8 elements")
	snapshot := filepath.Join(t.TempDir(), "snapshot")
	testkit.Check(t, r.Snapshot(snapshot))
	testkit.Check(t, r.Close())
	for _, path := range []string{path, snapshot} {
		again := testkit.Must(region.Open[int32](path))(t)
		sameRows(t, again.Rows(), []int32{0, 1, 2}, 1, 3)
		testkit.Check(t, again.Close())
	}
}

// TestFilesDerivedFromRowsKeepThem: Salvage and Migrate (Snapshot has a test of its own), and
// Follow yields whole rows.
func TestFilesDerivedFromRowsKeepThem(t *testing.T) {
	r, path := vectors(t, 4)
	reader := testkit.Must(region.Open[int32](path))(t)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	appended := 0
	for v, err := range reader.Follow(ctx) {
		if err != nil {
			testkit.Is(t, err, context.Canceled)
			break
		}
		if v.Len()%3 != 0 {
			t.Errorf("%d elements were yielded", v.Len())
		}
		if appended++; appended > 3 {
			cancel()
			continue
		}
		testkit.Check(t, r.Append(make([]int32, 3*appended)...))
	}
	testkit.Check(t, errors.Join(reader.Close(), r.Resize(12), r.Close()))

	type pair struct{ A, B int32 }
	testkit.Check(t, region.Migrate(path, func(x int32) pair { return pair{x, -x} }))
	pairs := testkit.Must(region.Open[pair](path))(t)
	if rows := pairs.Rows(); rows.Len() != 4 || rows.Width() != 3 || rows.At(3, 2) != (pair{11, -11}) {
		t.Errorf("%v after Migrate", pairs)
	}
	testkit.Check(t, pairs.Close())

	testkit.Check(t, os.Truncate(path, 64<<10+8*8)) // within the third row
	saved, lost, err := region.Salvage[pair](path, path+" saved")
	testkit.Check(t, err)
	if saved != 6 || lost != 6 {
		t.Errorf("%d saved, %d lost, want 6 of 12", saved, lost)
	}
	rest := testkit.Must(region.OpenFile[pair](path+" saved", region.FileOptions{Width: 3}))(t)
	if rest.Rows().Len() != 2 || rest.Rows().At(1, 2).A != 5 {
		t.Errorf("%v after Salvage", rest)
	}
	testkit.Check(t, rest.Close())
}

// TestFollowYieldsWholeRows also where the length was changed through the mapping.
func TestFollowYieldsWholeRows(t *testing.T) {
	r, _ := vectors(t, 3)
	testkit.Check(t, r.Mapping().Resize(11*4))
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	var lengths []int
	for v, err := range r.Follow(ctx) {
		if err != nil {
			testkit.Is(t, err, context.Canceled)
			break
		}
		lengths = append(lengths, v.Len())
	}
	if len(lengths) != 1 || lengths[0] != 9 {
		t.Errorf("views of %v elements, want one of 9", lengths)
	}
}
