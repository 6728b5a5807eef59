package slab_test

import (
	"path/filepath"
	"testing"

	"github.com/typedmem/typedmem/internal/testenv"
	"github.com/typedmem/typedmem/internal/testkit"
	"github.com/typedmem/typedmem/slab"
)

// Objects are stored by a call where a store may find its disk full; no object goes to the heap.
func TestNothingAllocatesWhereSpaceMayLack(t *testing.T) {
	testenv.Allocations(t)
	path := filepath.Join(testenv.Disk(t, 128<<20, "btrfs", "-q"), "slab.tm")
	s := testkit.Must(slab.Create[[64]uint64](path, 10_000))(t)
	testkit.CloseLater(t, s)
	h := testkit.Must(s.Insert([64]uint64{1}))(t)
	testkit.AllocatesNothing(t, "Store", 50, func() { testkit.Check(t, s.Store(h, [64]uint64{2})) })
	testkit.AllocatesNothing(t, "Insert", 50, func() { testkit.Must(s.Insert([64]uint64{3}))(t) })
}
