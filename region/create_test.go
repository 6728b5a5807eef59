package region_test

import (
	"errors"
	"io/fs"
	"math"
	"path/filepath"
	"slices"
	"testing"

	"github.com/typedmem/typedmem/internal/testkit"
	"github.com/typedmem/typedmem/region"
)

// A region that cannot be made leaves no file, and a file that appears meanwhile stays.
func TestCreateThatFailsLeavesNothing(t *testing.T) {
	dir := t.TempDir()
	if _, err := region.Create[pair](filepath.Join(dir, "x"), math.MaxInt/16); err == nil {
		t.Fatal("a region as large as an int can say")
	}
	if left := testkit.Names(t, dir); len(left) > 0 {
		t.Fatalf("%q are left", left)
	}
	r, err := region.Create[pair](filepath.Join(dir, "x"), 2)
	if err == nil {
		err = r.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	if _, err := region.Create[pair](filepath.Join(dir, "x"), 1); !errors.Is(err, fs.ErrExist) {
		t.Fatal(err)
	}
	if left := testkit.Names(t, dir); !slices.Equal(left, []string{"x"}) {
		t.Fatalf("%q are left", left)
	}
}
