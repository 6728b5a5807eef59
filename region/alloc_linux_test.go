package region_test

import (
	"path/filepath"
	"testing"

	"github.com/typedmem/typedmem/internal/testenv"
	"github.com/typedmem/typedmem/internal/testkit"
	"github.com/typedmem/typedmem/region"
)

// Elements are written by a call where a store may find its disk full; none goes to the heap.
func TestNothingAllocatesWhereSpaceMayLack(t *testing.T) {
	testenv.Allocations(t)
	path := filepath.Join(testenv.Disk(t, 128<<20, "btrfs", "-q"), "region.tm")
	r := testkit.Must(region.Create[uint64](path, 0))(t)
	testkit.CloseLater(t, r)
	testkit.AllocatesNothing(t, "Append of one", 50, func() { testkit.Check(t, r.Append(1)) })
}
