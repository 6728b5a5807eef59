package region_test

import (
	"sync/atomic"
	"testing"
	"unsafe"

	"github.com/typedmem/typedmem"
	"github.com/typedmem/typedmem/internal/testkit"
	"github.com/typedmem/typedmem/region"
)

// besideAtomic has a name and a nested struct beside an atomic field.
type besideAtomic struct {
	Hits atomic.Uint64
	Name [48]byte
	In   struct {
		Misses atomic.Uint64
		Last   uint64
	}
}

// overlapping has plain fields where besideAtomic has atomic ones, and one that is atomic.
type overlapping struct {
	Hits uint64
	Rest [56]byte
	Last atomic.Uint64
}

// TestFieldBesideAnAtomicFieldIsUsable: what the field itself holds decides, and nothing that may
// overlap an atomic field is ever read or written in the plain way.
func TestFieldBesideAnAtomicFieldIsUsable(t *testing.T) {
	r := testkit.Must(region.New[besideAtomic](3))(t)
	v := r.View()
	names := testkit.Must(region.Field[[48]byte](v, unsafe.Offsetof(besideAtomic{}.Name)))(t)
	testkit.Wants(t, "Store", names.Store(1, [48]byte{7}), nil)
	x, err := names.Load(1)
	testkit.Wants(t, "Load", err, nil)
	if x[0] != 7 || r.Ptr(1).Name[0] != 7 {
		t.Errorf("%v, really %v", x, r.Ptr(1).Name)
	}
	last := testkit.Must(region.Field[uint64](v, unsafe.Offsetof(besideAtomic{}.In)+unsafe.Offsetof(besideAtomic{}.In.Last)))(t)
	last.Set(2, 9)
	if last.At(2) != 9 {
		t.Error("a field of a nested struct")
	}

	readOnly := testkit.Must(region.Field[[48]byte](v.ReadOnly(), unsafe.Offsetof(besideAtomic{}.Name)))(t)
	if readOnly.At(1) != x {
		t.Error("a column of a read-only view")
	}
	testkit.Wants(t, "Store to a column of a read-only view", readOnly.Store(1, x), typedmem.ErrProtection)

	hits := testkit.Must(region.Field[atomic.Uint64](v, 0))(t)
	in := testkit.Must(region.Field[struct {
		Misses atomic.Uint64
		Last   uint64
	}](v, unsafe.Offsetof(besideAtomic{}.In)))(t)
	other := testkit.Must(region.Cast[overlapping](v))(t)
	bytes := testkit.Must(region.Cast[overlapping](v.Bytes()))(t)
	for what, err := range map[string]error{
		"the atomic field":                    testkit.Caught(t, func() { hits.Fill(*new(atomic.Uint64)) }),
		"a nested struct with an atomic":      second(in.Load(0)),
		"a byte":                              second(v.Bytes().Load(0)),
		"a byte of the read-only view":        second(v.ReadOnly().Bytes().Load(0)),
		"another type's field, cast":          testkit.Must(region.Field[uint64](other, 0))(t).Store(0, 1),
		"another type's field, cast of bytes": testkit.Must(region.Field[uint64](bytes, 0))(t).Store(0, 1),
		"the same, of a read-only view":       second(testkit.Must(region.Field[uint64](bytes.ReadOnly(), 0))(t).Load(0)),
		"a type without atomics":              second(testkit.Must(region.Cast[uint64](v))(t).Load(0)),
	} {
		testkit.Wants(t, what, err, typedmem.ErrOperation, "sync/atomic", "Ptr")
	}

	testkit.Wants(t, "Close", r.Close(), nil)
	testkit.Wants(t, "a column after Close", second(names.Load(1)), typedmem.ErrClosed)
}

// TestCastOfBoolsToAtomicsStaysReadOnly: a plain field of the new type may lie where a bool is.
func TestCastOfBoolsToAtomicsStaysReadOnly(t *testing.T) {
	r := testkit.Must(region.New[[16]bool](2))(t)
	defer r.Close()
	v := testkit.Must(region.Cast[struct {
		N     atomic.Uint64
		Plain uint64
	}](r.View()))(t)
	plain := testkit.Must(region.Field[uint64](v, 8))(t)
	testkit.Wants(t, "Load", second(plain.Load(0)), nil)
	testkit.Wants(t, "Store", plain.Store(0, 2), typedmem.ErrProtection)
}

func second[T any](_ T, err error) error { return err }
